//! What the last look at the project found, so that the next one reads only what changed.
//!
//! A file counts as unchanged when size, both times, inode and device are the same. Files that changed
//! within the clock's own grain are not remembered: they could change again without showing it.

use std::collections::{HashMap, HashSet};

use super::disk::Stat;
use super::encode::{Reader, Writer};
use super::entry::{Digest32, TreePath};

const MARK: &[u8] = b"kiln-index-1\n";
/// How coarse the times of files may be, in nanoseconds.
const GRAIN: i64 = 40_000_000;
/// The same where times are whole seconds.
const COARSE_GRAIN: i64 = 2_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// What makes a file recognisable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
    device: u64,
}

impl Marks {
    fn of(stat: &Stat) -> Self {
        let Stat { size, modified, changed, inode, device, .. } = *stat;
        Self { size, modified, changed, inode, device }
    }
}

/// Files by path with the hash of their content, and the lists that are in the store.
#[derive(Debug, Default)]
pub(super) struct Index {
    files: HashMap<TreePath, (Marks, Digest32)>,
    pub(super) lists: HashSet<Digest32>,
    /// Bytes in the store, as far as known.
    pub(super) stored: u64,
}

impl Index {
    /// The hash of a file that looks as it did.
    pub(super) fn hash(&self, path: &TreePath, stat: &Stat) -> Option<Digest32> {
        self.files.get(path).filter(|(marks, _)| *marks == Marks::of(stat)).map(|(_, hash)| *hash)
    }

    /// Remembers a file, unless it changed so shortly before `now` (nanoseconds) that a further change
    /// might not show.
    pub(super) fn remember(&mut self, path: &TreePath, stat: &Stat, hash: Digest32, now: i64) {
        let newest = stat.modified.max(stat.changed);
        let grain = if stat.modified % SECOND == 0 && stat.changed % SECOND == 0 { COARSE_GRAIN } else { GRAIN };
        if newest < now.saturating_sub(grain) {
            self.files.insert(path.clone(), (Marks::of(stat), hash));
        }
    }

    /// Whether writing this instead of the other would change nothing.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.files == other.files && self.lists == other.lists && self.stored == other.stored
    }

    /// All contents that are remembered.
    pub(super) fn hashes(&self) -> impl Iterator<Item = Digest32> {
        self.files.values().map(|(_, hash)| *hash).chain(self.lists.iter().copied())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_mark(MARK);
        writer.number(self.stored);
        writer.number(self.lists.len() as u64);
        for hash in &self.lists {
            writer.hash(hash);
        }
        for (path, (marks, hash)) in &self.files {
            writer.text(path.bytes());
            writer.number(marks.size);
            writer.number(marks.modified.cast_unsigned());
            writer.number(marks.changed.cast_unsigned());
            writer.number(marks.inode);
            writer.number(marks.device);
            writer.hash(hash);
        }
        writer.sealed()
    }

    /// `None` for anything that is not wholly an index of ours: then everything is read anew.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::sealed(bytes, MARK)?;
        let mut index = Self { stored: reader.number()?, ..Self::default() };
        for _ in 0..reader.number()? {
            index.lists.insert(reader.hash()?);
        }
        while !reader.is_empty() {
            let path = TreePath::new(reader.text()?);
            let marks = Marks {
                size: reader.number()?,
                modified: reader.number()?.cast_signed(),
                changed: reader.number()?.cast_signed(),
                inode: reader.number()?,
                device: reader.number()?,
            };
            index.files.insert(path, (marks, reader.hash()?));
        }
        Some(index)
    }
}
