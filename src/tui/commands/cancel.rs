//! `/cancel`: stop the running turn; what is written stays.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "cancel",
    aliases: &["stop"],
    about: "stop the running turn; what is written stays",
    usage: "/cancel",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.cancel()
}
