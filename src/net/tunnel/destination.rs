//! A host that a command was granted, a place that it asks for, and whether the one covers the other.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::net::error::NetError;
use crate::net::public::{is_homely, is_public};
use crate::net::reach::{self, HostPattern};

/// A host that can be reached, on one port or all: `example.org`, `*.example.org`, `localhost:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    host: HostPattern,
    port: Option<u16>,
    private: Private,
}

/// Whether a name may lead into the private network around this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Private {
    /// Where the name itself shows that it does.
    AsNamed,
    /// The person answers for this name.
    Said,
}

impl Destination {
    /// Reads `host`, `host:port` or `*.host`.
    ///
    /// A host of this machine has to be named with its port, since whatever else listens there was not meant; a
    /// pattern has to leave more than one label fixed.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let shown: String = text.escape_debug().take(80).collect();
        let odd = || {
            NetError::invalid(format!(
                "`{shown}` is no host; name one such as `registry.npmjs.org`, `*.example.org` or `localhost:8080`, \
                 without `https://` and without a path"
            ))
        };
        let (name, port) = split(text);
        let port = port.map(|port| number(port).ok_or_else(odd)).transpose()?;
        let host = HostPattern::parse(name).map_err(|_| odd())?;
        match &host {
            HostPattern::Below(parent) if !parent.contains('.') => {
                return Err(NetError::invalid(format!("`{shown}` means far too many hosts; name them one by one")));
            }
            HostPattern::Exactly(name) if port.is_none() && is_of_this_machine(name) => {
                let hint = format!("`{shown}` is this machine; name the port too, such as `{name}:8080`");
                return Err(NetError::invalid(hint));
            }
            _ => {}
        }
        Ok(Self { host, port, private: Private::AsNamed })
    }

    /// The same, when the person answers for where the name leads: into a private network too, but neither to this
    /// machine nor to where credentials of machines are handed out. Those have to be granted by address.
    #[must_use]
    pub fn into_private_networks(self) -> Self {
        Self { private: Private::Said, ..self }
    }

    /// A place to hold against [`crate::net::Reach`] before anybody is asked: for a pattern, one that it covers.
    pub(super) fn place(&self) -> Option<Place> {
        let host = match &self.host {
            HostPattern::Exactly(name) => name.clone(),
            HostPattern::Below(parent) => format!("any.{parent}"),
        };
        Place::new(&host, self.port.unwrap_or(443))
    }

    pub(super) fn covers(&self, place: &Place) -> bool {
        self.port.is_none_or(|port| port == place.port) && self.host.covers(&place.host())
    }

    /// Whether a place that this covers could have an address if the person answered for the name.
    pub(super) fn could_lead_to(&self, place: &Place, address: IpAddr) -> bool {
        self.clone().into_private_networks().may_lead_to(place, address)
    }

    /// Whether a place that this covers may have an address.
    pub(super) fn may_lead_to(&self, place: &Place, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_public(address) {
            return true;
        }
        if matches!(self.host, HostPattern::Below(_)) {
            return false;
        }
        match place.url.host() {
            // It was named itself.
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Some(Host::Domain(name)) if reach::is_local_name(name) => address.is_loopback(),
            Some(Host::Domain(name)) => {
                (is_homely(name) || self.private == Private::Said) && is_private_network(address)
            }
            None => false,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Exactly(name) => f.write_str(name)?,
            HostPattern::Below(parent) => write!(f, "*.{parent}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Where a command wants to go.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its host in canonical form; the scheme only says who asked how.
    pub(super) url: Url,
    pub(super) port: u16,
}

impl Place {
    /// A host by name or address, as a request names it; `None` for what is no host.
    pub(super) fn new(host: &str, port: u16) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || host.len() > 260 || !host.chars().all(is_plain) {
            return None;
        }
        let url = Url::parse(&format!("https://{host}:{port}/")).ok()?;
        (url.host_str().is_some() && url.port_or_known_default() == Some(port)).then_some(Self { url, port })
    }

    /// `host:port`, as a `CONNECT` names it.
    pub(super) fn of_authority(text: &str) -> Option<Self> {
        let (host, port) = split(text);
        Self::new(host, number(port?)?)
    }

    /// The place of an `http` address.
    pub(super) fn of_url(url: &Url) -> Option<Self> {
        Self::new(url.host_str()?, url.port_or_known_default()?)
    }

    /// What would have to be granted for this: the host alone where its port is the usual one.
    pub(super) fn destination(&self) -> String {
        let host = self.host();
        if matches!(self.port, 80 | 443) && !is_of_this_machine(&host) { host } else { self.to_string() }
    }

    /// The host in canonical form.
    pub(super) fn host(&self) -> String {
        reach::canonical(&self.url)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host(), self.port)
    }
}

/// Host and port; an IPv6 address has brackets where a port follows.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, rest)) if rest.starts_with(':') => {
                let (name, port) = text.split_at(address.len() + 2);
                (name, port.strip_prefix(':'))
            }
            _ => (text, None),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// A port, written in digits alone.
fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

fn is_of_this_machine(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| address.to_canonical());
    reach::is_local_name(name) || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

/// Addresses of private networks that hand out credentials of machines, besides the link-local ones.
const METADATA: [&str; 2] = ["fd00:ec2::254", "100.100.100.200"];

/// Whether an address belongs to the network around this machine, without those that hand out credentials. Numbers
/// that belong to nobody are among them: programs that lead all connections elsewhere give them to names.
fn is_private_network(address: IpAddr) -> bool {
    let (is_link_local, is_nobodys) = match address {
        IpAddr::V4(address) => {
            let is_for_benchmarks = matches!(address.octets(), [198, 18..=19, ..]);
            (address.is_link_local(), address.is_documentation() || is_for_benchmarks)
        }
        IpAddr::V6(address) => (address.is_unicast_link_local(), false),
    };
    let hands_out = METADATA.iter().any(|metadata| metadata.parse() == Ok(address));
    (reach::is_private(address) || is_nobodys) && !address.is_loopback() && !is_link_local && !hands_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    fn place(text: &str) -> Place {
        Place::of_authority(text).unwrap()
    }

    #[test]
    fn hosts_have_one_form() {
        for (text, form) in [
            ("Registry.NPMJS.org.", "registry.npmjs.org"),
            ("*.Example.org", "*.example.org"),
            ("localhost:8080", "localhost:8080"),
            ("[::1]:80", "[::1]:80"),
            ("127.1:99", "127.0.0.1:99"),
            ("bücher.test", "xn--bcher-kva.test"),
            ("2606:4700::1111", "[2606:4700::1111]"),
        ] {
            assert_eq!(parsed(text).to_string(), form, "{text}");
            assert_eq!(parsed(form).to_string(), form, "{form}");
        }
    }

    #[test]
    fn what_is_no_host_or_far_too_many_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.com",
            "a b",
            "https://a.test",
            "a.test/x",
            "a.test:",
            "a.test:0",
            "a.test:65536",
            "a.test:+1",
            "u@a.test",
            "a\0.test",
            "localhost",
            "127.0.0.1",
            "0.0.0.0",
            "[::1]",
            "::1",
            "::ffff:127.0.0.1",
            "x.localhost",
            "*.127.0.0.1",
        ] {
            assert!(Destination::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_place_is_covered_by_host_and_port() {
        for (granted, asked) in [
            ("a.test", "A.test.:443"),
            ("a.test", "a.test:8443"),
            ("a.test:8443", "a.test:8443"),
            ("*.a.test", "x.y.a.test:443"),
            ("127.0.0.1:80", "2130706433:80"),
        ] {
            assert!(parsed(granted).covers(&place(asked)), "{granted} {asked}");
        }
        for (granted, asked) in [
            ("a.test", "b.a.test:443"),
            ("a.test", "a.test.evil.test:443"),
            ("a.test:8443", "a.test:443"),
            ("*.a.test", "a.test:443"),
            ("*.a.test", "xa.test:443"),
            ("127.0.0.1:80", "localhost:80"),
            ("localhost:80", "127.0.0.1:80"),
        ] {
            assert!(!parsed(granted).covers(&place(asked)), "{granted} {asked}");
        }
        for odd in ["a.test", "a.test:", "a.test:80:80", "a@b:80", "a/b:80", "a%00b:80", "a b:80", ":80", "[::1:80"] {
            assert!(Place::of_authority(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn inward_addresses_have_to_be_meant() {
        let leads = |granted: Destination, asked: &str, to: &str| {
            let place = place(asked);
            assert!(granted.covers(&place), "{granted} {asked}");
            granted.may_lead_to(&place, to.parse().unwrap())
        };
        for (granted, asked, to) in [
            ("a.test", "a.test:443", "1.1.1.1"),
            ("*.a.test", "x.a.test:443", "1.1.1.1"),
            ("localhost:80", "localhost:80", "127.0.0.1"),
            ("10.0.0.1", "10.0.0.1:443", "10.0.0.1"),
            ("169.254.169.254", "169.254.169.254:80", "169.254.169.254"),
            ("printer", "printer:80", "192.168.0.9"),
            ("git.corp", "git.corp:80", "10.0.0.1"),
        ] {
            assert!(leads(parsed(granted), asked, to), "{granted} {to}");
        }
        for (granted, asked, to) in [
            ("a.test", "a.test:443", "127.0.0.1"),
            ("a.test", "a.test:443", "10.0.0.1"),
            ("a.test", "a.test:443", "::ffff:10.0.0.1"),
            ("a.test", "a.test:443", "169.254.169.254"),
            ("*.git.corp", "x.git.corp:443", "10.0.0.1"),
            ("printer", "printer:80", "127.0.0.1"),
            ("metadata.internal", "metadata.internal:80", "169.254.169.254"),
            ("metadata.internal", "metadata.internal:80", "fe80::1"),
            ("localhost:80", "localhost:80", "10.0.0.1"),
        ] {
            assert!(!leads(parsed(granted), asked, to), "{granted} {to}");
        }
        let said = || parsed("a.test").into_private_networks();
        assert!(leads(said(), "a.test:443", "10.0.0.1"));
        assert!(leads(said(), "a.test:443", "198.18.0.9") && !leads(parsed("a.test"), "a.test:443", "198.18.0.9"));
        for inward in [
            "127.0.0.1",
            "169.254.169.254",
            "fe80::1",
            "::1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "64:ff9b::a9fe:a9fe",
            "100.100.100.200",
            "fd00:ec2::254",
        ] {
            assert!(!leads(said(), "a.test:443", inward), "{inward}");
        }
    }
}
