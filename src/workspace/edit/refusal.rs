//! Why an edit was not made, in words that a model can act on.

use std::fmt;

use super::Matching;
use super::endings;

/// Places that a refusal lists.
pub(super) const MOST_SHOWN: usize = 8;
/// Places that are counted before counting stops.
pub(super) const MOST_COUNTED: usize = 1000;
/// Lines of the file that a refusal shows.
const MOST_LINES: usize = 12;
/// Characters of such a line.
const MOST_CHARACTERS: usize = 160;
/// Lines of a file that are compared while looking for the nearest place.
const MOST_COMPARED: usize = 20_000;

/// An edit that was not made; the file is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditRefusal {
    /// Which of the edits, from 1.
    pub edit: usize,
    /// How many edits there were.
    pub of: usize,
    pub problem: EditProblem,
}

/// What is wrong with an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditProblem {
    NoEdits,
    /// The search text is empty, the file is not.
    EmptySearch,
    /// The replacement is what is there already.
    NothingChanges,
    /// The search text is nowhere.
    Missing {
        /// The place that resembles it most.
        nearest: Option<Nearest>,
        /// The search text carries line numbers.
        numbered: bool,
        /// The replacement stands in this line, from 1, already.
        done: Option<usize>,
    },
    /// The search text is in several places.
    Ambiguous {
        lines: Vec<usize>,
        count: usize,
        matching: Matching,
    },
    /// The result would be larger than Kiln writes.
    TooLarge,
    /// The file is not UTF-8 from this byte on.
    NotText {
        offset: usize,
    },
}

/// The place of a file that resembles a search text most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// Its first line, from 1.
    pub line: usize,
    /// The file's lines there, shortened.
    pub lines: Vec<String>,
    /// The first line that differs: its number, and what the search text has there.
    pub differs: Option<(usize, String)>,
}

impl EditProblem {
    pub(super) fn missing(text: &str, search: &str, replace: &str) -> Self {
        let numbered =
            !search.trim().is_empty() && search.lines().filter(|line| !line.trim().is_empty()).all(is_numbered);
        let done = (replace.trim().len() > 3)
            .then(|| text.find(replace.trim()))
            .flatten()
            .and_then(|offset| text.get(..offset))
            .map(|above| above.matches('\n').count() + 1);
        Self::Missing { nearest: nearest(text, search), numbered, done }
    }
}

/// Whether a line begins as `read_file` begins its lines.
fn is_numbered(line: &str) -> bool {
    let rest = line.trim_start();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    digits > 0 && rest.split_at(digits).1.starts_with(['\t', '|', ':'])
}

fn nearest(text: &str, search: &str) -> Option<Nearest> {
    let file: Vec<&str> = endings::split(text).iter().map(|line| line.content).take(MOST_COMPARED).collect();
    let wanted: Vec<&str> = endings::split(search).iter().map(|line| line.content).collect();
    let skip = wanted.iter().take_while(|line| line.trim().is_empty()).count();
    let wanted = wanted.get(skip..)?;
    let start = by_votes(&file, wanted).or_else(|| by_likeness(&file, wanted.first()?))?;
    let there = file.get(start..)?;
    let differs = wanted
        .iter()
        .enumerate()
        .find(|(index, line)| there.get(*index).is_none_or(|found| found.trim() != line.trim()))
        .map(|(index, line)| (start + index + 1, shortened(line)));
    let shown = wanted.len().clamp(1, MOST_LINES);
    Some(Nearest { line: start + 1, lines: there.iter().take(shown).map(|line| shortened(line)).collect(), differs })
}

/// The start that most lines of the search text agree on, weighed by how telling they are.
fn by_votes(file: &[&str], wanted: &[&str]) -> Option<usize> {
    let mut places: std::collections::HashMap<&str, Vec<usize>> = std::collections::HashMap::new();
    for (index, line) in wanted.iter().enumerate().take(200).filter(|(_, line)| line.trim().len() > 3) {
        places.entry(line.trim()).or_default().push(index);
    }
    let mut votes: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    for (number, line) in file.iter().enumerate() {
        for index in places.get(line.trim()).into_iter().flatten().take(20) {
            *votes.entry(number.saturating_sub(*index)).or_default() += line.trim().len();
        }
    }
    votes.into_iter().max_by_key(|(start, weight)| (*weight, std::cmp::Reverse(*start))).map(|(start, _)| start)
}

/// The line that shares most pairs of letters with the first one of the search text.
fn by_likeness(file: &[&str], wanted: &str) -> Option<usize> {
    let pairs = |text: &str| -> std::collections::HashSet<(char, char)> {
        let text = text.trim();
        text.chars().zip(text.chars().skip(1)).take(MOST_CHARACTERS).collect()
    };
    let wanted = pairs(wanted);
    if wanted.len() < 3 {
        return None;
    }
    let score = |line: &str| {
        let line = pairs(line);
        line.intersection(&wanted).count() * 200 / (line.len() + wanted.len()).max(1)
    };
    let scored = file.iter().enumerate().map(|(number, line)| (score(line), std::cmp::Reverse(number)));
    scored.max().filter(|(score, _)| *score >= 50).map(|(_, number)| number.0)
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", line.split_at(end).0),
        None => line.to_owned(),
    }
}

impl fmt::Display for EditRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of > 1 {
            write!(f, "edit {} of {}: {}; none of the edits was made", self.edit, self.of, self.problem)
        } else {
            write!(f, "{}", self.problem)
        }
    }
}

impl std::error::Error for EditRefusal {}

impl fmt::Display for EditProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEdits => f.write_str("there is no edit; give at least one"),
            Self::EmptySearch => f.write_str(
                "the search text is empty, but the file is not; search for the lines that the new text belongs to",
            ),
            Self::NothingChanges => f.write_str("the replacement is what the file holds already; nothing would change"),
            Self::TooLarge => write!(f, "the result would be larger than {} bytes", super::MAX_BYTES),
            Self::NotText { offset } => write!(
                f,
                "the file is not UTF-8 text (byte {offset} is where it stops being that), so its text cannot be searched; leave it, or convert it by a command"
            ),
            Self::Ambiguous { lines, count, matching } => {
                let list: Vec<String> = lines.iter().map(ToString::to_string).collect();
                let more = if *count > lines.len() { ", …" } else { "" };
                let at_least = if *count >= MOST_COUNTED { "at least " } else { "" };
                let how = match matching {
                    Matching::Strict => "",
                    Matching::LineEndings => " (line endings aside)",
                    Matching::Indentation => " (indentation aside)",
                };
                write!(
                    f,
                    "the search text occurs {at_least}{count} times{how}, in lines {}{more}; add lines around it until it occurs once, or replace all",
                    list.join(", ")
                )
            }
            Self::Missing { nearest, numbered, done } => missing(f, nearest.as_ref(), *numbered, *done),
        }
    }
}

fn missing(f: &mut fmt::Formatter<'_>, nearest: Option<&Nearest>, numbered: bool, done: Option<usize>) -> fmt::Result {
    f.write_str("the search text occurs nowhere in the file")?;
    if numbered {
        return f.write_str("; it carries line numbers, which are not part of the file: leave them out");
    }
    if let Some(line) = done {
        write!(f, "; the replacement stands there already, in line {line}")?;
    }
    let Some(nearest) = nearest else {
        return f.write_str("; nothing there resembles it: read the file again");
    };
    match &nearest.differs {
        Some((line, wanted)) => {
            write!(
                f,
                "; the nearest place begins at line {}, and differs in line {line}, where you have `{wanted}`.",
                nearest.line
            )?;
        }
        None => write!(f, "; the nearest place begins at line {}, and differs in its indentation.", nearest.line)?,
    }
    f.write_str(" The file has:")?;
    for (number, line) in (nearest.line..).zip(&nearest.lines) {
        write!(f, "\n{number:>6}\t{line}")?;
    }
    Ok(())
}
