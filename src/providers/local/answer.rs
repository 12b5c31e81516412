//! One answer: prompt in, tokens out, until the model, the grammar, a limit or the listener ends it.

use std::ops::ControlFlow;

use super::constraint::Constraint;
use super::loading::Model;
use super::sampling::{Sampler, Sampling};
use super::template::{self, Turn};
use crate::domain::Usage;
use crate::providers::{ChatRequest, Part, ProviderError, Role, Shape, StopReason, StreamEvent};

/// Prompt tokens read between two looks at whether anyone still listens.
const CHUNK: usize = 64;
/// Answer tokens at most when the request sets no limit.
const DEFAULT_MAX_OUTPUT: usize = 1024;
/// Room that must be left for an answer.
const LEAST_ROOM: usize = 32;

/// Takes what an answer yields; breaks when nobody listens any more.
pub(super) trait Listener {
    /// An event of the stream.
    fn hear(&mut self, event: StreamEvent) -> ControlFlow<()>;
    /// A token was computed; called for each, also for those that complete no character yet.
    fn token(&mut self) -> ControlFlow<()>;
}

/// Why an answer did not come to its end.
pub(super) enum Ended {
    /// Nobody listens.
    Unheard,
    /// It failed.
    Failed(ProviderError),
}

impl From<candle_core::Error> for Ended {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(internal(error))
    }
}

fn internal(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::Internal { message: error.to_string() }
}

fn heard(flow: ControlFlow<()>) -> Result<(), Ended> {
    if flow.is_break() { Err(Ended::Unheard) } else { Ok(()) }
}

/// Answers a request.
pub(super) fn answer(
    model: &mut Model,
    request: &ChatRequest,
    sampling: Sampling,
    listener: &mut dyn Listener,
) -> Result<(), Ended> {
    let constraint = match &request.shape {
        Shape::Free => None,
        Shape::Lark(_) | Shape::Json { .. } => Some(model.grammars.constraint(&request.shape).map_err(|error| {
            Ended::Failed(ProviderError::BadRequest {
                message: format!("the grammar is not understood: {error}"),
                field: Some("shape".to_owned()),
            })
        })?),
    };
    let prompt = prompt(model, request).map_err(Ended::Failed)?;
    let kept = read_prompt(model, &prompt, listener)?;
    let limit = request.max_output.map_or(DEFAULT_MAX_OUTPUT, |limit| limit as usize);
    let sampling = Sampling { temperature: request.temperature.unwrap_or(sampling.temperature), ..sampling };
    let mut answer = Answer {
        sampler: Sampler::new(sampling),
        constraint,
        tokens: Vec::new(),
        text: Text::default(),
        room: limit.min(model.window - prompt.len()),
        window_is_tight: limit > model.window - prompt.len(),
    };
    let last = prompt.last().copied().unwrap_or_default();
    let reason = answer.write(model, last, listener)?;
    let usage = Usage {
        input_uncached: (prompt.len() - kept) as u64,
        cache_read: kept as u64,
        output_visible: answer.tokens.len() as u64,
        ..Usage::default()
    };
    heard(listener.hear(StreamEvent::Usage { usage }))?;
    heard(listener.hear(StreamEvent::Stopped { reason }))
}

/// The prompt's tokens. A last message of the assistant is the beginning of the answer.
fn prompt(model: &Model, request: &ChatRequest) -> Result<Vec<u32>, ProviderError> {
    let mut turns = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        turns.push(Turn { role: "system", content: model.vocabulary.disarmed(&request.system) });
    }
    for message in &request.messages {
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        turns.push(Turn { role, content: model.vocabulary.disarmed(&text_of(&message.parts)) });
    }
    let begun = match turns.last() {
        Some(turn) if turn.role == "assistant" => turns.pop().map(|turn| turn.content),
        _ => None,
    };
    let mut text = template::render(model.template.as_deref(), &turns, &model.marks);
    text.push_str(begun.as_deref().unwrap_or_default());
    let tokens = model.vocabulary.encode(&text).map_err(internal)?;
    if tokens.len() + LEAST_ROOM > model.window {
        return Err(ProviderError::TooLong {
            message: format!("the prompt has {} tokens, the model's window {}", tokens.len(), model.window),
        });
    }
    Ok(tokens)
}

fn text_of(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text } | Part::ToolResult { text, .. } => Some(text.as_str()),
            Part::Image { .. } | Part::Reasoning { .. } | Part::ToolCall { .. } => None,
        })
        .collect();
    texts.join("\n")
}

/// Reads all of the prompt but its last token; answers how many tokens were known already.
fn read_prompt(model: &mut Model, prompt: &[u32], listener: &mut dyn Listener) -> Result<usize, Ended> {
    let body = prompt.split_last().map(|(_, body)| body).unwrap_or_default();
    let kept = body.iter().zip(&model.read).take_while(|(a, b)| a == b).count();
    model.network.truncate(kept);
    model.read.truncate(kept);
    let total = prompt.len() as u64;
    let mut done = kept;
    for chunk in body.get(kept..).unwrap_or_default().chunks(CHUNK) {
        heard(listener.hear(StreamEvent::ReadingPrompt { done: done as u64, total }))?;
        model.network.skim(chunk)?;
        model.read.extend_from_slice(chunk);
        done += chunk.len();
    }
    heard(listener.hear(StreamEvent::ReadingPrompt { done: total, total }))?;
    Ok(kept)
}

/// An answer being written.
struct Answer {
    sampler: Sampler,
    constraint: Option<Constraint>,
    /// Its tokens so far, without the one that ends it.
    tokens: Vec<u32>,
    text: Text,
    /// Tokens it may have.
    room: usize,
    /// Whether the window, not the request, sets that room.
    window_is_tight: bool,
}

impl Answer {
    fn write(&mut self, model: &mut Model, last: u32, listener: &mut dyn Listener) -> Result<StopReason, Ended> {
        let mut unread = vec![last];
        loop {
            for token in self.forced() {
                unread.push(token);
                if self.say(model, token, listener)? {
                    return self.full(listener);
                }
            }
            if self.constraint.as_ref().is_some_and(Constraint::is_complete) {
                self.finish(listener)?;
                return Ok(StopReason::Finished);
            }
            let scores = model.network.read(&unread)?;
            model.read.append(&mut unread);
            let vocabulary = model.vocabulary.clone();
            let is_word = |token: u32| vocabulary.bytes(token).iter().filter(|b| b.is_ascii_alphabetic()).count() > 2;
            let allowed = match &mut self.constraint {
                Some(constraint) => Some(constraint.allowed().map_err(|error| Ended::Failed(internal(error)))?),
                None => None,
            };
            let Some(token) = self.sampler.choose(scores, &self.tokens, is_word, allowed.as_ref()) else {
                return Err(Ended::Failed(internal("the grammar allows no further token")));
            };
            if vocabulary.ends(token) {
                self.finish(listener)?;
                return Ok(StopReason::Finished);
            }
            if let Some(constraint) = &mut self.constraint {
                constraint.take(token).map_err(|error| Ended::Failed(internal(error)))?;
            }
            unread.push(token);
            if self.say(model, token, listener)? {
                return self.full(listener);
            }
        }
    }

    fn forced(&mut self) -> Vec<u32> {
        self.constraint.as_mut().map(Constraint::forced).unwrap_or_default()
    }

    /// Adds a token; answers whether there is no room for another.
    fn say(&mut self, model: &Model, token: u32, listener: &mut dyn Listener) -> Result<bool, Ended> {
        self.tokens.push(token);
        heard(listener.token())?;
        if let Some(text) = self.text.push(model.vocabulary.bytes(token)) {
            heard(listener.hear(StreamEvent::Text { text }))?;
        }
        Ok(self.tokens.len() >= self.room)
    }

    fn full(&mut self, listener: &mut dyn Listener) -> Result<StopReason, Ended> {
        self.finish(listener)?;
        Ok(if self.window_is_tight { StopReason::WindowFull } else { StopReason::Length })
    }

    fn finish(&mut self, listener: &mut dyn Listener) -> Result<(), Ended> {
        match self.text.rest() {
            Some(text) => heard(listener.hear(StreamEvent::Text { text })),
            None => Ok(()),
        }
    }
}

/// Bytes on their way to becoming characters.
#[derive(Default)]
struct Text {
    pending: Vec<u8>,
}

impl Text {
    /// Adds bytes; answers the characters that are complete now. Bytes that can never become a
    /// character come out as the replacement mark.
    fn push(&mut self, bytes: &[u8]) -> Option<String> {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = Vec::new();
        let chunks: Vec<_> = self.pending.utf8_chunks().collect();
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.iter().enumerate() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let may_grow = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if index == last && may_grow {
                rest = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push('\u{fffd}');
            }
        }
        self.pending = rest;
        (!text.is_empty()).then_some(text)
    }

    /// What is left when nothing more comes.
    fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.pending);
        (!rest.is_empty()).then(|| "\u{fffd}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn characters_come_out_whole() {
        let mut text = Text::default();
        let bytes = "aé🙂z".as_bytes();
        let pieces: Vec<Option<String>> = bytes.iter().map(|byte| text.push(&[*byte])).collect();
        let whole: Vec<&str> = pieces.iter().flatten().map(String::as_str).collect();
        assert_eq!(whole, ["a", "é", "🙂", "z"]);
        assert_eq!(text.rest(), None);
    }

    #[test]
    fn broken_bytes_become_marks_and_nothing_is_held_back() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xffb").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(text.push(b"\xf0\x9f"), None);
        assert_eq!(text.push(b"x").as_deref(), Some("\u{fffd}x"));
        assert_eq!(text.push(b"\xe2\x82"), None);
        assert_eq!(text.rest().as_deref(), Some("\u{fffd}"));
    }
}
