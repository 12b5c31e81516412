//! Going through a project's files with several threads, for searching and listing.
//!
//! The same files count as in [`super::Root::files`]: ignored ones, `.git` and symbolic links are left out. What
//! is found is only named here; reading it goes through [`super::Root::open_file`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::error::WorkspaceError;
use super::walk::{left_out, project_path};
use crate::domain::ProjectPath;

/// A file or a folder that was come across.
#[derive(Debug)]
pub struct Found<'a> {
    pub path: ProjectPath,
    pub kind: FoundKind,
    entry: &'a DirEntry,
}

/// What was come across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    File,
    Folder,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    Next,
    Stop,
}

/// Is told of what one thread comes across.
pub type Visitor<'s> = Box<dyn FnMut(Found<'_>) -> Onward + Send + 's>;

/// How a search went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Entries left out because their names or kinds are none we can work with.
    pub skipped: usize,
    /// Whether the folder or file to begin at is there.
    pub begun: bool,
}

impl Found<'_> {
    /// Its size in bytes and when it was changed; zero and the beginning of time when it is gone.
    pub fn size_and_time(&self) -> (u64, std::time::SystemTime) {
        match self.entry.metadata() {
            Ok(data) => (data.len(), data.modified().unwrap_or(std::time::UNIX_EPOCH)),
            Err(_) => (0, std::time::UNIX_EPOCH),
        }
    }
}

/// Tells of every file and folder below `below`, in no order, from several threads with a visitor each.
pub(super) fn walk<'s>(
    root: &Path,
    below: Option<&ProjectPath>,
    visitor: &mut dyn FnMut() -> Visitor<'s>,
) -> Result<Walked, WorkspaceError> {
    std::fs::read_dir(root).map_err(|error| WorkspaceError::no_root(root, &error))?;
    let Some(below) = below else {
        return Ok(through(root, root, None, visitor));
    };
    if !is_plain(root, below) {
        return Ok(Walked::default());
    }
    let walked = through(root, root, Some(below), visitor);
    if walked.begun {
        return Ok(walked);
    }
    // It is ignored itself, and named all the same.
    Ok(Walked { begun: true, ..through(root, &root.join(below.as_str()), None, visitor) })
}

/// Whether nothing on the way to it is a symbolic link.
fn is_plain(root: &Path, below: &ProjectPath) -> bool {
    let mut path = root.to_owned();
    below.parts().all(|part| {
        path.push(part);
        path.symlink_metadata().is_ok_and(|data| data.is_dir() || data.is_file())
    })
}

fn through<'s>(
    root: &Path,
    from: &Path,
    below: Option<&ProjectPath>,
    visitor: &mut dyn FnMut() -> Visitor<'s>,
) -> Walked {
    let target: Option<PathBuf> = below.map(|path| root.join(path.as_str()));
    let (skipped, begun) = (AtomicUsize::new(0), AtomicBool::new(false));
    let aim = target.clone();
    let walker = WalkBuilder::new(from)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .threads(std::thread::available_parallelism().map_or(1, usize::from).min(12))
        .filter_entry(move |entry| {
            let towards = |aim: &PathBuf| entry.path().starts_with(aim) || aim.starts_with(entry.path());
            entry.depth() == 0 || !left_out(entry.file_name()) && aim.as_ref().is_none_or(towards)
        })
        .build_parallel();
    walker.run(|| {
        let mut visit = visitor();
        let (skipped, begun, target) = (&skipped, &begun, &target);
        Box::new(move |entry| {
            let Ok(entry) = entry else {
                skipped.fetch_add(1, Ordering::Relaxed);
                return WalkState::Continue;
            };
            let on_the_way = target.as_ref().is_some_and(|target| !entry.path().starts_with(target));
            if on_the_way {
                return WalkState::Continue;
            }
            begun.store(true, Ordering::Relaxed);
            let kind = entry.file_type();
            let is_folder = kind.is_some_and(|kind| kind.is_dir());
            // The place where the search begins is no find of its own, unless it is a file.
            if is_folder && (entry.depth() == 0 || target.as_deref() == Some(entry.path())) {
                return WalkState::Continue;
            }
            let known = is_folder || kind.is_some_and(|kind| kind.is_file());
            let Some(path) = project_path(root, entry.path()).filter(|_| known) else {
                skipped.fetch_add(1, Ordering::Relaxed);
                return WalkState::Continue;
            };
            let kind = if is_folder { FoundKind::Folder } else { FoundKind::File };
            match visit(Found { path, kind, entry: &entry }) {
                Onward::Next => WalkState::Continue,
                Onward::Stop => WalkState::Quit,
            }
        })
    });
    Walked { skipped: skipped.into_inner(), begun: begun.into_inner() }
}
