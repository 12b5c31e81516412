//! `/compact`: put the oldest part of the conversation into a summary, or take the last one back.

use crate::domain::Op;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "compact",
    aliases: &["summarize"],
    about: "make room in the model's window: put the oldest part into a summary",
    usage: "/compact [undo]",
    complete,
    run,
};

fn complete(_: &Model, _: &str) -> Vec<Choice> {
    vec![Choice::new("undo", "tell the model everything again")]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    match argument {
        "undo" => model.with_session(|session| Cmd::plain(Op::UndoCompaction { session })),
        "" => {
            let commands = model.with_session(|session| Cmd::Ask { op: Op::Compact { session }, ask: Ask::Compact });
            if !commands.is_empty() {
                model.tell("the model writes a summary…");
            }
            commands
        }
        _ => {
            model.warn("`/compact` knows only `undo`", Some("write `/compact`, or `/compact undo`"));
            Vec::new()
        }
    }
}
