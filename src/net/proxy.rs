//! Which proxy a request goes through, by the variables that every program knows.
//!
//! The variables are handed in; nothing is read here. A proxy that is set and unusable is told:
//! going straight out instead would be what somebody wanted to prevent.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::error::NetError;
use super::reach;

/// Proxies for `http` and `https`, and who is spoken to without them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    bypass: Vec<Bypass>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The addresses may hold a password.
        let (http, https) = (self.http.as_ref().map(place), self.https.as_ref().map(place));
        f.debug_struct("Proxies").field("http", &http).field("https", &https).finish_non_exhaustive()
    }
}

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bypass {
    All,
    /// A host and everything below it, on one port or all.
    Name(String, Option<u16>),
    /// An address, or a network of them: its first bits.
    Network(IpAddr, u8),
}

impl Proxies {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not; `None`
    /// when no proxy is set, so that the system's own settings count.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, NetError> {
        let read = |name: &str| {
            let lower = name.to_ascii_lowercase();
            let set = |name: &str| get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            set(name).map(|text| (name.to_owned(), text)).or_else(|| set(&lower).map(|text| (lower, text)))
        };
        let parsed = |name: &str| read(name).map(|(name, text)| address(&name, &text)).transpose();
        let all = parsed("ALL_PROXY")?;
        let (http, https) = (parsed("HTTP_PROXY")?.or_else(|| all.clone()), parsed("HTTPS_PROXY")?.or(all));
        if http.is_none() && https.is_none() {
            return Ok(None);
        }
        let bypass = read("NO_PROXY").map(|(_, text)| text).unwrap_or_default();
        let bypass = bypass.split([',', ' ']).filter_map(|entry| Bypass::parse(entry.trim())).collect();
        Ok(Some(Self { http, https, bypass }))
    }

    /// The proxy for an address; this machine is never spoken to through one.
    pub(super) fn of(&self, url: &Url) -> Option<&Url> {
        if reach::is_loopback(url) || self.bypass.iter().any(|entry| entry.covers(url)) {
            return None;
        }
        if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }
}

/// Host and port of a proxy: all that is shown of it.
pub(super) fn place(proxy: &Url) -> String {
    let known = match proxy.scheme() {
        "http" => 80,
        "https" => 443,
        _ => 1080,
    };
    format!("{}:{}", proxy.host_str().unwrap_or_default(), proxy.port().unwrap_or(known))
}

fn address(variable: &str, text: &str) -> Result<Url, NetError> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // The text stays out of the sentence: it may hold a password.
    let unusable = || {
        NetError::invalid(format!(
            "the variable `{variable}` holds no address of a proxy, such as `http://host:3128` or `socks5h://host:1080`"
        ))
    };
    let url = Url::parse(&whole).map_err(|_| unusable())?;
    let is_known = matches!(url.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h");
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    if is_known && has_host && !whole.chars().any(char::is_control) { Ok(url) } else { Err(unusable()) }
}

impl Bypass {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return Some(Self::Network(network.parse().ok()?, bits.parse().ok()?));
        }
        if let Ok(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Self::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let name = name.strip_prefix('*').unwrap_or(name).trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self::Name(name, port))
    }

    fn covers(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::All, _) => true,
            (Self::Name(name, port), Some(Host::Domain(_))) => {
                let host = reach::canonical(url);
                let is_below =
                    host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_below && port.is_none_or(|port| url.port_or_known_default() == Some(port))
            }
            (Self::Network(network, bits), Some(Host::Ipv4(address))) => within(*network, *bits, address.into()),
            (Self::Network(network, bits), Some(Host::Ipv6(address))) => within(*network, *bits, address.into()),
            _ => false,
        }
    }
}

fn within(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let shift = u32::from(32 - bits);
            network.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let shift = u32::from(128 - bits);
            network.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Option<Proxies>, NetError> {
        let find = |name: &str| variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned());
        Proxies::from_variables(find)
    }

    fn of(variables: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(variables).unwrap().unwrap_or_default().of(&Url::parse(url).unwrap()).map(place)
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_stands_for_both() {
        let some = [("HTTP_PROXY", "one:1"), ("https_proxy", "http://two"), ("ALL_PROXY", "socks5://three")];
        assert_eq!(of(&some, "http://a.test").as_deref(), Some("one:1"));
        assert_eq!(of(&some, "https://a.test").as_deref(), Some("two:80"));
        assert_eq!(of(&[some[2]], "https://a.test").as_deref(), Some("three:1080"));
        assert_eq!(of(&[("HTTPS_PROXY", "two:2")], "http://a.test"), None);
        assert_eq!(proxies(&[("NO_PROXY", "*")]), Ok(None));
    }

    #[test]
    fn some_are_spoken_to_directly() {
        let all = |bypass: &'static str, url: &str| of(&[("ALL_PROXY", "p:1"), ("NO_PROXY", bypass)], url);
        for (bypass, url) in [
            ("*", "http://a.test"),
            ("b.test, a.test", "http://a.test"),
            (".a.test", "https://x.A.test"),
            ("*.a.test", "http://x.a.test"),
            ("a.test:8080", "http://a.test:8080"),
            ("10.0.0.0/8", "http://10.9.8.7"),
            ("fd00::/8", "http://[fd12::1]"),
            ("192.0.2.1", "http://192.0.2.1"),
            ("0.0.0.0/0", "http://192.0.2.1"),
            ("", "http://localhost:9"),
            ("", "http://127.0.0.1:9"),
        ] {
            assert_eq!(all(bypass, url), None, "{bypass} {url}");
        }
        for (bypass, url) in [
            ("a.test", "http://ba.test"),
            ("a.test", "http://a.test.evil.test"),
            ("a.test:8080", "http://a.test"),
            ("10.0.0.0/8", "http://11.0.0.1"),
            ("10.0.0.0/99", "http://10.0.0.1"),
            ("", "http://localhost.evil.test"),
        ] {
            assert_eq!(all(bypass, url).as_deref(), Some("p:1"), "{bypass} {url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_told_without_its_text() {
        for odd in ["http://", "ftp://user:secret@host", "http://a b", "::::", "socks5://user:secret@"] {
            let error = proxies(&[("HTTPS_PROXY", odd)]).unwrap_err().to_string();
            assert!(error.contains("`HTTPS_PROXY`") && !error.contains("secret"), "{odd}: {error}");
        }
        let set = proxies(&[("HTTPS_PROXY", "http://user:secret@host:1")]).unwrap();
        assert!(!format!("{set:?}").contains("secret"));
    }
}
