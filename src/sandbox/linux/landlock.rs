//! Landlock: everything can be read, little can be written; signals and abstract sockets stay inside.
//!
//! The third layer where there are namespaces, the wall around files where there are none.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, Scope,
};

/// The newest rights that are asked for; an older kernel holds those it knows.
const NEWEST: ABI = ABI::V7;

/// Confines this process: of some folders only the names can be listed, others can be read, and a few
/// written. Says how much of it holds.
pub(in crate::sandbox) fn confine(
    listable: &[PathBuf],
    readable: &[PathBuf],
    writable: &[PathBuf],
) -> Result<RulesetStatus, String> {
    let text = |error: landlock::RulesetError| error.to_string();
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(text)?
        .scope(Scope::from_all(NEWEST))
        .map_err(text)?
        .create()
        .map_err(text)?;
    let listing = |_: &Path| AccessFs::ReadDir.into();
    let reading = |path: &Path| {
        if path.is_dir() { AccessFs::from_read(NEWEST) } else { AccessFs::ReadFile | AccessFs::Execute }
    };
    let writing = |path: &Path| if path.is_dir() { AccessFs::from_all(NEWEST) } else { AccessFs::from_file(NEWEST) };
    type Rights<'a> = &'a dyn Fn(&Path) -> BitFlags<AccessFs>;
    let groups: [(&[PathBuf], Rights<'_>); 3] = [(listable, &listing), (readable, &reading), (writable, &writing)];
    for (paths, rights) in groups {
        for path in paths {
            // What is not there needs no rule.
            let Ok(opened) = PathFd::new(path) else { continue };
            rules = rules.add_rule(PathBeneath::new(opened, rights(path))).map_err(text)?;
        }
    }
    Ok(rules.restrict_self().map_err(text)?.ruleset)
}

/// Folders whose names can be listed, and paths that can be read, so that everything can but what is
/// masked.
pub(in crate::sandbox) fn all_but(masked: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut listable, mut readable) = (Vec::new(), Vec::new());
    let mut open = vec![Path::new("/").to_owned()];
    while let Some(path) = open.pop() {
        if masked.contains(&path) {
            continue;
        }
        if !masked.iter().any(|hidden| hidden.starts_with(&path)) {
            readable.push(path);
            continue;
        }
        let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
        // A link leads to something with a place of its own in this list.
        open.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink())).map(|e| e.path()));
        listable.push(path);
    }
    (listable, readable)
}

/// The root folder, as a list of one.
pub(in crate::sandbox) fn everything() -> Vec<PathBuf> {
    vec![Path::new("/").to_owned()]
}
