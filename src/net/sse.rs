//! Server-sent events out of any chunking of bytes.
//!
//! The parser is `sse-stream`'s; around it stand a limit on the size of an event and a last blank
//! line for servers that forget it. What the data means is not known here.

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};

use super::error::NetError;
use super::limit::STREAM_EVENT;
use super::request::Body;

/// One event with data; events without data are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The event's name where one was given.
    pub event: Option<String>,
    /// The data lines, joined with line feeds.
    pub data: String,
}

/// The events of a body, ending after the first error.
pub fn frames(body: Body) -> BoxStream<'static, Result<Frame, NetError>> {
    let ended = stream::once(async { Ok(Bytes::from_static(b"\n\n")) });
    sse_stream::SseByteStream::new(limited(body.chain(ended)))
        .filter_map(|block| async move {
            match block {
                Ok(block) => block.data.map(|data| Ok(Frame { event: block.event, data })),
                Err(error) => Some(Err(unwrap(error))),
            }
        })
        .boxed()
}

fn unwrap(error: sse_stream::Error) -> NetError {
    match error {
        sse_stream::Error::Body(inner) => match inner.downcast::<NetError>() {
            Ok(own) => *own,
            Err(other) => NetError::Cut { message: other.to_string() },
        },
        _ => NetError::Cut { message: "the stream holds bytes that are not UTF-8".to_owned() },
    }
}

/// Passes bytes through until one event grows beyond the limit.
pub fn limited(
    body: impl Stream<Item = Result<Bytes, NetError>> + Send + 'static,
) -> BoxStream<'static, Result<Bytes, NetError>> {
    let mut meter = Meter::default();
    body.map(move |piece| {
        let piece = piece?;
        if meter.fits(&piece) {
            return Ok(piece);
        }
        let limit = STREAM_EVENT / (1024 * 1024);
        Err(NetError::TooLarge { message: format!("one event of the stream is larger than {limit} MiB") })
    })
    .boxed()
}

/// Counts the bytes since the last blank line.
#[derive(Debug, Default)]
struct Meter {
    event: usize,
    /// Whether the line has more than its end.
    written: bool,
}

impl Meter {
    fn fits(&mut self, piece: &[u8]) -> bool {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.event += part.len();
            if self.event > STREAM_EVENT {
                return false;
            }
            self.written = self.written || part.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
            if part.ends_with(b"\n") {
                if !self.written {
                    self.event = 0;
                }
                self.written = false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pieces: Vec<Bytes>) -> Vec<Result<Frame, NetError>> {
        frames(stream::iter(pieces.into_iter().map(Ok)).boxed()).collect().await
    }

    fn frame(event: Option<&str>, data: &str) -> Result<Frame, NetError> {
        Ok(Frame { event: event.map(str::to_owned), data: data.to_owned() })
    }

    #[tokio::test]
    async fn every_cut_gives_the_same_events() {
        let text = "\u{feff}: hello\r\n\r\nevent: a\r\ndata: {\"x\":\"\u{2028}ü\"}\r\n\r\ndata: 1\ndata: 2\nretry: 5\n\nid: 7\n\ndata:last";
        let expected = vec![frame(Some("a"), "{\"x\":\"\u{2028}ü\"}"), frame(None, "1\n2"), frame(None, "last")];
        let bytes = text.as_bytes();
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            let pieces = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
            assert_eq!(read(pieces).await, expected, "cut at {cut}");
        }
        let single = bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        assert_eq!(read(single).await, expected);
    }

    #[tokio::test]
    async fn an_endless_line_ends_with_an_error() {
        let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
        let seen = read(vec![piece; 6]).await;
        assert!(matches!(seen.as_slice(), [Err(NetError::TooLarge { .. })]), "{}", seen.len());
    }

    #[tokio::test]
    async fn an_endless_run_of_data_lines_ends_with_an_error() {
        let piece = Bytes::from("data: y\n".repeat(100_000));
        let seen = read(vec![piece; 8]).await;
        assert!(matches!(seen.as_slice(), [Err(NetError::TooLarge { .. })]));
    }

    #[tokio::test]
    async fn many_events_are_no_large_event() {
        let piece = Bytes::from("data: y\r\n\r\n".repeat(100_000));
        let seen = read(vec![piece; 5]).await;
        assert_eq!(seen.iter().filter(|one| one.is_ok()).count(), 500_000);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_end_with_an_error() {
        let seen = read(vec![Bytes::from_static(b"data: \xff\xfe\n\n")]).await;
        assert!(matches!(seen.as_slice(), [Err(NetError::Cut { .. })]));
    }
}
