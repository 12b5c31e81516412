//! What the client goes by; filled from the configuration, never from the environment here.

use std::path::PathBuf;
use std::time::Duration;

use super::proxy::Proxies;
use super::reach::Reach;

/// Clocks, certificates and limits of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// Opening a connection, TLS included.
    pub connect: Duration,
    /// From sending a request to the first byte of the answer's body.
    pub first_byte: Duration,
    /// Between two pieces of a body; any byte counts, keep-alive comments too.
    pub idle: Duration,
    /// From sending a request to the last byte; `None` lets a live stream go on for ever.
    pub total: Option<Duration>,
    /// A PEM file with certificates to trust besides the system's.
    pub extra_ca: Option<PathBuf>,
    pub reach: Reach,
    /// Proxies out of variables; `None` leaves it to the system's settings.
    pub proxies: Option<Proxies>,
    /// Where the list of connections is kept; `None` keeps it in memory only.
    pub log: Option<PathBuf>,
    pub user_agent: String,
}

impl Default for NetSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: None,
            extra_ca: None,
            reach: Reach::Anywhere,
            proxies: None,
            log: None,
            user_agent: concat!("kiln/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
