//! Who answers: providers' models and what they can do.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{ModelName, ProviderId};

/// A model at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    pub provider: ProviderId,
    pub model: ModelName,
}

impl ModelRef {
    /// From the two names.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: ProviderId::new(provider), model: ModelName::new(model) }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// Whether the model can call tools over its provider's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolCalling {
    /// It takes tool definitions and answers with calls.
    #[default]
    Native,
    /// It only writes text; files travel in fenced blocks.
    None,
}

/// How a turn talks with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnProtocol {
    /// Plan and files are tool calls.
    Tools,
    /// Plan and files are fenced blocks in the answer's text.
    Fenced,
    /// As `Fenced`, but one small request a step, each answer held to a grammar: for models too
    /// small to keep a format by themselves.
    Guided,
}

/// How hard a model should think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all, where the model allows that.
    None,
    Minimal,
    Low,
    Medium,
    High,
    #[serde(rename = "xhigh")]
    ExtraHigh,
    Max,
}

impl Effort {
    /// The word for it, in settings and in most protocols.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Tokens to think with, for models that are told a number.
    pub fn budget(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Minimal => 512,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16_384,
            Self::ExtraHigh | Self::Max => 24_576,
        }
    }
}

/// Prices in billionths of a US dollar per token (equal to dollars per billion tokens). A part that
/// nobody published is `None`, never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    pub input: u64,
    pub cache_read: Option<u64>,
    pub cache_write_short: Option<u64>,
    pub cache_write_long: Option<u64>,
    pub output: u64,
}

impl Prices {
    /// A model that costs nothing, such as one that runs on this machine.
    pub const FREE: Self =
        Self { input: 0, cache_read: Some(0), cache_write_short: Some(0), cache_write_long: Some(0), output: 0 };

    /// What a usage costs at these prices; unknown as soon as tokens fall under an unknown price.
    pub fn cost(&self, usage: &super::usage::Usage) -> super::usage::Cost {
        use super::usage::{Cost, Money};
        let part = |tokens: u64, price: Option<u64>| match (tokens, price) {
            (0, _) => Cost::ZERO,
            (_, Some(price)) => Cost::Known(Money(tokens.saturating_mul(price))),
            (_, None) => Cost::Unknown,
        };
        part(usage.input_uncached, Some(self.input))
            .plus(part(usage.cache_read, self.cache_read))
            .plus(part(usage.cache_write_short, self.cache_write_short))
            .plus(part(usage.cache_write_long, self.cache_write_long))
            .plus(part(usage.output(), Some(self.output)))
    }
}

/// What is known of a model. Unknown parts are `None`, and the model is usable all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub reference: ModelRef,
    /// The provider's display name, or the model's name.
    pub title: String,
    /// Tokens of prompt and answer together.
    #[serde(default)]
    pub window: Option<u64>,
    /// Tokens of one answer at most.
    #[serde(default)]
    pub max_output: Option<u64>,
    #[serde(default)]
    pub prices: Option<Prices>,
    /// How a turn talks with it.
    pub protocol: TurnProtocol,
    /// What the person should know before relying on it, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ModelInfo {
    /// A model of which nothing but the name is known.
    pub fn unknown(reference: ModelRef) -> Self {
        Self {
            title: reference.model.as_str().to_owned(),
            reference,
            window: None,
            max_output: None,
            prices: None,
            protocol: TurnProtocol::Tools,
            note: None,
        }
    }
}
