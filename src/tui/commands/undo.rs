//! `/undo`: bring the files back to their state before the last turn.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "undo",
    aliases: &[],
    about: "bring the files back to their state before the last turn",
    usage: "/undo",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.undo()
}
