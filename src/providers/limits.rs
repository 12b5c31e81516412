//! What is left of a provider's limits, as the headers of its answers tell.

use std::time::Duration;

use jiff::Timestamp;

use crate::net::Headers;
use crate::net::retry_after::duration;

/// What may still be sent before a limit is reached; what the provider does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    pub requests_left: Option<u64>,
    pub tokens_left: Option<u64>,
    /// When the first of the limits that were told is full again.
    pub resets: Option<Timestamp>,
}

impl RateLimits {
    /// Reads Anthropic's headers and those that OpenAI and most others use; `None` without any.
    pub fn read(headers: &Headers, now: Timestamp) -> Option<Self> {
        let number = |names: &[&str]| names.iter().find_map(|name| headers.get(name)?.trim().parse().ok());
        let reset = |name: &&str| {
            let text = headers.get(name)?.trim();
            text.parse::<Timestamp>().ok().or_else(|| {
                let wait =
                    text.parse::<f64>().ok().map_or_else(|| duration(text), |s| Duration::try_from_secs_f64(s).ok());
                now.checked_add(wait?).ok()
            })
        };
        let limits = Self {
            requests_left: number(&["anthropic-ratelimit-requests-remaining", "x-ratelimit-remaining-requests"]),
            tokens_left: number(&["anthropic-ratelimit-tokens-remaining", "x-ratelimit-remaining-tokens"]),
            resets: RESETS.iter().filter_map(reset).min(),
        };
        (limits != Self::default()).then_some(limits)
    }
}

const RESETS: &[&str] = &[
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<RateLimits> {
        let headers = Headers(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        RateLimits::read(&headers, "2026-11-21T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn both_families_of_headers_are_read() {
        let limits = read(&[
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-tokens-remaining", "39000"),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T10:00:30Z"),
        ]);
        let resets = Some("2026-11-21T10:00:30Z".parse().unwrap());
        assert_eq!(limits, Some(RateLimits { requests_left: Some(49), tokens_left: Some(39000), resets }));
        let limits = read(&[
            ("x-ratelimit-remaining-requests", "9"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-reset-tokens", "12ms"),
        ])
        .unwrap();
        assert_eq!((limits.requests_left, limits.tokens_left), (Some(9), None));
        assert_eq!(limits.resets.unwrap().to_string(), "2026-11-21T10:00:00.012Z");
    }

    #[test]
    fn nonsense_says_nothing() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "many"), ("x-ratelimit-reset-tokens", "1e400")]), None);
    }
}
