//! What can go wrong between Kiln and a server of tools.

use std::time::Duration;

use crate::domain::{Fault, FaultClass};

/// A server or a call of it that came to nothing. Texts of servers are cut short and cleaned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum McpError {
    /// There is no such server or tool.
    #[error("{0}")]
    Unknown(String),
    /// It may not run, or a tool of it is not accepted.
    #[error("{0}")]
    Off(String),
    /// It could not be started, reached or understood.
    #[error("{0}")]
    Down(String),
    /// The address wants a token.
    #[error("the server `{server}` wants to know who asks")]
    Authorization { server: String, challenge: String },
    /// No word within the time.
    #[error("the server `{server}` did not answer within {} s", after.as_secs())]
    Late { server: String, after: Duration },
    /// It answered the call with an error.
    #[error("the server `{server}` answered: {message}")]
    Refused { server: String, message: String },
}

impl McpError {
    /// As a fault with a hint.
    pub fn to_fault(&self) -> Fault {
        let class = match self {
            Self::Unknown(_) | Self::Off(_) => FaultClass::Invalid,
            Self::Authorization { .. } => FaultClass::Auth,
            Self::Down(_) | Self::Late { .. } | Self::Refused { .. } => FaultClass::Offline,
        };
        let fault = Fault::new(class, self.to_string());
        match self {
            Self::Unknown(_) => fault.hint("`kiln mcp list` names the servers"),
            Self::Authorization { server, .. } => fault.hint(format!(
                "sign in with `kiln mcp login {server}`, or name the variable with its token: `kiln config set mcp.servers.{server}.token_env NAME`"
            )),
            _ => fault,
        }
    }
}
