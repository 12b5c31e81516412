//! Why a file of the project was not read or written.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::{Fault, FaultClass, PathRefusal, ProjectPath};

/// What went wrong, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The path leads somewhere it must not; the sentence can be told to a model as it stands.
    #[error(transparent)]
    Refused(#[from] PathRefusal),
    /// A file stands where the path needs a folder.
    #[error("`{path}` needs `{file}` to be a folder, but it is a file; choose another path")]
    FileInTheWay { path: ProjectPath, file: String },
    /// The file is larger than Kiln reads or writes.
    #[error("`{path}` has {bytes} bytes; Kiln reads and writes files up to {limit}")]
    TooLarge { path: ProjectPath, bytes: u64, limit: u64 },
    /// The file's owner has made it read-only.
    #[error("`{path}` is read-only")]
    ReadOnly { path: ProjectPath },
    /// The file is not what it was when the change was worked out. It is left as it is.
    #[error("`{path}` was changed by something else in the meantime; it was left as it is")]
    Changed { path: ProjectPath },
    /// No space is left. The old content is untouched.
    #[error("the disk is full; `{path}` was not written")]
    Full { path: ProjectPath },
    /// The system does not let us.
    #[error("`{path}` may not be touched: permission denied")]
    Denied { path: ProjectPath },
    /// The content that undo needs is not stored.
    #[error("the earlier content of `{path}` is not stored")]
    ContentGone { path: ProjectPath },
    /// The project's folder itself cannot be opened.
    #[error("the project folder `{}` cannot be opened: {detail}", path.display())]
    NoRoot { path: PathBuf, detail: String },
    /// Anything else the system said.
    #[error("`{path}`: {detail}")]
    Io { path: String, detail: String },
}

impl WorkspaceError {
    /// The error as every front end shows it.
    pub fn to_fault(&self) -> Fault {
        let (class, hint) = match self {
            Self::Refused(_) | Self::FileInTheWay { .. } => (FaultClass::Invalid, "name a file inside the project"),
            Self::TooLarge { .. } => (FaultClass::Invalid, "split the file, or edit it by other means"),
            Self::ReadOnly { .. } => (FaultClass::Storage, "make it writable, or leave it out"),
            Self::Changed { .. } => (FaultClass::Invalid, "look at the file again and repeat the change"),
            Self::Full { .. } => (FaultClass::Storage, "free some space and try again"),
            Self::Denied { .. } => (FaultClass::Storage, "check who owns the file and its folder"),
            Self::ContentGone { .. } => (FaultClass::Storage, "restore the file from your version control"),
            Self::NoRoot { .. } => (FaultClass::Storage, "check that the folder exists, or choose one with `--cd`"),
            Self::Io { .. } => (FaultClass::Storage, "check the disk and try again"),
        };
        let fault = Fault::new(class, self.to_string()).hint(hint);
        match self {
            Self::Full { .. } | Self::Io { .. } => fault.retryable(),
            _ => fault,
        }
    }

    /// Sorts what the system said about a path of the project.
    pub(super) fn sort(error: &io::Error, path: &ProjectPath) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path: path.clone() }
            }
            io::ErrorKind::PermissionDenied => Self::Denied { path: path.clone() },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path: path.clone() },
            io::ErrorKind::IsADirectory => PathRefusal::Folder(path.to_string()).into(),
            _ => Self::Io { path: path.to_string(), detail: error.to_string() },
        }
    }

    pub(super) fn no_root(path: &Path, error: &io::Error) -> Self {
        Self::NoRoot { path: path.to_path_buf(), detail: error.to_string() }
    }
}
