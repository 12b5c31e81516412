//! The plan of a turn: the steps that the sidebar shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::StepId;

/// A step as the plan states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its number in the plan, from 1.
    pub id: StepId,
    /// What it does, in a few words.
    pub title: String,
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
}

impl Step {
    /// Seconds from start to end, or to `now` while it runs; never negative, whatever the clock did.
    pub fn elapsed_seconds(&self, now: Timestamp) -> Option<u64> {
        let started = self.started?;
        let end = self.ended.unwrap_or(now);
        Some(u64::try_from(end.as_second() - started.as_second()).unwrap_or(0))
    }
}
