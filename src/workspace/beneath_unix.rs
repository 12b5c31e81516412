//! Opening beneath a folder on Unix: every path is resolved by [`open_beneath`], which follows no symbolic
//! link and cannot leave the folder, also while others rename things underneath.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::WorkspaceError;
use super::root::{Access, OpenFile, Permissions};
use super::temporary_name;
use crate::domain::{PathRefusal, ProjectPath};

/// How paths are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel in one step, where it can (Linux 5.6 and later).
    Kernel,
    /// One part after the other.
    Steps,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    way: Way,
}

/// The folder of the file that was opened last, by its path.
pub(super) type Near = Option<(String, OwnedFd)>;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder `relative` (parts joined by `/`, checked as text before) below `root`.
fn open_beneath(root: BorrowedFd<'_>, relative: &str, way: Way) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if way == Way::Kernel {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        // The kernel answers AGAIN when a rename elsewhere kept it from being sure.
        for _ in 0..32 {
            match rustix::fs::openat2(root, relative, FOLDER, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Old kernels and some containers know no such call.
                Err(Errno::NOSYS | Errno::PERM) => break,
                other => return other,
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _: Way = way;
    let mut folder = rustix::fs::openat(root, ".", FOLDER, Mode::empty())?;
    for part in relative.split('/') {
        folder = rustix::fs::openat(&folder, part, FOLDER, Mode::empty())?;
    }
    Ok(folder)
}

/// The folder of a path, and the path's last part.
fn split(path: &ProjectPath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or((".", path.as_str()))
}

impl Folder {
    /// Opens the project's folder; the way there may go through links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let way = if cfg!(target_os = "linux") { Way::Kernel } else { Way::Steps };
        Ok(Self { handle: rustix::fs::open(path, flags, Mode::empty())?, way })
    }

    /// The folder that holds `path`; `None` when it does not exist.
    fn parent(&self, path: &ProjectPath) -> Result<Option<OwnedFd>, WorkspaceError> {
        match open_beneath(self.handle.as_fd(), split(path).0, self.way) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.explain(errno, path)),
        }
    }

    /// What stands at `name`; `None` for nothing. Only regular files pass.
    fn regular(parent: &OwnedFd, path: &ProjectPath) -> Result<Option<Stat>, WorkspaceError> {
        match rustix::fs::statat(parent, split(path).1, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => only_regular(&stat, path).map(|()| Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(WorkspaceError::sort(&errno.into(), path)),
        }
    }

    /// Says which part of the path is a link or a file where the way there was refused.
    fn explain(&self, errno: Errno, path: &ProjectPath) -> WorkspaceError {
        if !matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::XDEV) {
            return WorkspaceError::sort(&errno.into(), path);
        }
        let mut known = String::new();
        let mut folder = rustix::fs::openat(&self.handle, ".", FOLDER, Mode::empty());
        for part in path.parts() {
            if !known.is_empty() {
                known.push('/');
            }
            known.push_str(part);
            let Ok(above) = folder else { break };
            match rustix::fs::statat(&above, part, AtFlags::SYMLINK_NOFOLLOW).map(|stat| kind(&stat)) {
                Ok(FileType::Directory) => folder = rustix::fs::openat(&above, part, FOLDER, Mode::empty()),
                Ok(FileType::Symlink) | Err(_) => break,
                Ok(_) => return WorkspaceError::FileInTheWay { path: path.clone(), file: known },
            }
        }
        PathRefusal::Link(path.to_string()).into()
    }

    /// Opens a file for reading; `None` when there is none.
    pub(super) fn open_file(&self, path: &ProjectPath) -> Result<Option<OpenFile>, WorkspaceError> {
        let Some(parent) = self.parent(path)? else { return Ok(None) };
        // Looked at before it is opened: opening a device can have effects, opening a pipe can wait.
        if Self::regular(&parent, path)?.is_none() {
            return Ok(None);
        }
        Self::open_in(&parent, path)
    }

    /// The same for a file that was just seen to be a regular one, near the one that was opened before it.
    pub(super) fn open_near(&self, path: &ProjectPath, near: &mut Near) -> Result<Option<OpenFile>, WorkspaceError> {
        let above = split(path).0;
        if near.as_ref().is_none_or(|(known, _)| known != above) {
            let Some(parent) = self.parent(path)? else { return Ok(None) };
            *near = Some((above.to_owned(), parent));
        }
        match near {
            Some((_, parent)) => Self::open_in(parent, path),
            None => Ok(None),
        }
    }

    fn open_in(parent: &OwnedFd, path: &ProjectPath) -> Result<Option<OpenFile>, WorkspaceError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(parent, split(path).1, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(PathRefusal::Link(path.to_string()).into()),
            Err(errno) => return Err(WorkspaceError::sort(&errno.into(), path)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|errno| WorkspaceError::sort(&errno.into(), path))?;
        only_regular(&stat, path)?;
        let bytes = u64::try_from(stat.st_size).unwrap_or(0);
        Ok(Some(OpenFile { file: File::from(file), bytes, access: access(&stat) }))
    }

    pub(super) fn mode(&self, path: &ProjectPath) -> Result<Option<Access>, WorkspaceError> {
        let Some(parent) = self.parent(path)? else { return Ok(None) };
        Ok(Self::regular(&parent, path)?.map(|stat| access(&stat)))
    }

    pub(super) fn permissions(&self, path: &ProjectPath) -> Result<Option<Permissions>, WorkspaceError> {
        let Some(parent) = self.parent(path)? else { return Ok(None) };
        Ok(Self::regular(&parent, path)?.map(|stat| Permissions(stat.st_mode & 0o7777)))
    }

    /// Replaces a file; `ready` is asked once the new content lies on the disk, right before it takes its place.
    pub(super) fn write(
        &self,
        path: &ProjectPath,
        bytes: &[u8],
        permissions: Option<Permissions>,
        ready: &dyn Fn() -> Result<(), WorkspaceError>,
    ) -> Result<(), WorkspaceError> {
        let mut made = Made::default();
        let parent = match self.parent(path)? {
            Some(parent) => parent,
            None => self.make_parents(path, &mut made)?,
        };
        let old = Self::regular(&parent, path)?;
        if old.as_ref().is_some_and(|stat| stat.st_mode & 0o222 == 0) {
            return Err(WorkspaceError::ReadOnly { path: path.clone() });
        }
        let sort = |error: io::Error| WorkspaceError::sort(&error, path);
        let mode = mode(old.as_ref(), permissions);
        let mut new = prepare(&parent, split(path).1, bytes, old.as_ref(), mode).map_err(sort)?;
        ready()?;
        new.put(split(path).1).map_err(sort)?;
        made.keep();
        Ok(())
    }

    /// Makes the folders above a path that are missing, one below the other.
    fn make_parents(&self, path: &ProjectPath, made: &mut Made) -> Result<OwnedFd, WorkspaceError> {
        let sort = |errno: Errno| WorkspaceError::sort(&errno.into(), path);
        let mut folder = rustix::fs::openat(&self.handle, ".", FOLDER, Mode::empty()).map_err(sort)?;
        for part in split(path).0.split('/') {
            match rustix::fs::mkdirat(&folder, part, Mode::from_raw_mode(0o777)) {
                Ok(()) => {
                    made.folders.push((
                        folder.try_clone().map_err(|error| WorkspaceError::sort(&error, path))?,
                        part.to_owned(),
                    ));
                    rustix::fs::fsync(&folder).map_err(sort)?;
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(sort(errno)),
            }
            folder = open_beneath(folder.as_fd(), part, self.way).map_err(|errno| self.explain(errno, path))?;
        }
        Ok(folder)
    }

    pub(super) fn remove(&self, path: &ProjectPath) -> Result<(), WorkspaceError> {
        let Some(parent) = self.parent(path)? else { return Ok(()) };
        if Self::regular(&parent, path)?.is_none() {
            return Ok(());
        }
        let removed = rustix::fs::unlinkat(&parent, split(path).1, AtFlags::empty());
        match removed.and_then(|()| rustix::fs::fsync(&parent)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(WorkspaceError::sort(&errno.into(), path)),
        }
    }

    /// Removes an empty folder; `false` when it is not empty or not a folder of the project.
    pub(super) fn remove_folder(&self, folder: &str, file: &ProjectPath) -> Result<bool, WorkspaceError> {
        let (above, name) = folder.rsplit_once('/').unwrap_or((".", folder));
        let above = match open_beneath(self.handle.as_fd(), above, self.way) {
            Ok(above) => above,
            // Gone already, perhaps with a folder above it: go on further up.
            Err(Errno::NOENT) => return Ok(true),
            Err(errno) => return Err(self.explain(errno, file)),
        };
        match rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::BUSY) => Ok(false),
            Err(errno) => Err(WorkspaceError::sort(&errno.into(), file)),
        }
    }
}

/// Folders made on the way to a file; taken back on drop unless the file got there.
#[derive(Default)]
struct Made {
    folders: Vec<(OwnedFd, String)>,
}

impl Made {
    fn keep(mut self) {
        self.folders.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for (above, name) in self.folders.iter().rev() {
            if rustix::fs::unlinkat(above, name.as_str(), AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
    }
}

/// A temporary file; removed on drop unless it was renamed.
struct Temporary<'a> {
    parent: &'a OwnedFd,
    name: Option<String>,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = rustix::fs::unlinkat(self.parent, name.as_str(), AtFlags::empty())
        {
            tracing::warn!(%error, name, "a temporary file stays behind");
        }
    }
}

/// Writes beside the target; the old content stays whole until the new one is [`Temporary::put`] over it.
fn prepare<'a>(
    parent: &'a OwnedFd,
    name: &str,
    bytes: &[u8],
    old: Option<&Stat>,
    mode: Mode,
) -> io::Result<Temporary<'a>> {
    let temporary = temporary_name();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(parent, temporary.as_str(), flags, Mode::from_raw_mode(0o600))?);
    let guard = Temporary { parent, name: Some(temporary) };
    if let Some(old) = old {
        let (owner, group) = (rustix::fs::Uid::from_raw(old.st_uid), rustix::fs::Gid::from_raw(old.st_gid));
        // Only the administrator can give a file away; for everyone else it is theirs already or becomes so.
        if let Err(error) = rustix::fs::fchown(&file, Some(owner), Some(group)) {
            tracing::debug!(%error, name, "the owner of a file could not be kept");
        }
    }
    rustix::fs::fchmod(&file, mode)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(guard)
}

impl Temporary<'_> {
    /// Takes the place of the file of that name.
    fn put(&mut self, name: &str) -> io::Result<()> {
        if let Some(temporary) = &self.name {
            rustix::fs::renameat(self.parent, temporary.as_str(), self.parent, name)?;
        }
        self.name = None;
        rustix::fs::fsync(self.parent)?;
        Ok(())
    }
}

/// The mode of a file that replaces `old`.
fn mode(old: Option<&Stat>, permissions: Option<Permissions>) -> Mode {
    let kept = || old.map_or(0o644, |stat| stat.st_mode & 0o7777);
    Mode::from_raw_mode(permissions.map_or_else(kept, |permissions| permissions.0))
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn only_regular(stat: &Stat, path: &ProjectPath) -> Result<(), WorkspaceError> {
    match kind(stat) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(PathRefusal::Link(path.to_string()).into()),
        FileType::Directory => Err(PathRefusal::Folder(path.to_string()).into()),
        _ => Err(PathRefusal::Special(path.to_string()).into()),
    }
}

fn access(stat: &Stat) -> Access {
    if stat.st_mode & 0o100 != 0 { Access::Executable } else { Access::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_resolving_refuse_and_allow_the_same() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("real/deep")).unwrap();
        std::fs::write(dir.path().join("file"), "f").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("in")).unwrap();
        for way in [Way::Kernel, Way::Steps] {
            let folder = Folder { way, ..Folder::open(dir.path()).unwrap() };
            let path = |text: &str| ProjectPath::parse(text).unwrap();
            for link in ["out/secret", "out/new", "in/deep/x", "in/x", "out/made/x"] {
                for result in [
                    folder.write(&path(link), b"x", None, &|| Ok(())),
                    folder.open_file(&path(link)).map(|_| ()),
                    folder.remove(&path(link)),
                ] {
                    let refused = matches!(&result, Err(WorkspaceError::Refused(PathRefusal::Link(_))));
                    assert!(refused, "{way:?} {link}: {result:?}");
                }
            }
            let result = folder.write(&path("file/x"), b"x", None, &|| Ok(()));
            assert!(
                matches!(&result, Err(WorkspaceError::FileInTheWay { file, .. }) if file == "file"),
                "{way:?} {result:?}"
            );
            folder.write(&path("real/deep/new/x"), b"x", None, &|| Ok(())).unwrap();
            assert_eq!(folder.open_file(&path("real/deep/new/x")).unwrap().unwrap().bytes, 1);
            std::fs::remove_dir_all(dir.path().join("real/deep/new")).unwrap();
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
