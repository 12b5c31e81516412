//! A server's form, asked question by question.
//!
//! The person is told who asks, and may decline before the first field: a server is a stranger.

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::definition::visible;

/// Fields of one form at most.
const FIELDS: usize = 12;
/// Choices of one question at most.
const CHOICES: usize = 20;
const DECLINE: &str = "decline";
const SUGGESTED: &str = "send what is suggested";
const FILL_IN: &str = "answer";

/// Puts a question with choices to the person; `None` when nobody answers.
pub(super) type Asker<'a> = dyn Fn(String, Vec<String>) -> BoxFuture<'static, Option<String>> + Send + Sync + 'a;

/// The form's content; `None` when the person declines or nobody answers usably.
pub(super) async fn form(server: &str, message: &str, schema: &Value, ask: &Asker<'_>) -> Option<Value> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    if properties.len() > FIELDS {
        return None;
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let fields: Vec<Field> = properties.iter().map(|(name, about)| Field::of(name, about, &required)).collect();
    let intro = format!("the server `{server}` asks: {}", visible(message, 1000));
    let mut content = Map::new();
    if let [only] = fields.as_slice()
        && !only.choices.is_empty()
        && only.kind != Kind::Several
    {
        // One choice needs no question before it.
        let answer = ask(format!("{intro}\n{}", only.words()), only.choices_or_decline()).await?;
        content.insert(only.name.clone(), only.read(&answer)?);
        return Some(Value::Object(content));
    }
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let about = if names.is_empty() { String::new() } else { format!("\n(it wants: {})", names.join(", ")) };
    let suggested = fields.iter().all(|field| field.default.is_some() || !field.required);
    let choices = if suggested { vec![SUGGESTED, FILL_IN, DECLINE] } else { vec![FILL_IN, DECLINE] };
    let choices = choices.into_iter().filter(|choice| !names.is_empty() || *choice != FILL_IN);
    let answer = ask(format!("{intro}{about}"), choices.map(str::to_owned).collect()).await?;
    if answer == SUGGESTED {
        let values = fields.into_iter().filter_map(|field| Some((field.name, field.default?)));
        return Some(Value::Object(values.collect()));
    }
    if answer != FILL_IN {
        return None;
    }
    for field in &fields {
        let answer = ask(format!("the server `{server}` wants {}", field.words()), field.choices_or_decline()).await?;
        match (answer.trim(), &field.default) {
            ("", Some(default)) => content.insert(field.name.clone(), default.clone()),
            ("", None) if !field.required => None,
            (answer, _) => content.insert(field.name.clone(), field.read(answer)?),
        };
    }
    Some(Value::Object(content))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Integer,
    Switch,
    Several,
}

struct Field {
    name: String,
    about: String,
    kind: Kind,
    /// What may be answered; empty for a free answer.
    choices: Vec<String>,
    default: Option<Value>,
    required: bool,
}

impl Field {
    fn of(name: &str, about: &Value, required: &[&str]) -> Self {
        let text = |key: &str| about.get(key).and_then(Value::as_str).map(|text| visible(text, 300));
        let kind = match about.get("type").and_then(Value::as_str) {
            Some("number") => Kind::Number,
            Some("integer") => Kind::Integer,
            Some("boolean") => Kind::Switch,
            Some("array") => Kind::Several,
            _ => Kind::Text,
        };
        let list = if kind == Kind::Several { about.get("items").unwrap_or(about) } else { about };
        let strings = |key: &str| list.get(key).and_then(Value::as_array).into_iter().flatten();
        let mut choices: Vec<String> = strings("enum").filter_map(Value::as_str).map(str::to_owned).collect();
        for key in ["oneOf", "anyOf"] {
            choices.extend(strings(key).filter_map(|one| Some(one.get("const")?.as_str()?.to_owned())));
        }
        if kind == Kind::Switch {
            choices = vec!["yes".to_owned(), "no".to_owned()];
        }
        choices.truncate(CHOICES);
        let about_it = [text("title"), text("description")].into_iter().flatten().collect::<Vec<_>>().join(": ");
        Self {
            name: name.to_owned(),
            about: about_it,
            kind,
            choices,
            default: about.get("default").cloned(),
            required: required.contains(&name),
        }
    }

    fn words(&self) -> String {
        let mut words = format!("`{}`", visible(&self.name, 60));
        if !self.about.is_empty() {
            words = format!("{words}, {}", self.about);
        }
        if self.kind == Kind::Several {
            words = format!("{words} (any of {}, with commas between)", self.choices.join(", "));
        }
        if let Some(default) = &self.default {
            words = format!("{words} (suggested: {})", visible(&default.to_string(), 100));
        }
        words
    }

    fn choices_or_decline(&self) -> Vec<String> {
        if self.choices.is_empty() || self.kind == Kind::Several {
            return Vec::new();
        }
        self.choices.iter().cloned().chain([DECLINE.to_owned()]).collect()
    }

    /// The answer as the form wants it; `None` when it does not fit.
    fn read(&self, answer: &str) -> Option<Value> {
        let answer = answer.trim();
        match self.kind {
            Kind::Switch => match answer {
                "yes" | "true" | "y" => Some(json!(true)),
                "no" | "false" | "n" => Some(json!(false)),
                _ => None,
            },
            Kind::Number => answer.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number)),
            Kind::Integer => answer.parse::<i64>().ok().map(|number| json!(number)),
            Kind::Several => {
                let chosen: Vec<&str> = answer.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
                chosen.iter().all(|one| self.choices.iter().any(|known| known == one)).then(|| json!(chosen))
            }
            Kind::Text if self.choices.is_empty() => Some(json!(answer)),
            Kind::Text => self.choices.iter().find(|known| *known == answer).map(|known| json!(known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fill(schema: Value, answers: &[&str]) -> (Option<Value>, usize) {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let content = form("s", "why", &schema, &|_, _| {
            let at = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let answer = answers.get(at).map(|answer| (*answer).to_owned());
            Box::pin(async move { answer })
        })
        .await;
        (content, asked.into_inner())
    }

    fn schema() -> Value {
        json!({"type": "object", "required": ["name", "age"], "properties": {
            "name": {"type": "string"}, "age": {"type": "integer"}, "ok": {"type": "boolean", "default": true},
            "size": {"type": "string", "enum": ["s", "l"]}}})
    }

    #[tokio::test]
    async fn a_form_is_filled_in_field_by_field() {
        let (content, asked) = fill(schema(), &["answer", "Ada", "36", "", "l"]).await;
        assert_eq!(content, Some(json!({"name": "Ada", "age": 36, "ok": true, "size": "l"})));
        assert_eq!(asked, 5);
    }

    #[tokio::test]
    async fn what_is_no_answer_declines() {
        for answers in [&["decline"][..], &["nobody is there"], &["answer", "Ada", "old"], &[]] {
            assert_eq!(fill(schema(), answers).await.0, None, "{answers:?}");
        }
        let one = json!({"properties": {"ok": {"type": "boolean"}}});
        assert_eq!(fill(one.clone(), &["decline"]).await, (None, 1));
        assert_eq!(fill(one, &["yes"]).await, (Some(json!({"ok": true})), 1));
    }

    #[tokio::test]
    async fn suggestions_can_be_sent_as_they_are() {
        let schema = json!({"required": ["a"], "properties": {
            "a": {"type": "string", "default": "x"}, "b": {"type": "number", "default": 1.5}, "c": {"type": "string"}}});
        assert_eq!(fill(schema, &[SUGGESTED]).await, (Some(json!({"a": "x", "b": 1.5})), 1));
    }
}
