//! The way back to the files before a turn: first a plan, then the deed.
//!
//! Planning only compares hashes, so it can be shown before anything happens. A file that is not what the
//! turn left is never overwritten: somebody has worked on it since.

use std::collections::BTreeMap;

use super::error::WorkspaceError;
use super::root::Root;
use crate::domain::{ContentHash, FileChange, PathRefusal, ProjectPath};

/// What has to be done to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoStep {
    /// Write the content with this hash.
    Restore { path: ProjectPath, hash: ContentHash },
    /// Remove the file; it did not exist before.
    Remove { path: ProjectPath },
    /// Leave it: its content is not what the turn left.
    Conflict { path: ProjectPath },
}

impl UndoStep {
    /// The file it is about.
    pub fn path(&self) -> &ProjectPath {
        match self {
            Self::Restore { path, .. } | Self::Remove { path } | Self::Conflict { path } => path,
        }
    }
}

/// Plans the way back over the changes of a turn (or of several in a row), oldest first.
///
/// `present` tells the hash of a file's content now. Files that are back already need no step, so a plan
/// can be made and carried out again after an interruption.
pub fn plan(
    changes: &[FileChange],
    mut present: impl FnMut(&ProjectPath) -> Result<Option<ContentHash>, WorkspaceError>,
) -> Result<Vec<UndoStep>, WorkspaceError> {
    let mut files: BTreeMap<&ProjectPath, (&Option<ContentHash>, &Option<ContentHash>)> = BTreeMap::new();
    for change in changes {
        files.entry(&change.path).or_insert((&change.before, &change.after)).1 = &change.after;
    }
    let mut steps = Vec::new();
    for (path, (before, after)) in files {
        let now = match present(path) {
            Ok(now) => now,
            // A file that the turn deleted cannot be seen while another of its files stands in its way.
            Err(WorkspaceError::Refused(PathRefusal::Folder(_)) | WorkspaceError::FileInTheWay { .. })
                if after.is_none() =>
            {
                None
            }
            // Something else stands there now: a link, a folder, a huge file.
            Err(WorkspaceError::Refused(_) | WorkspaceError::FileInTheWay { .. } | WorkspaceError::TooLarge { .. }) => {
                steps.push(UndoStep::Conflict { path: path.clone() });
                continue;
            }
            Err(error) => return Err(error),
        };
        let path = path.clone();
        match before {
            before if now == *before => {}
            _ if now != *after => steps.push(UndoStep::Conflict { path }),
            Some(hash) => steps.push(UndoStep::Restore { path, hash: hash.clone() }),
            None => steps.push(UndoStep::Remove { path }),
        }
    }
    Ok(steps)
}

/// Carries a plan out and returns the files it touched; conflicts are left alone.
///
/// Every content is fetched before anything is touched. An error half-way leaves each file either before
/// or after its step; planning anew finds what is left to do.
pub fn apply(
    steps: &[UndoStep],
    root: &Root,
    mut content: impl FnMut(&ContentHash) -> Option<Vec<u8>>,
) -> Result<Vec<ProjectPath>, WorkspaceError> {
    let mut restored = Vec::new();
    let mut removed = Vec::new();
    for step in steps {
        match step {
            UndoStep::Restore { path, hash } => {
                let bytes = content(hash).ok_or_else(|| WorkspaceError::ContentGone { path: path.clone() })?;
                restored.push((path, bytes));
            }
            UndoStep::Remove { path } => removed.push(path.clone()),
            UndoStep::Conflict { .. } => {}
        }
    }
    // Removals first: a file that the turn made may stand where a folder was, or the other way round.
    for path in &removed {
        root.remove(path)?;
    }
    root.remove_empty_folders(&removed)?;
    let mut touched = removed;
    for (path, bytes) in restored {
        root.write(path, &bytes)?;
        touched.push(path.clone());
    }
    touched.sort();
    Ok(touched)
}
