//! `/redo-step`: do a step of the running plan, or do it again.

use crate::domain::op::StepMark;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;

use super::{Command, skip};

/// The table line.
pub const COMMAND: Command = Command {
    name: "redo-step",
    aliases: &["retry-step"],
    about: "do a step of the plan again",
    usage: "/redo-step NUMBER",
    complete: skip::steps,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    skip::mark(model, argument, StepMark::Retry, "/redo-step 2")
}
