//! `ask_user`: a question that only the person can answer.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{LiveContext, TypedLiveTool, Wish};
use crate::domain::Touch;
use crate::tools::ToolAnswer;

/// Choices that a question offers at most.
const MOST_CHOICES: usize = 6;
/// Characters of a question and of a choice: what a person can read on one screen.
const LONGEST_QUESTION: usize = 4_000;
const LONGEST_CHOICE: usize = 300;

pub struct AskUser;

/// Ask the person a question and wait for the answer. Only for what you cannot find out or sensibly
/// decide yourself. Offer short choices where the answers are foreseeable.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// The question, in one or two sentences.
    question: String,
    /// Up to six short answers to choose from; the person may write another.
    #[serde(default)]
    choices: Vec<String>,
}

impl TypedLiveTool for AskUser {
    const NAME: &'static str = "ask_user";
    type Input = Input;

    fn touches(&self, _input: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        Box::pin(async move {
            if input.question.trim().is_empty() {
                return ToolAnswer::refusal("the question is empty; say what you want to know");
            }
            let (answer, answered) = oneshot::channel();
            if input.question.chars().count() > LONGEST_QUESTION {
                return ToolAnswer::refusal(format!("the question is too long; ask in {LONGEST_QUESTION} characters"));
            }
            let choices = match choices(input.choices) {
                Ok(choices) => choices,
                Err(refusal) => return ToolAnswer::refusal(refusal),
            };
            let wish = Wish::Question { text: input.question, choices, answer };
            if context.wishes.send(wish).await.is_err() {
                return ToolAnswer::refusal("nobody is there to answer; decide yourself and say what you assumed");
            }
            match answered.await {
                // The question and its answer stand in the transcript already.
                Ok(text) => ToolAnswer::text(text).quiet(),
                Err(_) => ToolAnswer::refusal("nobody answered; decide yourself and say what you assumed"),
            }
        })
    }
}

/// The choices as they can be offered: each once, none empty.
fn choices(given: Vec<String>) -> Result<Vec<String>, String> {
    let mut choices: Vec<String> = Vec::new();
    for choice in given {
        let choice = choice.split_whitespace().collect::<Vec<_>>().join(" ");
        if choice.chars().count() > LONGEST_CHOICE {
            return Err(format!("a choice is too long; give choices of at most {LONGEST_CHOICE} characters"));
        }
        if !choice.is_empty() && !choices.contains(&choice) && choices.len() < MOST_CHOICES {
            choices.push(choice);
        }
    }
    Ok(choices)
}
