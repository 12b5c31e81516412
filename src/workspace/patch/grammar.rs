//! The grammar of a patch: text to actions, no file is looked at.
//!
//! ```text
//! *** Begin Patch
//! *** Add File: PATH            then lines that begin with +
//! *** Delete File: PATH
//! *** Update File: PATH         then perhaps *** Move to: PATH, then chunks:
//! @@ a line above the place     (or @@ alone; the first chunk needs none)
//!  context, -gone, +new
//! *** End of File               the chunk stands at the end of the file
//! *** End Patch
//! ```

/// What happens to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// The file holds this from now on; also where one was before.
    Add {
        path: String,
        content: String,
    },
    Delete {
        path: String,
    },
    /// Without chunks it only moves.
    Update {
        path: String,
        to: Option<String>,
        chunks: Vec<Chunk>,
    },
}

/// Lines that are replaced together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Lines that stand above the place, outermost first.
    pub headers: Vec<String>,
    pub lines: Vec<ChunkLine>,
    /// Whether its old lines are the last ones of the file.
    pub at_end: bool,
    /// Where it begins in the patch, from 1.
    pub number: usize,
}

/// A line of a chunk, without its mark and its ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkLine {
    Context(String),
    Gone(String),
    New(String),
}

/// Why a text is no patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarProblem {
    #[error("the first line of a patch is `*** Begin Patch`, not `{found}`")]
    NoBegin { found: String },
    #[error("the last line of a patch is `*** End Patch`; this one breaks off, so nothing of it was applied")]
    NoEnd,
    #[error(
        "line {line} of the patch: `{found}` is not `*** Add File: PATH`, `*** Delete File: PATH` or `*** Update File: PATH`"
    )]
    NotAHeader { line: usize, found: String },
    #[error("line {line} of the patch: the update of `{path}` is empty; give a chunk that begins with `@@`")]
    EmptyUpdate { line: usize, path: String },
    #[error("line {line} of the patch: the chunk is empty; give lines that begin with ` `, `-` or `+`")]
    EmptyChunk { line: usize },
    #[error(
        "line {line} of the patch: `{found}` begins neither with ` `, `-`, `+` nor with `@@` or `***`; every line of a chunk carries its mark"
    )]
    NoMark { line: usize, found: String },
}

const ADD: &str = "*** Add File: ";
const DELETE: &str = "*** Delete File: ";
const UPDATE: &str = "*** Update File: ";
const MOVE: &str = "*** Move to: ";

/// Reads a patch, perhaps inside a fence or a here-document.
pub fn parse(patch: &str) -> Result<Vec<FileAction>, GrammarProblem> {
    let all: Vec<&str> = patch.trim().lines().collect();
    let begin = all.iter().position(|line| line.trim() == "*** Begin Patch");
    // Around the patch only a wrapping is allowed, nothing that could be meant as a part of it.
    let wrapping = |line: &str| line.is_empty() || line.starts_with("```") || line.contains("<<");
    let begin = begin.filter(|begin| *begin <= 1 && all.iter().take(*begin).all(|line| wrapping(line.trim())));
    let Some(begin) = begin else {
        return Err(GrammarProblem::NoBegin { found: shown(all.first().copied().unwrap_or_default()) });
    };
    let end = all.iter().rposition(|line| line.trim() == "*** End Patch");
    let end = end.filter(|end| *end > begin && all.len() - end <= 1 + begin).ok_or(GrammarProblem::NoEnd)?;
    let mut reader = Reader { lines: all.get(begin + 1..end).unwrap_or_default(), at: 0, first: begin + 2 };
    let mut actions = Vec::new();
    while let Some(line) = reader.next() {
        let text = line.trim();
        let action = if let Some(path) = text.strip_prefix(ADD) {
            FileAction::Add { path: path.trim().to_owned(), content: reader.added() }
        } else if let Some(path) = text.strip_prefix(DELETE) {
            FileAction::Delete { path: path.trim().to_owned() }
        } else if let Some(path) = text.strip_prefix(UPDATE) {
            reader.update(path.trim())?
        } else {
            return Err(GrammarProblem::NotAHeader { line: reader.number(), found: shown(line) });
        };
        actions.push(action);
    }
    Ok(actions)
}

fn shown(line: &str) -> String {
    line.trim_end().chars().filter(|c| !c.is_control()).take(80).collect()
}

struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
    /// The number, in the whole text, of the first line here.
    first: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek();
        self.at += usize::from(line.is_some());
        line
    }

    /// The number of the line that was read last.
    fn number(&self) -> usize {
        self.first + self.at.saturating_sub(1)
    }

    fn added(&mut self) -> String {
        let mut content = String::new();
        while let Some(line) = self.peek().and_then(|line| line.strip_prefix('+')) {
            content.push_str(line);
            content.push('\n');
            self.at += 1;
        }
        content
    }

    fn update(&mut self, path: &str) -> Result<FileAction, GrammarProblem> {
        let line = self.number();
        let to = self.peek().and_then(|line| line.trim().strip_prefix(MOVE)).map(|to| to.trim().to_owned());
        self.at += usize::from(to.is_some());
        let mut chunks = Vec::new();
        while let Some(next) = self.peek() {
            if next.trim().is_empty() {
                self.at += 1;
            } else if next.trim_start().starts_with("***") && next.trim() != "*** End of File" {
                break;
            } else {
                chunks.push(self.chunk(chunks.is_empty())?);
            }
        }
        if chunks.is_empty() && to.is_none() {
            return Err(GrammarProblem::EmptyUpdate { line, path: shown(path) });
        }
        Ok(FileAction::Update { path: path.to_owned(), to, chunks })
    }

    fn chunk(&mut self, first: bool) -> Result<Chunk, GrammarProblem> {
        let mut chunk = Chunk { number: self.first + self.at, ..Chunk::default() };
        while let Some(header) = self.peek().and_then(header) {
            chunk.headers.extend(header);
            self.at += 1;
        }
        let headed = chunk.number != self.first + self.at;
        while let Some(line) = self.peek() {
            let mut rest = line.chars();
            let parsed = match rest.next() {
                None => ChunkLine::Context(String::new()),
                Some(' ') => ChunkLine::Context(rest.as_str().to_owned()),
                Some('-') => ChunkLine::Gone(rest.as_str().to_owned()),
                Some('+') => ChunkLine::New(rest.as_str().to_owned()),
                Some('@') if header(line).is_some() && !chunk.lines.is_empty() => break,
                Some('*') if line.trim() == "*** End of File" => {
                    self.at += 1;
                    chunk.at_end = true;
                    break;
                }
                Some('*') if line.starts_with("***") => break,
                Some(_) => {
                    return Err(GrammarProblem::NoMark { line: self.first + self.at, found: shown(line) });
                }
            };
            if !headed && !first {
                return Err(GrammarProblem::NoMark { line: self.first + self.at, found: shown(line) });
            }
            chunk.lines.push(parsed);
            self.at += 1;
        }
        if !chunk.lines.iter().any(|line| !matches!(line, ChunkLine::Context(text) if text.is_empty())) {
            return Err(GrammarProblem::EmptyChunk { line: chunk.number });
        }
        Ok(chunk)
    }
}

/// The words of a chunk's header; none for a bare `@@` or one that gives line numbers only.
fn header(line: &str) -> Option<Option<String>> {
    let rest = line.strip_prefix("@@")?;
    if rest.trim().is_empty() {
        return Some(None);
    }
    let words = rest.strip_prefix(' ')?;
    let numbers = words.trim().trim_end_matches("@@").trim();
    let only_numbers = numbers.starts_with('-') && numbers.chars().all(|c| c.is_ascii_digit() || "-+, ".contains(c));
    Some((!only_numbers).then(|| words.to_owned()))
}
