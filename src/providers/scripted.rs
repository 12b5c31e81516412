//! Plays a recording: the n-th answer for the n-th request.
//!
//! It does not look at what is asked; a recording fits the session that it was made for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream;
use futures::{FutureExt, StreamExt};

use super::Provider;
use super::cassette::{Header, Take, VERSION};
use super::chat::{AnswerStream, ChatRequest, StreamEvent};
use super::error::ProviderError;
use crate::domain::{Fault, FaultClass, ModelInfo};

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As it was recorded.
    Recorded,
    /// Without waiting.
    #[default]
    Instant,
}

/// A recording as a provider.
#[derive(Debug)]
pub struct Scripted {
    model: ModelInfo,
    takes: Vec<Arc<Take>>,
    pace: Pace,
    next: AtomicUsize,
}

impl Scripted {
    /// A provider that plays these answers.
    pub fn new(model: ModelInfo, takes: Vec<Take>, pace: Pace) -> Self {
        Self { model, takes: takes.into_iter().map(Arc::new).collect(), pace, next: AtomicUsize::new(0) }
    }

    /// Reads a recording from a file.
    pub fn open(path: &Path, pace: Pace) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Fault::new(FaultClass::Storage, format!("cannot read the recording `{}`", path.display()))
                .hint("name a file that was made with `--record`")
                .detail(error.to_string())
        })?;
        Self::parse(&text, &path.display().to_string(), pace)
    }

    /// Reads a recording from its text; `name` is what errors call it.
    pub fn parse(text: &str, name: &str, pace: Pace) -> Result<Self, Fault> {
        let bad = |line: usize, error: String| {
            Fault::new(FaultClass::Invalid, format!("line {line} of the recording `{name}` cannot be read"))
                .hint("record it again with `--record`")
                .detail(error)
        };
        let mut lines = (1usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().ok_or_else(|| bad(1, "the file is empty".to_owned()))?;
        let header: Header = serde_json::from_str(first).map_err(|error| bad(number, error.to_string()))?;
        if header.kiln_recording != VERSION {
            return Err(bad(number, format!("its format is {}, this Kiln reads {VERSION}", header.kiln_recording)));
        }
        let takes: Result<Vec<Take>, Fault> = lines
            .map(|(number, line)| serde_json::from_str(line).map_err(|error| bad(number, error.to_string())))
            .collect();
        Ok(Self::new(header.model, takes?, pace))
    }

    /// The model that was recorded.
    pub fn model(&self) -> &ModelInfo {
        &self.model
    }

    /// How many answers there are.
    pub fn takes(&self) -> usize {
        self.takes.len()
    }
}

/// A place in an answer.
struct Playing {
    take: Arc<Take>,
    at: usize,
    pace: Pace,
}

impl Playing {
    async fn next(&mut self) -> Option<Result<StreamEvent, ProviderError>> {
        let (after, item) = match self.take.events.get(self.at) {
            Some(timed) => (timed.after_ms, Ok(timed.event.clone())),
            None if self.at == self.take.events.len() => match &self.take.error {
                Some(error) => (error.after_ms, Err(error.error())),
                None => return self.ended_early(),
            },
            None => return None,
        };
        self.at += 1;
        if self.pace == Pace::Recorded && after > 0 {
            tokio::time::sleep(Duration::from_millis(after)).await;
        }
        Some(item)
    }

    /// An answer that was dropped while it was recorded has no end; a stream must have one.
    fn ended_early(&mut self) -> Option<Result<StreamEvent, ProviderError>> {
        if matches!(self.take.events.last().map(|timed| &timed.event), Some(StreamEvent::Stopped { .. })) {
            return None;
        }
        self.at += 1;
        Some(Err(ProviderError::broken("the recording of this answer ends in its middle")))
    }
}

impl Provider for Scripted {
    fn title(&self) -> &str {
        "recording"
    }

    fn stream(&self, _request: ChatRequest) -> AnswerStream {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(take) = self.takes.get(number).map(Arc::clone) else {
            let message =
                format!("the recording holds {} answers, and this is request {}", self.takes.len(), number + 1);
            return stream::once(async { Err(ProviderError::Internal { message }) }).boxed();
        };
        let playing = Playing { take, at: 0, pace: self.pace };
        stream::unfold(playing, |mut playing| async move { playing.next().await.map(|item| (item, playing)) }).boxed()
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>> {
        let models = vec![self.model.clone()];
        async { Ok(models) }.boxed()
    }
}
