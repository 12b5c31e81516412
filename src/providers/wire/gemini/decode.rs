//! Gemini's answers as our events. One sealed piece at the end keeps what must go back: the ids
//! that the server gave and every signature with its place, `call` by number, text by bytes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::calls::{Calls, Piece};
use super::super::flexible::Count;
use super::super::{Decoder, check_calls};
use super::{NAME, refusal};
use crate::domain::Usage;
use crate::net::sse::Frame;
use crate::providers::chat::{OpaqueReasoning, StopReason, StreamEvent};
use crate::providers::error::ProviderError;

/// A chunk of the stream, or a whole answer; any part may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<Value>,
    usage_metadata: Option<WireUsage>,
    model_version: Option<String>,
    response_id: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    index: Option<i64>,
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<WirePart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    thought_signature: Option<String>,
    function_call: Option<Call>,
}

#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    name: Option<String>,
    args: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireUsage {
    prompt_token_count: Count,
    tool_use_prompt_token_count: Count,
    cached_content_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct GeminiDecoder {
    started: bool,
    stopped: bool,
    said: bool,
    seed: String,
    /// Bytes of text so far.
    text: usize,
    calls: Calls,
    count: i64,
    ids: Vec<String>,
    signatures: Vec<Value>,
    usage: Option<WireUsage>,
    reason: Option<(String, Option<String>)>,
}

impl Decoder for GeminiDecoder {
    fn push(&mut self, frame: &Frame, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let data = frame.data.trim();
        if self.stopped || data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| ProviderError::broken(format!("an event of the stream cannot be read: {error}")))?;
        self.take(chunk, out)
    }

    /// The other transport of this protocol is one array of chunks.
    fn whole(&mut self, body: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        let unreadable = |error| ProviderError::broken(format!("the answer cannot be read: {error}"));
        let chunks: Vec<Chunk> = if body.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(body).map_err(unreadable)?
        } else {
            vec![serde_json::from_slice(body).map_err(unreadable)?]
        };
        for chunk in chunks {
            self.take(chunk, out)?;
        }
        self.finish(out)
    }

    /// Only the end of the stream is the end: a chunk with a reason may be followed by more.
    fn finish(&mut self, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if self.stopped {
            return Ok(());
        }
        let ended = self.calls.end_all(out);
        self.seal(out);
        if let Some(usage) = self.usage {
            out.push(StreamEvent::Usage { usage: usage.buckets() });
        }
        let reason = self.stop_reason()?;
        check_calls(&ended, reason)?;
        self.stopped = true;
        out.push(StreamEvent::Stopped { reason });
        Ok(())
    }
}

impl GeminiDecoder {
    fn take(&mut self, chunk: Chunk, out: &mut Vec<StreamEvent>) -> Result<(), ProviderError> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(refusal::in_stream(&error));
        }
        // Running totals: the last one counts.
        self.usage = chunk.usage_metadata.or(self.usage);
        if !self.started {
            self.started = true;
            self.seed = chunk.response_id.clone().unwrap_or_default();
            out.push(StreamEvent::Started { id: chunk.response_id, model: chunk.model_version });
        }
        let blocked = chunk.prompt_feedback.as_ref().and_then(|feedback| feedback.get("blockReason")?.as_str());
        if let Some(reason) = blocked {
            let message = format!("the request was blocked before an answer: {reason}");
            return Err(ProviderError::Refused { message });
        }
        // We ask for one candidate; a second one is not ours.
        let ours = |candidate: &Candidate| candidate.index.unwrap_or_default() == 0;
        for candidate in chunk.candidates.into_iter().flatten().filter(ours) {
            for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
                self.part(part, out);
            }
            if let Some(reason) = candidate.finish_reason {
                self.reason = Some((reason, candidate.finish_message));
            }
        }
        Ok(())
    }

    fn part(&mut self, part: WirePart, out: &mut Vec<StreamEvent>) {
        let signature = part.thought_signature.filter(|signature| !signature.is_empty());
        if let Some(call) = part.function_call {
            if let Some(signature) = signature {
                self.signatures.push(json!({"call": self.count, "signature": signature}));
            }
            self.call(&call, out);
            return;
        }
        // Code that the server ran and its results are not ours to show.
        let Some(text) = part.text else { return };
        self.said |= !text.is_empty();
        if part.thought {
            if !text.is_empty() {
                out.push(StreamEvent::Reasoning { text });
            }
            return;
        }
        let from = self.text;
        self.text += text.len();
        if let Some(signature) = signature {
            self.signatures.push(json!({"from": from, "to": self.text, "signature": signature}));
        }
        if !text.is_empty() {
            out.push(StreamEvent::Text { text });
        }
    }

    fn call(&mut self, call: &Call, out: &mut Vec<StreamEvent>) {
        let id = call.id.as_deref().unwrap_or_default();
        if !id.is_empty() {
            self.ids.push(id.to_owned());
        }
        let json = call.args.as_ref().filter(|args| !args.is_null()).map(Value::to_string).unwrap_or_default();
        let name = call.name.as_deref().unwrap_or_default();
        self.calls.push(Piece { key: Some(self.count), id, name, json: &json }, &self.seed, out);
        self.calls.end(self.count, out);
        self.count += 1;
    }

    /// What the next request must return; said even without signatures, so that calls of this wire
    /// are told from those of another.
    fn seal(&mut self, out: &mut Vec<StreamEvent>) {
        if self.signatures.is_empty() && self.calls.is_empty() {
            return;
        }
        let blob = json!({"ids": self.ids, "signatures": self.signatures});
        out.push(StreamEvent::ReasoningOpaque { opaque: OpaqueReasoning { wire: NAME.to_owned(), blob } });
    }

    fn stop_reason(&self) -> Result<StopReason, ProviderError> {
        let Some((reason, message)) = &self.reason else {
            return Err(ProviderError::broken(if self.started {
                "the stream ended in the middle of the answer"
            } else {
                "the stream ended before the answer began"
            }));
        };
        Ok(match reason.as_str() {
            // Some gateways have a word of their own for calls.
            "STOP" | "FUNCTION_CALL" if !self.calls.is_empty() => StopReason::ToolUse,
            "STOP" | "FINISH_REASON_UNSPECIFIED" if self.said => StopReason::Finished,
            "STOP" | "FINISH_REASON_UNSPECIFIED" => return Err(ProviderError::broken("the model answered nothing")),
            "MAX_TOKENS" => StopReason::Length,
            "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "OTHER" => {
                let message = message.as_deref().unwrap_or("no further word");
                return Err(ProviderError::broken(format!("the answer ended with {reason}: {message}")));
            }
            // SAFETY, RECITATION, LANGUAGE, BLOCKLIST and their like.
            _ => StopReason::Refused,
        })
    }
}

impl WireUsage {
    fn buckets(&self) -> Usage {
        let prompt = self.prompt_token_count.or_zero() + self.tool_use_prompt_token_count.or_zero();
        let cached = self.cached_content_token_count.or_zero().min(prompt);
        Usage {
            input_uncached: prompt - cached,
            cache_read: cached,
            output_visible: self.candidates_token_count.or_zero(),
            output_reasoning: self.thoughts_token_count.or_zero(),
            ..Usage::default()
        }
    }
}
