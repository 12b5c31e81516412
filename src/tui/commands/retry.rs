//! `/retry`: run the last prompt again.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "retry",
    aliases: &["again"],
    about: "run the last prompt again",
    usage: "/retry",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.retry()
}
