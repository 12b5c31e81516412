//! `/net`: what this run sent over the network, newest first.

use crate::domain::{Connection, Op};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Overlay, Pick, Picker};
use crate::tui::panes::format::bytes;
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "net",
    aliases: &["network", "connections"],
    about: "list what went over the network: where to and how much",
    usage: "/net",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let mut picker = Picker::new("over the network in this run", "nothing was sent", Vec::new());
    picker.search(argument);
    model.overlay = Some(Overlay::Picker(picker));
    vec![Cmd::Ask { op: Op::ListConnections, ask: Ask::Connections }]
}

/// The lines of the list.
pub fn entries(connections: &[Connection]) -> Vec<(Choice, Pick)> {
    connections.iter().rev().map(|one| (choice(one), Pick::Nothing)).collect()
}

fn choice(connection: &Connection) -> Choice {
    let mut detail = format!(
        "{} · {} · {} · {} out, {} in · {} ms",
        connection.began.strftime("%H:%M:%SZ"),
        connection.purpose,
        connection.outcome(),
        bytes(connection.sent),
        bytes(connection.received),
        connection.milliseconds,
    );
    if let Some(proxy) = &connection.via {
        detail.push_str(&format!(" · via {proxy}"));
    }
    Choice::new(&single_line(&connection.place()), &single_line(&detail))
}
