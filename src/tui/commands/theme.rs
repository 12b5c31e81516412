//! `/theme`: choose the colours.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "theme",
    aliases: &["colors", "colours"],
    about: "choose the colours",
    usage: "/theme [name]",
    complete: choices,
    run,
};

fn choices(model: &Model, _: &str) -> Vec<Choice> {
    model.theme_names().into_iter().map(|name| Choice::new(&name, "")).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        model.open_theme_picker();
    } else {
        model.choose_theme(argument);
    }
    Vec::new()
}
