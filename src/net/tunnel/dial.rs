//! Opens the connection to a granted place: the name is looked up once, and one of those very addresses is used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::destination::{Destination, Place};
use crate::net::proxy;
use crate::net::reach;

/// Bytes of another proxy's answer.
const MOST_BYTES: usize = 16 * 1024;

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoWay {
    /// It leads where it must not.
    Barred(String),
    /// It was tried, and did not work.
    Failed(String),
}

fn failed(why: impl std::fmt::Display) -> NoWay {
    NoWay::Failed(why.to_string())
}

/// The addresses of a place, all of which it may have. Empty where only the proxy before us may know the name.
pub(super) async fn addresses(
    place: &Place,
    granted: &Destination,
    proxy: Option<&Url>,
) -> Result<Vec<SocketAddr>, NoWay> {
    let found: Vec<SocketAddr> = match place.url.host() {
        Some(Host::Ipv4(address)) => vec![(address, place.port).into()],
        Some(Host::Ipv6(address)) => vec![(address, place.port).into()],
        // Asking a name server for these could lead anywhere, and would tell it.
        Some(Host::Domain(name)) if reach::is_local_name(name) => {
            vec![(Ipv4Addr::LOCALHOST, place.port).into(), (Ipv6Addr::LOCALHOST, place.port).into()]
        }
        Some(Host::Domain(name)) => match tokio::net::lookup_host((name, place.port)).await {
            Ok(found) => found.collect(),
            Err(_) if proxy.is_some() => Vec::new(),
            Err(error) => return Err(failed(format!("the name is not found: {error}"))),
        },
        None => Vec::new(),
    };
    match found.iter().map(SocketAddr::ip).find(|address| !granted.may_lead_to(place, *address)) {
        None => Ok(found),
        Some(address) => Err(NoWay::Barred(inward(place, address, granted.could_lead_to(place, address)))),
    }
}

fn inward(place: &Place, address: IpAddr, by_name: bool) -> String {
    let how = if by_name {
        "allows the host by its name for the session or the project"
    } else {
        "grants the address itself"
    };
    format!(
        "`{}` leads to {address}, which belongs to this machine or its network; that is reached only where the person \
         {how}",
        place.host()
    )
}

/// Connects to a place, or to the proxy before it, which for a `CONNECT` is asked to go on.
pub(super) async fn connect(
    place: &Place,
    addresses: &[SocketAddr],
    proxy: Option<&Url>,
    way: Way,
    patience: Duration,
) -> Result<TcpStream, NoWay> {
    let connecting = async {
        match proxy {
            None => first(addresses).await,
            Some(proxy) => through(proxy, place, way).await,
        }
    };
    match tokio::time::timeout(patience, connecting).await {
        Ok(outcome) => outcome,
        Err(_) => Err(failed(format!("no connection within {} s", patience.as_secs()))),
    }
}

/// What a connection is to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Bytes,
    PlainRequest,
}

async fn first(addresses: &[SocketAddr]) -> Result<TcpStream, NoWay> {
    let mut last = failed("the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

/// Goes through another proxy, which looks the name up itself.
async fn through(proxy: &Url, place: &Place, way: Way) -> Result<TcpStream, NoWay> {
    let shown = proxy::place(proxy);
    if proxy.scheme() != "http" {
        return Err(NoWay::Failed(format!(
            "the proxy `{shown}` is of the kind `{}`, through which commands are not led; only `http` ones",
            proxy.scheme()
        )));
    }
    let unreachable = |error: std::io::Error| NoWay::Failed(format!("the proxy `{shown}` cannot be reached: {error}"));
    let mut stream = TcpStream::connect(&shown).await.map_err(unreachable)?;
    if way == Way::PlainRequest {
        return Ok(stream);
    }
    let authorization = credentials(proxy).map(|words| format!("proxy-authorization: {words}\r\n")).unwrap_or_default();
    let head = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{authorization}\r\n");
    stream.write_all(head.as_bytes()).await.map_err(unreachable)?;
    let mut answer = Vec::new();
    let status = loop {
        // One byte at a time: what follows the head belongs to the command.
        let byte = stream.read_u8().await.map_err(unreachable)?;
        answer.push(byte);
        if let Some(status) = status_of(&answer) {
            break status;
        }
        if answer.len() > MOST_BYTES {
            break 0;
        }
    };
    match status {
        200..=299 => Ok(stream),
        status => Err(NoWay::Failed(format!("the proxy `{shown}` does not lead to `{place}`: it answered {status}"))),
    }
}

/// The status of a whole head, 0 for one that makes no sense.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => head.code,
        Err(_) => Some(0),
    }
}

/// Name and password of a proxy's address, as its header wants them.
pub(super) fn credentials(proxy: &Url) -> Option<String> {
    if proxy.username().is_empty() && proxy.password().is_none() {
        return None;
    }
    let mut words = decoded(proxy.username());
    words.push(b':');
    words.extend(decoded(proxy.password().unwrap_or_default()));
    Some(format!("Basic {}", BASE64_STANDARD.encode(words)))
}

/// A part of an address without its per cent signs.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        let digits = bytes.as_slice().get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                plain.push(decoded);
                bytes.nth(1);
            }
            None => plain.push(byte),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_told_name_and_password() {
        let of = |text: &str| credentials(&Url::parse(text).unwrap());
        assert_eq!(of("http://proxy:1"), None);
        assert_eq!(of("http://me:p%40ss%@proxy:1").unwrap(), format!("Basic {}", BASE64_STANDARD.encode("me:p@ss%")));
    }
}
