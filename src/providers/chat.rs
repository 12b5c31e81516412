//! The vocabulary between a turn and whoever answers: requests, messages, stream events.
//!
//! It is neutral: every wire translates it to and from its own protocol, and nothing here knows
//! one. It holds no keys and no addresses.

use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use crate::domain::{Effort, ModelName, Usage};

/// One request for an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    pub model: ModelName,
    /// Standing instructions; stays the same over a session so that prompt caches hold.
    pub system: String,
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    /// Answer tokens at most; `None` leaves it to the wire's default.
    pub max_output: Option<u32>,
    /// 0 to 1; `None` leaves it to the provider.
    pub temperature: Option<f32>,
    /// What the answer's text must look like. Only providers that can hold a model to it obey.
    #[serde(default)]
    pub shape: Shape,
    /// How hard to think; `None` leaves it to the settings, and those to the provider.
    #[serde(default)]
    pub effort: Option<Effort>,
    /// A stable name for prompt-cache routing: the session's id.
    #[serde(default)]
    pub cache_key: Option<String>,
}

/// The form that an answer is held to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Anything.
    #[default]
    Free,
    /// A grammar in Lark's notation, start rule `start`.
    Lark(String),
    /// A JSON document.
    Json {
        /// What it is, for protocols that want a name: letters, digits and `_`.
        name: String,
        /// JSON Schema of the document, an object; see [`super::structured`].
        schema: serde_json::Value,
    },
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub schema: serde_json::Value,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person, and tools' answers.
    User,
    /// The model.
    Assistant,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of plain text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text { text: text.into() }] }
    }
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    Text {
        text: String,
    },
    /// A picture, base64.
    Image {
        media_type: String,
        data: String,
    },
    /// Reasoning; the opaque part goes back verbatim to the family of wires it came from.
    Reasoning {
        text: String,
        opaque: Option<OpaqueReasoning>,
    },
    ToolCall {
        id: String,
        name: String,
        arguments: serde_json::Value,
    },
    ToolResult {
        id: String,
        name: String,
        text: String,
        failed: bool,
    },
}

/// A provider's sealed reasoning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpaqueReasoning {
    /// The wire that can read it.
    pub wire: String,
    /// Exactly what came.
    pub blob: serde_json::Value,
}

/// A piece of an answer, in the order in which it comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stream", rename_all = "snake_case")]
pub enum StreamEvent {
    /// The answer begins; names as the provider gives them.
    Started {
        id: Option<String>,
        model: Option<String>,
    },
    Text {
        text: String,
    },
    Reasoning {
        text: String,
    },
    /// Sealed reasoning, to be sent back with the message it belongs to.
    ReasoningOpaque {
        opaque: OpaqueReasoning,
    },
    /// A tool call begins; `index` numbers the calls of this answer without gaps from 0.
    ToolStarted {
        index: usize,
        id: String,
        name: String,
    },
    /// More of the JSON text of its arguments.
    ToolArguments {
        index: usize,
        json: String,
    },
    /// Its arguments are complete; cut-off JSON never comes this far.
    ToolEnded {
        index: usize,
    },
    /// Tokens of this request, whole and final (a later one replaces an earlier one).
    Usage {
        usage: Usage,
    },
    /// A local model reads the prompt: tokens read, tokens in all.
    ReadingPrompt {
        done: u64,
        total: u64,
    },
    /// Weights are being loaded.
    LoadingModel,
    /// What the person should know about this answer.
    Notice {
        text: String,
    },
    /// The answer ended as the protocol says; always the last event of a good stream.
    Stopped {
        reason: StopReason,
    },
}

impl StreamEvent {
    /// A piece of the answer; none where it is empty.
    pub(super) fn text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::Text { text: text.to_owned() })
    }

    /// A piece of the reasoning; none where it is empty.
    pub(super) fn reasoning(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::Reasoning { text: text.to_owned() })
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model had said all.
    Finished,
    /// A stop sequence came up.
    StopSequence,
    /// It wants tools run.
    ToolUse,
    /// The limit on answer tokens was reached.
    Length,
    /// The window is full.
    WindowFull,
    /// The provider declined to go on.
    Refused,
    /// The provider wants the conversation sent back as it is, to go on.
    Paused,
}

/// An answer on its way. Dropping it ends the request.
pub type AnswerStream = BoxStream<'static, Result<StreamEvent, ProviderError>>;
