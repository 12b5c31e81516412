//! 300 random sequences of what editors, shells and models do to a tree, done directly on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use kiln::domain::{ExistingFiles, Moment};
use kiln::workspace::checkpoint::Outcome;

use super::world::{Dice, Thing, Tree, World, differences, link, name, set_mode, tree};

const SEQUENCES: u64 = 300;
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"src",
    b"with space",
    b"line\nbreak",
    b"not\xfftext",
    b".hidden",
    b"\xc3\xa9",
    b"Makefile",
    b".gitignore",
];

/// A path whose folder exists.
fn place(dice: &mut Dice, root: &Path) -> PathBuf {
    let folders: Vec<PathBuf> = tree(root)
        .into_iter()
        .filter(|(path, thing)| {
            matches!(thing, Thing::Folder { .. }) && !path.components().any(|part| part.as_os_str() == ".git")
        })
        .map(|(path, _)| root.join(path))
        .chain([root.to_path_buf()])
        .collect();
    dice.one_of(&folders).join(name(dice.one_of::<&[u8]>(NAMES)))
}

fn existing(dice: &mut Dice, root: &Path, wanted: impl Fn(&Thing) -> bool) -> Option<PathBuf> {
    let found: Vec<PathBuf> = tree(root)
        .into_iter()
        .filter(|(path, thing)| wanted(thing) && !path.components().any(|part| part.as_os_str() == ".git"))
        .map(|(path, _)| root.join(path))
        .collect();
    (!found.is_empty()).then(|| dice.one_of(&found).clone())
}

fn content(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => Vec::new(),
        1 => b"text without an end of line".to_vec(),
        2 => b"\xff\xfe\x00binary".to_vec(),
        3 => b"*.log\nbuild/\na\n".to_vec(),
        _ => format!("line {}\r\n", dice.below(50)).repeat(dice.below(400)).into_bytes(),
    }
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Whether git's own files lie at or below a path.
fn holds_git(path: &Path) -> bool {
    path.is_dir()
        && !path.is_symlink()
        && tree(path).keys().any(|path| path.components().any(|p| p.as_os_str() == ".git"))
}

fn step(dice: &mut Dice, root: &Path) {
    let is_file = |thing: &Thing| matches!(thing, Thing::File { .. });
    match dice.below(13) {
        0..=2 => {
            let (path, bytes) = (place(dice, root), content(dice));
            if !path.is_dir() && !path.is_symlink() {
                // A read-only file refuses everyone but the administrator.
                fs::write(path, bytes).ok();
            }
        }
        3 => {
            if let Some(path) = existing(dice, root, is_file) {
                let bytes = content(dice);
                // A read-only file refuses everyone but the administrator.
                fs::write(path, bytes).ok();
            }
        }
        // The same size, at the same moment: what a careless cache does not see.
        4 => {
            if let Some(path) = existing(dice, root, is_file) {
                let mut bytes = fs::read(&path).unwrap();
                bytes.reverse();
                // A read-only file refuses everyone but the administrator.
                fs::write(path, bytes).ok();
            }
        }
        5 => {
            if let Some(path) = existing(dice, root, |_| true).filter(|path| !holds_git(path)) {
                remove(&path);
            }
        }
        6 | 7 => {
            let to = place(dice, root);
            if let Some(from) = existing(dice, root, |_| true)
                && !to.starts_with(&from)
                && !from.starts_with(&to)
                && !holds_git(&from)
                && !holds_git(&to)
            {
                remove(&to);
                fs::rename(from, to).unwrap();
            }
        }
        8 => {
            if let Some(path) = existing(dice, root, is_file) {
                set_mode(&path, *dice.one_of(&[0o644, 0o755, 0o600, 0o444, 0o775]));
            }
        }
        9 => {
            if let Some(path) = existing(dice, root, |thing| matches!(thing, Thing::Folder { .. })) {
                set_mode(&path, *dice.one_of(&[0o755, 0o700, 0o750]));
            }
        }
        10 => {
            let path = place(dice, root);
            if !holds_git(&path) {
                remove(&path);
                link(dice.one_of::<&str>(&["a", "..", ".", "/etc/passwd", "nowhere", "src"]), &path);
            }
        }
        // A file becomes a folder, or the other way round.
        11 => {
            let path = place(dice, root);
            if !holds_git(&path) {
                let was_folder = path.is_dir() && !path.is_symlink();
                remove(&path);
                if was_folder {
                    fs::write(path, "was a folder").unwrap();
                } else {
                    fs::create_dir_all(path.join("deep/empty")).unwrap();
                    fs::write(path.join("deep/file"), "was a file").unwrap();
                }
            }
        }
        _ => {
            let path = place(dice, root);
            if !path.exists() && !path.is_symlink() {
                fs::create_dir(path).unwrap();
            }
        }
    }
}

fn check(found: &Tree, wanted: &Tree, what: &str, seed: u64) {
    let wrong = differences(found, wanted);
    assert!(wrong.is_empty(), "{what}, sequence {seed}:\n{}", wrong.join("\n"));
}

#[test]
fn undo_and_redo_return_a_tree_byte_for_byte_after_300_random_sequences() {
    for seed in 0..SEQUENCES {
        let mut dice = Dice::new(seed + 1);
        let world = World::quick();
        let root = world.root();
        if seed % 3 == 0 {
            fs::create_dir_all(root.join(".git/refs")).unwrap();
            fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::create_dir_all(root.join("nested/.git")).unwrap();
            fs::write(root.join("nested/.git/index"), "git's own").unwrap();
        }
        for _ in 0..dice.below(15) {
            step(&mut dice, &root);
        }
        // Three turns, one upon the other.
        let mut turns = Vec::new();
        for turn in 1..=3 {
            let before = (world.tree(), world.take(Moment::BeforeTurn, turn).checkpoint.id);
            for _ in 0..=dice.below(8) {
                step(&mut dice, &root);
            }
            let after = (world.tree(), world.take(Moment::AfterTurn, turn).checkpoint.id);
            turns.push((before, after));
        }
        let mut back = Vec::new();
        for ((old, before), (_, after)) in turns.iter().rev() {
            let report = world.restored(*before, Some(*after));
            check(&world.tree(), old, "undo", seed);
            back.push(report);
        }
        for (((_, _), (new, _)), report) in turns.iter().zip(back.iter().rev()) {
            world.restored(report.before, Some(report.after));
            check(&world.tree(), new, "redo", seed);
        }
        // From anywhere to anywhere, whatever somebody else did meanwhile.
        step(&mut dice, &root);
        let ((wanted, id), _) = &turns[dice.below(3)];
        step(&mut dice, &root);
        let disturbed = world.take(Moment::BeforeCall, 9).checkpoint.id;
        let outcome = world.restore(*id, Some(disturbed), ExistingFiles::Replace);
        assert!(matches!(outcome, Outcome::Done(_)));
        check(&world.tree(), wanted, "rewind", seed);
    }
}
