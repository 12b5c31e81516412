//! `kiln export`, and the export at the end of `kiln exec`.

use clap::Args;

use super::console::Console;
use super::exit::{Exit, Failure};
use super::feed::unexpected;
use super::words::size;
use crate::domain::{ExistingFiles, ExportTarget, Fault, FaultClass, Op, Reply, SessionId};
use crate::engine::Engine;

/// `kiln export`.
#[derive(Args, Debug)]
pub struct ExportVerb {
    /// A session's id, its short id, or `last`
    pub session: String,

    /// Where to: `folder:PATH` or `zip:PATH`
    #[arg(long, value_name = "TARGET")]
    pub to: String,

    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

impl ExportVerb {
    /// What to do with files that exist.
    pub fn existing(&self) -> ExistingFiles {
        existing(self.force)
    }
}

/// `--force` as data.
pub fn existing(force: bool) -> ExistingFiles {
    if force { ExistingFiles::Replace } else { ExistingFiles::Keep }
}

/// Reads `folder:PATH` or `zip:PATH`; a relative path is taken from the current directory.
pub fn parse_target(text: &str) -> Result<ExportTarget, Failure> {
    match text.split_once(':') {
        Some((kind @ ("folder" | "zip"), path)) if !path.is_empty() => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
            Ok(ExportTarget { kind: kind.to_owned(), path })
        }
        _ => Err(Failure::usage(
            format!("`{text}` is no export target"),
            "write `folder:PATH` or `zip:PATH`, such as `zip:site.zip`",
        )),
    }
}

/// Refuses a destination that exists before a model is asked: afterwards it would be too late.
pub(super) fn refuse_early(target: &ExportTarget, existing: ExistingFiles) -> Result<(), Failure> {
    let empty_folder = || std::fs::read_dir(&target.path).is_ok_and(|mut entries| entries.next().is_none());
    if existing == ExistingFiles::Replace || !target.path.exists() || empty_folder() {
        return Ok(());
    }
    let fault = Fault::new(FaultClass::Exists, format!("`{}` exists already", target.path.display()))
        .hint("choose another place, or replace it with `--force`");
    Err(Failure::new(Exit::Export, fault))
}

/// Writes a session's project out and says what was written.
pub async fn export(
    engine: &Engine,
    session: SessionId,
    target: ExportTarget,
    existing: ExistingFiles,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let refused = |fault| Failure::new(Exit::Export, fault);
    engine.ask(Op::OpenSession { session }).await.map_err(refused)?;
    let op = Op::Export { session, target, existing };
    let Reply::Exported { path, files, bytes, renamed } = engine.ask(op).await.map_err(refused)? else {
        return Err(unexpected());
    };
    for (from, to) in renamed {
        console.note(&format!("renamed {from} to {to}, which every system can unpack"));
    }
    let word = if files == 1 { "file" } else { "files" };
    console.note(&format!("exported {files} {word}, {}, to {}", size(bytes), path.display()));
    Ok(Exit::Done)
}
