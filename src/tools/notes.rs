//! What is remembered of a project: one Markdown file a project among Kiln's own data, one line a note.
//!
//! The person may edit it at any time, so it is read anew whenever it is needed. It lies outside of the
//! project: a repository cannot bring notes along.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::domain::ContentHash;

/// Characters of one note at most.
pub const MOST_OF_A_NOTE: usize = 500;
/// Notes of a project that the model is told at most: the newest.
const TOLD: usize = 100;
/// Larger files are no file of ours.
const MAX_BYTES: u64 = 256 * 1024;

/// The notes of one project.
#[derive(Clone, Debug)]
pub struct Notes {
    file: PathBuf,
    root: PathBuf,
}

impl Notes {
    /// The notes of the project at `root`, kept in `folder`; nothing is made on disk yet.
    pub fn new(folder: &Path, root: &Path) -> Self {
        let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let name = ContentHash::of(root.as_os_str().as_encoded_bytes()).to_string();
        let base: String = root.file_name().unwrap_or_default().to_string_lossy().chars().take(40).collect();
        let base: String =
            base.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect();
        let short = name.get(..12).unwrap_or(&name);
        Self { file: folder.join(format!("{base}-{short}.md")), root }
    }

    /// The file, for the person to edit; it may not exist yet.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// The notes, oldest first. A file that cannot be read holds none.
    pub fn list(&self) -> Vec<String> {
        let fits = fs::metadata(&self.file).is_ok_and(|data| data.is_file() && data.len() <= MAX_BYTES);
        let text = if fits { fs::read(&self.file).unwrap_or_default() } else { Vec::new() };
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.trim_start_matches(['-', '*', ' ']).to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// Adds a note; one that is there already is not added again (`false`).
    pub fn add(&self, note: &str) -> Result<bool, String> {
        let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
        if note.is_empty() {
            return Err("the note is empty; say in one sentence what is worth knowing next time".to_owned());
        }
        if note.chars().count() > MOST_OF_A_NOTE {
            return Err(format!("the note has more than {MOST_OF_A_NOTE} characters; say it in one sentence"));
        }
        if self.list().contains(&note) {
            return Ok(false);
        }
        self.append(&note).map_err(|error| {
            format!("the note was not kept: `{}` cannot be written to ({error})", self.file.display())
        })?;
        Ok(true)
    }

    fn append(&self, note: &str) -> std::io::Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&self.file)?;
        let length = file.metadata()?.len();
        if length > MAX_BYTES {
            return Err(std::io::Error::other("it is full; take lines out of it"));
        }
        // A person's editor may have left the last line open.
        let open = length > 0 && !fs::read(&self.file)?.ends_with(b"\n");
        let head = if length == 0 { format!("# Notes on {}\n\n", self.root.display()) } else { String::new() };
        let text = format!("{head}{}- {note}\n", if open { "\n" } else { "" });
        file.write_all(text.as_bytes())
    }

    /// The notes for the model; empty where there are none.
    pub fn for_model(&self) -> String {
        let all = self.list();
        let newest = all.iter().skip(all.len().saturating_sub(TOLD));
        newest.map(|note| format!("- {note}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_one_line_each_and_never_twice() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::new(&folder.path().join("notes"), folder.path());
        assert!(notes.list().is_empty());
        assert_eq!(notes.add("run tests\nwith `just`"), Ok(true));
        assert_eq!(notes.add("run tests with  `just`"), Ok(false));
        assert_eq!(notes.list(), ["run tests with `just`"]);
        // The person edits by hand and leaves the last line open.
        fs::write(notes.path(), "# mine\n\n* one\ntwo").unwrap();
        assert_eq!(notes.add("three"), Ok(true));
        assert_eq!(notes.list(), ["one", "two", "three"]);
        assert!(notes.add(" ").is_err() && notes.add(&"x".repeat(501)).is_err());
    }
}
