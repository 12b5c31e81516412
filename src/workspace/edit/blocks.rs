//! SEARCH/REPLACE blocks in the text of an answer: how models without tools edit files.
//!
//! ````text
//! src/main.rs
//! ```rust
//! <<<<<<< SEARCH
//! old lines
//! =======
//! new lines
//! >>>>>>> REPLACE
//! ```
//! ````
//!
//! The name stands alone on one of the lines before the block; a block without one belongs to the file of the block
//! before. A broken block makes the whole answer one that cannot be used: half of an edit is none.

use std::fmt;

/// One edit of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The file as the model wrote it; unchecked.
    pub path: String,
    /// The lines to look for, each with its ending; empty for a new file.
    pub search: String,
    pub replace: String,
}

/// What an answer asks for, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Edit(Block),
    /// The text of a fenced block in a shell's language: a proposal, nothing more.
    Command(String),
}

/// A block that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBlock {
    /// The line of the answer, from 1, where it was noticed.
    pub line: usize,
    pub reason: BrokenReason,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenReason {
    NoName,
    NoDivider,
    NoEnd,
}

impl fmt::Display for BrokenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoName => "a SEARCH block has no file name; put the name alone on the line before its fence",
            Self::NoDivider => "a SEARCH block has no `=======` line; write the block again, whole",
            Self::NoEnd => "a SEARCH block has no `>>>>>>> REPLACE` line; write the block again, whole",
        })
    }
}

impl fmt::Display for BrokenBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; no edit of the answer was made", self.line, self.reason)
    }
}

impl std::error::Error for BrokenBlock {}

/// The edits of an answer, in order; none where one of them is broken.
pub fn parse(reply: &str) -> Result<Vec<Block>, BrokenBlock> {
    let pieces = pieces(reply)?;
    Ok(pieces.into_iter().filter_map(|piece| if let Piece::Edit(block) = piece { Some(block) } else { None }).collect())
}

/// The edits and the proposed commands of an answer, in order.
pub fn pieces(reply: &str) -> Result<Vec<Piece>, BrokenBlock> {
    let lines: Vec<&str> = reply.split_inclusive('\n').collect();
    let mut pieces = Vec::new();
    let mut file: Option<String> = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if is_shell_fence(line) && !(1..=2).any(|ahead| lines.get(at + ahead).is_some_and(|line| is_head(line))) {
            let body = until(&lines, at + 1, |line| line.trim().starts_with("```"));
            pieces.push(Piece::Command(concat(&lines, at + 1, body)));
            at = body + 1;
            continue;
        }
        if is_head(line) {
            let broken = |line: usize, reason| BrokenBlock { line: (line + 1).min(lines.len()), reason };
            let name = name_before(&lines, at).or_else(|| file.clone());
            let name = name.ok_or_else(|| broken(at, BrokenReason::NoName))?;
            let divider = until(&lines, at + 1, is_divider);
            if divider == lines.len() {
                return Err(broken(divider, BrokenReason::NoDivider));
            }
            let end = until(&lines, divider + 1, |line| is_end(line) || is_divider(line));
            if end == lines.len() {
                return Err(broken(end, BrokenReason::NoEnd));
            }
            file = Some(name.clone());
            pieces.push(Piece::Edit(Block {
                path: name,
                search: concat(&lines, at + 1, divider),
                replace: concat(&lines, divider + 1, end),
            }));
            at = end;
        }
        at += 1;
    }
    Ok(pieces)
}

fn until(lines: &[&str], from: usize, stop: impl Fn(&str) -> bool) -> usize {
    lines.iter().skip(from).position(|line| stop(line)).map_or(lines.len(), |index| from + index)
}

fn concat(lines: &[&str], from: usize, to: usize) -> String {
    lines.get(from..to).unwrap_or_default().concat()
}

/// Five to nine of a character, then a word.
fn is_marker(line: &str, mark: char, word: &str) -> bool {
    let line = line.trim();
    let rest = line.trim_start_matches(mark);
    (5..=9).contains(&(line.len() - rest.len())) && rest == word
}

fn is_head(line: &str) -> bool {
    is_marker(line, '<', " SEARCH") || is_marker(line, '<', " SEARCH>")
}

fn is_divider(line: &str) -> bool {
    is_marker(line, '=', "")
}

fn is_end(line: &str) -> bool {
    is_marker(line, '>', " REPLACE")
}

fn is_shell_fence(line: &str) -> bool {
    const SHELLS: [&str; 12] =
        ["bash", "sh", "shell", "cmd", "batch", "powershell", "ps1", "zsh", "fish", "ksh", "csh", "tcsh"];
    line.trim().strip_prefix("```").is_some_and(|language| SHELLS.iter().any(|shell| language.starts_with(shell)))
}

/// The file that the three lines before a block name: the first with a dot in it, from the block upwards.
fn name_before(lines: &[&str], head: usize) -> Option<String> {
    let mut names = Vec::new();
    for line in lines.get(head.saturating_sub(3)..head)?.iter().rev() {
        names.extend(name_in(line));
        if after_fence(line).is_none() {
            break;
        }
    }
    names.iter().find(|name| name.contains('.')).or(names.first()).cloned()
}

/// What stands behind the opening of a fence. Some models write tags in place of backticks.
fn after_fence(line: &str) -> Option<&str> {
    const FENCES: [&str; 6] = ["```", "<source>", "<code>", "<pre>", "<codename>", "<sourcecode>"];
    FENCES.iter().find_map(|fence| line.strip_prefix(fence))
}

fn name_in(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(rest) = after_fence(line) {
        return rest.contains(['.', '/']).then(|| rest.to_owned());
    }
    if line == "..." {
        return None;
    }
    let name = line.trim_end_matches(':').trim_start_matches('#').trim().trim_matches('`').trim_matches('*');
    (!name.is_empty()).then(|| name.to_owned())
}
