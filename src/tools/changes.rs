//! Changing files for a model: only what it has seen as it is now, and never over somebody else's work.

use super::{Effect, Removed, ToolAnswer, Written, preview};
use crate::domain::{Content, ContentHash, ProjectPath};
use crate::workspace::edit::{self, Applied, Edit, Matching};
use crate::workspace::patch::{self, PatchPlan};
use crate::workspace::seen::{Seen, Sighting};
use crate::workspace::{Root, WorkspaceError};

/// Refuses a file that the model does not know as it is.
fn known(seen: &Seen, path: &ProjectPath, now: &[u8]) -> Result<(), String> {
    match seen.sighting(path, now) {
        Sighting::Current => Ok(()),
        Sighting::Never => {
            Err(format!("`{path}` was not read in this session; read it with `read_file` before you change it"))
        }
        Sighting::Stale { since: None } => {
            Err(format!("`{path}` has changed since you last saw it; read it again before you change it"))
        }
        Sighting::Stale { since: Some(since) } => Err(format!(
            "`{path}` has changed since you last saw it; read it again before you change it. What changed:\n{since}"
        )),
    }
}

/// What a call makes of one file, not written yet.
pub(super) struct Planned {
    pub path: ProjectPath,
    pub before: Option<Vec<u8>>,
    pub after: Vec<u8>,
    /// Where edits found their place; empty for a whole file.
    pub applied: Vec<Applied>,
}

impl Planned {
    /// For the person to look at.
    pub fn shown(&self) -> Content {
        preview::diff(&self.path, self.before.as_deref(), Some(&self.after))
    }

    /// Puts it in place.
    pub fn carry_out(self, root: &Root, seen: &Seen) -> Result<(Written, Vec<Applied>), String> {
        let Self { path, before, after, applied } = self;
        Ok((put(root, seen, path, before, after)?, applied))
    }
}

/// Plans a whole file.
pub(super) fn whole(root: &Root, seen: &Seen, path: &str, content: &str) -> Result<Planned, String> {
    let path = ProjectPath::parse(path).map_err(|refusal| refusal.to_string())?;
    let before = root.read(&path).map_err(|error| failed(&path, &error))?;
    if let Some(before) = before.as_deref().filter(|before| *before != content.as_bytes()) {
        known(seen, &path, before)?;
    }
    Ok(Planned { path, before, after: content.as_bytes().to_vec(), applied: Vec::new() })
}

/// Plans edits of a file by search and replace; fills a new or empty one where the only search text is empty.
pub(super) fn edited(root: &Root, seen: &Seen, path: &str, edits: &[Edit]) -> Result<Planned, String> {
    let path = ProjectPath::parse(path).map_err(|refusal| refusal.to_string())?;
    let before = root.read(&path).map_err(|error| failed(&path, &error))?;
    let fills = matches!(edits, [only] if only.search.is_empty());
    match &before {
        None if !fills => return Err(format!("`{path}` does not exist; make it with `write_file`")),
        Some(bytes) if !bytes.is_empty() => known(seen, &path, bytes)?,
        _ => {}
    }
    let edited = edit::apply_to_bytes(before.as_deref().unwrap_or_default(), edits)
        .map_err(|refusal| format!("`{path}` was not edited: {refusal}"))?;
    Ok(Planned { path, before, after: edited.text.into_bytes(), applied: edited.applied })
}

fn put(
    root: &Root,
    seen: &Seen,
    path: ProjectPath,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
) -> Result<Written, String> {
    let expected = before.as_deref().map(ContentHash::of);
    root.write_if(&path, expected.as_ref(), &after, None).map_err(|error| failed(&path, &error))?;
    seen.record(&path, &after);
    Ok(Written { path, before, after })
}

/// The error names the file already, except where it is about the way there.
fn failed(path: &ProjectPath, error: &WorkspaceError) -> String {
    match error {
        WorkspaceError::Changed { .. } => format!("{error}; read it again"),
        _ => format!("`{path}` was not written: {error}"),
    }
}

/// What was done, for the model.
pub(super) fn told(written: &Written, applied: &[Applied]) -> String {
    let mut text = format!("edited `{}`:", written.path);
    for one in applied {
        let how = match one.matching {
            Matching::Strict => "",
            Matching::LineEndings => " (with the line endings of the file)",
            Matching::Indentation => " (with the indentation of the file)",
        };
        let places = if one.places == 1 { String::new() } else { format!(" and {} more places", one.places - 1) };
        text.push_str(&format!("\nline {}{places}{how}", one.line));
    }
    text
}

/// Plans a patch of several files; the error is in words for the model.
pub(super) fn patched(root: &Root, seen: &Seen, text: &str) -> Result<PatchPlan, String> {
    let plan = patch::plan(text, root).map_err(|error| format!("nothing was changed: {error}"))?;
    for file in &plan.files {
        let before = file.before.as_deref().filter(|before| !before.is_empty());
        if let Some(Err(refusal)) = before.map(|before| known(seen, &file.path, before)) {
            return Err(format!("nothing was changed: {refusal}"));
        }
    }
    Ok(plan)
}

/// Applies a patch of several files.
pub(super) fn apply_patch(root: &Root, seen: &Seen, text: &str) -> ToolAnswer {
    let refuse = |error: patch::PatchError| ToolAnswer::refusal(format!("nothing was changed: {error}"));
    let plan = match patched(root, seen, text) {
        Ok(plan) => plan,
        Err(refusal) => return ToolAnswer::refusal(refusal),
    };
    match patch::carry_out(&plan, root) {
        Ok(()) => {}
        Err(half @ patch::PatchError::Half { .. }) => {
            return ToolAnswer::refusal(format!("{half}; read these files again"));
        }
        Err(error) => return refuse(error),
    }
    let mut answer = ToolAnswer::text(String::new());
    let mut lines = Vec::new();
    for file in plan.files {
        match file.after {
            Some(after) => {
                seen.record(&file.path, &after);
                let word = if file.before.is_some() { "changed" } else { "made" };
                lines.push(format!("{word} `{}`", file.path));
                answer = answer.with(Effect::Wrote(Written { path: file.path, before: file.before, after }));
            }
            None => {
                seen.forget(&file.path);
                let Some(before) = file.before else { continue };
                lines.push(format!("removed `{}`", file.path));
                answer = answer.with(Effect::Removed(Removed { path: file.path, before }));
            }
        }
    }
    answer.content = ToolAnswer::text(lines.join("\n")).content;
    answer
}
