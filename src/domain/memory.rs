//! What the model keeps in mind of a session: what was pinned, what was put into a summary, and what
//! fills its window.
//!
//! Nothing here removes anything: facts stay, and a compaction can be taken back.

use serde::{Deserialize, Serialize};

use super::id::{Seq, TurnId};

/// The oldest part of a conversation, told to the model as a summary from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compaction {
    /// The fact that made it.
    pub seq: Seq,
    /// Items up to and with this fact are told as the summary.
    pub up_to: Seq,
    pub summary: String,
    /// What the summary stands for.
    pub dropped: Vec<Dropped>,
    /// About how many tokens the window holds with it.
    pub tokens: u64,
}

/// A line of a compaction's ledger: something that the model is no longer told word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub turn: TurnId,
    /// What it was, such as `12 calls, read_file most of all`.
    pub what: String,
    /// About how many tokens it took.
    pub tokens: u64,
}

/// Whether an item survives compaction word for word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    Keep,
    Release,
}

/// A part of what the model is told, by its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextPart {
    pub name: String,
    /// About how many tokens.
    pub tokens: u64,
    /// What it is made of.
    pub detail: String,
}

/// What the model's window holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub parts: Vec<ContextPart>,
    /// Tokens that the model takes; `None` where nobody told.
    pub window: Option<u64>,
    /// Items that the model is told as a summary now, one line each.
    pub ledger: Vec<Dropped>,
}

/// A slash command of the person's own, or of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommand {
    pub name: String,
    /// What it does, in a few words.
    pub about: String,
    /// Where it comes from.
    pub origin: String,
}

/// Rough tokens of a text: four bytes each, which holds for English and code; others need more.
pub fn estimate(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}
