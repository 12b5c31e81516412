//! The file of a recording: what every line of it holds, and the recorder that writes one.
//!
//! One JSON object a line: first a header with the model, then one object per request with the
//! events of its answer and when they came. Secrets are taken out before anything is written.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::Provider;
use super::chat::{AnswerStream, ChatRequest, StreamEvent};
use super::error::ProviderError;
use super::scrub::Scrubber;
use crate::domain::{Fault, FaultClass, ModelInfo};

/// The version of the format.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub kiln_recording: u32,
    /// The model that answered: protocol and window hold for the replay too.
    pub model: ModelInfo,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// What it is about, for whoever reads the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default)]
    pub events: Vec<TimedEvent>,
    /// How it failed, after the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RecordedError>,
}

/// An event and the time since the one before it, or since the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedEvent {
    #[serde(default)]
    pub after_ms: u64,
    #[serde(flatten)]
    pub event: StreamEvent,
}

/// A failure in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedError {
    /// Time since the last event.
    #[serde(default)]
    pub after_ms: u64,
    pub class: RecordedClass,
    pub message: String,
    /// When to come back, where the class knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

/// The classes of [`ProviderError`] as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedClass {
    Auth,
    Quota,
    RateLimited,
    TooLong,
    Refused,
    BadRequest,
    ModelGone,
    Overloaded,
    Offline,
    Broken,
    Internal,
}

impl RecordedError {
    fn new(error: &ProviderError, after_ms: u64) -> Self {
        let class = match error {
            ProviderError::Auth { .. } => RecordedClass::Auth,
            ProviderError::Quota { .. } => RecordedClass::Quota,
            ProviderError::RateLimited { .. } => RecordedClass::RateLimited,
            ProviderError::TooLong { .. } => RecordedClass::TooLong,
            ProviderError::Refused { .. } => RecordedClass::Refused,
            ProviderError::BadRequest { .. } | ProviderError::NoImages { .. } => RecordedClass::BadRequest,
            ProviderError::ModelGone { .. } => RecordedClass::ModelGone,
            ProviderError::Overloaded { .. } => RecordedClass::Overloaded,
            ProviderError::Offline { .. } | ProviderError::Withheld { .. } | ProviderError::Barred { .. } => {
                RecordedClass::Offline
            }
            ProviderError::Broken { .. } | ProviderError::Unusable { .. } => RecordedClass::Broken,
            ProviderError::WeightsMissing { .. } | ProviderError::Internal { .. } => RecordedClass::Internal,
        };
        Self { after_ms, class, message: error.to_string(), retry_ms: error.retry_after().map(millis) }
    }

    /// The failure as it was.
    pub fn error(&self) -> ProviderError {
        let message = self.message.clone();
        let after = self.retry_ms.map(std::time::Duration::from_millis);
        match self.class {
            RecordedClass::Auth => ProviderError::Auth { message },
            RecordedClass::Quota => ProviderError::Quota { message },
            RecordedClass::RateLimited => ProviderError::RateLimited { message, after },
            RecordedClass::TooLong => ProviderError::TooLong { message },
            RecordedClass::Refused => ProviderError::Refused { message },
            RecordedClass::BadRequest => ProviderError::BadRequest { message, field: None },
            RecordedClass::ModelGone => ProviderError::ModelGone { message },
            RecordedClass::Overloaded => ProviderError::Overloaded { message, after },
            RecordedClass::Offline => ProviderError::Offline { message },
            RecordedClass::Broken => ProviderError::Broken { message },
            RecordedClass::Internal => ProviderError::Internal { message },
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Passes a provider's answers through and writes them down.
pub struct Recorder {
    inner: Arc<dyn Provider>,
    writer: Arc<Writer>,
}

struct Writer {
    path: PathBuf,
    file: Mutex<File>,
    scrubber: Scrubber,
}

impl Recorder {
    /// Begins a recording; the file must not exist yet, for it could be one of worth.
    pub fn create(path: &Path, inner: Arc<dyn Provider>, model: ModelInfo, scrubber: Scrubber) -> Result<Self, Fault> {
        let file = File::options().write(true).create_new(true).open(path).map_err(|error| {
            Fault::new(FaultClass::Storage, format!("cannot begin the recording `{}`", path.display()))
                .hint("name a file that does not exist yet, in a folder that does")
                .detail(error.to_string())
        })?;
        let writer = Writer { path: path.to_owned(), file: Mutex::new(file), scrubber };
        writer.line(&Header { kiln_recording: VERSION, model });
        Ok(Self { inner, writer: Arc::new(writer) })
    }
}

impl Writer {
    /// Writes a line. A recording that fails must not stop the work that it records.
    fn line(&self, line: &impl Serialize) {
        let written = serde_json::to_value(line).map_err(std::io::Error::from).and_then(|mut value: Value| {
            self.scrubber.scrub_value(&mut value);
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(file, "{value}")?;
            file.flush()
        });
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error, "the recording misses an answer");
        }
    }
}

/// An answer while it is heard; written when it ends, also when it is dropped before.
struct Listening {
    writer: Arc<Writer>,
    take: Take,
    last: Instant,
}

impl Listening {
    fn hear(&mut self, item: &Result<StreamEvent, ProviderError>) {
        let now = Instant::now();
        let after_ms = millis(now.duration_since(self.last));
        self.last = now;
        match item {
            Ok(event) => self.take.events.push(TimedEvent { after_ms, event: event.clone() }),
            Err(error) => self.take.error = Some(RecordedError::new(error, after_ms)),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.writer.line(&join_split_secrets(&self.take, &self.writer.scrubber));
    }
}

impl Provider for Recorder {
    fn title(&self) -> &str {
        self.inner.title()
    }

    fn stream(&self, request: ChatRequest) -> AnswerStream {
        let mut listening = Listening { writer: Arc::clone(&self.writer), take: Take::default(), last: Instant::now() };
        self.inner.stream(request).inspect(move |item| listening.hear(item)).boxed()
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>> {
        self.inner.list_models()
    }
}

/// A secret may be spread over several pieces of text: where the joined text holds one, the pieces
/// become one, so that cleaning finds it.
fn join_split_secrets(take: &Take, scrubber: &Scrubber) -> Take {
    let mut joined: Vec<TimedEvent> = Vec::new();
    for timed in &take.events {
        if let Some(last) = joined.last_mut()
            && merge(&mut last.event, &timed.event)
        {
            last.after_ms += timed.after_ms;
        } else {
            joined.push(timed.clone());
        }
    }
    let hides = |event: &StreamEvent| text_of(event).is_some_and(|text| scrubber.scrub(text) != *text);
    if joined.iter().any(|timed| hides(&timed.event)) {
        return Take { events: joined, ..take.clone() };
    }
    take.clone()
}

fn text_of(event: &StreamEvent) -> Option<&String> {
    match event {
        StreamEvent::Text { text } | StreamEvent::Reasoning { text } => Some(text),
        StreamEvent::ToolArguments { json, .. } => Some(json),
        _ => None,
    }
}

/// Appends a piece of the same kind; whether it was one.
fn merge(into: &mut StreamEvent, more: &StreamEvent) -> bool {
    match (into, more) {
        (StreamEvent::Text { text }, StreamEvent::Text { text: more })
        | (StreamEvent::Reasoning { text }, StreamEvent::Reasoning { text: more }) => text.push_str(more),
        (StreamEvent::ToolArguments { index, json }, StreamEvent::ToolArguments { index: other, json: more })
            if index == other =>
        {
            json.push_str(more);
        }
        _ => return false,
    }
    true
}
