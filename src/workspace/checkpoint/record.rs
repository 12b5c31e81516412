//! Checkpoints on disk: one small file each, named by number, and the note of a restore that is under way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Digest32;
use super::error::CheckpointError;
use super::objects::{Durable, write_whole};
use crate::domain::{Checkpoint, CheckpointId, Moment, Occasion};

/// A checkpoint with what only the store needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) checkpoint: Checkpoint,
    /// The hash of the project folder's list.
    tree: String,
}

impl Record {
    pub(super) fn new(checkpoint: Checkpoint, tree: Digest32) -> Self {
        Self { checkpoint, tree: tree.to_string() }
    }

    /// Whether this can stand for a checkpoint of that occasion too, nothing having changed since.
    pub(super) fn serves(&self, occasion: &Occasion, head: Option<&str>) -> bool {
        let own = &self.checkpoint.occasion;
        let repeats = match occasion.moment {
            Moment::BeforeTurn => false,
            Moment::BeforeCall | Moment::AfterTurn | Moment::BeforeRestore | Moment::AfterRestore => true,
        };
        repeats
            && own.session == occasion.session
            && own.turn == occasion.turn
            && self.checkpoint.head.as_deref() == head
    }

    pub(super) fn tree(&self) -> Result<Digest32, CheckpointError> {
        Digest32::parse(&self.tree).ok_or_else(|| CheckpointError::lost(&format!("checkpoint {}", self.checkpoint.id)))
    }
}

/// A restore under way; what a killed process left of it is told by this note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Restoring {
    /// The checkpoint that is being restored.
    pub(super) target: CheckpointId,
    /// The state before, complete.
    pub(super) before: CheckpointId,
    /// The name under which files are written before they are put in place.
    pub(super) temporary: String,
}

/// The folder of records.
#[derive(Debug)]
pub(super) struct Records {
    place: PathBuf,
}

impl Records {
    pub(super) fn at(place: &Path) -> Self {
        Self { place: place.to_path_buf() }
    }

    fn folder(&self) -> PathBuf {
        self.place.join("records")
    }

    fn file(&self, id: CheckpointId) -> PathBuf {
        self.folder().join(format!("{:010}.json", id.0))
    }

    fn fail(&self, error: &io::Error) -> CheckpointError {
        CheckpointError::store(&self.place, error)
    }

    /// The numbers of all checkpoints, oldest first.
    pub(super) fn ids(&self) -> Result<Vec<CheckpointId>, CheckpointError> {
        let entries = match fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.fail(&error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.fail(&error))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|name| name.parse().ok());
            ids.extend(number.map(CheckpointId));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn read(&self, id: CheckpointId) -> Result<Record, CheckpointError> {
        match fs::read(self.file(id)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| CheckpointError::lost(&format!("checkpoint {id}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CheckpointError::Unknown(id)),
            Err(error) => Err(self.fail(&error)),
        }
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), CheckpointError> {
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        write_whole(&self.file(record.checkpoint.id), &bytes, Durable::Yes).map_err(|error| self.fail(&error))
    }

    pub(super) fn remove(&self, id: CheckpointId) -> Result<(), CheckpointError> {
        fs::remove_file(self.file(id)).map_err(|error| self.fail(&error))
    }

    fn note(&self) -> PathBuf {
        self.place.join("restoring.json")
    }

    /// The restore that did not come to its end, if there is one.
    pub(super) fn restoring(&self) -> Option<Restoring> {
        serde_json::from_slice(&fs::read(self.note()).ok()?).ok()
    }

    pub(super) fn begin(&self, restoring: &Restoring) -> Result<(), CheckpointError> {
        let bytes = serde_json::to_vec(restoring).unwrap_or_default();
        write_whole(&self.note(), &bytes, Durable::Yes).map_err(|error| self.fail(&error))
    }

    pub(super) fn end(&self) -> Result<(), CheckpointError> {
        match fs::remove_file(self.note()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.fail(&error)),
            _ => Ok(()),
        }
    }
}
