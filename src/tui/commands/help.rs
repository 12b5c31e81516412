//! `/help`: show every key and command.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "help",
    aliases: &["?", "keys"],
    about: "show every key and command",
    usage: "/help",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.open_help();
    Vec::new()
}
