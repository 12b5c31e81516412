//! The way back to a checkpoint: first a plan, which compares three states and touches nothing, then the
//! deed, file by file, each old or new.
//!
//! What is done is the difference between two checkpoints, applied to the tree as it is now. So what
//! somebody else did elsewhere stays, and what somebody else did to the same files is a conflict.

use std::collections::{BTreeMap, HashSet};
use std::io;

use super::disk::{Disk, Folder, Kind};
use super::entry::{Entry, TreePath};
use super::error::CheckpointError;
use super::objects::Objects;
use super::tree::{Difference, Flat};
use crate::domain::ExistingFiles;

/// What has to happen to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    now: Option<Entry>,
    then: Option<Entry>,
}

/// What has to happen, and what cannot.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) actions: BTreeMap<TreePath, Action>,
    /// Changed by somebody else, or something of theirs stands in the way.
    pub(super) conflicts: Vec<TreePath>,
    /// Not touched, because its content is not kept in one of the states.
    pub(super) left: Vec<TreePath>,
}

/// Whether a restore before this one came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Ended,
    /// It was killed. Between a file and a folder that takes its place there may be neither, and new
    /// folders may not have their mode yet.
    Interrupted,
}

/// Plans the way from `present` over `differences` (from the last known state to the wanted one).
pub(super) fn plan(differences: &[Difference], present: &Flat, existing: ExistingFiles, last: Last) -> Plan {
    let left = |entry: Option<&Entry>| entry.is_some_and(Entry::is_left);
    let unkept: HashSet<&TreePath> = differences
        .iter()
        .filter(|one| left(one.before.as_ref()) || left(one.after.as_ref()))
        .map(|one| &one.path)
        .collect();
    let mut plan = Plan::default();
    for Difference { path, before, after } in differences {
        let now = present.get(path);
        if now == after.as_ref() {
            continue;
        }
        if unkept.contains(path) || left(now) {
            let silent = |entry: Option<&Entry>| matches!(entry, Some(Entry::Left { gap }) if !gap.is_worth_telling());
            if ![now, before.as_ref(), after.as_ref()].into_iter().any(silent) {
                plan.left.push(path.clone());
            }
            continue;
        }
        if let Some(above) = path.ancestors().find(|above| unkept.contains(above) || left(present.get(above))) {
            plan.left.push(above);
            continue;
        }
        let folder_somewhere = [before.as_ref(), after.as_ref()].into_iter().flatten().any(Entry::is_folder);
        let half_done = last == Last::Interrupted && now.is_none_or(|now| now.is_folder() && folder_somewhere);
        let folders = [now, before.as_ref(), after.as_ref()].iter().all(|entry| entry.is_some_and(Entry::is_folder));
        if now == before.as_ref() || folders || half_done || existing == ExistingFiles::Replace {
            plan.actions.insert(path.clone(), Action { now: now.cloned(), then: after.clone() });
        } else {
            plan.conflicts.push(path.clone());
        }
    }
    plan.settle_structure(present, existing);
    plan.left.sort_unstable();
    plan.left.dedup();
    plan
}

impl Plan {
    /// Takes out what cannot be put where it belongs: below a file, or in the place of a folder that still
    /// holds something.
    fn settle_structure(&mut self, present: &Flat, existing: ExistingFiles) {
        loop {
            let blocked: Vec<TreePath> =
                self.actions.keys().filter(|path| self.is_blocked(path, present)).cloned().collect();
            if blocked.is_empty() {
                return;
            }
            for path in blocked {
                self.actions.remove(&path);
                match existing {
                    ExistingFiles::Keep => self.conflicts.push(path),
                    ExistingFiles::Replace => self.left.push(path),
                }
            }
        }
    }

    fn is_blocked(&self, path: &TreePath, present: &Flat) -> bool {
        let Some(Action { now, then: Some(then) }) = self.actions.get(path) else { return false };
        let below_a_file = path.ancestors().any(|above| {
            let there = self.actions.get(&above).map_or_else(|| present.get(&above), |action| action.then.as_ref());
            there.is_some_and(|entry| !entry.is_folder())
        });
        let replaces_folder = now.as_ref().is_some_and(Entry::is_folder) && !then.is_folder();
        below_a_file || replaces_folder && !self.empties(path, present)
    }

    /// Whether nothing is left in a folder after the plan.
    fn empties(&self, folder: &TreePath, present: &Flat) -> bool {
        let mut prefix = folder.bytes().to_vec();
        prefix.push(b'/');
        let start = TreePath::new(prefix.clone());
        let stays = |path: &TreePath| self.actions.get(path).is_none_or(|action| action.then.is_some());
        let mut below = present.range(start.clone()..).take_while(|(path, _)| path.bytes().starts_with(&prefix));
        let mut comes = self.actions.range(start..).take_while(|(path, _)| path.bytes().starts_with(&prefix));
        !below.any(|(path, _)| stays(path)) && !comes.any(|(_, action)| action.then.is_some())
    }
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) restored: Vec<TreePath>,
    pub(super) removed: Vec<TreePath>,
    /// Folders that were made, removed or given another mode.
    pub(super) folders: u64,
    /// Folders that still hold something.
    pub(super) kept: Vec<TreePath>,
}

/// Carries a plan out.
pub(super) struct Restorer<'a> {
    pub(super) disk: &'a Disk,
    pub(super) objects: &'a Objects,
    /// The name of a file until it is whole.
    pub(super) temporary: &'a [u8],
}

impl Restorer<'_> {
    /// Every content is looked for before anything is touched.
    pub(super) fn run(&self, plan: &Plan, present: &Flat) -> Result<Done, CheckpointError> {
        for (path, action) in &plan.actions {
            if let Some(Entry::File { hash, .. }) = &action.then
                && !self.objects.has(hash)
            {
                return Err(CheckpointError::lost(&path));
            }
        }
        let mut done = Done::default();
        let mut modes = self.open_up(plan, present)?;
        self.remove(plan, &mut done)?;
        let mut by_depth: Vec<(&TreePath, &Action)> = plan.actions.iter().collect();
        by_depth.sort_by_key(|(path, _)| path.depth());
        for (path, action) in by_depth {
            match &action.then {
                Some(Entry::Folder { mode }) => {
                    if !action.now.as_ref().is_some_and(Entry::is_folder) {
                        self.make_folders(path)?;
                    }
                    modes.insert(path.clone(), *mode);
                    done.folders += 1;
                    continue;
                }
                Some(entry) => {
                    if let Some(parent) = path.parent().filter(|parent| !present.contains_key(parent)) {
                        self.make_folders(&parent)?;
                    }
                    self.put(path, entry)?;
                }
                None => continue,
            }
            done.restored.push(path.clone());
        }
        for (path, mode) in modes.iter().rev() {
            let set = |folder: Folder| folder.set_folder_mode(path.name(), *mode);
            match self.above(path).and_then(set) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CheckpointError::project(path, &error));
                }
                _ => {}
            }
        }
        done.restored.sort_unstable();
        Ok(done)
    }

    fn above(&self, path: &TreePath) -> io::Result<Folder> {
        self.disk.folder(&path.parent().unwrap_or_default())
    }

    /// Makes folders that must change writable for their owner; tells the modes to set at the end.
    fn open_up(&self, plan: &Plan, present: &Flat) -> Result<BTreeMap<TreePath, u32>, CheckpointError> {
        let mut modes = BTreeMap::new();
        for path in plan.actions.keys() {
            let Some(parent) = path.parent().filter(|parent| !parent.bytes().is_empty()) else { continue };
            if let Some(Entry::Folder { mode }) = present.get(&parent)
                && mode & 0o700 != 0o700
                && modes.insert(parent.clone(), *mode).is_none()
            {
                let folder = self.disk.folder(&parent);
                folder
                    .and_then(|folder| folder.set_own_mode(mode | 0o700))
                    .map_err(|error| CheckpointError::project(&parent, &error))?;
            }
        }
        Ok(modes)
    }

    /// Files and links first, then folders from the inside out.
    fn remove(&self, plan: &Plan, done: &mut Done) -> Result<(), CheckpointError> {
        let mut folders = Vec::new();
        for (path, Action { now, then }) in &plan.actions {
            let was_folder = now.as_ref().is_some_and(Entry::is_folder);
            let becomes_folder = then.as_ref().is_some_and(Entry::is_folder);
            if was_folder && !becomes_folder {
                folders.push((path, then.is_none()));
            } else if !was_folder && now.is_some() && (then.is_none() || becomes_folder) {
                self.unlink(path).map_err(|error| CheckpointError::project(path, &error))?;
                if then.is_none() {
                    done.removed.push(path.clone());
                }
            }
        }
        folders.sort_by_key(|(path, _)| std::cmp::Reverse(path.depth()));
        for (path, for_good) in folders {
            let removed = match self.above(path) {
                Ok(folder) => folder.remove_folder(path.name()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
                Err(error) => Err(error),
            };
            match removed.map_err(|error| CheckpointError::project(path, &error))? {
                true => done.folders += u64::from(for_good),
                false => done.kept.push(path.clone()),
            }
        }
        Ok(())
    }

    fn unlink(&self, path: &TreePath) -> io::Result<()> {
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match self.above(path).and_then(|folder| folder.remove(path.name())) {
            Err(error) if !gone(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn make_folders(&self, path: &TreePath) -> Result<(), CheckpointError> {
        let mut missing: Vec<TreePath> = path.ancestors().collect();
        missing.reverse();
        missing.push(path.clone());
        for folder in missing.iter().filter(|folder| !folder.bytes().is_empty()) {
            let made = self.above(folder).and_then(|above| {
                above.make_folder(folder.name())?;
                above.set_folder_mode(folder.name(), 0o755)
            });
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(CheckpointError::project(folder, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts a file or a link in place of whatever file or link stands there, in one step.
    fn put(&self, path: &TreePath, entry: &Entry) -> Result<(), CheckpointError> {
        self.try_put(path, entry).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => CheckpointError::lost(&path),
            _ => CheckpointError::project(path, &error),
        })
    }

    fn try_put(&self, path: &TreePath, entry: &Entry) -> io::Result<()> {
        let folder = self.above(path)?;
        if folder.stat(self.temporary)?.is_some() {
            folder.remove(self.temporary)?;
        }
        let made = self.fill(&folder, path, entry).and_then(|()| folder.rename(self.temporary, path.name()));
        if made.is_err() && folder.stat(self.temporary)?.is_some() {
            folder.remove(self.temporary)?;
        }
        made?;
        folder.sync()
    }

    fn fill(&self, folder: &Folder, path: &TreePath, entry: &Entry) -> io::Result<()> {
        match entry {
            Entry::File { mode, hash, .. } => {
                let mut file = folder.create(self.temporary)?;
                self.objects.copy_to(hash, &mut file)?;
                let old = folder.stat(path.name())?.filter(|stat| stat.kind == Kind::File);
                folder.dress(&file, *mode, old.as_ref())?;
                file.sync_all()
            }
            Entry::Link { target } => folder.link(target, self.temporary),
            Entry::Folder { .. } | Entry::Left { .. } => Ok(()),
        }
    }
}
