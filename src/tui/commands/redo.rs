//! `/redo`: take an undo or a rewind back.

use crate::domain::ExistingFiles;
use crate::tui::back::Back;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "redo",
    aliases: &[],
    about: "take an undo or a rewind back",
    usage: "/redo",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.go_back(Back::Redo, ExistingFiles::Keep)
}
