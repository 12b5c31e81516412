//! `set_plan`: the steps that the sidebar shows.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Effect, ToolAnswer, ToolContext, TypedTool};
use crate::domain::{PlannedStep, StepId, StepState, Touch};

/// Steps beyond this are no plan but a list.
const MAX_STEPS: usize = 12;
/// Characters of a step; more is no title.
const MAX_TITLE: usize = 300;

pub(in crate::tools) struct SetPlan;

/// State the plan before the first file is written: two to eight short steps, each one thing that
/// the person can see happen. Call it again only to change steps that are not done yet.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The steps in order, each a few words such as "write the page layout".
    steps: Vec<String>,
}

impl TypedTool for SetPlan {
    const NAME: &'static str = "set_plan";
    type Input = Input;

    fn touches(&self, _: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let titles: Vec<String> = input.steps.iter().map(|step| one_line(step)).filter(|s| !s.is_empty()).collect();
        if titles.is_empty() {
            return ToolAnswer::refusal("the plan has no steps; give at least one");
        }
        if titles.len() > MAX_STEPS {
            return ToolAnswer::refusal(format!("the plan has {} steps; give at most {MAX_STEPS}", titles.len()));
        }
        if let Some((number, long)) = (1..).zip(&titles).find(|(_, title)| title.chars().count() > MAX_TITLE) {
            let characters = long.chars().count();
            return ToolAnswer::refusal(format!("step {number} has {characters} characters; give at most {MAX_TITLE}"));
        }
        let steps: Vec<PlannedStep> =
            (1..).zip(titles).map(|(number, title)| PlannedStep { id: StepId(number), title }).collect();
        let lost = context.plan.iter().find(|old| {
            old.state == StepState::Done && !steps.iter().any(|new| new.id == old.id && new.title == old.title)
        });
        if let Some(lost) = lost {
            return ToolAnswer::refusal(format!("step {} (`{}`) is done; keep it where it is", lost.id, lost.title));
        }
        let text = format!("the plan has {} steps; begin with step 1", steps.len());
        ToolAnswer::text(text).with(Effect::PlanSet(steps))
    }
}

/// A step as one line of words, whatever white space stands between them.
fn one_line(step: &str) -> String {
    step.split_whitespace().collect::<Vec<_>>().join(" ")
}
