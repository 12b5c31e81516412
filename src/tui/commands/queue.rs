//! `/queue`: show the waiting messages, or take the last one back.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "queue",
    aliases: &[],
    about: "show the waiting messages, or take the last one back",
    usage: "/queue [drop]",
    complete: choices,
    run,
};

fn choices(_: &Model, _: &str) -> Vec<Choice> {
    vec![Choice::new("drop", "take the last waiting message back into the composer")]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument == "drop" {
        return model.drop_queued();
    }
    let waiting = model.view.state.queue.len();
    model.tell(&match waiting {
        0 => "no message waits".to_owned(),
        1 => "one message waits for the turn to end".to_owned(),
        n => format!("{n} messages wait for the turn to end"),
    });
    Vec::new()
}
