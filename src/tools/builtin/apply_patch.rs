//! `apply_patch`: several files at once, also made, moved and deleted.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{ToolAnswer, ToolContext, TypedTool, changes, preview};
use crate::domain::{Content, Touch};
use crate::workspace::patch;

pub(in crate::tools) struct ApplyPatch;

/// Change, make, move and delete files of the project by one patch: all of it is applied, or nothing. Read the files
/// first. The patch begins with `*** Begin Patch` and ends with `*** End Patch`; between them stand
/// `*** Add File: PATH` with lines that begin with `+`, `*** Delete File: PATH`, or `*** Update File: PATH`, perhaps
/// `*** Move to: PATH`, and chunks: `@@` (with the line of the function or class behind it where that helps), then
/// lines that begin with a blank (context, three lines), `-` (gone) or `+` (new).
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The whole patch.
    #[serde(alias = "input")]
    patch: String,
}

impl TypedTool for ApplyPatch {
    const NAME: &'static str = "apply_patch";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        let paths = patch::paths(&input.patch).unwrap_or_default();
        paths.into_iter().map(|path| Touch::Write { path }).collect()
    }

    fn preview(&self, input: Input, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        let plan = changes::patched(context.root, context.seen, &input.patch)?;
        let files = plan.files.iter();
        Ok(files.map(|file| preview::diff(&file.path, file.before.as_deref(), file.after.as_deref())).collect())
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        changes::apply_patch(context.root, context.seen, &input.patch)
    }
}
