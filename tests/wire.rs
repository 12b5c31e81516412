//! What providers send, and what comes of it: transcripts of our own, servers on this machine, and
//! recordings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "wire/encode.rs"]
mod encode;
#[path = "wire/gemini.rs"]
mod gemini;
#[path = "wire/http.rs"]
mod http;
#[path = "wire/matrix.rs"]
mod matrix;
#[path = "wire/ollama.rs"]
mod ollama;
#[path = "wire/recording.rs"]
mod recording;
#[path = "wire/registry.rs"]
mod registry;
#[path = "wire/responses.rs"]
mod responses;
#[path = "wire/rules.rs"]
mod rules;
#[path = "wire/structured.rs"]
mod structured;
#[path = "wire/transcripts.rs"]
mod transcripts;

use kiln::domain::ModelName;
use kiln::providers::{ChatRequest, Message, ProviderError, Role, Shape, StopReason, StreamEvent};

/// What came of an answer, however it was cut into pieces.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    pub thinking: String,
    pub calls: Vec<(String, String)>,
    pub ids: Vec<String>,
    pub ended: usize,
    pub opaque: usize,
    pub reason: Option<StopReason>,
    pub usage: [u64; 6],
    pub counted: bool,
    pub notices: Vec<String>,
    pub error: Option<ProviderError>,
}

pub fn fold(events: impl IntoIterator<Item = StreamEvent>, error: Option<ProviderError>) -> Heard {
    let mut heard = Heard { error, ..Heard::default() };
    for event in events {
        assert!(heard.reason.is_none(), "nothing comes after the end: {event:?}");
        match event {
            StreamEvent::Text { text } => heard.text.push_str(&text),
            StreamEvent::Reasoning { text } => heard.thinking.push_str(&text),
            StreamEvent::ReasoningOpaque { .. } => heard.opaque += 1,
            StreamEvent::ToolStarted { index, id, name } => {
                assert_eq!(index, heard.calls.len(), "calls are numbered without gaps");
                heard.calls.push((name, String::new()));
                heard.ids.push(id);
            }
            StreamEvent::ToolArguments { index, json } => heard.calls[index].1.push_str(&json),
            StreamEvent::ToolEnded { .. } => heard.ended += 1,
            StreamEvent::Notice { text } => heard.notices.push(text),
            StreamEvent::Usage { usage } => {
                heard.counted = true;
                heard.usage = [
                    usage.input_uncached,
                    usage.cache_read,
                    usage.cache_write_short,
                    usage.cache_write_long,
                    usage.output_visible,
                    usage.output_reasoning,
                ];
            }
            StreamEvent::Stopped { reason } => heard.reason = Some(reason),
            StreamEvent::Started { .. } | StreamEvent::ReadingPrompt { .. } | StreamEvent::LoadingModel => {}
        }
    }
    heard
}

pub fn request(text: &str) -> ChatRequest {
    ChatRequest {
        model: ModelName::new("m"),
        system: "be brief".to_owned(),
        messages: vec![Message::text(Role::User, text)],
        tools: Vec::new(),
        max_output: Some(100),
        temperature: Some(0.2),
        shape: Shape::Free,
        effort: None,
        cache_key: Some("session".to_owned()),
    }
}
