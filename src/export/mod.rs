//! Writing a project out: to a folder, to an archive.
//!
//! A target is a file in `targets/` and a line in [`TARGETS`]. A destination is there as a whole or not at
//! all, and nothing that exists is replaced unless that was asked for. Ignored files, `.git` and Kiln's own
//! folder stay behind; names that some system cannot unpack are changed, and the changes told.

mod bundle;
mod error;
mod place;
pub mod portable;
mod targets;

use std::path::{Path, PathBuf};

use crate::domain::{ExistingFiles, ExportTarget, Fault, FaultClass};
use crate::workspace::Root;

pub use bundle::{Bundle, BundleFile};
pub use error::ExportError;
pub use targets::TARGETS;

/// A kind of destination.
#[derive(Debug)]
pub struct Target {
    /// The word before the colon.
    pub id: &'static str,
    /// What it makes, for a list.
    pub about: &'static str,
    /// Writes a bundle to a destination.
    pub write: fn(&Bundle, &Path, ExistingFiles) -> Result<Exported, ExportError>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The absolute path of the destination.
    pub path: PathBuf,
    /// Number of files in it.
    pub files: usize,
    /// Their size before any packing.
    pub bytes: u64,
    /// Names that were changed, as (in the project, in the export).
    pub renamed: Vec<(String, String)>,
    /// Entries of the project left behind, such as symbolic links.
    pub left_out: usize,
}

/// Reads `zip:PATH` or `folder:PATH`.
pub fn parse_target(text: &str) -> Result<ExportTarget, Fault> {
    let forms = || TARGETS.iter().map(|target| format!("`{}:PATH`", target.id)).collect::<Vec<_>>().join(" or ");
    let wrong = |sentence: String| Fault::new(FaultClass::Invalid, sentence).hint(format!("write {}", forms()));
    let Some((kind, path)) = text.trim().split_once(':') else {
        return Err(wrong(format!("`{text}` names no kind of export")));
    };
    let (kind, path) = (kind.trim().to_ascii_lowercase(), path.trim());
    if find(&kind).is_none() {
        return Err(wrong(format!("there is no kind of export called `{kind}`")));
    }
    if path.is_empty() {
        return Err(wrong(format!("`{text}` names no destination")));
    }
    // Shells leave a tilde after a colon as it is, and a folder called `~` is never what is meant.
    if path == "~" || path.starts_with("~/") {
        let fault = Fault::new(FaultClass::Invalid, format!("`{path}` begins with `~`, which is not expanded here"));
        return Err(fault.hint("write the whole path"));
    }
    Ok(ExportTarget { kind, path: PathBuf::from(path) })
}

/// Exports a project. Blocks on the disk.
pub fn run(kind: &str, root: &Root, destination: &Path, existing: ExistingFiles) -> Result<Exported, ExportError> {
    run_without(kind, root, destination, existing, &[])
}

/// As [`run`], leaving out earlier destinations that may lie inside the project.
pub fn run_without(
    kind: &str,
    root: &Root,
    destination: &Path,
    existing: ExistingFiles,
    earlier: &[PathBuf],
) -> Result<Exported, ExportError> {
    let target = find(kind).ok_or_else(|| ExportError::UnknownKind { kind: kind.to_owned() })?;
    let destination = std::path::absolute(destination).map_err(|error| ExportError::sort(&error, destination))?;
    place::spare_project(&destination, root.path())?;
    let mut without = earlier.to_vec();
    without.push(destination.clone());
    let bundle = Bundle::of_project(root, &without)?;
    (target.write)(&bundle, &destination, existing)
}

fn find(kind: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.id == kind)
}
