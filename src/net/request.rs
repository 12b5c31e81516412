//! Requests and answers as the rest of Kiln sees them.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use secrecy::SecretString;

use super::error::NetError;
use crate::domain::Purpose;

/// The methods that are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Get,
    Post,
    /// Ends a session that a server holds.
    Delete,
}

/// A header's value; secrets are neither printed nor logged.
#[derive(Clone, Debug)]
pub enum HeaderText {
    Plain(String),
    Secret(SecretString),
}

/// A request on its way out.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    pub method: Method,
    /// The whole address, `http` or `https`.
    pub url: String,
    pub headers: Vec<(String, HeaderText)>,
    pub body: Option<Bytes>,
    /// Another first-byte clock than the client's: shorter for probes, longer where a model is loaded first.
    pub patience: Option<Duration>,
    /// What it is for, in the list of connections.
    pub purpose: Purpose,
    /// The only addresses that its host may have; see [`HttpRequest::only_at`].
    pub(super) only_at: Option<Vec<IpAddr>>,
    /// The base URL that the secret headers were set for; they go to its origin and no other.
    pub(super) bound_to: Option<String>,
}

impl HttpRequest {
    /// A request without body.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// A request with a JSON body.
    pub fn post_json(url: impl Into<String>, body: Bytes) -> Self {
        Self { method: Method::Post, url: url.into(), body: Some(body), ..Self::default() }
            .header("content-type", "application/json")
    }

    /// Adds a header that anybody may see.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), HeaderText::Plain(value.into())));
        self
    }

    /// Holds the request to addresses that were looked at before: whatever a name server says by now, no other is
    /// connected to. None of them leaves only the way through a proxy, which looks names up by itself.
    #[must_use]
    pub fn only_at(mut self, addresses: Vec<IpAddr>) -> Self {
        self.only_at = Some(addresses);
        self
    }

    /// Says what it is for.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Adds a header that nobody may see. `base_url` is the address that the secret was set for: the
    /// request is refused when it would go elsewhere, or over the open network without encryption.
    #[must_use]
    pub fn secret_header(mut self, name: impl Into<String>, value: SecretString, base_url: &str) -> Self {
        self.bound_to = Some(base_url.to_owned());
        self.headers.push((name.into(), HeaderText::Secret(value)));
        self
    }
}

/// Headers of an answer; names in lower case, values that are not text left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a name given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// The bytes of an answer as they come; ends with an error when a clock runs out.
pub type Body = BoxStream<'static, Result<Bytes, NetError>>;

/// An answer whose body has yet to come.
pub struct HttpResponse {
    pub status: u16,
    pub headers: Headers,
    pub body: Body,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpResponse {
    /// The whole body; more than `cap` bytes are [`NetError::TooLarge`].
    pub async fn whole(self, cap: usize) -> Result<Bytes, NetError> {
        collect(self.body, cap).await
    }

    /// What there is of the body up to 64 KiB, however it ends: for the texts of errors.
    pub async fn error_text(self) -> Bytes {
        let cap = super::limit::ERROR_BODY;
        let mut body = self.body;
        let mut text = BytesMut::new();
        while let Some(Ok(piece)) = body.next().await {
            let room = cap.saturating_sub(text.len());
            text.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if text.len() >= cap {
                break;
            }
        }
        text.freeze()
    }
}

/// A whole body of at most `cap` bytes.
pub async fn collect(mut body: Body, cap: usize) -> Result<Bytes, NetError> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if whole.len() + piece.len() > cap {
            return Err(NetError::TooLarge { message: format!("the answer is larger than {} KiB", cap / 1024) });
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
