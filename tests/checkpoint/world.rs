//! A project with a store beside it, and the project's tree as a value.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use kiln::domain::{CheckpointId, ExistingFiles, Moment, Occasion, SessionId, TurnId};
use kiln::workspace::checkpoint::{Limits, Outcome, Report, Store, Taken, Wish};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    File { mode: u32, bytes: Vec<u8> },
    Folder { mode: u32 },
    Link(PathBuf),
}

pub type Tree = BTreeMap<PathBuf, Thing>;

/// Everything below a folder, `.git` and all.
pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let mode = found.mode() & 0o7777;
            let thing = if found.is_symlink() {
                Thing::Link(fs::read_link(&path).unwrap())
            } else if found.is_dir() {
                open.push(path.clone());
                Thing::Folder { mode }
            } else {
                Thing::File { mode, bytes: fs::read(&path).unwrap() }
            };
            tree.insert(path.strip_prefix(root).unwrap().to_path_buf(), thing);
        }
    }
    tree
}

/// What differs between two trees, for a message that can be read.
pub fn differences(found: &Tree, wanted: &Tree) -> Vec<String> {
    let paths: std::collections::BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    paths
        .into_iter()
        .filter(|path| found.get(*path) != wanted.get(*path))
        .map(|path| format!("{}: {:?} instead of {:?}", path.display(), found.get(path), wanted.get(path)))
        .collect()
}

pub struct World {
    pub folder: tempfile::TempDir,
    pub store: Store,
    pub session: SessionId,
}

impl World {
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::over(tempfile::tempdir().unwrap(), limits)
    }

    /// In memory where that can be had: for tests of many rounds, which a disk would sync each time.
    pub fn quick() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self::over(folder, Limits::default())
    }

    fn over(folder: tempfile::TempDir, limits: Limits) -> Self {
        fs::create_dir(folder.path().join("project")).unwrap();
        let store = store(folder.path(), limits);
        Self { folder, store, session: SessionId::generate() }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    pub fn tree(&self) -> Tree {
        tree(&self.root())
    }

    pub fn occasion(&self, moment: Moment, turn: u64) -> Occasion {
        Occasion { moment, session: self.session, turn: TurnId(turn), call: None, label: "words".to_owned() }
    }

    pub fn take(&self, moment: Moment, turn: u64) -> Taken {
        self.store.take(&self.occasion(moment, turn)).unwrap()
    }

    pub fn restore(&self, target: CheckpointId, base: Option<CheckpointId>, existing: ExistingFiles) -> Outcome {
        restore(&self.store, target, base, existing)
    }

    pub fn restored(&self, target: CheckpointId, base: Option<CheckpointId>) -> Report {
        match self.restore(target, base, ExistingFiles::Keep) {
            Outcome::Done(report) => *report,
            Outcome::Asks(conflict) => panic!("it asks: {conflict:?}"),
        }
    }
}

pub fn store(folder: &Path, limits: Limits) -> Store {
    Store::new(&folder.join("data/checkpoints"), &folder.join("project"), limits)
}

pub fn restore(store: &Store, target: CheckpointId, base: Option<CheckpointId>, existing: ExistingFiles) -> Outcome {
    store.restore(&wish(target, base, existing)).unwrap()
}

pub fn wish(target: CheckpointId, base: Option<CheckpointId>, existing: ExistingFiles) -> Wish {
    let session = SessionId::generate();
    let label = String::new();
    let occasion = Occasion { moment: Moment::BeforeRestore, session, turn: TurnId(1), call: None, label };
    Wish { target, base, existing, occasion }
}

pub fn name(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn link(target: &str, path: &Path) {
    symlink(target, path).unwrap();
}

/// Numbers that look random and are the same in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }

    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
