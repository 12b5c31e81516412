//! Searching and listing: what a project can hold, and what comes back.

use std::path::Path;

use kiln::tools::{self, ToolContext};
use kiln::workspace::Root;
use serde_json::{Value, json};

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn call(dir: &Path, tool: &str, arguments: impl Into<Value>) -> String {
    let root = Root::open(dir).unwrap();
    let answer = tools::find(tool)
        .unwrap()
        .run(&arguments.into(), &ToolContext { root: &root, plan: &[], seen: &kiln::workspace::seen::Seen::default() });
    if answer.failed { format!("refused: {}", answer.for_model()) } else { answer.for_model() }
}

#[test]
fn grep_answers_with_lines_files_or_counts() {
    let dir = project(&[
        ("src/a.rs", "fn one() {}\nlet Two = 2;\nfn three() {}\n"),
        ("src/b.txt", "fn in text\n"),
        ("target/x.rs", "fn ignored() {}\n"),
        (".gitignore", "target/\n"),
        (".git/config", "fn hidden\n"),
    ]);
    let grep = |arguments| call(dir.path(), "grep", arguments);
    assert_eq!(
        grep(json!({"pattern": "^fn"})),
        "src/a.rs\n  1: fn one() {}\n  3: fn three() {}\nsrc/b.txt\n  1: fn in text"
    );
    assert_eq!(grep(json!({"pattern": "^fn", "glob": "*.rs", "mode": "files"})), "src/a.rs");
    assert_eq!(grep(json!({"pattern": "^fn", "mode": "count"})), "src/a.rs: 2\nsrc/b.txt: 1");
    assert_eq!(grep(json!({"pattern": "two"})), "src/a.rs\n  2: let Two = 2;");
    assert_eq!(grep(json!({"pattern": "TWO"})), "no matches");
    assert_eq!(grep(json!({"pattern": "TWO", "case": "insensitive"})), "src/a.rs\n  2: let Two = 2;");
    assert_eq!(
        grep(json!({"pattern": "Two", "context": 1})),
        "src/a.rs\n  1- fn one() {}\n  2: let Two = 2;\n  3- fn three() {}"
    );
    let cut = grep(json!({"pattern": "^fn", "limit": 1}));
    assert!(cut.starts_with("src/a.rs\n  1: fn one() {}\n") && cut.contains("2 more matches"), "{cut}");
    assert_eq!(grep(json!({"pattern": "fn", "path": "src/b.txt"})), "src/b.txt\n  1: fn in text");
    assert_eq!(grep(json!({"pattern": "fn", "path": "./src/", "glob": "*.txt"})), "src/b.txt\n  1: fn in text");
    // Ignored, but named.
    assert_eq!(grep(json!({"pattern": "fn", "path": "target"})), "target/x.rs\n  1: fn ignored() {}");
    for refused in [
        json!({"pattern": "("}),
        json!({"pattern": "x", "path": "nothere"}),
        json!({"pattern": "x", "path": "../x"}),
        json!({"pattern": "x", "path": "/etc"}),
        json!({"pattern": "x", "path": ".git"}),
        json!({"pattern": "x", "glob": "["}),
        json!({"pattern": "a{100000}{100000}"}),
        json!({"path": "x"}),
    ] {
        let said = grep(refused.clone());
        assert!(said.starts_with("refused: "), "{refused}: {said}");
    }
}

#[test]
fn glob_finds_by_name_and_puts_the_latest_first() {
    let dir = project(&[
        ("old.rs", ""),
        ("src/new.rs", ""),
        ("src/deep/x.ts", ""),
        ("target/y.rs", ""),
        (".gitignore", "target/\n"),
    ]);
    let old = std::fs::File::open(dir.path().join("old.rs")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000)).unwrap();
    let glob = |arguments| call(dir.path(), "glob", arguments);
    assert_eq!(glob(json!({"pattern": "*.rs"})), "src/new.rs\nold.rs");
    assert_eq!(glob(json!({"pattern": "src/*.rs"})), "src/new.rs");
    assert_eq!(glob(json!({"pattern": "src/**/*.{ts,rs}", "path": "."})).lines().count(), 2);
    assert_eq!(glob(json!({"pattern": "*.ts", "path": "src/deep"})), "src/deep/x.ts");
    assert_eq!(glob(json!({"pattern": "deep/*", "path": "src"})), "src/deep/x.ts");
    assert_eq!(glob(json!({"pattern": "*.py"})), "no files match");
    for refused in
        [json!({"pattern": "[a"}), json!({"pattern": "*", "path": "../.."}), json!({"pattern": "*", "path": "no"})]
    {
        assert!(glob(refused).starts_with("refused: "));
    }
}

#[test]
fn list_files_shows_a_tree_with_sizes_as_deep_as_fits() {
    let dir = project(&[
        ("a/b/c.txt", "12345"),
        ("a/d.txt", ""),
        ("e.txt", &"x".repeat(3_000)),
        ("out/f", ""),
        (".gitignore", "out\n"),
    ]);
    let list = |arguments| call(dir.path(), "list_files", arguments);
    assert_eq!(list(json!({})), ".gitignore  4 B\na/\n  b/\n    c.txt  5 B\n  d.txt  0 B\ne.txt  2 KiB");
    assert_eq!(list(json!({"depth": 1})), ".gitignore  4 B\na/  2 files, 5 B\ne.txt  2 KiB");
    assert_eq!(list(json!({"path": "a/b"})), "c.txt  5 B");
    assert!(list(json!({"path": "nothere"})).starts_with("refused: "));
    for number in 0..3_000 {
        std::fs::write(dir.path().join(format!("a/b/{number}")), "").unwrap();
    }
    let long = list(json!({}));
    assert!(long.contains("b/  3001 files"), "{long}");
    let flat = list(json!({"path": "a/b"}));
    assert!(
        flat.lines().count() == 501 && flat.ends_with("and 2501 more; ask with a path or a smaller depth"),
        "{flat}"
    );
}

#[cfg(unix)]
#[test]
fn whatever_a_repository_holds_nothing_outside_is_read() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let outside = project(&[("secret.txt", "needle outside\n"), ("folder/secret.txt", "needle outside\n")]);
    let long = format!("{}needle{}\n", "a".repeat(1_000), "b".repeat(2_000_000));
    let dir =
        project(&[("crlf.txt", "one\r\nneedle\r\nneedle two\r\n"), ("long.txt", &long), ("a/b/x.txt", "needle\n")]);
    std::fs::write(dir.path().join("binary.bin"), b"needle\n\0needle\n").unwrap();
    std::fs::write(dir.path().join("latin.txt"), b"needle \xe9\n").unwrap();
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xff.txt")), "needle\n").unwrap();
    symlink(outside.path().join("secret.txt"), dir.path().join("link.txt")).unwrap();
    symlink(outside.path().join("folder"), dir.path().join("linked")).unwrap();
    symlink("..", dir.path().join("a/b/loop")).unwrap();
    symlink(".", dir.path().join("self")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for (tool, arguments) in [
        ("grep", json!({"pattern": "needle"})),
        ("glob", json!({"pattern": "**"})),
        ("list_files", json!({})),
        ("grep", json!({"pattern": "needle", "path": "linked"})),
        ("grep", json!({"pattern": "needle", "path": "linked/secret.txt"})),
        ("grep", json!({"pattern": "needle", "path": "link.txt"})),
        ("glob", json!({"pattern": "*", "path": "linked"})),
        ("list_files", json!({"path": "linked"})),
    ] {
        let said = call(dir.path(), tool, arguments.clone());
        let named = arguments.get("path").is_some();
        assert!(!said.contains("outside") && !said.contains("folder/"), "{tool} {arguments}: {said}");
        assert_eq!(said.starts_with("refused: "), named, "{tool} {arguments}: {said}");
    }
    let said = call(dir.path(), "grep", json!({"pattern": "needle$"}));
    assert_eq!(said, "a/b/x.txt\n  1: needle\ncrlf.txt\n  2: needle");
    let said = call(dir.path(), "grep", json!({"pattern": "needle"}));
    assert!(said.contains("latin.txt\n  1: needle \u{fffd}") && !said.contains("binary.bin"), "{said}");
    assert!(said.len() < 2_000 && said.contains("(2001007 bytes)"), "a long line is cut");
    assert!(call(dir.path(), "list_files", json!({})).contains("entries that are links"));
}
