//! Patches of several files in the grammar that some models are trained on: add, delete, update, move.
//!
//! First everything is worked out in memory, then it is carried out: every file of the patch changes or none. A file
//! that changes on the disk meanwhile is never overwritten.

pub mod apply;
pub mod grammar;

use std::collections::BTreeMap;
use std::fmt;

use super::error::WorkspaceError;
use super::root::{Permissions, Root};
use crate::domain::{ContentHash, PathRefusal, ProjectPath};

pub use apply::{ApplyProblem, update};
pub use grammar::{Chunk, ChunkLine, FileAction, GrammarProblem, parse};

/// Files that one patch may touch.
const MOST_FILES: usize = 1000;

/// Why a patch was not applied; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    #[error(transparent)]
    Grammar(#[from] GrammarProblem),
    #[error(transparent)]
    Path(#[from] PathRefusal),
    #[error("the patch changes no file; give at least one `*** Add File:`, `*** Update File:` or `*** Delete File:`")]
    Empty,
    #[error("the patch touches more than {MOST_FILES} files; split it")]
    TooMany,
    #[error("`{path}` does not exist; a patch can only update and delete files that do")]
    Absent { path: ProjectPath },
    #[error("`{path}` would be moved onto itself; leave `*** Move to:` out")]
    MoveOntoItself { path: ProjectPath },
    #[error("`{path}` is not UTF-8 text, so a patch cannot update it")]
    NotText { path: ProjectPath },
    #[error("`{path}`: {problem}")]
    Apply { path: ProjectPath, problem: ApplyProblem },
    #[error("the patch leaves every file as it is; nothing would change")]
    NothingChanges,
    /// `path` could not be read or written.
    #[error("{0}")]
    Workspace(#[from] WorkspaceError),
    /// Writing failed, and so did taking back what was written before.
    #[error("{cause}; these files were changed already and could not be taken back: {}", Names(left))]
    Half { cause: WorkspaceError, left: Vec<ProjectPath> },
}

struct Names<'a>(&'a [ProjectPath]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|path| format!("`{path}`")).collect();
        f.write_str(&names.join(", "))
    }
}

/// One file before and after a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchedFile {
    pub path: ProjectPath,
    /// The bytes before; `None` when there was no such file.
    pub before: Option<Vec<u8>>,
    /// The bytes after; `None` when the file goes.
    pub after: Option<Vec<u8>>,
    /// What it may be used for from now on; `None` leaves that as it is.
    pub permissions: Option<Permissions>,
    /// Whether the patch shows what the file held: it updates it, or moves it.
    pub shown: bool,
}

/// What a patch will do, file by file, in the order in which it names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchPlan {
    pub files: Vec<PatchedFile>,
}

/// Every path that a patch names, checked; without looking at any file.
pub fn paths(patch: &str) -> Result<Vec<ProjectPath>, PatchError> {
    let mut paths = Vec::new();
    for action in parse(patch)? {
        let named = match &action {
            FileAction::Add { path, .. } | FileAction::Delete { path } => [Some(path), None],
            FileAction::Update { path, to, .. } => [Some(path), to.as_ref()],
        };
        for path in named.into_iter().flatten() {
            paths.push(ProjectPath::parse(path)?);
        }
    }
    Ok(paths)
}

/// Works a patch out against the files as they are. Nothing is written.
pub fn plan(patch: &str, root: &Root) -> Result<PatchPlan, PatchError> {
    let actions = parse(patch)?;
    if actions.is_empty() {
        return Err(PatchError::Empty);
    }
    if actions.len() > MOST_FILES {
        return Err(PatchError::TooMany);
    }
    let mut draft = Draft { root, files: Vec::new(), index: BTreeMap::new() };
    for action in actions {
        draft.act(action)?;
    }
    draft.files.retain(|file| file.before != file.after || file.permissions.is_some());
    if draft.files.is_empty() {
        return Err(PatchError::NothingChanges);
    }
    Ok(PatchPlan { files: draft.files })
}

/// Files as the patch has made them so far; a later part of a patch sees what an earlier one did.
struct Draft<'a> {
    root: &'a Root,
    files: Vec<PatchedFile>,
    index: BTreeMap<ProjectPath, usize>,
}

impl Draft<'_> {
    fn file(&mut self, path: &str) -> Result<&mut PatchedFile, PatchError> {
        let path = ProjectPath::parse(path)?;
        let index = match self.index.get(&path) {
            Some(index) => *index,
            None => {
                let before = self.root.read(&path)?;
                let after = before.clone();
                self.files.push(PatchedFile { path: path.clone(), before, after, permissions: None, shown: false });
                self.index.insert(path, self.files.len() - 1);
                self.files.len() - 1
            }
        };
        self.files.get_mut(index).ok_or(PatchError::Empty)
    }

    fn act(&mut self, action: FileAction) -> Result<(), PatchError> {
        match action {
            FileAction::Add { path, content } => self.file(&path)?.after = Some(content.into_bytes()),
            FileAction::Delete { path } => {
                let file = self.file(&path)?;
                if file.after.take().is_none() {
                    return Err(PatchError::Absent { path: file.path.clone() });
                }
            }
            FileAction::Update { path, to, chunks } => {
                let file = self.file(&path)?;
                let path = file.path.clone();
                let bytes = file.after.clone().ok_or_else(|| PatchError::Absent { path: path.clone() })?;
                file.shown = true;
                let bytes = if chunks.is_empty() {
                    bytes
                } else {
                    let text = String::from_utf8(bytes).map_err(|_| PatchError::NotText { path: path.clone() })?;
                    update(&text, &chunks)
                        .map_err(|problem| PatchError::Apply { path: path.clone(), problem })?
                        .into_bytes()
                };
                match to {
                    None => file.after = Some(bytes),
                    Some(to) => self.rename(&path, &to, bytes)?,
                }
            }
        }
        Ok(())
    }

    fn rename(&mut self, from: &ProjectPath, to: &str, bytes: Vec<u8>) -> Result<(), PatchError> {
        let permissions = self.root.permissions(from)?;
        let target = self.file(to)?;
        if target.path == *from {
            return Err(PatchError::MoveOntoItself { path: from.clone() });
        }
        target.after = Some(bytes);
        target.permissions = permissions;
        self.file(from.as_str())?.after = None;
        Ok(())
    }
}

/// Carries a plan out: all of it, or nothing.
///
/// Each file is compared with the plan right before it is replaced. After an error what was written before is taken
/// back; only where that fails too, [`PatchError::Half`] names what is left.
pub fn carry_out(plan: &PatchPlan, root: &Root) -> Result<(), PatchError> {
    for file in &plan.files {
        if root.read(&file.path)? != file.before {
            return Err(WorkspaceError::Changed { path: file.path.clone() }.into());
        }
    }
    let mut done: Vec<(&PatchedFile, Option<Permissions>)> = Vec::new();
    // Removals first: a new file may need a folder where an old file stood.
    let (gone, kept): (Vec<_>, Vec<_>) = plan.files.iter().partition(|file| file.after.is_none());
    for file in gone.into_iter().chain(kept) {
        let result = root.permissions(&file.path).and_then(|permissions| {
            done.push((file, permissions));
            put(root, &file.path, file.before.as_deref(), file.after.as_deref(), file.permissions)
        });
        if let Err(cause) = result {
            done.pop();
            return Err(take_back(&done, root, cause));
        }
    }
    Ok(())
}

/// Brings a file from one content to another, if it still has the one.
fn put(
    root: &Root,
    path: &ProjectPath,
    from: Option<&[u8]>,
    to: Option<&[u8]>,
    permissions: Option<Permissions>,
) -> Result<(), WorkspaceError> {
    let expected = from.map(ContentHash::of);
    match to {
        Some(bytes) => root.write_if(path, expected.as_ref(), bytes, permissions),
        None => root.remove_if(path, expected.as_ref()),
    }
}

fn take_back(done: &[(&PatchedFile, Option<Permissions>)], root: &Root, cause: WorkspaceError) -> PatchError {
    let mut left = Vec::new();
    for (file, permissions) in done.iter().rev() {
        let back = put(root, &file.path, file.after.as_deref(), file.before.as_deref(), *permissions).and_then(|()| {
            if file.before.is_none() { root.remove_empty_folders(std::slice::from_ref(&file.path)) } else { Ok(()) }
        });
        if let Err(error) = back {
            tracing::warn!(%error, path = %file.path, "a file of a broken-off patch stays changed");
            left.push(file.path.clone());
        }
    }
    if left.is_empty() { PatchError::Workspace(cause) } else { PatchError::Half { cause, left } }
}
