//! `list_files`: the project's files, ignored ones left out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{ToolAnswer, ToolContext, TypedTool};
use crate::domain::Touch;

/// Longer lists are cut, and the answer says so.
const MAX_FILES: usize = 500;

pub(in crate::tools) struct ListFiles;

/// List the files of the project, those that `.gitignore` names left out.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// Only files whose path begins with this text; everything when absent.
    #[serde(default)]
    prefix: String,
}

impl TypedTool for ListFiles {
    const NAME: &'static str = "list_files";
    type Input = Input;

    fn touches(&self, _: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let files = match context.root.files() {
            Ok(listing) => listing.files,
            Err(error) => return ToolAnswer::refusal(format!("the project could not be listed: {error}")),
        };
        let matching: Vec<&str> = files.iter().map(|p| p.as_str()).filter(|p| p.starts_with(&input.prefix)).collect();
        if matching.is_empty() {
            return ToolAnswer::text("no files");
        }
        let mut text = matching.iter().take(MAX_FILES).copied().collect::<Vec<_>>().join("\n");
        if matching.len() > MAX_FILES {
            text.push_str(&format!("\n… and {} more; ask with a longer prefix", matching.len() - MAX_FILES));
        }
        ToolAnswer::text(text)
    }
}
