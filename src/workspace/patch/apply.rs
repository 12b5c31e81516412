//! Finding the place of each chunk in a file, and the file after it.

use super::super::edit::endings::{self, Line};
use super::super::edit::indentation::Indentation;
use super::grammar::{Chunk, ChunkLine};

/// Comparisons of lines after which the search for a place is given up.
const MOST_COMPARISONS: usize = 20_000_000;
/// Lines of a chunk that a refusal shows.
const MOST_LINES: usize = 8;

/// Why a chunk has no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyProblem {
    #[error("the file has no line `{header}`{} (chunk at line {chunk} of the patch); read the file again", after(*.below))]
    NoHeader { header: String, below: usize, chunk: usize },
    #[error("these lines of the chunk at line {chunk} of the patch are not in the file{}{}:\n{lines}\nread the file again", after(*.below), before_it(*.passed))]
    NoPlace { lines: String, below: usize, passed: Option<usize>, chunk: usize },
    #[error("the chunk at line {chunk} of the patch fits {count} places, at lines {first} and {second}{}; add context, or the line of its function or class behind `@@`", if *.count > 2 { ", and more" } else { "" })]
    Ambiguous { count: usize, first: usize, second: usize, chunk: usize },
}

fn after(below: usize) -> String {
    if below == 0 { String::new() } else { format!(" after line {below}") }
}

fn before_it(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| {
        format!(" (they stand in line {line}, before the chunk above: keep the order of the file)")
    })
}

/// How closely a line of the patch and one of the file agree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closeness {
    Exact,
    /// Blanks at the end aside.
    End,
    /// Blanks at both ends aside.
    Ends,
    /// Typographic dashes, quotes and blanks count as the plain ones too.
    Plain,
}

const LEVELS: [Closeness; 4] = [Closeness::Exact, Closeness::End, Closeness::Ends, Closeness::Plain];

impl Closeness {
    fn agree(self, file: &str, patch: &str) -> bool {
        match self {
            Self::Exact => file == patch,
            Self::End => file.trim_end() == patch.trim_end(),
            Self::Ends => file.trim() == patch.trim(),
            Self::Plain => plain(file.trim()).eq(plain(patch.trim())),
        }
    }
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    })
}

/// The text after all chunks, which follow each other in the order of the file.
///
/// Lines that stay keep every byte. New lines end as most lines of the file do; a file whose last line is not ended
/// keeps it so.
pub fn update(before: &str, chunks: &[Chunk]) -> Result<String, ApplyProblem> {
    let (mark, body) = endings::split_mark(before);
    let lines = endings::split(body);
    let contents: Vec<&str> = lines.iter().map(|line| line.content).collect();
    let ending = endings::dominant(body);
    let mut below = 0;
    let mut budget = MOST_COMPARISONS;
    let mut places = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let found = place(&contents, chunk, below, &mut budget)?;
        // Lines that are only added, perhaps at the end, say nothing about where the next chunk is.
        if found.old > 0 {
            below = found.start + found.old;
        }
        places.push((found, chunk));
    }
    places.sort_by_key(|(found, _)| found.start);
    let mut out = Output { lines: Vec::with_capacity(lines.len()), ending };
    let mut done = 0;
    for (found, chunk) in &places {
        out.keep(lines.get(done..found.start).unwrap_or_default());
        out.chunk(chunk, lines.get(found.start..found.start + found.old).unwrap_or_default(), found);
        done = done.max(found.start + found.old);
    }
    out.keep(lines.get(done..).unwrap_or_default());
    let open = lines.last().is_some_and(|line| line.ending.is_empty());
    Ok(format!("{mark}{}", out.text(open)))
}

/// Where a chunk belongs.
struct Place {
    /// Its first line, from 0.
    start: usize,
    /// How many lines of the file its old lines are.
    old: usize,
    closeness: Closeness,
}

fn place(file: &[&str], chunk: &Chunk, below: usize, budget: &mut usize) -> Result<Place, ApplyProblem> {
    let mut from = below;
    for header in &chunk.headers {
        from = find_header(file, header, from).ok_or_else(|| ApplyProblem::NoHeader {
            header: header.clone(),
            below: from,
            chunk: chunk.number,
        })? + 1;
    }
    let mut old = old_lines(chunk);
    if old.is_empty() {
        let last_is_blank = file.last().is_some_and(|line| line.is_empty());
        let end = (file.len() - usize::from(last_is_blank)).max(below);
        let start = if chunk.headers.is_empty() || chunk.at_end { end } else { from };
        return Ok(Place { start, old: 0, closeness: Closeness::Exact });
    }
    loop {
        if let Some(found) = seek(file, &old, from, chunk, budget)? {
            return Ok(found);
        }
        // Models like to close a chunk with an empty line that is none of the file's.
        if old.len() < 2 || old.last() != Some(&"") {
            break;
        }
        old.pop();
    }
    let old = old_lines(chunk);
    let passed = LEVELS.iter().find_map(|level| windows(file, &old, 0, *level, budget).first().copied());
    let mut lines = old.iter().take(MOST_LINES).copied().collect::<Vec<_>>().join("\n");
    if old.len() > MOST_LINES {
        lines.push_str("\n…");
    }
    let passed = passed.filter(|start| *start < from).map(|start| start + 1);
    Err(ApplyProblem::NoPlace { lines, below: from, passed, chunk: chunk.number })
}

fn old_lines(chunk: &Chunk) -> Vec<&str> {
    let old = chunk.lines.iter().filter_map(|line| match line {
        ChunkLine::Context(text) | ChunkLine::Gone(text) => Some(text.as_str()),
        ChunkLine::New(_) => None,
    });
    old.collect()
}

fn find_header(file: &[&str], header: &str, from: usize) -> Option<usize> {
    let whole = LEVELS
        .iter()
        .find_map(|level| file.iter().skip(from).position(|line| level.agree(line, header)))
        .map(|index| from + index);
    whole.or_else(|| {
        // The beginning of a line will do where only one line begins so.
        let mut begins = (from..file.len())
            .filter(|index| file.get(*index).is_some_and(|line| line.trim().starts_with(header.trim())));
        begins.next().filter(|_| begins.next().is_none())
    })
}

fn seek(
    file: &[&str],
    old: &[&str],
    from: usize,
    chunk: &Chunk,
    budget: &mut usize,
) -> Result<Option<Place>, ApplyProblem> {
    for closeness in LEVELS {
        let found = windows(file, old, from, closeness, budget);
        let end = file.len().saturating_sub(old.len());
        let start = match found.as_slice() {
            [] => continue,
            all if chunk.at_end && all.last() == Some(&end) => end,
            // Below a header the first place is the one that is meant.
            [first, ..] if !chunk.headers.is_empty() => *first,
            [only] => *only,
            [first, second, ..] => {
                return Err(ApplyProblem::Ambiguous {
                    count: found.len(),
                    first: first + 1,
                    second: second + 1,
                    chunk: chunk.number,
                });
            }
        };
        return Ok(Some(Place { start, old: old.len(), closeness }));
    }
    Ok(None)
}

fn windows(file: &[&str], old: &[&str], from: usize, closeness: Closeness, budget: &mut usize) -> Vec<usize> {
    let mut found = Vec::new();
    for start in from..(file.len() + 1).saturating_sub(old.len()) {
        let there = file.get(start..start + old.len()).unwrap_or_default();
        let same = there.iter().zip(old).take_while(|(file, patch)| closeness.agree(file, patch)).count();
        *budget = budget.saturating_sub(same + 1);
        if *budget == 0 {
            return Vec::new();
        }
        if same == old.len() {
            found.push(start);
        }
    }
    found
}

/// The lines after the chunks so far.
struct Output {
    lines: Vec<(String, &'static str)>,
    ending: &'static str,
}

impl Output {
    fn keep(&mut self, lines: &[Line<'_>]) {
        for line in lines {
            let ending = ["\r\n", "\n", "\r"].into_iter().find(|known| *known == line.ending);
            self.lines.push((line.content.to_owned(), ending.unwrap_or("")));
        }
    }

    /// A chunk in place of `old`: context as the file has it, new lines indented as the file is.
    fn chunk(&mut self, chunk: &Chunk, old: &[Line<'_>], found: &Place) {
        let wanted = old_lines(chunk);
        let wanted = wanted.get(..old.len()).unwrap_or_default();
        let file: Vec<&str> = old.iter().map(|line| line.content).collect();
        let new: Vec<&str> = chunk
            .lines
            .iter()
            .filter_map(|line| if let ChunkLine::New(text) = line { Some(text.as_str()) } else { None })
            .collect();
        let rule = match found.closeness {
            Closeness::Exact | Closeness::End => None,
            Closeness::Ends | Closeness::Plain => Indentation::between(wanted, &file, &new),
        };
        let mut old = old.iter();
        for line in &chunk.lines {
            match line {
                ChunkLine::Context(_) => {
                    if let Some(line) = old.next() {
                        self.keep(std::slice::from_ref(line));
                    }
                }
                ChunkLine::Gone(_) => drop(old.next()),
                ChunkLine::New(text) => {
                    let text = rule.as_ref().map_or_else(|| text.clone(), |rule| rule.apply(text));
                    self.lines.push((text, self.ending));
                }
            }
        }
    }

    /// All of it; `open` leaves the last line without an ending.
    fn text(self, open: bool) -> String {
        let last = self.lines.len().saturating_sub(1);
        let mut text = String::new();
        for (index, (content, ending)) in self.lines.iter().enumerate() {
            text.push_str(content);
            text.push_str(match *ending {
                _ if open && index == last => "",
                "" => self.ending,
                ending => ending,
            });
        }
        text
    }
}
