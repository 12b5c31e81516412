//! The protocols of providers: pure translation between our vocabulary and theirs.
//!
//! No I/O happens here, so a recorded stream is the whole test. A new protocol is one file (or
//! folder) and a line in [`WIRES`]; a provider that speaks a known one is a row of the catalogue.

pub mod anthropic;
mod calls;
mod errors;
mod flexible;
pub mod gemini;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
mod rules;
mod think;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

pub use errors::ErrorBody;
pub use rules::{Images, ModelRules, RuleRow, Sampling, Thinking};

use super::chat::{ChatRequest, Shape, StopReason, StreamEvent};
use super::error::ProviderError;
use crate::domain::{Effort, Usage};
use crate::net::Headers;
use crate::net::sse::Frame;

/// Every protocol there is.
pub static WIRES: &[&dyn Wire] =
    &[&anthropic::Messages, &openai_chat::Chat, &openai_responses::Responses, &gemini::Generate, &ollama::OllamaChat];

/// The protocol of a name, as the catalogue spells it.
pub fn by_name(name: &str) -> Option<&'static dyn Wire> {
    // The longer names are what people write in their settings.
    let name = match name {
        "openai-responses" | "openai_responses" => "responses",
        name => name,
    };
    WIRES.iter().copied().find(|wire| wire.name() == name)
}

/// How an answer's body is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON document a line.
    Ndjson,
}

/// A request in the protocol's own words; the address before `path` and the key come later.
#[derive(Clone, Debug, PartialEq)]
pub struct WireRequest {
    /// Joined to the base URL; begins with a slash.
    pub path: String,
    /// Headers besides the key and the content type.
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
    pub framing: Framing,
}

/// A request for the list of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelsRequest {
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
}

/// A model as a provider lists it; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedModel {
    pub id: String,
    pub title: Option<String>,
    pub window: Option<u64>,
    pub max_output: Option<u64>,
}

/// The name under which the limit of answer tokens goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// The old name, and the only one that many compatible servers know.
    #[default]
    MaxTokens,
    /// The name that newer models insist on.
    MaxCompletionTokens,
}

/// Whether something optional is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Send {
    #[default]
    No,
    Yes,
}

/// What a provider does differently from the protocol's author; data of the catalogue, and learned
/// from refusals while running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Optional fields of the body that are left out; a dot leads into an object.
    pub without: BTreeSet<String>,
    pub limit: LimitField,
    /// Whether reasoning text goes back with the turns that called tools.
    pub reasoning_back: Send,
    /// Whether the session's name goes along for prompt-cache routing.
    pub cache_key: Send,
    /// The path of the local server's API, added to a base URL that has none.
    pub base_path: Option<String>,
    /// The port of a base URL that has neither scheme nor port.
    pub base_port: Option<u16>,
    /// Seconds until the first byte of an answer at least, where a model has to be loaded first.
    pub first_byte_s: Option<u64>,
    /// The window that a local server is asked to set up, in tokens.
    pub num_ctx: Option<u64>,
    /// What the asked model takes.
    #[serde(skip)]
    pub rules: ModelRules,
    /// How hard to think where the request does not say.
    #[serde(skip)]
    pub effort: Option<Effort>,
    /// What was learned of models before their first request.
    #[serde(skip)]
    pub models: BTreeMap<String, ModelTraits>,
    /// Whether the other name of the answer limit was tried already.
    #[serde(skip)]
    pub limit_swapped: bool,
}

/// What must be known of a model to ask it well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTraits {
    /// The largest window, in tokens.
    pub window: Option<u64>,
    /// The window that the model's own settings ask for, in tokens.
    pub num_ctx: Option<u64>,
    /// Whether it reasons when asked to.
    pub thinks: Send,
    /// Whether it takes pictures, where the server says so.
    pub images: Option<Images>,
}

/// A provider's protocol.
pub trait Wire: std::marker::Send + Sync {
    /// The name in the catalogue and in stored reasoning.
    fn name(&self) -> &'static str;

    /// The request in the protocol's words, asking for a stream.
    fn encode(&self, request: &ChatRequest, quirks: &Quirks) -> WireRequest;

    /// The header that carries the key.
    fn authorize(&self, key: &SecretString) -> (&'static str, SecretString);

    /// A reader for one answer.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// The path and body that ask what must be known of a model before its first request.
    fn question(&self, model: &str) -> Option<(String, Value)> {
        let _ = model;
        None
    }

    /// Reads the answer to [`Wire::question`].
    fn learn(&self, body: &[u8]) -> ModelTraits {
        let _ = body;
        ModelTraits::default()
    }

    /// The window that a model gets here, in tokens, where we set it up.
    fn window(&self, traits: &ModelTraits, quirks: &Quirks) -> Option<u64> {
        let _ = (traits, quirks);
        None
    }

    /// Whether the server seems to have dropped the beginning of what was sent; the text tells.
    fn dropped(&self, sent: &Value, usage: &Usage) -> Option<String> {
        let _ = (sent, usage);
        None
    }

    /// The path and body that ask how many tokens a request has, where that costs nothing.
    fn count_request(&self, request: &ChatRequest, quirks: &Quirks) -> Option<(String, Value)> {
        let _ = (request, quirks);
        None
    }

    /// The number in the answer to [`Wire::count_request`].
    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        let _ = body;
        None
    }

    /// The request for the list of models.
    fn models_request(&self) -> ModelsRequest;

    /// The models of such an answer.
    fn decode_models(&self, body: &[u8]) -> Result<Vec<ListedModel>, ProviderError>;

    /// Classes an answer whose status is no success; `after` is the wait that it asks for.
    fn error(&self, status: u16, headers: &Headers, body: &[u8], after: Option<Duration>) -> ProviderError {
        errors::from_answer(status, headers, body, after)
    }

    /// Fields of the body that may be left out when a server refuses them, such as `a` or `a.b`;
    /// the inner ones first.
    fn optional_fields(&self) -> &'static [&'static str];

    /// Learns from a refusal that names an optional field. Whether sending again may help.
    fn adapt(&self, error: &ProviderError, sent: &Value, quirks: &mut Quirks) -> bool {
        let ProviderError::BadRequest { message, field } = error else { return false };
        let was_sent = |name: &&str| sent.pointer(&format!("/{}", name.replace('.', "/"))).is_some();
        let fields = || self.optional_fields().iter().copied().filter(was_sent);
        let is_at = |name: &&str| {
            let rest = field.as_deref().and_then(|field| field.strip_prefix(*name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let found = fields().find(is_at).or_else(|| fields().find(|name| errors::names_field(message, name)));
        let Some(found) = found else { return false };
        let is_limit = matches!(found, "max_tokens" | "max_completion_tokens");
        if is_limit && !quirks.limit_swapped {
            quirks.limit_swapped = true;
            quirks.limit = match quirks.limit {
                LimitField::MaxTokens => LimitField::MaxCompletionTokens,
                LimitField::MaxCompletionTokens => LimitField::MaxTokens,
            };
            return true;
        }
        quirks.without.insert(found.to_owned())
    }
}

/// Reads one answer. Events go into `out` in the order in which they come; what was put there
/// before an error stands.
pub trait Decoder: std::marker::Send {
    /// Takes one event of the stream.
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError>;

    /// Takes an answer that came as one JSON document although a stream was asked for.
    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError>;

    /// The stream has ended: says so, or that it ended too early. Does nothing after `Stopped`.
    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError>;
}

/// Removes what the provider does not want.
fn leave_out(body: &mut Value, quirks: &Quirks) {
    for path in &quirks.without {
        let (parent, name) = match path.rsplit_once('.') {
            Some((parent, name)) => (body.pointer_mut(&format!("/{}", parent.replace('.', "/"))), name),
            None => (Some(&mut *body), path.as_str()),
        };
        let Some(fields) = parent.and_then(Value::as_object_mut) else { continue };
        fields.remove(name);
        if let Some((parent, _)) = path.split_once('.').filter(|_| fields.is_empty())
            && let Some(outer) = body.as_object_mut()
        {
            outer.remove(parent);
        }
    }
}

/// The document that the answer must be, if one is asked for and the server takes the wish.
fn wanted_json(shape: &Shape) -> Option<(&str, &Value)> {
    match shape {
        Shape::Json { name, schema } => Some((name, schema)),
        Shape::Free | Shape::Lark(_) => None,
    }
}

/// Calls whose arguments were cut off are an error, unless the answer's limit cut them: then they
/// simply never end, and the stop reason tells why.
fn check_calls(ended: &calls::Ended, reason: StopReason) -> Result<(), ProviderError> {
    match (ended, reason) {
        (calls::Ended::Whole, _) | (_, StopReason::Length | StopReason::WindowFull) => Ok(()),
        (calls::Ended::CutOff(name), _) => Err(ProviderError::broken(format!(
            "the arguments of the call of `{name}` came cut off or are no JSON object"
        ))),
        (calls::Ended::Nameless, _) => Err(ProviderError::broken("a tool call came without a name")),
    }
}

/// A short decimal such as 0.2, without the digits that widening would add.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_module_is_registered_once() {
        let mut names: Vec<_> = WIRES.iter().map(|wire| wire.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WIRES.len());
        let source = include_str!("mod.rs");
        let modules = source.lines().filter(|line| line.starts_with("pub mod ")).count();
        assert_eq!(modules, WIRES.len(), "a protocol has a `pub mod` line and a line in WIRES");
        assert!(WIRES.iter().all(|wire| by_name(wire.name()).is_some()));
    }
}
