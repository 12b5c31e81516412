//! What a call would make of files, for the person to look at before it may run. Nothing is written here.

use crate::domain::review::HunkLine;
use crate::domain::{Content, LineKind, ProjectPath};
use crate::workspace::diff::DiffKind;
use crate::workspace::hunks;

/// Lines of one file's diff that are shown.
const MOST_LINES: usize = 2000;
/// Characters of a line that are shown.
const MOST_CHARACTERS: usize = 400;

/// The change of a file as content; `None` stands for "no such file".
pub fn diff(path: &ProjectPath, before: Option<&[u8]>, after: Option<&[u8]>) -> Content {
    let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes.unwrap_or_default()).map(str::to_owned);
    let words = match (text(before), text(after)) {
        (Ok(old), Ok(new)) if old != new => unified(&old, &new),
        (Ok(_), Ok(_)) => match (before, after) {
            (None, Some(_)) => "(an empty file is made)".to_owned(),
            (Some(_), None) => "(an empty file is removed)".to_owned(),
            _ => "(nothing changes)".to_owned(),
        },
        _ => format!("(not text: {} bytes become {})", before.map_or(0, <[u8]>::len), after.map_or(0, <[u8]>::len)),
    };
    Content::Diff { path: path.clone(), text: words }
}

fn unified(before: &str, after: &str) -> String {
    let mut lines = Vec::new();
    for hunk in hunks::hunks(before, after) {
        lines.push(hunk.header);
        for line in hunk.lines {
            let kind = match line.kind {
                DiffKind::Same => LineKind::Same,
                DiffKind::Added => LineKind::Added,
                DiffKind::Removed => LineKind::Removed,
            };
            let text = line.text.chars().take(MOST_CHARACTERS).collect();
            lines.push(HunkLine { kind, old: line.old, new: line.new, text }.unified());
        }
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("… and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_as_what_it_does() {
        let path = ProjectPath::parse("a").unwrap();
        let shown = |before: Option<&[u8]>, after: Option<&[u8]>| match diff(&path, before, after) {
            Content::Diff { text, .. } => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(Some(b"1\n2\n"), Some(b"1\nb\n")), "@@ -2,1 +2,1 @@\n 1\n-2\n+b");
        assert_eq!(shown(None, Some(b"x\n")), "@@ -0,0 +1,1 @@\n+x");
        assert_eq!(shown(Some(b"x\n"), None), "@@ -1,1 +0,0 @@\n-x");
        assert_eq!(shown(None, Some(b"")), "(an empty file is made)");
        assert!(shown(None, Some(b"\xff")).contains("not text"));
        let long = "x\n".repeat(5000);
        assert!(shown(None, Some(long.as_bytes())).ends_with("more lines"));
    }
}
