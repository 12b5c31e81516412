//! `read_file`: a file of the project, in numbered lines, or as a picture.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{ToolAnswer, ToolContext, TypedTool, reads};
use crate::domain::{Content, PathRefusal, Picture, ProjectPath, Touch};
use crate::workspace::{MAX_BYTES, OpenFile, WorkspaceError};

/// Lines in one answer at most.
const MOST_LINES: usize = 2000;
/// Bytes of text in one answer at most.
const MOST_BYTES: usize = 128 * 1024;
/// Bytes of a line that are shown.
const MOST_OF_A_LINE: usize = 2000;
/// Bytes of a large file that are gone through for the lines that are wanted.
const MOST_READ: u64 = 256 * 1024 * 1024;
/// Entries of a folder that are listed in place of a file.
const MOST_ENTRIES: usize = 50;

pub(in crate::tools) struct ReadFile;

/// Read a file of the project: text in numbered lines (the number and the tab behind it are not part of the file),
/// or a picture (PNG, JPEG, GIF, WebP). Read a file before you change it.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The path relative to the project root.
    path: String,
    /// The first line to read, from 1.
    #[serde(default, alias = "from_line")]
    offset: Option<usize>,
    /// How many lines to read; 2000 when absent, which is also the most.
    #[serde(default)]
    limit: Option<usize>,
}

impl TypedTool for ReadFile {
    const NAME: &'static str = "read_file";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        reads(&input.path)
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let path = match ProjectPath::parse(&input.path) {
            Ok(path) => path,
            Err(PathRefusal::Folder(_) | PathRefusal::Empty) => return folder(context, input.path.trim()),
            Err(refusal) => return ToolAnswer::refusal(refusal.to_string()),
        };
        let open = match context.root.open_file(&path) {
            Ok(Some(open)) => open,
            Ok(None) => return absent(context, &path),
            Err(WorkspaceError::Refused(PathRefusal::Folder(_))) => return folder(context, path.as_str()),
            Err(error) => return ToolAnswer::refusal(format!("`{path}` was not read: {error}")),
        };
        let wanted = Wanted {
            first: input.offset.unwrap_or(1).max(1),
            lines: input.limit.unwrap_or(MOST_LINES).clamp(1, MOST_LINES),
        };
        if open.bytes > MAX_BYTES {
            return large(&path, open, &wanted);
        }
        let bytes = match context.root.read(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return absent(context, &path),
            Err(error) => return ToolAnswer::refusal(format!("`{path}` was not read: {error}")),
        };
        if let Some(picture) = Picture::of(&bytes) {
            return show(&path, picture, bytes.len());
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return ToolAnswer::refusal(not_text(&path, bytes.len() as u64));
        };
        if text.contains('\0') {
            return ToolAnswer::refusal(not_text(&path, bytes.len() as u64));
        }
        context.seen.record(&path, &bytes);
        ToolAnswer::text(numbered(&path, text, &wanted))
    }
}

/// Which lines are wanted.
struct Wanted {
    /// From 1.
    first: usize,
    lines: usize,
}

fn numbered(path: &ProjectPath, text: &str, wanted: &Wanted) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let total = text.lines().count();
    if total == 0 {
        return format!("`{path}` is empty");
    }
    if wanted.first > total {
        return format!("`{path}` has {total} lines; there is none from {} on", wanted.first);
    }
    let mut out = String::new();
    let mut last = wanted.first - 1;
    for line in text.lines().skip(wanted.first - 1).take(wanted.lines) {
        if out.len() > MOST_BYTES {
            break;
        }
        last += 1;
        push_line(&mut out, last, line);
    }
    if wanted.first > 1 || last < total {
        let more = if last < total { format!("; go on with offset {}", last + 1) } else { String::new() };
        out.push_str(&format!("… lines {} to {last} of {total}{more}\n", wanted.first));
    }
    if text.contains("\r\n") {
        out.push_str("… its lines end with CRLF; edits keep that\n");
    }
    out
}

fn push_line(out: &mut String, number: usize, line: &str) {
    let end = line.floor_char_boundary(MOST_OF_A_LINE);
    let (shown, rest) = line.split_at(end.min(line.len()));
    out.push_str(&format!("{number:>6}\t{shown}"));
    if !rest.is_empty() {
        out.push_str(&format!("… ({} more bytes in this line)", rest.len()));
    }
    out.push('\n');
}

/// Some lines of a file that is too large to be held, without reading on behind them.
fn large(path: &ProjectPath, open: OpenFile, wanted: &Wanted) -> ToolAnswer {
    let bytes = open.bytes;
    let mut reader = BufReader::new(open.file.take(MOST_READ));
    let mut out = String::new();
    let mut number = 0;
    while out.len() <= MOST_BYTES && number + 1 < wanted.first.saturating_add(wanted.lines) {
        let line = match next_line(&mut reader) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => return ToolAnswer::refusal(format!("`{path}` was not read: {error}")),
        };
        number += 1;
        if line.contains(&0) {
            return ToolAnswer::refusal(not_text(path, bytes));
        }
        if number >= wanted.first {
            push_line(&mut out, number, &String::from_utf8_lossy(&line));
        }
    }
    if out.is_empty() && reader.get_ref().limit() == 0 {
        return ToolAnswer::refusal(format!(
            "line {} of `{path}` lies behind its first {MOST_READ} bytes, which is further than `read_file` goes",
            wanted.first
        ));
    }
    if out.is_empty() {
        return ToolAnswer::text(format!("`{path}` has {number} lines; there is none from {} on", wanted.first));
    }
    out.push_str(&format!(
        "… lines {} to {number} of a file of {bytes} bytes, too large to be edited; go on with offset {}\n",
        wanted.first,
        number + 1
    ));
    ToolAnswer::text(out)
}

/// The next line, only its beginning where it is long.
fn next_line(reader: &mut BufReader<Take<File>>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let most = u64::try_from(MOST_OF_A_LINE + 1).unwrap_or(u64::MAX);
    if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if !line.contains(&0) {
        // What is no text has no end of a line to look for.
        reader.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

fn show(path: &ProjectPath, picture: Picture, bytes: usize) -> ToolAnswer {
    if bytes as u64 > Picture::MOST_BYTES {
        let most = Picture::MOST_BYTES;
        return ToolAnswer::refusal(format!("`{path}` is a picture of {bytes} bytes; at most {most} are sent"));
    }
    let Picture { media_type, data } = picture;
    let mut answer = ToolAnswer::text(format!("`{path}`, {media_type}, {bytes} bytes"));
    answer.content.push(Content::Image { media_type, data });
    answer
}

fn not_text(path: &ProjectPath, bytes: u64) -> String {
    format!("`{path}` is no UTF-8 text but a binary file of {bytes} bytes; it is neither shown nor edited")
}

/// There is no such file; perhaps one of that name lies elsewhere.
fn absent(context: &ToolContext<'_>, path: &ProjectPath) -> ToolAnswer {
    let files = context.root.files().map(|listing| listing.files).unwrap_or_default();
    let alike: Vec<String> = files
        .iter()
        .filter(|file| file.file_name().eq_ignore_ascii_case(path.file_name()))
        .take(5)
        .map(|file| format!("`{file}`"))
        .collect();
    ToolAnswer::refusal(if alike.is_empty() {
        format!("`{path}` does not exist; `list_files` tells what does")
    } else {
        format!("`{path}` does not exist; there is {}", alike.join(", "))
    })
}

/// A folder in place of a file: what lies in it.
fn folder(context: &ToolContext<'_>, name: &str) -> ToolAnswer {
    let name = name.trim_start_matches("./").trim_matches(['/', '.']);
    let inside = if name.is_empty() { String::new() } else { format!("{name}/") };
    let files = context.root.files().map(|listing| listing.files).unwrap_or_default();
    let names: Vec<&str> = files.iter().map(ProjectPath::as_str).filter(|file| file.starts_with(&inside)).collect();
    let mut text = format!("`{}` is a folder; read one of its files:", if name.is_empty() { "." } else { name });
    for file in names.iter().take(MOST_ENTRIES) {
        text.push_str(&format!("\n{file}"));
    }
    if names.len() > MOST_ENTRIES {
        text.push_str(&format!("\n… and {} more", names.len() - MOST_ENTRIES));
    }
    ToolAnswer::refusal(text)
}
