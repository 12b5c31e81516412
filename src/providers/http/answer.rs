//! Reading an answer: frames into events, until everything is said or too much is.
//!
//! It sends nothing.

use std::collections::VecDeque;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::net::limit::{ANSWER_TEXT, STREAM_EVENT};
use crate::net::sse::Frame;
use crate::net::{Body, NetError};
use crate::providers::chat::{AnswerStream, StreamEvent};
use crate::providers::error::ProviderError;
use crate::providers::wire::Decoder;

/// The first byte that is neither white space nor a byte-order mark, and the body as it was.
pub(super) async fn peek(mut body: Body) -> Result<(Option<u8>, Body), NetError> {
    let (mut seen, mut size) = (Vec::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        size += piece.len();
        if size > STREAM_EVENT {
            return Err(NetError::TooLarge { message: "the answer begins with nothing but white space".to_owned() });
        }
        let first =
            piece.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
        seen.push(Ok(piece));
        if first.is_some() {
            return Ok((first, stream::iter(seen).chain(body).boxed()));
        }
    }
    Ok((None, stream::empty().boxed()))
}

/// The frames of an answer's body, as they arrive.
pub(super) type Frames = BoxStream<'static, Result<Frame, NetError>>;

/// An answer being read.
pub(super) struct Answer {
    frames: Option<Frames>,
    decoder: Box<dyn Decoder>,
    decoded: Vec<StreamEvent>,
    queue: VecDeque<StreamEvent>,
    error: Option<ProviderError>,
    /// Bytes that it has said so far.
    said: usize,
}

impl Answer {
    pub(super) fn new(frames: Frames, decoder: Box<dyn Decoder>) -> Self {
        Self { frames: Some(frames), decoder, decoded: Vec::new(), queue: VecDeque::new(), error: None, said: 0 }
    }

    pub(super) fn into_stream(self) -> AnswerStream {
        stream::unfold(self, |mut answer| async move { answer.next().await.map(|item| (item, answer)) }).boxed()
    }

    async fn next(&mut self) -> Option<Result<StreamEvent, ProviderError>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(Ok(event));
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            let next = self.frames.as_mut()?.next().await;
            self.take(next);
        }
    }

    fn take(&mut self, next: Option<Result<Frame, NetError>>) {
        let result = match next {
            Some(Ok(frame)) => self.decoder.push(&frame, &mut self.decoded).map(|()| false),
            // The connection may break after everything was said.
            Some(Err(error)) => self.decoder.finish(&mut self.decoded).map_err(|_| from_net(&error)).map(|()| true),
            None => self.decoder.finish(&mut self.decoded).map(|()| true),
        };
        self.said += self.decoded.iter().map(said).sum::<usize>();
        if self.said > ANSWER_TEXT {
            self.decoded.clear();
            self.frames = None;
            let limit = ANSWER_TEXT / (1024 * 1024);
            self.error = Some(ProviderError::Unusable { message: format!("the answer is longer than {limit} MiB") });
            return;
        }
        let stopped = matches!(self.decoded.last(), Some(StreamEvent::Stopped { .. }));
        self.queue.extend(self.decoded.drain(..));
        // Dropping the frames closes the connection, or frees it for the next request.
        match result {
            Ok(ended) if ended || stopped => self.frames = None,
            Ok(_) => {}
            Err(error) => {
                self.frames = None;
                self.error = Some(error);
            }
        }
    }
}

fn said(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::Text { text } | StreamEvent::Reasoning { text } => text.len(),
        StreamEvent::ToolArguments { json, .. } => json.len(),
        _ => 0,
    }
}

/// A failure of the network, as the turn sorts failures.
pub(super) fn from_net(error: &NetError) -> ProviderError {
    let message = error.to_string();
    match error {
        NetError::Refused { .. } => ProviderError::Withheld { message },
        NetError::Offline { .. } | NetError::Timeout { clock: crate::net::Clock::Connect, .. } => {
            ProviderError::Offline { message }
        }
        NetError::Barred { hint, .. } => ProviderError::Barred { message, hint: hint.clone() },
        NetError::Timeout { .. } | NetError::Cut { .. } => ProviderError::Broken { message },
        NetError::TooLarge { .. } => ProviderError::Unusable { message },
        NetError::Status { .. } | NetError::Invalid { .. } => ProviderError::BadRequest { message, field: None },
    }
}
