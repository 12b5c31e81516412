//! OpenAI Responses without anything stored at the server: reasoning comes sealed and goes back
//! with the items around it.

mod decode;
mod encode;

use secrecy::SecretString;

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

    fn models_request(&self) -> ModelsRequest {
        Chat.models_request()
    }

    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError> {
        Chat.decode_models(body)
    }

    fn optional_fields(&self) -> &'static [&'static str] {
        &["reasoning", "include", "temperature", "prompt_cache_key", "max_output_tokens", "store"]
    }
}
