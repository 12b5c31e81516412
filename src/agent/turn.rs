//! What every turn has: its surroundings, its plan, and the ways to change files and steps.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::checkpoints::Checkpoints;
use super::report::Reporter;
use crate::domain::{
    Blob, CallId, Cost, FactBody, Fault, FaultClass, FileChange, ModelInfo, PlannedStep, ProjectPath, SessionState,
    Step, StepId, StepState, TurnId, Usage,
};
use crate::providers::Provider;
use crate::tools::Written;
use crate::workspace::checkpoint::Store;
use crate::workspace::{self, Root};

/// How far a turn may go by itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests to the model in one turn.
    pub requests: u32,
    /// Answer tokens in one request; `None` leaves it to the provider.
    pub output_tokens: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: 50, output_tokens: None }
    }
}

/// Everything a turn starts from.
pub struct TurnInput {
    pub turn: TurnId,
    /// The person's words.
    pub text: String,
    /// The session before this turn.
    pub before: SessionState,
    pub model: ModelInfo,
    pub provider: Arc<dyn Provider>,
    pub root: Arc<Root>,
    pub limits: Limits,
    /// Where the state of the project is kept; `None` keeps nothing.
    pub checkpoints: Option<Store>,
}

/// Why a turn ends before the model is done.
#[derive(Debug)]
pub enum Stop {
    /// The person said so.
    Cancelled,
    /// It cannot go on.
    Failed(Fault),
}

/// A turn under way.
pub struct Turn {
    pub input: TurnInput,
    pub out: Reporter,
    pub cancel: CancellationToken,
    pub plan: Vec<Step>,
    pub checkpoints: Checkpoints,
}

impl Turn {
    /// The running step, if the plan has one.
    pub fn running_step(&self) -> Option<StepId> {
        self.plan.iter().find(|step| step.state == StepState::Running).map(|step| step.id)
    }

    /// States the plan and begins its first open step.
    pub async fn set_plan(&mut self, steps: Vec<PlannedStep>) {
        let old = std::mem::take(&mut self.plan);
        self.plan = steps
            .iter()
            .map(|planned| {
                let state = old.iter().find(|s| s.id == planned.id && s.title == planned.title).map(|s| s.state);
                Step {
                    id: planned.id,
                    title: planned.title.clone(),
                    state: state.unwrap_or(StepState::Pending),
                    started: None,
                    ended: None,
                }
            })
            .collect();
        self.out.fact(FactBody::PlanSet { turn: self.input.turn, steps }).await;
        self.begin_next_step().await;
    }

    /// Marks a step; when it ends, the next open one begins.
    pub async fn change_step(&mut self, id: StepId, state: StepState) {
        let Some(step) = self.plan.iter_mut().find(|step| step.id == id) else { return };
        if step.state == state {
            return;
        }
        step.state = state;
        self.out.fact(FactBody::StepChanged { step: id, state }).await;
        if state.is_over() {
            self.begin_next_step().await;
        }
    }

    /// Makes `id` the running step; one that ran before it is done.
    pub async fn run_step(&mut self, id: StepId) {
        if self.running_step() == Some(id) {
            return;
        }
        let mut facts = Vec::new();
        for step in &mut self.plan {
            let state = match step.state {
                StepState::Running => StepState::Done,
                StepState::Pending if step.id == id => StepState::Running,
                _ => continue,
            };
            step.state = state;
            facts.push(FactBody::StepChanged { step: step.id, state });
        }
        self.out.facts(facts, Vec::new()).await;
    }

    async fn begin_next_step(&mut self) {
        if self.running_step().is_some() {
            return;
        }
        if let Some(step) = self.plan.iter_mut().find(|step| step.state == StepState::Pending) {
            step.state = StepState::Running;
            let id = step.id;
            self.out.fact(FactBody::StepChanged { step: id, state: StepState::Running }).await;
        }
    }

    /// Publishes a file that was written, with both contents kept.
    pub async fn publish_change(&mut self, written: Written) {
        let (added, removed) = workspace::lines::changed(written.before.as_deref(), Some(&written.after));
        let after = Blob::new(written.after);
        let before = written.before.map(Blob::new);
        let change = FileChange {
            turn: self.input.turn,
            step: self.running_step(),
            path: written.path,
            before: before.as_ref().map(|blob| blob.hash.clone()),
            after: Some(after.hash.clone()),
            bytes: after.bytes.len() as u64,
            added,
            removed,
        };
        let blobs = before.into_iter().chain([after]).collect();
        self.out.facts(vec![FactBody::FileChanged { change }], blobs).await;
    }

    /// Keeps the state of the project before something changes it: a call, or (`None`) the turn's own work.
    pub async fn before_write(&mut self, call: Option<CallId>) {
        let facts = self.checkpoints.before_write(call).await;
        self.out.facts(facts, Vec::new()).await;
    }

    /// Writes a file and publishes it; the refusal is worded for the model.
    pub async fn write_file(&mut self, path: ProjectPath, content: String) -> Result<(), String> {
        self.before_write(None).await;
        let root = self.input.root.clone();
        let written = blocking(move || crate::tools::write(&root, path.as_str(), &content)).await?;
        match written {
            Ok(written) => {
                self.publish_change(written).await;
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Publishes the tokens of one request and what they cost.
    pub async fn record_usage(&mut self, usage: Usage) {
        let cost = match &self.input.model.prices {
            Some(prices) => prices.cost(&usage),
            None => Cost::Unknown,
        };
        let model = self.input.model.reference.clone();
        self.out.fact(FactBody::UsageRecorded { turn: self.input.turn, model, usage, cost }).await;
    }
}

/// Runs file work off the async threads. The error is a panic of that work, put in words.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the work on files broke off: {error}"))
}

/// A defect of ours, as the end of the turn.
pub fn internal(sentence: impl Into<String>) -> Stop {
    Stop::Failed(Fault::new(FaultClass::Internal, sentence).hint("retry; if it stays, please report it").retryable())
}
