//! The list of a project's files.
//!
//! Only the project's own ignore files count: those above it, and the person's global one, would make a
//! scratch project inside an ignored folder look empty.

use std::path::Path;

use ignore::WalkBuilder;

use super::error::WorkspaceError;
use super::is_temporary;
use crate::domain::ProjectPath;

/// Most files that are listed.
pub const MAX_FILES: usize = 100_000;

/// The files of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by their bytes.
    pub files: Vec<ProjectPath>,
    /// Entries left out because their names or kinds are none we can work with: names that are no text or
    /// that other systems cannot hold, symbolic links, devices, folders that may not be read.
    pub skipped: usize,
    /// Whether there are more than [`MAX_FILES`].
    pub truncated: bool,
}

pub(super) fn files(root: &Path) -> Result<Listing, WorkspaceError> {
    std::fs::read_dir(root).map_err(|error| WorkspaceError::no_root(root, &error))?;
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.depth() == 0 || !left_out(entry.file_name()))
        .build();
    let mut listing = Listing::default();
    for entry in walk {
        let Ok(entry) = entry else {
            listing.skipped += 1;
            continue;
        };
        if entry.depth() == 0 || entry.file_type().is_some_and(|kind| kind.is_dir()) {
            continue;
        }
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        match project_path(root, entry.path()).filter(|_| is_file) {
            Some(_) if listing.files.len() >= MAX_FILES => {
                listing.truncated = true;
                break;
            }
            Some(path) => listing.files.push(path),
            None => listing.skipped += 1,
        }
    }
    listing.files.sort();
    Ok(listing)
}

/// Git's own folder, and what a Kiln that was killed left behind.
pub(super) fn left_out(name: &std::ffi::OsStr) -> bool {
    name.eq_ignore_ascii_case(".git") || name.to_str().is_some_and(is_temporary)
}

/// The path below the root, where it reads back as exactly itself.
pub(super) fn project_path(root: &Path, path: &Path) -> Option<ProjectPath> {
    let below = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
    let text = parts?.join("/");
    ProjectPath::parse(&text).ok().filter(|parsed| parsed.as_str() == text)
}
