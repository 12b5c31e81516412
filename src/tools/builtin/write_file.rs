//! `write_file`: a whole file of the project.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Effect, ToolAnswer, ToolContext, TypedTool, write, writes};
use crate::domain::Touch;

pub(in crate::tools) struct WriteFile;

/// Write a file of the project, whole. It appears on the person's screen while you write it, so give
/// `path` before `content`. What the file held before is kept and can be brought back.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The path relative to the project root, such as `src/main.rs`.
    path: String,
    /// The whole text of the file.
    content: String,
}

impl TypedTool for WriteFile {
    const NAME: &'static str = "write_file";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        writes(&input.path)
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        match write(context.root, &input.path, &input.content) {
            Ok(written) => {
                let lines = input.content.lines().count();
                ToolAnswer::text(format!("wrote `{}`, {lines} lines", written.path)).with(Effect::Wrote(written))
            }
            Err(refusal) => ToolAnswer::refusal(refusal),
        }
    }
}
