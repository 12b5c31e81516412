//! Large files without keys, such as model weights: redirects are followed, a cut one goes on.

use futures::StreamExt;
use reqwest::header::{HeaderValue, LOCATION, RANGE};
use url::Url;

use super::client::{Answer, Client, headers_of, origin, parse};
use super::error::NetError;
use super::reach;
use super::request::{Body, Headers};
use super::transport::Kind;
use crate::domain::Purpose;

/// Redirects that one download follows.
const HOPS: usize = 10;

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
        let from = origin(&url);
        let answer = self.follow(url, offset).await?;
        let response = &answer.response;
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
        Ok(Download { total, start, etag, stream: answer.body(None) })
    }

    /// Asks for a file wherever it is; each hop is checked and entered in the list like any request.
    async fn follow(&self, mut url: Url, offset: u64) -> Result<Answer, NetError> {
        for _ in 0..=HOPS {
            let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
            if offset > 0
                && let Ok(range) = HeaderValue::from_str(&format!("bytes={offset}-"))
            {
                request.headers_mut().insert(RANGE, range);
            }
            let answer = self.exchange(request, Kind::Download, Purpose::Download, self.settings().first_byte).await?;
            if !matches!(answer.response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let Some(location) = answer.response.headers().get(LOCATION) else { return Ok(answer) };
            url = hop(&url, location)?;
        }
        Err(NetError::Refused { message: format!("`{}` leads from one redirect to the next", origin(&url)) })
    }
}

/// Where a redirect leads: never away from encryption, never from elsewhere into this machine.
fn hop(from: &Url, location: &HeaderValue) -> Result<Url, NetError> {
    let refused = |why: &str| NetError::Refused { message: format!("`{}` sent us {why}", origin(from)) };
    let text = location.to_str().map_err(|_| refused("to an address that is none"))?;
    let joined = from.join(text).map_err(|_| refused("to an address that is none"))?;
    let to = parse(joined.as_str())?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(refused("away from `https`"));
    }
    if reach::is_loopback(&to) && !reach::is_loopback(from) {
        return Err(refused("to this machine itself"));
    }
    Ok(to)
}

/// The `n` of `bytes 5-9/n` or `bytes */n`.
fn range_total(headers: &Headers) -> Option<u64> {
    headers.get("content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}

/// The `n` of `bytes n-9/10`.
fn range_start(headers: &Headers) -> Option<u64> {
    headers.get("content-range")?.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
}
