//! `edit_file`: some lines of a file, by search and replace.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Effect, ToolAnswer, ToolContext, TypedTool, changes, writes};
use crate::domain::{Content, Touch};
use crate::workspace::edit::{Edit, Occurrences};

pub(in crate::tools) struct EditFile;

/// Change a file of the project by replacing text in it; read the file first. Each search text has to occur exactly
/// once, so take whole lines and enough of them. The edits are made in order, all of them or none.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The path relative to the project root.
    path: String,
    /// The replacements, in order.
    edits: Vec<Replacement>,
}

#[derive(Deserialize, JsonSchema)]
struct Replacement {
    /// The text to be replaced, as the file has it, without line numbers.
    search: String,
    /// The text in its place; empty to remove it.
    replace: String,
    /// Replace every occurrence instead of the only one.
    #[serde(default)]
    all: bool,
}

impl TypedTool for EditFile {
    const NAME: &'static str = "edit_file";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        writes(&input.path)
    }

    fn preview(&self, input: Input, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        Ok(vec![changes::edited(context.root, context.seen, &input.path, &edits_of(input.edits))?.shown()])
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let planned = changes::edited(context.root, context.seen, &input.path, &edits_of(input.edits));
        match planned.and_then(|planned| planned.carry_out(context.root, context.seen)) {
            Ok((written, applied)) => ToolAnswer::text(changes::told(&written, &applied)).with(Effect::Wrote(written)),
            Err(refusal) => ToolAnswer::refusal(refusal),
        }
    }
}

fn edits_of(replacements: Vec<Replacement>) -> Vec<Edit> {
    let edit = |edit: Replacement| Edit {
        search: edit.search,
        replace: edit.replace,
        occurrences: if edit.all { Occurrences::All } else { Occurrences::Only },
    };
    replacements.into_iter().map(edit).collect()
}
