//! `/context`: what fills the model's window, part by part, and what a summary stands for.

use crate::domain::{Context, Op};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Overlay, Pick, Picker};
use crate::tui::panes::format::count;
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "context",
    aliases: &[],
    about: "show what fills the model's window",
    usage: "/context",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, _: &str) -> Vec<Cmd> {
    let commands = model.with_session(|session| Cmd::Ask { op: Op::DescribeContext { session }, ask: Ask::Context });
    if !commands.is_empty() {
        let picker = Picker::new("what the model is told, in tokens (estimated)", "reading…", Vec::new());
        model.overlay = Some(Overlay::Picker(picker));
    }
    commands
}

/// The lines of the list.
pub fn entries(context: &Context) -> Vec<(Choice, Pick)> {
    let total: u64 = context.parts.iter().map(|part| part.tokens).sum();
    let all = match context.window {
        Some(window) if window > 0 => format!("{} of {} · {} %", count(total), count(window), total * 100 / window),
        _ => format!("{} · the model's window is not known", count(total)),
    };
    let mut lines = vec![(Choice::new("in all", &all), Pick::Nothing)];
    for part in &context.parts {
        let share = part.tokens * 100 / total.max(1);
        let mut detail = format!("{} · {share} %", count(part.tokens));
        if !part.detail.is_empty() {
            detail.push_str(&format!(" · {}", part.detail));
        }
        lines.push((Choice::new(&single_line(&part.name), &single_line(&detail)), Pick::Nothing));
    }
    for dropped in &context.ledger {
        let label = format!("in the summary: turn {}", dropped.turn);
        let detail = format!("{} · {}", count(dropped.tokens), dropped.what);
        lines.push((Choice::new(&label, &single_line(&detail)), Pick::Nothing));
    }
    lines
}
