//! OpenAI Responses without anything stored at the server: reasoning comes sealed and goes back
//! with the items around it.

mod decode;
mod encode;

use secrecy::SecretString;
use serde_json::Value;

use super::openai_chat::Chat;
use super::{Decoder, ListedModel, ModelsRequest, Quirks, Wire, WireRequest};
use crate::providers::chat::ChatRequest;
use crate::providers::error::ProviderError;

/// The name in the catalogue and in stored reasoning.
const NAME: &str = "responses";

/// The protocol of `POST …/responses`.
#[derive(Clone, Copy, Debug)]
pub struct Responses;

impl Wire for Responses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest {
        encode::request(request, quirks)
    }

    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString) {
        Chat.authorize(key)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<decode::ResponsesDecoder>::default()
    }

    fn count_request(&self, request: &ChatRequest, quirks: &Quirks) -> Option<(String, Value)> {
        let mut body = encode::request(request, quirks).body;
        let counted = ["model", "input", "instructions", "tools", "text", "reasoning"];
        body.as_object_mut()?.retain(|name, _| counted.contains(&name.as_str()));
        Some(("/responses/input_tokens".to_owned(), body))
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?.get("input_tokens")?.as_u64()
    }

    fn models_request(&self) -> ModelsRequest {
        Chat.models_request()
    }

    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        Chat.decode_models(body)
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &[
            "reasoning.effort",
            "reasoning.summary",
            "reasoning",
            "text.format",
            "text",
            "include",
            "temperature",
            "prompt_cache_key",
            "max_output_tokens",
            "store",
        ]
    }
}
