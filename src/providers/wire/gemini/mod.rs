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

/// The field that only reasoning models take.
const THINKING: &str = "thinkingConfig";

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
        let was_sent = sent.pointer("/generationConfig/thinkingConfig").is_some();
        was_sent && message.to_ascii_lowercase().contains("think") && quirks.without.insert(THINKING.to_owned())
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
