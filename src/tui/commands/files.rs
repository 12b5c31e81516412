//! `/files`: list the files of this session and show one.

use crate::domain::ProjectPath;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "files",
    aliases: &["tree"],
    about: "list the files of this session and show one",
    usage: "/files [path]",
    complete: choices,
    run,
};

fn choices(model: &Model, _: &str) -> Vec<Choice> {
    model.code.paths().map(|path| Choice::new(path.as_str(), "")).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    match ProjectPath::parse(argument) {
        Ok(path) => model.show_file(&path),
        Err(_) => model.open_file_picker(),
    }
}
