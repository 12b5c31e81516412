//! What can go wrong with stored sessions, by what the caller can do about it.

use std::path::{Path, PathBuf};

use crate::domain::{Fault, FaultClass, Seq, SessionId};

/// Why storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No space is left. Keep the facts and append them again later.
    #[error("the disk that holds {} is full", shown(.place))]
    Full { place: Option<PathBuf> },
    /// Another process kept the database locked beyond our patience. The same call may succeed later.
    #[error("another program keeps {} locked", shown(.place))]
    Locked { place: Option<PathBuf> },
    /// Another Kiln has this session open.
    #[error("session {} is open in another Kiln", .session.short())]
    InUse { session: SessionId },
    /// The file is no database of ours, or damaged. It is left as it is.
    #[error("{} cannot be read: {detail}", shown(.place))]
    Broken { place: Option<PathBuf>, detail: String },
    /// A newer Kiln has changed the layout of the file. Nothing was opened or written.
    #[error("{} was written by a newer Kiln (layout {found}, this one knows {known})", shown(.place))]
    Newer { place: Option<PathBuf>, found: i64, known: i64 },
    /// The file cannot be opened or written for now: permissions, a missing disk, an I/O error.
    #[error("{} cannot be used: {detail}", shown(.place))]
    Unavailable { place: Option<PathBuf>, detail: String },
    /// A fact with this number is stored already with other content, or facts before it are missing.
    #[error("fact {seq} of session {} does not follow what is stored", .session.short())]
    Conflict { session: SessionId, seq: Seq },
    /// No session goes by this name.
    #[error("there is no session `{text}`")]
    NotFound { text: String },
    /// Several sessions go by this name.
    #[error("`{text}` fits {count} sessions")]
    Ambiguous { text: String, count: usize },
    /// Anything else the database said; a defect of ours.
    #[error("the session database refused: {detail}")]
    Failed { detail: String },
}

fn shown(place: &Option<PathBuf>) -> String {
    match place {
        Some(path) => format!("the session database `{}`", path.display()),
        None => "the session memory".to_owned(),
    }
}

impl StorageError {
    /// Whether the very same call may succeed later without anyone touching the database.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Locked { .. } | Self::InUse { .. } | Self::Unavailable { .. })
    }

    /// The error as every front end shows it.
    pub fn to_fault(&self) -> Fault {
        let class = match self {
            Self::Full { .. }
            | Self::Locked { .. }
            | Self::InUse { .. }
            | Self::Broken { .. }
            | Self::Newer { .. }
            | Self::Unavailable { .. } => FaultClass::Storage,
            Self::NotFound { .. } | Self::Ambiguous { .. } => FaultClass::Invalid,
            Self::Conflict { .. } | Self::Failed { .. } => FaultClass::Internal,
        };
        let fault = Fault::new(class, self.to_string()).hint(self.hint());
        if self.may_pass() { fault.retryable() } else { fault }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Full { .. } => "free some space; Kiln keeps what is not stored in memory and tries again",
            Self::Locked { .. } => "close the program that holds it, such as a backup or a database browser",
            Self::InUse { .. } => "close the session there, or start a new one here",
            Self::Broken { .. } => {
                "the file was left as it is: move it away to start afresh, or put a backup in its place"
            }
            Self::Newer { .. } => "use the newer Kiln, or set `KILN_HOME` to another folder for this one",
            Self::Unavailable { .. } => {
                "check that the folder exists, may be written and has room, or set `KILN_HOME` to another"
            }
            Self::Conflict { .. } => "open the session again; another program has written to it",
            Self::NotFound { .. } => "`kiln sessions list` shows them all",
            Self::Ambiguous { .. } => "type more of the session's id",
            Self::Failed { .. } => "please report this",
        }
    }

    /// Sorts an error of the database layer; `place` is the file, `None` for memory.
    pub(super) fn sort(error: &sqlx::Error, place: Option<&Path>) -> Self {
        let place = place.map(Path::to_path_buf);
        let detail = error.to_string();
        match error {
            sqlx::Error::Database(database) => {
                let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
                Self::from_code(code, place, database.message().to_owned())
            }
            sqlx::Error::Io(io) => Self::from_io(io, place),
            sqlx::Error::PoolTimedOut => Self::Locked { place },
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Self::Unavailable { place, detail },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Broken { place, detail },
            _ => Self::Failed { detail },
        }
    }

    /// Sorts SQLite's result codes; the low byte is the kind, the rest refines it.
    fn from_code(code: i32, place: Option<PathBuf>, detail: String) -> Self {
        /// `SQLITE_IOERR_SHMSIZE`: the shared-memory file could not grow, which is a full disk.
        const SHM_SIZE: i32 = 4874;
        match (code, code & 0xff) {
            (SHM_SIZE, _) | (_, 13) => Self::Full { place },
            (_, 5 | 6) => Self::Locked { place },
            (_, 11 | 26) => Self::Broken { place, detail },
            // PERM, READONLY, IOERR, CANTOPEN, NOLFS, AUTH
            (_, 3 | 8 | 10 | 14 | 22 | 23) => Self::Unavailable { place, detail },
            _ => Self::Failed { detail },
        }
    }

    /// Sorts an error of the file system.
    pub(super) fn from_io(error: &std::io::Error, place: Option<PathBuf>) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full { place },
            _ => Self::Unavailable { place, detail: error.to_string() },
        }
    }
}
