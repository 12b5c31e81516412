//! `list_files`: the project's files as a tree with sizes, ignored ones left out.

use std::collections::BTreeMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::looking::not_there;
use super::super::{ToolAnswer, ToolContext, TypedTool, place, reads};
use crate::domain::{ProjectPath, Touch};
use crate::workspace::{FoundKind, Onward};

/// Longer lists are cut, and the answer says so.
const MAX_LINES: usize = 500;

pub(in crate::tools) struct ListFiles;

/// List the files of the project as a tree with their sizes, those that `.gitignore` names left out.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The folder to list; the whole project when absent.
    #[serde(default)]
    path: Option<String>,
    /// Folders below this depth are summed up in one line; as deep as fits when absent.
    #[serde(default)]
    depth: Option<usize>,
}

impl TypedTool for ListFiles {
    const NAME: &'static str = "list_files";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        input.path.as_deref().map(reads).unwrap_or_default()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let below = match place(input.path.as_deref()) {
            Ok(below) => below,
            Err(refusal) => return ToolAnswer::refusal(refusal),
        };
        let found: Mutex<Vec<(ProjectPath, u64)>> = Mutex::default();
        let walked = context.root.walk(below.as_ref(), &mut || {
            Box::new(|entry| {
                if entry.kind == FoundKind::File
                    && let Ok(mut found) = found.lock()
                {
                    found.push((entry.path.clone(), entry.size_and_time().0));
                }
                Onward::Next
            })
        });
        let walked = match walked {
            Ok(walked) if walked.begun || below.is_none() => walked,
            Ok(_) => return not_there(below.as_ref()),
            Err(error) => return ToolAnswer::refusal(format!("the project could not be listed: {error}")),
        };
        let mut files = found.into_inner().unwrap_or_default();
        files.sort();
        if files.is_empty() && walked.skipped == 0 {
            return ToolAnswer::text("no files");
        }
        let mut text = tree(&files, below.as_ref(), input.depth);
        if walked.skipped > 0 {
            text.push_str(&format!("… and {} entries that are links, devices or not named by text\n", walked.skipped));
        }
        if walked.unread_rules > 0 {
            let folders = walked.unread_rules;
            text.push_str(&format!(
                "… the ignore files of {folders} folders were not read: no plain files, or large\n"
            ));
        }
        ToolAnswer::text(text.trim_end())
    }
}

/// A folder's files below it, in all.
#[derive(Clone, Copy, Default)]
struct Sum {
    files: usize,
    bytes: u64,
}

fn tree(files: &[(ProjectPath, u64)], below: Option<&ProjectPath>, depth: Option<usize>) -> String {
    let base = below.map_or(0, |below| below.parts().count());
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    // Lines of a tree by its depth.
    let mut lines_at: BTreeMap<usize, usize> = BTreeMap::new();
    for (path, bytes) in files {
        for (at, _) in path.as_str().match_indices('/') {
            let sum = sums.entry(path.as_str().get(..at).unwrap_or_default()).or_default();
            sum.files += 1;
            sum.bytes += bytes;
        }
        *lines_at.entry(path.parts().count().saturating_sub(base)).or_default() += 1;
    }
    for folder in sums.keys() {
        *lines_at.entry(folder.split('/').count().saturating_sub(base)).or_default() += 1;
    }
    let depth = depth.unwrap_or_else(|| fitting(&lines_at)).max(1);
    let (mut text, mut lines, mut left_out) = (String::new(), 0, 0);
    let mut last: Vec<&str> = Vec::new();
    for (path, bytes) in files {
        let parts: Vec<&str> = path.parts().collect();
        let shared = parts.iter().zip(&last).take_while(|(a, b)| a == b).count();
        for level in (base..parts.len().min(base + depth)).filter(|level| *level >= shared) {
            if lines == MAX_LINES {
                left_out += 1;
                continue;
            }
            lines += 1;
            let name = parts.get(level).copied().unwrap_or_default();
            let indent = "  ".repeat(level - base);
            if level + 1 == parts.len() {
                text.push_str(&format!("{indent}{name}  {}\n", size(*bytes)));
                continue;
            }
            let folder = parts.get(..=level).unwrap_or_default().join("/");
            let sum = sums.get(folder.as_str()).copied().unwrap_or_default();
            let summed = if level + 1 == base + depth {
                format!("  {} files, {}", sum.files, size(sum.bytes))
            } else {
                String::new()
            };
            text.push_str(&format!("{indent}{name}/{summed}\n"));
        }
        last = parts;
    }
    if left_out > 0 {
        text.push_str(&format!("… and {left_out} more; ask with a path or a smaller depth\n"));
    }
    text
}

/// The deepest tree that is not too long.
fn fitting(lines_at: &BTreeMap<usize, usize>) -> usize {
    let (mut lines, mut deepest) = (0, 1);
    for (depth, count) in lines_at {
        lines += count;
        if lines > MAX_LINES {
            break;
        }
        deepest = *depth;
    }
    deepest
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
