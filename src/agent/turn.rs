//! What every turn has: its surroundings, its plan, and the ways to change files and steps.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::checking::{CheckLimits, Checking};
use super::checkpoints::Checkpoints;
use super::loops::Circles;
use super::memory::Memory;
use super::person::Person;
use super::report::Reporter;
use super::runner;
use crate::domain::model::Prices;
use crate::domain::op::StepMark;
use crate::domain::{
    Blob, CallId, Cost, FactBody, Fault, FaultClass, FileChange, ModelInfo, Money, PlannedStep, ProjectPath,
    SessionState, Step, StepId, StepState, TurnId, Usage,
};
use crate::providers::Provider;
use crate::tools::commands::Commands;
use crate::tools::{Removed, Toolbox, Written};
use crate::workspace::checkpoint::Store;
use crate::workspace::seen::Seen;
use crate::workspace::{self, Root};

/// How far a turn may go by itself.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests to the model in one turn.
    pub requests: u32,
    /// Answer tokens in one request; `None` leaves it to the provider.
    pub output_tokens: Option<u32>,
    pub checks: CheckLimits,
    /// Time of a turn, without the waits for the person; `None` for as long as it takes.
    pub time: Option<Duration>,
    /// Tokens of all requests of a turn, prompts and answers.
    pub tokens: Option<u64>,
    /// What a turn may cost. Where a price is unknown it limits nothing.
    pub cost: Option<Money>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: 50, output_tokens: None, checks: CheckLimits::default(), time: None, tokens: None, cost: None }
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
    pub toolbox: Toolbox,
    /// Runs the project's checks; `None` where no commands can run.
    pub commands: Option<Commands>,
    /// What the model knows of the files; kept over the session.
    pub seen: Arc<Seen>,
    /// Where the state of the project is kept; `None` keeps nothing.
    pub checkpoints: Option<Store>,
    /// Where instructions, notes, skills and hooks come from.
    pub memory: Memory,
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
    pub person: Person,
    pub toolbox: Toolbox,
    /// Whether the person approved a plan in this turn.
    pub plan_approved: bool,
    /// Calls that got their id from Kiln.
    own_calls: u32,
    /// Calls that the person was asked about, by the names that the answers came under.
    pub asked_for: HashSet<CallId>,
    /// How many those were.
    pub asked: u32,
    pub checkpoints: Checkpoints,
    /// The standing instructions, Kiln's own and those of files.
    pub system: String,
    /// Folders whose instructions were looked for, each ending with a slash.
    pub told_folders: BTreeSet<String>,
    /// Messages of earlier turns at the beginning of the conversation.
    pub history: usize,
    /// Whether room was made in this turn.
    pub room: Room,
    pub checking: Checking,
    pub circles: Circles,
    pub spent: Spent,
}

/// Whether a turn made room in the model's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    AsItWas,
    /// Once is enough: what does not fit then does not fit.
    Made,
}

/// What a turn has used up.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub since: Instant,
    /// Time in which the turn waited for the person.
    pub waited: Duration,
    pub tokens: u64,
    pub cost: Cost,
}

impl Turn {
    /// A turn that has not begun.
    pub fn new(
        input: TurnInput,
        person: Person,
        out: Reporter,
        cancel: CancellationToken,
        checkpoints: Checkpoints,
    ) -> Self {
        let toolbox = input.toolbox.clone();
        Self {
            input,
            out,
            cancel,
            plan: Vec::new(),
            person,
            toolbox,
            plan_approved: false,
            own_calls: 0,
            asked_for: HashSet::new(),
            asked: 0,
            checkpoints,
            system: String::new(),
            told_folders: BTreeSet::new(),
            history: 0,
            room: Room::AsItWas,
            checking: Checking::default(),
            circles: Circles::default(),
            spent: Spent::begin(),
        }
    }

    /// An id for a call that came without one: written as text, or of Kiln's own.
    pub fn call_id(&mut self) -> String {
        self.own_calls += 1;
        format!("text-{}-{}", self.input.turn, self.own_calls)
    }

    /// The running step, if the plan has one.
    pub fn running_step(&self) -> Option<StepId> {
        self.plan.iter().find(|step| step.state == StepState::Running).map(|step| step.id)
    }

    /// What the person did with a step, put in words for the model; `None` when it changes nothing.
    pub async fn mark_step(&mut self, id: StepId, mark: StepMark) -> Option<String> {
        let (state, title) =
            self.plan.iter().find(|step| step.id == id).map(|step| (step.state, step.title.clone()))?;
        match mark {
            StepMark::Skip if !state.is_over() => {
                self.change_step(id, StepState::Skipped).await;
                Some(format!("Leave step {id} out: {title}"))
            }
            StepMark::Retry if state.is_over() => {
                self.change_step(id, StepState::Pending).await;
                self.begin_next_step().await;
                Some(format!("Do step {id} again: {title}"))
            }
            StepMark::Skip | StepMark::Retry => None,
        }
    }

    /// States the plan and begins its first open step.
    ///
    /// Steps that are open and that the new plan leaves out stay in sight at its end, as skipped.
    pub async fn set_plan(&mut self, mut steps: Vec<PlannedStep>) {
        let old = std::mem::take(&mut self.plan);
        let dropped =
            old.iter().filter(|step| !step.state.is_over() && !steps.iter().any(|new| new.title == step.title));
        let dropped: Vec<String> = dropped.map(|step| step.title.clone()).collect();
        let first_dropped = steps.len();
        for title in dropped {
            let last = steps.iter().map(|step| step.id).max().unwrap_or_default();
            steps.push(PlannedStep { id: last.next(), title });
        }
        self.plan = steps
            .iter()
            .map(|planned| {
                let state = old.iter().find(|s| s.id == planned.id && s.title == planned.title).map(|s| s.state);
                Step { state: state.unwrap_or(StepState::Pending), ..Step::pending(planned) }
            })
            .collect();
        let skipped: Vec<StepId> = self.plan.iter().skip(first_dropped).map(|step| step.id).collect();
        self.out.fact(FactBody::PlanSet { turn: self.input.turn, steps }).await;
        for step in skipped {
            self.change_step(step, StepState::Skipped).await;
        }
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
        self.publish_file(written.path, written.before, Some(written.after)).await;
    }

    /// Publishes a file that was removed, its content kept.
    pub async fn publish_removal(&mut self, removed: Removed) {
        self.publish_file(removed.path, Some(removed.before), None).await;
    }

    async fn publish_file(&mut self, path: ProjectPath, before: Option<Vec<u8>>, after: Option<Vec<u8>>) {
        let (added, removed) = workspace::lines::changed(before.as_deref(), after.as_deref());
        self.checking.changed(path.clone());
        let after = after.map(Blob::new);
        let before = before.map(Blob::new);
        let change = FileChange {
            turn: self.input.turn,
            step: self.running_step(),
            path,
            before: before.as_ref().map(|blob| blob.hash.clone()),
            after: after.as_ref().map(|blob| blob.hash.clone()),
            bytes: after.as_ref().map_or(0, |blob| blob.bytes.len() as u64),
            added,
            removed,
            author: crate::domain::Author::Model,
        };
        let blobs = before.into_iter().chain(after).collect();
        self.out.facts(vec![FactBody::FileChanged { change }], blobs).await;
    }

    /// Keeps the state of the project before something changes it: a call, or (`None`) the turn's own work.
    pub async fn before_write(&mut self, call: Option<CallId>) {
        let facts = self.checkpoints.before_write(call).await;
        self.out.facts(facts, Vec::new()).await;
    }

    /// Writes a file and publishes it; the refusal is worded for the model.
    pub async fn write_file(&mut self, path: ProjectPath, content: String) -> Result<(), String> {
        match runner::permit_file(self, &path, &content).await {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => return Err(refusal),
            // The turn ends at its next step.
            Err(_) => return Err("the turn was stopped".to_owned()),
        }
        self.before_write(None).await;
        let (root, seen) = (Arc::clone(&self.input.root), Arc::clone(&self.input.seen));
        let work = move || {
            let written = crate::tools::write(&root, path.as_str(), &content)?;
            seen.record(&written.path, &written.after);
            Ok(written)
        };
        let written: Result<Written, String> = blocking(work).await?;
        match written {
            Ok(written) => {
                self.publish_change(written).await;
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Publishes that a request's tokens are unknown, and so what it cost.
    pub async fn record_uncounted(&mut self) {
        let cost = if self.input.model.prices == Some(Prices::FREE) { Cost::ZERO } else { Cost::Unknown };
        let (turn, model) = (self.input.turn, self.input.model.reference.clone());
        self.out.fact(FactBody::UsageRecorded { turn, model, usage: Usage::default(), cost }).await;
    }

    /// Whether the turn may ask once more; to be asked before each request.
    pub fn within_limits(&self) -> Result<(), Stop> {
        let limits = &self.input.limits;
        let over = |what: String, setting: &str| {
            let fault = Fault::new(FaultClass::Invalid, what)
                .hint(format!("say `go on` to continue, or raise `{setting}`"))
                .retryable();
            Err(Stop::Failed(fault))
        };
        let time = self.spent.since.elapsed().saturating_sub(self.spent.waited);
        if let Some(limit) = limits.time.filter(|limit| time > *limit) {
            return over(format!("the turn used all of its {} minutes", limit.as_secs() / 60), "agent.max_minutes");
        }
        if let Some(limit) = limits.tokens.filter(|limit| self.spent.tokens >= *limit) {
            return over(format!("the turn used all of its {limit} tokens"), "agent.max_tokens");
        }
        if let (Some(limit), Cost::Known(spent)) = (limits.cost, self.spent.cost)
            && spent >= limit
        {
            return over(format!("the turn has cost {}", spent.display()), "agent.max_cost");
        }
        Ok(())
    }

    /// Publishes the tokens of one request and what they cost.
    pub async fn record_usage(&mut self, usage: Usage) {
        let cost = match &self.input.model.prices {
            Some(prices) => prices.cost(&usage),
            None => Cost::Unknown,
        };
        self.spent.tokens = self.spent.tokens.saturating_add(usage.total());
        self.spent.cost = self.spent.cost.plus(cost);
        let model = self.input.model.reference.clone();
        self.out.fact(FactBody::UsageRecorded { turn: self.input.turn, model, usage, cost }).await;
    }
}

impl Spent {
    fn begin() -> Self {
        Self { since: Instant::now(), waited: Duration::ZERO, tokens: 0, cost: Cost::ZERO }
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
