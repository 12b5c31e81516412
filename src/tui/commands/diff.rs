//! `/diff`: switch between a file and what the last turn changed in it.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "diff",
    aliases: &["changes"],
    about: "switch between a file and what the last turn changed in it",
    usage: "/diff",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.toggle_diff()
}
