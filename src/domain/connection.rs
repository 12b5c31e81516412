//! What is remembered of a request that left this program: where to and how much, never what.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One request over the network, or one that was refused. Holds no path, no query, no header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Tells the line of its beginning and the line of its end that they belong together.
    pub id: Uuid,
    pub began: Timestamp,
    pub purpose: Purpose,
    /// The host in its canonical form: lower case, punycode, no final dot.
    pub host: String,
    pub port: u16,
    /// The proxy that it went through, as `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    pub state: ConnectionState,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the request's head and body.
    pub sent: u64,
    /// Bytes of the answer's head and body, as they are after decompression.
    pub received: u64,
    /// From its beginning to the last byte.
    pub milliseconds: u64,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Under way, or the program ended before it did.
    Open,
    /// Answered; whoever asked has read what it wanted.
    Done,
    /// No answer, or one that broke off.
    Failed,
    /// Not allowed; no socket was opened.
    Refused,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A question to a model.
    Chat,
    /// A list of models, or what is known of one.
    Models,
    /// Counting the tokens of a question.
    Count,
    /// Looking whether a local server is there.
    Probe,
    /// A file, such as weights.
    Download,
    /// A newer catalogue of models.
    Catalogue,
    /// The person's own `pip`, a program of its own: only that it was started is known.
    Pip,
    /// A tool that a model called.
    Tool,
    /// A command in the sandbox that was granted the host.
    Command,
    /// Anything else.
    #[default]
    Other,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chat => "chat",
            Self::Models => "models",
            Self::Count => "count",
            Self::Probe => "probe",
            Self::Download => "download",
            Self::Catalogue => "catalogue",
            Self::Pip => "pip",
            Self::Tool => "tool",
            Self::Command => "command",
            Self::Other => "other",
        })
    }
}

impl Connection {
    /// The outcome in a word or two: `200`, `failed`, `refused`, `open`.
    pub fn outcome(&self) -> String {
        match (self.state, self.status) {
            (ConnectionState::Done, Some(status)) => status.to_string(),
            (ConnectionState::Failed, Some(status)) => format!("{status} cut"),
            (ConnectionState::Open, _) => "open".to_owned(),
            (ConnectionState::Done, None) => "done".to_owned(),
            (ConnectionState::Failed, None) => "failed".to_owned(),
            (ConnectionState::Refused, _) => "refused".to_owned(),
        }
    }

    /// Host and port as one writes them.
    pub fn place(&self) -> String {
        // Port 0 stands for a program of its own, whose ports nobody knows.
        if self.port == 0 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}
