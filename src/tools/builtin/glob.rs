//! `glob`: files by the pattern of their names, those changed last first.

use std::sync::Mutex;
use std::time::SystemTime;

use globset::GlobBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::looking::{fits, not_there};
use super::super::{ToolAnswer, ToolContext, TypedTool, place, reads};
use crate::domain::{ProjectPath, Touch};
use crate::workspace::{FoundKind, Onward};

/// Longer lists are cut, and the answer says so.
const MAX_FILES: usize = 200;

pub(in crate::tools) struct Glob;

/// Find files of the project by the pattern of their path, those changed last first. Files that `.gitignore`
/// names are left out.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// Such as `*.rs` (in any folder), `src/**/*.ts` or `**/test_*.{py,pyi}`.
    pattern: String,
    /// The folder to look in; the whole project when absent. The pattern is relative to it.
    #[serde(default)]
    path: Option<String>,
}

impl TypedTool for Glob {
    const NAME: &'static str = "glob";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        input.path.as_deref().map(reads).unwrap_or_default()
    }

    fn run(&self, input: Input, context: &ToolContext<'_>) -> ToolAnswer {
        let below = match place(input.path.as_deref()) {
            Ok(below) => below,
            Err(refusal) => return ToolAnswer::refusal(refusal),
        };
        if let Err(refusal) = fits(&input.pattern) {
            return refusal;
        }
        if leaves(&input.pattern) {
            return ToolAnswer::refusal("the pattern leaves the project; give one relative to its root, without `..`");
        }
        let matcher = match matcher(&input.pattern) {
            Ok(matcher) => matcher,
            Err(error) => return ToolAnswer::refusal(format!("the pattern is not understood: {error}")),
        };
        let found: Mutex<Vec<(SystemTime, ProjectPath)>> = Mutex::default();
        let walked = context.root.walk(below.as_ref(), &mut || {
            Box::new(|entry| {
                let relative = beneath(&entry.path, below.as_ref());
                if entry.kind == FoundKind::File
                    && matcher.is_match(relative)
                    && let Ok(mut found) = found.lock()
                {
                    found.push((entry.size_and_time().1, entry.path.clone()));
                }
                Onward::Next
            })
        });
        match walked {
            Err(error) => ToolAnswer::refusal(format!("the project could not be searched: {error}")),
            Ok(walked) if !walked.begun => not_there(below.as_ref()),
            Ok(_) => answer(found.into_inner().unwrap_or_default()),
        }
    }
}

/// Whether a pattern speaks of places outside: such files are never found, which is not the same as there being none.
fn leaves(pattern: &str) -> bool {
    let pattern = pattern.trim();
    pattern.starts_with(['/', '~']) || pattern.split(['/', '{', ',', '}']).any(|part| part == "..")
}

/// A pattern without a slash means a name in any folder.
fn matcher(pattern: &str) -> Result<globset::GlobMatcher, globset::Error> {
    let pattern = pattern.trim().trim_start_matches("./");
    let whole = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    Ok(GlobBuilder::new(&whole).literal_separator(true).backslash_escape(true).build()?.compile_matcher())
}

/// The path as seen from the folder that was looked in.
fn beneath<'a>(path: &'a ProjectPath, below: Option<&ProjectPath>) -> &'a str {
    let text = path.as_str();
    let rest = below.and_then(|below| text.strip_prefix(below.as_str())).map(|rest| rest.trim_start_matches('/'));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(text)
}

fn answer(mut found: Vec<(SystemTime, ProjectPath)>) -> ToolAnswer {
    if found.is_empty() {
        return ToolAnswer::text("no files match");
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut text = found.iter().take(MAX_FILES).map(|(_, path)| path.as_str()).collect::<Vec<_>>().join("\n");
    if found.len() > MAX_FILES {
        text.push_str(&format!("\n… and {} more; ask with a narrower pattern", found.len() - MAX_FILES));
    }
    ToolAnswer::text(text)
}
