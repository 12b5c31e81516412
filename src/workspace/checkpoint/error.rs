//! Why a checkpoint was not taken, read or restored.

use std::io;
use std::path::{Path, PathBuf};

use super::entry::TreePath;
use crate::domain::{CheckpointId, Fault, FaultClass};

/// What went wrong, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store's own folder cannot be read or written.
    #[error("the checkpoint store `{}` cannot be used: {detail}", place.display())]
    Store { place: PathBuf, detail: String },
    /// No space is left for the store. The project is untouched.
    #[error("the disk is full, so no checkpoint could be kept in `{}`", place.display())]
    Full { place: PathBuf },
    /// The project's folder cannot be opened.
    #[error("the project folder `{}` cannot be opened: {detail}", path.display())]
    NoRoot { path: PathBuf, detail: String },
    /// Something of the project could not be brought back; what was done before it stays done, and doing it
    /// again goes on from there.
    #[error("`{path}` could not be brought back: {detail}")]
    Project { path: TreePath, detail: String },
    /// Another Kiln takes or restores a checkpoint of this project.
    #[error("another Kiln is at work on the checkpoints of this project")]
    Busy,
    /// There is no such checkpoint, or it was pruned.
    #[error("there is no checkpoint {0}; it may have been pruned")]
    Unknown(CheckpointId),
    /// A file of the store does not hold what it should.
    #[error("the checkpoint store lost what it kept of `{path}`")]
    Lost { path: String },
}

impl CheckpointError {
    /// The error as every front end shows it.
    pub fn to_fault(&self) -> Fault {
        let (class, hint) = match self {
            Self::Store { .. } => (FaultClass::Storage, "check who owns that folder, or point `KILN_HOME` elsewhere"),
            Self::Full { .. } => (FaultClass::Storage, "free some space, or lower `checkpoints.max_bytes`"),
            Self::NoRoot { .. } => (FaultClass::Storage, "check that the folder exists"),
            Self::Project { .. } => (FaultClass::Storage, "see to the cause and do it again; it goes on from there"),
            Self::Busy => (FaultClass::Storage, "wait a moment and try again"),
            Self::Unknown(_) => (FaultClass::Invalid, "see `/checkpoints` for those that are kept"),
            Self::Lost { .. } => (FaultClass::Storage, "choose another checkpoint, or use your version control"),
        };
        Fault::new(class, self.to_string()).hint(hint)
    }

    pub(super) fn store(place: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { place: place.to_path_buf() }
            }
            _ => Self::Store { place: place.to_path_buf(), detail: error.to_string() },
        }
    }

    pub(super) fn project(path: &TreePath, error: &io::Error) -> Self {
        Self::Project { path: path.clone(), detail: error.to_string() }
    }

    pub(super) fn lost(what: &dyn std::fmt::Display) -> Self {
        Self::Lost { path: what.to_string() }
    }
}
