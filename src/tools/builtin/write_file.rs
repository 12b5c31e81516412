//! `write_file`: a whole file of the project.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Effect, ToolAnswer, ToolContext, TypedTool, changes, writes};
use crate::domain::{Content, Touch};

pub(in crate::tools) struct WriteFile;

/// Write a file of the project, whole; one that exists has to be read first, and `edit_file` is better for it. It appears on the person's screen while you write it, so give
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

    fn preview(&self, input: Input, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        Ok(vec![changes::whole(context.root, context.seen, &input.path, &input.content)?.shown()])
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let planned = changes::whole(context.root, context.seen, &input.path, &input.content);
        match planned.and_then(|planned| planned.carry_out(context.root, context.seen)) {
            Ok((written, _)) => {
                let lines = input.content.lines().count();
                ToolAnswer::text(format!("wrote `{}`, {lines} lines", written.path)).with(Effect::Wrote(written))
            }
            Err(refusal) => ToolAnswer::refusal(refusal),
        }
    }
}
