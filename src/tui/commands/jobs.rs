//! `/jobs`: the commands that run in the background, and stopping them.

use crate::domain::{Job, Op};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Listed, Overlay, Pick, Picker};
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "jobs",
    aliases: &[],
    about: "list the commands that run in the background, and stop them",
    usage: "/jobs",
    complete: super::nothing,
    run,
};

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    let asked = model.with_session(|session| Cmd::Ask { op: Op::ListJobs { session }, ask: Ask::Jobs });
    if !asked.is_empty() {
        let mut picker = Picker::new("in the background", "no command runs in the background", Vec::new());
        picker.listed = Listed::Jobs;
        picker.search(argument);
        model.overlay = Some(Overlay::Picker(picker));
    }
    asked
}

/// The lines of the list: what runs, and its number.
pub fn entries(jobs: &[Job]) -> Vec<(Choice, Pick)> {
    let choice = |job: &Job| Choice::new(&single_line(&job.line), &format!("job {}", job.job));
    jobs.iter().map(|job| (choice(job), Pick::Job(job.job))).collect()
}
