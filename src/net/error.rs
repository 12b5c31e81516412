//! What can go wrong between this machine and a server. Texts name scheme and host, never a path,
//! a query or a header.

use std::fmt;

/// Which of the clocks ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Opening the connection, TLS included.
    Connect,
    /// From sending the request to the first byte of the answer's body.
    FirstByte,
    /// Between two pieces of the body.
    Idle,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::FirstByte => "no first byte",
            Self::Idle => "no further byte",
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

    /// Classes a transport error; `origin` is scheme and host.
    pub(super) fn from_reqwest(error: &reqwest::Error, origin: &str, connect: std::time::Duration) -> Self {
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
        if error.is_redirect() {
            return Self::Refused { message: format!("`{origin}` sent us elsewhere: {cause}") };
        }
        if error.is_connect() || error.is_request() {
            return Self::Offline { message: format!("`{origin}` cannot be reached: {cause}") };
        }
        Self::Cut { message: format!("the answer of `{origin}` broke off: {cause}") }
    }
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
        Some(own) if own.is_redirect() => "too many redirects".to_owned(),
        Some(_) => "the connection failed".to_owned(),
        None => current.to_string(),
    }
}
