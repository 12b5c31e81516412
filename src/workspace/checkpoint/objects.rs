//! Contents by their hash: written once under a name of their own, complete or absent, and checked whenever
//! they are read.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::entry::Digest32;
use super::error::CheckpointError;
use crate::config::make_private_folder;
use crate::workspace::temporary_name;

/// Files up to this size are hashed in memory and written only when they are new.
const IN_MEMORY: u64 = 4 * 1024 * 1024;
/// Bytes copied at a time.
const PIECE: usize = 128 * 1024;

/// The folder of contents.
#[derive(Debug)]
pub(super) struct Objects {
    place: PathBuf,
    /// Bytes and number of the objects written since this was opened.
    added: AtomicU64,
    count: AtomicU64,
}

/// What sweeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    pub(super) freed: u64,
    pub(super) kept: u64,
}

impl Objects {
    pub(super) fn at(place: PathBuf) -> Self {
        Self { place, added: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Bytes and number of objects that were new.
    pub(super) fn added(&self) -> (u64, u64) {
        (self.added.load(Ordering::Relaxed), self.count.load(Ordering::Relaxed))
    }

    fn path(&self, hash: &Digest32) -> PathBuf {
        let name = hash.to_string();
        let (folder, rest) = name.split_at_checked(2).unwrap_or(("", &name));
        self.place.join(folder).join(rest)
    }

    fn fail(&self, error: &io::Error) -> CheckpointError {
        CheckpointError::store(&self.place, error)
    }

    pub(super) fn has(&self, hash: &Digest32) -> bool {
        fs::symlink_metadata(self.path(hash)).is_ok_and(|found| found.is_file())
    }

    /// Keeps these bytes.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<Digest32, CheckpointError> {
        let hash = Digest32::of(bytes);
        if !self.has(&hash) {
            self.write(&hash, |file| file.write_all(bytes)).map_err(|error| self.fail(&error))?;
        }
        Ok(hash)
    }

    /// Keeps the content of an open file; tells its hash and size. The first error is of the store, the
    /// second of the file.
    pub(super) fn put_file(
        &self,
        file: &mut File,
        expected: u64,
    ) -> Result<Result<(Digest32, u64), io::Error>, CheckpointError> {
        if expected <= IN_MEMORY {
            let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
            if let Err(error) = file.take(IN_MEMORY + 1).read_to_end(&mut bytes) {
                return Ok(Err(error));
            }
            let size = bytes.len() as u64;
            if size <= IN_MEMORY {
                return self.put(&bytes).map(|hash| Ok((hash, size)));
            }
            // It grew while it was read: as a large one, from the start.
            if let Err(error) = io::Seek::rewind(file) {
                return Ok(Err(error));
            }
        }
        self.put_large(file)
    }

    fn put_large(&self, source: &mut File) -> Result<Result<(Digest32, u64), io::Error>, CheckpointError> {
        let folder = self.place.join("new");
        make_private_folder(&folder).map_err(|error| self.fail(&error))?;
        let temporary = Temporary::new(&folder);
        let mut file = temporary.create().map_err(|error| self.fail(&error))?;
        let (hash, size) = match copy(source, &mut file) {
            Ok(copied) => copied,
            Err(Uncopied::Source(error)) => return Ok(Err(error)),
            Err(Uncopied::Target(error)) => return Err(self.fail(&error)),
        };
        if !self.has(&hash) {
            finish(file).and_then(|()| self.place_object(temporary, &hash)).map_err(|error| self.fail(&error))?;
            self.count_new(size);
        }
        Ok(Ok((hash, size)))
    }

    fn write(&self, hash: &Digest32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let target = self.path(hash);
        let folder = target.parent().unwrap_or(&self.place);
        let temporary = Temporary::new(folder);
        let mut file = match temporary.create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_private_folder(folder)?;
                temporary.create()?
            }
            other => other?,
        };
        fill(&mut file)?;
        let size = file.metadata()?.len();
        finish(file)?;
        self.place_object(temporary, hash)?;
        self.count_new(size);
        Ok(())
    }

    fn place_object(&self, temporary: Temporary, hash: &Digest32) -> io::Result<()> {
        let target = self.path(hash);
        if let Some(folder) = target.parent() {
            make_private_folder(folder)?;
        }
        temporary.rename(&target)
    }

    fn count_new(&self, bytes: u64) {
        self.added.fetch_add(bytes, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that are small, such as a folder's list, checked against their hash.
    pub(super) fn read(&self, hash: &Digest32) -> Result<Vec<u8>, CheckpointError> {
        let bytes = match fs::read(self.path(hash)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CheckpointError::lost(&hash)),
            Err(error) => return Err(self.fail(&error)),
        };
        if Digest32::of(&bytes) == *hash { Ok(bytes) } else { Err(CheckpointError::lost(&hash)) }
    }

    /// Writes a content into a file; [`io::ErrorKind::InvalidData`] when it is not what it was.
    pub(super) fn copy_to(&self, hash: &Digest32, target: &mut File) -> io::Result<()> {
        let mut source = File::open(self.path(hash))?;
        let (found, _) =
            copy(&mut source, target).map_err(|(Uncopied::Source(error) | Uncopied::Target(error))| error)?;
        if found == *hash {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "its kept content is damaged"))
        }
    }

    /// Removes every object that is not among `live`, and what a killed process left unfinished. Only while
    /// the store's lock is held.
    pub(super) fn sweep(&self, live: &HashSet<Digest32>) -> Result<Swept, CheckpointError> {
        let mut swept = Swept::default();
        let list = |folder: &Path| match fs::read_dir(folder) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        for folder in list(&self.place).map_err(|error| self.fail(&error))? {
            let above = folder.file_name().to_string_lossy().into_owned();
            for object in list(&folder.path()).map_err(|error| self.fail(&error))? {
                let size = object.metadata().map_or(0, |found| found.len());
                let name = format!("{above}{}", object.file_name().to_string_lossy());
                if Digest32::parse(&name).is_some_and(|hash| live.contains(&hash)) {
                    swept.kept += size;
                } else if fs::remove_file(object.path()).is_ok() {
                    swept.freed += size;
                }
            }
        }
        Ok(swept)
    }
}

/// The end that a copy failed at.
enum Uncopied {
    Source(io::Error),
    Target(io::Error),
}

/// Copies all that is left of a file; tells its hash and size.
fn copy(source: &mut File, target: &mut File) -> Result<(Digest32, u64), Uncopied> {
    let (mut digest, mut size) = (Sha256::new(), 0_u64);
    let mut piece = vec![0_u8; PIECE];
    loop {
        let length = match source.read(&mut piece) {
            Ok(0) => return Ok((Digest32(digest.finalize().into()), size)),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Uncopied::Source(error)),
        };
        let read = piece.get(..length).unwrap_or_default();
        digest.update(read);
        size += read.len() as u64;
        target.write_all(read).map_err(Uncopied::Target)?;
    }
}

/// Where the file system as a whole is synced afterwards, single files need not be.
#[cfg(target_os = "linux")]
fn finish(file: File) -> io::Result<()> {
    drop(file);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn finish(file: File) -> io::Result<()> {
    file.sync_all()
}

/// A file of the store under a name for now; removed on drop unless it was renamed.
struct Temporary {
    path: PathBuf,
    stands: bool,
}

impl Temporary {
    fn new(folder: &Path) -> Self {
        Self { path: folder.join(temporary_name()), stands: true }
    }

    fn create(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.stands = false;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays behind is swept with the next pruning.
        if self.stands && fs::remove_file(&self.path).is_err() {
            tracing::debug!(path = %self.path.display(), "a temporary file of the checkpoint store stays behind");
        }
    }
}

/// Whether a file must be on the disk when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durable {
    Yes,
    /// It checks itself when it is read, and can be made again.
    Cache,
}

/// Puts a file of the store in place as a whole.
pub(super) fn write_whole(path: &Path, bytes: &[u8], durable: Durable) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = Temporary::new(folder);
    let mut file = temporary.create()?;
    file.write_all(bytes)?;
    if durable == Durable::Yes {
        file.sync_all()?;
    }
    drop(file);
    temporary.rename(path)
}
