//! Google's `generateContent`: whole calls, and thought signatures that go back on the very part
//! that they came with.

mod decode;
mod encode;
mod refusal;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Decoder, ListedModel, ModelsRequest, Quirks, Wire, WireRequest};
use crate::net::Headers;
use crate::providers::chat::ChatRequest;
use crate::providers::error::ProviderError;

/// The name in the catalogue and in stored reasoning.
const NAME: &str = "gemini";

/// The protocol of `POST …:streamGenerateContent?alt=sse`.
#[derive(Clone, Copy, Debug)]
pub struct Generate;

impl Wire for Generate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest {
        encode::request(request, quirks)
    }

    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString) {
        ("x-goog-api-key", key.expose_secret().to_owned().into())
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decode::GeminiDecoder>::default()
    }

    fn models_request(&self) -> ModelsRequest {
        ModelsRequest { path: "/v1beta/models?pageSize=1000".to_owned(), headers: Vec::new() }
    }

    /// Only models that can be asked for text; names without the `models/` that the list puts before.
    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the list of models cannot be read: {error}")))?;
        let Some(items) = document.get("models").and_then(Value::as_array) else {
            return Err(ProviderError::broken("the list of models holds no list"));
        };
        Ok(items.iter().filter(|item| generates(item)).filter_map(listed).collect())
    }

    fn error(&self, status: u16, headers: &Headers, body: &[u8], after: Option<Duration>) -> ProviderError {
        refusal::from_answer(status, headers, body, after)
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &["toolConfig"]
    }

    fn adapt(&self, error: &ProviderError, sent: &Value, quirks: &mut Quirks) -> bool {
        let ProviderError::BadRequest { message, .. } = error else { return false };
        let message = message.to_ascii_lowercase();
        // The server names fields in either spelling, or in plain words.
        let named = |field: &str| match field {
            "thinkingConfig" => message.contains("think"),
            "responseJsonSchema" => message.contains("schema"),
            _ => message.contains(&field.to_ascii_lowercase()),
        };
        let fields = ["thinkingConfig", "responseJsonSchema", "temperature"];
        let sent = |field: &&str| sent.pointer(&format!("/generationConfig/{field}")).is_some();
        let found = fields.into_iter().filter(sent).find(|field| named(field));
        found.is_some_and(|field| quirks.without.insert(format!("generationConfig.{field}")))
    }

    fn count_request(&self, request: &ChatRequest, quirks: &Quirks) -> Option<(String, Value)> {
        let encoded = encode::request(request, quirks);
        let mut body = encoded.body;
        let model = encode::model(request);
        body.as_object_mut()?.insert("model".to_owned(), format!("models/{model}").into());
        Some((format!("/v1beta/models/{model}:countTokens"), serde_json::json!({"generateContentRequest": body})))
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?.get("totalTokens")?.as_u64()
    }
}

fn generates(item: &Value) -> bool {
    // Gateways that do not say what a model can do list only those that answer.
    item.get("supportedGenerationMethods")
        .and_then(Value::as_array)
        .is_none_or(|methods| methods.iter().any(|method| method == "generateContent"))
}

fn listed(item: &Value) -> Option<ListedModel> {
    let number = |name: &str| item.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
    let name = item.get("name")?.as_str()?;
    Some(ListedModel {
        id: name.strip_prefix("models/").unwrap_or(name).to_owned(),
        title: item.get("displayName").and_then(Value::as_str).map(str::to_owned),
        window: number("inputTokenLimit"),
        max_output: number("outputTokenLimit"),
    })
}
