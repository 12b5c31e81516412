//! Reads what a command asks of the proxy: the head of one request, and how it is passed on.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use url::Url;

use super::destination::Place;

/// Bytes of a head.
const MOST_BYTES: usize = 32 * 1024;
/// Headers of a request.
const MOST_HEADERS: usize = 100;
/// From the connection to the end of the head.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A connection whose bytes are carried as they are.
    Connection(Place),
    /// One plain `http` request.
    Request { place: Place, request: Plain },
}

/// The head of a plain request.
#[derive(Debug)]
pub(super) struct Plain {
    method: String,
    url: Url,
    headers: Vec<(String, Vec<u8>)>,
}

/// Why nothing is done for a connection: in words, or because it ended before it said anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    Gone,
    Odd(&'static str),
}

/// Reads a head, and what came behind it already.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<(Asked, Vec<u8>), Unclear> {
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            if from.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return Err(Unclear::Gone);
            }
            if let Some((asked, used)) = parse(&bytes)? {
                return Ok((asked, bytes.split_off(used)));
            }
            if bytes.len() >= MOST_BYTES {
                return Err(Unclear::Odd("the head of the request is too long"));
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(Err(Unclear::Gone))
}

/// What a head says and how long it is; `None` while more of it has to come.
fn parse(bytes: &[u8]) -> Result<Option<(Asked, usize)>, Unclear> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let used = match head.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Unclear::Odd("that is no HTTP request")),
    };
    let (method, target) = (head.method.unwrap_or_default(), head.path.unwrap_or_default());
    if method == "CONNECT" {
        let place = Place::of_authority(target).ok_or(Unclear::Odd("`CONNECT` takes a host and a port"))?;
        return Ok(Some((Asked::Connection(place), used)));
    }
    let url = crate::net::client::parse(target).ok().filter(|url| url.scheme() == "http");
    let url = url.ok_or(Unclear::Odd("this is a proxy: name a whole `http://` address, or use `CONNECT`"))?;
    let place = Place::of_url(&url).ok_or(Unclear::Odd("the address does not name a host in the usual way"))?;
    let headers = head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect();
    let request = Plain { method: method.to_owned(), url, headers };
    Ok(Some((Asked::Request { place, request }, used)))
}

/// Whom a plain request is passed on to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next<'a> {
    Host,
    /// Another proxy, with what it wants to see of us.
    Proxy(Option<&'a str>),
}

impl Plain {
    /// The head as it is passed on: for this connection alone, and without what was meant for the proxy. The host
    /// is that of the address, whatever the command's header says.
    pub(super) fn head(&self, next: Next<'_>) -> Vec<u8> {
        let path = match next {
            Next::Host => {
                let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
                format!("{}{query}", self.url.path())
            }
            Next::Proxy(_) => {
                let mut whole = self.url.clone();
                whole.set_fragment(None);
                whole.to_string()
            }
        };
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut head = format!("{} {path} HTTP/1.1\r\nhost: {host}{port}\r\n", self.method).into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| !self.is_for_the_proxy(name)) {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        if let Next::Proxy(Some(words)) = next {
            head.extend_from_slice(format!("proxy-authorization: {words}\r\n").as_bytes());
        }
        head.extend_from_slice(b"connection: close\r\n\r\n");
        head
    }

    fn is_for_the_proxy(&self, name: &str) -> bool {
        let named = |value: &[u8]| {
            String::from_utf8_lossy(value).split(',').any(|option| option.trim().eq_ignore_ascii_case(name))
        };
        matches!(name, "host" | "connection" | "keep-alive" | "te" | "trailer" | "upgrade")
            || name.starts_with("proxy-")
            || (!matches!(name, "content-length" | "transfer-encoding")
                && self.headers.iter().any(|(other, value)| other == "connection" && named(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(text: &str) -> Result<(Asked, Vec<u8>), Unclear> {
        read(&mut text.as_bytes()).await
    }

    #[tokio::test]
    async fn a_connection_is_named_by_host_and_port() {
        let (asked, rest) = asked("CONNECT A.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\nhello").await.unwrap();
        assert!(matches!(asked, Asked::Connection(place) if place.to_string() == "a.test:443"));
        assert_eq!(rest, b"hello");
    }

    #[tokio::test]
    async fn a_plain_request_is_passed_on_without_what_was_for_the_proxy() {
        let text = "GET http://a.test:81/x?y=1#z HTTP/1.1\r\nHost: evil.test\r\nProxy-Authorization: Basic eA==\r\n\
                    X-Hop: 1\r\nConnection: keep-alive, x-hop, content-length\r\nContent-Length: 3\r\nAccept: */*\r\n\r\nabc";
        let (asked, rest) = asked(text).await.unwrap();
        let Asked::Request { place, request } = asked else { panic!("{asked:?}") };
        assert_eq!((place.to_string().as_str(), rest.as_slice()), ("a.test:81", b"abc".as_slice()));
        assert_eq!(
            String::from_utf8(request.head(Next::Host)).unwrap(),
            "GET /x?y=1 HTTP/1.1\r\nhost: a.test:81\r\ncontent-length: 3\r\naccept: */*\r\nconnection: close\r\n\r\n"
        );
        let onward = String::from_utf8(request.head(Next::Proxy(Some("Basic dQ==")))).unwrap();
        assert!(onward.starts_with("GET http://a.test:81/x?y=1 HTTP/1.1\r\n"), "{onward}");
        assert!(onward.contains("proxy-authorization: Basic dQ==\r\n"), "{onward}");
    }

    #[tokio::test]
    async fn what_is_not_understood_is_refused() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET https://a.test/ HTTP/1.1\r\n\r\n",
            "GET ftp://a.test/ HTTP/1.1\r\n\r\n",
            "GET http://a b.test/ HTTP/1.1\r\n\r\n",
            "GET http://u:p@a.test/ HTTP/1.1\r\n\r\n",
            "CONNECT a.test HTTP/1.1\r\n\r\n",
            "CONNECT a.test:443/x HTTP/1.1\r\n\r\n",
            "CONNECT user@a.test:443 HTTP/1.1\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(matches!(asked(text).await, Err(Unclear::Odd(_))), "{text:?}");
        }
        let long = format!("GET http://a.test/ HTTP/1.1\r\nx: {}", "x".repeat(MOST_BYTES));
        assert!(matches!(asked(&long).await, Err(Unclear::Odd(_))));
        assert_eq!(asked("CONNECT a.te").await.unwrap_err(), Unclear::Gone);
    }
}
