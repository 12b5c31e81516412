//! How connections would leave this machine: proxies, certificates, the switches that refuse them.
//! Nothing is connected.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use url::Url;

use super::Bench;
use crate::config::Environment;
use crate::domain::Finding;

/// Variables that move connections, the ones that count first.
const PROXIES: &[&str] = &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let network = &bench.loaded.settings.network;
        let mut found = vec![if network.offline {
            Finding::ok("network", "offline by setting: only this machine is spoken to")
        } else {
            match network.allow.as_ref().map(|hosts| hosts.0.as_slice()) {
                None => Finding::ok("network", "connections may leave this machine"),
                Some([]) => Finding::ok("network", "`network.allow` is empty: only this machine is spoken to"),
                Some(hosts) => Finding::ok("network", format!("only to {}", hosts.join(", "))),
            }
        }];
        found.push(proxy(&bench.workplace.environment));
        if let Some(path) = &network.ca_file {
            let text = std::fs::read_to_string(path);
            found.push(match text {
                Ok(text) if text.contains("BEGIN CERTIFICATE") => {
                    Finding::ok("certificates", format!("also those in `{}`", path.display()))
                }
                Ok(_) => Finding::fail("certificates", format!("`{}` holds no certificate", path.display()))
                    .hint("`network.ca_file` wants a PEM file, which says `BEGIN CERTIFICATE`"),
                Err(error) => Finding::fail("certificates", format!("`{}` cannot be read: {error}", path.display()))
                    .hint("correct `network.ca_file`"),
            });
        }
        found
    }
    .boxed()
}

fn proxy(environment: &Environment) -> Finding {
    let set = PROXIES.iter().find_map(|name| Some((*name, environment.get(name)?)));
    let Some((name, value)) = set else { return Finding::ok("proxy", "none") };
    let except = ["NO_PROXY", "no_proxy"].iter().find_map(|name| environment.get(name));
    let except = except.map(|hosts| format!(", except for {hosts}")).unwrap_or_default();
    match shown(value) {
        Some(address) => Finding::ok("proxy", format!("{address} (`{name}`){except}")),
        None => Finding::fail("proxy", format!("`{name}` is no address"))
            .hint("write it as `http://host:port` or `socks5://host:port`, or unset it"),
    }
}

/// A proxy's address without the name and password it may carry.
fn shown(value: &str) -> Option<String> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&text).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let secret = if url.username().is_empty() { "" } else { " with a name and password" };
    Some(format!("{}://{}{port}{secret}", url.scheme(), url.host_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        assert_eq!(shown("http://ada:hunter2@proxy:3128").unwrap(), "http://proxy:3128 with a name and password");
        assert_eq!(shown("proxy:8080").unwrap(), "http://proxy:8080");
        assert_eq!(shown("::::"), None);
    }
}
