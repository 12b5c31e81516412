//! Tokens and money. Buckets are disjoint, so sums are totals; an unknown price is unknown, never
//! zero.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Tokens of one or more requests, in buckets that do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens that no cache served and none stored.
    pub input_uncached: u64,
    /// Prompt tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives five minutes (or the provider's only kind).
    pub cache_write_short: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_long: u64,
    /// Answer tokens that the person can see, tool arguments included.
    pub output_visible: u64,
    /// Answer tokens spent on reasoning.
    pub output_reasoning: u64,
}

impl Usage {
    /// All tokens of the prompt.
    pub fn input(&self) -> u64 {
        self.input_uncached + self.cache_read + self.cache_write_short + self.cache_write_long
    }

    /// All tokens of the answer.
    pub fn output(&self) -> u64 {
        self.output_visible + self.output_reasoning
    }

    /// Prompt and answer together.
    pub fn total(&self) -> u64 {
        self.input() + self.output()
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_uncached += other.input_uncached;
        self.cache_read += other.cache_read;
        self.cache_write_short += other.cache_write_short;
        self.cache_write_long += other.cache_write_long;
        self.output_visible += other.output_visible;
        self.output_reasoning += other.output_reasoning;
    }
}

/// An amount in billionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

impl Money {
    /// Dollars for display, such as `$0.0042` or `$12.30`.
    pub fn display(self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "display only; exact to a cent far beyond any bill")]
        let dollars = self.0 as f64 / 1e9;
        if self.0 != 0 && dollars < 0.01 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
    }
}

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Every part has a known price.
    Known(Money),
    /// At least one part has no known price.
    #[default]
    Unknown,
}

impl Cost {
    /// Nothing spent: the start of a sum.
    pub const ZERO: Self = Self::Known(Money(0));

    /// The sum; unknown as soon as one side is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => Self::Known(Money(a.0.saturating_add(b.0))),
            _ => Self::Unknown,
        }
    }
}
