//! Which hosts may be spoken to at all.

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
    /// This machine and these hosts; `*.example.org` covers all below `example.org`.
    Only(Vec<String>),
}

impl Reach {
    /// Refuses what is not allowed, before a socket opens.
    pub fn check(&self, url: &Url) -> Result<(), NetError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NetError::invalid(format!("`{}:` is not an address for HTTP", url.scheme())));
        }
        let host = url.host_str().unwrap_or_default();
        let allowed = is_loopback(url)
            || match self {
                Self::Anywhere => true,
                Self::Offline => false,
                Self::Only(hosts) => hosts.iter().any(|pattern| covers(pattern, host)),
            };
        if allowed {
            return Ok(());
        }
        let why = match self {
            Self::Offline => "Kiln is offline by setting",
            Self::Anywhere | Self::Only(_) => "it is not among the hosts that are allowed",
        };
        Err(NetError::Refused { message: format!("no connection to `{host}`: {why}") })
    }
}

/// Whether the address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            host.len() > parent.len()
                && host.to_ascii_lowercase().ends_with(&format!(".{}", parent.to_ascii_lowercase()))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
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
        assert!(!allowed(&Reach::Offline, "https://api.openai.com"));
        assert!(!allowed(&Reach::Offline, "http://127.0.0.1.example.org"));
    }

    #[test]
    fn a_list_names_hosts_and_whole_domains() {
        let reach = Reach::Only(vec!["api.groq.com".into(), "*.example.org".into()]);
        assert!(allowed(&reach, "https://api.groq.com/x"));
        assert!(allowed(&reach, "https://a.b.example.org"));
        assert!(!allowed(&reach, "https://example.org.evil.test"));
        assert!(!allowed(&reach, "https://badexample.org"));
        assert!(!allowed(&Reach::Anywhere, "file:///etc/passwd"));
    }
}
