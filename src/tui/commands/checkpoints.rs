//! `/checkpoints`: go back to an earlier state of files, conversation or both.

use crate::domain::CheckpointId;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "checkpoints",
    aliases: &["rewind"],
    about: "go back to an earlier state of files, conversation or both",
    usage: "/checkpoints [number]",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if let Ok(number) = argument.parse() {
        model.open_rewind_picker(CheckpointId(number));
        return Vec::new();
    }
    model.open_checkpoint_picker(argument)
}
