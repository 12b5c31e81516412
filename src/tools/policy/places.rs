//! Where a word of a command leads: below the project's folder, or perhaps elsewhere.
//!
//! Judged by the text alone. What a link in the project leads to is the sandbox's to guard.

use std::path::Path;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Below the root; relative to it, the root itself being empty.
    Inside(String),
    /// A device that takes everything or gives nothing.
    Null,
    /// Elsewhere, or not to be told.
    Outside,
}

/// Where a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The project's folder, absolute.
    pub root: Option<&'a Path>,
    /// The folder below it, as parts.
    pub folder: Vec<String>,
    pub moved: Moved,
}

/// Whether the line itself went to that folder, perhaps through a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    Still,
    Moved,
}

impl Standing<'_> {
    /// Where `text` leads from here. Only leading `..` are followed: one after a name may pass a link.
    pub fn place(&self, text: &str) -> Place {
        if matches!(text, "/dev/null" | "/dev/stdin" | "/dev/stdout" | "/dev/stderr") {
            return Place::Null;
        }
        if text.starts_with('~') || text.contains('\\') || has_drive(text) {
            return Place::Outside;
        }
        let mut parts = self.folder.clone();
        let mut relative = text;
        if text.starts_with('/') {
            let Some(root) = self.root.and_then(Path::to_str).filter(|root| root.len() > 1) else {
                return Place::Outside;
            };
            match text.strip_prefix(root.trim_end_matches('/')) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => relative = rest,
                _ => return Place::Outside,
            }
            parts.clear();
        }
        let mut named = text.starts_with('/') || self.moved == Moved::Moved;
        for part in relative.split('/') {
            match part {
                ".." if named || parts.pop().is_none() => return Place::Outside,
                "" | "." | ".." => {}
                name => {
                    named = true;
                    parts.push(name.to_owned());
                }
            }
        }
        Place::Inside(parts.join("/"))
    }

    /// Whether a word of a command, an option with its value too, stays below the root.
    pub fn stays(&self, word: &str) -> bool {
        let inside = |text: &str| self.place(text) != Place::Outside;
        if let Some(option) = word.strip_prefix('-') {
            // What part of it is a path is not known: no part of it may leave.
            let value = option.split_once('=').map_or("", |(_, value)| value);
            return inside(value) && !option.starts_with('/') && (option.starts_with('-') || no_way_out(option));
        }
        inside(word)
    }
}

/// For short options with their value attached, such as `-f../x`.
fn no_way_out(option: &str) -> bool {
    let value = option.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    !option.contains("../") && !value.starts_with(['/', '~']) && !option.ends_with("..")
}

fn has_drive(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some(letter), Some(':')) if letter.is_ascii_alphabetic()) && cfg!(windows)
}
