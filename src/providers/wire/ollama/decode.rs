//! Ollama's answers as our events.

use serde::Deserialize;
use serde_json::Value;

use super::super::calls::{Calls, Piece};
use super::super::errors::ErrorBody;
use super::super::flexible::Count;
use super::super::think::Splitter;
use super::super::{Decoder, check_calls};
use crate::domain::Usage;
use crate::net::sse::Frame;
use crate::providers::chat::{StopReason, StreamEvent};
use crate::providers::error::ProviderError;

/// A line of the stream, or a whole answer; any part may be missing.
#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    created_at: Option<String>,
    message: Option<Said>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Count,
    #[serde(default)]
    eval_count: Count,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct OllamaDecoder {
    started: bool,
    stopped: bool,
    /// Makes the ids unique that we make up.
    seed: String,
    splitter: Splitter,
    calls: Calls,
    /// Calls so far: each comes whole, so each is a new one.
    count: i64,
}

impl Decoder for OllamaDecoder {
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped || frame.data.trim().is_empty() {
            return Ok(());
        }
        let line: Line = serde_json::from_str(&frame.data)
            .map_err(|error| ProviderError::broken(format!("a line of the stream cannot be read: {error}")))?;
        self.take(line, out)
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let line: Line = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the answer cannot be read: {error}")))?;
        self.take(line, out)?;
        self.finish(out)
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped {
            return Ok(());
        }
        self.splitter.finish(out);
        Err(ProviderError::broken(if self.started {
            "the stream ended in the middle of the answer"
        } else {
            "the stream ended before the answer began"
        }))
    }
}

impl OllamaDecoder {
    fn take(&mut self, line: Line, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if let Some(error) = line.error.filter(|error| !error.is_null()) {
            self.splitter.finish(out);
            return Err(ErrorBody::from_value(&error).class(200, None));
        }
        if line.message.is_none() && !line.done {
            return Ok(());
        }
        if !self.started {
            self.started = true;
            self.seed = line.created_at.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
            out.push(StreamEvent::Started { id: None, model: line.model });
        }
        if let Some(said) = line.message {
            self.said(said, out);
        }
        if !line.done {
            return Ok(());
        }
        self.splitter.finish(out);
        let ended = self.calls.end_all(out);
        // A prompt that was fully cached is not counted: beside a counted answer, what is missing is
        // nothing. Without either, nobody counted.
        let counted = line.prompt_eval_count.known().or(line.eval_count.known()).is_some();
        let usage = Usage {
            input_uncached: line.prompt_eval_count.or_zero(),
            output_visible: line.eval_count.or_zero(),
            ..Usage::default()
        };
        out.extend(counted.then_some(StreamEvent::Usage { usage }));
        let reason = match line.done_reason.as_deref() {
            Some("length") => StopReason::Length,
            _ if !self.calls.is_empty() => StopReason::ToolUse,
            _ => StopReason::Finished,
        };
        check_calls(&ended, reason)?;
        self.stopped = true;
        out.push(StreamEvent::Stopped { reason });
        Ok(())
    }

    fn said(&mut self, said: Said, out: &mut Vec<StreamEvent>) {
        if let Some(text) = said.thinking.filter(|text| !text.is_empty()) {
            out.push(StreamEvent::Reasoning { text });
        }
        if let Some(text) = said.content.filter(|text| !text.is_empty()) {
            self.splitter.push(&text, out);
        }
        for call in said.tool_calls.into_iter().flatten() {
            let (name, arguments) =
                call.function.map(|function| (function.name, function.arguments)).unwrap_or_default();
            // Arguments are an object here; some models' templates leave its text.
            let json = match arguments.unwrap_or_default() {
                Value::String(text) => text,
                Value::Null => String::new(),
                value => value.to_string(),
            };
            let piece = Piece {
                key: Some(self.count),
                id: call.id.as_deref().unwrap_or_default(),
                name: name.as_deref().unwrap_or_default(),
                json: &json,
            };
            self.calls.push(piece, &self.seed, out);
            self.calls.end(self.count, out);
            self.count += 1;
        }
    }
}
