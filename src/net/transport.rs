//! Builds the clients of the HTTP crate, on first use: start-up pays nothing for the network.

use std::sync::OnceLock;

use url::Url;

use super::error::NetError;
use super::reach;
use super::settings::NetSettings;

/// What a connection is for; each kind has its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests that may carry keys: no redirects.
    Api,
    /// The same to this machine: never through a proxy.
    Local,
    /// Files without keys: redirects within reach, bytes as they are.
    Download,
}

impl Purpose {
    /// The kind for requests with keys to an address.
    pub(super) fn for_api(url: &Url) -> Self {
        if reach::is_loopback(url) { Self::Local } else { Self::Api }
    }
}

#[derive(Debug, Default)]
pub(super) struct Transports {
    api: OnceLock<Result<reqwest::Client, NetError>>,
    local: OnceLock<Result<reqwest::Client, NetError>>,
    download: OnceLock<Result<reqwest::Client, NetError>>,
}

impl Transports {
    /// The client of a kind if it was built already.
    pub(super) fn built(&self, purpose: Purpose) -> Option<Result<reqwest::Client, NetError>> {
        self.slot(purpose).get().cloned()
    }

    /// Builds it; reads the system's certificates, so not for a task that must not wait.
    pub(super) fn build(&self, purpose: Purpose, settings: &NetSettings) -> Result<reqwest::Client, NetError> {
        self.slot(purpose).get_or_init(|| build(purpose, settings)).clone()
    }

    fn slot(&self, purpose: Purpose) -> &OnceLock<Result<reqwest::Client, NetError>> {
        match purpose {
            Purpose::Api => &self.api,
            Purpose::Local => &self.local,
            Purpose::Download => &self.download,
        }
    }
}

fn build(purpose: Purpose, settings: &NetSettings) -> Result<reqwest::Client, NetError> {
    // A second call is refused by the crate and harmless: the first provider stays.
    rustls::crypto::ring::default_provider().install_default().ok();
    let extra = extra_certificates(settings)?;
    let builder = || {
        let mut builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect)
            .tls_certs_merge(extra.iter().cloned());
        builder = match purpose {
            Purpose::Api => builder.redirect(reqwest::redirect::Policy::none()),
            Purpose::Local => builder.redirect(reqwest::redirect::Policy::none()).no_proxy(),
            Purpose::Download => builder.redirect(follow_within(settings)).no_gzip().no_brotli(),
        };
        builder
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

fn follow_within(settings: &NetSettings) -> reqwest::redirect::Policy {
    let reach = settings.reach.clone();
    reqwest::redirect::Policy::custom(move |attempt| {
        let downgraded =
            attempt.url().scheme() == "http" && attempt.previous().iter().any(|url| url.scheme() == "https");
        if attempt.previous().len() > 10 {
            return attempt.error("too many redirects");
        }
        if downgraded {
            return attempt.error("a redirect away from https");
        }
        match reach.check(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(error) => attempt.error(error),
        }
    })
}
