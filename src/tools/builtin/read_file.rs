//! `read_file`: the text of a file of the project.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{ToolAnswer, ToolContext, TypedTool, reads};
use crate::domain::{ProjectPath, Touch};

/// Lines in one answer at most.
const MAX_LINES: usize = 2000;

pub(in crate::tools) struct ReadFile;

/// Read a text file of the project. Read a file before you rewrite it.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The path relative to the project root.
    path: String,
    /// The first line to read, from 1.
    #[serde(default)]
    from_line: Option<usize>,
}

impl TypedTool for ReadFile {
    const NAME: &'static str = "read_file";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        reads(&input.path)
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let path = match ProjectPath::parse(&input.path) {
            Ok(path) => path,
            Err(refusal) => return ToolAnswer::refusal(refusal.to_string()),
        };
        let bytes = match context.root.read(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return ToolAnswer::refusal(format!("`{path}` does not exist")),
            Err(error) => return ToolAnswer::refusal(format!("`{path}` was not read: {error}")),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return ToolAnswer::refusal(format!("`{path}` is not text"));
        };
        let skipped = input.from_line.unwrap_or(1).saturating_sub(1);
        let total = text.lines().count();
        if skipped == 0 && total <= MAX_LINES {
            return ToolAnswer::text(text);
        }
        let mut part = text.lines().skip(skipped).take(MAX_LINES).collect::<Vec<_>>().join("\n");
        let end = skipped + MAX_LINES;
        if end < total {
            part.push_str(&format!("\n… {total} lines in all; go on with from_line {}", end + 1));
        }
        ToolAnswer::text(part)
    }
}
