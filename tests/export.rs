//! Exports, from outside: whole or not at all, the same bytes for the same files, names for every system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "support/tree.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::domain::ContentHash;
use kiln::domain::ExistingFiles::{Keep, Replace};
use kiln::domain::ProjectPath;
use kiln::export::{self, Bundle, ExportError, TARGETS};
use kiln::workspace::{Access, Root};
use support::tree;

/// A project with all that matters for an export, and a folder beside it for destinations.
struct Scene {
    dir: tempfile::TempDir,
    root: Root,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let scene = Self { root: Root::open(&project).unwrap(), dir };
        scene.put("src/main.py", b"print('hi')\n");
        scene.put("readme.md", "# gr\u{fc}\u{df}e\r\n".as_bytes());
        scene.put("empty", b"");
        scene.put("data/all.bin", &(0..=255).cycle().take(70_000).collect::<Vec<u8>>());
        scene.put(".gitignore", b"*.log\n");
        scene.put("debug.log", b"ignored");
        scene.put(".git/config", b"git's own");
        scene.put(".kiln/notes", b"kiln's own");
        scene
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn expected() -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([
            (".gitignore".to_owned(), b"*.log\n".to_vec()),
            ("data/all.bin".to_owned(), (0..=255).cycle().take(70_000).collect()),
            ("empty".to_owned(), Vec::new()),
            ("readme.md".to_owned(), "# gr\u{fc}\u{df}e\r\n".as_bytes().to_vec()),
            ("src/main.py".to_owned(), b"print('hi')\n".to_vec()),
        ])
    }
}

fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_and_an_archive_hold_the_projects_files_and_nothing_else() {
    let scene = Scene::new();
    let size: u64 = Scene::expected().values().map(|bytes| bytes.len() as u64).sum();
    for (kind, destination) in [("folder", "new/deep/folder"), ("zip", "new/deep/archive.zip")] {
        let destination = scene.out(destination);
        let exported = export::run(kind, &scene.root, &destination, Keep).unwrap();
        assert_eq!((exported.files, exported.bytes, exported.renamed.len()), (5, size, 0), "{kind}");
        assert_eq!(exported.path, destination);
        let found = if kind == "zip" { unpacked(&destination) } else { tree(&destination) };
        assert_eq!(found, Scene::expected(), "{kind}");
    }
    assert_eq!(names_in(&scene.out("new/deep")), ["archive.zip", "folder"], "no temporary file is left");
}

#[test]
fn the_same_files_give_the_same_archive_wherever_and_whenever() {
    let contents = [
        ("src/main.rs", "fn main() {}\n", Access::Plain),
        ("run.sh", "#!/bin/sh\n", Access::Executable),
        ("\u{65e5}\u{672c}.md", "text", Access::Plain),
    ];
    let bundle = |order: &[usize]| {
        Bundle::of_contents(order.iter().map(|index| {
            let (name, text, access) = contents[*index];
            (ProjectPath::parse(name).unwrap(), text.as_bytes().to_vec(), access)
        }))
    };
    let dir = tempfile::tempdir().unwrap();
    let target = TARGETS.iter().find(|target| target.id == "zip").unwrap();
    let (one, two) = (dir.path().join("one.zip"), dir.path().join("two.zip"));
    (target.write)(&bundle(&[0, 1, 2]), &one, Keep).unwrap();
    (target.write)(&bundle(&[2, 0, 1]), &two, Keep).unwrap();
    let bytes = std::fs::read(&one).unwrap();
    assert_eq!(bytes, std::fs::read(&two).unwrap());
    // Changes only when the way of packing changes, which must be on purpose.
    assert_eq!(ContentHash::of(&bytes).as_str(), GOLDEN);

    let scene = Scene::new();
    for (name, second) in [("a.zip", 1_000_000_000), ("b.zip", 1_500_000_000)] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(second);
        std::fs::File::open(scene.root.path().join("readme.md")).unwrap().set_modified(time).unwrap();
        export::run("zip", &scene.root, &scene.out(name), Keep).unwrap();
    }
    assert_eq!(std::fs::read(scene.out("a.zip")).unwrap(), std::fs::read(scene.out("b.zip")).unwrap());
}

const GOLDEN: &str = "1a059c95772e73ce7c0b7a756f218af1d593414f63f1f73dee6dd60bd69fbd27";

#[test]
fn other_programs_unpack_the_archive() {
    let scene = Scene::new();
    let archive = scene.out("archive.zip");
    export::run("zip", &scene.root, &archive, Keep).unwrap();
    let script =
        "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])";
    let mut unzip = Command::new("unzip");
    unzip.arg("-q").arg(&archive).arg("-d").arg(scene.out("by-unzip"));
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(&archive).arg(scene.out("by-python"));
    for (mut program, folder) in [(unzip, "by-unzip"), (python, "by-python")] {
        // Where the program is not installed there is nothing to compare with.
        let Ok(output) = program.output() else { continue };
        assert!(output.status.success(), "{program:?}: {output:?}");
        assert_eq!(tree(&scene.out(folder)), Scene::expected(), "{folder}");
    }
}

#[test]
fn what_exists_is_kept_unless_it_is_to_be_replaced() {
    let scene = Scene::new();
    for (kind, name) in [("folder", "there"), ("zip", "there.zip")] {
        let destination = scene.out(name);
        let precious = if kind == "zip" { destination.clone() } else { destination.join("precious") };
        std::fs::create_dir_all(precious.parent().unwrap()).unwrap();
        std::fs::write(&precious, "precious").unwrap();
        let error = export::run(kind, &scene.root, &destination, Keep).unwrap_err();
        assert!(matches!(&error, ExportError::Exists { path } if *path == destination), "{kind}: {error:?}");
        assert!(error.to_fault().hint.is_some());
        assert_eq!(std::fs::read(&precious).unwrap(), b"precious");

        export::run(kind, &scene.root, &destination, Replace).unwrap();
        let found = if kind == "zip" { unpacked(&destination) } else { tree(&destination) };
        assert_eq!(found, Scene::expected(), "the old content is gone as a whole");
        export::run(kind, &scene.root, &destination, Replace).expect("and again");
    }
    assert_eq!(names_in(scene.dir.path()), ["project", "there", "there.zip"]);
}

#[test]
fn an_empty_folder_is_as_good_as_none() {
    let scene = Scene::new();
    std::fs::create_dir(scene.out("empty")).unwrap();
    export::run("folder", &scene.root, &scene.out("empty"), Keep).unwrap();
    assert_eq!(tree(&scene.out("empty")), Scene::expected());
    assert_eq!(names_in(scene.dir.path()), ["empty", "project"]);
}

#[test]
fn files_and_folders_are_not_replaced_by_each_other() {
    let scene = Scene::new();
    std::fs::write(scene.out("file"), "x").unwrap();
    std::fs::create_dir(scene.out("dir")).unwrap();
    for (kind, name) in [("folder", "file"), ("zip", "dir")] {
        let error = export::run(kind, &scene.root, &scene.out(name), Replace).unwrap_err();
        assert!(matches!(error, ExportError::OtherKind { .. }), "{kind}: {error:?}");
    }
    let error = export::run("zip", &scene.root, &scene.out("file/below.zip"), Replace).unwrap_err();
    assert!(matches!(error, ExportError::OtherKind { .. }), "{error:?}");
    assert_eq!(std::fs::read(scene.out("file")).unwrap(), b"x");
}

#[test]
fn replacing_never_removes_the_project_or_a_repository() {
    let scene = Scene::new();
    let before = tree(scene.dir.path());
    let crooked = scene.root.path().join("src/../../project");
    for destination in [scene.root.path(), scene.dir.path(), crooked.as_path()] {
        let error = export::run("folder", &scene.root, destination, Replace).unwrap_err();
        assert!(matches!(error, ExportError::HoldsProject { .. }), "{destination:?}: {error:?}");
    }
    std::fs::create_dir_all(scene.out("repository/.git")).unwrap();
    let error = export::run("folder", &scene.root, &scene.out("repository"), Replace).unwrap_err();
    assert!(matches!(error, ExportError::Precious { .. }), "{error:?}");
    let here = std::path::absolute(".").unwrap();
    let error = export::run("folder", &scene.root, &here, Replace).unwrap_err();
    assert!(matches!(error, ExportError::Precious { .. }), "{error:?}");
    assert_eq!(tree(scene.dir.path()), before);
}

#[test]
fn a_destination_inside_the_project_is_not_part_of_the_next_export() {
    let scene = Scene::new();
    let inside = |name: &str| scene.root.path().join(name);
    for (kind, name) in [("folder", "out/dist"), ("zip", "archive.zip")] {
        let earlier = [inside("out/dist"), inside("archive.zip")];
        for _ in 0..3 {
            let exported = export::run_without(kind, &scene.root, &inside(name), Replace, &earlier).unwrap();
            assert_eq!(exported.files, 5, "{name}");
        }
        if kind == "folder" {
            let exported = export::run(kind, &scene.root, &inside(name), Replace).unwrap();
            assert_eq!(exported.files, 5, "its own destination needs no mention");
        }
    }
    assert_eq!(unpacked(&inside("archive.zip")), Scene::expected());
    assert_eq!(tree(&inside("out/dist")), Scene::expected());
}

#[test]
fn an_export_that_fails_half_way_leaves_nothing() {
    let scene = Scene::new();
    scene.put("z-last", b"goes away");
    let bundle = Bundle::of_project(&scene.root, &[]).unwrap();
    std::fs::remove_file(scene.root.path().join("z-last")).unwrap();
    std::fs::create_dir(scene.out("old")).unwrap();
    std::fs::write(scene.out("old/file"), "old").unwrap();
    std::fs::write(scene.out("old.zip"), "old").unwrap();
    for target in TARGETS {
        for existing in [Keep, Replace] {
            let error = (target.write)(&bundle, &scene.out("made/on/the/way/x"), existing).unwrap_err();
            assert!(matches!(&error, ExportError::Vanished { file } if file == "z-last"), "{error:?}");
        }
        let old = scene.out(if target.id == "zip" { "old.zip" } else { "old" });
        (target.write)(&bundle, &old, Replace).unwrap_err();
    }
    assert_eq!(names_in(scene.dir.path()), ["old", "old.zip", "project"]);
    assert_eq!(std::fs::read(scene.out("old/file")).unwrap(), b"old");
    assert_eq!(std::fs::read(scene.out("old.zip")).unwrap(), b"old");
}

#[test]
fn a_project_without_files_has_nothing_to_export() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("project/.git")).unwrap();
    let root = Root::open(&dir.path().join("project")).unwrap();
    let error = export::run("zip", &root, &dir.path().join("x.zip"), Keep).unwrap_err();
    assert!(matches!(error, ExportError::Empty), "{error:?}");
    assert_eq!(names_in(dir.path()), ["project"]);
}

#[test]
fn doubtful_names_are_changed_and_told() {
    let bundle = Bundle::of_contents(
        ["Readme", "README", "ab:c", "dot./x"]
            .map(|name| (ProjectPath::parse(name).unwrap(), name.as_bytes().to_vec(), Access::Plain)),
    );
    let dir = tempfile::tempdir().unwrap();
    let expected = BTreeMap::from([
        ("README".to_owned(), b"README".to_vec()),
        ("Readme-2".to_owned(), b"Readme".to_vec()),
        ("ab_c".to_owned(), b"ab:c".to_vec()),
        ("dot_/x".to_owned(), b"dot./x".to_vec()),
    ]);
    for target in TARGETS {
        let destination = dir.path().join(target.id);
        let exported = (target.write)(&bundle, &destination, Keep).unwrap();
        let renamed: Vec<(&str, &str)> = exported.renamed.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(renamed, [("Readme", "Readme-2"), ("ab:c", "ab_c"), ("dot./x", "dot_/x")]);
        let found = if target.id == "zip" { unpacked(&destination) } else { tree(&destination) };
        assert_eq!(found, expected, "{}", target.id);
    }
}

#[cfg(unix)]
#[test]
fn programs_stay_programs_and_links_stay_behind() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let scene = Scene::new();
    scene.put("run.sh", b"#!/bin/sh\n");
    let script = scene.root.path().join("run.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink("/etc/passwd", scene.root.path().join("link")).unwrap();
    let exported = export::run("folder", &scene.root, &scene.out("f"), Keep).unwrap();
    assert_eq!((exported.files, exported.left_out), (6, 1));
    let mode = |name: &str| std::fs::metadata(scene.out(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("f/run.sh") & 0o100, mode("f/readme.md") & 0o111), (0o100, 0));

    export::run("zip", &scene.root, &scene.out("z"), Keep).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(scene.out("z")).unwrap()).unwrap();
    let mut modes = BTreeMap::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).unwrap();
        modes.insert(file.name().unwrap().into_owned(), file.unix_mode().unwrap() & 0o777);
    }
    assert_eq!((modes["run.sh"], modes["readme.md"]), (0o755, 0o644));
    assert!(!modes.contains_key("link"));
}

#[test]
fn destinations_are_read_from_words() {
    let target = export::parse_target(" zip:out/a b:c.zip ").unwrap();
    assert_eq!((target.kind.as_str(), target.path.as_path()), ("zip", Path::new("out/a b:c.zip")));
    assert_eq!(export::parse_target("FOLDER:/x").unwrap().kind, "folder");
    for wrong in ["", "zip", "zip:", "tar:x", "/tmp/x", "zip:~/x", "folder:~"] {
        let fault = export::parse_target(wrong).unwrap_err();
        assert!(fault.hint.is_some(), "{wrong}: {fault:?}");
    }
    let scene = Scene::new();
    let error = export::run("tar", &scene.root, &scene.out("x"), Keep).unwrap_err();
    assert!(matches!(error, ExportError::UnknownKind { .. }));
}
