//! `/skip`: leave a step of the running plan out.

use crate::domain::StepId;
use crate::domain::op::StepMark;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;
use crate::tui::text::sanitize::single_line;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "skip",
    aliases: &["skip-step"],
    about: "leave a step of the plan out",
    usage: "/skip NUMBER",
    complete: steps,
    run,
};

/// The steps of the plan, by number.
pub fn steps(model: &Model, _: &str) -> Vec<Choice> {
    let plan = model.view.state.plan.iter();
    plan.map(|step| Choice::new(&step.id.to_string(), &single_line(&step.title))).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    mark(model, argument, StepMark::Skip, "/skip 2")
}

/// Marks the step that an argument names.
pub fn mark(model: &mut Model, argument: &str, mark: StepMark, example: &str) -> Vec<Cmd> {
    let wished = argument.parse().ok().map(StepId);
    match wished.filter(|step| model.view.state.plan.iter().any(|known| known.id == *step)) {
        Some(step) => model.mark_step(step, mark),
        None => {
            let hint = format!("write the number of a step, such as `{example}`");
            model.warn(&format!("the plan has no step `{}`", single_line(argument)), Some(&hint));
            Vec::new()
        }
    }
}
