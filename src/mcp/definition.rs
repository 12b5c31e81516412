//! The definition of a server's tool: cleaned for the model, and pinned by a hash of what was listed.
//!
//! Descriptions are written by strangers and are read by the model, so what cannot be seen is taken
//! out and lengths are limited. A hash is of the text as it came: no change slips by the cleaning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::spec::hash;

/// Characters of a description that the model is given at most.
const DESCRIPTION: usize = 2000;
/// Characters of a description inside of a schema.
const INNER: usize = 400;
/// Bytes of a schema that the model is given at most.
const SCHEMA: usize = 32 * 1024;
/// Depth of a schema.
const DEPTH: usize = 12;
/// Characters of a tool's full name: what the strictest provider takes.
const NAME: usize = 64;
/// Tools of one server at most.
pub(super) const TOOLS: usize = 512;

/// A tool as a server described it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name with the server.
    pub name: String,
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub schema: Value,
    /// Of name, description and schema as they came.
    pub hash: String,
}

impl Definition {
    pub(super) fn of(tool: &rmcp::model::Tool) -> Self {
        let raw = json!([tool.name, tool.description, &*tool.input_schema]);
        let description = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
        Self {
            name: tool.name.to_string(),
            description: visible(description, DESCRIPTION),
            schema: schema(&tool.input_schema),
            hash: hash(raw.to_string().as_bytes()),
        }
    }

    /// The name that the model calls it by.
    pub fn full_name(&self, server: &str) -> String {
        full_name(server, &self.name)
    }

    /// The first sentence or line of its description.
    pub fn summary(&self) -> &str {
        let line = self.description.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let end = line.find(". ").map_or(line.len(), |at| at + 1);
        let end = line.floor_char_boundary(end.min(160));
        line.get(..end).unwrap_or(line)
    }

    /// Whether a call without arguments fits its schema.
    pub fn takes_nothing(&self) -> bool {
        self.schema.get("required").and_then(Value::as_array).is_none_or(Vec::is_empty)
    }
}

/// `server__tool`, in the letters that all providers take; a name that loses something by that ends
/// in a piece of its hash.
fn full_name(server: &str, tool: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let whole: String = format!("{server}__{tool}").chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if whole.len() <= NAME && tool.chars().all(fits) && !tool.is_empty() {
        return whole;
    }
    let short = hash(tool.as_bytes());
    let kept = whole.get(..whole.len().min(NAME - 9)).unwrap_or_default();
    format!("{kept}_{}", short.get(..8).unwrap_or_default())
}

/// What changed between the tools that are accepted and those that a server lists now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub changed: Vec<String>,
    pub new: Vec<String>,
    pub gone: Vec<String>,
}

impl Difference {
    pub fn between(pinned: &[Definition], listed: &[Definition]) -> Self {
        let mut difference = Self::default();
        for tool in listed {
            match pinned.iter().find(|known| known.name == tool.name) {
                None => difference.new.push(tool.name.clone()),
                Some(known) if known.hash != tool.hash => difference.changed.push(tool.name.clone()),
                Some(_) => {}
            }
        }
        let gone = pinned.iter().filter(|known| !listed.iter().any(|tool| tool.name == known.name));
        difference.gone.extend(gone.map(|known| known.name.clone()));
        difference
    }

    /// Whether there is something to accept. A tool that is gone is only missed when it is called.
    pub fn is_nothing(&self) -> bool {
        self.changed.is_empty() && self.new.is_empty()
    }

    /// In words, such as "changed: echo; new: add".
    pub fn words(&self) -> String {
        let parts = [("changed", &self.changed), ("new", &self.new), ("gone", &self.gone)];
        let parts = parts.iter().filter(|(_, names)| !names.is_empty());
        let words: Vec<String> =
            parts.map(|(word, names)| visible(&format!("{word}: {}", names.join(", ")), DESCRIPTION)).collect();
        words.join("; ")
    }
}

/// A text without what cannot be seen, cut to a number of characters.
pub(super) fn visible(text: &str, limit: usize) -> String {
    let mut kept: String = text.chars().filter(|c| !is_hidden(*c)).take(limit + 1).collect();
    if kept.chars().count() > limit {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Control characters, and those that hide, turn or carry text unseen.
fn is_hidden(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A schema that every provider takes: an object, its texts cleaned, of a bearable size.
fn schema(raw: &Map<String, Value>) -> Value {
    let cleaned = clean(&Value::Object(raw.clone()), 0);
    let mut object = match cleaned {
        Value::Object(object) if Value::Object(object.clone()).to_string().len() <= SCHEMA => object,
        _ => Map::new(),
    };
    object.remove("$schema");
    object.insert("type".to_owned(), json!("object"));
    if !object.get("properties").is_some_and(Value::is_object) {
        object.insert("properties".to_owned(), json!({}));
    }
    Value::Object(object)
}

fn clean(value: &Value, depth: usize) -> Value {
    match value {
        _ if depth > DEPTH => json!({}),
        Value::String(text) => Value::String(visible(text, INNER)),
        Value::Array(list) => Value::Array(list.iter().map(|value| clean(value, depth + 1)).collect()),
        Value::Object(object) => {
            let pairs = object.iter().map(|(name, value)| (visible(name, INNER), clean(value, depth + 1)));
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, description: &str) -> rmcp::model::Tool {
        serde_json::from_value(json!({
            "name": name, "description": description,
            "inputSchema": {"type": "object", "properties": {"a": {"description": "x\u{200b}y\u{e0041}"}}}
        }))
        .unwrap()
    }

    #[test]
    fn what_cannot_be_seen_is_not_passed_on_and_still_counts() {
        let plain = Definition::of(&tool("echo", "Says it. Twice."));
        let hidden = Definition::of(&tool("echo", "Says it.\u{202e}\u{e0049}\u{1b}[31m Twice."));
        assert_eq!(hidden.description, "Says it.[31m Twice.");
        assert_eq!(plain.schema["properties"]["a"]["description"], "xy");
        assert_ne!(plain.hash, hidden.hash);
        assert_eq!(plain.summary(), "Says it.");
        let difference = Difference::between(&[plain], &[hidden, Definition::of(&tool("new", ""))]);
        assert_eq!(difference.words(), "changed: echo; new: new");
    }

    #[test]
    fn full_names_fit_every_provider_and_stay_apart() {
        assert_eq!(full_name("files", "read_file"), "files__read_file");
        let long = "x".repeat(80);
        let names = ["a.b", "a/b", "", "ä", &long, &format!("{long}y")].map(|tool| full_name("s", tool));
        for (at, name) in names.iter().enumerate() {
            assert!(name.len() <= 64 && !names[..at].contains(name), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{name}");
        }
    }

    #[test]
    fn a_monstrous_schema_becomes_a_plain_object() {
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({ "properties": { "a": deep } });
        }
        let Value::Object(deep) = deep else { panic!() };
        assert!(schema(&deep).to_string().len() < 1000);
        let many: Map<String, Value> = (0..5000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
        assert_eq!(schema(&many), json!({"type": "object", "properties": {}}));
    }
}
