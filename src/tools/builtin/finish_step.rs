//! `finish_step`: the model reports that a step of the plan is over.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Effect, ToolAnswer, ToolContext, TypedTool};
use crate::domain::{StepId, StepState, Touch};

pub(in crate::tools) struct FinishStep;

/// Report a step of the plan as over, as soon as its files are written.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The number of the step, from 1.
    step: u64,
    /// How it went.
    #[serde(default)]
    outcome: Outcome,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    #[default]
    Done,
    Failed,
    Skipped,
}

impl TypedTool for FinishStep {
    const NAME: &'static str = "finish_step";
    type Input = Input;

    fn touches(&self, _: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let id = StepId(input.step);
        if !context.plan.iter().any(|step| step.id == id) {
            return ToolAnswer::refusal(format!("the plan has no step {id}; it has {}", context.plan.len()));
        }
        let state = match input.outcome {
            Outcome::Done => StepState::Done,
            Outcome::Failed => StepState::Failed,
            Outcome::Skipped => StepState::Skipped,
        };
        let next = context.plan.iter().find(|step| step.id > id && !step.state.is_over());
        let text = match next {
            Some(next) => format!("step {id} is over; go on with step {}: {}", next.id, next.title),
            None => format!("step {id} is over; it was the last one: say in a few words what was made"),
        };
        ToolAnswer::text(text).with(Effect::StepChanged(id, state))
    }
}
