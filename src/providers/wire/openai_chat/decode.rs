//! Chat Completions' answers as our events, with the habits of compatible servers.

use serde::Deserialize;
use serde_json::Value;

use super::super::calls::{Calls, Piece};
use super::super::errors::ErrorBody;
use super::super::flexible::{Count, Flexible, Text};
use super::super::think::Splitter;
use super::super::{Decoder, check_calls};
use crate::domain::Usage;
use crate::net::sse::Frame;
use crate::providers::chat::{StopReason, StreamEvent};
use crate::providers::error::ProviderError;

/// A chunk of the stream, or a whole answer; any part may be missing or null.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Flexible<'a>>,
    #[serde(borrow)]
    model: Option<Flexible<'a>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<WireUsage>,
    x_groq: Option<Groq>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Groq {
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    index: Option<i64>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    message: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Flexible<'a>>,
    error: Option<Value>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Flexible<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Flexible<'a>>,
    #[serde(borrow)]
    reasoning: Option<Flexible<'a>>,
    #[serde(borrow)]
    refusal: Option<Flexible<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    index: Option<i64>,
    #[serde(borrow)]
    id: Option<Flexible<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Flexible<'a>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_cache_hit_tokens: Count,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Count,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct ChatDecoder {
    started: bool,
    stopped: bool,
    refused: bool,
    id: String,
    splitter: Splitter,
    calls: Calls,
    usage: Option<WireUsage>,
    reason: Option<String>,
}

impl Decoder for ChatDecoder {
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let data = frame.data.trim();
        if self.stopped || data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            if !self.started {
                return Err(ProviderError::broken("the answer holds nothing"));
            }
            return self.stop(out);
        }
        let chunk: Chunk<'_> = serde_json::from_str(data)
            .map_err(|error| ProviderError::broken(format!("an event of the stream cannot be read: {error}")))?;
        // Some servers send an error as an event of that name without the object around it.
        if frame.event.as_deref() == Some("error") && chunk.error.is_none() && chunk.choices.is_none() {
            return Err(ErrorBody::read(data.as_bytes()).class(200, None));
        }
        self.take(chunk, out)
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let chunk: Chunk<'_> = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the answer cannot be read: {error}")))?;
        if chunk.error.is_none() && chunk.choices.as_ref().is_none_or(Vec::is_empty) {
            return Err(ProviderError::broken(format!(
                "the answer holds no choices: {}",
                ErrorBody::read(body).message
            )));
        }
        self.take(chunk, out)?;
        self.stop(out)
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped {
            return Ok(());
        }
        if self.reason.is_some() {
            // The reason came, only `[DONE]` did not: the answer is whole.
            return self.stop(out);
        }
        self.splitter.finish(out);
        self.push_usage(out);
        Err(ProviderError::broken(if self.started {
            "the stream ended in the middle of the answer"
        } else {
            "the stream ended before the answer began"
        }))
    }
}

impl ChatDecoder {
    fn take(&mut self, chunk: Chunk<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let groq = chunk.x_groq.unwrap_or(Groq { usage: None, error: None });
        let mut failed = chunk.error.or(groq.error);
        self.usage = chunk.usage.or(groq.usage).or(self.usage);
        let choices = chunk.choices.unwrap_or_default();
        if !self.started && failed.is_none() {
            self.started = true;
            let named =
                |text: Option<Flexible<'_>>| text.map(|text| text.text().to_owned()).filter(|text| !text.is_empty());
            let (id, model) = (named(chunk.id), named(chunk.model));
            self.id = id.clone().unwrap_or_default();
            out.push(StreamEvent::Started { id, model });
        }
        // We ask for one choice; a second one is not ours.
        for choice in choices.into_iter().filter(|choice| choice.index.unwrap_or_default() == 0) {
            self.usage = choice.usage.or(self.usage);
            if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
                self.delta(delta, out);
            }
            if let Some(Flexible::Text(reason)) = choice.finish_reason.filter(|reason| !reason.text().is_empty()) {
                self.reason = Some(reason.into_owned());
            }
            failed = failed.or(choice.error);
        }
        match failed.filter(|error| !error.is_null()) {
            Some(error) => {
                self.splitter.finish(out);
                self.push_usage(out);
                Err(ErrorBody::from_value(&error).class(200, None))
            }
            None => Ok(()),
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<StreamEvent>) {
        // Some routers send the same reasoning under both names.
        let reasoning = delta.reasoning_content.as_ref().or(delta.reasoning.as_ref());
        if let Some(text) = reasoning.map(Flexible::text).filter(|text| !text.is_empty()) {
            out.push(StreamEvent::Reasoning { text: text.to_owned() });
        }
        match &delta.content {
            Some(Flexible::Text(text)) => self.splitter.push(text, out),
            Some(Flexible::Other(Value::Array(parts))) => self.parts(parts, out),
            Some(Flexible::Other(_)) | None => {}
        }
        if let Some(text) = delta.refusal.as_ref().map(Flexible::text).filter(|text| !text.is_empty()) {
            self.refused = true;
            self.splitter.push(text, out);
        }
        for (at, call) in (0i64..).zip(delta.tool_calls.iter().flatten()) {
            let id = call.id.as_ref().map(|id| match id {
                Flexible::Text(text) => text.to_string(),
                Flexible::Other(Value::Number(number)) => number.to_string(),
                Flexible::Other(_) => String::new(),
            });
            let function = call.function.as_ref();
            let name = function.and_then(|function| function.name.as_ref());
            let json = function.and_then(|function| function.arguments.as_ref()).map(|arguments| match arguments {
                Flexible::Text(text) => text.to_string(),
                Flexible::Other(Value::Null) => String::new(),
                // Arguments as an object instead of its text.
                Flexible::Other(value) => value.to_string(),
            });
            // Without numbers, the place in a list of several calls tells them apart.
            let several = delta.tool_calls.as_ref().is_some_and(|calls| calls.len() > 1);
            let key = call.index.or(several.then_some(at));
            let piece = Piece {
                key,
                id: id.as_deref().unwrap_or_default(),
                name: name.map(|name| name.0.as_ref()).unwrap_or_default(),
                json: json.as_deref().unwrap_or_default(),
            };
            self.calls.push(piece, &self.id, out);
        }
    }

    /// Content as a list of parts, as Mistral sends it for reasoning models.
    fn parts(&mut self, parts: &[Value], out: &mut Vec<StreamEvent>) {
        for part in parts {
            if let Some(text) = part.get("text").and_then(Value::as_str) {
                self.splitter.push(text, out);
            }
            let thoughts = part.get("thinking").and_then(Value::as_array).into_iter().flatten();
            for text in thoughts.filter_map(|thought| thought.get("text").and_then(Value::as_str)) {
                out.push(StreamEvent::Reasoning { text: text.to_owned() });
            }
        }
    }

    fn push_usage(&self, out: &mut Vec<StreamEvent>) {
        if let Some(usage) = &self.usage {
            out.push(StreamEvent::Usage { usage: usage.buckets() });
        }
    }

    fn stop(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        self.splitter.finish(out);
        let reason = self.stop_reason();
        let ended = self.calls.end_all(out);
        self.push_usage(out);
        let reason = reason?;
        check_calls(&ended, reason)?;
        self.stopped = true;
        out.push(StreamEvent::Stopped { reason });
        Ok(())
    }

    /// Many servers say `stop`, or nothing, although there are calls.
    fn stop_reason(&self) -> Result<StopReason, ProviderError> {
        Ok(match self.reason.as_deref() {
            Some("length" | "max_tokens" | "model_length") => StopReason::Length,
            Some("content_filter") => StopReason::Refused,
            Some("error") => return Err(ProviderError::broken("the provider says that the answer failed")),
            Some("insufficient_system_resource") => {
                let message = "the provider ran out of resources in the middle of the answer".to_owned();
                return Err(ProviderError::Overloaded { message, after: None });
            }
            _ if self.refused => StopReason::Refused,
            _ if !self.calls.is_empty() => StopReason::ToolUse,
            _ => StopReason::Finished,
        })
    }
}

impl WireUsage {
    fn buckets(&self) -> Usage {
        let prompt = self.prompt_tokens.or_zero();
        let details = self.prompt_tokens_details.unwrap_or_default();
        let cached = details.cached_tokens.known().or(self.prompt_cache_hit_tokens.known()).unwrap_or_default();
        let cached = cached.min(prompt);
        let written = details.cache_write_tokens.or_zero().min(prompt - cached);
        let completion = self.completion_tokens.or_zero();
        let thought = self.completion_tokens_details.unwrap_or_default().reasoning_tokens.or_zero();
        // Reasoning is part of the completion, except at servers whose total says otherwise.
        let apart = thought > 0 && self.total_tokens.or_zero() == prompt + completion + thought;
        let reasoning = if apart { thought } else { thought.min(completion) };
        Usage {
            input_uncached: prompt - cached - written,
            cache_read: cached,
            cache_write_short: written,
            cache_write_long: 0,
            output_visible: if apart { completion } else { completion - reasoning },
            output_reasoning: reasoning,
        }
    }
}
