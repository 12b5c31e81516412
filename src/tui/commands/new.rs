//! `/new`: start a new session in the same folder.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "new",
    aliases: &["clear"],
    about: "start a new session in the same folder",
    usage: "/new [prompt]",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let mut commands = model.leave_session();
    if !argument.is_empty() {
        commands.extend(model.send_prompt(argument.to_owned()));
    }
    commands
}
