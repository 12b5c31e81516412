//! Responses' events as ours. One sealed piece at the end keeps the order of the items: reasoning
//! as it came, of messages the length and the phase, of calls the id.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::calls::{Calls, Piece};
use super::super::errors::ErrorBody;
use super::super::flexible::Count;
use super::super::{Decoder, check_calls};
use super::NAME;
use crate::domain::Usage;
use crate::net::Headers;
use crate::net::retry_after::retry_after;
use crate::net::sse::Frame;
use crate::providers::chat::{OpaqueReasoning, StopReason, StreamEvent};
use crate::providers::error::ProviderError;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    input_tokens: Count,
    input_tokens_details: Option<InputDetails>,
    output_tokens: Count,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
}

/// What was passed on of an item so far.
#[derive(Debug, Default)]
struct Item {
    text: String,
    arguments: String,
    reasoned: bool,
    done: bool,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct ResponsesDecoder {
    started: bool,
    stopped: bool,
    refused: bool,
    id: String,
    items: BTreeMap<i64, Item>,
    calls: Calls,
    kept: BTreeMap<i64, Value>,
}

impl Decoder for ResponsesDecoder {
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let data = frame.data.trim();
        if self.stopped || data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let event: Value = serde_json::from_str(data)
            .map_err(|error| ProviderError::broken(format!("an event of the stream cannot be read: {error}")))?;
        let kind = event.get("type").and_then(Value::as_str).or(frame.event.as_deref()).unwrap_or_default();
        let index = event.get("output_index").and_then(Value::as_i64).unwrap_or_default();
        let null = Value::Null;
        let (item, response) = (event.get("item").unwrap_or(&null), event.get("response").unwrap_or(&null));
        let delta = event.get("delta").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => self.begin(response, out),
            "response.output_item.added" => self.open(index, item, out),
            "response.output_text.delta" => self.text(index, delta, out),
            "response.refusal.delta" => {
                self.refused = true;
                self.text(index, delta, out);
            }
            // Parts of a summary are paragraphs.
            "response.reasoning_summary_part.added" if self.items.get(&index).is_some_and(|item| item.reasoned) => {
                self.reasoning(index, "\n\n", out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.reasoning(index, delta, out);
            }
            "response.function_call_arguments.delta" => self.arguments(index, delta, out),
            "response.output_item.done" => self.close(index, item, out)?,
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                return self.end(response, out);
            }
            "error" => return Err(failed(&event)),
            // Kinds that only repeat, and whatever is added to the protocol later.
            _ if event.get("error").is_some_and(|error| !error.is_null()) => return Err(failed(&event)),
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let response: Value = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the answer cannot be read: {error}")))?;
        let has_error = response.get("error").is_some_and(|error| !error.is_null());
        if !has_error && response.get("output").and_then(Value::as_array).is_none() {
            return Err(ProviderError::broken(format!(
                "the answer holds no output: {}",
                ErrorBody::read(body).message
            )));
        }
        self.begin(&response, out);
        self.end(&response, out)
    }

    fn finish(&mut self, _: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped {
            return Ok(());
        }
        Err(ProviderError::broken(if self.started {
            "the stream ended in the middle of the answer"
        } else {
            "the stream ended before the answer began"
        }))
    }
}

impl ResponsesDecoder {
    fn begin(&mut self, response: &Value, out: &mut Vec<StreamEvent>) {
        if self.started {
            return;
        }
        self.started = true;
        let text = |name: &str| response.get(name).and_then(Value::as_str).map(str::to_owned);
        self.id = text("id").unwrap_or_default();
        out.push(StreamEvent::Started { id: text("id"), model: text("model") });
    }

    fn open(&mut self, index: i64, item: &Value, out: &mut Vec<StreamEvent>) {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("type") == "function_call" {
            let piece = Piece { key: Some(index), id: text("call_id"), name: text("name"), json: "" };
            self.calls.push(piece, &self.id, out);
        }
        self.items.entry(index).or_default();
    }

    fn text(&mut self, index: i64, text: &str, out: &mut Vec<StreamEvent>) {
        if !text.is_empty() {
            self.items.entry(index).or_default().text.push_str(text);
            out.push(StreamEvent::Text { text: text.to_owned() });
        }
    }

    fn reasoning(&mut self, index: i64, text: &str, out: &mut Vec<StreamEvent>) {
        if !text.is_empty() {
            self.items.entry(index).or_default().reasoned = true;
            out.push(StreamEvent::Reasoning { text: text.to_owned() });
        }
    }

    fn arguments(&mut self, index: i64, json: &str, out: &mut Vec<StreamEvent>) {
        self.items.entry(index).or_default().arguments.push_str(json);
        self.calls.push(Piece { key: Some(index), json, ..Piece::default() }, &self.id, out);
    }

    /// The finished item is what counts: what its pieces left out is added, what they contradict is
    /// an error.
    fn close(&mut self, index: i64, item: &Value, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let have = self.items.entry(index).or_default();
        if std::mem::replace(&mut have.done, true) {
            return Ok(());
        }
        match text("type") {
            "message" => {
                let (whole, refused) = message_text(item);
                self.refused |= refused;
                let rest = whole.strip_prefix(have.text.as_str()).unwrap_or_default().to_owned();
                self.text(index, &rest, out);
                let length = self.items.get(&index).map(|item| item.text.len()).unwrap_or_default();
                self.kept.insert(index, json!({"type": "message", "length": length, "phase": item.get("phase")}));
            }
            "function_call" => {
                let Some(rest) = text("arguments").strip_prefix(have.arguments.as_str()).map(str::to_owned) else {
                    let message = format!("the arguments of the call of `{}` came in two ways", text("name"));
                    return Err(ProviderError::broken(message));
                };
                self.open(index, item, out);
                self.arguments(index, &rest, out);
                if text("status") != "incomplete" {
                    self.calls.end(index, out);
                }
                self.kept.insert(index, json!({"type": "function_call", "call_id": text("call_id")}));
            }
            "reasoning" => {
                if !have.reasoned {
                    let parts = ["summary", "content"].iter().filter_map(|name| item.get(*name)?.as_array()).flatten();
                    let texts: Vec<_> = parts.filter_map(|part| part.get("text")?.as_str()).collect();
                    self.reasoning(index, &texts.join("\n\n"), out);
                }
                // Without the sealed part the server would look for what it never stored.
                if !text("encrypted_content").is_empty() {
                    self.kept.insert(index, item.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, response: &Value, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let usage = response.get("usage").filter(|usage| !usage.is_null());
        let usage = usage.and_then(|usage| WireUsage::deserialize(usage).ok());
        let count = |out: &mut Vec<StreamEvent>| {
            out.extend(usage.map(|usage| StreamEvent::Usage { usage: usage.buckets() }));
        };
        let status = response.get("status").and_then(Value::as_str).unwrap_or_default();
        if status == "failed" || response.get("error").is_some_and(|error| !error.is_null()) {
            count(out);
            return Err(failed(response));
        }
        if status == "cancelled" {
            return Err(ProviderError::broken("the provider cancelled the answer"));
        }
        // Some servers send the items only here.
        for (index, item) in (0i64..).zip(response.get("output").and_then(Value::as_array).into_iter().flatten()) {
            self.close(index, item, out)?;
        }
        let reason = match response.pointer("/incomplete_details/reason").and_then(Value::as_str) {
            Some("content_filter") => StopReason::Refused,
            Some(_) => StopReason::Length,
            None if status == "incomplete" => StopReason::Length,
            None if self.refused => StopReason::Refused,
            None if !self.calls.is_empty() => StopReason::ToolUse,
            None => StopReason::Finished,
        };
        let ended = self.calls.end_all(out);
        if !self.kept.is_empty() {
            let blob = self.kept.values().cloned().collect();
            out.push(StreamEvent::ReasoningOpaque { opaque: OpaqueReasoning { wire: NAME.to_owned(), blob } });
        }
        count(out);
        check_calls(&ended, reason)?;
        self.stopped = true;
        out.push(StreamEvent::Stopped { reason });
        Ok(())
    }
}

/// The text of a finished message, and whether it declines.
fn message_text(item: &Value) -> (String, bool) {
    let (mut text, mut refused) = (String::new(), false);
    for part in item.get("content").and_then(Value::as_array).into_iter().flatten() {
        if let Some(more) = part.get("text").and_then(Value::as_str) {
            text.push_str(more);
        }
        if let Some(more) = part.get("refusal").and_then(Value::as_str) {
            refused = true;
            text.push_str(more);
        }
    }
    (text, refused)
}

/// An error inside a stream has no headers: the wait stands in its words.
fn failed(value: &Value) -> ProviderError {
    let body = ErrorBody::from_value(value);
    let after = retry_after(&Headers::default(), &body.message, jiff::Timestamp::UNIX_EPOCH);
    body.class(200, after)
}

impl WireUsage {
    fn buckets(&self) -> Usage {
        let input = self.input_tokens.or_zero();
        let details = self.input_tokens_details.unwrap_or_default();
        let cached = details.cached_tokens.or_zero().min(input);
        let written = details.cache_write_tokens.or_zero().min(input - cached);
        let output = self.output_tokens.or_zero();
        let reasoning = self.output_tokens_details.unwrap_or_default().reasoning_tokens.or_zero().min(output);
        Usage {
            input_uncached: input - cached - written,
            cache_read: cached,
            cache_write_short: written,
            cache_write_long: 0,
            output_visible: output - reasoning,
            output_reasoning: reasoning,
        }
    }
}
