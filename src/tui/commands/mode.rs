//! `/mode`: what the session may do without asking.

use crate::domain::Mode;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;
use crate::tui::text::sanitize::single_line;

use super::Command;

/// What confirms the mode that asks for nothing.
const CONFIRMED: &str = "full yes";

/// The table line.
pub const COMMAND: Command = Command {
    name: "mode",
    aliases: &[],
    about: "what the session may do without asking",
    usage: "/mode [read-only|ask|auto|full]",
    complete: choices,
    run,
};

fn about(mode: Mode) -> &'static str {
    match mode {
        Mode::ReadOnly => "reads only",
        Mode::Ask => "writes files of the project, asks before commands and connections",
        Mode::Auto => "also runs sandboxed commands; no network",
        Mode::Full => "asks for nothing",
    }
}

fn choices(_: &Model, _: &str) -> Vec<Choice> {
    Mode::ALL.iter().map(|mode| Choice::new(mode.word(), about(*mode))).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        let mode = model.mode();
        model.tell(&format!("the mode is {mode}: {}", about(mode)));
        return Vec::new();
    }
    match Mode::parse(argument) {
        // A slip of the hand must not take every question away.
        Some(Mode::Full) if model.mode() != Mode::Full => {
            model.warn(
                "in full mode nothing asks any more: any command may run, also outside of the sandbox",
                Some("write `/mode full yes` if you mean it; `/mode auto` runs sandboxed commands without asking"),
            );
            Vec::new()
        }
        Some(mode) => model.select_mode(mode),
        None if argument.split_whitespace().collect::<Vec<_>>().join(" ") == CONFIRMED => model.select_mode(Mode::Full),
        None => {
            let hint = "write `/mode read-only`, `/mode ask`, `/mode auto` or `/mode full`";
            model.warn(&format!("there is no mode `{}`", single_line(argument)), Some(hint));
            Vec::new()
        }
    }
}
