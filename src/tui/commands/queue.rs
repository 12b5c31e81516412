//! `/queue`: the waiting messages: change, move, drop, hold.

use crate::domain::{Op, QueueHold};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::{Choice, Listed, Overlay, Pick, Picker};
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "queue",
    aliases: &[],
    about: "waiting messages: change, move, drop, hold",
    usage: "/queue [drop [N]|edit N|hold|go]",
    complete: choices,
    run,
};

fn choices(_: &Model, _: &str) -> Vec<Choice> {
    vec![
        Choice::new("drop", "take the last waiting message back into the composer"),
        Choice::new("edit", "change a waiting message, by its number"),
        Choice::new("hold", "send none until you say so"),
        Choice::new("go", "let them move again"),
    ]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let (word, rest) = argument.split_once(' ').unwrap_or((argument, ""));
    let number = rest.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match (word, number) {
        ("drop", None) if rest.is_empty() => model.drop_queued(),
        ("drop", Some(index)) => model.with_session(|session| Cmd::plain(Op::DropQueued { session, index })),
        ("edit", Some(index)) => {
            model.rewrite_queued(index);
            Vec::new()
        }
        ("hold", _) => model.hold_queue(QueueHold::Held),
        ("go", _) => model.hold_queue(QueueHold::Moving),
        ("", _) => {
            list(model);
            Vec::new()
        }
        _ => {
            let hint = "write `/queue`, `/queue drop 2`, `/queue edit 2`, `/queue hold` or `/queue go`";
            model.warn(&format!("`{}` means nothing for the queue", single_line(argument)), Some(hint));
            Vec::new()
        }
    }
}

fn list(model: &mut Model) {
    let mut picker = Picker::new("waiting messages", "no message waits", entries(model));
    picker.listed = Listed::Queue;
    model.overlay = Some(Overlay::Picker(picker));
}

/// The lines of the list.
pub fn entries(model: &Model) -> Vec<(Choice, Pick)> {
    let held = model.view.state.queue_hold == QueueHold::Held;
    let line = |(index, text): (usize, &String)| {
        let detail = match (index, held) {
            (_, true) => "held",
            (0, false) => "next",
            _ => "",
        };
        (Choice::new(&format!("{}. {}", index + 1, single_line(text)), detail), Pick::Queued(index))
    };
    model.view.state.queue.iter().enumerate().map(line).collect()
}
