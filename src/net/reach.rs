//! Which hosts may be spoken to at all, and in which form their names are compared.
//!
//! This machine itself is always within reach: the limits are about what leaves it. A name below
//! `localhost` is never looked up anywhere (see `resolve`).

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::error::NetError;

/// The switch that keeps Kiln off the network, or on an allowed part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every host.
    #[default]
    Anywhere,
    /// Only this machine: loopback addresses.
    Offline,
    /// This machine and these hosts; an empty list allows no other.
    Only(Vec<HostPattern>),
}

/// One line of the list of allowed hosts, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exactly(String),
    /// All hosts below this one, and not itself: `*.example.org`.
    Below(String),
}

impl HostPattern {
    /// Reads `host` or `*.host`. Ports, schemes, blanks and odd bytes are refused.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let refused = || {
            NetError::invalid(format!(
                "`{}` in `network.allow` is not a host's name such as `api.example.org` or `*.example.org`",
                text.escape_debug()
            ))
        };
        let (below, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '*' | '/' | '@' | '%' | '\\' | '?');
        if name.is_empty() || name.chars().any(is_odd) {
            return Err(refused());
        }
        // An IPv6 address may stand with or without its brackets.
        let host = match name.parse::<Ipv6Addr>() {
            Ok(address) => Host::Ipv6(address),
            Err(_) => Host::parse(name).map_err(|_| refused())?,
        };
        match (below, host) {
            (true, Host::Domain(parent)) => Ok(Self::Below(dotless(&parent))),
            (true, _) => Err(refused()),
            (false, host) => Ok(Self::Exactly(dotless(&host.to_string()))),
        }
    }

    pub(super) fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => name == host,
            Self::Below(parent) => host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

impl Reach {
    /// Only the hosts of a list. One line that is no host makes the whole list unusable: a limit
    /// that was meant must not vanish.
    pub fn only<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<Self, NetError> {
        lines.into_iter().map(|line| HostPattern::parse(line.as_ref())).collect::<Result<_, _>>().map(Self::Only)
    }

    /// Refuses what is not allowed, before a socket opens.
    pub fn check(&self, url: &Url) -> Result<(), NetError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NetError::invalid(format!("`{}:` is not an address for HTTP", url.scheme())));
        }
        let host = canonical(url);
        let allowed = is_loopback(url)
            || match self {
                Self::Anywhere => true,
                Self::Offline => false,
                Self::Only(hosts) => hosts.iter().any(|pattern| pattern.covers(&host)),
            };
        if allowed { Ok(()) } else { Err(self.refusal(&format!("no connection to `{host}`"))) }
    }

    /// Refuses a program that goes wherever it wants, unless everything is within reach.
    pub fn check_helper(&self, program: &str) -> Result<(), NetError> {
        match self {
            Self::Anywhere => Ok(()),
            Self::Offline | Self::Only(_) => Err(self.refusal(&format!("`{program}` is not started"))),
        }
    }

    fn refusal(&self, what: &str) -> NetError {
        let why = match self {
            Self::Offline => "Kiln is offline by setting",
            Self::Anywhere | Self::Only(_) => "it is not among the hosts in `network.allow`",
        };
        NetError::Refused { message: format!("{what}: {why}") }
    }
}

/// The host of an address as it is compared and shown: lower case, punycode, no final dot.
pub(super) fn canonical(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => dotless(name),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => format!("[{address}]"),
        None => String::new(),
    }
}

fn dotless(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether the address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a name means this machine by itself, whatever a name server says.
pub(super) fn is_local_name(name: &str) -> bool {
    let name = dotless(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address belongs to this machine or a private network.
pub(super) fn is_private(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => is_private_v4(address),
        std::net::IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private_v4(mapped),
            None => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    // 100.64/10 is what carriers and overlay networks such as WireGuard's use.
    let is_shared = first == 100 && (64..128).contains(&second);
    // 169.254.169.254 and its neighbours hand out a machine's credentials: nothing of ours goes there.
    address.is_loopback() || address.is_private() || is_shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: &Reach, url: &str) -> bool {
        reach.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn offline_reaches_only_this_machine() {
        assert!(allowed(&Reach::Offline, "http://127.0.0.1:11434"));
        assert!(allowed(&Reach::Offline, "http://[::1]:1234"));
        assert!(allowed(&Reach::Offline, "http://LocalHost.:1234"));
        assert!(!allowed(&Reach::Offline, "https://api.openai.com"));
        assert!(!allowed(&Reach::Offline, "http://127.0.0.1.example.org"));
        assert!(!allowed(&Reach::Offline, "http://localhost.example.org"));
        assert!(!allowed(&Reach::Offline, "http://0.0.0.0"));
    }

    #[test]
    fn a_list_names_hosts_and_whole_domains() {
        let reach = Reach::only(["api.groq.com", "*.example.org", "bücher.test", "10.0.0.1", "::2"]).unwrap();
        for fine in [
            "https://api.groq.com/x",
            "https://API.GROQ.com.:8443/x",
            "https://a.b.example.org",
            "https://xn--bcher-kva.test",
            "http://10.0.0.1",
            "http://167772161",
            "http://[0:0::2]:9",
            "http://localhost:1",
        ] {
            assert!(allowed(&reach, fine), "{fine}");
        }
        for other in [
            "https://example.org",
            "https://example.org.evil.test",
            "https://badexample.org",
            "https://api.groq.com.evil.test",
            "https://xapi.groq.com",
            "https://api.groq.com@evil.test",
            "http://10.0.0.2",
        ] {
            assert!(!allowed(&reach, other), "{other}");
        }
        assert!(!allowed(&Reach::Anywhere, "file:///etc/passwd"));
    }

    #[test]
    fn an_empty_list_allows_nothing_but_this_machine() {
        let reach = Reach::only([""; 0]).unwrap();
        assert!(!allowed(&reach, "https://api.groq.com") && allowed(&reach, "http://127.0.0.1"));
        assert!(reach.check_helper("pip").is_err() && Reach::Anywhere.check_helper("pip").is_ok());
    }

    #[test]
    fn odd_lines_make_the_list_unusable() {
        for odd in [
            "",
            "*",
            "*.",
            "a b",
            "a\0.test",
            "evil.test\0.example.org",
            "https://a.test",
            "a.test:443",
            "a.test/x",
            "*.10.0.0.1",
            "a.*.test",
            "u@a.test",
            "a%00.test",
            "\u{202e}a.test",
        ] {
            let result = Reach::only(["fine.test", odd]);
            assert!(matches!(result, Err(NetError::Invalid { .. })), "{odd:?} {result:?}");
        }
    }

    #[test]
    fn private_networks_are_known() {
        for address in ["127.0.0.9", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "169.254.169.254", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
