//! Line endings: seen through while matching, kept while writing.
//!
//! A line ends with `\r\n`, `\n` or a lone `\r`. Nothing here decides what is replaced.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// A line and what ends it; only the last line of a text may end with nothing.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub content: &'a str,
    pub ending: &'a str,
}

impl Line<'_> {
    fn key(&self) -> (&str, bool) {
        (self.content, self.ending.is_empty())
    }
}

/// Two lines are the same when only the kind of their ending differs.
impl PartialEq for Line<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Line<'_> {}

impl Hash for Line<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Line<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The byte order mark at the front, and the rest.
pub fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 })
}

/// The lines of a text. An empty text has none.
pub fn split(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (content, tail) = rest.split_at(end);
        let length = if tail.starts_with("\r\n") { 2 } else { tail.len().min(1) };
        let (ending, after) = tail.split_at(length);
        lines.push(Line { content, ending });
        rest = after;
    }
    lines
}

/// The ending that most lines have; of equally many, the one that comes first. `\n` when there is none.
pub fn dominant(text: &str) -> &'static str {
    let mut counts = [("\r\n", 0_usize, usize::MAX), ("\r", 0, usize::MAX), ("\n", 0, usize::MAX)];
    for (index, line) in split(text).iter().enumerate() {
        if let Some(entry) = counts.iter_mut().find(|entry| entry.0 == line.ending) {
            entry.1 += 1;
            entry.2 = entry.2.min(index);
        }
    }
    counts.iter().max_by_key(|(_, count, first)| (*count, std::cmp::Reverse(*first))).map_or("\n", |entry| entry.0)
}

/// A text whose lines all end with `\n`, and the way back to places of the original.
#[derive(Debug)]
pub struct Neutral {
    pub text: String,
    /// Where, in `text`, a `\n` stands for two bytes of the original; ascending.
    pairs: Vec<usize>,
}

impl Neutral {
    pub fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut pairs = Vec::new();
        for line in split(original) {
            text.push_str(line.content);
            if line.ending.len() == 2 {
                pairs.push(text.len());
            }
            if !line.ending.is_empty() {
                text.push('\n');
            }
        }
        Self { text, pairs }
    }

    /// The range of the original that a range of `text` stands for.
    pub fn original(&self, range: &Range<usize>) -> Range<usize> {
        let place = |offset: usize| offset + self.pairs.partition_point(|pair| *pair < offset);
        place(range.start)..place(range.end)
    }
}

/// The text with every line ending replaced.
pub fn adapt(text: &str, ending: &str) -> String {
    split(text).iter().fold(String::with_capacity(text.len()), |mut out, line| {
        out.push_str(line.content);
        out.push_str(if line.ending.is_empty() { "" } else { ending });
        out
    })
}

/// `new` in place of `old`: lines that stay keep their own ending, the others get `ending`.
pub fn keep(old: &str, new: &str, ending: &str) -> String {
    let (before, after) = (split(old), split(new));
    if before.iter().all(|line| line.ending == ending || line.ending.is_empty()) {
        return adapt(new, ending);
    }
    let mut out = String::with_capacity(new.len());
    for operation in capture_diff_slices(Algorithm::Myers, &before, &after) {
        let same = matches!(operation, DiffOp::Equal { .. });
        let lines = if same { before.get(operation.old_range()) } else { after.get(operation.new_range()) };
        for line in lines.unwrap_or_default() {
            out.push_str(line.content);
            out.push_str(if same || line.ending.is_empty() { line.ending } else { ending });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_ending_is_one() {
        let parts: Vec<(&str, &str)> =
            split("a\r\nb\rc\n\r\r\n\nend").iter().map(|line| (line.content, line.ending)).collect();
        let expected = [("a", "\r\n"), ("b", "\r"), ("c", "\n"), ("", "\r"), ("", "\r\n"), ("", "\n"), ("end", "")];
        assert_eq!(parts, expected);
        assert_eq!(dominant("a\r\nb\rc\nd\r\n"), "\r\n");
        assert_eq!(dominant("a\rb\n"), "\r");
        assert_eq!(dominant("none"), "\n");
    }

    #[test]
    fn lines_that_stay_keep_their_ending() {
        assert_eq!(keep("a\rb\nc\r\n", "a\nX\nc\n", "\r\n"), "a\rX\r\nc\r\n");
        assert_eq!(keep("a\r\nb", "a\nc", "\r\n"), "a\r\nc");
    }

    proptest::proptest! {
        #[test]
        fn neutral_places_lead_back(text in "[ab\r\n]{0,20}") {
            let neutral = Neutral::new(&text);
            proptest::prop_assert_eq!(neutral.original(&(0..neutral.text.len())), 0..text.len());
            for (offset, character) in neutral.text.char_indices() {
                let range = neutral.original(&(offset..offset + 1));
                let there = &text[range];
                if character == '\n' {
                    proptest::prop_assert!(matches!(there, "\n" | "\r" | "\r\n"));
                } else {
                    proptest::prop_assert_eq!(there, character.to_string());
                }
            }
        }
    }
}
