//! What a front end asks of the engine, and the answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::catalog::Description;
use super::checkpoint::{Checkpoint, RestoreConflict, RewindScope};
use super::connection::Connection;
use super::event::QueueHold;
use super::fault::Fault;
use super::finding::Finding;
use super::id::{CallId, CheckpointId, ProviderId, RequestId, Seq, SessionId, StepId, TurnId};
use super::memory::{Context, CustomCommand, Pin};
use super::model::{ModelInfo, ModelRef};
use super::path::ProjectPath;
use super::permission::{Decision, Grant, Mode, Scope};
use super::plan::{PlanDecision, Planning};
use super::review::{HunkId, HunkVerdict, TurnReview};
use super::secret::Secret;
use super::session::SessionSummary;
use super::survey::{KeyPlace, Survey};

/// An [`Op`] with the number that its [`Reply`] will name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub request: RequestId,
    pub op: Op,
}

/// A wish. Each is answered by exactly one [`Reply`]; what it causes arrives as facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// What is here: default model, providers, weights, troubles. Answer: [`Reply::Described`].
    Describe,
    /// Makes a session; with a prompt, its first turn starts at once. Answer: [`Reply::Session`].
    StartSession { project: NewProject, model: Option<ModelRef>, prompt: Option<String> },
    /// Loads a stored session; a snapshot event precedes the answer [`Reply::Session`].
    OpenSession { session: SessionId },
    /// Asks for a snapshot event of a session, as after a lag. Answer: [`Reply::Done`].
    Snapshot { session: SessionId },
    /// A message; starts a turn, or is queued while one runs. Answer: [`Reply::Done`].
    Send { session: SessionId, text: String },
    /// Takes a queued message back, by its position among the queued ones, from 0.
    DropQueued { session: SessionId, index: usize },
    /// Rewrites a queued message, by its position from 0.
    EditQueued { session: SessionId, index: usize, text: String },
    /// Gives a queued message another place.
    MoveQueued { session: SessionId, from: usize, to: usize },
    /// Stops the queue, or lets it move; moving on, its first message is sent when nothing runs.
    HoldQueue { session: SessionId, held: QueueHold },
    /// Words for the running turn: they join it before its next request. Without a running turn they are
    /// a message like any other.
    Steer { session: SessionId, text: String },
    /// What the session may do unasked from now on.
    SelectMode { session: SessionId, mode: Mode },
    /// Whether turns begin with a plan from now on.
    SelectPlanning { session: SessionId, planning: Planning },
    /// Answers a call that waits for approval.
    Decide { session: SessionId, call: CallId, decision: Decision },
    /// Answers a question of the model.
    Answer { session: SessionId, call: CallId, answer: String },
    /// Answers a plan that waits for approval.
    DecidePlan { session: SessionId, decision: PlanDecision },
    /// Takes a step out of the plan, or puts one back into it, while the turn runs.
    MarkStep { session: SessionId, step: StepId, mark: StepMark },
    /// The session's mode and standing permissions. Answer: [`Reply::Permissions`].
    ListPermissions { session: SessionId },
    /// Takes a standing permission back.
    Revoke { session: SessionId, scope: Scope },
    /// The session's commands that run in the background. Answer: [`Reply::Jobs`].
    ListJobs { session: SessionId },
    /// Asks a background command to end.
    StopJob { session: SessionId, job: u32 },
    /// Ends the running turn. What it has written so far stays.
    Cancel { session: SessionId },
    /// Runs the last turn's prompt again after a failure.
    Retry { session: SessionId },
    /// Brings the files back to their state before the last turn that changed any. Answer:
    /// [`Reply::Undone`], or [`Reply::Conflict`] when somebody should be asked first.
    Undo {
        session: SessionId,
        #[serde(default)]
        existing: ExistingFiles,
    },
    /// Takes the newest undo or rewind back. Answer: [`Reply::Restored`] or [`Reply::Conflict`].
    Redo {
        session: SessionId,
        #[serde(default)]
        existing: ExistingFiles,
    },
    /// The checkpoints of the session's project, newest first. Answer: [`Reply::Checkpoints`].
    ListCheckpoints { session: SessionId },
    /// Goes back to a checkpoint. Answer: [`Reply::Restored`] or [`Reply::Conflict`].
    Rewind {
        session: SessionId,
        checkpoint: CheckpointId,
        scope: RewindScope,
        #[serde(default)]
        existing: ExistingFiles,
    },
    /// What a turn changed, hunk by hunk; without a turn, the newest that changed files. Answer: [`Reply::Review`].
    ReviewTurn { session: SessionId, turn: Option<TurnId> },
    /// Gives hunks of a file a verdict, which their lines in the file follow; no hunk named stands for all. Answer:
    /// [`Reply::Review`].
    JudgeHunks { session: SessionId, turn: TurnId, path: ProjectPath, hunks: Vec<HunkId>, verdict: HunkVerdict },
    /// Says something about a hunk; an empty comment takes it back. Answer: [`Reply::Review`].
    CommentHunk { session: SessionId, turn: TurnId, path: ProjectPath, hunk: HunkId, comment: String },
    /// Ends the review of a turn.
    FinishReview { session: SessionId, turn: TurnId },
    /// Sends what the review came to as a message of its own; else it goes with the next message.
    SendReview { session: SessionId },
    /// Chooses who answers from the next turn on.
    SelectModel { session: SessionId, model: ModelRef },
    /// Keeps an item through compactions, or no longer; `None` stands for the newest message of the person.
    Pin { session: SessionId, item: Option<Seq>, pin: Pin },
    /// Puts the oldest part of the conversation into a summary now. Answer when it is made: [`Reply::Done`].
    Compact { session: SessionId },
    /// Takes the newest compaction back.
    UndoCompaction { session: SessionId },
    /// What fills the model's window. Answer: [`Reply::Context`].
    DescribeContext { session: SessionId },
    /// What is remembered of the project. Answer: [`Reply::Notes`].
    ListNotes { session: SessionId },
    /// Slash commands of the person's own and of the project. Answer: [`Reply::Commands`].
    ListCommands { session: SessionId },
    /// Gives a session a title.
    Rename { session: SessionId, title: String },
    /// All stored sessions, newest first. Answer: [`Reply::Sessions`].
    ListSessions,
    /// Deletes a session and, for a scratch project, its folder.
    RemoveSession { session: SessionId },
    /// Models of one provider, or of all that are ready. Answer: [`Reply::Models`].
    ListModels { provider: Option<ProviderId> },
    /// Fetches embedded weights; progress arrives as [`super::Event::Pull`].
    PullModel { name: String, from: PullSource },
    /// A file now and before the last turn that touched it. Answer: [`Reply::File`].
    ReadFile { session: SessionId, path: ProjectPath },
    /// The project's files, ignored ones left out. Answer: [`Reply::Files`].
    ListFiles { session: SessionId },
    /// The requests of this run over the network, oldest first. Answer: [`Reply::Connections`].
    ListConnections,
    /// Writes the project out. Answer: [`Reply::Exported`].
    Export { session: SessionId, target: ExportTarget, existing: ExistingFiles },
    /// Looks this machine over; each line is told as [`super::Event::Found`] when it is known. Answer:
    /// [`Reply::Examined`].
    Examine,
    /// What there is to work with, and all settings. Asks no server but those on this machine.
    /// Answer: [`Reply::Surveyed`].
    Survey,
    /// Changes settings in the person's file, all or none; `None` goes back to the default.
    ChangeSettings { changes: Vec<(String, Option<String>)> },
    /// Asks a provider for its models, with this key or the one at hand. Answer: [`Reply::Models`].
    TryProvider { provider: ProviderId, key: Option<Secret> },
    /// Stores a provider's key.
    StoreKey { provider: ProviderId, key: Secret, place: KeyPlace },
    /// Deletes a provider's stored key.
    RemoveKey { provider: ProviderId },
    /// Opens the encrypted file of keys for this run, or decides on the passphrase of a new one.
    UnlockKeys { passphrase: Secret },
}

/// A command that runs in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number in the session.
    pub job: u32,
    /// The command line.
    pub line: String,
}

/// What the person does with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMark {
    /// Leave it out.
    Skip,
    /// Do it, or do it again.
    Retry,
}

/// Which folder a new session works in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NewProject {
    /// An existing folder.
    Directory { root: PathBuf },
    /// A fresh folder among Kiln's own data, named after the session.
    Scratch,
}

/// Where embedded weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullSource {
    /// The catalogue's own address, and its fallback where there is one.
    Catalogue,
    /// A GGUF file on this machine.
    File(PathBuf),
}

/// Where an export goes: the part before the colon of `folder:PATH` or `zip:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTarget {
    /// The target's id.
    pub kind: String,
    /// Its destination; relative paths are taken from the current directory.
    pub path: PathBuf,
}

/// What becomes of files of somebody else's that are in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingFiles {
    /// Refuse, and leave what is there.
    #[default]
    Keep,
    /// Replace it as a whole.
    Replace,
}

/// The answer to an [`Op`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It was taken; what follows arrives as facts.
    Done,
    /// It was not, and why.
    Failed {
        fault: Fault,
    },
    Described {
        description: Box<Description>,
    },
    Session {
        session: SessionId,
    },
    Sessions {
        sessions: Vec<SessionSummary>,
    },
    Models {
        models: Vec<ModelInfo>,
    },
    Pulled {
        name: String,
        path: PathBuf,
    },
    File {
        file: FileView,
    },
    Files {
        files: Vec<ProjectPath>,
    },
    Context {
        context: Context,
    },
    /// Notes, one line each, and the file that they lie in; `None` where nothing is kept.
    Notes {
        path: Option<PathBuf>,
        notes: Vec<String>,
    },
    Commands {
        commands: Vec<CustomCommand>,
    },
    Connections {
        connections: Vec<Connection>,
    },
    /// A review as it stands now, and why verdicts were not carried out, where some were not.
    Review {
        review: TurnReview,
        #[serde(default)]
        refused: Option<Fault>,
    },
    Undone {
        turn: TurnId,
        paths: Vec<ProjectPath>,
    },
    Permissions {
        mode: Mode,
        grants: Vec<Grant>,
    },
    Jobs {
        jobs: Vec<Job>,
    },
    Checkpoints {
        checkpoints: Vec<Checkpoint>,
    },
    /// Files were brought back, or the conversation was.
    Restored {
        /// Files, links and folders that were touched.
        entries: u64,
        /// What was left as it is, because it is not covered.
        left: Vec<String>,
        /// The words with which the part of the conversation began that was taken back.
        prompt: Option<String>,
    },
    /// Nothing was touched: files changed since, or git's HEAD moved. Asked again with
    /// [`ExistingFiles::Replace`], it is done all the same.
    Conflict {
        conflict: RestoreConflict,
    },
    Exported {
        path: PathBuf,
        files: usize,
        bytes: u64,
        renamed: Vec<(String, String)>,
    },
    Examined {
        findings: Vec<Finding>,
    },
    Surveyed {
        survey: Box<Survey>,
    },
}

/// A file's text now and before the turn that last changed it. `None` stands for "no such file".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    pub path: ProjectPath,
    pub before: Option<String>,
    pub now: Option<String>,
    /// Set when the bytes are not UTF-8 text; both texts are `None` then.
    pub binary: bool,
}
