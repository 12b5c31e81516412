//! `/steps`: show or hide the steps beside the chat.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "steps",
    aliases: &["sidebar"],
    about: "show or hide the steps beside the chat",
    usage: "/steps",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.toggle_steps();
    Vec::new()
}
