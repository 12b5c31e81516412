//! Which of a project's own ignore files are read while its files are gone through.
//!
//! The walker opens every `.gitignore` and `.ignore` by itself, whatever stands behind the name. One that is a
//! link, a pipe or a device could make it wait or read for ever, and one of a megabyte costs a gigabyte to
//! compile. Such a file is left unread, as git does with links, and what it would hide is shown.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Bytes of one ignore file that is read.
const LARGEST: u64 = 256 * 1024;
/// Bytes of all ignore files that are read in one go.
const MOST: u64 = 1024 * 1024;

/// Which ignore files count in a folder and below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// `.gitignore`
    pub(super) git: bool,
    /// `.ignore`
    pub(super) plain: bool,
}

impl Rules {
    pub(super) const ALL: Self = Self { git: true, plain: true };

    /// Those of these that can be read in a folder.
    pub(super) fn usable(self, folder: &Path, budget: &Budget) -> Self {
        Self {
            git: self.git && budget.takes(&folder.join(".gitignore")),
            plain: self.plain && budget.takes(&folder.join(".ignore")),
        }
    }
}

/// How much of ignore files is still read.
pub(super) struct Budget(AtomicU64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU64::new(MOST))
    }
}

impl Budget {
    /// Whether a file may be read; one that is not there costs nothing.
    fn takes(&self, file: &Path) -> bool {
        let Ok(found) = file.symlink_metadata() else { return true };
        found.is_file() && found.len() <= LARGEST && self.spend(found.len())
    }

    fn spend(&self, bytes: u64) -> bool {
        let spent = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok()
    }
}

/// What `.git/info/exclude` of the project says; the walker's own reading of it would follow links.
pub(super) fn exclude(root: &Path, budget: &Budget) -> Gitignore {
    let file = root.join(".git/info/exclude");
    let real = |path: &str| root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
    if !real(".git") || !real(".git/info") || !budget.takes(&file) {
        return Gitignore::empty();
    }
    let mut builder = GitignoreBuilder::new(root);
    // One that is not there, or a line that is no pattern, leaves nothing out.
    if let Some(error) = builder.add(&file) {
        tracing::debug!(%error, "`.git/info/exclude` is not read as a whole");
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
