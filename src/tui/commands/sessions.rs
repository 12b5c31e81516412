//! `/sessions`: open a stored session.

use crate::domain::SessionId;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "sessions",
    aliases: &["resume", "open"],
    about: "open a stored session",
    usage: "/sessions [id]",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if let Some(session) = SessionId::parse(argument) {
        return model.open_session(session);
    }
    model.open_session_picker(argument)
}
