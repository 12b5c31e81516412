//! `/rename`: give this session a title.

use crate::domain::Op;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "rename",
    aliases: &["title"],
    about: "give this session a title",
    usage: "/rename TITLE",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        model.warn("a title is missing", Some("write `/rename` and the new title"));
        return Vec::new();
    }
    model.with_session(|session| Cmd::plain(Op::Rename { session, title: argument.to_owned() }))
}
