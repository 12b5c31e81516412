//! The actor: owns sessions and running turns, and is the only one that numbers facts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::asking::Waiting;
use super::handle::{Ends, Engine, Submission};
use super::publish::{self, Publish, PublishLine};
use super::workplace::Workplace;
use crate::agent::{self, Limits, PersonLine, Report};
use crate::config::Environment;
use crate::domain::{
    Blob, Event, Fact, FactBody, Fault, FaultClass, Glimpse, Mode, ModelInfo, Op, Planning, Reply, RequestId, Review,
    Saving, SessionId, SessionView, TurnId, TurnOutcome,
};
use crate::mcp::Mcp;
use crate::providers::registry::Registry;
use crate::sandbox::{self, Standing, Tier};
use crate::storage::{SessionLock, Storage};
use crate::tools::commands::Commands;
use crate::tools::policy::{Confinement, Grants, Trust};
use crate::workspace::checkpoint;
use crate::workspace::seen::Seen;

/// Reports of turns on their way to the actor at most: a turn that is faster waits.
const REPORT_BACKLOG: usize = 256;

/// What the engine works with; put together by the composition root.
pub struct Parts {
    pub storage: Storage,
    /// Whether `storage` reaches the disk.
    pub saving: Saving,
    pub registry: Arc<Registry>,
    /// Where scratch projects are made.
    pub scratch: PathBuf,
    pub limits: Limits,
    /// The folder that the settings were read for, whose own files and trust are in them. Sessions of other folders
    /// have no more rights by them than to ask. `None` where no folder has settings.
    pub place: Option<PathBuf>,
    /// What sessions that chose nothing themselves do.
    pub defaults: Defaults,
    /// How commands are confined; `None` where none may run.
    pub walls: Option<Walls>,
    /// How well commands can be confined on this machine.
    pub standing: Pending<Standing>,
    /// Where instructions, notes, skills and hooks come from.
    pub memory: agent::Memory,
    /// Where projects' standing permissions lie.
    pub grants: PathBuf,
    /// Where the state of projects is kept, and how much; `None` keeps nothing.
    pub checkpoints: Option<(PathBuf, checkpoint::Limits)>,
    /// Servers of tools that others made, if any may run.
    pub mcp: Option<Arc<Mcp>>,
    /// What is off on this machine.
    pub troubles: Vec<Fault>,
    /// Settings and keys of this machine; `None` where they are no business of this engine.
    pub workplace: Option<Workplace>,
}

/// Something that is being found out, for whoever asks.
pub type Pending<T> = Shared<BoxFuture<'static, T>>;

/// What holds in a session that chose nothing itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    pub mode: Mode,
    pub planning: Planning,
    pub review: Review,
    pub trust: Trust,
}

/// How commands are confined, but for the folder.
#[derive(Clone, Debug)]
pub struct Walls {
    pub policy: sandbox::Policy,
    /// Kiln's own environment, of which commands see a part.
    pub environment: Environment,
}

/// Starts the engine. `parts` is awaited on the engine's own task, so that a caller can draw before
/// databases and keychains are looked at.
///
/// The engine ends when every handle is dropped; the returned task ends after running turns were
/// cancelled and everything is stored.
pub fn start(parts: impl Future<Output = Result<Parts, Fault>> + Send + 'static) -> (Engine, JoinHandle<()>) {
    let (engine, ends) = Engine::channel();
    let task = tokio::spawn(async move {
        match parts.await {
            Ok(parts) => Actor::run(parts, ends).await,
            Err(fault) => refuse_all(ends, fault).await,
        }
    });
    (engine, task)
}

/// An engine that could not be put together says why to everyone who asks.
async fn refuse_all(mut ends: Ends, fault: Fault) {
    while let Some(Submission { envelope, answer }) = ends.ops.recv().await {
        let reply = Reply::Failed { fault: fault.clone() };
        match answer {
            Some(answer) => drop(answer.send(reply)),
            None => drop(ends.events.send(Arc::new(Event::Reply { request: envelope.request, reply }))),
        }
    }
}

/// A session in memory.
pub(super) struct LiveSession {
    pub(super) view: SessionView,
    /// Held so that no other Kiln writes to the session.
    _lock: SessionLock,
    pub(super) running: Option<Running>,
    /// Every permission that stands, of the session and of its project.
    pub(super) grants: Grants,
    /// Runs the session's commands, and holds those in the background.
    pub(super) commands: Option<Commands>,
    /// What the model knows of the files.
    pub(super) seen: Arc<Seen>,
}

/// A turn under way.
pub(super) struct Running {
    pub(super) turn: TurnId,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    pub(super) person: PersonLine,
    pub(super) waiting: Waiting,
}

/// Who asked, and where the answer goes.
pub(super) struct Asker {
    request: RequestId,
    answer: Option<oneshot::Sender<Reply>>,
}

pub(super) struct Actor {
    pub(super) parts: Parts,
    pub(super) sessions: HashMap<SessionId, LiveSession>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) line: PublishLine,
    /// How well commands are confined, as far as it is known.
    pub(super) confinement: Confinement,
    stage: Stage,
}

/// Whether new turns may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Every handle is gone; what runs is brought to an end.
    Closing,
}

impl Actor {
    async fn run(parts: Parts, mut ends: Ends) {
        let (line, publisher) = publish::start(parts.storage.clone(), parts.saving.clone(), ends.events);
        let (reports, mut reports_end) = mpsc::channel(REPORT_BACKLOG);
        if parts.saving != Saving::UpToDate {
            line.send(Publish::Event(Event::Saving { saving: parts.saving.clone() })).await.ok();
        }
        let mut actor = Self {
            parts,
            sessions: HashMap::new(),
            reports,
            line,
            confinement: Confinement::None,
            stage: Stage::Serving,
        };
        loop {
            tokio::select! {
                biased;
                Some(report) = reports_end.recv() => actor.report(report).await,
                submission = ends.ops.recv() => match submission {
                    Some(submission) => actor.submission(submission).await,
                    None => break,
                },
            }
        }
        let storage = actor.parts.storage.clone();
        actor.end(reports_end).await;
        publisher.await.ok();
        // Merges the write-ahead log, so that the one file is the whole of it.
        storage.close().await;
    }

    /// Cancels what runs and takes the last reports, so that every turn has an end on record.
    async fn end(mut self, mut reports_end: mpsc::Receiver<Report>) {
        self.stage = Stage::Closing;
        let mut tasks = Vec::new();
        for session in self.sessions.values_mut() {
            if let Some(running) = session.running.take() {
                running.cancel.cancel();
                tasks.push(running.task);
            }
        }
        let (closing, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.reports, closing));
        while let Some(report) = reports_end.recv().await {
            self.report(report).await;
        }
        for task in tasks {
            task.await.ok();
        }
    }

    async fn submission(&mut self, submission: Submission) {
        let Submission { envelope, answer } = submission;
        let asker = Asker { request: envelope.request, answer };
        let reply = match envelope.op {
            Op::StartSession { project, model, prompt } => self.start_session(project, model, prompt).await,
            Op::OpenSession { session } => self.open_session(session).await,
            Op::Snapshot { session } => self.snapshot(session).await,
            Op::Send { session, text } => self.message(session, text).await,
            Op::DropQueued { session, index } => self.drop_queued(session, index).await,
            Op::EditQueued { session, index, text } => self.edit_queued(session, index, text).await,
            Op::MoveQueued { session, from, to } => self.move_queued(session, from, to).await,
            Op::HoldQueue { session, held } => self.hold_queue(session, held).await,
            Op::Steer { session, text } => self.steer(session, text).await,
            Op::SelectMode { session, mode } => self.select_mode(session, mode).await,
            Op::SelectPlanning { session, planning } => self.select_planning(session, planning).await,
            Op::Decide { session, call, decision } => self.decide(session, call, decision).await,
            Op::Answer { session, call, answer } => self.answer(session, call, answer).await,
            Op::DecidePlan { session, decision } => self.decide_plan(session, decision).await,
            Op::MarkStep { session, step, mark } => self.mark_step(session, step, mark),
            Op::ListPermissions { session } => self.list_permissions(session),
            Op::Revoke { session, scope } => self.revoke(session, &scope),
            Op::ListJobs { session } => self.list_jobs(session),
            Op::StopJob { session, job } => self.stop_job(session, job),
            Op::Cancel { session } => self.cancel(session),
            Op::Retry { session } => self.retry(session).await,
            Op::Undo { session, existing } => self.undo(session, existing).await,
            Op::Redo { session, existing } => self.redo(session, existing).await,
            Op::ListCheckpoints { session } => self.list_checkpoints(session).await,
            Op::Rewind { session, checkpoint, scope, existing } => {
                self.rewind(session, checkpoint, scope, existing).await
            }
            Op::ReviewTurn { session, turn } => self.review_turn(session, turn).await,
            Op::JudgeHunks { session, turn, path, hunks, verdict } => {
                self.judge_hunks(session, turn, path, hunks, verdict).await
            }
            Op::CommentHunk { session, turn, path, hunk, comment } => {
                self.comment_hunk(session, turn, path, hunk, &comment).await
            }
            Op::FinishReview { session, turn } => self.finish_review(session, turn).await,
            Op::SendReview { session } => self.send_review(session).await,
            Op::SelectModel { session, model } => self.select_model(session, &model).await,
            Op::Pin { session, item, pin } => self.pin(session, item, pin).await,
            Op::UndoCompaction { session } => self.undo_compaction(session).await,
            Op::Rename { session, title } => self.rename(session, title).await,
            Op::ListSessions => self.list_sessions().await,
            Op::RemoveSession { session } => self.remove_session(session).await,
            Op::ListConnections => Ok(Reply::Connections { connections: self.parts.registry.connections() }),
            // These may take long; they answer by themselves.
            Op::Describe => return self.describe(asker),
            Op::ListModels { provider } => return self.list_models(asker, provider),
            Op::PullModel { name, from } => return self.pull(asker, name, from),
            Op::ReadFile { session, path } => return self.read_file(asker, session, path).await,
            Op::Compact { session } => return self.compact(asker, session).await,
            Op::DescribeContext { session } => return self.describe_context(asker, session).await,
            Op::ListNotes { session } => return self.list_notes(asker, session).await,
            Op::ListCommands { session } => return self.list_commands(asker, session).await,
            Op::ListFiles { session } => return self.list_files(asker, session).await,
            Op::Export { session, target, existing } => return self.export(asker, session, target, existing).await,
            Op::Examine => return self.examine(asker),
            Op::Survey => return self.survey(asker),
            Op::ChangeSettings { changes } => self.change_settings(changes).await,
            Op::TryProvider { provider, key } => return self.try_provider(asker, provider, key),
            Op::StoreKey { provider, key, place } => return self.store_key(asker, provider, key, place),
            Op::RemoveKey { provider } => return self.remove_key(asker, provider),
            Op::UnlockKeys { passphrase } => return self.unlock_keys(asker, &passphrase),
        };
        asker.reply(&self.line, reply.unwrap_or_else(|fault| Reply::Failed { fault })).await;
    }

    async fn report(&mut self, report: Report) {
        match report {
            Report::Facts { session, bodies, blobs, stored } => self.facts(session, bodies, blobs, Some(stored)).await,
            Report::Glimpses { session, glimpses } => self.glimpses(session, glimpses).await,
            Report::Asking { session, asking } => self.asked(session, asking).await,
            Report::Ended { session, turn, outcome } => self.turn_ended(session, turn, outcome).await,
        }
    }

    async fn glimpses(&mut self, session: SessionId, glimpses: Vec<Glimpse>) {
        if let Some(live) = self.sessions.get_mut(&session) {
            for glimpse in &glimpses {
                live.view.live.apply(glimpse);
            }
        }
        for glimpse in glimpses {
            self.line.send(Publish::Event(Event::Glimpse { session, glimpse })).await.ok();
        }
    }

    /// Numbers facts, folds them, and hands them on to be stored and told.
    pub(super) async fn facts(
        &mut self,
        session: SessionId,
        bodies: Vec<FactBody>,
        blobs: Vec<Blob>,
        stored: Option<oneshot::Sender<()>>,
    ) {
        let Some(live) = self.sessions.get_mut(&session) else { return };
        let mut facts = Vec::with_capacity(bodies.len());
        for body in bodies {
            let fact = Fact { session, seq: live.view.state.seq.next(), at: Timestamp::now(), body };
            if live.view.apply(&fact) {
                facts.push(fact);
            }
        }
        self.line.send(Publish::Facts { facts, blobs, stored }).await.ok();
    }

    /// Publishes one fact of a session.
    pub(super) async fn fact(&mut self, session: SessionId, body: FactBody) {
        self.facts(session, vec![body], Vec::new(), None).await;
    }

    async fn turn_ended(&mut self, session: SessionId, turn: TurnId, outcome: TurnOutcome) {
        self.fact(session, FactBody::TurnEnded { turn, outcome: outcome.clone() }).await;
        let Some(live) = self.sessions.get_mut(&session) else { return };
        live.running = None;
        super::titles::after_turn(self, session, turn, &outcome);
        // After a failure or a stop the queue waits: the person decides what becomes of it.
        if outcome == TurnOutcome::Completed && self.stage == Stage::Serving {
            self.send_next_queued(session).await;
        }
    }

    pub(super) fn hold(&mut self, session: SessionId, view: SessionView, lock: SessionLock) {
        let grants = Grants::in_memory();
        let seen = Arc::new(Seen::from_changes(view.state.changes.values()));
        self.sessions.insert(session, LiveSession { view, seen, _lock: lock, running: None, grants, commands: None });
    }

    pub(super) fn live(&self, session: SessionId) -> Result<&LiveSession, Fault> {
        self.sessions.get(&session).ok_or_else(|| {
            Fault::new(FaultClass::Invalid, format!("session {} is not open", session.short()))
                .hint("open it first with `kiln sessions resume`")
        })
    }

    pub(super) fn running_mut(&mut self, session: SessionId) -> Result<&mut Running, Fault> {
        let running = self.sessions.get_mut(&session).and_then(|live| live.running.as_mut());
        running.ok_or_else(|| Fault::new(FaultClass::Invalid, "no turn is running").hint("send a message first"))
    }

    pub(super) fn is_running(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|live| live.running.is_some())
    }

    pub(super) fn cancel(&mut self, session: SessionId) -> Result<Reply, Fault> {
        if let Some(running) = &self.live(session)?.running {
            running.cancel.cancel();
        }
        Ok(Reply::Done)
    }

    /// Hands a turn over to its own task.
    pub(super) async fn spawn_turn(&mut self, session: SessionId, input: agent::TurnInput) {
        let cancel = CancellationToken::new();
        self.confinement = match self.parts.standing.clone().await.tier {
            Tier::Strict => Confinement::Strict,
            Tier::Partial => Confinement::Partial,
            Tier::Surface | Tier::None => Confinement::None,
        };
        let rights = self.rights(session, &input.before);
        let (line, person) = agent::line(rights);
        let turn = input.turn;
        let task = tokio::spawn(agent::run(session, input, person, self.reports.clone(), cancel.clone()));
        if let Some(live) = self.sessions.get_mut(&session) {
            live.running = Some(Running { turn, cancel, task, person: line, waiting: Waiting::default() });
        }
    }

    /// What runs the session's commands.
    pub(super) fn commands(&mut self, session: SessionId) -> Option<Commands> {
        let walls = self.parts.walls.as_ref()?;
        let live = self.sessions.get_mut(&session)?;
        let root = live.view.state.project.as_ref()?.root();
        if live.commands.is_none() {
            let environment = sandbox::environment(&walls.environment, root);
            live.commands = Some(Commands::new(&walls.policy, environment, root));
        }
        live.commands.clone()
    }

    /// The model that a new session gets.
    pub(super) async fn default_model(&self) -> ModelInfo {
        self.parts.registry.default_model().await.0
    }
}

impl Asker {
    /// Sends the answer, behind everything published before it.
    pub(super) async fn reply(self, line: &PublishLine, reply: Reply) {
        line.send(Publish::Reply { request: self.request, reply, answer: self.answer }).await.ok();
    }

    /// Sends what work of its own task came to.
    pub(super) async fn settle(self, line: &PublishLine, result: Result<Reply, Fault>) {
        self.reply(line, result.unwrap_or_else(|fault| Reply::Failed { fault })).await;
    }
}
