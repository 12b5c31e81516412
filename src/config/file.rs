//! Reading one settings file into leaves with their lines. Merging is the work of `layers`.

use std::io;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{layers, schema};
use crate::domain::{Fault, FaultClass};

/// One setting as a file states it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    pub key: String,
    pub value: toml::Value,
    /// Counted from 1.
    pub line: usize,
}

/// The sentence for a settings file that could not be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultClass::Storage, format!("the settings file `{}` cannot be read", path.display()))
        .hint("check its permissions; Kiln runs with its defaults")
        .detail(error.to_string())
}

/// Reads a settings file; no file is no settings. What is wrong is added to `troubles`.
pub(super) fn read(path: &Path, troubles: &mut Vec<Fault>) -> Vec<Leaf> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path, troubles),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            troubles.push(unreadable(path, &error));
            Vec::new()
        }
    }
}

fn parse(text: &str, path: &Path, troubles: &mut Vec<Fault>) -> Vec<Leaf> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = DeTable::parse(text);
    let values = text.parse::<toml::Table>();
    match (tree, values) {
        (Ok(tree), Ok(values)) => {
            let mut walk = Walk { text, path, leaves: Vec::new(), troubles };
            walk.table("", tree.get_ref(), &values);
            walk.leaves
        }
        (Err(error), _) | (_, Err(error)) => {
            troubles.push(broken(path, &error));
            Vec::new()
        }
    }
}

fn broken(path: &Path, error: &toml::de::Error) -> Fault {
    Fault::new(
        FaultClass::Invalid,
        format!("the settings file `{}` is not valid TOML, so Kiln runs with its defaults", path.display()),
    )
    .hint("correct the marked place; `kiln config path` names the file")
    .detail(error.to_string().trim_end())
}

struct Walk<'a> {
    text: &'a str,
    path: &'a Path,
    leaves: Vec<Leaf>,
    troubles: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, tree: &DeTable<'_>, values: &toml::Table) {
        for (name, node) in tree {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let line = self.text.get(..name.span().start).map_or(1, |before| before.matches('\n').count() + 1);
            let value = values.get(name.get_ref().as_ref());
            match (node.get_ref(), value) {
                (DeValue::Table(inner), Some(toml::Value::Table(values))) if schema::is_section(&key) => {
                    self.table(&key, inner, values);
                }
                (_, Some(value)) if schema::is_known(&key) => {
                    self.leaves.push(Leaf { key, value: value.clone(), line });
                }
                (_, Some(_)) if schema::is_section(&key) => self.troubles.push(
                    Fault::new(
                        FaultClass::Invalid,
                        format!("`{key}` in `{}` line {line} is a section, not a setting", self.path.display()),
                    )
                    .hint(format!("write it as `[{key}]` with settings below it")),
                ),
                _ => self.troubles.push(layers::unknown(&key, &format!("`{}` line {line}", self.path.display()))),
            }
        }
    }
}
