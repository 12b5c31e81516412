//! What an examination of this machine found: one line a matter, with a verdict and a hint.

use serde::{Deserialize, Serialize};

/// How things stand in one matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Kiln works, but something is missing or odd.
    Warn,
    /// Something that was asked for does not work.
    Fail,
}

/// One line of an examination. Texts are in lower case without a full stop and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at, such as `database` or `provider openai`.
    pub name: String,
    pub state: Verdict,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(name: impl Into<String>, state: Verdict, text: impl Into<String>) -> Self {
        Self { name: name.into(), state, text: text.into(), hint: None }
    }

    /// All is well.
    pub fn ok(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, text)
    }

    /// Worth knowing.
    pub fn warn(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, text)
    }

    /// Broken.
    pub fn fail(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, text)
    }

    /// A fault as a finding, with its hint.
    pub fn from_fault(name: impl Into<String>, state: Verdict, fault: &super::Fault) -> Self {
        Self { name: name.into(), state, text: fault.to_string(), hint: fault.hint.clone() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
