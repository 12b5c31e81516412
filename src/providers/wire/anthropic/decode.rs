//! Anthropic's answers as our events.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Decoder;
use super::super::calls::{Calls, Piece};
use super::super::errors::ErrorBody;
use super::super::flexible::{Count, Text};
use super::NAME;
use crate::domain::Usage;
use crate::net::sse::Frame;
use crate::providers::chat::{OpaqueReasoning, StopReason, StreamEvent};
use crate::providers::error::ProviderError;

/// An event of the stream; only what is needed, any part may be missing.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    index: Option<i64>,
    message: Option<Value>,
    content_block: Option<Value>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_creation: Option<Written>,
    output_tokens: Count,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

/// A block that is being sent.
#[derive(Debug)]
enum Block {
    Text,
    Thinking {
        text: String,
        signature: String,
    },
    Tool {
        /// Arguments that came with the beginning, for gateways that send no pieces.
        input: String,
        pieces: usize,
    },
    /// Blocks of the server's own tools and kinds that are not known yet.
    Other,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct MessagesDecoder {
    started: bool,
    stopped: bool,
    id: String,
    blocks: Vec<(i64, Block)>,
    calls: Calls,
    usage: WireUsage,
    reason: Option<StopReason>,
}

impl Decoder for MessagesDecoder {
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped || frame.data.trim().is_empty() || frame.data.trim() == "[DONE]" {
            return Ok(());
        }
        let event: Event<'_> = serde_json::from_str(&frame.data)
            .map_err(|error| ProviderError::broken(format!("an event of the stream cannot be read: {error}")))?;
        let index = event.index.unwrap_or_default();
        match event.kind.0.as_ref() {
            "message_start" => self.begin(&event.message.unwrap_or_default(), out),
            "content_block_start" => self.open(index, &event.content_block.unwrap_or_default(), out),
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    self.extend(index, &delta, out);
                }
            }
            "content_block_stop" => self.close(index, out),
            "message_delta" => {
                self.reason =
                    event.delta.and_then(|delta| delta.stop_reason).map(|text| reason(&text.0)).or(self.reason);
                if let Some(usage) = event.usage {
                    self.count(usage, out);
                }
            }
            "message_stop" => return self.stop(out),
            "error" => return Err(ErrorBody::from_value(&event.error.unwrap_or_default()).class(200, None)),
            // `ping`, and whatever is added to the protocol later.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let message: Value = serde_json::from_slice(body)
            .map_err(|error| ProviderError::broken(format!("the answer cannot be read: {error}")))?;
        if message.get("error").is_some_and(|error| !error.is_null()) {
            return Err(ErrorBody::from_value(&message).class(200, None));
        }
        let Some(blocks) = message.get("content").and_then(Value::as_array) else {
            return Err(ProviderError::broken("the answer holds no content"));
        };
        self.begin(&message, out);
        for (index, block) in (0i64..).zip(blocks) {
            self.open(index, block, out);
            self.close(index, out);
        }
        self.reason = message.get("stop_reason").and_then(Value::as_str).map(reason);
        self.stop(out)
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        match (self.stopped, self.reason) {
            (true, _) => Ok(()),
            // The reason came, only the last event did not: the answer is whole.
            (false, Some(_)) => self.stop(out),
            (false, None) => Err(ProviderError::broken("the stream ended in the middle of the answer")),
        }
    }
}

impl MessagesDecoder {
    fn begin(&mut self, message: &Value, out: &mut Vec<StreamEvent>) {
        let text = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
        // Some gateways send the beginning twice.
        if !self.started {
            self.started = true;
            self.id = text("id").unwrap_or_default();
            out.push(StreamEvent::Started { id: text("id"), model: text("model") });
        }
        if let Some(usage) = message.get("usage").and_then(|usage| WireUsage::deserialize(usage).ok()) {
            self.count(usage, out);
        }
    }

    fn open(&mut self, index: i64, block: &Value, out: &mut Vec<StreamEvent>) {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let state = match text("type") {
            "text" => {
                out.extend(StreamEvent::text(text("text")));
                Block::Text
            }
            "thinking" => {
                out.extend(StreamEvent::reasoning(text("thinking")));
                Block::Thinking { text: text("thinking").to_owned(), signature: text("signature").to_owned() }
            }
            "redacted_thinking" => {
                let opaque = OpaqueReasoning { wire: NAME.to_owned(), blob: block.clone() };
                out.push(StreamEvent::ReasoningOpaque { opaque });
                Block::Other
            }
            "tool_use" => {
                let piece = Piece { key: Some(index), id: text("id"), name: text("name"), json: "" };
                self.calls.push(piece, &self.id, out);
                let input = block.get("input").filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
                Block::Tool { input: input.map(Value::to_string).unwrap_or_default(), pieces: 0 }
            }
            _ => Block::Other,
        };
        self.blocks.retain(|(have, _)| *have != index);
        self.blocks.push((index, state));
    }

    fn extend(&mut self, index: i64, delta: &Delta<'_>, out: &mut Vec<StreamEvent>) {
        let block = self.blocks.iter_mut().rfind(|(have, _)| *have == index).map(|(_, block)| block);
        if let Some(text) = &delta.text {
            out.extend(StreamEvent::text(&text.0));
        }
        match block {
            Some(Block::Thinking { text, signature }) => {
                if let Some(piece) = &delta.thinking {
                    text.push_str(&piece.0);
                    out.extend(StreamEvent::reasoning(&piece.0));
                }
                if let Some(piece) = &delta.signature {
                    signature.push_str(&piece.0);
                }
            }
            Some(Block::Tool { pieces, .. }) => {
                if let Some(json) = &delta.partial_json {
                    *pieces += json.0.len();
                    let piece = Piece { key: Some(index), json: &json.0, ..Piece::default() };
                    self.calls.push(piece, &self.id, out);
                }
            }
            Some(Block::Text | Block::Other) | None => {}
        }
    }

    fn close(&mut self, index: i64, out: &mut Vec<StreamEvent>) {
        let Some(at) = self.blocks.iter().rposition(|(have, _)| *have == index) else { return };
        match self.blocks.swap_remove(at).1 {
            Block::Thinking { text, signature } if !signature.is_empty() => {
                let blob = json!({"type": "thinking", "thinking": text, "signature": signature});
                out.push(StreamEvent::ReasoningOpaque { opaque: OpaqueReasoning { wire: NAME.to_owned(), blob } });
            }
            Block::Tool { input, pieces } => {
                if pieces == 0 && !input.is_empty() {
                    self.calls.push(Piece { key: Some(index), json: &input, ..Piece::default() }, &self.id, out);
                }
                self.calls.end(index, out);
            }
            Block::Thinking { .. } | Block::Text | Block::Other => {}
        }
    }

    /// Values are running totals: what is given replaces, what is missing stays.
    fn count(&mut self, newer: WireUsage, out: &mut Vec<StreamEvent>) {
        let newest = |newer: Count, older: Count| if newer.known().is_some() { newer } else { older };
        let older = self.usage;
        self.usage = WireUsage {
            input_tokens: newest(newer.input_tokens, older.input_tokens),
            cache_read_input_tokens: newest(newer.cache_read_input_tokens, older.cache_read_input_tokens),
            cache_creation_input_tokens: newest(newer.cache_creation_input_tokens, older.cache_creation_input_tokens),
            cache_creation: newer.cache_creation.or(older.cache_creation),
            output_tokens: newest(newer.output_tokens, older.output_tokens),
            output_tokens_details: newer.output_tokens_details.or(older.output_tokens_details),
        };
        out.push(StreamEvent::Usage { usage: self.usage.buckets() });
    }

    fn stop(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let ended = self.calls.end_all(out);
        let reason =
            self.reason.unwrap_or(if self.calls.is_empty() { StopReason::Finished } else { StopReason::ToolUse });
        super::super::check_calls(&ended, reason)?;
        self.stopped = true;
        out.push(StreamEvent::Stopped { reason });
        Ok(())
    }
}

impl WireUsage {
    fn buckets(&self) -> Usage {
        let total = self.cache_creation_input_tokens.or_zero();
        let long = self.cache_creation.map(|written| written.ephemeral_1h_input_tokens.or_zero()).unwrap_or_default();
        let short = self.cache_creation.map(|written| written.ephemeral_5m_input_tokens.or_zero()).unwrap_or_default();
        let output = self.output_tokens.or_zero();
        let reasoning = self.output_tokens_details.map(|details| details.thinking_tokens.or_zero()).unwrap_or_default();
        let reasoning = reasoning.min(output);
        Usage {
            input_uncached: self.input_tokens.or_zero(),
            cache_read: self.cache_read_input_tokens.or_zero(),
            // What the split does not tell apart counts as the short kind.
            cache_write_short: short.max(total.saturating_sub(long)),
            cache_write_long: long,
            output_visible: output - reasoning,
            output_reasoning: reasoning,
        }
    }
}

fn reason(text: &str) -> StopReason {
    match text {
        "max_tokens" => StopReason::Length,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "pause_turn" => StopReason::Paused,
        "refusal" => StopReason::Refused,
        "model_context_window_exceeded" => StopReason::WindowFull,
        _ => StopReason::Finished,
    }
}
