//! Whether a setting exists and takes a value, and the sentences for those that do not.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::schema::{self, Settings};
use crate::domain::{Fault, FaultClass};

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

/// The sentence for a variable of ours that was meant as a setting and has one underscore too few.
pub(super) fn missing_underscore(variable: &str) -> Option<Fault> {
    let rest = variable.strip_prefix("KILN_")?;
    let (section, leaf) = rest.split_once('_')?;
    let key = format!("{}.{}", section.to_ascii_lowercase(), leaf.to_ascii_lowercase());
    schema::is_known(&key).then(|| {
        Fault::new(FaultClass::Invalid, format!("the environment variable `{variable}` sets nothing"))
            .hint(format!("`{key}` is set with two underscores: `KILN_{section}__{leaf}`"))
    })
}

/// Puts a value into nested tables by its full name.
pub(super) fn nest(table: &mut Table, key: &str, value: Value) {
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
