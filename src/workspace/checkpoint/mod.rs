//! Checkpoints: the state of a whole project at a moment, kept in a store of Kiln's own.
//!
//! [`Store::take`] looks at everything in the project's folder, whoever changed it and whatever git thinks
//! of it, and keeps what is new; [`Store::restore`] goes back. Not covered, and said so: single files and
//! ignored folders above the limits, devices, extended attributes, hard links as such, times. `.git` is
//! neither kept nor touched; git is not run. The calls block on the disk: call them off the tasks that must
//! stay quick. One process at a time works on a project's store; others wait.
//!
//! On disk, below `checkpoints/HASH OF THE PROJECT'S PATH/`: `objects/` (contents and folders' lists by
//! hash), `records/` (one a checkpoint), `index` (a cache), `restoring.json` while a restore is under way.

mod encode;
mod entry;
mod error;
mod head;
mod ignored;
mod index;
mod objects;
mod prune;
mod record;
mod restore;
mod scan;
mod tree;

#[cfg(not(unix))]
#[path = "disk_other.rs"]
mod disk;
#[cfg(unix)]
#[path = "disk_unix.rs"]
mod disk;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use entry::{Digest32, Entry, Gap, TreePath};
pub use error::CheckpointError;
pub use prune::Pruned;
pub use tree::Difference;

use self::disk::Disk;
use self::index::Index;
use self::objects::{Durable, Objects};
use self::record::{Record, Records, Restoring};
use self::restore::{Last, Restorer};
use self::scan::{Scan, Scanner};
use crate::config::make_private_folder;
use crate::domain::checkpoint::Uncovered;
use crate::domain::{Checkpoint, CheckpointId, ExistingFiles, Moment, Occasion, RestoreConflict};

/// How long one Kiln waits for another at work on the same project.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks whether the other is done.
const PAUSE: Duration = Duration::from_millis(10);
/// Paths that are named one by one; beyond it only their number is told.
const NAMED: usize = 20;

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one project's store; a single checkpoint covers at most half of it.
    pub max_bytes: u64,
    /// Checkpoints older than this are pruned, the newest ones excepted.
    pub max_age: Duration,
    /// The largest single file that is covered, in bytes.
    pub file_bytes: u64,
    /// An ignored folder with more bytes or entries than these is left out.
    pub output_bytes: u64,
    pub output_entries: u64,
    /// Entries of a project that are covered at most.
    pub max_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 2 * 1024 * 1024 * 1024,
            max_age: Duration::from_secs(30 * 24 * 3600),
            file_bytes: 128 * 1024 * 1024,
            output_bytes: 32 * 1024 * 1024,
            output_entries: 4000,
            max_entries: 300_000,
        }
    }
}

/// What taking a checkpoint came to.
#[derive(Clone, Debug)]
pub struct Taken {
    pub checkpoint: Checkpoint,
    /// Files whose content had to be read.
    pub read: u64,
    /// Old checkpoints that were removed to stay within the limits.
    pub pruned: Option<Pruned>,
}

/// What is wished of a restore.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The checkpoint to go back to.
    pub target: CheckpointId,
    /// The last state known to be of our making; `None` for the newest checkpoint
    /// that was not taken by a restore. What differs between it
    /// and the target is brought back; everything else is left as it is.
    pub base: Option<CheckpointId>,
    /// Whether files that somebody else changed since are overwritten.
    pub existing: ExistingFiles,
    /// For the checkpoints before and after; their moments are set here.
    pub occasion: Occasion,
}

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The state before it, complete: the way back.
    pub before: CheckpointId,
    /// The state it left.
    pub after: CheckpointId,
    /// Files and links that were brought back, sorted.
    pub restored: Vec<TreePath>,
    /// Files and links that were removed, because they were not there at the checkpoint.
    pub removed: Vec<TreePath>,
    /// Folders that were made, removed or given another mode.
    pub folders: u64,
    /// Left as they are: not covered by one of the checkpoints, or still in use by something that is not.
    pub left: Vec<TreePath>,
    /// Where git's HEAD stood at the checkpoint and where it stands, when it moved.
    pub head: Option<(String, String)>,
    pub pruned: Option<Pruned>,
}

/// How a restore ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done(Box<Report>),
    /// Nothing was touched: somebody should be asked first.
    Asks(RestoreConflict),
}

/// The checkpoints of one project. Clones share it; making one does no work on the disk.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Folder of this project's store.
    place: PathBuf,
    /// Kiln's own data, which is no part of any project.
    data: PathBuf,
    root: PathBuf,
    limits: Limits,
    records: Records,
}

impl Store {
    /// The store of the project in `root`, below `checkpoints` in Kiln's data folder.
    pub fn new(checkpoints: &Path, root: &Path, limits: Limits) -> Self {
        let root = root.canonicalize().or_else(|_| std::path::absolute(root)).unwrap_or_else(|_| root.to_path_buf());
        let name = Digest32::of(root.as_os_str().as_encoded_bytes()).to_string();
        let place = checkpoints.join(name.get(..32).unwrap_or(&name));
        let data = checkpoints.canonicalize().unwrap_or_else(|_| checkpoints.to_path_buf());
        let records = Records::at(&place);
        Self { inner: Arc::new(Inner { place, data, root, limits, records }) }
    }

    /// Keeps the project as it is. Where nothing changed since the newest checkpoint of the same turn, that
    /// one is told again.
    pub fn take(&self, occasion: &Occasion) -> Result<Taken, CheckpointError> {
        self.take_with(occasion, &HashSet::new())
    }

    /// The same, and these files and folders are covered whatever their size, as far as the store has room.
    pub fn take_with(&self, occasion: &Occasion, wanted: &HashSet<TreePath>) -> Result<Taken, CheckpointError> {
        let mut work = self.begin()?;
        let (taken, _) = work.take(occasion, wanted)?;
        Ok(taken)
    }

    /// All checkpoints, oldest first. Records that cannot be read are left out.
    pub fn list(&self) -> Result<Vec<Checkpoint>, CheckpointError> {
        let ids = self.inner.records.ids()?;
        Ok(ids.into_iter().filter_map(|id| Some(self.inner.records.read(id).ok()?.checkpoint)).collect())
    }

    /// One checkpoint.
    pub fn get(&self, id: CheckpointId) -> Result<Checkpoint, CheckpointError> {
        Ok(self.inner.records.read(id)?.checkpoint)
    }

    /// What differs between two checkpoints.
    pub fn diff(&self, from: CheckpointId, to: CheckpointId) -> Result<Vec<Difference>, CheckpointError> {
        let (from, to) = (self.inner.records.read(from)?.tree()?, self.inner.records.read(to)?.tree()?);
        tree::diff(&from, &to, &self.objects())
    }

    /// The checkpoint that a killed process was restoring, and the complete state before that.
    pub fn interrupted(&self) -> Option<(CheckpointId, CheckpointId)> {
        self.inner.records.restoring().map(|restoring| (restoring.target, restoring.before))
    }

    /// Brings the files back to a checkpoint, after keeping them as they are. Each file is old or new at any
    /// moment; after a crash, doing it again completes it.
    pub fn restore(&self, wish: &Wish) -> Result<Outcome, CheckpointError> {
        self.begin()?.restore(wish)
    }

    /// Removes checkpoints that are too many, and contents that no checkpoint needs.
    pub fn prune(&self) -> Result<Option<Pruned>, CheckpointError> {
        self.begin()?.prune()
    }

    fn objects(&self) -> Objects {
        Objects::at(self.inner.place.join("objects"))
    }

    /// Waits for the store to be ours alone.
    fn begin(&self) -> Result<Work<'_>, CheckpointError> {
        let inner = &*self.inner;
        let fail = |error: std::io::Error| CheckpointError::store(&inner.place, &error);
        make_private_folder(&inner.place.join("records")).map_err(fail)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.open(inner.place.join("lock")).map_err(fail)?;
        let begin = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(CheckpointError::Busy),
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
        }
        let disk = Disk::open(&inner.root)
            .map_err(|error| CheckpointError::NoRoot { path: inner.root.clone(), detail: error.to_string() })?;
        let index = fs::read(inner.place.join("index")).ok().and_then(|bytes| Index::decode(&bytes));
        Ok(Work { inner, _lock: lock, disk, objects: self.objects(), index: index.unwrap_or_default() })
    }
}

/// One piece of work on a store, with its lock held.
struct Work<'a> {
    inner: &'a Inner,
    _lock: File,
    disk: Disk,
    objects: Objects,
    index: Index,
}

impl Work<'_> {
    fn scan(&self, wanted: &HashSet<TreePath>) -> Result<Scan, CheckpointError> {
        let own = self.inner.data.strip_prefix(&self.inner.root).ok().and_then(disk::path_bytes).map(TreePath::new);
        let scanner = Scanner {
            disk: &self.disk,
            objects: &self.objects,
            old: &self.index,
            limits: &self.inner.limits,
            own: own.as_ref().filter(|path| !path.bytes().is_empty()),
            wanted,
        };
        scanner.run()
    }

    fn take(&mut self, occasion: &Occasion, wanted: &HashSet<TreePath>) -> Result<(Taken, Scan), CheckpointError> {
        let mut scan = self.scan(wanted)?;
        self.clear_up(&scan);
        let (tree, lists) = tree::keep(&scan.flat, &self.index.lists, &self.objects)?;
        scan.index.lists = lists;
        let (added, count) = self.objects.added();
        if count > 0 {
            disk::sync_all(&self.inner.place).map_err(|error| CheckpointError::store(&self.inner.place, &error))?;
        }
        let newest = self.newest(|_| true)?;
        let changed = match &newest {
            Some(newest) => tree::diff(&newest.tree()?, &tree, &self.objects)?.len() as u64,
            None => 0,
        };
        let head = head::of(&self.inner.root);
        scan.index.stored = self.index.stored.saturating_add(added);
        self.objects = Objects::at(self.inner.place.join("objects"));
        if !scan.index.same_as(&self.index) {
            self.save_index(&scan.index)?;
        }
        std::mem::swap(&mut self.index, &mut scan.index);
        if let Some(newest) = newest.as_ref().filter(|newest| changed == 0 && newest.serves(occasion, head.as_deref()))
        {
            return Ok((Taken { checkpoint: newest.checkpoint.clone(), read: scan.read, pruned: None }, scan));
        }
        let id = self.inner.records.ids()?.last().map_or(CheckpointId(1), |last| last.next());
        let checkpoint = describe(id, occasion, &scan, added, changed, head);
        self.inner.records.write(&Record::new(checkpoint.clone(), tree))?;
        let pruned = self.prune_if_due()?;
        Ok((Taken { checkpoint, read: scan.read, pruned }, scan))
    }

    /// The newest checkpoint that can be read and is as wanted.
    fn newest(&self, wanted: impl Fn(Moment) -> bool) -> Result<Option<Record>, CheckpointError> {
        let ids = self.inner.records.ids()?.into_iter().rev();
        // A damaged record must not keep new ones from being made.
        let mut readable = ids.filter_map(|id| self.inner.records.read(id).ok());
        Ok(readable.find(|record| wanted(record.checkpoint.occasion.moment)))
    }

    fn save_index(&self, index: &Index) -> Result<(), CheckpointError> {
        objects::write_whole(&self.inner.place.join("index"), &index.encode(), Durable::Cache)
            .map_err(|error| CheckpointError::store(&self.inner.place, &error))
    }

    /// Removes what a restore that was killed left half-written. We hold the lock, so it is dead.
    fn clear_up(&self, scan: &Scan) {
        let Some(restoring) = self.inner.records.restoring() else { return };
        for path in scan.temporaries.iter().filter(|path| path.name() == restoring.temporary.as_bytes()) {
            let removed =
                self.disk.folder(&path.parent().unwrap_or_default()).and_then(|folder| folder.remove(path.name()));
            if let Err(error) = removed {
                tracing::warn!(%error, %path, "a half-written file of a restore stays behind");
            }
        }
    }

    fn prune_if_due(&mut self) -> Result<Option<Pruned>, CheckpointError> {
        if !prune::is_due(&self.inner.records, self.index.stored, &self.inner.limits)? {
            return Ok(None);
        }
        self.prune()
    }

    fn prune(&mut self) -> Result<Option<Pruned>, CheckpointError> {
        let (pruned, kept) = prune::run(&self.inner.records, &self.objects, &self.index, &self.inner.limits)?;
        self.index.stored = kept;
        self.save_index(&self.index)?;
        Ok(pruned)
    }

    fn restore(&mut self, wish: &Wish) -> Result<Outcome, CheckpointError> {
        let target = self.inner.records.read(wish.target)?;
        // Taken by a restore, it may hold what somebody else did: asked twice, one must be told the same.
        let of_our_making = |moment: Moment| moment != Moment::BeforeRestore;
        let base = match (wish.base, self.newest(of_our_making)?) {
            (Some(id), _) => self.inner.records.read(id)?,
            (None, Some(newest)) => newest,
            (None, None) => return Err(CheckpointError::Unknown(wish.target)),
        };
        let occasion = |moment: Moment| Occasion { moment, call: None, ..wish.occasion.clone() };
        let nothing = HashSet::new();
        let (before, scan) = self.take(&occasion(Moment::BeforeRestore), &nothing)?;
        let differences = tree::diff(&base.tree()?, &target.tree()?, &self.objects)?;
        let last = self.inner.records.restoring().map_or(Last::Ended, |_| Last::Interrupted);
        let plan = restore::plan(&differences, &scan.flat, wish.existing, last);
        let head = moved(target.checkpoint.head.as_deref(), before.checkpoint.head.as_deref());
        let must_ask = wish.existing == ExistingFiles::Keep && (!plan.conflicts.is_empty() || head.is_some());
        if must_ask {
            let paths = plan.conflicts.iter().take(NAMED).map(ToString::to_string).collect();
            return Ok(Outcome::Asks(RestoreConflict { paths, total: plan.conflicts.len() as u64, head }));
        }
        let temporary = crate::workspace::temporary_name();
        let note = Restoring { target: wish.target, before: before.checkpoint.id, temporary: temporary.clone() };
        self.inner.records.begin(&note)?;
        let restorer = Restorer { disk: &self.disk, objects: &self.objects, temporary: temporary.as_bytes() };
        let done = restorer.run(&plan, &scan.flat)?;
        let (after, _) = self.take(&occasion(Moment::AfterRestore), &nothing)?;
        self.inner.records.end()?;
        let mut left = plan.left;
        left.extend(done.kept);
        Ok(Outcome::Done(Box::new(Report {
            before: before.checkpoint.id,
            after: after.checkpoint.id,
            restored: done.restored,
            removed: done.removed,
            folders: done.folders,
            left,
            head,
            pruned: before.pruned.or(after.pruned),
        })))
    }
}

/// Where HEAD stood and stands, when both are known and differ.
fn moved(then: Option<&str>, now: Option<&str>) -> Option<(String, String)> {
    let (then, now) = (then?, now?);
    (then != now).then(|| (then.to_owned(), now.to_owned()))
}

fn describe(
    id: CheckpointId,
    occasion: &Occasion,
    scan: &Scan,
    added: u64,
    changed: u64,
    head: Option<String>,
) -> Checkpoint {
    let mut gaps: Vec<_> = scan.gaps.iter().collect();
    gaps.sort_unstable_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    let uncovered = gaps.iter().take(NAMED).map(|(path, gap, bytes)| Uncovered {
        path: path.to_string(),
        why: gap.words().to_owned(),
        bytes: *bytes,
    });
    Checkpoint {
        id,
        at: Timestamp::now(),
        occasion: occasion.clone(),
        files: scan.files,
        bytes: scan.bytes,
        added,
        changed,
        head,
        uncovered: uncovered.collect(),
        uncovered_total: scan.gaps.len() as u64,
    }
}
