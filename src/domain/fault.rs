//! What went wrong, as data: the same shape is an item in the chat, a line on stderr and a body
//! on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An error by what the person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The key is missing, wrong or not allowed.
    Auth,
    /// No credit or a spending limit was reached.
    Quota,
    /// Too many requests for now.
    RateLimited,
    /// The conversation no longer fits the model's window.
    TooLong,
    /// The provider declined for policy reasons.
    Refused,
    /// The request was not understood by the provider.
    BadRequest,
    /// The model does not exist there, or no longer.
    ModelGone,
    /// The provider is up but cannot serve now.
    Overloaded,
    /// The network or the server cannot be reached.
    Offline,
    /// The stream broke off, stalled, or held something that is not the protocol.
    Broken,
    /// Something that was asked for does not exist or is not possible as asked.
    Invalid,
    /// Something stands already where something new was to be; it may be replaced when asked for.
    Exists,
    /// A file, the disk or the database did not do what was asked.
    Storage,
    /// A defect in Kiln itself.
    Internal,
}

/// Whether the very same request may succeed when sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Sending it again may succeed.
    MayHelp,
    /// Something has to change first.
    WillNotHelp,
}

/// What happened, to what, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The kind, for programs.
    pub class: FaultClass,
    /// One sentence in lower case without a full stop: what happened, to what.
    pub sentence: String,
    /// What to do next, in the same style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The other side's own words, cleaned of secrets and shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether one key press may mend it.
    pub retry: Retry,
}

impl Fault {
    /// A fault that does not go away by asking again.
    pub fn new(class: FaultClass, sentence: impl Into<String>) -> Self {
        Self { class, sentence: sentence.into(), hint: None, detail: None, retry: Retry::WillNotHelp }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the other side's words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if !detail.trim().is_empty() {
            self.detail = Some(detail);
        }
        self
    }

    /// Marks that the same request may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = Retry::MayHelp;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
