//! Checkpoints: the state of a project's files at a moment, to which one can go back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{CallId, CheckpointId, SessionId, TurnId};

/// Why a checkpoint was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before a turn changed anything.
    BeforeTurn,
    /// Before one call of a tool that changes files or runs a program.
    BeforeCall,
    /// When a turn was over.
    AfterTurn,
    /// Before files were brought back.
    BeforeRestore,
    /// When files were brought back.
    AfterRestore,
}

/// What a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    pub moment: Moment,
    pub session: SessionId,
    pub turn: TurnId,
    /// The call that is about to run.
    #[serde(default)]
    pub call: Option<CallId>,
    /// The person's words, shortened, or what else tells it apart in a list.
    #[serde(default)]
    pub label: String,
}

/// A checkpoint as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub id: CheckpointId,
    pub at: Timestamp,
    #[serde(flatten)]
    pub occasion: Occasion,
    /// Files that it covers, and their bytes.
    pub files: u64,
    pub bytes: u64,
    /// Bytes that were kept anew for it.
    pub added: u64,
    /// Files, links and folders that differ from the checkpoint before.
    pub changed: u64,
    /// Where git's HEAD stood; `None` without a repository.
    #[serde(default)]
    pub head: Option<String>,
    /// What it does not cover, the first of them, each with the reason in words.
    #[serde(default)]
    pub uncovered: Vec<Uncovered>,
    /// How many such there are in all.
    #[serde(default)]
    pub uncovered_total: u64,
}

/// Something whose content a checkpoint does not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncovered {
    /// Below the project's folder; bytes that are no text are replaced.
    pub path: String,
    pub why: String,
    /// What was counted of it.
    pub bytes: u64,
}

/// What goes back to a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewindScope {
    Files,
    Conversation,
    Both,
}

impl RewindScope {
    /// Whether files go back.
    pub fn has_files(self) -> bool {
        matches!(self, Self::Files | Self::Both)
    }

    /// Whether the conversation goes back.
    pub fn has_conversation(self) -> bool {
        matches!(self, Self::Conversation | Self::Both)
    }
}

/// The checkpoints around a restore: what brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreWay {
    pub before: CheckpointId,
    pub after: CheckpointId,
}

/// The checkpoints of one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnCheckpoints {
    pub before: Option<CheckpointId>,
    pub after: Option<CheckpointId>,
    /// Files, links and folders that differ between the two.
    pub changed: u64,
}

/// What keeps files from being brought back without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreConflict {
    /// Changed since by somebody else; the first of them, as text.
    pub paths: Vec<String>,
    /// How many there are in all.
    pub total: u64,
    /// Where git's HEAD stood and where it stands, when it moved.
    #[serde(default)]
    pub head: Option<(String, String)>,
}
