//! `/plan`: whether turns begin with a plan to approve.

use crate::domain::Planning;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "plan",
    aliases: &["planning"],
    about: "whether turns begin with a plan that you approve",
    usage: "/plan [auto|always|never]",
    complete: choices,
    run,
};

fn about(planning: Planning) -> &'static str {
    match planning {
        Planning::Auto => "the model plans where it finds that it must; nothing waits",
        Planning::Always => "nothing is changed before you approved a plan",
        Planning::Never => "no plans",
    }
}

fn choices(_: &Model, _: &str) -> Vec<Choice> {
    Planning::ALL.iter().map(|planning| Choice::new(planning.word(), about(*planning))).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        let planning = model.planning();
        model.tell(&format!("planning is {}: {}", planning.word(), about(planning)));
        return Vec::new();
    }
    match Planning::parse(argument) {
        Some(planning) => model.select_planning(planning),
        None => {
            let hint = "write `/plan auto`, `/plan always` or `/plan never`";
            model.warn(&format!("`{}` is no way to plan", single_line(argument)), Some(hint));
            Vec::new()
        }
    }
}
