//! Ollama's own API: lines of JSON, whole tool calls, and a window that we must ask for.
//!
//! Left to itself the server sets up a window by the size of its memory and drops the oldest tokens
//! without a word, so the window is always named and truncation is forbidden.

mod decode;
mod encode;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Decoder, Images, ListedModel, ModelTraits, ModelsRequest, Quirks, Send, Wire, WireRequest};
use crate::domain::Usage;
use crate::providers::chat::ChatRequest;
use crate::providers::error::ProviderError;

/// No text has fewer tokens than one for so many bytes.
const BYTES_A_TOKEN: u64 = 12;

/// Bytes of a message's words.
fn length(message: &Value) -> usize {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().len();
    text("content") + text("thinking")
}

/// The protocol of `POST …/api/chat`.
#[derive(Clone, Copy, Debug)]
pub struct OllamaChat;

impl Wire for OllamaChat {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest {
        encode::request(request, quirks)
    }

    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString) {
        ("authorization", format!("Bearer {}", key.expose_secret()).into())
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decode::OllamaDecoder>::default()
    }

    fn question(&self, model: &str) -> Option<(String, Value)> {
        Some(("/api/show".to_owned(), json!({"model": model})))
    }

    fn learn(&self, body: &[u8]) -> ModelTraits {
        let Ok(shown) = serde_json::from_slice::<Value>(body) else { return ModelTraits::default() };
        let sizes = shown.get("model_info").and_then(Value::as_object).into_iter().flatten();
        let window = sizes.filter(|(name, _)| name.ends_with(".context_length")).find_map(|(_, size)| size.as_u64());
        // Settings of the model file, a name and a value a line.
        let settings = shown.get("parameters").and_then(Value::as_str).unwrap_or_default();
        let num_ctx = settings.lines().find_map(|line| line.trim().strip_prefix("num_ctx")?.trim().parse().ok());
        let can = shown.get("capabilities").and_then(Value::as_array);
        let able = |what: &str| can.map(|can| can.iter().any(|name| name == what));
        let thinks = if able("thinking") == Some(true) { Send::Yes } else { Send::No };
        let images = able("vision").map(|sees| if sees { Images::Taken } else { Images::Refused });
        ModelTraits { window, num_ctx, thinks, images }
    }

    fn window(&self, traits: &ModelTraits, quirks: &Quirks) -> Option<u64> {
        Some(encode::window(traits, quirks.num_ctx))
    }

    /// Old servers do not know `truncate` and drop the oldest messages without a word.
    fn dropped(&self, sent: &Value, usage: &Usage) -> Option<String> {
        let window = sent.pointer("/options/num_ctx")?.as_u64()?;
        let bytes: usize = sent.get("messages")?.as_array()?.iter().map(length).sum();
        let least = bytes as u64 / BYTES_A_TOKEN;
        (usage.input() >= window || least > window).then(|| {
            format!(
                "the conversation does not fit the window of {window} tokens, and Ollama seems to have dropped its \
                 beginning; start afresh, or give the model a larger `num_ctx`"
            )
        })
    }

    fn models_request(&self) -> ModelsRequest {
        ModelsRequest { path: "/api/tags".to_owned(), headers: Vec::new() }
    }

    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the list of models cannot be read: {error}")))?;
        let Some(items) = document.get("models").and_then(Value::as_array) else {
            return Err(ProviderError::broken("the list of models holds no list"));
        };
        let id = |item: &Value| item.get("model").or_else(|| item.get("name"))?.as_str().map(str::to_owned);
        Ok(items.iter().filter_map(id).map(|id| ListedModel { id, ..ListedModel::default() }).collect())
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &["think", "truncate", "format"]
    }
}
