//! Builds the clients of the HTTP crate, on first use: start-up pays nothing for the network.

use std::sync::OnceLock;

use super::error::NetError;
use super::limit;
use super::resolve::{Lookup, Pinned};
use super::settings::NetSettings;

/// What a connection is for; each kind has its own rules. None follows a redirect by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests that may carry keys.
    Api,
    /// The same without encryption: never through a proxy, only to private addresses.
    Clear,
    /// Files without keys: bytes as they are.
    Download,
}

#[derive(Debug, Default)]
pub(super) struct Transports {
    api: OnceLock<Result<reqwest::Client, NetError>>,
    clear: OnceLock<Result<reqwest::Client, NetError>>,
    download: OnceLock<Result<reqwest::Client, NetError>>,
}

impl Transports {
    /// The client of a kind if it was built already.
    pub(super) fn built(&self, kind: Kind) -> Option<Result<reqwest::Client, NetError>> {
        self.slot(kind).get().cloned()
    }

    /// Builds it; reads the system's certificates, so not for a task that must not wait.
    pub(super) fn build(&self, kind: Kind, settings: &NetSettings) -> Result<reqwest::Client, NetError> {
        self.slot(kind).get_or_init(|| build(kind, settings, None)).clone()
    }

    fn slot(&self, kind: Kind) -> &OnceLock<Result<reqwest::Client, NetError>> {
        match kind {
            Kind::Api => &self.api,
            Kind::Clear => &self.clear,
            Kind::Download => &self.download,
        }
    }
}

/// A client of its own, for one host at known addresses.
pub(super) fn pinned(kind: Kind, settings: &NetSettings, pinned: &Pinned) -> Result<reqwest::Client, NetError> {
    build(kind, settings, Some(pinned))
}

fn build(kind: Kind, settings: &NetSettings, pinned: Option<&Pinned>) -> Result<reqwest::Client, NetError> {
    // A second call is refused by the crate and harmless: the first provider stays.
    rustls::crypto::ring::default_provider().install_default().ok();
    let extra = extra_certificates(settings)?;
    let builder = || {
        let mut builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_max_headers(limit::HEADERS)
            .tls_certs_merge(extra.iter().cloned());
        // Our own choice of proxy, because the list of connections tells it; else the system's.
        if let Some(proxies) = settings.proxies.clone() {
            builder = builder.no_proxy().proxy(reqwest::Proxy::custom(move |url| proxies.of(url).cloned()));
        }
        let builder = match kind {
            Kind::Api => builder.dns_resolver(Lookup::Any),
            Kind::Clear => builder.dns_resolver(Lookup::Private).no_proxy(),
            Kind::Download => builder.dns_resolver(Lookup::Any).no_gzip().no_brotli(),
        };
        match pinned.cloned() {
            Some(pinned) => builder.dns_resolver(pinned),
            None => builder,
        }
    };
    // A machine without certificates of its own (a bare container) uses Mozilla's, carried along.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_merge(carried_certificates()).build())
        .map_err(|error| NetError::invalid(format!("the HTTP client cannot be built: {}", error.without_url())))
}

fn carried_certificates() -> impl Iterator<Item = reqwest::Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok())
}

fn extra_certificates(settings: &NetSettings) -> Result<Vec<reqwest::Certificate>, NetError> {
    let Some(path) = &settings.extra_ca else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).map_err(|error| {
        NetError::invalid(format!("the certificate file `{}` cannot be read: {error}", path.display()))
    })?;
    let bundle = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|_| NetError::invalid(format!("`{}` holds no PEM certificates", path.display())))?;
    if bundle.is_empty() {
        return Err(NetError::invalid(format!("`{}` holds no PEM certificates", path.display())));
    }
    Ok(bundle)
}
