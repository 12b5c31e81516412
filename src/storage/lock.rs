//! One writer per session across processes: an advisory file lock that the system drops with the process.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::StorageError;
use crate::domain::SessionId;

/// Held while a session may be written; released on drop, or when the process ends however it ends.
#[derive(Debug)]
pub struct SessionLock {
    session: SessionId,
    /// `None` for storage in memory, which no other process can reach.
    _file: Option<File>,
}

impl SessionLock {
    /// The session that is held.
    pub fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn in_memory(session: SessionId) -> Self {
        Self { session, _file: None }
    }

    /// Takes the lock without waiting.
    pub(super) fn take(folder: &Path, session: SessionId) -> Result<Self, StorageError> {
        let unusable = |error: &std::io::Error| StorageError::from_io(error, Some(folder.to_path_buf()));
        super::files::make_folder(folder).map_err(|error| unusable(&error))?;
        let file = super::files::open_private(&path(folder, session)).map_err(|error| unusable(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { session, _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { session }),
            // Some network folders know no locks; refusing to work there would help nobody.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                Ok(Self { session, _file: Some(file) })
            }
            Err(TryLockError::Error(error)) => Err(unusable(&error)),
        }
    }
}

/// Where the lock of a session lies.
pub(super) fn path(folder: &Path, session: SessionId) -> std::path::PathBuf {
    folder.join(format!("{session}.lock"))
}
