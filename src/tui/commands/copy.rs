//! `/copy`: copy the last answer, or the shown file.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "copy",
    aliases: &["yank"],
    about: "copy the last answer, or the shown file",
    usage: "/copy [answer|file]",
    complete: choices,
    run,
};

fn choices(_: &Model, _: &str) -> Vec<Choice> {
    vec![Choice::new("answer", "the last answer as it was written"), Choice::new("file", "the file in the code pane")]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    match argument {
        "file" => model.copy_file(),
        "answer" | "" => model.copy_answer(),
        other => {
            model.warn(&format!("`{other}` cannot be copied"), Some("write `/copy answer` or `/copy file`"));
            Vec::new()
        }
    }
}
