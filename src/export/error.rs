//! Why an export did not happen. In every case the destination is as it was.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::{Fault, FaultClass};
use crate::workspace::WorkspaceError;

/// What went wrong, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something is there and was not to be replaced.
    #[error("`{}` exists", .path.display())]
    Exists { path: PathBuf },
    /// A file stands where a folder was asked for, or the other way round.
    #[error("`{}` is {found}", .path.display())]
    OtherKind { path: PathBuf, found: &'static str },
    /// Replacing the destination would remove the project itself.
    #[error("`{}` holds the project itself", .path.display())]
    HoldsProject { path: PathBuf },
    /// Replacing the destination would remove something precious.
    #[error("`{}` holds {what}, which a replacement would remove", .path.display())]
    Precious { path: PathBuf, what: &'static str },
    /// No space is left.
    #[error("the disk is full; `{}` was not written", .path.display())]
    Full { path: PathBuf },
    /// The system does not let us.
    #[error("`{}` may not be written: permission denied", .path.display())]
    Denied { path: PathBuf },
    /// There is nothing to export.
    #[error("the project has no files to export")]
    Empty,
    /// More files than one export holds.
    #[error("the project has more than {limit} files")]
    TooMany { limit: usize },
    /// A file of the project went away in the meantime.
    #[error("`{file}` vanished while it was being exported")]
    Vanished { file: String },
    /// No target has this id.
    #[error("there is no kind of export called `{kind}`")]
    UnknownKind { kind: String },
    /// The project could not be read.
    #[error(transparent)]
    Project(#[from] WorkspaceError),
    /// Anything else the system said.
    #[error("`{}`: {detail}", .path.display())]
    Io { path: PathBuf, detail: String },
}

impl ExportError {
    /// The error as every front end shows it.
    pub fn to_fault(&self) -> Fault {
        let (class, hint) = match self {
            Self::Project(error) => return error.to_fault(),
            Self::Exists { .. } => (FaultClass::Exists, "choose another destination, or ask to replace this one"),
            Self::OtherKind { .. } => (FaultClass::Invalid, "choose another destination"),
            Self::HoldsProject { .. } => (FaultClass::Invalid, "choose a destination beside or inside the project"),
            Self::Precious { .. } => (FaultClass::Invalid, "choose another destination, or remove it yourself first"),
            Self::Full { .. } => (FaultClass::Storage, "free some space and export again"),
            Self::Denied { .. } => (FaultClass::Storage, "choose a folder that you may write to"),
            Self::Empty => (FaultClass::Invalid, "ignored files are left out; check `.gitignore`"),
            Self::TooMany { .. } => (FaultClass::Invalid, "name what does not belong to it in `.gitignore`"),
            Self::Vanished { .. } => (FaultClass::Storage, "export again when nothing is changing the project"),
            Self::UnknownKind { .. } => (FaultClass::Invalid, "`folder:PATH` and `zip:PATH` are known"),
            Self::Io { .. } => (FaultClass::Storage, "check the disk and export again"),
        };
        let fault = Fault::new(class, self.to_string()).hint(hint);
        match self {
            Self::Full { .. } | Self::Vanished { .. } | Self::Io { .. } => fault.retryable(),
            _ => fault,
        }
    }

    /// Sorts what the system said about the destination.
    pub(super) fn sort(error: &io::Error, path: &Path) -> Self {
        use io::ErrorKind;
        let path = path.to_path_buf();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied { path },
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => Self::Exists { path },
            ErrorKind::NotADirectory => Self::OtherKind { path, found: "below a file" },
            _ => Self::Io { path, detail: error.to_string() },
        }
    }
}
