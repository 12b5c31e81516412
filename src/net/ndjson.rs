//! Lines of JSON out of any chunking of bytes, under the same limit as one event of a stream.
//!
//! What a line means is not known here; empty lines are left out, a last one without line feed
//! counts.

use bytes::BytesMut;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::error::NetError;
use super::limit::STREAM_EVENT;
use super::request::Body;
use super::sse::Frame;

/// What was read and not yet given out.
struct Lines {
    body: Option<Body>,
    buffer: BytesMut,
    /// How far the buffer is known to hold no line feed.
    searched: usize,
    failed: bool,
}

/// The lines of a body as events without a name, ending after the first error.
pub fn frames(body: Body) -> BoxStream<'static, Result<Frame, NetError>> {
    let lines = Lines { body: Some(body), buffer: BytesMut::new(), searched: 0, failed: false };
    stream::unfold(lines, |mut lines| async move { lines.next().await.map(|item| (item, lines)) }).boxed()
}

impl Lines {
    async fn next(&mut self) -> Option<Result<Frame, NetError>> {
        if self.failed {
            return None;
        }
        let item = self.line().await;
        self.failed = matches!(item, Some(Err(_)));
        item
    }

    async fn line(&mut self) -> Option<Result<Frame, NetError>> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                if line.len() > STREAM_EVENT {
                    return Some(Err(too_large()));
                }
                match frame(&line) {
                    None => continue,
                    some => return some,
                }
            }
            self.searched = self.buffer.len();
            if self.searched > STREAM_EVENT {
                return Some(Err(too_large()));
            }
            let next = match self.body.as_mut() {
                Some(body) => body.next().await,
                None => None,
            };
            match next {
                Some(Ok(piece)) => self.buffer.extend_from_slice(&piece),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.body = None;
                    let rest = self.buffer.split();
                    self.searched = 0;
                    return frame(&rest);
                }
            }
        }
    }
}

fn frame(line: &[u8]) -> Option<Result<Frame, NetError>> {
    // A byte-order mark may stand before the first line.
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return None;
    }
    Some(match std::str::from_utf8(line) {
        Ok(text) => Ok(Frame { event: None, data: text.to_owned() }),
        Err(_) => Err(NetError::Cut { message: "the stream holds bytes that are not UTF-8".to_owned() }),
    })
}

fn too_large() -> NetError {
    let limit = STREAM_EVENT / (1024 * 1024);
    NetError::TooLarge { message: format!("one line of the stream is larger than {limit} MiB") }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    async fn read(pieces: Vec<Bytes>) -> Vec<Result<String, NetError>> {
        let lines = frames(stream::iter(pieces.into_iter().map(Ok)).boxed());
        lines.map(|line| line.map(|frame| frame.data)).collect().await
    }

    #[tokio::test]
    async fn every_cut_gives_the_same_lines() {
        let bytes = "\u{feff}{\"a\":\"ü\u{2028}\"}\r\n\n{\"b\":1}\n{\"c\":\"🦀\"}".as_bytes();
        let expected: Vec<_> =
            ["{\"a\":\"ü\u{2028}\"}", "{\"b\":1}", "{\"c\":\"🦀\"}"].map(|line| Ok(line.to_owned())).to_vec();
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            let pieces = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
            assert_eq!(read(pieces).await, expected, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn an_endless_line_ends_with_an_error() {
        let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
        let seen = read(vec![piece; 6]).await;
        assert!(matches!(seen.as_slice(), [Err(NetError::TooLarge { .. })]));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_end_with_an_error() {
        let seen = read(vec![Bytes::from_static(b"{}\n\xff\n{}")]).await;
        assert!(matches!(seen.as_slice(), [Ok(_), Err(NetError::Cut { .. })]));
    }
}
