//! The nouns of Kiln and the language of its seam: [`Op`] in, [`Event`] out.
//!
//! Everything here is plain data that serialises to JSON; the same words are stored in the
//! database, printed by `kiln exec --json` and drawn by the terminal. This room does no I/O, reads
//! no clock and imports nothing else of ours.

pub mod catalog;
pub mod change;
pub mod checkpoint;
pub mod connection;
pub mod content;
pub mod event;
pub mod fault;
pub mod finding;
pub mod id;
pub mod memory;
pub mod model;
pub mod op;
pub mod path;
pub mod permission;
pub mod plan;
pub mod project;
pub mod review;
pub mod secret;
pub mod session;
pub mod survey;
pub mod usage;
pub mod verification;

pub use change::{Author, Blob, ChangeKind, FileChange};
pub use checkpoint::{Checkpoint, Moment, Occasion, RestoreConflict, RestoreWay, RewindScope, TurnCheckpoints};
pub use connection::{Connection, ConnectionState, Purpose};
pub use content::{Content, Display, Picture};
pub use event::{Event, Fact, FactBody, Glimpse, Phase, QueueHold, Saving};
pub use fault::{Fault, FaultClass, Retry};
pub use finding::{Finding, Verdict};
pub use id::{CallId, CheckpointId, ContentHash, ModelName, ProviderId, RequestId, Seq, SessionId, StepId, TurnId};
pub use memory::{Compaction, Context, ContextPart, CustomCommand, Dropped, Pin};
pub use model::{Effort, ModelInfo, ModelRef, ToolCalling, TurnProtocol};
pub use op::{Envelope, ExistingFiles, ExportTarget, Job, Op, Reply};
pub use path::{PathRefusal, ProjectPath};
pub use permission::{ApprovalRequest, Decision, Grant, Lifetime, Mode, Question, Scope, Touch};
pub use plan::{PlanDecision, PlannedStep, Planning, Step, StepState};
pub use project::Project;
pub use review::{FileReview, HunkId, HunkLine, HunkReview, HunkVerdict, LineKind, Review, Reviewed, TurnReview};
pub use secret::Secret;
pub use session::{Item, ItemKind, Live, SessionState, SessionSummary, SessionView, TurnOutcome};
pub use usage::{Cost, Money, Usage};
pub use verification::{CheckResult, CheckRun, Coverage};
