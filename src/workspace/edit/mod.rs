//! Search and replace in a text: every edit in its place, exactly one place, or nothing at all.
//!
//! A search text is looked for as it stands, then whatever the line endings, then whatever the indentation; the first
//! of the three that finds something decides. What is not replaced stays byte for byte: line endings, byte order
//! mark, a missing last line ending. Pure: nothing is read or written here.

pub mod blocks;
pub mod endings;
pub mod indentation;
mod refusal;

use std::ops::Range;

use endings::Neutral;
use indentation::Indentation;
pub use refusal::{EditProblem, EditRefusal, Nearest};

use super::root::MAX_BYTES;

/// Which of the places that fit is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occurrences {
    /// The only one; several are a refusal.
    #[default]
    Only,
    /// Every one.
    All,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The text to look for; empty only to fill an empty file.
    pub search: String,
    pub replace: String,
    pub occurrences: Occurrences,
}

impl Edit {
    /// Replaces the only occurrence.
    pub fn new(search: impl Into<String>, replace: impl Into<String>) -> Self {
        Self { search: search.into(), replace: replace.into(), occurrences: Occurrences::Only }
    }

    /// Replaces every occurrence.
    pub fn everywhere(search: impl Into<String>, replace: impl Into<String>) -> Self {
        Self { occurrences: Occurrences::All, ..Self::new(search, replace) }
    }
}

/// How literally a search text was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matching {
    Strict,
    /// Another kind of line ending.
    LineEndings,
    /// Another indentation, or blanks at the ends of lines; the replacement was indented like the file.
    Indentation,
}

/// What became of one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    pub matching: Matching,
    /// The first line that was replaced, from 1, in the text that this edit met.
    pub line: usize,
    /// How many places were replaced.
    pub places: usize,
}

/// A text after all edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    /// In the order of the edits.
    pub applied: Vec<Applied>,
}

/// Applies the edits one after the other, each to what the ones before left; all of them or none.
pub fn apply(before: &str, edits: &[Edit]) -> Result<Edited, EditRefusal> {
    let refuse = |index: usize, problem| EditRefusal { edit: index + 1, of: edits.len(), problem };
    if edits.is_empty() {
        return Err(refuse(0, EditProblem::NoEdits));
    }
    let (mark, body) = endings::split_mark(before);
    let mut text = body.to_owned();
    let mut applied = Vec::with_capacity(edits.len());
    for (index, edit) in edits.iter().enumerate() {
        let (next, done) = one(&text, edit).map_err(|problem| refuse(index, problem))?;
        text = next;
        applied.push(done);
    }
    if text == body {
        return Err(refuse(edits.len() - 1, EditProblem::NothingChanges));
    }
    text.insert_str(0, mark);
    Ok(Edited { text, applied })
}

/// [`apply`] on the bytes of a file.
pub fn apply_to_bytes(before: &[u8], edits: &[Edit]) -> Result<Edited, EditRefusal> {
    match std::str::from_utf8(before) {
        Ok(text) => apply(text, edits),
        Err(error) => {
            let problem = EditProblem::NotText { offset: error.valid_up_to() };
            Err(EditRefusal { edit: 1, of: edits.len(), problem })
        }
    }
}

/// Places to be replaced, ascending and apart, each with its new text.
struct Places {
    matching: Matching,
    places: Vec<(Range<usize>, String)>,
}

fn one(text: &str, edit: &Edit) -> Result<(String, Applied), EditProblem> {
    let (_, search) = endings::split_mark(&edit.search);
    let (_, replace) = endings::split_mark(&edit.replace);
    if search.is_empty() {
        if !text.is_empty() {
            return Err(EditProblem::EmptySearch);
        }
        return Ok((replace.to_owned(), Applied { matching: Matching::Strict, line: 1, places: 1 }));
    }
    if search == replace {
        return Err(EditProblem::NothingChanges);
    }
    let found = strict(text, search, replace, edit.occurrences)
        .or_else(|| neutral(text, search, replace, edit.occurrences))
        .or_else(|| indented(text, search, replace))
        .ok_or_else(|| EditProblem::missing(text, search, replace))?;
    let line_of = |offset: usize| {
        1 + endings::split(text.get(..offset).unwrap_or_default()).iter().filter(|line| !line.ending.is_empty()).count()
    };
    if found.places.len() > 1 && edit.occurrences == Occurrences::Only {
        let lines = found.places.iter().take(refusal::MOST_SHOWN).map(|(range, _)| line_of(range.start)).collect();
        return Err(EditProblem::Ambiguous { lines, count: found.places.len(), matching: found.matching });
    }
    let added: usize = found.places.iter().map(|(_, new)| new.len()).sum();
    if u64::try_from(text.len().saturating_add(added)).is_ok_and(|size| size > MAX_BYTES.saturating_mul(2)) {
        return Err(EditProblem::TooLarge);
    }
    let line = found.places.first().map_or(1, |(range, _)| line_of(range.start));
    let applied = Applied { matching: found.matching, line, places: found.places.len() };
    Ok((splice(text, &found.places), applied))
}

fn splice(text: &str, places: &[(Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in places {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(new);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Where `search` stands. Places may overlap where only one is wanted: then there are several.
fn occurrences(text: &str, search: &str, occurrences: Occurrences) -> Vec<Range<usize>> {
    if occurrences == Occurrences::All {
        return text.match_indices(search).map(|(start, found)| start..start + found.len()).collect();
    }
    let mut found = Vec::new();
    let mut from = 0;
    while found.len() < refusal::MOST_COUNTED {
        let Some(start) = text.get(from..).and_then(|rest| rest.find(search)) else { break };
        let start = from + start;
        found.push(start..start + search.len());
        from = start + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    found
}

fn strict(text: &str, search: &str, replace: &str, wanted: Occurrences) -> Option<Places> {
    let ranges = occurrences(text, search, wanted);
    if ranges.is_empty() {
        return None;
    }
    // Whoever writes the endings out means them; else new lines end as the file's do.
    let spelled = search.contains(['\n', '\r']) || replace.contains('\r') || !replace.contains('\n');
    let new = if spelled { replace.to_owned() } else { endings::adapt(replace, endings::dominant(text)) };
    Some(Places { matching: Matching::Strict, places: ranges.into_iter().map(|range| (range, new.clone())).collect() })
}

fn neutral(text: &str, search: &str, replace: &str, wanted: Occurrences) -> Option<Places> {
    let haystack = Neutral::new(text);
    let search = Neutral::new(search).text;
    let mut replace = Neutral::new(replace).text;
    let mut ranges = occurrences(&haystack.text, &search, wanted);
    if ranges.is_empty() {
        // The last line of the file may lack the ending that the search text has.
        let open = search.strip_suffix('\n').filter(|open| !open.is_empty())?;
        let start = haystack.text.strip_suffix(open)?.len();
        if start > 0 && !haystack.text.get(..start)?.ends_with('\n') {
            return None;
        }
        if replace.ends_with('\n') {
            replace.pop();
        }
        ranges.push(start..haystack.text.len());
    }
    let ending = endings::dominant(text);
    let mut places = Vec::with_capacity(ranges.len());
    for range in ranges {
        let range = haystack.original(&range);
        let new = endings::keep(text.get(range.clone())?, &replace, ending);
        places.push((range, new));
    }
    Some(Places { matching: Matching::LineEndings, places })
}

fn indented(text: &str, search: &str, replace: &str) -> Option<Places> {
    let lines = endings::split(text);
    let contents: Vec<&str> = lines.iter().map(|line| line.content).collect();
    let wanted = endings::split(search);
    let closed = wanted.last().is_some_and(|line| !line.ending.is_empty());
    let wanted: Vec<&str> = wanted.iter().map(|line| line.content).collect();
    let new = endings::split(replace);
    let new_contents: Vec<&str> = new.iter().map(|line| line.content).collect();
    let mut starts = Vec::with_capacity(lines.len() + 1);
    let mut offset = 0;
    for line in &lines {
        starts.push(offset);
        offset += line.content.len() + line.ending.len();
    }
    starts.push(offset);
    let ending = endings::dominant(text);
    let mut places: Vec<(Range<usize>, String)> = Vec::new();
    for window in indentation::windows(&contents, &wanted) {
        let Some(rule) = Indentation::between(&wanted, contents.get(window.clone())?, &new_contents) else { continue };
        let start = *starts.get(window.start)?;
        let last = lines.get(window.end - 1)?;
        let end = *starts.get(window.end)? - if closed { 0 } else { last.ending.len() };
        if places.last().is_some_and(|(before, _)| before.end > start) {
            continue;
        }
        let mut replacement = String::new();
        for line in &new {
            replacement.push_str(&rule.apply(line.content));
            replacement.push_str(if line.ending.is_empty() { "" } else { "\n" });
        }
        if closed && last.ending.is_empty() && replacement.ends_with('\n') {
            replacement.pop();
        }
        places.push((start..end, endings::keep(text.get(start..end)?, &replacement, ending)));
    }
    (!places.is_empty()).then_some(Places { matching: Matching::Indentation, places })
}

#[cfg(test)]
mod tests;
