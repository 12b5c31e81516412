//! Going through a project's files with several threads, for searching and listing.
//!
//! The same files count as in [`super::Root::files`]: ignored ones, `.git` and symbolic links are left out. What
//! is found is only named here; reading it goes through [`super::Root::open_file`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::gitignore::Gitignore;
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::error::WorkspaceError;
use super::rules::{self, Budget, Rules};
use super::walk::{left_out, project_path};
use crate::domain::ProjectPath;

/// Folders whose ignore files cannot be read that are gone through all the same; others are left out.
const MOST_ODD: usize = 64;

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
    /// Folders whose `.gitignore` or `.ignore` was not read: it is no plain file, or too large.
    pub unread_rules: usize,
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
        return Ok(Search::new(root, None).run(root, visitor));
    };
    if !is_plain(root, below) {
        return Ok(Walked::default());
    }
    let target = root.join(below.as_str());
    let walked = Search::new(root, Some(target.clone())).run(root, visitor);
    if walked.begun {
        return Ok(walked);
    }
    // It is ignored itself, and named all the same.
    Ok(Walked { begun: true, ..Search::new(root, None).run(&target, visitor) })
}

/// Whether nothing on the way to it is a symbolic link.
fn is_plain(root: &Path, below: &ProjectPath) -> bool {
    let mut path = root.to_owned();
    below.parts().all(|part| {
        path.push(part);
        path.symlink_metadata().is_ok_and(|data| data.is_dir() || data.is_file())
    })
}

/// One search through a project.
struct Search<'a> {
    root: &'a Path,
    /// What is looked for, where it is not everything.
    target: Option<PathBuf>,
    exclude: Arc<Gitignore>,
    budget: Arc<Budget>,
    /// Folders that wait for a look of their own, with the ignore files that count there.
    odd: Arc<Mutex<Vec<(PathBuf, Rules)>>>,
    unread_rules: Arc<AtomicUsize>,
    skipped: AtomicUsize,
    begun: AtomicBool,
    stopped: AtomicBool,
}

impl<'a> Search<'a> {
    fn new(root: &'a Path, target: Option<PathBuf>) -> Self {
        let budget = Budget::default();
        Self {
            root,
            target,
            exclude: Arc::new(rules::exclude(root, &budget)),
            budget: Arc::new(budget),
            odd: Arc::default(),
            unread_rules: Arc::default(),
            skipped: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }

    fn run<'s>(self, from: &Path, visitor: &mut dyn FnMut() -> Visitor<'s>) -> Walked {
        let rules = Rules::ALL.usable(from, &self.budget);
        self.unread_rules.fetch_add(usize::from(rules != Rules::ALL), Ordering::Relaxed);
        let mut next = Some((from.to_owned(), rules));
        while let Some((folder, rules)) = next.filter(|_| !self.stopped.load(Ordering::Relaxed)) {
            self.through(&folder, rules, visitor);
            next = self.odd.lock().unwrap_or_else(PoisonError::into_inner).pop();
        }
        Walked {
            skipped: self.skipped.into_inner(),
            begun: self.begun.into_inner(),
            unread_rules: self.unread_rules.load(Ordering::Relaxed),
        }
    }

    fn walker(&self, from: &Path, rules: Rules) -> WalkBuilder {
        let (aim, exclude, budget) = (self.target.clone(), Arc::clone(&self.exclude), Arc::clone(&self.budget));
        let (odd, unread) = (Arc::clone(&self.odd), Arc::clone(&self.unread_rules));
        let mut builder = WalkBuilder::new(from);
        builder
            .hidden(false)
            .parents(false)
            .git_global(false)
            .git_exclude(false)
            .git_ignore(rules.git)
            .ignore(rules.plain)
            .require_git(false)
            .follow_links(false)
            .threads(std::thread::available_parallelism().map_or(1, usize::from).min(12))
            .filter_entry(move |entry| {
                if entry.depth() == 0 {
                    return true;
                }
                let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                let towards = |aim: &PathBuf| entry.path().starts_with(aim) || aim.starts_with(entry.path());
                if left_out(entry.file_name())
                    || !aim.as_ref().is_none_or(towards)
                    || exclude.matched(entry.path(), is_folder).is_ignore()
                {
                    return false;
                }
                if !is_folder {
                    return true;
                }
                // The walker reads a folder's ignore files when it enters it: those that cannot be read stop it here.
                let usable = rules.usable(entry.path(), &budget);
                if usable == rules {
                    return true;
                }
                let known = unread.fetch_add(1, Ordering::Relaxed);
                if known < MOST_ODD {
                    odd.lock().unwrap_or_else(PoisonError::into_inner).push((entry.path().to_owned(), usable));
                }
                false
            });
        builder
    }

    fn through<'s>(&self, from: &Path, rules: Rules, visitor: &mut dyn FnMut() -> Visitor<'s>) {
        let walker = self.walker(from, rules).build_parallel();
        walker.run(|| {
            let mut visit = visitor();
            Box::new(move |entry| self.found(entry, &mut visit))
        });
    }

    fn found(&self, entry: Result<DirEntry, ignore::Error>, visit: &mut Visitor<'_>) -> WalkState {
        let Ok(entry) = entry else {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return WalkState::Continue;
        };
        let on_the_way = self.target.as_ref().is_some_and(|target| !entry.path().starts_with(target));
        if on_the_way {
            return WalkState::Continue;
        }
        self.begun.store(true, Ordering::Relaxed);
        let kind = entry.file_type();
        let is_folder = kind.is_some_and(|kind| kind.is_dir());
        // The place where the search begins is no find of its own, unless it is a file.
        if is_folder && (entry.depth() == 0 || self.target.as_deref() == Some(entry.path())) {
            return WalkState::Continue;
        }
        let known = is_folder || kind.is_some_and(|kind| kind.is_file());
        let Some(path) = project_path(self.root, entry.path()).filter(|_| known) else {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return WalkState::Continue;
        };
        let kind = if is_folder { FoundKind::Folder } else { FoundKind::File };
        match visit(Found { path, kind, entry: &entry }) {
            Onward::Next => WalkState::Continue,
            Onward::Stop => {
                self.stopped.store(true, Ordering::Relaxed);
                WalkState::Quit
            }
        }
    }
}
