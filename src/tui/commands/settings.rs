//! `/settings`: keys, models and every setting on one screen.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::{Command, nothing};

/// The table line.
pub const COMMAND: Command = Command {
    name: "settings",
    aliases: &["config", "preferences"],
    about: "keys, models and settings",
    usage: "/settings",
    complete: nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    model.open_settings()
}
