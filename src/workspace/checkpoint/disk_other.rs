//! The project's folder on systems without file-descriptor-relative calls: every folder on the way is looked
//! at before it is used. Names that are no text are not covered there. A program that swaps folders for links
//! at the same time can win that race; the Unix module has no such gap.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

pub(super) use super::entry::Kind;
use super::entry::TreePath;

/// What the system tells about a name. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) changed: i64,
    pub(super) inode: u64,
    pub(super) device: u64,
}

impl Stat {
    fn from(found: &Metadata) -> Self {
        let kind = match found.file_type() {
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            _ => Kind::Special,
        };
        let time = |time: io::Result<std::time::SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
        };
        let mode = if kind == Kind::File && found.permissions().readonly() { 0o444 } else { 0o644 };
        Self {
            kind,
            mode: if kind == Kind::Folder { 0o755 } else { mode },
            size: found.len(),
            modified: time(found.modified()),
            changed: time(found.created()),
            inode: 0,
            device: 0,
        }
    }
}

fn text(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// The project's folder.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        fs::read_dir(&root)?;
        Ok(Self { root })
    }

    /// A folder beneath the root; no part of the path may be a link.
    pub(super) fn folder(&self, path: &TreePath) -> io::Result<Folder> {
        let mut full = self.root.clone();
        for part in text(path.bytes())?.split('/').filter(|part| !part.is_empty()) {
            full.push(part);
            if !fs::symlink_metadata(&full)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        if full.canonicalize()?.starts_with(&self.root) {
            Ok(Folder { path: full })
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

/// A folder of the project.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    fn at(&self, name: &[u8]) -> io::Result<PathBuf> {
        Ok(self.path.join(text(name)?))
    }

    /// The names in it that are text, in no order.
    pub(super) fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok().map(String::into_bytes));
        }
        Ok(names)
    }

    /// What stands at a name, links not followed; `None` for nothing.
    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        match fs::symlink_metadata(self.at(name)?) {
            Ok(found) => Ok(Some(Stat::from(&found))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The folder itself.
    pub(super) fn own_stat(&self) -> io::Result<Stat> {
        Ok(Stat::from(&fs::symlink_metadata(&self.path)?))
    }

    pub(super) fn read(&self, name: &[u8]) -> io::Result<File> {
        File::open(self.at(name)?)
    }

    pub(super) fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        let target = fs::read_link(self.at(name)?)?;
        target.to_str().map(|target| target.as_bytes().to_vec()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Makes a new file that is ours alone until it is renamed.
    pub(super) fn create(&self, name: &[u8]) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.at(name)?)
    }

    /// Gives a new file its mode, as far as this system has one.
    pub(super) fn dress(&self, file: &File, mode: u32, _replaces: Option<&Stat>) -> io::Result<()> {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(mode & 0o200 == 0);
        file.set_permissions(permissions)
    }

    pub(super) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)
    }

    /// Links need rights that few have here.
    pub(super) fn link(&self, _target: &[u8], _name: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn make_folder(&self, name: &[u8]) -> io::Result<()> {
        fs::create_dir(self.at(name)?)
    }

    pub(super) fn set_folder_mode(&self, _name: &[u8], _mode: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn set_own_mode(&self, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove(&self, name: &[u8]) -> io::Result<()> {
        fs::remove_file(self.at(name)?)
    }

    /// Removes an empty folder; `false` when something is in it.
    pub(super) fn remove_folder(&self, name: &[u8]) -> io::Result<bool> {
        match fs::remove_dir(self.at(name)?) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What an open file is now.
pub(super) fn stat_of(file: &File) -> io::Result<Stat> {
    Ok(Stat::from(&file.metadata()?))
}

/// Single files are synced as they are written here.
pub(super) fn sync_all(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// The bytes of a path of the system, parts joined by `/`.
pub(super) fn path_bytes(path: &Path) -> Option<Vec<u8>> {
    let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/").into_bytes())
}

/// A path for matching against ignore rules.
pub(super) fn as_path(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(Path::new)
}
