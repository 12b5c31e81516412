//! A path inside a project, checked as text.
//!
//! [`ProjectPath`] settles what a path may *say*; opening it without leaving the project (symbolic
//! links, races) is the work of `workspace::Root`, which takes nothing but this type.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest path we accept, in bytes.
const MAX_LENGTH: usize = 1024;

/// A relative path below the project root: forward slashes, no `.` or `..` parts, not empty, never
/// in `.git`, no names that some system reads as a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectPath(String);

/// Why a path was refused; the sentence is told to the model as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    #[error("the path is empty; name a file relative to the project root, such as `src/main.rs`")]
    Empty,
    #[error("the path is longer than {MAX_LENGTH} bytes; choose a shorter one")]
    TooLong,
    #[error("`{0}` is absolute; name the file relative to the project root")]
    Absolute(String),
    #[error("`{0}` leaves the project through `..`; stay below the project root")]
    Parent(String),
    #[error("`{0}` lies in `.git`, which Kiln never writes; choose another path")]
    GitFolder(String),
    #[error("`{0}` has a name that is a device on some systems; choose another name")]
    Device(String),
    #[error("`{0}` holds a control or forbidden character; use letters, digits, `.`, `-`, `_` and `/`")]
    Character(String),
    #[error("`{0}` goes through a symbolic link; only real folders of the project can be written")]
    Link(String),
    #[error("`{0}` is a folder; name a file")]
    Folder(String),
    #[error("`{0}` is not a regular file; only regular files are read and written")]
    Special(String),
}

impl ProjectPath {
    /// Checks a path that a model, a person or an archive named.
    ///
    /// Leading `./` and doubled slashes are tidied away; everything doubtful is refused with a
    /// sentence that says how to name the file instead.
    pub fn parse(text: &str) -> Result<Self, PathRefusal> {
        let text = text.trim();
        let shown = || text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        if text.is_empty() {
            return Err(PathRefusal::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(PathRefusal::TooLong);
        }
        if text.chars().any(forbidden) {
            return Err(PathRefusal::Character(shown()));
        }
        let text_slashed = text.replace('\\', "/");
        if text_slashed.starts_with('/') || text_slashed.starts_with('~') || has_drive(&text_slashed) {
            return Err(PathRefusal::Absolute(shown()));
        }
        let mut parts = Vec::new();
        for part in text_slashed.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(PathRefusal::Parent(shown())),
                part if is_git(part) => return Err(PathRefusal::GitFolder(shown())),
                part if is_device(part) => return Err(PathRefusal::Device(shown())),
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(PathRefusal::Empty);
        }
        if text_slashed.ends_with('/') {
            return Err(PathRefusal::Folder(shown()));
        }
        Ok(Self(parts.join("/")))
    }

    /// The path with forward slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The text after the last dot of the file name, if any.
    pub fn extension(&self) -> Option<&str> {
        self.file_name().rsplit_once('.').map(|(_, extension)| extension)
    }

    /// The parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '<' | '>' | '"' | '|' | '?' | '*' | '`')
}

fn has_drive(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some(letter), Some(':')) if letter.is_ascii_alphabetic())
}

/// `.git` in every spelling that some file system folds to it.
fn is_git(part: &str) -> bool {
    let folded = part.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    folded == ".git" || folded == "git~1" || folded.starts_with(".git:")
}

/// Windows reads these names, with any extension, as devices.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || stem
            .strip_prefix("com")
            .or_else(|| stem.strip_prefix("lpt"))
            .is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
}

impl fmt::Display for ProjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProjectPath {
    type Error = PathRefusal;
    fn try_from(text: String) -> Result<Self, PathRefusal> {
        Self::parse(&text)
    }
}

impl From<ProjectPath> for String {
    fn from(path: ProjectPath) -> String {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_tidied() {
        for (text, expected) in [
            ("src/main.rs", "src/main.rs"),
            ("./a//b.txt", "a/b.txt"),
            ("dir\\file.py", "dir/file.py"),
            (" index.html ", "index.html"),
            (".gitignore", ".gitignore"),
            ("команда/日本.md", "команда/日本.md"),
        ] {
            assert_eq!(ProjectPath::parse(text).map(String::from), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn doubtful_paths_are_refused() {
        for text in [
            "",
            "   ",
            ".",
            "/etc/passwd",
            "~/x",
            "C:/x",
            "c:x",
            "../x",
            "a/../../x",
            ".git/config",
            "a/.GIT/hooks/x",
            ".git./x",
            "GIT~1/x",
            "nul",
            "aux.c",
            "a/COM1.txt",
            "a\0b",
            "a\u{1b}[2J",
            "dir/",
            "a\u{202e}b",
            "\\\\server\\x",
        ] {
            assert!(ProjectPath::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
