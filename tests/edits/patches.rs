//! Patches of our own: what they may do, and what they leave when they may not.

use std::collections::BTreeMap;

use kiln::domain::ProjectPath;
use kiln::workspace::patch::{self, PatchError};

use super::{files, project, tree};

fn patched(before: &[(&str, &str)], body: &str) -> Result<BTreeMap<String, String>, String> {
    let before = files(before);
    let (dir, root) = project(&before);
    let patch = format!("*** Begin Patch\n{body}*** End Patch\n");
    match patch::plan(&patch, &root).and_then(|plan| patch::carry_out(&plan, &root)) {
        Ok(()) => Ok(tree(dir.path())),
        Err(error) => {
            assert_eq!(tree(dir.path()), before, "a refused patch changed something");
            Err(error.to_string())
        }
    }
}

#[test]
fn files_are_made_moved_changed_and_deleted() {
    let after = patched(
        &[("a.txt", "1\n2\n"), ("gone/b.txt", "b\n"), ("c.txt", "c\n")],
        "*** Update File: a.txt\n*** Move to: new/a.txt\n@@\n 1\n-2\n+two\n*** Delete File: gone/b.txt\n*** Add File: d.txt\n+d\n*** Update File: c.txt\n*** Move to: e.txt\n",
    );
    assert_eq!(
        after.unwrap(),
        files(
            &[("new/a.txt", "1\ntwo\n"), ("c.txt", "c\n"), ("d.txt", "d\n")].map(|(name, text)| if name == "c.txt" {
                ("e.txt", text)
            } else {
                (name, text)
            })
        )
    );
}

#[test]
fn a_place_is_found_by_the_lines_above_it() {
    let file = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";
    let after = patched(
        &[("a.py", file)],
        "*** Update File: a.py\n@@ class B:\n     def f(self):\n-        return 1\n+        return 2\n",
    );
    assert!(after.unwrap()["a.py"].ends_with("class B:\n    def f(self):\n        return 2\n"));
    let after = patched(
        &[("a.py", file)],
        "*** Update File: a.py\n@@ class B:\n@@     def f(self):\n-        return 1\n+        return 2\n",
    );
    assert!(after.unwrap()["a.py"].ends_with("return 2\n"));
    let refusal =
        patched(&[("a.py", file)], "*** Update File: a.py\n@@\n-        return 1\n+        return 2\n").unwrap_err();
    assert!(refusal.contains("2 places") && refusal.contains("lines 3 and 7"), "{refusal}");
    let after = patched(
        &[("a.py", file)],
        "*** Update File: a.py\n@@\n-        return 1\n+        return 2\n*** End of File\n",
    );
    assert!(after.unwrap()["a.py"].ends_with("return 2\n"));
    let after =
        patched(&[("a.py", file)], "*** Update File: a.py\n@@ class C:\n-        return 1\n+        return 2\n");
    assert!(after.unwrap_err().contains("no line `class C:`"));
}

#[test]
fn lines_that_are_only_added_go_below_their_header_or_to_the_end() {
    let file = "one\ntwo\nthree\n";
    let after = patched(&[("a", file)], "*** Update File: a\n@@\n+end\n@@ one\n+below\n@@\n-three\n+3\n").unwrap();
    assert_eq!(after["a"], "one\nbelow\ntwo\n3\nend\n");
}

#[test]
fn new_lines_follow_the_files_indentation_and_endings() {
    let after =
        patched(&[("a", "  f {\r\n    x\r\n  }")], "*** Update File: a\n@@\n f {\n-  x\n+  y\n+  z\n }\n").unwrap();
    assert_eq!(after["a"], "  f {\r\n    y\r\n    z\r\n  }");
    let after = patched(&[("a", "\u{feff}one\ntwo")], "*** Update File: a\n@@\n-one\n+1\n two\n+three\n").unwrap();
    assert_eq!(after["a"], "\u{feff}1\ntwo\nthree");
    let after = patched(&[("a", "“q” – r\n")], "*** Update File: a\n@@\n-\"q\" - r\n+s\n").unwrap();
    assert_eq!(after["a"], "s\n");
}

#[test]
fn a_patch_that_fails_anywhere_changes_nothing() {
    let before = [("a", "1\n"), ("b", "2\n")];
    for (body, words) in [
        ("*** Add File: c\n+c\n*** Update File: missing\n@@\n-1\n+2\n", "`missing` does not exist"),
        ("*** Update File: a\n@@\n-1\n+one\n*** Update File: b\n@@\n-nine\n+9\n", "nine"),
        ("*** Add File: ../out\n+x\n", ".."),
        ("*** Add File: .git/hooks/x\n+x\n", ".git"),
        ("*** Add File: /etc/x\n+x\n", "absolute"),
        ("*** Add File: a/b\n+x\n", "needs `a` to be a folder"),
        ("*** Update File: a\n", "is empty"),
        ("*** Update File: a\n@@\n", "chunk is empty"),
        ("*** Update File: a\n@@\nno mark\n", "carries its mark"),
        ("*** Update File: a\n@@\n-1\n+1\n", "nothing would change"),
        ("", "changes no file"),
        ("nonsense\n", "line 2 of the patch"),
    ] {
        let refusal = patched(&before, body).unwrap_err();
        assert!(refusal.contains(words), "{body}: {refusal}");
    }
    let (_dir, root) = project(&files(&before));
    for (text, words) in [
        ("", "Begin Patch"),
        ("*** Begin Patch\n*** Delete File: a\n", "breaks off"),
        ("--- a\n+++ b\n", "not `--- a`"),
    ] {
        assert!(patch::plan(text, &root).unwrap_err().to_string().contains(words), "{text}");
    }
    let wrapped = "```\n*** Begin Patch\n*** Delete File: a\n*** End Patch\n```";
    assert_eq!(patch::plan(wrapped, &root).unwrap().files.len(), 1);
}

#[test]
fn what_changes_between_plan_and_deed_is_left_alone() {
    let (dir, root) = project(&files(&[("a", "1\n"), ("b", "2\n")]));
    let plan = patch::plan(
        "*** Begin Patch\n*** Update File: a\n@@\n-1\n+one\n*** Update File: b\n@@\n-2\n+two\n*** End Patch",
        &root,
    )
    .unwrap();
    std::fs::write(dir.path().join("b"), "mine\n").unwrap();
    assert!(patch::carry_out(&plan, &root).unwrap_err().to_string().contains("`b` was changed"));
    assert_eq!(tree(dir.path()), files(&[("a", "1\n"), ("b", "mine\n")]));
}

#[cfg(unix)]
#[test]
fn a_failure_half_way_is_taken_back() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, root) = project(&files(&[("a", "1\n"), ("b", "2\n"), ("z", "3\n")]));
    let set = |name: &str, mode: u32| {
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("a", 0o750);
    set("b", 0o444);
    let text =
        "*** Begin Patch\n*** Delete File: a\n*** Add File: n/new\n+n\n*** Update File: b\n@@\n-2\n+two\n*** End Patch";
    let plan = patch::plan(text, &root).unwrap();
    let error = patch::carry_out(&plan, &root).unwrap_err();
    assert!(matches!(error, PatchError::Workspace(_)) && error.to_string().contains("read-only"), "{error}");
    assert_eq!(tree(dir.path()), files(&[("a", "1\n"), ("b", "2\n"), ("z", "3\n")]));
    assert!(!dir.path().join("n").exists());
    set("b", 0o600);
    patch::carry_out(
        &patch::plan("*** Begin Patch\n*** Update File: b\n*** Move to: c/d\n@@\n-2\n+two\n*** End Patch", &root)
            .unwrap(),
        &root,
    )
    .unwrap();
    let mode = std::fs::metadata(dir.path().join("c/d")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a file keeps its mode when it moves");
    let back = root.permissions(&ProjectPath::parse("z").unwrap()).unwrap();
    assert!(back.is_some());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_patch_or_a_refusal(body in "([-+ @a\n]|\\*\\*\\* (Update|Add|Delete) File: a\n|@@\n|@@ a\n|\\*\\*\\* End of File\n){0,30}") {
        let (dir, root) = project(&files(&[("a", "a\n\n a\na\n")]));
        let patch = format!("*** Begin Patch\n{body}\n*** End Patch");
        if let Err(error) = patch::plan(&patch, &root).and_then(|plan| patch::carry_out(&plan, &root)) {
            proptest::prop_assert!(!error.to_string().is_empty());
            proptest::prop_assert_eq!(tree(dir.path()), files(&[("a", "a\n\n a\na\n")]));
        }
    }
}
