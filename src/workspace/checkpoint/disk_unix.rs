//! The project's folder as bytes and descriptors: names that are no text, modes, links that are never
//! followed. Every folder is opened from the root in one step that cannot leave it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

pub(super) use super::entry::Kind;
use super::entry::TreePath;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

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
    owner: (u32, u32),
}

impl Stat {
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "the types of these fields differ between systems; all of it is only compared"
    )]
    fn from(stat: &rustix::fs::Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        };
        let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Self {
            kind,
            mode: u32::from(stat.st_mode) & 0o7777,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: time(i64::from(stat.st_mtime), stat.st_mtime_nsec as i64),
            changed: time(i64::from(stat.st_ctime), stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
            device: stat.st_dev as u64,
            owner: (stat.st_uid, stat.st_gid),
        }
    }
}

/// The project's folder, held open.
#[derive(Debug)]
pub(super) struct Disk {
    root: OwnedFd,
}

impl Disk {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Opens a folder beneath the root; no part of the path may be a link.
    pub(super) fn folder(&self, path: &TreePath) -> io::Result<Folder> {
        let relative = if path.bytes().is_empty() { b".".as_slice() } else { path.bytes() };
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            // The kernel answers AGAIN when a rename elsewhere kept it from being sure.
            for _ in 0..32 {
                match rustix::fs::openat2(&self.root, relative, FOLDER, Mode::empty(), resolve) {
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(Errno::NOSYS | Errno::PERM) => break,
                    Err(errno) => return Err(errno.into()),
                    Ok(handle) => return Ok(Folder { handle }),
                }
            }
        }
        let mut handle = rustix::fs::openat(&self.root, ".", FOLDER, Mode::empty())?;
        for part in relative.split(|byte| *byte == b'/') {
            handle = rustix::fs::openat(&handle, part, FOLDER, Mode::empty())?;
        }
        Ok(Folder { handle })
    }
}

/// An open folder of the project.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
}

impl Folder {
    /// The names in it, in no order.
    pub(super) fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// What stands at a name, links not followed; `None` for nothing.
    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Stat::from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The folder itself.
    pub(super) fn own_stat(&self) -> io::Result<Stat> {
        Ok(Stat::from(&rustix::fs::fstat(&self.handle)?))
    }

    /// Opens a regular file for reading; opening waits for nothing.
    pub(super) fn read(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.handle, name, flags, Mode::empty())?))
    }

    pub(super) fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.handle, name, Vec::new())?.into_bytes())
    }

    /// Makes a new file that is ours alone until it is renamed.
    pub(super) fn create(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o600))?))
    }

    /// Gives a new file the mode and, where we may, the owner of what it replaces or of its folder.
    pub(super) fn dress(&self, file: &File, mode: u32, replaces: Option<&Stat>) -> io::Result<()> {
        let (user, group) = match replaces {
            Some(stat) => stat.owner,
            None => self.own_stat()?.owner,
        };
        let (user, group) = (rustix::fs::Uid::from_raw(user), rustix::fs::Gid::from_raw(group));
        // Only the administrator can give a file away; for everyone else it is theirs already.
        if let Err(error) = rustix::fs::fchown(file, Some(user), Some(group)) {
            tracing::debug!(%error, "the owner of a file could not be kept");
        }
        Ok(rustix::fs::fchmod(file, raw(mode))?)
    }

    pub(super) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    pub(super) fn link(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.handle, name)?)
    }

    pub(super) fn make_folder(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o700))?)
    }

    /// Sets the mode of a folder in this one.
    pub(super) fn set_folder_mode(&self, name: &[u8], mode: u32) -> io::Result<()> {
        let folder = rustix::fs::openat(&self.handle, name, FOLDER, Mode::empty())?;
        Ok(rustix::fs::fchmod(&folder, raw(mode))?)
    }

    pub(super) fn set_own_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.handle, raw(mode))?)
    }

    pub(super) fn remove(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes an empty folder; `false` when something is in it.
    pub(super) fn remove_folder(&self, name: &[u8]) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Puts the folder's list of names on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }
}

#[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion, reason = "16 bits on some systems")]
fn raw(mode: u32) -> Mode {
    Mode::from_raw_mode(rustix::fs::RawMode::try_from(mode).unwrap_or(0o600))
}

/// What an open file is now.
pub(super) fn stat_of(file: &File) -> io::Result<Stat> {
    Ok(Stat::from(&rustix::fs::fstat(file)?))
}

/// Puts everything written to the file system of this folder on the disk.
pub(super) fn sync_all(folder: &Path) -> io::Result<()> {
    let handle = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(handle.as_fd())?;
    #[cfg(not(target_os = "linux"))]
    rustix::fs::fsync(handle.as_fd())?;
    Ok(())
}

/// The bytes of a path of the system.
pub(super) fn path_bytes(path: &Path) -> Option<Vec<u8>> {
    Some(path.as_os_str().as_bytes().to_vec())
}

/// A path for matching against ignore rules.
pub(super) fn as_path(bytes: &[u8]) -> Option<&Path> {
    Some(Path::new(OsStr::from_bytes(bytes)))
}
