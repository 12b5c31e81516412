//! Writing small private files whole or not at all, and one setting into the person's TOML.
//!
//! Comments, order and layout of the file stay as the person wrote them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::{file, layers, paths};
use crate::domain::{Fault, FaultClass};

/// Writes a file whole or not at all, mode 0600, its folder made if need be.
///
/// A symbolic link is followed, so that settings kept elsewhere stay there.
pub fn atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    paths::make_private_folder(folder)?;
    // `tempfile` makes its files with mode 0600.
    let mut draft = tempfile::Builder::new().prefix(".kiln-").tempfile_in(folder)?;
    draft.write_all(bytes)?;
    draft.as_file().sync_all()?;
    draft.persist(&target).map_err(|error| error.error)?;
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// What to do with a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    Set(toml::Value),
    /// Back to the default: the line goes.
    Unset,
}

/// Changes one setting, named as `ui.theme`, in the settings file at `path`; makes the file if
/// there is none.
///
/// Refused when the setting is unknown, its value unusable, or the file is not valid TOML.
pub fn edit(path: &Path, key: &str, edit: &Edit) -> Result<(), Fault> {
    edit_all(path, &[(key.to_owned(), edit.clone())])
}

/// Changes several settings at once, all or none, as [`edit`] changes one.
pub fn edit_all(path: &Path, edits: &[(String, Edit)]) -> Result<(), Fault> {
    for (key, edit) in edits {
        if let Edit::Set(value) = edit {
            layers::validate(key, value).map_err(|refusal| refusal.fault(key, "the new value"))?;
        } else if !super::schema::is_known(key) {
            return Err(layers::unknown(key, "what was asked"));
        }
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(file::unreadable(path, &error)),
    };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        Fault::new(FaultClass::Invalid, format!("the settings file `{}` is not valid TOML", path.display()))
            .hint("correct it first; nothing was changed")
            .detail(error.to_string())
    })?;
    for (key, edit) in edits {
        change(document.as_table_mut(), key, edit)?;
    }
    atomic(path, document.to_string().as_bytes()).map_err(|error| unwritable(path, &error))
}

/// The sentence for a file that could not be written.
pub fn unwritable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultClass::Storage, format!("`{}` could not be written", path.display()))
        .hint("check the folder's permissions and the free space; what was there before is unchanged")
        .detail(error.to_string())
}

fn change(root: &mut Table, key: &str, edit: &Edit) -> Result<(), Fault> {
    let parts: Vec<&str> = key.split('.').collect();
    let Some((leaf, sections)) = parts.split_last() else { return Ok(()) };
    let mut table: &mut dyn TableLike = root;
    for section in sections {
        if table.get(section).is_none() {
            if *edit == Edit::Unset {
                return Ok(());
            }
            let mut fresh = Table::new();
            // `[providers]` alone, above `[providers.openai]`, would be an empty line of noise.
            fresh.set_implicit(*section == "providers");
            table.insert(section, Item::Table(fresh));
        }
        let Some(inner) = table.get_mut(section).and_then(Item::as_table_like_mut) else {
            return Err(Fault::new(FaultClass::Invalid, format!("`{section}` in the settings file is not a section"))
                .hint(format!("write it as `[{section}]` with settings below it")));
        };
        table = inner;
    }
    match edit {
        Edit::Unset => {
            table.remove(leaf);
        }
        Edit::Set(value) => put(table, leaf, value)?,
    }
    Ok(())
}

fn put(table: &mut dyn TableLike, leaf: &str, value: &toml::Value) -> Result<(), Fault> {
    let mut fresh: toml_edit::Value = value.to_string().parse().map_err(|error: toml_edit::TomlError| {
        Fault::new(FaultClass::Internal, "the value could not be written as TOML").detail(error.to_string())
    })?;
    if let Some(old) = table.get_mut(leaf).and_then(Item::as_value_mut) {
        // The comment after the old value hangs on it; without this it would be lost.
        *fresh.decor_mut() = old.decor().clone();
        *old = fresh;
    } else {
        table.insert(leaf, Item::Value(fresh));
    }
    Ok(())
}

/// Writes the commented example as the settings file, unless there is one already.
pub fn init(path: &Path, replace: bool) -> Result<PathBuf, Fault> {
    if !replace && path.exists() {
        return Err(Fault::new(FaultClass::Invalid, format!("the settings file `{}` exists already", path.display()))
            .hint("edit it, or replace it with `kiln config init --force`"));
    }
    atomic(path, super::EXAMPLE.as_bytes()).map_err(|error| unwritable(path, &error))?;
    Ok(path.to_owned())
}
