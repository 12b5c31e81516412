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
            let choices = input.choices.into_iter().take(MOST_CHOICES).collect();
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
