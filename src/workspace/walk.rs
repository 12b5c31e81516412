//! The list of a project's files.
//!
//! Only the project's own ignore files count: those above it, and the person's global one, would make a
//! scratch project inside an ignored folder look empty.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::WorkspaceError;
use super::is_temporary;
use super::search::{self, FoundKind, Onward};
use crate::domain::ProjectPath;

/// Most files that are listed.
pub const MAX_FILES: usize = 100_000;
/// Paths that are held before they are sorted and cut, so that mostly the same ones are left.
const MOST_HELD: usize = 4 * MAX_FILES;

/// The files of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by their bytes.
    pub files: Vec<ProjectPath>,
    /// Entries left out because their names or kinds are none we can work with: names that are no text or
    /// that other systems cannot hold, symbolic links, devices, folders that may not be read.
    pub skipped: usize,
    /// Whether there are more than [`MAX_FILES`].
    pub truncated: bool,
}

pub(super) fn files(root: &Path) -> Result<Listing, WorkspaceError> {
    let found: Mutex<Vec<ProjectPath>> = Mutex::default();
    let full = AtomicBool::new(false);
    let walked = search::walk(root, None, &mut || {
        Box::new(|entry| {
            if entry.kind != FoundKind::File {
                return Onward::Next;
            }
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.len() >= MOST_HELD {
                full.store(true, Ordering::Relaxed);
                return Onward::Stop;
            }
            found.push(entry.path);
            Onward::Next
        })
    })?;
    let mut files = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort_unstable();
    let truncated = full.into_inner() || files.len() > MAX_FILES;
    files.truncate(MAX_FILES);
    Ok(Listing { files, skipped: walked.skipped, truncated })
}

/// Git's own folder, and what a Kiln that was killed left behind.
pub(super) fn left_out(name: &std::ffi::OsStr) -> bool {
    name.eq_ignore_ascii_case(".git") || name.to_str().is_some_and(is_temporary)
}

/// The path below the root, where it reads back as exactly itself.
pub(super) fn project_path(root: &Path, path: &Path) -> Option<ProjectPath> {
    let below = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
    let text = parts?.join("/");
    ProjectPath::parse(&text).ok().filter(|parsed| parsed.as_str() == text)
}
