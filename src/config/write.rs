//! Writing small private files whole or not at all, and one setting into the person's TOML.
//!
//! Comments, order and layout of the file stay as the person wrote them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::{check, file, names, paths};
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
            check::validate(key, value).map_err(|refusal| refusal.fault(key, "the new value"))?;
        } else if !names::is_known(key) {
            return Err(check::unknown(key, "what was asked"));
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
            fresh.set_implicit(matches!(*section, "providers" | "mcp" | "servers"));
            table.insert(section, Item::Table(fresh));
        }
        let Some(inner) = table.get_mut(section).and_then(Item::as_table_like_mut) else {
            return Err(Fault::new(FaultClass::Invalid, format!("`{section}` in the settings file is not a section"))
                .hint(format!("write it as `[{section}]` with settings below it")));
        };
        table = inner;
    }
    match edit {
        Edit::Unset => unset(table, leaf),
        Edit::Set(value) => put(table, leaf, value)?,
    }
    Ok(())
}

fn put(table: &mut dyn TableLike, leaf: &str, value: &toml::Value) -> Result<(), Fault> {
    let mut fresh: toml_edit::Value = value.to_string().parse().map_err(|error: toml_edit::TomlError| {
        Fault::new(FaultClass::Internal, "the value could not be written as TOML").detail(error.to_string())
    })?;
    match table.get_mut(leaf).and_then(Item::as_value_mut) {
        Some(toml_edit::Value::Array(old)) if fresh.is_array() => {
            if let toml_edit::Value::Array(new) = &fresh {
                merge_array(old, new);
            }
        }
        Some(old) => {
            // The comment after the old value hangs on it; without this it would be lost.
            *fresh.decor_mut() = old.decor().clone();
            *old = fresh;
        }
        None => {
            table.insert(leaf, Item::Value(fresh));
        }
    }
    Ok(())
}

/// Takes a setting's line out; the comment lines above it stay, above what follows in its section.
fn unset(table: &mut dyn TableLike, leaf: &str) {
    let above = |table: &dyn TableLike, name: &str| {
        let prefix = table.key(name)?.leaf_decor().prefix()?.as_str()?.to_owned();
        Some(prefix)
    };
    let comments = above(table, leaf).filter(|prefix| prefix.contains('#'));
    let next = table.iter().map(|(name, _)| name.to_owned()).skip_while(|name| name != leaf).nth(1);
    table.remove(leaf);
    if let (Some(comments), Some(next)) = (comments, next) {
        let own = above(table, &next).unwrap_or_default();
        if let Some(mut key) = table.key_mut(&next) {
            key.leaf_decor_mut().set_prefix(format!("{comments}{own}"));
        }
    }
}

/// Makes `old` hold what `new` holds; entries that stay keep their place, comments and layout.
fn merge_array(old: &mut toml_edit::Array, new: &toml_edit::Array) {
    let bare = |value: &toml_edit::Value| value.clone().decorated("", "").to_string();
    let wanted: Vec<String> = new.iter().map(bare).collect();
    old.retain(|value| wanted.contains(&bare(value)));
    let kept: Vec<String> = old.iter().map(bare).collect();
    let indent = old.iter().last().and_then(|value| value.decor().prefix()?.as_str()?.rsplit_once('\n'));
    let indent = indent.map(|(_, spaces)| format!("\n{}", spaces.replace(|c: char| !c.is_whitespace(), "")));
    for (value, text) in new.iter().zip(&wanted) {
        match &indent {
            _ if kept.contains(text) => {}
            Some(indent) => old.push_formatted(value.clone().decorated(indent.as_str(), "")),
            None => old.push(value.clone()),
        }
    }
    if !old.iter().map(bare).eq(wanted) {
        // The order is another one; then the comments have no place of their own any more.
        let decor = old.decor().clone();
        *old = new.clone();
        *old.decor_mut() = decor;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_keeps_the_comments_of_what_stays() {
        let before = "hosts = [\n  # ours\n  \"a\", # first\n  \"b\",\n] # end\n";
        let mut document: DocumentMut = before.parse().unwrap();
        let mut set = |text: &str| {
            let value = format!("v = {text}").parse::<toml::Table>().unwrap().remove("v").unwrap();
            put(document.as_table_mut(), "hosts", &value).unwrap();
            document.to_string()
        };
        assert_eq!(set("['a', 'b', 'c']"), before.replace("\"b\",", "\"b\",\n  \"c\","));
        let fewer = set("['a']");
        assert!(fewer.contains("# ours\n  \"a\"") && fewer.ends_with("] # end\n"), "{fewer}");
        assert_eq!(fewer.parse::<toml::Table>().unwrap(), toml::toml! { hosts = ["a"] });
        let turned = set("['z', 'a']");
        assert_eq!(turned.parse::<toml::Table>().unwrap(), toml::toml! { hosts = ["z", "a"] });
        assert!(turned.ends_with(" # end\n"), "{turned}");
    }
}
