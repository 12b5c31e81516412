//! Which folders the project itself calls output: by its `.gitignore` files, by name, or by the tag that
//! caches carry. Nothing is left out for being ignored alone; only size decides then.

use std::io::Read as _;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::disk::{self, Folder, Kind};
use super::entry::TreePath;

/// Bytes of one `.gitignore` that are read at most.
const LIMIT: u64 = 256 * 1024;
/// Folders that are output in every project.
const OUTPUT: &[&[u8]] = &[b"node_modules", b"__pycache__", b".venv", b".tox", b".gradle", b".mypy_cache"];
/// A folder with this file in it can be made again.
const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";

/// The rules that hold in a folder: its own and those above.
#[derive(Clone, Default)]
pub(super) struct Rules {
    here: Option<Arc<Gitignore>>,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// The rules within a folder, given those around it.
    pub(super) fn within(above: &Arc<Self>, folder: &Folder, path: &TreePath) -> Arc<Self> {
        match Self::read(folder, path) {
            Some(here) => Arc::new(Self { here: Some(Arc::new(here)), above: Some(Arc::clone(above)) }),
            None => Arc::clone(above),
        }
    }

    fn read(folder: &Folder, path: &TreePath) -> Option<Gitignore> {
        let stat = folder.stat(b".gitignore").ok()??;
        if stat.kind != Kind::File {
            return None;
        }
        let mut bytes = Vec::new();
        folder.read(b".gitignore").ok()?.take(LIMIT).read_to_end(&mut bytes).ok()?;
        let mut builder = GitignoreBuilder::new(disk::as_path(path.bytes())?);
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern is left out, as git does.
            builder.add_line(None, line).ok();
        }
        builder.build().ok()
    }

    /// Whether a folder or file is ignored; the innermost rule that speaks of it decides.
    pub(super) fn ignores(&self, path: &TreePath, is_folder: bool) -> bool {
        let Some(as_path) = disk::as_path(path.bytes()) else { return false };
        let mut rules = Some(self);
        while let Some(here) = rules {
            match here.here.as_ref().map(|ignore| ignore.matched(as_path, is_folder)) {
                Some(found) if found.is_ignore() => return true,
                Some(found) if found.is_whitelist() => return false,
                _ => rules = here.above.as_deref(),
            }
        }
        false
    }
}

/// Whether a folder is output by its name or its tag.
pub(super) fn is_output(name: &[u8], folder: &Folder) -> bool {
    OUTPUT.contains(&name) || folder.stat(CACHE_TAG).is_ok_and(|stat| stat.is_some_and(|stat| stat.kind == Kind::File))
}
