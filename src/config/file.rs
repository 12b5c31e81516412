//! Reading the text of one settings file into leaves with their lines. Merging is the work of
//! `layers`.

use std::io;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{check, names, reach};
use crate::domain::{Fault, FaultClass};

/// One setting as a file states it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    pub key: String,
    pub value: toml::Value,
    /// Counted from 1.
    pub line: usize,
}

/// What a settings file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    Whole(Vec<Leaf>),
    /// The file could not be understood. What it says about where contents go is not known, so the
    /// layers above build on a machine without connections; only what lowers rights was kept.
    Broken(Vec<Leaf>),
}

/// The sentence for a settings file that could not be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultClass::Storage, format!("the settings file `{}` cannot be read", path.display()))
        .hint("check its permissions; until then Kiln runs with its defaults and refuses every connection")
        .detail(error.to_string())
}

/// Reads a settings file; no file is no settings. What is wrong is added to `troubles`.
pub(super) fn read(path: &Path, troubles: &mut Vec<Fault>) -> Reading {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path, troubles),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Reading::Whole(Vec::new()),
        Err(error) => {
            troubles.push(unreadable(path, &error));
            Reading::Broken(Vec::new())
        }
    }
}

/// Reads the text of the settings file at `path`.
pub(super) fn parse(text: &str, path: &Path, troubles: &mut Vec<Fault>) -> Reading {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = DeTable::parse(text);
    let values = text.parse::<toml::Table>();
    match (tree, values) {
        (Ok(tree), Ok(values)) => {
            let mut walk = Walk { text, path, leaves: Vec::new(), troubles };
            walk.table("", tree.get_ref(), &values);
            Reading::Whole(walk.leaves)
        }
        (Err(error), _) | (_, Err(error)) => {
            troubles.push(broken(path, &error));
            let mut leaves = Vec::new();
            salvage("", DeTable::parse_recoverable(text).0.get_ref(), text, &mut leaves);
            Reading::Broken(leaves)
        }
    }
}

fn broken(path: &Path, error: &toml::de::Error) -> Fault {
    Fault::new(
        FaultClass::Invalid,
        format!(
            "the settings file `{}` is not valid TOML, so Kiln runs with its defaults and refuses every connection",
            path.display()
        ),
    )
    .hint("correct the marked place; `KILN_NETWORK__OFFLINE=false` allows connections for one run")
    .detail(error.to_string().trim_end())
}

/// Settings that lower rights and can still be read in a file that is not valid as a whole.
fn salvage(prefix: &str, tree: &DeTable<'_>, text: &str, leaves: &mut Vec<Leaf>) {
    for (name, node) in tree {
        let key = join(prefix, name.get_ref());
        let value = match node.get_ref() {
            DeValue::Table(inner) => {
                salvage(&key, inner, text, leaves);
                continue;
            }
            DeValue::Boolean(value) => toml::Value::Boolean(*value),
            DeValue::Integer(value) => match i64::from_str_radix(value.as_str(), value.radix()) {
                Ok(value) => toml::Value::Integer(value),
                Err(_) => continue,
            },
            DeValue::String(value) => toml::Value::String(value.to_string()),
            _ => continue,
        };
        let lowers = matches!(reach::reach(&key), reach::Reach::OnlyDown(_))
            && names::is_known(&key)
            && check::validate(&key, &value).is_ok()
            && reach::permits(&key, check::default_of(&key).as_ref(), &value);
        if lowers {
            leaves.push(Leaf { key, value, line: line_at(text, name.span().start) });
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
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
            let key = join(prefix, name.get_ref());
            let line = line_at(self.text, name.span().start);
            let value = values.get(name.get_ref().as_ref());
            match (node.get_ref(), value) {
                (DeValue::Table(inner), Some(toml::Value::Table(values))) if names::is_section(&key) => {
                    self.table(&key, inner, values);
                }
                (_, Some(value)) if names::is_known(&key) => {
                    self.leaves.push(Leaf { key, value: value.clone(), line });
                }
                (_, Some(_)) if names::is_section(&key) => self.troubles.push(
                    Fault::new(
                        FaultClass::Invalid,
                        format!("`{key}` in `{}` line {line} is a section, not a setting", self.path.display()),
                    )
                    .hint(format!("write it as `[{key}]` with settings below it")),
                ),
                _ => self.troubles.push(check::unknown(&key, &format!("`{}` line {line}", self.path.display()))),
            }
        }
    }
}
