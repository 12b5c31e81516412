//! What can go wrong with a provider, by what the caller can do about it.

use std::time::Duration;

use crate::domain::{Fault, FaultClass};

/// A failed request. Texts are the provider's own, without keys and addresses with keys.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProviderError {
    /// The key is missing, wrong or not allowed to do this.
    #[error("{message}")]
    Auth { message: String },
    /// No credit left, or a spending limit reached.
    #[error("{message}")]
    Quota { message: String },
    /// Too many requests; when to come back, if the provider said so.
    #[error("{message}")]
    RateLimited { message: String, after: Option<Duration> },
    /// The conversation does not fit the model's window.
    #[error("{message}")]
    TooLong { message: String },
    /// Declined for policy reasons.
    #[error("{message}")]
    Refused { message: String },
    /// The request was not accepted; the field it names, if any.
    #[error("{message}")]
    BadRequest { message: String, field: Option<String> },
    /// The model takes no pictures; nothing was sent.
    #[error("{message}")]
    NoImages { message: String },
    /// No such model there.
    #[error("{message}")]
    ModelGone { message: String },
    /// The provider cannot serve now; when to come back, if it said so.
    #[error("{message}")]
    Overloaded { message: String, after: Option<Duration> },
    /// The server cannot be reached.
    #[error("{message}")]
    Offline { message: String },
    /// The settings keep Kiln off the network; nothing was sent.
    #[error("{message}")]
    Withheld { message: String },
    /// A certificate, a proxy or a key stands in the way; trying again changes nothing.
    #[error("{message}")]
    Barred { message: String, hint: String },
    /// What came is no answer, or more than anybody wants; the same would come again.
    #[error("{message}")]
    Unusable { message: String },
    /// The stream broke, stalled or is not the protocol.
    #[error("{message}")]
    Broken { message: String },
    /// Embedded weights are not on this machine.
    #[error("{message}")]
    WeightsMissing { message: String, name: String },
    /// A recording has no answer for this request, or the embedded model failed.
    #[error("{message}")]
    Internal { message: String },
}

impl ProviderError {
    /// Whether the same request may succeed later, before any text was shown.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Overloaded { .. } | Self::Offline { .. } | Self::Broken { .. })
    }

    /// The provider's own words, to be cleaned of secrets before they go on.
    pub fn message_mut(&mut self) -> &mut String {
        match self {
            Self::Auth { message }
            | Self::Quota { message }
            | Self::RateLimited { message, .. }
            | Self::TooLong { message }
            | Self::Refused { message }
            | Self::BadRequest { message, .. }
            | Self::NoImages { message }
            | Self::ModelGone { message }
            | Self::Overloaded { message, .. }
            | Self::Offline { message }
            | Self::Withheld { message }
            | Self::Barred { message, .. }
            | Self::Unusable { message }
            | Self::Broken { message }
            | Self::WeightsMissing { message, .. }
            | Self::Internal { message } => message,
        }
    }

    /// A stream that is not what the protocol says.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::Broken { message: message.into() }
    }

    /// How long the provider asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Overloaded { after, .. } => *after,
            _ => None,
        }
    }

    /// The error as the person sees it; `provider` is the display name.
    #[expect(clippy::too_many_lines, reason = "a table: one row for each kind of error")]
    pub fn to_fault(&self, provider: &str) -> Fault {
        let detail = self.to_string();
        let (class, sentence, hint) = match self {
            Self::Auth { .. } => (
                FaultClass::Auth,
                format!("{provider} did not accept the key"),
                format!("set it with `kiln keys set {provider}` or in the provider's environment variable"),
            ),
            Self::Quota { .. } => (
                FaultClass::Quota,
                format!("{provider} says the account has no credit left"),
                "add credit at the provider, or choose another model with /model".to_owned(),
            ),
            Self::RateLimited { after, .. } => (
                FaultClass::RateLimited,
                match after {
                    Some(wait) => format!("{provider} allows no more requests for {} s", wait.as_secs().max(1)),
                    None => format!("{provider} allows no more requests for now"),
                },
                "wait and retry, or choose another model with /model".to_owned(),
            ),
            Self::TooLong { .. } => (
                FaultClass::TooLong,
                "the conversation no longer fits the model's window".to_owned(),
                "start afresh with /new, or choose a model with a larger window".to_owned(),
            ),
            Self::Refused { .. } => (
                FaultClass::Refused,
                format!("{provider} declined to answer this"),
                "say it differently, or choose another model with /model".to_owned(),
            ),
            Self::BadRequest { .. } => (
                FaultClass::BadRequest,
                format!("{provider} did not understand the request"),
                "choose another model with /model; if every model says this, it is a defect in Kiln".to_owned(),
            ),
            Self::NoImages { .. } => (
                FaultClass::BadRequest,
                "the model takes no pictures".to_owned(),
                "choose a model that does with /model, or leave the picture out".to_owned(),
            ),
            Self::ModelGone { .. } => (
                FaultClass::ModelGone,
                format!("{provider} does not have this model"),
                "choose one of its models with /model".to_owned(),
            ),
            Self::Overloaded { .. } => {
                (FaultClass::Overloaded, format!("{provider} cannot serve now"), "retry in a moment".to_owned())
            }
            Self::Offline { .. } => (
                FaultClass::Offline,
                format!("{provider} cannot be reached"),
                "check the network, the proxy and the base URL (`kiln config show`), then retry".to_owned(),
            ),
            Self::Withheld { .. } => (
                FaultClass::Offline,
                format!("{provider} was not asked"),
                "leave out `--offline`, change `network.offline` or `network.allow`, or choose a local model"
                    .to_owned(),
            ),
            Self::Unusable { .. } => (
                FaultClass::Broken,
                format!("{provider} sent what is no answer"),
                "check the base URL and the proxy (`kiln config show --origin`); what arrived was kept".to_owned(),
            ),
            Self::Barred { hint, .. } => (FaultClass::Offline, format!("{provider} cannot be reached"), hint.clone()),
            Self::Broken { .. } => (
                FaultClass::Broken,
                format!("the answer of {provider} broke off"),
                "what arrived was kept; retry".to_owned(),
            ),
            Self::WeightsMissing { name, .. } => (
                FaultClass::ModelGone,
                format!("the weights of {name} are not on this machine"),
                format!("fetch them with `kiln models pull {name}`"),
            ),
            Self::Internal { .. } => {
                (FaultClass::Internal, format!("{provider} failed"), "retry; if it stays, please report it".to_owned())
            }
        };
        let fault = Fault::new(class, sentence).hint(hint).detail(detail);
        if self.is_transient() || matches!(self, Self::Auth { .. } | Self::Quota { .. } | Self::Internal { .. }) {
            fault.retryable()
        } else {
            fault
        }
    }
}
