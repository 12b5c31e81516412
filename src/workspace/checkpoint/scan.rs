//! A look at the whole project: what stands where, with the content of everything new kept on the way.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Limits;
use super::disk::{self, Disk, Folder, Kind, Stat};
use super::entry::{Entry, Gap, TreePath};
use super::error::CheckpointError;
use super::ignored::{self, Rules};
use super::index::Index;
use super::objects::Objects;
use super::tree::Flat;
use crate::workspace::is_temporary;

/// What a look found.
pub(super) struct Scan {
    pub(super) flat: Flat,
    pub(super) index: Index,
    /// What is not covered, with the bytes that were counted of it.
    pub(super) gaps: Vec<(TreePath, Gap, u64)>,
    /// Temporary files of Kiln's, perhaps of a process that was killed.
    pub(super) temporaries: Vec<TreePath>,
    /// Files whose content was read, and their bytes.
    pub(super) read: u64,
    pub(super) read_bytes: u64,
    /// Files that are covered, and their bytes.
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Scan {
    fn leave(&mut self, path: TreePath, gap: Gap, bytes: u64) {
        if gap.is_worth_telling() {
            self.gaps.push((path.clone(), gap, bytes));
        }
        self.flat.insert(path, Entry::Left { gap });
    }
}

/// What a look needs.
pub(super) struct Scanner<'a> {
    pub(super) disk: &'a Disk,
    pub(super) objects: &'a Objects,
    pub(super) old: &'a Index,
    pub(super) limits: &'a Limits,
    /// Kiln's own folder, where it lies in the project.
    pub(super) own: Option<&'a TreePath>,
    /// What is covered whatever its size, as far as the store has room.
    pub(super) wanted: &'a HashSet<TreePath>,
}

struct Open {
    path: TreePath,
    rules: Arc<Rules>,
    /// Inside a folder that is ignored and small enough.
    within_output: bool,
}

impl Scanner<'_> {
    pub(super) fn run(&self) -> Result<Scan, CheckpointError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let index = Index::default();
        let mut scan = Scan {
            flat: Flat::new(),
            index,
            gaps: Vec::new(),
            temporaries: Vec::new(),
            read: 0,
            read_bytes: 0,
            files: 0,
            bytes: 0,
        };
        let root = TreePath::default();
        let folder = self.disk.folder(&root).map_err(|error| CheckpointError::project(&root, &error))?;
        let stat = folder.own_stat().map_err(|error| CheckpointError::project(&root, &error))?;
        scan.flat.insert(root.clone(), Entry::Folder { mode: stat.mode });
        let mut open = vec![Open { path: root, rules: Arc::new(Rules::default()), within_output: false }];
        while let Some(next) = open.pop() {
            self.folder(&next, now, &mut scan, &mut open)?;
        }
        Ok(scan)
    }

    fn folder(&self, at: &Open, now: i64, scan: &mut Scan, open: &mut Vec<Open>) -> Result<(), CheckpointError> {
        let folder = match self.disk.folder(&at.path) {
            Ok(folder) => folder,
            Err(error) => {
                unreadable(scan, &at.path, &error);
                return Ok(());
            }
        };
        let names = match folder.names() {
            Ok(names) => names,
            Err(error) => {
                unreadable(scan, &at.path, &error);
                return Ok(());
            }
        };
        let rules = Rules::within(&at.rules, &folder, &at.path);
        for name in names {
            let path = at.path.join(&name);
            if std::str::from_utf8(&name).is_ok_and(is_temporary) {
                scan.temporaries.push(path);
                continue;
            }
            let Ok(Some(stat)) = folder.stat(&name) else { continue };
            if let Some(gap) = self.never(&name, &path) {
                scan.leave(path, gap, 0);
                continue;
            }
            if scan.flat.len() as u64 >= self.limits.max_entries {
                scan.leave(path, Gap::Quota, stat.size);
                continue;
            }
            match stat.kind {
                Kind::Special => scan.leave(path, Gap::Special, 0),
                Kind::Link => {
                    if let Ok(target) = folder.read_link(&name) {
                        scan.flat.insert(path, Entry::Link { target });
                    }
                }
                Kind::File => match self.file(&folder, &name, &path, stat, now, scan)? {
                    Some(Entry::Left { gap }) => scan.leave(path, gap, stat.size),
                    entry => scan.flat.extend(entry.map(|entry| (path, entry))),
                },
                Kind::Folder => {
                    let is_output = at.within_output || self.is_output(&rules, &path, &name);
                    if is_output
                        && !at.within_output
                        && !self.is_wanted(&path)
                        && let Some(bytes) = self.too_much(&path)
                    {
                        scan.leave(path, Gap::Build, bytes);
                        continue;
                    }
                    scan.flat.insert(path.clone(), Entry::Folder { mode: stat.mode });
                    open.push(Open { path, rules: Arc::clone(&rules), within_output: is_output });
                }
            }
        }
        Ok(())
    }

    /// Why something is never looked into, by its name.
    fn never(&self, name: &[u8], path: &TreePath) -> Option<Gap> {
        if name.eq_ignore_ascii_case(b".git") {
            return Some(Gap::Git);
        }
        (self.own == Some(path)).then_some(Gap::Own)
    }

    /// Whether this lies in something that is to be covered whatever its size.
    fn is_wanted(&self, path: &TreePath) -> bool {
        !self.wanted.is_empty()
            && (self.wanted.contains(path) || path.ancestors().any(|above| self.wanted.contains(&above)))
    }

    fn is_output(&self, rules: &Rules, path: &TreePath, name: &[u8]) -> bool {
        rules.ignores(path, true) || self.disk.folder(path).is_ok_and(|folder| ignored::is_output(name, &folder))
    }

    /// Counts what an ignored folder holds, as far as the limits go; the bytes counted when it is more.
    fn too_much(&self, path: &TreePath) -> Option<u64> {
        let (mut entries, mut bytes) = (0_u64, 0_u64);
        let mut open = vec![path.clone()];
        while let Some(next) = open.pop() {
            let Ok(folder) = self.disk.folder(&next) else { continue };
            for name in folder.names().unwrap_or_default() {
                let Ok(Some(stat)) = folder.stat(&name) else { continue };
                entries += 1;
                match stat.kind {
                    Kind::Folder => open.push(next.join(&name)),
                    _ => bytes = bytes.saturating_add(stat.size),
                }
                if entries > self.limits.output_entries || bytes > self.limits.output_bytes {
                    return Some(bytes);
                }
            }
        }
        None
    }

    /// Keeps a file's content; `None` when the file went away meanwhile.
    fn file(
        &self,
        folder: &Folder,
        name: &[u8],
        path: &TreePath,
        stat: Stat,
        now: i64,
        scan: &mut Scan,
    ) -> Result<Option<Entry>, CheckpointError> {
        let left = |gap: Gap| Ok(Some(Entry::Left { gap }));
        if stat.size > self.limits.file_bytes && !self.is_wanted(path) {
            return left(Gap::Large);
        }
        if scan.bytes.saturating_add(stat.size) > self.limits.max_bytes / 2 {
            return left(Gap::Quota);
        }
        if let Some(hash) = self.old.hash(path, &stat) {
            scan.index.remember(path, &stat, hash, now);
            scan.files += 1;
            scan.bytes += stat.size;
            return Ok(Some(Entry::File { mode: stat.mode, size: stat.size, hash }));
        }
        let mut file = match folder.read(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return left(Gap::Unreadable),
        };
        let Ok(before) = disk::stat_of(&file) else { return left(Gap::Unreadable) };
        if before.kind != Kind::File {
            return left(Gap::Special);
        }
        let Ok((hash, size)) = self.objects.put_file(&mut file, before.size)? else { return left(Gap::Unreadable) };
        scan.read += 1;
        scan.read_bytes += size;
        scan.files += 1;
        scan.bytes += size;
        // A file that somebody writes to while it is read is looked at again the next time.
        if disk::stat_of(&file).is_ok_and(|after| after == before) {
            scan.index.remember(path, &before, hash, now);
        }
        Ok(Some(Entry::File { mode: before.mode, size, hash }))
    }
}

fn unreadable(scan: &mut Scan, path: &TreePath, error: &io::Error) {
    // One that went away meanwhile is simply not there.
    if error.kind() == io::ErrorKind::NotFound {
        scan.flat.remove(path);
    } else if !path.bytes().is_empty() {
        scan.leave(path.clone(), Gap::Unreadable, 0);
    }
}
