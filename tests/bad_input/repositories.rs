//! Whatever a repository holds: nobody waits for it, nothing of it runs, and nothing of it is lost.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::Home;
use super::recordings::Recording;

/// A look around, a command, a change.
fn everyday() -> Recording {
    Recording::new()
        .call("list_files", &json!({}), 9_000)
        .call("glob", &json!({"pattern": "**"}), 9_000)
        .call("grep", &json!({"pattern": "needle"}), 9_000)
        .call("shell", &json!({"command": "echo from the shell"}), 9_000)
        .file("made.txt", "made\n", 100)
        .then()
        .text("done")
        .end()
}

/// Files that Kiln, or a library of it, opens by itself.
const KNOWN: [&str; 10] = [
    ".gitignore",
    ".ignore",
    "sub/.gitignore",
    "AGENTS.md",
    "CLAUDE.md",
    ".env",
    ".kiln/config.toml",
    ".mcp.json",
    "Cargo.toml",
    "package.json",
];
const OF_GIT: [&str; 5] = [".git/HEAD", ".git/commondir", ".git/info/exclude", ".git/packed-refs", ".git/config"];

fn place(home: &Home, names: &[&str], make: impl Fn(&Path)) {
    home.put("a.txt", "needle\n");
    home.put("sub/b.txt", "needle\n");
    for name in names {
        let path = home.project().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        make(&path);
    }
}

#[test]
fn pipes_and_devices_in_place_of_known_files_hold_nobody_up() {
    let pipe = |path: &Path| {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    };
    let endless = |path: &Path| symlink("/dev/zero", path).unwrap();
    let with_git: Vec<&str> = KNOWN.into_iter().chain(OF_GIT).collect();
    let without: Vec<&str> = KNOWN.into_iter().chain([".git"]).collect();
    for names in [&with_git, &without] {
        for make in [&pipe as &dyn Fn(&Path), &endless] {
            let home = Home::new();
            place(&home, names, make);
            let played = home.played(&everyday());
            let told = &played.completed().told;
            assert!(told.iter().all(|told| !told.failed), "{told:?}");
            assert!(told[0].text.contains("b.txt") && told[0].text.contains("were not read"), "{}", told[0].text);
            assert!(told[1].text.contains("sub/b.txt") && told[2].text.contains("sub/b.txt"), "{told:?}");
            assert!(told[3].text.contains("from the shell"), "{}", told[3].text);
            assert_eq!(std::fs::read_to_string(home.project().join("made.txt")).unwrap(), "made\n");
        }
    }
}

#[test]
fn nothing_of_a_hostile_repository_runs() {
    let home = Home::new();
    let traces = home.path().join("traces");
    std::fs::create_dir(&traces).unwrap();
    let run = |name: &str| format!("touch {}", traces.join(name).display());
    let script = |name: &str| format!("#!/bin/sh\n{}\n", run(name));
    for folder in [".git", "nested/.git", "bare.git"] {
        home.put(&format!("{folder}/HEAD"), "ref: refs/heads/main\n");
        home.put(&format!("{folder}/refs/heads/.keep"), "");
        home.put(&format!("{folder}/objects/.keep"), "");
        let config = format!(
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = {0}\n\thooksPath = {1}\n\tpager = {0}\n\
             \teditor = {0}\n\tsshCommand = {0}\n[diff]\n\texternal = {0}\n[filter \"x\"]\n\tclean = {0}\n\tsmudge = {0}\n\
             \tprocess = {0}\n[diff \"x\"]\n\ttextconv = {0}\n[alias]\n\tstatus = !{0}\n[include]\n\tpath = /dev/zero\n",
            run("config"),
            home.project().join("hooks").display()
        );
        home.put(&format!("{folder}/config"), config);
    }
    home.put(".gitattributes", "* filter=x diff=x merge=x\n");
    home.put(".envrc", script("envrc"));
    for hook in ["pre-commit", "post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction"] {
        for folder in [".git/hooks", "hooks", ".husky"] {
            home.put(&format!("{folder}/{hook}"), script(hook));
            let path = home.project().join(folder).join(hook);
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    home.put("needle.txt", "needle\n");
    let of_git = super::playing::contents(&home.project().join(".git"));
    // What the model runs is confined, so that even git itself leaves no trace outside.
    let git = json!({"command": "git status; git diff; git -C nested status; true"});
    let recording = everyday().call("shell", &git, 9_000).then().text("done").end();
    let played = home.played(&recording);
    played.completed();
    for arguments in [&["doctor"][..], &["sessions"], &["config"], &["trust"], &["mcp", "list"]] {
        home.run(arguments);
    }
    let traced: Vec<_> = std::fs::read_dir(&traces).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(traced.is_empty(), "{traced:?}");
    assert_eq!(super::playing::contents(&home.project().join(".git")), of_git);
    assert!(home.project().join("made.txt").exists());
}

#[test]
fn names_that_are_no_text_or_look_like_one_another_are_told_and_kept() {
    let home = Home::new();
    let odd: [&[u8]; 5] = [b"bad\xff.txt", b"new\nline.txt", b"esc\x1b[2J.txt", b"\xe2\x80\xaertl.txt", b" space "];
    for name in odd {
        std::fs::write(home.project().join(OsStr::from_bytes(name)), "needle\n").unwrap();
    }
    for (name, text) in
        [("Readme.md", "one"), ("README.md", "two"), ("readme.md", "three"), ("crlf.txt", "needle\r\nb\r\n")]
    {
        home.put(name, text);
    }
    symlink("..", home.project().join("up")).unwrap();
    symlink("loop-b", home.project().join("loop-a")).unwrap();
    symlink("loop-a", home.project().join("loop-b")).unwrap();
    symlink(".", home.project().join("self")).unwrap();
    let recording = Recording::new()
        .call("list_files", &json!({}), 9_000)
        .call("grep", &json!({"pattern": "needle"}), 9_000)
        .call("read_file", &json!({"path": "README.md"}), 9_000)
        .call("read_file", &json!({"path": "crlf.txt"}), 9_000)
        .call("edit_file", &json!({"path": "crlf.txt", "edits": [{"search": "needle\nb", "replace": "x\nb"}]}), 9_000)
        .call("edit_file", &json!({"path": "README.md", "edits": [{"search": "two", "replace": "2"}]}), 9_000)
        .call("read_file", &json!({"path": "ReadMe.md"}), 9_000)
        .then();
    let played = home.played(&recording.text("done").end());
    let told = &played.completed().told;
    assert!(told[0].text.contains("9 entries that are links, devices or not named by text"), "{}", told[0].text);
    assert_eq!(told[1].text, "crlf.txt\n  1: needle");
    assert!(told[2].text.contains("two") && told[3].text.contains("CRLF"), "{told:?}");
    assert!(told[6].failed && told[6].text.contains("`README.md`"), "{}", told[6].text);
    let read = |name: &str| std::fs::read_to_string(home.project().join(name)).unwrap();
    assert_eq!([read("Readme.md"), read("README.md"), read("readme.md")], ["one", "2", "three"]);
    assert_eq!(read("crlf.txt"), "x\r\nb\r\n");
    for name in odd {
        assert_eq!(std::fs::read(home.project().join(OsStr::from_bytes(name))).unwrap(), b"needle\n");
    }
}

#[test]
fn instructions_and_ignore_files_of_megabytes_cost_little() {
    let home = Home::new();
    home.put("AGENTS.md", "Be kind. \u{200b}\n".repeat(700_000));
    home.put(".gitignore", (0..55_000).map(|n| format!("*a{n}*b?[c-z]*\n")).collect::<String>());
    home.put("sub/.ignore", "hidden.txt\n");
    home.put("sub/hidden.txt", "needle\n");
    home.put("a.txt", "needle\n");
    let played = home.played(&everyday());
    let told = &played.completed().told;
    assert!(told[0].text.contains("the ignore files of 1 folders were not read"), "{}", told[0].text);
    assert_eq!(told[2].text, "a.txt\n  1: needle", "the other ignore files hold");
    let notices = played.notices();
    assert!(
        notices.contains("the model is told its first 24 KiB") && notices.contains("invisible characters"),
        "{notices}"
    );
    assert!(notices.len() < 2_000 && played.took.as_secs() < 30, "{:?}", played.took);
}

#[test]
fn a_thousand_folders_deep_is_as_good_as_any() {
    let home = Home::new();
    home.put("a.txt", "needle\n");
    // Deeper than any path that a system takes at once.
    let mut folder = rustix::fs::open(home.project(), rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..1_000 {
        rustix::fs::mkdirat(&folder, "folder", 0o755.into()).unwrap();
        folder = rustix::fs::openat(&folder, "folder", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    }
    let made = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    rustix::fs::openat(&folder, "bottom", made, 0o644.into()).unwrap();
    let played = home.played(&everyday());
    let told = &played.completed().told;
    assert!(told.iter().all(|told| !told.failed), "{told:?}");
    assert_eq!(told[2].text, "a.txt\n  1: needle");
    assert!(home.project().join("made.txt").exists());
    let notices = played.notices();
    assert!(notices.contains("not covered by `/undo`") && notices.len() < 400, "{notices}");
    // The test's own folder can be removed by nobody who names it by its path.
    let removed = std::process::Command::new("rm").arg("-rf").arg(home.project()).status().unwrap();
    assert!(removed.success());
}

/// The large sibling of the tests above: `cargo test --release --test bad_input -- --ignored`.
#[test]
#[ignore = "makes 100,000 files and takes some seconds"]
fn a_hundred_thousand_files_are_worked_with() {
    let home = Home::new();
    for folder in 0..1_000 {
        let folder = home.project().join(format!("d{folder}"));
        std::fs::create_dir(&folder).unwrap();
        for file in 0..100 {
            std::fs::write(folder.join(format!("f{file}.txt")), b"text\n").unwrap();
        }
    }
    home.put("d999/f99.txt", "needle\n");
    let recording = everyday().call("shell", &json!({"command": "rm -r d6; echo x > d5/f5.txt"}), 9_000).then();
    let played = home.played(&recording.text("done").end());
    let told = &played.completed().told;
    assert!(told.iter().all(|told| !told.failed), "{told:?}");
    assert!(told[0].text.lines().count() <= 502 && told[0].text.contains("more; ask with a path"), "{}", told[0].text);
    assert_eq!(told[2].text, "d999/f99.txt\n  1: needle");
    let files = played.facts.iter().filter(|fact| fact["type"] == "checkpoint_taken").count();
    assert!(files >= 3, "checkpoints cover it");
    eprintln!(
        "100,000 files: {:?} for start, list, glob, grep, two commands, a write and their checkpoints",
        played.took
    );
}
