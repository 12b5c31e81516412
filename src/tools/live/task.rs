//! `task`: work for a sub-agent with a context of its own; only its result comes back.
//!
//! The turn does the work: this file holds what a call looks like and passes it on.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{LiveContext, TypedLiveTool, Wish};
use crate::domain::Touch;
use crate::tools::ToolAnswer;

pub struct Task;

/// Give a self-contained piece of work to a sub-agent, such as finding out where something is done in a
/// large project. It sees nothing of this conversation and has its own budget; you get its report of at
/// most 4,000 characters. Say everything that it needs to know, and what it should report.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// The work, with all that is needed to do it.
    prompt: String,
    /// Which tools it has: those that only read, or all.
    #[serde(default)]
    tools: TaskTools,
}

/// The tools of a sub-agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskTools {
    #[default]
    ReadOnly,
    All,
}

impl TypedLiveTool for Task {
    const NAME: &'static str = "task";
    type Input = Input;

    /// What the sub-agent's own calls touch is judged call by call.
    fn touches(&self, _input: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        Box::pin(async move {
            if input.prompt.trim().is_empty() {
                return ToolAnswer::refusal("the prompt is empty; say what is to be done");
            }
            let (answer, answered) = oneshot::channel();
            let wish = Wish::Task { prompt: input.prompt, tools: input.tools, answer };
            if context.wishes.send(wish).await.is_err() {
                return ToolAnswer::refusal("there is nobody to do it; do it yourself");
            }
            match answered.await {
                Ok(Ok(report)) => ToolAnswer::text(report),
                Ok(Err(refusal)) => ToolAnswer::refusal(refusal),
                Err(_) => ToolAnswer::refusal("the task ended without a report; do it yourself"),
            }
        })
    }
}
