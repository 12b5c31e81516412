//! OpenAI Chat Completions, and the many servers that call themselves compatible with it.

mod decode;
mod encode;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Decoder, ListedModel, ModelsRequest, Quirks, Wire, WireRequest};
use crate::providers::chat::ChatRequest;
use crate::providers::error::ProviderError;

/// The protocol of `POST …/chat/completions`.
#[derive(Clone, Copy, Debug)]
pub struct Chat;

impl Wire for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest {
        encode::request(request, quirks)
    }

    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString) {
        ("authorization", format!("Bearer {}", key.expose_secret()).into())
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decode::ChatDecoder>::default()
    }

    fn models_request(&self) -> ModelsRequest {
        ModelsRequest { path: "/models".to_owned(), headers: Vec::new() }
    }

    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the list of models cannot be read: {error}")))?;
        // OpenAI wraps the list in `data`; Together sends it bare.
        let list = document.get("data").unwrap_or(&document);
        let Some(items) = list.as_array() else {
            return Err(ProviderError::broken("the list of models holds no list"));
        };
        Ok(items.iter().filter_map(listed).collect())
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &[
            "max_completion_tokens",
            "max_tokens",
            "stream_options",
            "parallel_tool_calls",
            "tool_choice",
            "temperature",
            "reasoning_effort",
            "response_format",
            "prompt_cache_key",
        ]
    }
}

/// Servers name the sizes each in their own way.
fn listed(item: &Value) -> Option<ListedModel> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| item.pointer(pointer).and_then(Value::as_u64)).filter(|number| *number > 0)
    };
    Some(ListedModel {
        id: text("id")?,
        title: text("display_name").or_else(|| text("name")),
        window: number(&[
            "/context_length",
            "/context_window",
            "/max_context_length",
            "/max_model_len",
            "/meta/n_ctx",
            "/meta/n_ctx_train",
        ]),
        max_output: number(&["/max_completion_tokens", "/top_provider/max_completion_tokens", "/max_output_tokens"]),
    })
}
