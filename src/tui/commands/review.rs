//! `/review`: look at the last turn's changes hunk by hunk, or send what the review came to.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "review",
    aliases: &[],
    about: "accept, reject, edit or comment the last turn's changes, hunk by hunk",
    usage: "/review [send]",
    complete,
    run,
};

fn complete(_: &Model, _: &str) -> Vec<Choice> {
    vec![Choice::new("send", "tell the model now what the review came to")]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    match argument {
        "" => model.open_review(),
        "send" => model.send_review(),
        other => {
            let text = format!("`/review {}` is unknown", crate::tui::text::sanitize::single_line(other));
            model.warn(&text, Some("write `/review`, or `/review send`"));
            Vec::new()
        }
    }
}
