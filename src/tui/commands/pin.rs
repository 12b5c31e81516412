//! `/pin`: keep the last message word for word when the conversation is compacted.

use crate::domain::{Op, Pin};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "pin",
    aliases: &[],
    about: "keep your last message word for word when the conversation is compacted",
    usage: "/pin [off]",
    complete,
    run,
};

fn complete(_: &Model, _: &str) -> Vec<Choice> {
    vec![Choice::new("off", "need not be kept any more")]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let pin = match argument {
        "" => Pin::Keep,
        "off" => Pin::Release,
        _ => {
            model.warn("`/pin` knows only `off`", Some("write `/pin`, or `/pin off`"));
            return Vec::new();
        }
    };
    let commands = model.with_session(|session| Cmd::plain(Op::Pin { session, item: None, pin }));
    if !commands.is_empty() {
        model.tell(match pin {
            Pin::Keep => "your last message is kept word for word",
            Pin::Release => "your last message need not be kept any more",
        });
    }
    commands
}
