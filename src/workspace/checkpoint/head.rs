//! Where git's HEAD stands, read as plain files: to say that somebody committed or switched branches since a
//! checkpoint. Nothing of git is ever written, and git is not run.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Bytes of one of git's files that are read at most.
const LIMIT: u64 = 4 * 1024 * 1024;

fn read(path: &Path) -> Option<String> {
    if !std::fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The branch, if HEAD is on one, and the commit: `refs/heads/main 1a2b…`. `None` without a repository.
pub(super) fn of(root: &Path) -> Option<String> {
    let mut git = root.join(".git");
    // A worktree or a submodule names its folder in a file.
    if let Some(text) = read(&git) {
        git = root.join(text.strip_prefix("gitdir:")?.trim());
    }
    let head = read(&git.join("HEAD"))?;
    let Some(branch) = head.strip_prefix("ref:").map(str::trim) else { return Some(head.trim().to_owned()) };
    if branch.split('/').any(|part| part.is_empty() || part == "..") {
        return None;
    }
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |text| git.join(text.trim()));
    let commit = commit(&git, branch).or_else(|| commit(&common, branch));
    Some(format!("{branch} {}", commit.as_deref().unwrap_or("without a commit")))
}

fn commit(git: &Path, branch: &str) -> Option<String> {
    if let Some(text) = read(&git.join(branch)) {
        return Some(text.trim().to_owned());
    }
    let packed = read(&git.join("packed-refs"))?;
    packed.lines().find_map(|line| {
        let (commit, name) = line.split_once(' ')?;
        (name == branch).then(|| commit.to_owned())
    })
}
