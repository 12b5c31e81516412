//! Reviewing a turn's changes: hunks with the person's verdicts, and the words in which the model hears them.
//!
//! The language of the review only. Splitting a change and putting a choice of its hunks together again is
//! `workspace/hunks`' work, writing files the engine's.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::change::ChangeKind;
use super::id::TurnId;
use super::path::ProjectPath;

/// Lines of one hunk that the model is told at most.
const MOST_LINES: usize = 80;
/// Characters of a review that the model is told at most; further hunks are only named.
const MOST_CHARACTERS: usize = 24_000;

/// When the person looks at what the model changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Before a file is written: every such call waits for approval, with the change to look at.
    Before,
    /// After the turn, hunk by hunk, if the person wants to.
    #[default]
    After,
    /// Not offered.
    Off,
}

/// A hunk of a change, from 1 downwards. 0 stands for a change that is no text, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HunkId(pub u32);

impl HunkId {
    /// A change that is no text, as a whole.
    pub const WHOLE: Self = Self(0);
}

impl fmt::Display for HunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to become of a hunk. One without a verdict stays as the model wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum HunkVerdict {
    Accept,
    Reject,
    /// Other lines in its place.
    Edit {
        text: String,
    },
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Same,
    Added,
    Removed,
}

/// A line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HunkLine {
    pub kind: LineKind,
    /// Its number in the old text, from 1; `None` for an added line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<u32>,
    /// Its number in the new text, from 1; `None` for a removed line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<u32>,
    pub text: String,
}

impl HunkLine {
    /// The line as unified diffs write it.
    pub fn unified(&self) -> String {
        let sign = match self.kind {
            LineKind::Same => ' ',
            LineKind::Added => '+',
            LineKind::Removed => '-',
        };
        format!("{sign}{}", self.text)
    }
}

/// A hunk to look at, with what was said about it so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HunkReview {
    pub id: HunkId,
    /// Such as `@@ -3,2 +3,4 @@`.
    pub header: String,
    /// The hunk with the lines around it.
    pub lines: Vec<HunkLine>,
    /// What the model made of the old lines: the text to begin an edit with.
    pub after: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<HunkVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What a turn did to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReview {
    pub path: ProjectPath,
    pub kind: ChangeKind,
    pub hunks: Vec<HunkReview>,
}

/// What a turn did to all files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnReview {
    pub turn: TurnId,
    pub files: Vec<FileReview>,
}

/// What was said about one hunk, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    pub turn: TurnId,
    pub path: ProjectPath,
    pub hunk: HunkId,
    pub header: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<HunkVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The hunk as the model wrote it, in the form of a unified diff; shortened.
    #[serde(default)]
    pub lines: Vec<String>,
}

impl Reviewed {
    /// Whether the model has to hear of it: an acceptance without a word asks for nothing.
    pub fn matters(&self) -> bool {
        self.comment.is_some() || matches!(self.verdict, Some(HunkVerdict::Reject | HunkVerdict::Edit { .. }))
    }

    /// The same hunk of the same change.
    pub fn is_about(&self, turn: TurnId, path: &ProjectPath, hunk: HunkId) -> bool {
        self.turn == turn && self.path == *path && self.hunk == hunk
    }
}

/// A hunk's lines in the form that is stored.
pub fn unified(lines: &[HunkLine]) -> Vec<String> {
    let mut out: Vec<String> = lines.iter().take(MOST_LINES).map(HunkLine::unified).collect();
    if lines.len() > MOST_LINES {
        out.push(format!("… and {} more lines", lines.len() - MOST_LINES));
    }
    out
}

/// What a review in words begins and ends with.
const BEGIN: &str = "<review>";
const END: &str = "</review>";

/// A review in words for the model; `None` when nothing in it matters to it.
pub fn message<'a>(reviewed: impl IntoIterator<Item = &'a Reviewed>) -> Option<String> {
    let mut entries = reviewed.into_iter().filter(|one| one.matters()).peekable();
    entries.peek()?;
    let mut out = format!("{BEGIN}\n");
    out.push_str(
        "I reviewed your changes. What I rejected or edited is that way in the files already: read them \
         again before you change them, and do not bring it back unasked.\n",
    );
    for (number, one) in (1..).zip(entries) {
        let verdict = match &one.verdict {
            Some(HunkVerdict::Reject) => "rejected, and taken back",
            Some(HunkVerdict::Edit { .. }) => "edited",
            Some(HunkVerdict::Accept) => "accepted",
            None => "commented",
        };
        out.push_str(&format!("\n{number}. {} {}: {verdict}\n", one.path, one.header));
        if let Some(comment) = &one.comment {
            out.push_str(&format!("comment: {}\n", comment.trim()));
        }
        if out.len() < MOST_CHARACTERS {
            let lines = one.lines.join("\n");
            push_fenced(&mut out, "diff", &lines);
            if let Some(HunkVerdict::Edit { text }) = &one.verdict {
                out.push_str("my lines in its place:\n");
                push_fenced(&mut out, "", text.trim_end_matches('\n'));
            }
        }
    }
    out.push_str(END);
    Some(out)
}

/// A message's own words, and the review behind them that the model was sent along.
pub fn apart(text: &str) -> (&str, Option<&str>) {
    let from = text.rfind(BEGIN).filter(|from| {
        text.ends_with(END) && text.get(..*from).is_some_and(|before| before.is_empty() || before.ends_with('\n'))
    });
    match from.and_then(|from| text.split_at_checked(from)) {
        Some((words, review)) => (words.trim_end(), Some(review)),
        None => (text, None),
    }
}

/// A fence longer than any in the text.
fn push_fenced(out: &mut String, language: &str, text: &str) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let end = text.floor_char_boundary(MOST_CHARACTERS);
    let text = text.get(..end).unwrap_or_default();
    out.push_str(&format!("{fence}{language}\n{text}\n{fence}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviewed(hunk: u32, verdict: Option<HunkVerdict>, comment: Option<&str>) -> Reviewed {
        Reviewed {
            turn: TurnId(1),
            path: ProjectPath::parse("src/a.rs").unwrap(),
            hunk: HunkId(hunk),
            header: format!("@@ -{hunk},1 +{hunk},1 @@"),
            verdict,
            comment: comment.map(str::to_owned),
            lines: vec!["-old".to_owned(), "+```new".to_owned()],
        }
    }

    #[test]
    fn the_model_hears_what_matters_and_nothing_else() {
        let accepted = reviewed(1, Some(HunkVerdict::Accept), None);
        assert_eq!(message([&accepted]), None);
        let all = [
            accepted,
            reviewed(2, Some(HunkVerdict::Reject), Some("why not a map?")),
            reviewed(3, Some(HunkVerdict::Edit { text: "mine\n".to_owned() }), None),
            reviewed(4, Some(HunkVerdict::Accept), Some("nice")),
        ];
        let told = message(&all).unwrap();
        for part in [
            "1. src/a.rs @@ -2,1 +2,1 @@: rejected, and taken back\ncomment: why not a map?\n````diff\n-old\n+```new\n````\n",
            "2. src/a.rs @@ -3,1 +3,1 @@: edited\n",
            "my lines in its place:\n```\nmine\n```\n",
            "3. src/a.rs @@ -4,1 +4,1 @@: accepted\ncomment: nice\n",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        assert!(!told.contains("@@ -1,1"));
        assert_eq!(apart(&told), ("", Some(told.as_str())));
        assert_eq!(apart(&format!("and shorter\n\n{told}")), ("and shorter", Some(told.as_str())));
        assert_eq!(apart("what is a <review>?"), ("what is a <review>?", None));
    }
}
