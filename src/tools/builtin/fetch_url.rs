//! `fetch_url`: a page of the web as text.
//!
//! Public hosts are reached by https only, at the addresses that were held to be public; hosts of this machine or its network only where the person granted that very host. A redirect to
//! another host is told, not followed: the model asks again and so does the policy. Not a `run` of
//! [`super::super::Tool`], because it waits for the network: see [`fetch`].

use std::net::IpAddr;

use futures::StreamExt;
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use super::super::{ToolAnswer, ToolContext, TypedTool};
use super::page;
use crate::domain::{Purpose, Touch};
use crate::net::{Client, HttpRequest, HttpResponse, is_homely, is_public};

/// Bytes that are read of an answer.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Characters that the model is given.
const MAX_CHARACTERS: usize = 60_000;
/// Redirects within a host.
const MAX_REDIRECTS: usize = 5;

pub(in crate::tools) struct FetchUrl;

/// Fetch a page or a text file from the web by its address; a page is answered as readable text. The person is asked
/// for each new host.
#[derive(Deserialize, JsonSchema)]
pub(in crate::tools) struct Input {
    /// The whole address, such as `https://example.org/guide`.
    url: String,
}

/// Whether hosts of this machine and its network may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateHosts {
    Refused,
    /// The person granted this very host.
    Granted,
}

impl TypedTool for FetchUrl {
    const NAME: &'static str = "fetch_url";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        let host = address(&input.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.map(|host| Touch::Host { host }).into_iter().collect()
    }

    fn run(&self, _: Input, _: &ToolContext<'_>) -> ToolAnswer {
        ToolAnswer::refusal("`fetch_url` cannot be used here: this session has no network")
    }
}

/// Fetches an address, after the policy allowed its host.
pub async fn fetch(net: &Client, url: &str, private: PrivateHosts) -> ToolAnswer {
    follow(net, url, private).await.unwrap_or_else(ToolAnswer::refusal)
}

async fn follow(net: &Client, url: &str, private: PrivateHosts) -> Result<ToolAnswer, String> {
    let mut url = address(url)?;
    for _ in 0..=MAX_REDIRECTS {
        let (url_now, addresses) = allowed(url, private).await?;
        let mut request = HttpRequest::get(url_now.as_str())
            .purpose(Purpose::Tool)
            .header("accept", "text/html, text/*, application/json, */*;q=0.1");
        // The name may lead elsewhere when it is asked for again.
        if let Some(addresses) = addresses {
            request = request.only_at(addresses);
        }
        let response = net.send(request).await.map_err(|error| format!("nothing was fetched: {error}"))?;
        if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
            return answer(&url_now, response).await;
        }
        url = redirected(&url_now, &response)?;
    }
    Err(format!("the address led on more than {MAX_REDIRECTS} times; nothing was fetched"))
}

/// Reads an address: http or https, a host, no name and password.
fn address(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text.trim())
        .map_err(|error| format!("the address is not a URL: {error}; give it whole, with `https://`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}:` is not fetched, only `http:` and `https:`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a name or password, which are not sent; leave them out".to_owned());
    }
    url.set_fragment(None);
    match url.host_str() {
        Some(host) if super::super::policy::is_canonical_host(host) => Ok(url),
        _ => Err("the address does not name a host in the usual way".to_owned()),
    }
}

/// Holds an address against where it leads; public hosts are asked by https, and at the addresses that were looked
/// at here.
async fn allowed(mut url: Url, private: PrivateHosts) -> Result<(Url, Option<Vec<IpAddr>>), String> {
    let shown = url.host_str().unwrap_or_default().to_owned();
    let addresses = addresses(&url).await;
    if addresses.as_ref().is_none_or(|found| found.iter().any(|address| !is_public(*address))) {
        return match private {
            PrivateHosts::Granted => Ok((url, None)),
            PrivateHosts::Refused => Err(format!(
                "`{shown}` is on this machine or its network, which is not fetched from unless it is granted by name"
            )),
        };
    }
    if url.scheme() == "http" && (url.port().is_some() || url.set_scheme("https").is_err()) {
        return Err(format!("`{shown}` is asked by https only; give its https address"));
    }
    Ok((url, addresses))
}

/// The addresses of the host; `None` for a name that is of this machine or its network by itself. A name that is not
/// found here has none, and is left to a proxy.
async fn addresses(url: &Url) -> Option<Vec<IpAddr>> {
    match url.host()? {
        Host::Ipv4(address) => Some(vec![IpAddr::V4(address)]),
        Host::Ipv6(address) => Some(vec![IpAddr::V6(address)]),
        Host::Domain(name) => {
            if is_homely(name) {
                return None;
            }
            let port = url.port_or_known_default().unwrap_or(443);
            let found = tokio::net::lookup_host((name, port)).await;
            Some(found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default())
        }
    }
}

/// Where an answer leads, if to the same host.
fn redirected(from: &Url, response: &HttpResponse) -> Result<Url, String> {
    let target = response.headers.get("location").ok_or("the address leads on, but does not say where")?;
    let target = from.join(target).map_err(|error| format!("the address leads on to what is no URL: {error}"))?;
    let target = address(target.as_str())?;
    let downgraded = from.scheme() == "https" && target.scheme() != "https";
    if target.host_str() != from.host_str()
        || target.port_or_known_default() != from.port_or_known_default()
        || downgraded
    {
        return Err(format!("the address leads on to another host; to go there, fetch `{target}`"));
    }
    Ok(target)
}

async fn answer(url: &Url, response: HttpResponse) -> Result<ToolAnswer, String> {
    let kind = response.headers.get("content-type").unwrap_or("text/plain").to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    let status = response.status;
    if !is_text(&kind) {
        return Err(format!("`{url}` answered {status} with `{kind}`, which is no text"));
    }
    let (bytes, cut) = beginning(response).await?;
    let text = String::from_utf8_lossy(&bytes);
    let text = if kind.contains("html") { page::readable(&text) } else { text.into_owned() };
    let mut told = format!("{url} answered {status}\n\n");
    let end = text.char_indices().nth(MAX_CHARACTERS).map(|(end, _)| end);
    told.push_str(text.get(..end.unwrap_or(text.len())).unwrap_or_default());
    if cut || end.is_some() {
        told.push_str("\n… the rest is left out");
    }
    Ok(ToolAnswer { failed: status >= 400, ..ToolAnswer::text(told) })
}

fn is_text(kind: &str) -> bool {
    let whole = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/toml",
        "application/yaml",
        "application/x-yaml",
    ];
    kind.starts_with("text/") || whole.contains(&kind) || kind.ends_with("+json") || kind.ends_with("+xml")
}

/// The first bytes of an answer, and whether there were more.
async fn beginning(response: HttpResponse) -> Result<(Vec<u8>, bool), String> {
    let (mut body, mut bytes) = (response.body, Vec::new());
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| format!("the answer broke off: {error}"))?;
        let room = MAX_BYTES - bytes.len();
        bytes.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() > room {
            return Ok((bytes, true));
        }
    }
    Ok((bytes, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_host_in_one_way_only() {
        let host = |text: &str| FetchUrl.touches(&Input { url: text.into() });
        for (text, expected) in [
            ("https://EXAMPLE.org/x", "example.org"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
        ] {
            assert_eq!(host(text), [Touch::Host { host: expected.into() }], "{text}");
        }
        for text in [
            "file:///etc/passwd",
            "ftp://x/",
            "x",
            "",
            "https://u:p@example.org/",
            "https://example.org./",
            "javascript:1",
        ] {
            assert_eq!(host(text), [], "{text}");
        }
    }
}
