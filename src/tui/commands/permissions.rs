//! `/permissions`: what was allowed further, and taking it back.

use crate::domain::{Grant, Lifetime, Op};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Listed, Overlay, Pick, Picker};
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "permissions",
    aliases: &["grants"],
    about: "list what you allowed further, and take it back",
    usage: "/permissions",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let argument = argument.to_owned();
    let asked = model.with_session(|session| Cmd::Ask { op: Op::ListPermissions { session }, ask: Ask::Permissions });
    if !asked.is_empty() {
        let mut picker = Picker::new("what you allowed", "nothing was allowed further", Vec::new());
        picker.listed = Listed::Permissions;
        picker.search(&argument);
        model.overlay = Some(Overlay::Picker(picker));
    }
    asked
}

/// The lines of the list: what, for how long, since when, and in answer to what.
pub fn entries(grants: &[Grant]) -> Vec<(Choice, Pick)> {
    grants.iter().map(|grant| (choice(grant), Pick::Grant(grant.scope.clone()))).collect()
}

fn choice(grant: &Grant) -> Choice {
    let lifetime = match grant.lifetime {
        Lifetime::Session => "session",
        Lifetime::Project => "project",
    };
    let given = grant.given.strftime("%Y-%m-%d %H:%M");
    let detail = format!("{lifetime} · {given} · for {}", grant.origin);
    Choice::new(&single_line(&grant.scope.to_string()), &single_line(&detail))
}
