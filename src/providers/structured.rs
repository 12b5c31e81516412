//! Answers that are data: a JSON document of a Rust type, for Kiln's own questions.
//!
//! The schema goes to the provider in its own way, and in words for those that have none; what
//! comes is read strictly, and a model that got it wrong is told so once. Nothing is shown.

use futures::StreamExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chat::{ChatRequest, Message, Role, Shape, StreamEvent};
use super::{Provider, ProviderError};
use crate::domain::Usage;

/// Data that a model gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structured<T> {
    pub value: T,
    /// Tokens of all requests that it took; unknown when one of them was not counted.
    pub usage: Option<Usage>,
}

/// Longest document that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// Asks for a `T`. The request's own shape is replaced; it should offer no tools.
///
/// Fails as the provider does, and with [`ProviderError::Broken`] when also the second answer is
/// none.
pub async fn ask<T: JsonSchema + DeserializeOwned>(
    provider: &dyn Provider,
    mut request: ChatRequest,
) -> Result<Structured<T>, ProviderError> {
    let schema = schema::<T>();
    let words = format!("Answer with one JSON document and nothing else. It must match this JSON Schema:\n{schema}");
    request.system = if request.system.is_empty() { words } else { format!("{}\n\n{words}", request.system) };
    request.shape = Shape::Json { name: name::<T>(), schema };
    let (first, usage) = collect(provider, request.clone()).await?;
    let error = match read(&first) {
        Ok(value) => return Ok(Structured { value, usage }),
        Err(error) => error,
    };
    request.messages.push(Message::text(Role::Assistant, if first.is_empty() { "(nothing)" } else { first.as_str() }));
    let repair = format!("That is not the JSON document that was asked for: {error}. Give it again, corrected.");
    request.messages.push(Message::text(Role::User, repair));
    let (second, more) = collect(provider, request).await?;
    let usage = usage.zip(more).map(|(mut usage, more)| {
        usage += more;
        usage
    });
    match read(&second) {
        Ok(value) => Ok(Structured { value, usage }),
        Err(error) => Err(ProviderError::broken(format!("the model did not give the data asked for: {error}"))),
    }
}

/// The schema as strict modes want it: closed objects, every field required, nothing by reference.
fn schema<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
    }
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                let names = properties.keys().cloned().map(Value::String).collect();
                fields.insert("required".to_owned(), Value::Array(names));
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name<T: JsonSchema>() -> String {
    let plain: String = T::schema_name().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    if plain.is_empty() { "answer".to_owned() } else { plain }
}

async fn collect(provider: &dyn Provider, request: ChatRequest) -> Result<(String, Option<Usage>), ProviderError> {
    let mut stream = provider.stream(request);
    let (mut text, mut counted) = (String::new(), None);
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Text { text: more } => text.push_str(&more),
            StreamEvent::Usage { usage } => counted = Some(usage),
            _ => {}
        }
        if text.len() > LONGEST {
            return Err(ProviderError::broken("the model's data is too long"));
        }
    }
    Ok((text.trim().to_owned(), counted))
}

/// Reads the document, also out of a fence or between words, as models without a mode of their
/// own write it.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let whole = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error.to_string(),
    };
    let inner = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
    match inner.filter(|inner| *inner != text) {
        Some(inner) => serde_json::from_str(inner).map_err(|error| error.to_string()),
        None => Err(whole),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Outer {
        /// What it is.
        title: String,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Inner {
        number: u32,
    }

    #[test]
    fn schemas_are_closed_and_stand_alone() {
        let schema = schema::<Outer>();
        let required = schema["required"].as_array().unwrap();
        assert!(required.len() == 2 && required.contains(&"inner".into()) && required.contains(&"title".into()));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["inner"]["items"]["additionalProperties"], false);
        assert!(!schema.to_string().contains("$ref") && !schema.to_string().contains("$schema"));
        assert_eq!(name::<Outer>(), "Outer");
    }

    #[test]
    fn documents_are_found_in_fences_and_words() {
        let whole = Outer { title: "a".into(), inner: vec![] };
        for text in [r#"{"title":"a"}"#, "```json\n{\"title\":\"a\"}\n```", "Here: {\"title\":\"a\"} — done"] {
            assert_eq!(read::<Outer>(text).as_ref(), Ok(&whole), "{text}");
        }
        for text in ["", "no", "}{", r#"{"title":1}"#] {
            assert!(read::<Outer>(text).is_err(), "{text}");
        }
    }
}
