//! The plan of a turn: the steps that the sidebar shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::StepId;
use super::usage::{Cost, Usage};

/// A step as the plan states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its number in the plan, from 1.
    pub id: StepId,
    /// What it does, in a few words.
    pub title: String,
}

/// When a turn begins with a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planning {
    /// When the model finds that the task needs one.
    #[default]
    Auto,
    /// Always, and nothing is changed before the person approved it.
    Always,
    /// Never.
    Never,
}

impl Planning {
    /// Every way, for lists.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// The word for it in settings and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|planning| planning.word() == word)
    }
}

/// The person's answer to a plan that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "plan", rename_all = "snake_case")]
pub enum PlanDecision {
    /// Run these steps, in this order; they may differ from what was proposed.
    Approve { steps: Vec<String> },
    /// Think again; the comment is told to the model.
    Reject { comment: String },
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Running,
    Done,
    Failed,
    Skipped,
}

impl StepState {
    /// Whether nothing more will happen to the step.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }
}

/// A step with its course so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub title: String,
    pub state: StepState,
    /// When it began to run.
    pub started: Option<Timestamp>,
    /// When it ended, whatever the outcome.
    pub ended: Option<Timestamp>,
    /// Tokens of the requests made while it ran.
    #[serde(default)]
    pub usage: Usage,
    #[serde(default = "free")]
    pub cost: Cost,
}

fn free() -> Cost {
    Cost::ZERO
}

impl Step {
    /// A step that has not begun.
    pub fn pending(planned: &PlannedStep) -> Self {
        Self {
            id: planned.id,
            title: planned.title.clone(),
            state: StepState::Pending,
            started: None,
            ended: None,
            usage: Usage::default(),
            cost: Cost::ZERO,
        }
    }

    /// Seconds from start to end, or to `now` while it runs; never negative, whatever the clock did.
    pub fn elapsed_seconds(&self, now: Timestamp) -> Option<u64> {
        let started = self.started?;
        let end = self.ended.unwrap_or(now);
        Some(u64::try_from(end.as_second() - started.as_second()).unwrap_or(0))
    }
}
