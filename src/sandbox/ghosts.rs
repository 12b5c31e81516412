//! Folders that stand in for control folders that do not exist, so that a command cannot make them.
//!
//! They are empty, the command sees them read-only, and they are gone when the last command of the
//! project has ended. One that a killed Kiln left behind is taken for one of these, since an empty
//! `.git` means nothing to anybody, and goes with the next command.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The folders of one command, held by shared locks.
#[derive(Debug)]
pub(super) struct Ghosts(Vec<(PathBuf, File)>);

impl Ghosts {
    /// Makes or joins the folders. Where that cannot be, the audit after the command has to do.
    pub(super) fn make(paths: impl Iterator<Item = PathBuf>) -> Self {
        Self(paths.filter_map(|path| Some((path.clone(), join(&path)?))).collect())
    }

    /// Removes those that nobody else holds.
    pub(super) fn remove(self) {
        for (path, held) in self.0 {
            // Others hold it: the last of them removes it. A folder that is not empty stays, too.
            if flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok() && same(&path, &held) {
                fs::remove_dir(&path).ok();
            }
        }
    }
}

fn join(path: &Path) -> Option<File> {
    for _ in 0..16 {
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        let Ok(held) = File::open(path) else { continue };
        // Whoever held it alone may just have removed it; then there is another to make.
        if flock(&held, FlockOperation::LockShared).is_ok() && same(path, &held) {
            return Some(held);
        }
    }
    None
}

/// Whether the path still leads to the opened folder, and not through a link.
fn same(path: &Path, held: &File) -> bool {
    match (path.symlink_metadata(), held.metadata()) {
        (Ok(found), Ok(held)) => found.is_dir() && (found.dev(), found.ino()) == (held.dev(), held.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_command_removes_the_folder() {
        let project = tempfile::tempdir().unwrap();
        let path = project.path().join(".git");
        let first = Ghosts::make([path.clone()].into_iter());
        let second = Ghosts::make([path.clone()].into_iter());
        first.remove();
        assert!(path.is_dir());
        second.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_with_something_in_it_stays() {
        let project = tempfile::tempdir().unwrap();
        let path = project.path().join(".git");
        let ghosts = Ghosts::make([path.clone()].into_iter());
        fs::write(path.join("x"), "").unwrap();
        ghosts.remove();
        assert!(path.join("x").exists());
    }
}
