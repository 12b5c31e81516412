//! `/memory`: what is remembered of this project, and the file to edit.

use std::path::Path;

use crate::domain::Op;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Overlay, Pick, Picker};
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "memory",
    aliases: &["notes"],
    about: "show what is remembered of this project, and in which file",
    usage: "/memory",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    let commands = model.with_session(|session| Cmd::Ask { op: Op::ListNotes { session }, ask: Ask::Notes });
    if !commands.is_empty() {
        let empty = "nothing yet: say `remember that …`";
        model.overlay = Some(Overlay::Picker(Picker::new(
            "remembered of this project, in a file that you may edit",
            empty,
            Vec::new(),
        )));
    }
    commands
}

/// The lines of the list: the file first, then a line each note.
pub fn entries(path: Option<&Path>, notes: &[String]) -> Vec<(Choice, Pick)> {
    let file = path.map(|path| Choice::new(&single_line(&path.to_string_lossy()), ""));
    let notes = notes.iter().map(|note| Choice::new(&single_line(note), ""));
    file.into_iter().chain(notes).map(|choice| (choice, Pick::Nothing)).collect()
}
