//! The files of a project: read, written and removed beneath one folder or not at all.
//!
//! [`Root`] is the only way in. It takes checked [`crate::domain::ProjectPath`]s and follows no symbolic
//! link, so whatever a model names, nothing outside the folder is touched. Beside it stand pure functions:
//! [`diff`] for what changed, [`undo`] for the way back. This room keeps
//! no history and asks nobody: the engine does.

pub mod checkpoint;
pub mod diff;
pub mod edit;
mod error;
pub mod hunks;
pub mod lines;
pub mod patch;
mod root;
mod rules;
mod search;
pub mod seen;
pub mod undo;
mod walk;

#[cfg(not(unix))]
#[path = "beneath_other.rs"]
mod beneath;
#[cfg(unix)]
#[path = "beneath_unix.rs"]
mod beneath;

pub use error::WorkspaceError;
pub use root::{Access, MAX_BYTES, OpenFile, Permissions, Reader, Root};
pub use search::{Found, FoundKind, Onward, Visitor, Walked};
pub use walk::{Listing, MAX_FILES};

/// Temporary files begin like this and end with [`TEMPORARY_END`]; they belong to no project.
pub(crate) const TEMPORARY: &str = ".kiln-";
/// See [`TEMPORARY`].
pub(crate) const TEMPORARY_END: &str = ".tmp";

/// A fresh name for a temporary file or folder.
pub(crate) fn temporary_name() -> String {
    format!("{TEMPORARY}{}{TEMPORARY_END}", uuid::Uuid::now_v7().simple())
}

/// Whether a name is one of ours, perhaps left over from a process that was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY) && name.ends_with(TEMPORARY_END)
}
