//! What can go wrong between this machine and a server. Texts name scheme and host, never a path,
//! a query or a header.

use std::fmt;

/// Why a name was refused that leads out of the private network.
pub(super) const PUBLIC: &str = "the name leads to a public address, where a key is not sent without encryption";

/// Which of the clocks ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Opening the connection, TLS included.
    Connect,
    /// From sending the request to the first byte of the answer's body.
    FirstByte,
    /// Between two pieces of the body.
    Idle,
    /// From sending the request to the last byte of the body.
    Total,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::FirstByte => "no first byte",
            Self::Idle => "no further byte",
            Self::Total => "no end of the answer",
        })
    }
}

/// A request that did not come through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The server cannot be reached: name not found, refused, proxy, TLS.
    #[error("{message}")]
    Offline { message: String },
    /// A clock ran out.
    #[error("{message}")]
    Timeout { clock: Clock, message: String },
    /// The connection was cut, or the body is not what its headers say.
    #[error("{message}")]
    Cut { message: String },
    /// More was sent than is accepted.
    #[error("{message}")]
    TooLarge { message: String },
    /// The settings do not allow this connection; no socket was opened.
    #[error("{message}")]
    Refused { message: String },
    /// A certificate, a proxy or a key stands in the way; trying again changes nothing.
    #[error("{message}")]
    Barred { message: String, hint: String },
    /// A download was answered with a status that is no success.
    #[error("{message}")]
    Status { status: u16, message: String },
    /// The address, a header or a certificate file is unusable.
    #[error("{message}")]
    Invalid { message: String },
}

impl NetError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }

    pub(super) fn timeout(clock: Clock, origin: &str, after: std::time::Duration) -> Self {
        Self::Timeout { clock, message: format!("{clock} from `{origin}` within {} s", seconds(after)) }
    }

    pub(super) fn barred(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Barred { message: message.into(), hint: hint.into() }
    }

    /// Classes a transport error.
    pub(super) fn from_reqwest(error: &reqwest::Error, way: &Way, connect: std::time::Duration) -> Self {
        let origin = &way.origin;
        let cause = root_cause(error);
        if error.is_timeout() && error.is_connect() {
            return Self::timeout(Clock::Connect, origin, connect);
        }
        if error.is_timeout() {
            return Self::Offline { message: format!("`{origin}` stopped answering: {cause}") };
        }
        if error.is_builder() {
            return Self::invalid(format!("the request to `{origin}` cannot be sent: {cause}"));
        }
        if cause.contains("invalid peer certificate") {
            return Self::barred(
                format!("`{origin}` shows a certificate that is not trusted here: {cause}"),
                "if your company checks encrypted traffic, name its certificate file in `network.ca_file`",
            );
        }
        if cause == PUBLIC {
            return key_in_clear(origin, &cause);
        }
        if let Some(proxy) = &way.proxy {
            if cause.contains("proxy authorization required") {
                return wants_password(proxy, origin);
            }
            if error.is_connect() || error.is_request() {
                let cause = cause.strip_prefix("tunnel error: ").unwrap_or(&cause);
                return Self::Offline { message: format!("the proxy `{proxy}` does not lead to `{origin}`: {cause}") };
            }
        }
        if error.is_connect() || error.is_request() {
            return Self::Offline { message: format!("`{origin}` cannot be reached: {cause}") };
        }
        Self::Cut { message: format!("the answer of `{origin}` broke off: {cause}") }
    }
}

/// Where a request goes, as far as texts may say it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Scheme, host and port.
    pub(super) origin: String,
    /// Host and port of the proxy before it.
    pub(super) proxy: Option<String>,
}

/// A proxy that lets nobody through whom it does not know.
pub(super) fn wants_password(proxy: &str, origin: &str) -> NetError {
    NetError::barred(
        format!("the proxy `{proxy}` asks for a name and a password before it leads to `{origin}` (status 407)"),
        "put them into the proxy's variable, such as `HTTPS_PROXY=http://name:password@host:port`",
    )
}

/// A key that everybody on the way could read.
pub(super) fn key_in_clear(origin: &str, why: &str) -> NetError {
    NetError::barred(
        format!("the key is not sent to `{origin}`: {why}"),
        "use a base URL that begins with `https://`; without encryption keys go only to this machine and private networks",
    )
}

fn seconds(duration: std::time::Duration) -> String {
    if duration.subsec_millis() == 0 {
        duration.as_secs().to_string()
    } else {
        format!("{:.1}", duration.as_secs_f64())
    }
}

/// The innermost cause; the outer texts hold addresses with their query.
fn root_cause(error: &reqwest::Error) -> String {
    let mut current: &dyn std::error::Error = error;
    while let Some(source) = current.source() {
        current = source;
    }
    match current.downcast_ref::<reqwest::Error>() {
        // No source at all: the text is reqwest's own and may end in the address.
        Some(own) if own.is_timeout() => "timed out".to_owned(),
        Some(_) => "the connection failed".to_owned(),
        None => current.to_string(),
    }
}
