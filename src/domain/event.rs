//! What the engine tells: facts, glimpses, snapshots and replies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::FileChange;
use super::checkpoint::{Moment, RestoreWay, RewindScope};
use super::content::{Content, Display, Picture};
use super::fault::Fault;
use super::finding::Finding;
use super::id::{CallId, CheckpointId, RequestId, Seq, SessionId, StepId, TurnId};
use super::memory::Dropped;
use super::model::{ModelInfo, ModelRef, TurnProtocol};
use super::op::Reply;
use super::path::ProjectPath;
use super::permission::{ApprovalRequest, Decision, Mode, Question};
use super::plan::{PlanDecision, PlannedStep, Planning, StepState};
use super::project::Project;
use super::review::Reviewed;
use super::session::{SessionView, TurnOutcome};
use super::usage::{Cost, Usage};
use super::verification::CheckRun;

/// One message from the engine to every front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Numbered and stored; must arrive.
    Fact(Fact),
    /// Neither stored nor guaranteed.
    Glimpse { session: SessionId, glimpse: Glimpse },
    /// The whole state of a session, for a client that opens it or has lagged.
    Snapshot { session: SessionId, view: Box<SessionView> },
    /// The answer to a request.
    Reply { request: RequestId, reply: Reply },
    /// Weights being fetched; `total` is `None` while unknown.
    Pull { name: String, stage: String, received: u64, total: Option<u64> },
    /// Whether what is shown is also stored.
    Saving { saving: Saving },
    /// One line of an examination under way.
    Found { finding: Finding },
    /// This client missed events: ask for a snapshot. Made on the client's side of the channel.
    Lagged,
}

/// Whether facts reach the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Saving {
    /// Every fact so far is stored.
    UpToDate,
    /// So many facts are held in memory and tried again; why they could not be stored.
    Behind { pending: usize, fault: Fault },
    /// Nothing is stored in this run; why.
    Off { fault: Fault },
}

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub session: SessionId,
    /// Its number; the order of facts is the order of their numbers, whatever the clock did.
    pub seq: Seq,
    pub at: Timestamp,
    #[serde(flatten)]
    pub body: FactBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FactBody {
    SessionStarted {
        project: Project,
        kiln: String,
    },
    TitleChanged {
        title: String,
    },
    ModelSelected {
        model: ModelInfo,
    },
    /// The person wrote while a turn ran; it will be sent when that turn ends.
    MessageQueued {
        text: String,
    },
    /// The queued message at this position was sent or taken back.
    QueuedTaken {
        index: usize,
    },
    /// The queued message at this position reads differently now.
    QueuedEdited {
        index: usize,
        text: String,
    },
    /// A queued message changed its place.
    QueuedMoved {
        from: usize,
        to: usize,
    },
    /// Whether queued messages wait even when a turn ends well.
    QueueHeld {
        held: QueueHold,
    },
    /// The person's words joined the running turn.
    Steered {
        turn: TurnId,
        text: String,
    },
    /// What the session may do unasked from now on.
    ModeSelected {
        mode: Mode,
    },
    /// Whether turns begin with a plan from now on.
    PlanningSelected {
        planning: Planning,
    },
    /// A call waits for the person.
    ApprovalAsked {
        request: ApprovalRequest,
    },
    /// The person's answer to it, or the answer that stood in for one.
    ApprovalDecided {
        turn: TurnId,
        call: CallId,
        decision: Decision,
    },
    /// The model asked the person.
    QuestionAsked {
        question: Question,
    },
    /// What the person answered.
    QuestionAnswered {
        turn: TurnId,
        call: CallId,
        answer: String,
    },
    /// A plan waits for approval; nothing is changed before.
    PlanProposed {
        turn: TurnId,
        steps: Vec<PlannedStep>,
    },
    /// What the person said to it.
    PlanDecided {
        turn: TurnId,
        decision: PlanDecision,
    },
    /// One of the project's checks ran over what the turn had changed.
    Checked {
        run: CheckRun,
    },
    /// A turn begins with the person's words.
    TurnStarted {
        turn: TurnId,
        text: String,
        model: ModelRef,
        protocol: TurnProtocol,
    },
    /// The plan of the turn, replacing any plan before it.
    PlanSet {
        turn: TurnId,
        steps: Vec<PlannedStep>,
    },
    StepChanged {
        step: StepId,
        state: StepState,
    },
    /// The model's reasoning, finished.
    Reasoned {
        turn: TurnId,
        text: String,
        opaque: Option<serde_json::Value>,
    },
    /// A stretch of the model's visible answer, finished, or cut off and marked so.
    Answered {
        turn: TurnId,
        text: String,
        whole: bool,
    },
    /// The model called a tool; written before the tool runs.
    ToolCalled {
        turn: TurnId,
        call: CallId,
        name: String,
        arguments: serde_json::Value,
    },
    /// What the tool said; `failed` answers are told to the model as errors.
    ToolAnswered {
        turn: TurnId,
        call: CallId,
        failed: bool,
        content: Vec<Content>,
        #[serde(default)]
        display: Display,
    },
    /// A file was written and is whole.
    FileChanged {
        change: FileChange,
    },
    /// The person said something about a hunk of a turn's change; it replaces what was said before.
    HunkReviewed {
        reviewed: Reviewed,
    },
    /// The person has seen all that a turn changed; what has no verdict stays as it is.
    ReviewFinished {
        turn: TurnId,
    },
    /// Tokens of one request.
    UsageRecorded {
        turn: TurnId,
        model: ModelRef,
        usage: Usage,
        cost: Cost,
    },
    /// Something was put beside the person's words for the model: a file that they mention, or what a
    /// command of their own says.
    Attached {
        turn: TurnId,
        /// What it is, such as `src/main.rs`.
        name: String,
        /// Exactly what the model is told.
        text: String,
        /// What it is shown beside the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<Picture>,
    },
    /// An item survives compaction word for word from now on.
    Pinned {
        item: Seq,
    },
    /// An item need not survive compaction any more.
    Unpinned {
        item: Seq,
    },
    /// The model is told the items up to `up_to` as a summary from now on. Nothing is deleted.
    Compacted {
        turn: TurnId,
        up_to: Seq,
        summary: String,
        #[serde(default)]
        dropped: Vec<Dropped>,
        /// About how many tokens the window holds afterwards.
        #[serde(default)]
        tokens: u64,
    },
    /// The compaction that this fact made is taken back.
    CompactionUndone {
        compaction: Seq,
    },
    /// Something the person should know that is no error.
    Noticed {
        text: String,
    },
    TurnEnded {
        turn: TurnId,
        outcome: TurnOutcome,
    },
    /// The state of the project's files was kept.
    CheckpointTaken {
        turn: TurnId,
        checkpoint: CheckpointId,
        moment: Moment,
        #[serde(default)]
        call: Option<CallId>,
        /// After a turn: how many files, links and folders differ from before it.
        #[serde(default)]
        changed: u64,
    },
    /// Files were brought back to their state before that turn.
    Undone {
        turn: TurnId,
        paths: Vec<ProjectPath>,
        /// Folders, and names that are no [`ProjectPath`], brought back beside them.
        #[serde(default)]
        more: u64,
        /// The checkpoints before and after; `None` where contents of single files were used.
        #[serde(default)]
        way: Option<RestoreWay>,
    },
    /// The newest undo or rewind was taken back.
    Redone {
        paths: Vec<ProjectPath>,
        #[serde(default)]
        more: u64,
    },
    /// Files, conversation or both went back to a checkpoint.
    Rewound {
        checkpoint: CheckpointId,
        scope: RewindScope,
        /// The newest turn that stands, so far as files went back.
        #[serde(default)]
        files_at: Option<TurnId>,
        /// The first item that is no part of the conversation any more.
        #[serde(default)]
        hides_from: Option<Seq>,
        #[serde(default)]
        paths: Vec<ProjectPath>,
        #[serde(default)]
        more: u64,
        #[serde(default)]
        way: Option<RestoreWay>,
    },
    Exported {
        target: String,
        path: String,
        files: usize,
        bytes: u64,
    },
}

/// Whether the queue moves by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueHold {
    /// The next message is sent when a turn ends well.
    #[default]
    Moving,
    /// Nothing is sent until the person says so.
    Held,
}

/// What a turn is doing right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Weights are being read into memory.
    LoadingModel,
    /// The request is on its way; nothing has come back yet.
    Waiting,
    /// A local model reads the prompt: tokens read, tokens in all.
    ReadingPrompt {
        done: u64,
        total: u64,
    },
    Thinking,
    Answering,
    /// A file is being written.
    Writing {
        path: ProjectPath,
    },
    /// A call, a question or a plan waits for the person.
    AwaitingPerson,
    /// A check of the project runs.
    Checking {
        name: String,
    },
    /// A tool runs.
    Running {
        tool: String,
    },
    /// The provider could not serve; trying again in so many milliseconds.
    Retrying {
        attempt: u32,
        of: u32,
        wait_ms: u64,
        why: Fault,
    },
}

/// A passing sight of a running turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "glimpse", rename_all = "snake_case")]
pub enum Glimpse {
    Phase {
        phase: Phase,
    },
    /// More of the answer's text.
    Text {
        text: String,
    },
    /// More of the reasoning.
    Reasoning {
        text: String,
    },
    /// A file begins to be written; what was shown of it before is replaced.
    FileOpened {
        path: ProjectPath,
    },
    /// More of the file that was opened last under this path.
    FileText {
        path: ProjectPath,
        text: String,
    },
    /// More of a running call's output.
    Output {
        call: CallId,
        text: String,
    },
    /// The file will not be completed; nothing was written.
    FileDropped {
        path: ProjectPath,
    },
}
