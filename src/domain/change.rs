//! What a turn did to a file.

use serde::{Deserialize, Serialize};

use super::id::{ContentHash, StepId, TurnId};
use super::path::ProjectPath;

/// The kind of a change, for a letter in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Created,
    Modified,
    Deleted,
}

/// Who changed a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    #[default]
    Model,
    /// The person, by a review.
    Person,
}

impl Author {
    /// For leaving the usual out where it is stored.
    pub fn is_model(&self) -> bool {
        *self == Self::Model
    }
}

/// One file before and after. The bytes lie in the blob store under the hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    pub turn: TurnId,
    /// The step it belongs to, where the plan tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    pub path: ProjectPath,
    /// The content before the change; `None` when the file did not exist.
    pub before: Option<ContentHash>,
    /// The content after it; `None` when the file was deleted.
    pub after: Option<ContentHash>,
    /// Size after the change, in bytes.
    pub bytes: u64,
    /// Lines that are new against the content before.
    pub added: u32,
    /// Lines of the content before that are gone.
    pub removed: u32,
    #[serde(default, skip_serializing_if = "Author::is_model")]
    pub author: Author,
}

impl FileChange {
    /// Which of the three it is.
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (_, None) => ChangeKind::Deleted,
            (None, Some(_)) => ChangeKind::Created,
            (Some(_), Some(_)) => ChangeKind::Modified,
        }
    }
}

/// The content of a file, under the hash of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub hash: ContentHash,
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Hashes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { hash: ContentHash::of(&bytes), bytes }
    }
}
