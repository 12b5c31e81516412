//! `grep`: text in the project's files, searched by ripgrep's own crates.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use globset::{GlobBuilder, GlobMatcher};
use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::looking::{fits, not_there};
use super::super::{ToolAnswer, ToolContext, TypedTool, place, reads};
use crate::domain::{ProjectPath, Touch};
use crate::workspace::{FoundKind, Onward, Reader, Root, Visitor};

/// Lines of matches (or files) in an answer where nothing else is asked for, and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 2_000;
/// Matches after which the search ends.
const ENOUGH: usize = 20_000;
/// Lines of context at most.
const MAX_CONTEXT: usize = 20;
/// Characters that are shown of a line.
const MAX_LINE: usize = 300;
/// Bytes that a searcher may hold of one line.
const MAX_HELD: usize = 32 * 1024 * 1024;

pub(in crate::tools) struct Grep;

/// Search the project's files for a regular expression, line by line. Files that `.gitignore` names and binary
/// files are left out.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// A regular expression in Rust's syntax, such as `fn \w+_test` or `error|warning`.
    pattern: String,
    /// The folder or file to search; the whole project when absent.
    #[serde(default)]
    path: Option<String>,
    /// Only files whose path matches, such as `*.rs` or `src/**/*.ts`.
    #[serde(default)]
    glob: Option<String>,
    /// Lines to show before and after each match.
    #[serde(default)]
    context: usize,
    /// Whether capitals count; `smart`: only when the pattern has some.
    #[serde(default)]
    case: Case,
    /// What to answer with.
    #[serde(default)]
    mode: Mode,
    /// Matches (or files) to answer with at most.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Case {
    #[default]
    Smart,
    Sensitive,
    Insensitive,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// The matching lines with their numbers.
    #[default]
    Content,
    /// The paths of files that match.
    Files,
    /// The number of matching lines of each file.
    Count,
}

impl TypedTool for Grep {
    const NAME: &'static str = "grep";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        input.path.as_deref().map(reads).unwrap_or_default()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        search(&input, context.root).unwrap_or_else(|refusal| refusal)
    }
}

/// What was found in one file.
struct InFile {
    path: ProjectPath,
    lines: Vec<String>,
    /// Where in `lines` each match stands.
    matches: Vec<usize>,
    count: usize,
}

fn search(input: &Input, root: &Root) -> Result<ToolAnswer, ToolAnswer> {
    let below = place(input.path.as_deref()).map_err(ToolAnswer::refusal)?;
    let matcher = matcher(input)?;
    let only = input.glob.as_deref().map(name_matcher).transpose()?;
    let (searcher, limit) = (searcher(input), input.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT));
    let found: Mutex<Vec<InFile>> = Mutex::default();
    let (total, unread) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let visitor = || -> Visitor<'_> {
        let (mut searcher, mut reader) = (searcher.clone(), root.reader());
        let (only, total, unread, found, matcher) = (&only, &total, &unread, &found, &matcher);
        Box::new(move |entry| {
            if entry.kind != FoundKind::File || only.as_ref().is_some_and(|only| !only.is_match(entry.path.as_str())) {
                return Onward::Next;
            }
            let left = ENOUGH.saturating_sub(total.load(Ordering::Relaxed));
            if left == 0 {
                return Onward::Stop;
            }
            match in_file(&mut reader, entry.path, matcher, &mut searcher, input.mode, left) {
                Ok(None) => {}
                Ok(Some(file)) => {
                    total.fetch_add(file.count, Ordering::Relaxed);
                    if let Ok(mut found) = found.lock() {
                        found.push(file);
                    }
                }
                Err(()) => {
                    unread.fetch_add(1, Ordering::Relaxed);
                }
            }
            Onward::Next
        })
    };
    let walked = root.walk(below.as_ref(), &mut { visitor });
    let walked = walked.map_err(|error| ToolAnswer::refusal(format!("the project could not be searched: {error}")))?;
    if !walked.begun {
        return Err(not_there(below.as_ref()));
    }
    let mut files = found.into_inner().unwrap_or_default();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = told(&files, input.mode, limit);
    if total.into_inner() >= ENOUGH {
        text.push_str("\n… the search ended early; ask with a narrower pattern or path");
    }
    match unread.into_inner() {
        0 => {}
        unread => text.push_str(&format!("\n… {unread} files could not be read")),
    }
    Ok(ToolAnswer::text(text))
}

fn matcher(input: &Input) -> Result<RegexMatcher, ToolAnswer> {
    fits(&input.pattern)?;
    let mut builder = RegexMatcherBuilder::new();
    builder.multi_line(true).crlf(true).size_limit(16 * 1024 * 1024);
    match input.case {
        Case::Smart => builder.case_smart(true),
        Case::Sensitive => builder.case_insensitive(false),
        Case::Insensitive => builder.case_insensitive(true),
    };
    builder.build(&input.pattern).map_err(|error| {
        let text = error.to_string();
        ToolAnswer::refusal(format!("the pattern is not understood: {text}\nthe search goes line by line; escape `(`, `[`, `{{`, `.` to mean themselves"))
    })
}

fn name_matcher(pattern: &str) -> Result<GlobMatcher, ToolAnswer> {
    fits(pattern)?;
    let whole = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(whole.trim_start_matches("./")).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| ToolAnswer::refusal(format!("`glob` is not understood: {error}")))
}

fn searcher(input: &Input) -> Searcher {
    let context = if input.mode == Mode::Content { input.context.min(MAX_CONTEXT) } else { 0 };
    SearcherBuilder::new()
        .line_terminator(LineTerminator::crlf())
        .line_number(input.mode == Mode::Content)
        .before_context(context)
        .after_context(context)
        .binary_detection(BinaryDetection::quit(0))
        .heap_limit(Some(MAX_HELD))
        .build()
}

fn in_file(
    reader: &mut Reader<'_>,
    path: ProjectPath,
    matcher: &RegexMatcher,
    searcher: &mut Searcher,
    mode: Mode,
    left: usize,
) -> Result<Option<InFile>, ()> {
    let Some(open) = reader.open_file(&path).map_err(drop)? else { return Ok(None) };
    let mut lines = Lines { mode, left, lines: Vec::new(), matches: Vec::new(), count: 0, binary: false };
    searcher.search_file(matcher, &open.file, &mut lines).map_err(drop)?;
    let Lines { lines, matches, count, binary, .. } = lines;
    Ok((count > 0 && !binary).then_some(InFile { path, lines, matches, count }))
}

/// Gathers what a searcher finds in a file.
struct Lines {
    mode: Mode,
    left: usize,
    lines: Vec<String>,
    matches: Vec<usize>,
    count: usize,
    binary: bool,
}

impl Sink for Lines {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        self.count += 1;
        match self.mode {
            Mode::Files => return Ok(false),
            Mode::Count => {}
            Mode::Content => {
                self.matches.push(self.lines.len());
                self.lines.push(shown(found.line_number(), ':', found.bytes()));
            }
        }
        Ok(self.count < self.left)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> Result<bool, io::Error> {
        self.lines.push(shown(context.line_number(), '-', context.bytes()));
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, io::Error> {
        self.lines.push("--".to_owned());
        Ok(true)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> Result<bool, io::Error> {
        self.binary = true;
        Ok(false)
    }
}

/// A line with its number, cut where it is long.
fn shown(number: Option<u64>, mark: char, bytes: &[u8]) -> String {
    let beginning = bytes.get(..MAX_LINE * 4 + 8).unwrap_or(bytes);
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_end_matches(['\n', '\r']);
    let number = number.unwrap_or_default();
    match text.char_indices().nth(MAX_LINE) {
        None => format!("{number}{mark} {text}"),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{number}{mark} {kept}… ({} bytes)", bytes.len())
        }
    }
}

fn told(files: &[InFile], mode: Mode, limit: usize) -> String {
    if files.is_empty() {
        return "no matches".to_owned();
    }
    let mut text = String::new();
    let more = match mode {
        Mode::Files | Mode::Count => {
            for file in files.iter().take(limit) {
                let count = if mode == Mode::Count { format!(": {}", file.count) } else { String::new() };
                text.push_str(&format!("{}{count}\n", file.path));
            }
            (files.len().saturating_sub(limit), "files")
        }
        Mode::Content => {
            let mut left = limit;
            for file in files {
                if left == 0 {
                    break;
                }
                // Up to the line before the first match that is too many.
                let end = file.matches.get(left).copied().unwrap_or(file.lines.len());
                left = left.saturating_sub(file.matches.len());
                text.push_str(&format!("{}\n", file.path));
                for line in file.lines.iter().take(end) {
                    text.push_str(&format!("  {line}\n"));
                }
            }
            let total: usize = files.iter().map(|file| file.count).sum();
            (total.saturating_sub(limit), "matches")
        }
    };
    match more {
        (0, _) => {}
        (more, what) => {
            text.push_str(&format!("… and {more} more {what}; ask with a narrower pattern or a higher limit"));
        }
    }
    text.trim_end().to_owned()
}
