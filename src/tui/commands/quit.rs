//! `/quit`: leave Kiln; the session is stored.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "quit",
    aliases: &["exit", "q"],
    about: "leave Kiln; the session is stored",
    usage: "/quit",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.quit()
}
