//! The project's files, from outside: whatever is named, nothing beyond the folder is touched, and undo
//! brings back every byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "support/tree.rs"]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use kiln::domain::{ContentHash, FileChange, PathRefusal, ProjectPath, TurnId};
use kiln::workspace::undo::{self, UndoStep};
use kiln::workspace::{Access, MAX_BYTES, Root, WorkspaceError};

use support::tree;

fn path(text: &str) -> ProjectPath {
    ProjectPath::parse(text).unwrap()
}

fn project() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    (dir, root)
}

#[test]
fn files_are_written_read_and_removed_byte_for_byte() {
    let (dir, root) = project();
    let contents: [&[u8]; 5] = [b"", b"a\r\nb\r\n", b"\xef\xbb\xbfbom", b"\xff\xfe\x00", b"no final newline"];
    for (number, bytes) in contents.iter().enumerate() {
        let file = path(&format!("a/b/{number}.txt"));
        assert_eq!(root.read(&file).unwrap(), None);
        root.write(&file, bytes).unwrap();
        assert_eq!(std::fs::read(dir.path().join(file.as_str())).unwrap(), *bytes);
        assert_eq!(root.read(&file).unwrap().as_deref(), Some(*bytes));
        assert_eq!(root.hash(&file).unwrap(), Some(ContentHash::of(bytes)));
    }
    assert_eq!(tree(dir.path()).len(), contents.len(), "no temporary file is left");
    let file = path("a/b/0.txt");
    root.remove(&file).unwrap();
    root.remove(&file).expect("removing twice is no error");
    root.remove(&path("never/was/here")).unwrap();
    assert_eq!(root.read(&file).unwrap(), None);
    assert!(dir.path().join("a/b").is_dir());
}

#[test]
fn paths_that_say_something_wrong_never_become_a_project_path() {
    for text in
        ["../x", "a/../../x", "/etc/passwd", "C:\\x", ".git/config", "a/.GIT/hooks/x", ".git ./x", "nul", "COM1.txt"]
    {
        assert!(ProjectPath::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_folder_that_does_not_exist_is_no_root() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for wrong in ["absent", "file"] {
        let error = Root::open(&dir.path().join(wrong)).unwrap_err();
        assert!(matches!(error, WorkspaceError::NoRoot { .. }), "{error:?}");
        assert!(error.to_fault().hint.is_some());
    }
}

#[test]
fn folders_and_files_do_not_stand_in_for_each_other() {
    let (dir, root) = project();
    root.write(&path("folder/file"), b"x").unwrap();
    let folder = path("folder");
    let results = [root.write(&folder, b"y"), root.read(&folder).map(|_| ()), root.remove(&folder)];
    for result in results {
        assert!(matches!(&result, Err(WorkspaceError::Refused(PathRefusal::Folder(_)))), "{result:?}");
    }
    let below = path("folder/file/deeper/x");
    for result in [root.write(&below, b"y"), root.read(&below).map(|_| ())] {
        let Err(WorkspaceError::FileInTheWay { file, .. }) = &result else { panic!("{result:?}") };
        assert_eq!(file, "folder/file");
    }
    assert_eq!(tree(dir.path()), BTreeMap::from([("folder/file".to_owned(), b"x".to_vec())]));
}

#[test]
fn large_files_are_refused_by_size() {
    let (dir, root) = project();
    let file = std::fs::File::create(dir.path().join("large")).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap();
    let error = root.read(&path("large")).unwrap_err();
    assert!(matches!(error, WorkspaceError::TooLarge { bytes, .. } if bytes == MAX_BYTES + 1), "{error:?}");
    assert_eq!(root.open_file(&path("large")).unwrap().unwrap().bytes, MAX_BYTES + 1);
    file.set_len(MAX_BYTES).unwrap();
    assert!(root.read(&path("large")).is_ok());
    let bytes = vec![0; usize::try_from(MAX_BYTES).unwrap() + 1];
    assert!(matches!(root.write(&path("new"), &bytes), Err(WorkspaceError::TooLarge { .. })));
}

#[test]
fn the_list_obeys_the_projects_own_ignore_files() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join(".gitignore"), "*\n").unwrap();
    let dir = outer.path().join("project");
    for (file, text) in [
        (".gitignore", "target/\n*.log\n!keep.log\n"),
        (".ignore", "secret\n"),
        (".github/ci.yml", ""),
        (".git/config", ""),
        ("sub/.git/config", ""),
        ("target/debug/x", ""),
        ("a.log", ""),
        ("keep.log", ""),
        ("secret", ""),
        ("src/main.rs", ""),
        ("z", ""),
        ("nul.txt", ""),
        (".kiln-0123.tmp", ""),
        (".kiln-0124.tmp/half/file", ""),
    ] {
        let full = dir.join(file);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, text).unwrap();
    }
    let listing = Root::open(&dir).unwrap().files().unwrap();
    let names: Vec<&str> = listing.files.iter().map(ProjectPath::as_str).collect();
    assert_eq!(names, [".github/ci.yml", ".gitignore", ".ignore", "keep.log", "src/main.rs", "z"]);
    assert_eq!((listing.skipped, listing.truncated), (1, false), "the device name is counted");
}

#[test]
fn empty_folders_go_and_others_stay() {
    let (dir, root) = project();
    for file in ["a/b/c/x", "a/keep", "d/e/x"] {
        root.write(&path(file), b"").unwrap();
    }
    let files = [path("a/b/c/x"), path("d/e/x"), path("top")];
    for file in &files {
        root.remove(file).unwrap();
    }
    root.remove_empty_folders(&files).unwrap();
    assert!(dir.path().join("a").is_dir());
    assert!(!dir.path().join("a/b").exists());
    assert!(!dir.path().join("d").exists());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    #[cfg(target_os = "linux")]
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn mode(file: &Path) -> u32 {
        std::fs::symlink_metadata(file).unwrap().mode() & 0o7777
    }

    #[test]
    fn nothing_goes_through_a_symbolic_link() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let (dir, root) = project();
        root.write(&path("real/file"), b"f").unwrap();
        symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
        symlink(outside.path(), dir.path().join("folder")).unwrap();
        symlink("real", dir.path().join("inside")).unwrap();
        symlink("absent", dir.path().join("dangling")).unwrap();
        symlink(outside.path(), dir.path().join("real/deep")).unwrap();
        for text in
            ["file", "folder/secret", "folder/new", "inside/file", "inside/new/x", "dangling", "real/deep/secret"]
        {
            let name = path(text);
            for result in [root.read(&name).map(|_| ()), root.write(&name, b"x"), root.remove(&name)] {
                let Err(WorkspaceError::Refused(PathRefusal::Link(named))) = &result else {
                    panic!("{text}: {result:?}")
                };
                assert_eq!(named, text);
            }
        }
        assert_eq!(tree(outside.path()), BTreeMap::from([("secret".to_owned(), b"s".to_vec())]));
        assert_eq!(root.read(&path("real/file")).unwrap().as_deref(), Some(&b"f"[..]));
        let listing = root.files().unwrap();
        assert_eq!((listing.files, listing.skipped), (vec![path("real/file")], 5));
    }

    #[test]
    fn the_projects_folder_itself_may_be_reached_through_a_link() {
        let (dir, _) = project();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).unwrap();
        symlink(&real, dir.path().join("link")).unwrap();
        let root = Root::open(&dir.path().join("link")).unwrap();
        root.write(&path("x"), b"1").unwrap();
        assert_eq!(std::fs::read(real.join("x")).unwrap(), b"1");
        assert_eq!(root.files().unwrap().files, [path("x")]);
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_it() {
        let (dir, root) = project();
        let pipe = dir.path().join("pipe");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
            0,
        );
        made.unwrap();
        let name = path("pipe");
        for result in [root.read(&name).map(|_| ()), root.write(&name, b"x"), root.mode(&name).map(|_| ())] {
            assert!(matches!(&result, Err(WorkspaceError::Refused(PathRefusal::Special(_)))), "{result:?}");
        }
    }

    #[test]
    fn an_existing_file_keeps_its_mode_and_a_new_one_is_ordinary() {
        let (dir, root) = project();
        root.write(&path("new"), b"1").unwrap();
        assert_eq!(mode(&dir.path().join("new")), 0o644);
        assert_eq!(root.mode(&path("new")).unwrap(), Some(Access::Plain));
        for kept in [0o755, 0o600, 0o664] {
            let file = dir.path().join("kept");
            std::fs::write(&file, "old").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(kept)).unwrap();
            root.write(&path("kept"), b"new").unwrap();
            assert_eq!(mode(&file), kept, "{kept:o}");
        }
        std::fs::set_permissions(dir.path().join("kept"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(root.mode(&path("kept")).unwrap(), Some(Access::Executable));
        assert_eq!(root.mode(&path("absent")).unwrap(), None);
    }

    #[test]
    fn a_read_only_file_is_refused_and_a_hard_link_is_not_written_through() {
        let (dir, root) = project();
        let file = dir.path().join("locked");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(root.write(&path("locked"), b"new"), Err(WorkspaceError::ReadOnly { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), b"old");

        let outside = tempfile::tempdir_in(dir.path().parent().unwrap()).unwrap();
        let other = outside.path().join("other");
        std::fs::write(&other, "theirs").unwrap();
        std::fs::hard_link(&other, dir.path().join("linked")).unwrap();
        root.write(&path("linked"), b"ours").unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
    }

    #[test]
    fn a_refused_write_leaves_no_folder_behind() {
        let (dir, root) = project();
        std::fs::create_dir_all(dir.path().join("a")).unwrap();
        let long = format!("a/new/er/{}", "x".repeat(300));
        assert!(root.write(&path(&long), b"x").is_err());
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_flips_to_a_link_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        let (dir, root) = project();
        let (flip, link) = (dir.path().join("flip"), dir.path().join("link"));
        std::fs::create_dir(&flip).unwrap();
        std::fs::write(flip.join("stays"), "so that the folder is never empty").unwrap();
        std::fs::write(outside.path().join("file"), "outside").unwrap();
        symlink(outside.path(), &link).unwrap();
        let over = AtomicBool::new(false);
        let (mut written, mut refused, mut strange) = (0, 0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // In turn a real folder and a link to the outside stand at `flip`, with nothing in between.
                while !over.load(Ordering::Relaxed) {
                    let (here, flags) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
                    rustix::fs::renameat_with(here, &flip, here, &link, flags).unwrap();
                }
            });
            for round in 0..4000 {
                let name = path(&format!("flip/sub{}/file", round % 3));
                match root.write(&name, b"inside") {
                    Ok(()) => written += 1,
                    Err(_) => refused += 1,
                }
                if root.read(&path("flip/file")).is_ok_and(|bytes| bytes.is_some()) {
                    strange += 1;
                }
                if round % 5 == 0 {
                    root.remove(&name).ok();
                    root.remove_empty_folders(std::slice::from_ref(&name)).ok();
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(strange, 0, "the file outside was read");
        assert_eq!(tree(outside.path()), BTreeMap::from([("file".to_owned(), b"outside".to_vec())]));
        assert!(written > 0 && refused > 0, "there was no race: {written} written, {refused} refused");
    }
}

/// Blobs by hash, as storage would hold them.
#[derive(Default)]
struct Blobs(HashMap<ContentHash, Vec<u8>>);

impl Blobs {
    fn keep(&mut self, bytes: Option<Vec<u8>>) -> Option<ContentHash> {
        let bytes = bytes?;
        let name = ContentHash::of(&bytes);
        self.0.insert(name.clone(), bytes);
        Some(name)
    }
}

/// Writes (or with `None` deletes) a file as a turn does, and records the change.
fn record(root: &Root, blobs: &mut Blobs, turn: u64, file: &ProjectPath, after: Option<&[u8]>) -> Option<FileChange> {
    let before = root.read(file).ok()?;
    match after {
        Some(bytes) => root.write(file, bytes).ok()?,
        None => root.remove(file).ok()?,
    }
    Some(FileChange {
        turn: TurnId(turn),
        step: None,
        path: file.clone(),
        before: blobs.keep(before),
        after: blobs.keep(after.map(<[u8]>::to_vec)),
        bytes: 0,
        added: 0,
        removed: 0,
        author: kiln::domain::Author::Model,
    })
}

#[test]
fn undo_leaves_what_somebody_else_has_changed() {
    let (dir, root) = project();
    let mut blobs = Blobs::default();
    root.write(&path("edited"), b"old").unwrap();
    let mut changes = Vec::new();
    for (file, text) in [("made", "1"), ("made", "2"), ("edited", "new"), ("mine", "turn"), ("gone", "turn")] {
        changes.extend(record(&root, &mut blobs, 1, &path(file), Some(text.as_bytes())));
    }
    std::fs::write(dir.path().join("mine"), "person").unwrap();
    std::fs::remove_file(dir.path().join("gone")).unwrap();

    let steps = undo::plan(&changes, |file| root.hash(file)).unwrap();
    let expected = [
        UndoStep::Restore { path: path("edited"), hash: ContentHash::of(b"old") },
        UndoStep::Remove { path: path("made") },
        UndoStep::Conflict { path: path("mine") },
    ];
    assert_eq!(steps, expected, "a file that is gone already needs no step");
    let touched = undo::apply(&steps, &root, |hash| blobs.0.get(hash).cloned()).unwrap();
    assert_eq!(touched, [path("edited"), path("made")]);
    let left = tree(dir.path());
    assert_eq!(left, BTreeMap::from([("edited".into(), b"old".to_vec()), ("mine".into(), b"person".to_vec())]));
    let again = undo::plan(&changes, |file| root.hash(file)).unwrap();
    assert_eq!(again, [UndoStep::Conflict { path: path("mine") }], "what is back needs no step again");
}

#[test]
fn undo_touches_nothing_when_a_content_is_missing() {
    let (dir, root) = project();
    let mut blobs = Blobs::default();
    root.write(&path("a"), b"old a").unwrap();
    root.write(&path("b"), b"old b").unwrap();
    let changes: Vec<FileChange> =
        ["a", "b"].iter().filter_map(|file| record(&root, &mut blobs, 1, &path(file), Some(b"new"))).collect();
    let steps = undo::plan(&changes, |file| root.hash(file)).unwrap();
    let present = tree(dir.path());
    let error = undo::apply(&steps, &root, |name| blobs.0.get(name).filter(|bytes| **bytes != b"old b").cloned());
    assert!(matches!(&error, Err(WorkspaceError::ContentGone { path }) if path.as_str() == "b"), "{error:?}");
    assert_eq!(tree(dir.path()), present);
}

const FILES: [&str; 6] = ["a", "a/b", "a/b/c", "d.txt", "e/f.txt", "e/g"];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]

    #[test]
    fn undoing_turn_after_turn_brings_every_byte_back(
        start in proptest::collection::vec((0..FILES.len(), proptest::collection::vec(proptest::num::u8::ANY, 0..6)), 0..4),
        turns in proptest::collection::vec(
            proptest::collection::vec(
                (0..FILES.len(), proptest::option::of(proptest::collection::vec(proptest::num::u8::ANY, 0..6))),
                0..6,
            ),
            1..5,
        ),
    ) {
        let (dir, root) = project();
        let mut blobs = Blobs::default();
        for (file, bytes) in &start {
            // Some do not fit beside others, such as `a` and `a/b`.
            root.write(&path(FILES[*file]), bytes).ok();
        }
        let mut before = Vec::new();
        for (number, writes) in turns.iter().enumerate() {
            before.push(tree(dir.path()));
            let mut changes = Vec::new();
            for (file, bytes) in writes {
                let file = path(FILES[*file]);
                changes.extend(record(&root, &mut blobs, number as u64, &file, bytes.as_deref()));
                if bytes.is_none() {
                    root.remove_empty_folders(&[file]).ok();
                }
            }
            let steps = undo::plan(&changes, |file| root.hash(file)).unwrap();
            let conflicts = steps.iter().filter(|step| matches!(step, UndoStep::Conflict { .. })).count();
            proptest::prop_assert_eq!(conflicts, 0);
            // Undo and do again, so that the next turn stands on this one.
            let after = tree(dir.path());
            undo::apply(&steps, &root, |name| blobs.0.get(name).cloned()).unwrap();
            proptest::prop_assert_eq!(&tree(dir.path()), &before[number]);
            let back: Vec<FileChange> = changes
                .iter()
                .rev()
                .map(|change| FileChange { before: change.after.clone(), after: change.before.clone(), ..change.clone() })
                .collect();
            let steps = undo::plan(&back, |file| root.hash(file)).unwrap();
            undo::apply(&steps, &root, |name| blobs.0.get(name).cloned()).unwrap();
            proptest::prop_assert_eq!(tree(dir.path()), after);
        }
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_not_written_over() {
    let (dir, root) = project();
    let file = path("a/b.txt");
    let missing = root.write_if(&file, Some(&ContentHash::of(b"old")), b"new", None);
    assert!(matches!(missing, Err(WorkspaceError::Changed { .. })), "{missing:?}");
    assert!(!dir.path().join("a").exists(), "folders made on the way go again");
    root.write_if(&file, None, b"old", None).unwrap();
    assert!(matches!(root.write_if(&file, None, b"new", None), Err(WorkspaceError::Changed { .. })));
    std::fs::write(dir.path().join("a/b.txt"), "mine").unwrap();
    let expected = ContentHash::of(b"old");
    assert!(matches!(root.write_if(&file, Some(&expected), b"new", None), Err(WorkspaceError::Changed { .. })));
    assert!(matches!(root.remove_if(&file, Some(&expected)), Err(WorkspaceError::Changed { .. })));
    assert_eq!(tree(dir.path()), BTreeMap::from([("a/b.txt".to_owned(), b"mine".to_vec())]));
    root.write_if(&file, Some(&ContentHash::of(b"mine")), b"new", None).unwrap();
    root.remove_if(&file, Some(&ContentHash::of(b"new"))).unwrap();
    assert!(tree(dir.path()).is_empty());
}
