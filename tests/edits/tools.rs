//! The tools that read and change files, called as a model calls them.

use kiln::domain::Content;
use kiln::tools::{Effect, ToolAnswer, ToolContext, find};
use kiln::workspace::Root;
use kiln::workspace::seen::Seen;
use serde_json::{Value, json};

use super::{files, project, tree};

/// A session's knowledge and its project.
struct Session {
    dir: tempfile::TempDir,
    root: Root,
    seen: Seen,
}

impl Session {
    fn new(list: &[(&str, &str)]) -> Self {
        let (dir, root) = project(&files(list));
        Self { dir, root, seen: Seen::default() }
    }

    fn call(&self, tool: &str, arguments: &Value) -> ToolAnswer {
        find(tool).unwrap().run(arguments, &ToolContext { root: &self.root, plan: &[], seen: &self.seen })
    }

    fn good(&self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments);
        assert!(!answer.failed, "{tool}: {}", answer.for_model());
        answer.for_model()
    }

    fn refused(&self, tool: &str, arguments: &Value) -> String {
        let before = tree(self.dir.path());
        let answer = self.call(tool, arguments);
        assert!(answer.failed && answer.effects.is_empty(), "{tool} went through: {}", answer.for_model());
        assert_eq!(tree(self.dir.path()), before);
        answer.for_model()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
    }
}

fn edit(path: &str, search: &str, replace: &str) -> Value {
    json!({"path": path, "edits": [{"search": search, "replace": replace}]})
}

#[test]
fn only_what_was_seen_as_it_is_can_be_changed() {
    let session = Session::new(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")]);
    assert!(session.refused("edit_file", &edit("a.txt", "two", "2")).contains("was not read"));
    assert!(session.refused("write_file", &json!({"path": "a.txt", "content": "x"})).contains("was not read"));
    let delete = json!({"patch": "*** Begin Patch\n*** Delete File: b.txt\n*** End Patch"});
    assert!(session.refused("apply_patch", &delete).contains("was not read"));
    session.good("write_file", &json!({"path": "b.txt", "content": "b\n"}));
    session.good("read_file", &json!({"path": "a.txt"}));
    session.good("edit_file", &edit("a.txt", "two", "2"));
    session.good("edit_file", &edit("a.txt", "one", "1"));
    session.write("a.txt", "1\nzwei\n");
    let refusal = session.refused("edit_file", &edit("a.txt", "1", "one"));
    assert!(refusal.contains("has changed since") && refusal.contains("+zwei") && refusal.contains("-2"), "{refusal}");
    session.good("read_file", &json!({"path": "a.txt"}));
    session.good("write_file", &json!({"path": "a.txt", "content": "new\n"}));
    let answer = session.call("apply_patch", &delete);
    assert!(matches!(answer.effects.as_slice(), [Effect::Removed(_)]), "{answer:?}");
    assert_eq!(tree(session.dir.path()), files(&[("a.txt", "new\n")]));
}

#[test]
fn edits_of_one_call_are_made_together_or_not() {
    let session = Session::new(&[("a.txt", "one\r\ntwo\r\n")]);
    session.good("read_file", &json!({"path": "a.txt"}));
    let arguments = |second: &str| json!({"path": "a.txt", "edits": [{"search": "one\n", "replace": "1\n"}, {"search": second, "replace": "2"}]});
    assert!(session.refused("edit_file", &arguments("three")).contains("edit 2 of 2"));
    let answer = session.good("edit_file", &arguments("two"));
    assert!(answer.contains("line endings of the file"), "{answer}");
    assert_eq!(tree(session.dir.path())["a.txt"], "1\r\n2\r\n");
}

#[cfg(unix)]
#[test]
fn an_edit_keeps_the_mode() {
    use std::os::unix::fs::PermissionsExt;
    let session = Session::new(&[("run.sh", "#!/bin/sh\necho a\n")]);
    let path = session.dir.path().join("run.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o751)).unwrap();
    session.good("read_file", &json!({"path": "run.sh"}));
    session.good("edit_file", &edit("run.sh", "echo a", "echo b"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o751);
}

#[test]
fn ranges_and_long_lines_are_told() {
    let text: String = (1..=3000).map(|n| format!("line {n}\n")).collect();
    let session = Session::new(&[("long.txt", &text), ("wide.txt", &"x".repeat(10_000)), ("empty.txt", "")]);
    let answer = session.good("read_file", &json!({"path": "long.txt"}));
    assert!(
        answer.starts_with("     1\tline 1\n")
            && answer.ends_with("… lines 1 to 2000 of 3000; go on with offset 2001\n")
    );
    let answer = session.good("read_file", &json!({"path": "long.txt", "offset": 2999, "limit": 1}));
    assert_eq!(answer, "  2999\tline 2999\n… lines 2999 to 2999 of 3000; go on with offset 3000\n");
    assert!(session.good("read_file", &json!({"path": "long.txt", "offset": 4000})).contains("has 3000 lines"));
    assert!(session.good("read_file", &json!({"path": "wide.txt"})).contains("(8000 more bytes in this line)"));
    assert!(session.good("read_file", &json!({"path": "empty.txt"})).contains("is empty"));
    session.good("edit_file", &edit("empty.txt", "", "filled\n"));
    session.good("edit_file", &edit("fresh.txt", "", "made\n"));
    assert_eq!(tree(session.dir.path())["fresh.txt"], "made\n");
}

#[test]
fn what_is_no_text_is_told_in_words() {
    let session = Session::new(&[("src/a.txt", "a\n")]);
    session.write("latin.txt", b"caf\xe9\n");
    session.write("zero.bin", b"a\0b");
    let png = b"\x89PNG\r\n\x1a\nrest";
    session.write("p.png", png);
    assert!(session.refused("read_file", &json!({"path": "latin.txt"})).contains("no UTF-8 text"));
    assert!(session.refused("read_file", &json!({"path": "zero.bin"})).contains("binary file of 3 bytes"));
    assert!(session.refused("edit_file", &edit("latin.txt", "caf", "x")).contains("was not read"));
    assert!(session.refused("write_file", &json!({"path": "latin.txt", "content": "x"})).contains("was not read"));
    let answer = session.call("read_file", &json!({"path": "p.png"}));
    assert!(matches!(&answer.content[1], Content::Image { media_type, .. } if media_type == "image/png"), "{answer:?}");
    assert!(answer.for_model().ends_with("(picture)"));
    for folder in ["src", "src/", "."] {
        assert!(session.refused("read_file", &json!({"path": folder})).contains("src/a.txt"), "{folder}");
    }
    assert!(session.refused("read_file", &json!({"path": "lib/a.txt"})).contains("there is `src/a.txt`"));
    for path in ["../x", "/etc/passwd", ".git/config", ""] {
        for tool in ["write_file", "edit_file"] {
            session.refused(tool, &json!({"path": path, "content": "x", "edits": [{"search": "", "replace": "x"}]}));
        }
    }
}

#[test]
fn a_file_of_more_than_100_mb_can_be_looked_at_but_not_edited() {
    let session = Session::new(&[]);
    let line = format!("{}\n", "0123456789".repeat(100));
    session.write("big.log", line.repeat(110_000));
    let answer = session.good("read_file", &json!({"path": "big.log", "offset": 1000, "limit": 2}));
    assert!(answer.starts_with("  1000\t0123") && answer.contains("go on with offset 1002"), "{answer}");
    let answer = session.call("edit_file", &edit("big.log", "0", "1"));
    assert!(answer.failed && answer.for_model().contains("bytes"), "{}", answer.for_model());
    let answer = session.call("write_file", &json!({"path": "big.log", "content": "x"}));
    assert!(answer.failed);
    assert_eq!(std::fs::metadata(session.dir.path().join("big.log")).unwrap().len(), 110_000 * line.len() as u64);
}
