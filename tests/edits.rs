//! Edits and patches, from outside: the shared tables of cases, the tools on real files, and what they must never do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "edits/corpus.rs"]
mod corpus;
#[path = "edits/patches.rs"]
mod patches;
#[path = "support/tree.rs"]
mod support;
#[path = "edits/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::path::Path;

use kiln::workspace::Root;

/// A project with these files.
fn project(files: &BTreeMap<String, String>) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = Root::open(dir.path()).unwrap();
    (dir, root)
}

/// Every file below a folder, as text.
fn tree(dir: &Path) -> BTreeMap<String, String> {
    support::tree(dir).into_iter().map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
