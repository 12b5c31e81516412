//! Sends requests, under the three clocks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::error::{Clock, NetError};
use super::request::{Body, HeaderText, Headers, HttpRequest, HttpResponse, Method};
use super::settings::NetSettings;
use super::transport::{Purpose, Transports};

/// The HTTP client; cheap to clone and to make. Connections are shared by all clones.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: NetSettings,
    transports: Transports,
}

impl Client {
    /// A client that has not touched certificates, proxies or the network yet.
    ///
    /// Fails on settings that no request could be sent with.
    pub fn new(settings: &NetSettings) -> Result<Self, NetError> {
        if HeaderValue::from_str(&settings.user_agent).is_err() {
            return Err(NetError::invalid("the user agent holds characters that a header cannot carry"));
        }
        let inner = Inner { settings: settings.clone(), transports: Transports::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn settings(&self) -> &NetSettings {
        &self.inner.settings
    }

    pub(super) async fn transport(&self, purpose: Purpose) -> Result<reqwest::Client, NetError> {
        if let Some(built) = self.inner.transports.built(purpose) {
            return built;
        }
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.transports.build(purpose, &inner.settings))
            .await
            .map_err(|_| NetError::invalid("the HTTP client could not be built"))?
    }

    /// Sends a request and returns as soon as the headers are there. No redirect is followed; any
    /// status is a success here. Dropping the body ends the request.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NetError> {
        let url = parse(&request.url)?;
        self.settings().reach.check(&url)?;
        let origin = origin(&url);
        let transport = self.transport(Purpose::for_api(&url)).await?;
        let first_byte = request.patience.unwrap_or(self.settings().first_byte);
        let deadline = Instant::now() + first_byte;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = transport.request(method, url).headers(header_map(&request.headers)?);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let response = match timeout_at(deadline, builder.send()).await {
            Err(_) => return Err(NetError::timeout(Clock::FirstByte, &origin, first_byte)),
            Ok(Err(error)) => return Err(NetError::from_reqwest(&error, &origin, self.settings().connect)),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let headers = headers_of(response.headers());
        let clocks = Clocks { origin, first_byte, deadline, idle: self.settings().idle };
        Ok(HttpResponse { status, headers, body: clocked(response, clocks) })
    }
}

/// What limits the reading of a body.
pub(super) struct Clocks {
    pub(super) origin: String,
    pub(super) first_byte: Duration,
    pub(super) deadline: Instant,
    pub(super) idle: Duration,
}

/// The body under its clocks; after an error nothing more comes.
pub(super) fn clocked(response: reqwest::Response, clocks: Clocks) -> Body {
    let bytes = response.bytes_stream().boxed();
    futures::stream::unfold(Some((bytes, clocks, Clock::FirstByte)), |state| async move {
        let (mut bytes, clocks, clock) = state?;
        let next = match clock {
            Clock::Idle => timeout(clocks.idle, bytes.next()).await,
            Clock::Connect | Clock::FirstByte => timeout_at(clocks.deadline, bytes.next()).await,
        };
        match next {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => Some((Ok::<Bytes, NetError>(piece), Some((bytes, clocks, Clock::Idle)))),
            Ok(Some(Err(error))) => {
                let error = NetError::from_reqwest(&error, &clocks.origin, clocks.idle);
                Some((Err(error), None))
            }
            Err(_) => {
                let limit = if clock == Clock::Idle { clocks.idle } else { clocks.first_byte };
                Some((Err(NetError::timeout(clock, &clocks.origin, limit)), None))
            }
        }
    })
    .boxed()
}

pub(super) fn parse(url: &str) -> Result<Url, NetError> {
    let parsed = Url::parse(url).map_err(|error| NetError::invalid(format!("the address is not a URL: {error}")))?;
    if parsed.host_str().is_none() {
        return Err(NetError::invalid("the address names no host"));
    }
    Ok(parsed)
}

/// Scheme, host and port: all that error texts may show of an address.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

pub(super) fn headers_of(map: &HeaderMap) -> Headers {
    let pairs =
        map.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Headers(pairs.collect())
}

fn header_map(headers: &[(String, HeaderText)]) -> Result<HeaderMap, NetError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, text) in headers {
        let (value, sensitive) = match text {
            HeaderText::Plain(value) => (value.as_str(), false),
            HeaderText::Secret(secret) => (secret.expose_secret(), true),
        };
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| NetError::invalid(format!("`{name}` is not a header's name")))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            NetError::invalid(format!("the value of the header `{name}` holds characters it cannot carry"))
        })?;
        value.set_sensitive(sensitive);
        map.append(key, value);
    }
    Ok(map)
}
