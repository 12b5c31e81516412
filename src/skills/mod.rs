//! What people bring along to steer the model, in the formats they already have: Markdown commands,
//! `SKILL.md` folders, and hooks.
//!
//! Commands and skills are text for the model and give no rights. Hooks are commands of the person's own
//! settings, run in the sandbox. What lies in a project counts only while its folder is trusted.

mod commands;
mod frontmatter;
pub mod hooks;
mod library;

pub use commands::{Command, called, commands, expand};
pub use library::{Shelf, Skill, read_skill, skills};

use std::path::Path;

use crate::domain::ProjectPath;
use crate::workspace::{FoundKind, Onward, Root};

/// Folders of a project that commands and skills are looked for in, the first one first.
const PROJECT_FOLDERS: [&str; 2] = [".kiln", ".claude"];
/// Bytes of one command or skill at most.
const MOST_BYTES: usize = 64 * 1024;
/// Commands, and skills, at most.
const MOST: usize = 200;

/// Where commands and skills come from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The project, while it is trusted.
    pub project: Option<&'a Root>,
    /// Kiln's folder of settings.
    pub user: Option<&'a Path>,
}

/// The Markdown files below a folder, as `(path below it, content)`, sorted.
fn markdown(root: &Root, below: Option<&ProjectPath>) -> Vec<(String, String)> {
    let found = std::sync::Mutex::new(Vec::new());
    let collect = || -> crate::workspace::Visitor<'_> {
        Box::new(|entry| {
            if entry.kind == FoundKind::File
                && entry.path.as_str().ends_with(".md")
                && let Ok(mut found) = found.lock()
            {
                found.push(entry.path);
                if found.len() > MOST * 4 {
                    return Onward::Stop;
                }
            }
            Onward::Next
        })
    };
    if root.walk(below, &mut { collect }).is_err() {
        return Vec::new();
    }
    let mut paths = found.into_inner().unwrap_or_default();
    paths.sort();
    let head = below.map(|below| format!("{below}/")).unwrap_or_default();
    let contents = paths.into_iter().filter_map(|path| {
        let bytes = root.read(&path).ok()??;
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() <= MOST_BYTES)?;
        Some((path.as_str().strip_prefix(&head)?.to_owned(), text))
    });
    contents.collect()
}

/// Every Markdown file in `kind` (`commands` or `skills`) of all sources, with the words for where it lies and
/// the folder in the project, where it is one.
fn collected(sources: Sources<'_>, kind: &str) -> Vec<Collected> {
    let mut all = Vec::new();
    if let Some(root) = sources.project {
        for folder in PROJECT_FOLDERS {
            let Ok(below) = ProjectPath::parse(&format!("{folder}/{kind}")) else { continue };
            let files = markdown(root, Some(&below)).into_iter();
            all.extend(files.map(|(name, text)| Collected { name, text, origin: below.to_string(), own: false }));
        }
    }
    if let Some(user) = sources.user
        && let Ok(root) = Root::open(&user.join(kind))
    {
        let files = markdown(&root, None).into_iter();
        all.extend(files.map(|(name, text)| Collected { name, text, origin: "your own".to_owned(), own: true }));
    }
    all
}

/// A Markdown file that was found.
struct Collected {
    /// Its path below the folder of its kind.
    name: String,
    text: String,
    /// The folder, in words.
    origin: String,
    /// Whether it is the person's own, not the project's.
    own: bool,
}
