//! Opening beneath a folder on systems without file-descriptor-relative calls: every folder on the way is
//! looked at before it is used. A program that swaps folders for links at the same time can win that race;
//! the Unix module has no such gap.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::WorkspaceError;
use super::root::{Access, OpenFile, Permissions};
use super::temporary_name;
use crate::domain::{PathRefusal, ProjectPath};

/// What is remembered of the file that was opened last.
pub(super) type Near = ();

/// The project's folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// Whether missing folders on the way are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        fs::read_dir(&root)?;
        Ok(Self { root })
    }

    /// The full path, after a look at every part of it; `None` when a folder on the way is missing.
    fn resolve(&self, path: &ProjectPath, missing: Missing) -> Result<Option<PathBuf>, WorkspaceError> {
        let mut full = self.root.clone();
        let mut parts = path.parts().peekable();
        while let Some(part) = parts.next() {
            full.push(part);
            if parts.peek().is_none() {
                break;
            }
            match fs::symlink_metadata(&full) {
                Ok(found) if found.is_symlink() => return Err(PathRefusal::Link(path.to_string()).into()),
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(WorkspaceError::FileInTheWay { path: path.clone(), file: part.to_owned() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => match missing {
                    Missing::Leave => return Ok(None),
                    Missing::Make => fs::create_dir(&full).map_err(|error| WorkspaceError::sort(&error, path))?,
                },
                Err(error) => return Err(WorkspaceError::sort(&error, path)),
            }
        }
        // Junctions and other reparse points that do not call themselves links.
        if let Some(parent) = full.parent()
            && !parent.canonicalize().is_ok_and(|real| real.starts_with(&self.root))
        {
            return Err(PathRefusal::Link(path.to_string()).into());
        }
        Ok(Some(full))
    }

    /// What stands at a full path; `None` for nothing. Only regular files pass.
    fn regular(full: &Path, path: &ProjectPath) -> Result<Option<fs::Metadata>, WorkspaceError> {
        match fs::symlink_metadata(full) {
            Ok(found) if found.is_symlink() => Err(PathRefusal::Link(path.to_string()).into()),
            Ok(found) if found.is_dir() => Err(PathRefusal::Folder(path.to_string()).into()),
            Ok(found) if found.is_file() => Ok(Some(found)),
            Ok(_) => Err(PathRefusal::Special(path.to_string()).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WorkspaceError::sort(&error, path)),
        }
    }

    /// Opens a file for reading; `None` when there is none.
    pub(super) fn open_file(&self, path: &ProjectPath) -> Result<Option<OpenFile>, WorkspaceError> {
        let Some(full) = self.resolve(path, Missing::Leave)? else { return Ok(None) };
        let Some(found) = Self::regular(&full, path)? else { return Ok(None) };
        let file = File::open(&full).map_err(|error| WorkspaceError::sort(&error, path))?;
        Ok(Some(OpenFile { file, bytes: found.len(), access: Access::Plain }))
    }

    /// The same: nothing is remembered of the file before it.
    pub(super) fn open_near(&self, path: &ProjectPath, _: &mut Near) -> Result<Option<OpenFile>, WorkspaceError> {
        self.open_file(path)
    }

    pub(super) fn mode(&self, path: &ProjectPath) -> Result<Option<Access>, WorkspaceError> {
        let Some(full) = self.resolve(path, Missing::Leave)? else { return Ok(None) };
        Ok(Self::regular(&full, path)?.map(|_| Access::Plain))
    }

    pub(super) fn permissions(&self, path: &ProjectPath) -> Result<Option<Permissions>, WorkspaceError> {
        Ok(self.mode(path)?.map(|_| Permissions(0)))
    }

    /// Replaces a file; `ready` is asked once the new content lies on the disk, right before it takes its place.
    pub(super) fn write(
        &self,
        path: &ProjectPath,
        bytes: &[u8],
        _permissions: Option<Permissions>,
        ready: &dyn Fn() -> Result<(), WorkspaceError>,
    ) -> Result<(), WorkspaceError> {
        let Some(full) = self.resolve(path, Missing::Make)? else { return Ok(()) };
        if Self::regular(&full, path)?.is_some_and(|found| found.permissions().readonly()) {
            return Err(WorkspaceError::ReadOnly { path: path.clone() });
        }
        let temporary = full.with_file_name(temporary_name());
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(|error| WorkspaceError::sort(&error, path))
            .and_then(|()| ready())
            .and_then(|()| fs::rename(&temporary, &full).map_err(|error| WorkspaceError::sort(&error, path)));
        written.inspect_err(|_| {
            if let Err(error) = fs::remove_file(&temporary) {
                tracing::warn!(%error, "a temporary file stays behind");
            }
        })
    }

    pub(super) fn remove(&self, path: &ProjectPath) -> Result<(), WorkspaceError> {
        let Some(full) = self.resolve(path, Missing::Leave)? else { return Ok(()) };
        if Self::regular(&full, path)?.is_none() {
            return Ok(());
        }
        fs::remove_file(&full).map_err(|error| WorkspaceError::sort(&error, path))
    }

    /// Removes an empty folder; `false` when it is not empty or not a folder of the project.
    pub(super) fn remove_folder(&self, folder: &str, _file: &ProjectPath) -> Result<bool, WorkspaceError> {
        let full = self.root.join(folder);
        let real = full.canonicalize().is_ok_and(|real| real == full);
        Ok(real && fs::remove_dir(&full).is_ok())
    }
}
