//! `/export`: write the project to a folder or a zip archive.

use crate::domain::{ExistingFiles, ExportTarget};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "export",
    aliases: &[],
    about: "write the project to a folder or a zip archive",
    usage: "/export zip:FILE | folder:PATH",
    complete: choices,
    run,
};

fn choices(model: &Model, _: &str) -> Vec<Choice> {
    let name = model.project_name();
    vec![
        Choice::new(&format!("zip:{name}.zip"), "one archive, the same bytes for the same files"),
        Choice::new(&format!("folder:{name}-export"), "a folder beside the current one"),
    ]
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        model.open_export_picker();
        return Vec::new();
    }
    match target(argument) {
        Some(target) => model.export(target, ExistingFiles::Keep),
        None => {
            model.warn(
                &format!("`{argument}` is no export target"),
                Some("write `/export zip:FILE` or `/export folder:PATH`"),
            );
            Vec::new()
        }
    }
}

/// Reads `kind:path`; a bare path is a zip when it ends so, else a folder.
fn target(text: &str) -> Option<ExportTarget> {
    let (kind, path) = match text.split_once(':') {
        Some((kind, path)) if kind.len() > 1 => (kind, path),
        _ if text.ends_with(".zip") => ("zip", text),
        _ => ("folder", text),
    };
    let known = kind.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (known && !path.trim().is_empty()).then(|| ExportTarget { kind: kind.to_owned(), path: path.trim().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        for (text, kind, path) in [
            ("zip:out.zip", "zip", "out.zip"),
            ("folder:/tmp/x", "folder", "/tmp/x"),
            ("out.zip", "zip", "out.zip"),
            ("somewhere", "folder", "somewhere"),
        ] {
            assert_eq!(target(text), Some(ExportTarget { kind: kind.into(), path: path.into() }), "{text}");
        }
        assert_eq!(target("zip:"), None);
    }
}
