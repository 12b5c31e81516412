//! Whether a setting exists, what it takes, its default, and the sentences for what cannot be.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::names;
use super::schema::Settings;
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
    let hint = match names::nearest(key) {
        Some(near) => format!("did you mean `{near}`? `kiln config show` lists every setting"),
        None => "`kiln config show` lists every setting".to_owned(),
    };
    Fault::new(FaultClass::Invalid, format!("unknown setting `{key}` in {place}")).hint(hint)
}

/// Whether a setting exists and would take this value.
pub(super) fn validate(key: &str, value: &Value) -> Result<(), Refusal> {
    if !names::is_known(key) {
        return Err(Refusal::UnknownSetting);
    }
    if let Some(why) = refuse(key, value) {
        return Err(Refusal::BadValue(why));
    }
    let mut table = Table::new();
    nest(&mut table, key, value.clone());
    match Settings::deserialize(table) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::BadValue(error.message().trim().to_owned())),
    }
}

/// Limits that the types do not carry; the text says what is wanted.
fn refuse(key: &str, value: &Value) -> Option<String> {
    let within = |low: i64, high: i64| match value.as_integer() {
        Some(number) if number < low || number > high => Some(format!("expected a number from {low} to {high}")),
        _ => None,
    };
    match key {
        "ui.frame_rate" => within(1, 60),
        "network.allow" => None,
        "agent.max_requests" => within(1, 1000),
        "agent.repo_map_tokens" => within(0, 100_000),
        "agent.compact_at" => within(0, 100),
        "agent.max_iterations" => within(0, 20),
        "agent.max_minutes" => within(0, 10_000),
        "agent.max_tokens" => within(0, 1_000_000_000),
        "agent.max_cost" => {
            let number = value.as_float();
            number.filter(|n| !(0.0..=100_000.0).contains(n)).map(|_| "expected a number from 0 to 100000".to_owned())
        }
        "agent.max_output_tokens" => within(1, 10_000_000),
        "checkpoints.max_bytes" => within(1_000_000, 1_000_000_000_000),
        "checkpoints.max_age_days" => within(1, 3650),
        "local.temperature" => {
            #[expect(clippy::cast_precision_loss, reason = "small numbers; only compared with 0 and 2")]
            let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
            number.filter(|n| !(0.0..=2.0).contains(n)).map(|_| "expected a number from 0 to 2".to_owned())
        }
        "network.total_timeout_s" => within(0, 86_400),
        _ if key.ends_with("_timeout_s") => within(1, 3600),
        _ if key.starts_with("mcp.servers.") => refuse_server(key, value),
        _ if key.ends_with("_url") => refuse_address(value.as_str()?),
        _ => {
            value.as_str().filter(|text| text.trim().is_empty()).map(|_| "expected a text that is not empty".to_owned())
        }
    }
}

/// What a server's settings cannot be.
fn refuse_server(key: &str, value: &Value) -> Option<String> {
    let name = key.split('.').nth(2).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.len() > 32 || !name.chars().all(fits) || name.contains("__") || name.ends_with(['-', '_']) {
        return Some("a server's name is up to 32 letters, digits, `-` and single `_`".to_owned());
    }
    let empty = value.as_array().map_or_else(|| value.as_str() == Some(""), |list| list.is_empty());
    match (key.rsplit('.').next(), value.as_str()) {
        (Some("url"), Some(text)) => refuse_address(text),
        (Some("command" | "token_env"), _) if empty => Some("expected something that is not empty".to_owned()),
        _ => None,
    }
}

fn refuse_address(text: &str) -> Option<String> {
    match url::Url::parse(text) {
        Ok(address) if !matches!(address.scheme(), "http" | "https") || address.host().is_none() => {
            Some("expected an address that begins with `http://` or `https://`".to_owned())
        }
        Ok(address) if !address.username().is_empty() || address.password().is_some() => {
            Some("the address holds a user name or password; store keys with `kiln keys set`".to_owned())
        }
        Ok(_) => None,
        Err(error) => Some(format!("expected an address such as `https://host/v1`, and {error}")),
    }
}

/// The default of a setting; `None` for one that is optional or a provider's.
pub(super) fn default_of(key: &str) -> Option<Value> {
    let defaults = Value::try_from(Settings::default()).ok()?;
    key.split('.').try_fold(&defaults, |value, part| value.get(part)).cloned()
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
    names::is_known(&key).then(|| {
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
