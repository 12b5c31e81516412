//! Checks of a project: what was run over a turn's changes, and what came out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::{StepId, TurnId};
use super::path::ProjectPath;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CheckResult {
    Passed,
    /// It found something; the findings are told to the model.
    Failed,
    /// It did not run, and why.
    Skipped {
        why: String,
    },
}

/// What a run says of the changes when it passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Other checks of the same round are still to come.
    #[default]
    Part,
    /// It was the last of its round: everything that changed has been looked at.
    Whole,
}

/// One run of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    pub turn: TurnId,
    /// The step whose changes it looked at, where the plan tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Counted from 1 within the turn: the first run, then one for each attempt to mend.
    pub iteration: u32,
    /// What the person knows it by, such as `cargo check`.
    pub name: String,
    pub command: String,
    #[serde(flatten)]
    pub result: CheckResult,
    #[serde(default)]
    pub coverage: Coverage,
    /// What it looked at, where that is single files and not the project.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<ProjectPath>,
    /// The end of what it printed, for the model and the person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub findings: String,
    pub millis: u64,
}
