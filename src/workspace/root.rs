//! The project's folder, held open.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beneath::{Folder, Near};
use super::error::WorkspaceError;
use super::search::{self, Visitor, Walked};
use super::walk::{self, Listing};
use crate::domain::{ContentHash, ProjectPath};

/// The largest file that is read or written, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a file is a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    Plain,
    Executable,
}

/// A file's permission bits as its system has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(pub(super) u32);

/// A regular file, open for reading.
#[derive(Debug)]
pub struct OpenFile {
    pub file: File,
    /// Its size when it was opened.
    pub bytes: u64,
    pub access: Access,
}

/// A project's folder. Clones share the handle.
///
/// The calls block on the disk; call them off the tasks that must stay quick.
#[derive(Clone, Debug)]
pub struct Root {
    folder: Arc<Folder>,
    path: PathBuf,
}

/// Opens many files of a project. The folder of the last one stays open, for a search meets the files of a
/// folder together.
#[derive(Debug)]
pub struct Reader<'a> {
    folder: &'a Folder,
    near: Near,
}

impl Reader<'_> {
    /// [`Root::open_file`] for a file that a walk has just come across.
    pub fn open_file(&mut self, path: &ProjectPath) -> Result<Option<OpenFile>, WorkspaceError> {
        self.folder.open_near(path, &mut self.near)
    }
}

impl Root {
    /// Opens an existing folder.
    pub fn open(dir: &Path) -> Result<Self, WorkspaceError> {
        let path = std::path::absolute(dir).map_err(|error| WorkspaceError::no_root(dir, &error))?;
        let folder = Folder::open(&path).map_err(|error| WorkspaceError::no_root(dir, &error))?;
        Ok(Self { folder: Arc::new(folder), path })
    }

    /// The folder's absolute path, as it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file's bytes; `None` when there is no such file.
    pub fn read(&self, path: &ProjectPath) -> Result<Option<Vec<u8>>, WorkspaceError> {
        let Some(open) = self.open_file(path)? else { return Ok(None) };
        let too_large = |bytes: u64| WorkspaceError::TooLarge { path: path.clone(), bytes, limit: MAX_BYTES };
        if open.bytes > MAX_BYTES {
            return Err(too_large(open.bytes));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(open.bytes).unwrap_or(0));
        // The file may grow while it is read.
        let mut limited = open.file.take(MAX_BYTES + 1);
        limited.read_to_end(&mut bytes).map_err(|error| WorkspaceError::sort(&error, path))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > MAX_BYTES { Err(too_large(length)) } else { Ok(Some(bytes)) }
    }

    /// A file to be read bit by bit, of any size; `None` when there is no such file.
    pub fn open_file(&self, path: &ProjectPath) -> Result<Option<OpenFile>, WorkspaceError> {
        self.folder.open_file(path)
    }

    /// Opens files one after the other, as a search comes across them.
    pub fn reader(&self) -> Reader<'_> {
        Reader { folder: &self.folder, near: Near::default() }
    }

    /// The hash of a file's bytes; `None` when there is no such file.
    pub fn hash(&self, path: &ProjectPath) -> Result<Option<ContentHash>, WorkspaceError> {
        Ok(self.read(path)?.map(|bytes| ContentHash::of(&bytes)))
    }

    /// Puts a file in place as a whole: whoever reads it, also after a crash, sees the old bytes or the new
    /// ones. Missing folders are made; an existing file keeps its mode.
    pub fn write(&self, path: &ProjectPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
        fits(path, bytes)?;
        self.folder.write(path, bytes, None, &|| Ok(()))
    }

    /// [`Root::write`], if the file's content has this hash (`None`: if there is no such file) right before it is
    /// replaced. It gets these permissions; without, an existing
    /// file keeps its own.
    pub fn write_if(
        &self,
        path: &ProjectPath,
        expected: Option<&ContentHash>,
        bytes: &[u8],
        permissions: Option<Permissions>,
    ) -> Result<(), WorkspaceError> {
        fits(path, bytes)?;
        self.folder.write(path, bytes, permissions, &|| self.expect(path, expected))
    }

    /// [`Root::remove`], if the file's content has this hash right before.
    pub fn remove_if(&self, path: &ProjectPath, expected: Option<&ContentHash>) -> Result<(), WorkspaceError> {
        self.expect(path, expected)?;
        self.folder.remove(path)
    }

    fn expect(&self, path: &ProjectPath, expected: Option<&ContentHash>) -> Result<(), WorkspaceError> {
        if self.hash(path)?.as_ref() == expected { Ok(()) } else { Err(WorkspaceError::Changed { path: path.clone() }) }
    }

    /// Removes a file; its folder stays. A file that is not there is no error.
    pub fn remove(&self, path: &ProjectPath) -> Result<(), WorkspaceError> {
        self.folder.remove(path)
    }

    /// Removes the folders above these files that hold nothing any more, innermost first.
    pub fn remove_empty_folders(&self, files: &[ProjectPath]) -> Result<(), WorkspaceError> {
        for file in files {
            let mut folder = file.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                if !self.folder.remove_folder(above, file)? {
                    break;
                }
                folder = above;
            }
        }
        Ok(())
    }

    /// The project's files, sorted: those that its own `.gitignore` and `.ignore` files leave, hidden ones
    /// included, `.git` and symbolic links left out.
    pub fn files(&self) -> Result<Listing, WorkspaceError> {
        walk::files(&self.path)
    }

    /// Tells of every file and folder below `below` (the whole project when absent) that [`Root::files`]
    /// would count, in no order, from several threads with a visitor each. A folder that is ignored but named
    /// is gone through all the same.
    pub fn walk<'s>(
        &self,
        below: Option<&ProjectPath>,
        visitor: &mut dyn FnMut() -> Visitor<'s>,
    ) -> Result<Walked, WorkspaceError> {
        search::walk(&self.path, below, visitor)
    }

    /// Whether a file is a program; `None` when there is no such file.
    pub fn mode(&self, path: &ProjectPath) -> Result<Option<Access>, WorkspaceError> {
        self.folder.mode(path)
    }

    /// A file's permission bits; `None` when there is no such file.
    pub fn permissions(&self, path: &ProjectPath) -> Result<Option<Permissions>, WorkspaceError> {
        self.folder.permissions(path)
    }
}

fn fits(path: &ProjectPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_BYTES {
        return Err(WorkspaceError::TooLarge { path: path.clone(), bytes: size, limit: MAX_BYTES });
    }
    Ok(())
}
