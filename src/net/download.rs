//! Large files without keys, such as model weights: redirects are followed, a cut one goes on.

use tokio::time::{Instant, timeout_at};

use futures::StreamExt;

use super::client::{Client, Clocks, clocked, headers_of, origin, parse};
use super::error::{Clock, NetError};
use super::request::{Body, Headers};
use super::transport::Purpose;

/// A file on its way.
pub struct Download {
    /// Bytes of the whole file, if the server says so.
    pub total: Option<u64>,
    /// Where the stream begins: the offset asked for, or 0 when the server cannot resume.
    pub start: u64,
    /// The server's mark of this version of the file.
    pub etag: Option<String>,
    /// The bytes from `start` on.
    pub stream: Body,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("total", &self.total).field("start", &self.start).finish_non_exhaustive()
    }
}

impl Client {
    /// Fetches a file from `offset` on. A status that is no success is [`NetError::Status`]; an
    /// offset at the file's end gives an empty stream. Dropping the stream ends the request.
    pub async fn download(&self, url: &str, offset: u64) -> Result<Download, NetError> {
        let url = parse(url)?;
        let settings = self.settings();
        settings.reach.check(&url)?;
        let from = origin(&url);
        let transport = self.transport(Purpose::Download).await?;
        let deadline = Instant::now() + settings.first_byte;
        let mut builder = transport.get(url);
        if offset > 0 {
            builder = builder.header("range", format!("bytes={offset}-"));
        }
        let response = match timeout_at(deadline, builder.send()).await {
            Err(_) => return Err(NetError::timeout(Clock::FirstByte, &from, settings.first_byte)),
            Ok(Err(error)) => return Err(NetError::from_reqwest(&error, &from, settings.connect)),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let headers = headers_of(response.headers());
        let etag = headers.get("etag").map(str::to_owned);
        // The range lies outside the file: at its very end there is simply nothing left to fetch.
        if status == 416 && range_total(&headers) == Some(offset) {
            let stream = futures::stream::empty().boxed();
            return Ok(Download { total: Some(offset), start: offset, etag, stream });
        }
        if !response.status().is_success() {
            let message = format!("`{from}` answered with status {status}");
            return Err(NetError::Status { status, message });
        }
        let (start, total) = if status == 206 {
            let start = range_start(&headers).unwrap_or(offset);
            (start, range_total(&headers).or_else(|| Some(start + response.content_length()?)))
        } else {
            (0, response.content_length())
        };
        let clocks = Clocks { origin: from, first_byte: settings.first_byte, deadline, idle: settings.idle };
        Ok(Download { total, start, etag, stream: clocked(response, clocks) })
    }
}

/// The `n` of `bytes 5-9/n` or `bytes */n`.
fn range_total(headers: &Headers) -> Option<u64> {
    headers.get("content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}

/// The `n` of `bytes n-9/10`.
fn range_start(headers: &Headers) -> Option<u64> {
    headers.get("content-range")?.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
}
