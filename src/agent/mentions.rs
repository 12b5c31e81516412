//! What the person's words point at: `@file` and `@folder/` mentions, and commands of their own.
//!
//! A path that is not there stays the plain text that it may have been meant as.

use std::io::Read as _;
use std::path::Path;

use crate::analysis::{self, Hints, Outlines};
use crate::domain::{Picture, ProjectPath};
use crate::skills::{self, Sources};
use crate::workspace::Root;
use crate::workspace::seen::Seen;

/// Bytes of one file that are put beside a message at most.
const MOST_OF_A_FILE: usize = 24 * 1024;
/// Bytes of everything put beside one message at most.
const MOST: usize = 64 * 1024;
/// Files of a folder that are named at most.
const FILES_OF_A_FOLDER: usize = 200;
/// Tokens of a folder's outline.
const FOLDER_TOKENS: usize = 1500;

/// Something that is put beside a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is, for the person.
    pub name: String,
    /// Exactly what the model is told.
    pub text: String,
    /// What it is shown beside the text.
    pub picture: Option<Picture>,
}

/// What a message is looked up in.
pub struct Surroundings<'a> {
    pub root: &'a Root,
    pub files: &'a [ProjectPath],
    pub seen: &'a Seen,
    pub outlines: &'a Outlines,
    pub sources: Sources<'a>,
}

/// Everything that a message points at, each thing once. Blocking.
pub fn attachments(text: &str, around: &Surroundings<'_>) -> Vec<Attachment> {
    let mut found: Vec<Attachment> = Vec::new();
    let mut spoken = text.to_owned();
    if let Some((name, arguments)) = skills::called(text)
        && let Some(command) = skills::commands(around.sources).iter().find(|command| command.name == name)
    {
        let said = skills::expand(command, arguments);
        let text = format!("<command name=\"/{name}\">\n{said}\n</command>");
        found.push(Attachment { name: format!("`/{name}` from {}", command.origin), text, picture: None });
        spoken = said;
    }
    let mut left = MOST;
    let own: Vec<String> = mentioned(text);
    for mention in mentioned(&spoken) {
        let outside = || own.contains(&mention).then(|| outside(&mention)).flatten();
        let Some(attachment) = look_up(&mention, around, left).or_else(outside) else { continue };
        if found.iter().all(|known| known.name != attachment.name) {
            left = left.saturating_sub(attachment.text.len());
            found.push(attachment);
        }
    }
    found
}

/// The words behind each `@`, as written.
fn mentioned(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if character == '@' && !before.is_alphanumeric() && !"@`/.".contains(before) {
            let rest = text.get(at + 1..).unwrap_or_default();
            let word = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().unwrap_or_default(),
                None => rest.split(char::is_whitespace).next().unwrap_or_default(),
            };
            if !word.is_empty() {
                all.push(word.to_owned());
            }
        }
        before = character;
    }
    all
}

/// Looks a mention up; marks that end a sentence may belong to it or not.
fn look_up(mention: &str, around: &Surroundings<'_>, left: usize) -> Option<Attachment> {
    let mut word = mention;
    loop {
        if let Some(found) = exactly(word, around, left) {
            return Some(found);
        }
        word = word.strip_suffix(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '"', '>', '`', '*'])?;
    }
}

fn exactly(word: &str, around: &Surroundings<'_>, left: usize) -> Option<Attachment> {
    let path = ProjectPath::parse(word.trim_end_matches('/')).ok()?;
    let inside = format!("{path}/");
    let within: Vec<ProjectPath> =
        around.files.iter().filter(|file| file.as_str().starts_with(&inside)).cloned().collect();
    if !within.is_empty() {
        return Some(folder(&path, &within, around, left));
    }
    let bytes = around.root.read(&path).ok()??;
    Some(match Picture::of(&bytes) {
        Some(picture) => pictured(path.as_str(), bytes.len(), picture),
        None => file(&path, &bytes, around, left),
    })
}

/// A picture anywhere, where the person themselves names its whole path.
fn outside(word: &str) -> Option<Attachment> {
    let path = Path::new(word);
    if !path.is_absolute() {
        return None;
    }
    let about = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(Picture::MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    Some(pictured(word, size, Picture::of(&bytes)?))
}

/// A picture, by the name that the person gave it.
fn pictured(place: &str, size: usize, picture: Picture) -> Attachment {
    let name = format!("`{place}`");
    if size as u64 > Picture::MOST_BYTES {
        let text = format!("<file path=\"{place}\">a picture of {size} bytes, too large to be shown</file>");
        return Attachment { name: format!("only the name of {name}, which is too large"), text, picture: None };
    }
    let text = format!("<file path=\"{place}\">a picture, {}, {size} bytes, shown below</file>", picture.media_type);
    Attachment { name, text, picture: Some(picture) }
}

fn file(path: &ProjectPath, bytes: &[u8], around: &Surroundings<'_>, left: usize) -> Attachment {
    let name = format!("`{path}`");
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
        let text = format!("<file path=\"{path}\">a binary file of {} bytes, not shown</file>", bytes.len());
        return Attachment { name, text, picture: None };
    };
    let limit = MOST_OF_A_FILE.min(left);
    let shown = text.get(..text.floor_char_boundary(limit)).unwrap_or(text);
    if shown.len() == text.len() {
        // The model knows it as it is, and may change it.
        around.seen.record(path, bytes);
        return Attachment { name, text: format!("<file path=\"{path}\">\n{text}\n</file>"), picture: None };
    }
    let cut = format!("[… {} more bytes; read on with `read_file`]", text.len() - shown.len());
    Attachment {
        name: format!("the beginning of {name}"),
        text: format!("<file path=\"{path}\">\n{shown}\n{cut}\n</file>"),
        picture: None,
    }
}

fn folder(path: &ProjectPath, within: &[ProjectPath], around: &Surroundings<'_>, left: usize) -> Attachment {
    let mut text = format!("<folder path=\"{path}/\">\n");
    for file in within.iter().take(FILES_OF_A_FOLDER) {
        if text.len() > left {
            break;
        }
        text.push_str(&format!("{file}\n"));
    }
    if within.len() > FILES_OF_A_FOLDER {
        text.push_str(&format!("… and {} more\n", within.len() - FILES_OF_A_FOLDER));
    }
    let tokens = FOLDER_TOKENS.min(left / 4);
    let map = analysis::map(around.root, within, &Hints::default(), tokens, around.outlines);
    if !map.text.is_empty() {
        text.push_str(&format!("\nWhat they define:\n{}", map.text));
    }
    text.push_str("</folder>");
    Attachment { name: format!("`{path}/`"), text, picture: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_told_from_addresses_and_decorators() {
        let text = "see @src/a.rs, (@b.md) and @\"with space.txt\"; not me@example.org, `@Override` or @";
        assert_eq!(mentioned(text), ["src/a.rs,", "b.md)", "with space.txt"]);
    }
}
