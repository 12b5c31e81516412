//! Anthropic Messages.

mod decode;
mod encode;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::{Decoder, ListedModel, ModelsRequest, Quirks, Wire, WireRequest};
use crate::providers::chat::ChatRequest;
use crate::providers::error::ProviderError;

/// The name of the protocol, also in sealed reasoning.
pub(super) const NAME: &str = "messages";

/// The version of the protocol that is spoken.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The protocol of `POST /v1/messages`.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Wire for Messages {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest {
        encode::request(request, quirks)
    }

    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString) {
        ("x-api-key", key.clone())
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decode::MessagesDecoder>::default()
    }

    fn count_request(&self, request: &ChatRequest, quirks: &Quirks) -> Option<(String, Value)> {
        let mut body = encode::request(request, quirks).body;
        let fields = body.as_object_mut()?;
        fields.retain(|name, _| !matches!(name.as_str(), "max_tokens" | "stream" | "temperature"));
        Some(("/v1/messages/count_tokens".to_owned(), body))
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?.get("input_tokens")?.as_u64()
    }

    fn models_request(&self) -> ModelsRequest {
        ModelsRequest { path: "/v1/models?limit=1000".to_owned(), headers: vec![(VERSION.0, VERSION.1.to_owned())] }
    }

    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        let list: List = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the list of models cannot be read: {error}")))?;
        let listed = |item: Item| ListedModel {
            id: item.id,
            title: item.display_name,
            window: item.max_input_tokens.filter(|tokens| *tokens > 0),
            max_output: item.max_tokens.filter(|tokens| *tokens > 0),
        };
        Ok(list.data.into_iter().map(listed).collect())
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &[
            "output_config.effort",
            "output_config.format",
            "output_config",
            "thinking.display",
            "thinking",
            "temperature",
            "tool_choice",
            "cache_control",
        ]
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    display_name: Option<String>,
    max_input_tokens: Option<u64>,
    max_tokens: Option<u64>,
}
