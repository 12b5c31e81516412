//! Merging the layers: defaults, the person's file, the environment, flags. Later ones win, and
//! each value remembers where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize as _;
use toml::{Table, Value};

use super::environment::Environment;
use super::file;
use super::paths::Paths;
use super::schema::{self, Settings};
use crate::domain::{Fault, FaultClass};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// A line, counted from 1, of a settings file.
    File {
        path: PathBuf,
        line: usize,
    },
    Environment {
        variable: String,
    },
    Flag {
        flag: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagValue {
    /// The setting, such as `model.name`.
    pub key: String,
    pub value: Value,
    /// The flag as typed, such as `--model`.
    pub flag: String,
}

impl FlagValue {
    /// A text given with a flag.
    pub fn text(key: &str, value: &str, flag: &str) -> Self {
        Self { key: key.to_owned(), value: Value::String(value.to_owned()), flag: flag.to_owned() }
    }
}

/// A setting as it stands after merging.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub key: String,
    /// `None` for an optional setting that nobody set.
    pub value: Option<Value>,
    pub origin: Origin,
}

/// The outcome of reading all layers.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Every setting, in the order of the example file; providers' by id.
    pub shown: Vec<Shown>,
    /// What was wrong; those settings keep the value of the layer below.
    pub troubles: Vec<Fault>,
}

/// Reads and merges all layers. Never fails: what is wrong is told in `troubles` and left out.
pub fn load(paths: &Paths, environment: &Environment, flags: &[FlagValue]) -> Loaded {
    let mut merge = Merge::default();
    let path = paths.settings_file();
    let mut troubles = Vec::new();
    for leaf in file::read(&path, &mut troubles) {
        let place = format!("`{}` line {}", path.display(), leaf.line);
        merge.take(&leaf.key, leaf.value, Origin::File { path: path.clone(), line: leaf.line }, &place);
    }
    for (key, variable, text) in environment.settings() {
        let place = format!("the environment variable `{variable}`");
        let value = read_text(&key, text);
        merge.take(&key, value, Origin::Environment { variable: variable.to_owned() }, &place);
    }
    merge.troubles.extend(environment.single_underscore_names().filter_map(missing_underscore));
    for flag in flags {
        let place = format!("the flag `{}`", flag.flag);
        merge.take(&flag.key, flag.value.clone(), Origin::Flag { flag: flag.flag.clone() }, &place);
    }
    troubles.append(&mut merge.troubles);
    merge.finish(troubles)
}

#[derive(Default)]
struct Merge {
    values: BTreeMap<String, (Value, Origin)>,
    troubles: Vec<Fault>,
}

impl Merge {
    fn take(&mut self, key: &str, value: Value, origin: Origin, place: &str) {
        match validate(key, &value) {
            Ok(()) => {
                self.values.insert(key.to_owned(), (value, origin));
            }
            Err(refusal) => self.troubles.push(refusal.fault(key, place)),
        }
    }

    fn finish(self, mut troubles: Vec<Fault>) -> Loaded {
        let mut table = Table::new();
        for (key, (value, _)) in &self.values {
            nest(&mut table, key, value.clone());
        }
        let settings = Settings::deserialize(table).unwrap_or_else(|error| {
            troubles.push(
                Fault::new(FaultClass::Internal, "the settings do not fit together, so Kiln runs with its defaults")
                    .detail(error.to_string()),
            );
            Settings::default()
        });
        let shown = show(&self.values);
        Loaded { settings, shown, troubles }
    }
}

fn show(values: &BTreeMap<String, (Value, Origin)>) -> Vec<Shown> {
    let defaults = Value::try_from(Settings::default()).unwrap_or_else(|_| Value::Table(Table::new()));
    let mut shown = Vec::new();
    for known in schema::KEYS {
        if let Some((section, leaf)) = known.split_once(".*.") {
            let of_this = values.iter().filter(|(key, _)| {
                key.strip_prefix(section)
                    .is_some_and(|rest| rest.starts_with('.') && rest.ends_with(&format!(".{leaf}")))
            });
            shown.extend(of_this.map(|(key, (value, origin))| Shown {
                key: key.clone(),
                value: Some(value.clone()),
                origin: origin.clone(),
            }));
            continue;
        }
        let (value, origin) = match values.get(*known) {
            Some((value, origin)) => (Some(value.clone()), origin.clone()),
            None => {
                let default = known.split('.').try_fold(&defaults, |value, part| value.get(part));
                (default.cloned(), Origin::Default)
            }
        };
        shown.push(Shown { key: (*known).to_owned(), value, origin });
    }
    shown
}

/// Why a value was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownSetting,
    /// What was wanted instead.
    BadValue(String),
}

impl Refusal {
    /// The sentence; `place` says where the value stands.
    pub(super) fn fault(&self, key: &str, place: &str) -> Fault {
        match self {
            Self::UnknownSetting => unknown(key, place),
            Self::BadValue(why) => {
                Fault::new(FaultClass::Invalid, format!("the setting `{key}` in {place} cannot be used"))
                    .hint("correct the value, or remove it to get the default; `kiln config show` lists every setting")
                    .detail(why.as_str())
            }
        }
    }
}

/// The sentence for a setting that does not exist.
pub(super) fn unknown(key: &str, place: &str) -> Fault {
    let hint = match schema::nearest(key) {
        Some(near) => format!("did you mean `{near}`? `kiln config show` lists every setting"),
        None => "`kiln config show` lists every setting".to_owned(),
    };
    Fault::new(FaultClass::Invalid, format!("unknown setting `{key}` in {place}")).hint(hint)
}

/// Whether a setting exists and would take this value.
pub(super) fn validate(key: &str, value: &Value) -> Result<(), Refusal> {
    if !schema::is_known(key) {
        return Err(Refusal::UnknownSetting);
    }
    if let Some(why) = schema::refuse(key, value) {
        return Err(Refusal::BadValue(why));
    }
    let mut table = Table::new();
    nest(&mut table, key, value.clone());
    match Settings::deserialize(table) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::BadValue(error.message().trim().to_owned())),
    }
}

/// A text from outside TOML (a variable, an argument) as the value that the setting wants.
pub fn read_text(key: &str, text: &str) -> Value {
    let read = format!("v = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
    match read {
        Some(value) if validate(key, &value).is_ok() => value,
        _ => Value::String(text.to_owned()),
    }
}

fn missing_underscore(variable: &str) -> Option<Fault> {
    let rest = variable.strip_prefix("KILN_")?;
    let (section, leaf) = rest.split_once('_')?;
    let key = format!("{}.{}", section.to_ascii_lowercase(), leaf.to_ascii_lowercase());
    schema::is_known(&key).then(|| {
        Fault::new(FaultClass::Invalid, format!("the environment variable `{variable}` sets nothing"))
            .hint(format!("`{key}` is set with two underscores: `KILN_{section}__{leaf}`"))
    })
}

fn nest(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                nest(inner, rest, value);
            }
        }
    }
}
