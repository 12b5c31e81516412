//! `remember`: a note on the project, for sessions to come.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool};
use crate::domain::{Mode, Touch};
use crate::tools::ToolAnswer;
use crate::tools::notes::Notes;

pub struct Remember(pub Notes);

/// Keep one sentence about this project for later sessions: a convention, a command that works, a wish of
/// the person that will hold again. Not for what the files say already, and not for the task at hand.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// One sentence, understandable by itself.
    note: String,
}

impl TypedLiveTool for Remember {
    const NAME: &'static str = "remember";
    type Input = Input;

    fn touches(&self, _input: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let notes = self.0.clone();
        Box::pin(async move {
            // A note steers later sessions, so it is a change like any other.
            if context.mode == Mode::ReadOnly {
                return ToolAnswer::refusal("not allowed: nothing is changed in this mode, notes neither");
            }
            match tokio::task::spawn_blocking(move || notes.add(&input.note)).await {
                Ok(Ok(true)) => ToolAnswer::text("kept for later sessions"),
                Ok(Ok(false)) => ToolAnswer::text("that is noted already"),
                Ok(Err(refusal)) => ToolAnswer::refusal(refusal),
                Err(error) => ToolAnswer::refusal(format!("the note was not kept: {error}")),
            }
        })
    }
}
