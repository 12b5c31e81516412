//! Slash commands: one file each, and the table that registers them.
//!
//! Help, completion and running read [`COMMANDS`]; nothing else in the tree names a command.

mod cancel;
mod checkpoints;
mod compact;
mod context;
mod copy;
mod diff;
mod export;
mod files;
mod help;
mod jobs;
mod memory;
mod mode;
mod model;
mod net;
mod new;
mod permissions;
mod pin;
mod plan;
mod queue;
mod quit;
mod redo;
mod redo_step;
mod rename;
mod retry;
mod review;
mod sessions;
mod settings;
mod skip;
mod steps;
mod theme;
mod undo;

pub use context::entries as context_entries;
pub use jobs::entries as job_entries;
pub use memory::entries as note_entries;
pub use net::entries as connection_entries;
pub use permissions::entries as permission_entries;
pub use queue::entries as queue_entries;

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

/// A slash command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The word after the slash.
    pub name: &'static str,
    /// Other words that mean it.
    pub aliases: &'static [&'static str],
    /// What it does, in a few words.
    pub about: &'static str,
    /// How it is written, arguments in brackets.
    pub usage: &'static str,
    /// Choices for its argument, given what stands there so far.
    pub complete: fn(&Model, &str) -> Vec<Choice>,
    /// Does it.
    pub run: fn(&mut Model, &str) -> Vec<Cmd>,
}

/// Every command, in the order of the help.
pub static COMMANDS: &[Command] = &[
    help::COMMAND,
    new::COMMAND,
    sessions::COMMAND,
    model::COMMAND,
    files::COMMAND,
    diff::COMMAND,
    review::COMMAND,
    undo::COMMAND,
    redo::COMMAND,
    checkpoints::COMMAND,
    retry::COMMAND,
    cancel::COMMAND,
    mode::COMMAND,
    plan::COMMAND,
    permissions::COMMAND,
    jobs::COMMAND,
    queue::COMMAND,
    steps::COMMAND,
    skip::COMMAND,
    redo_step::COMMAND,
    export::COMMAND,
    copy::COMMAND,
    rename::COMMAND,
    compact::COMMAND,
    pin::COMMAND,
    context::COMMAND,
    memory::COMMAND,
    net::COMMAND,
    theme::COMMAND,
    settings::COMMAND,
    quit::COMMAND,
];

/// The command of a name or an alias, without the slash.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name || c.aliases.contains(&name))
}

/// Splits `/name argument`; `None` for text that is no command.
///
/// A path such as `/usr/lib is broken` is no command: its first word holds another slash.
pub fn parse(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('/')?;
    if rest.contains('\n') {
        return None;
    }
    let (name, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    if name.contains('/') {
        return None;
    }
    Some((name, argument.trim()))
}

/// For commands without arguments.
fn nothing(_: &Model, _: &str) -> Vec<Choice> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_registered_once() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tui/commands");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
            .filter(|name| name != "mod")
            .collect();
        let mut names: Vec<String> = COMMANDS.iter().map(|c| c.name.replace('-', "_")).collect();
        files.sort();
        names.sort();
        assert_eq!(files, names);
    }

    #[test]
    fn no_word_means_two_commands() {
        let mut words: Vec<&str> =
            COMMANDS.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.iter().copied())).collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
        for command in COMMANDS {
            assert!(command.usage.starts_with(&format!("/{}", command.name)), "{}", command.usage);
            assert!(!command.about.is_empty());
        }
    }

    #[test]
    fn paths_are_no_commands() {
        assert_eq!(parse("/export zip:a.zip "), Some(("export", "zip:a.zip")));
        assert_eq!(parse("/usr/lib is broken"), None);
        assert_eq!(parse("hello /help"), None);
        assert_eq!(parse("/a\nb"), None);
    }
}
