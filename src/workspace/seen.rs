//! What a model last saw of each file, so that nothing is changed that it does not know.
//!
//! Lives as long as a session is open. Small files are remembered with their content, to show what changed since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::diff::{Context, DiffKind, diff};
use crate::domain::{ContentHash, FileChange, ProjectPath};

/// Largest file that is remembered with its content, in bytes.
const MOST_KEPT: usize = 64 * 1024;
/// Bytes that are remembered in all.
const MOST_KEPT_TOGETHER: usize = 8 * 1024 * 1024;
/// Lines of a comparison that are told.
const MOST_LINES: usize = 16;
/// Characters of such a line.
const MOST_CHARACTERS: usize = 160;

/// The files a model has seen. Shared by the calls of a session.
#[derive(Debug, Default)]
pub struct Seen {
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    sights: HashMap<ProjectPath, Sight>,
    kept: usize,
}

#[derive(Debug)]
struct Sight {
    hash: ContentHash,
    content: Option<Vec<u8>>,
}

/// How a file stands to what the model knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It is as the model saw it.
    Current,
    /// The model never saw it.
    Never,
    /// It changed since; the comparison, where there is one.
    Stale { since: Option<String> },
}

impl Seen {
    /// What a session knows from the files it wrote itself.
    pub fn from_changes<'a>(changes: impl IntoIterator<Item = &'a FileChange>) -> Self {
        let seen = Self::default();
        for change in changes {
            if let Some(hash) = &change.after {
                seen.put(&change.path, Sight { hash: hash.clone(), content: None });
            }
        }
        seen
    }

    /// The model has seen this content, by reading or by writing it.
    pub fn record(&self, path: &ProjectPath, content: &[u8]) {
        let kept = (content.len() <= MOST_KEPT).then(|| content.to_vec());
        self.put(path, Sight { hash: ContentHash::of(content), content: kept });
    }

    /// The file is gone.
    pub fn forget(&self, path: &ProjectPath) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.take(path);
    }

    /// Compares a file's content with what was seen last.
    pub fn sighting(&self, path: &ProjectPath, now: &[u8]) -> Sighting {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.sights.get(path) {
            None => Sighting::Never,
            Some(sight) if sight.hash == ContentHash::of(now) => Sighting::Current,
            Some(sight) => Sighting::Stale { since: sight.content.as_deref().and_then(|old| comparison(old, now)) },
        }
    }

    fn put(&self, path: &ProjectPath, mut sight: Sight) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.take(path);
        let size = sight.content.as_ref().map_or(0, Vec::len);
        if files.kept + size > MOST_KEPT_TOGETHER {
            sight.content = None;
        } else {
            files.kept += size;
        }
        files.sights.insert(path.clone(), sight);
    }
}

impl Files {
    fn take(&mut self, path: &ProjectPath) {
        if let Some(old) = self.sights.remove(path) {
            self.kept = self.kept.saturating_sub(old.content.map_or(0, |content| content.len()));
        }
    }
}

/// The lines that differ, in a few words.
fn comparison(old: &[u8], new: &[u8]) -> Option<String> {
    let (old, new) = (std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?);
    let changed: Vec<_> =
        diff(old, new, Context::Lines(0)).into_iter().filter(|line| line.kind != DiffKind::Same).collect();
    let mut out = Vec::new();
    for line in changed.iter().take(MOST_LINES) {
        let (mark, number) = if line.kind == DiffKind::Added { ('+', line.new) } else { ('-', line.old) };
        let text: String = line.text.chars().take(MOST_CHARACTERS).collect();
        out.push(format!("{:>6} {mark}{text}", number.unwrap_or_default()));
    }
    if changed.len() > MOST_LINES {
        out.push(format!("… and {} more lines", changed.len() - MOST_LINES));
    }
    (!out.is_empty()).then(|| out.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_current_only_as_it_was_seen_last() {
        let seen = Seen::default();
        let path = ProjectPath::parse("a.txt").unwrap();
        assert_eq!(seen.sighting(&path, b"one\n"), Sighting::Never);
        seen.record(&path, b"one\ntwo\n");
        assert_eq!(seen.sighting(&path, b"one\ntwo\n"), Sighting::Current);
        let Sighting::Stale { since: Some(since) } = seen.sighting(&path, b"one\n2\n") else { panic!("not stale") };
        assert_eq!(since, "     2 -two\n     2 +2");
        seen.record(&path, &vec![b'x'; MOST_KEPT + 1]);
        assert_eq!(seen.sighting(&path, b"y"), Sighting::Stale { since: None });
        seen.forget(&path);
        assert_eq!(seen.sighting(&path, b"y"), Sighting::Never);
        assert_eq!(seen.files.lock().unwrap().kept, 0);
    }
}
