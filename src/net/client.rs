//! Sends requests, under the clocks, within reach, and never past the list of connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::egress::{Egress, Exchange, HelperRun};
use super::error::{self, Clock, NetError, Way};
use super::limit::STREAM_TOTAL;
use super::proxy;
use super::reach;
use super::request::{Body, HeaderText, Headers, HttpRequest, HttpResponse, Method};
use super::resolve::Pinned;
use super::settings::NetSettings;
use super::transport::{self, Kind, Transports};
use crate::domain::{Connection, Purpose};

/// The HTTP client; cheap to clone and to make. Connections are shared by all clones.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: NetSettings,
    transports: Transports,
    egress: Egress,
}

impl Client {
    /// A client that has not touched certificates, proxies or the network yet.
    ///
    /// Fails on settings that no request could be sent with.
    pub fn new(settings: &NetSettings) -> Result<Self, NetError> {
        if HeaderValue::from_str(&settings.user_agent).is_err() {
            return Err(NetError::invalid("the user agent holds characters that a header cannot carry"));
        }
        let egress = Egress::new(settings.log.as_deref());
        let inner = Inner { settings: settings.clone(), transports: Transports::default(), egress };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What it goes by.
    pub fn settings(&self) -> &NetSettings {
        &self.inner.settings
    }

    async fn transport(&self, kind: Kind) -> Result<reqwest::Client, NetError> {
        if let Some(built) = self.inner.transports.built(kind) {
            return built;
        }
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.transports.build(kind, &inner.settings))
            .await
            .map_err(|_| NetError::invalid("the HTTP client could not be built"))?
    }

    /// The requests of this run and those that were refused, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        self.inner.egress.recent()
    }

    /// The list of connections.
    pub(super) fn egress(&self) -> &Egress {
        &self.inner.egress
    }

    /// Waits until the list of connections is written as far as it goes.
    pub async fn flush(&self) {
        self.inner.egress.flush().await;
    }

    /// Asks for leave to start a program that goes to the network by itself, and enters it in the
    /// list. Refused unless every host is within reach.
    pub fn helper(&self, purpose: Purpose, program: &str) -> Result<HelperRun, NetError> {
        if let Err(error) = self.settings().reach.check_helper(program) {
            self.inner.egress.refused(purpose, program.to_owned(), 0);
            return Err(error);
        }
        Ok(HelperRun::new(self.inner.egress.begin_helper(purpose, program)))
    }

    /// Sends a request and returns as soon as the headers are there. No redirect is followed; any
    /// status is a success here. Dropping the body ends the request.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NetError> {
        let url = parse(&request.url)?;
        let kind = self.kind(&url, &request)?;
        let settings = self.settings();
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let first_byte = request.patience.unwrap_or(settings.first_byte);
        let mut outgoing = reqwest::Request::new(method, url);
        *outgoing.headers_mut() = header_map(&request.headers)?;
        *outgoing.body_mut() = request.body.map(reqwest::Body::from);
        let transport = match request.only_at {
            Some(addresses) => Some(self.pinned(kind, outgoing.url(), addresses).await?),
            None => None,
        };
        let answer = self.exchange_by(transport, outgoing, kind, request.purpose, first_byte).await?;
        let status = answer.response.status().as_u16();
        let headers = headers_of(answer.response.headers());
        Ok(HttpResponse { status, headers, body: answer.body(Some(STREAM_TOTAL)) })
    }

    /// Sends over the connections that all share.
    pub(super) async fn exchange(
        &self,
        request: reqwest::Request,
        kind: Kind,
        purpose: Purpose,
        first_byte: Duration,
    ) -> Result<Answer, NetError> {
        self.exchange_by(None, request, kind, purpose, first_byte).await
    }

    /// A transport that reaches one host at these addresses only.
    async fn pinned(&self, kind: Kind, url: &Url, addresses: Vec<IpAddr>) -> Result<reqwest::Client, NetError> {
        let pinned = Pinned { host: url.host_str().unwrap_or_default().to_owned(), addresses };
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || transport::pinned(kind, &inner.settings, &pinned))
            .await
            .map_err(|_| NetError::invalid("the HTTP client could not be built"))?
    }

    /// The only place where something is sent.
    async fn exchange_by(
        &self,
        transport: Option<reqwest::Client>,
        request: reqwest::Request,
        kind: Kind,
        purpose: Purpose,
        first_byte: Duration,
    ) -> Result<Answer, NetError> {
        let settings = self.settings();
        let url = request.url().clone();
        if let Err(error) = settings.reach.check(&url) {
            let port = url.port_or_known_default().unwrap_or(0);
            self.inner.egress.refused(purpose, reach::canonical(&url), port);
            return Err(error);
        }
        let transport = match transport {
            Some(transport) => transport,
            None => self.transport(kind).await?,
        };
        let way = Way { origin: origin(&url), proxy: self.proxy(kind, &url) };
        let mut exchange = self.inner.egress.begin(purpose, &url, way.proxy.clone(), size(&request));
        let began = Instant::now();
        let deadline = began + first_byte;
        let response = match timeout_at(deadline, transport.execute(request)).await {
            Err(_) => return Err(NetError::timeout(Clock::FirstByte, &way.origin, first_byte)),
            Ok(Err(error)) => return Err(NetError::from_reqwest(&error, &way, settings.connect)),
            Ok(Ok(response)) => response,
        };
        exchange.answered(response.status().as_u16(), head_size(response.headers()));
        if let Some(proxy) = way.proxy.as_ref().filter(|_| response.status().as_u16() == 407) {
            return Err(error::wants_password(proxy, &way.origin));
        }
        let total = settings.total.map(|total| (began + total, total));
        Ok(Answer { response, clocks: Clocks { way, first_byte, deadline, idle: settings.idle, total }, exchange })
    }

    fn proxy(&self, kind: Kind, url: &Url) -> Option<String> {
        let proxies = self.settings().proxies.as_ref().filter(|_| kind != Kind::Clear)?;
        proxies.of(url).map(proxy::place)
    }

    /// Which rules a request goes by; refuses to take a secret where it does not belong.
    fn kind(&self, url: &Url, request: &HttpRequest) -> Result<Kind, NetError> {
        let is_secret = request.headers.iter().any(|(_, text)| matches!(text, HeaderText::Secret(_)));
        if is_secret {
            let theirs = request.bound_to.as_deref().map(parse).transpose()?;
            if theirs.as_ref().map(Url::origin) != Some(url.origin()) {
                let set_for = theirs.as_ref().map_or_else(|| "nobody".to_owned(), origin);
                let message = format!("the key is not sent to `{}`: it was set for `{set_for}`", origin(url));
                return Err(NetError::barred(message, "set the provider's base URL to where its key belongs"));
            }
        }
        if reach::is_loopback(url) {
            return Ok(Kind::Clear);
        }
        if !is_secret || url.scheme() == "https" {
            return Ok(Kind::Api);
        }
        // What is out of reach is refused for that reason, with no word about keys.
        if self.settings().reach.check(url).is_ok() {
            if let Some(proxy) = self.proxy(Kind::Api, url) {
                let why = format!("the proxy `{proxy}` could read it, as the address is not encrypted");
                return Err(error::key_in_clear(&origin(url), &why));
            }
            let is_public = match url.host() {
                Some(Host::Ipv4(address)) => !reach::is_private(address.into()),
                Some(Host::Ipv6(address)) => !reach::is_private(address.into()),
                // Decided by the addresses that the name leads to.
                Some(Host::Domain(_)) | None => false,
            };
            if is_public {
                return Err(error::key_in_clear(&origin(url), "the address is public and not encrypted"));
            }
        }
        Ok(Kind::Clear)
    }
}

/// An answer whose body has yet to be read.
pub(super) struct Answer {
    pub(super) response: reqwest::Response,
    clocks: Clocks,
    exchange: Exchange,
}

/// What limits the reading of a body.
struct Clocks {
    way: Way,
    first_byte: Duration,
    deadline: Instant,
    idle: Duration,
    total: Option<(Instant, Duration)>,
}

impl Clocks {
    /// When the wait for the next piece ends, which clock that is, and how long it ran.
    fn next(&self, started: bool) -> (Instant, Clock, Duration) {
        let near = if started {
            (Instant::now() + self.idle, Clock::Idle, self.idle)
        } else {
            (self.deadline, Clock::FirstByte, self.first_byte)
        };
        match self.total {
            Some((end, total)) if end < near.0 => (end, Clock::Total, total),
            _ => near,
        }
    }
}

/// A body under its clocks.
struct Reading {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<Bytes>>,
    clocks: Clocks,
    exchange: Exchange,
    cap: Option<usize>,
    read: usize,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Bytes, NetError>> {
        let (until, clock, limit) = self.clocks.next(self.read > 0);
        let origin = &self.clocks.way.origin;
        let result = match timeout_at(until, self.bytes.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => {
                self.read = self.read.saturating_add(piece.len());
                self.exchange.received(piece.len());
                match self.cap {
                    Some(cap) if self.read > cap => {
                        let cap = cap / (1024 * 1024);
                        Err(NetError::TooLarge { message: format!("`{origin}` sent more than {cap} MiB") })
                    }
                    _ => Ok(piece),
                }
            }
            Ok(Some(Err(error))) => Err(NetError::from_reqwest(&error, &self.clocks.way, self.clocks.idle)),
            Err(_) => Err(NetError::timeout(clock, origin, limit)),
        };
        if result.is_err() {
            self.exchange.failed();
        }
        Some(result)
    }
}

impl Answer {
    /// The body under its clocks and of at most `cap` bytes; after an error nothing more comes.
    pub(super) fn body(self, cap: Option<usize>) -> Body {
        let Self { response, clocks, exchange } = self;
        let reading = Reading { bytes: response.bytes_stream().boxed(), clocks, exchange, cap, read: 0 };
        futures::stream::unfold(Some(reading), |state| async move {
            let mut reading = state?;
            let item = reading.next().await?;
            let ended = item.is_err();
            Some((item, (!ended).then_some(reading)))
        })
        .boxed()
    }
}

pub(super) fn parse(url: &str) -> Result<Url, NetError> {
    // The parser would leave some of these out without a word.
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NetError::invalid("the address holds blanks or control characters"));
    }
    let parsed = Url::parse(url).map_err(|error| NetError::invalid(format!("the address is not a URL: {error}")))?;
    if parsed.host_str().is_none() {
        return Err(NetError::invalid("the address names no host"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(NetError::invalid(
            "the address holds a user name or password; keys are stored with `kiln keys set`",
        ));
    }
    Ok(parsed)
}

/// Scheme, host and port: all that error texts may show of an address.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Bytes of a request, near enough: the HTTP crate adds a line or two of its own.
fn size(request: &reqwest::Request) -> u64 {
    let body = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
    let path = request.url().path().len() + request.url().query().map_or(0, |query| query.len() + 1);
    (body + path) as u64 + head_size(request.headers())
}

fn head_size(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum()
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
