//! Classes refusals by what the caller can do, from whatever a server sends.
//!
//! Codes and types come from the vendors' documents; words in messages are the last resort for
//! servers that give no code.

use std::time::Duration;

use serde_json::Value;

use crate::net::Headers;
use crate::providers::error::ProviderError;

/// The parts of an error object, wherever a server puts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    pub message: String,
    /// `type` or `status`.
    pub kind: String,
    pub code: String,
    /// The field that is at fault.
    pub param: Option<String>,
}

/// Longest message that is kept, in characters.
const MESSAGE: usize = 2000;

impl ErrorBody {
    /// Reads a body of JSON, HTML or plain text.
    pub fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        match serde_json::from_str::<Value>(text.trim()) {
            Ok(value) => Self::from_value(&value),
            Err(_) if text.trim_start().starts_with('<') => Self {
                message: match title(&text) {
                    Some(title) => format!("a web page instead of an answer: {title}"),
                    None => "a web page instead of an answer".to_owned(),
                },
                ..Self::default()
            },
            Err(_) => Self { message: shorten(text.trim()), ..Self::default() },
        }
    }

    /// Reads an error object, or the document around it.
    pub fn from_value(value: &Value) -> Self {
        let value = match value {
            Value::Array(items) => items.first().unwrap_or(value),
            _ => value,
        };
        let inner = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let text_of = |name: &str| match inner.get(name).or_else(|| value.get(name)) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let mut message = match inner {
            Value::String(text) => text.clone(),
            _ => ["message", "detail", "error_description", "msg"]
                .iter()
                .map(|name| text_of(name))
                .find(|text| !text.is_empty())
                .unwrap_or_else(|| inner.to_string()),
        };
        // Routers put the words of the provider behind them here.
        if let Some(raw) = inner.pointer("/metadata/raw").and_then(Value::as_str) {
            message = format!("{message}: {raw}");
        }
        let kind = match text_of("type") {
            kind if kind.is_empty() || kind == "error" => text_of("status"),
            kind => kind,
        };
        let param = Some(text_of("param")).filter(|param| !param.is_empty());
        Self { message: shorten(&message), kind, code: text_of("code"), param }
    }

    /// The class of the error. A status inside a stream that began well is given as 200.
    pub fn class(self, status: u16, after: Option<Duration>) -> ProviderError {
        // Some servers write the status they mean as the code.
        let status = if status < 300 { self.code.parse().unwrap_or(status) } else { status };
        let words = self.message.to_ascii_lowercase();
        let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        let named = |names: &[&str]| names.iter().any(|name| self.kind == *name || self.code == *name);
        let message = if self.message.is_empty() { format!("status {status} without a word") } else { self.message };

        if named(QUOTA) || status == 402 || says(QUOTA_WORDS) {
            return ProviderError::Quota { message };
        }
        if named(TOO_LONG) || status == 413 || (status < 500 && status != 429 && says(TOO_LONG_WORDS)) {
            return ProviderError::TooLong { message };
        }
        if named(REFUSED) || (status == 403 && says(&["moderation", "flagged"])) {
            return ProviderError::Refused { message };
        }
        if named(AUTH) || matches!(status, 401 | 403) || (status == 400 && says(&["api key not valid"])) {
            return ProviderError::Auth { message };
        }
        if status == 429 || named(RATE) {
            return ProviderError::RateLimited { message, after };
        }
        if named(MODEL_GONE) || (status == 404 && says(&["model"])) {
            return ProviderError::ModelGone { message };
        }
        if status == 404 {
            let message = format!("{message} (status 404: is the base URL right?)");
            return ProviderError::BadRequest { message, field: None };
        }
        if matches!(status, 408 | 409 | 425) || status >= 500 || named(OVERLOADED) {
            return ProviderError::Overloaded { message, after };
        }
        ProviderError::BadRequest { message, field: self.param }
    }
}

const QUOTA: &[&str] = &[
    "insufficient_quota",
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "usage_not_included",
    "insufficient_balance",
    "insufficient_credits",
];
const QUOTA_WORDS: &[&str] =
    &["credit balance is too low", "insufficient balance", "insufficient credits", "exceeded your current quota"];
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "model_context_window_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "string_above_max_length",
];
const TOO_LONG_WORDS: &[&str] = &[
    "prompt is too long",
    "maximum context length",
    "context length exceeded",
    "context window",
    "exceeds the available context size",
    "reduce the length of the messages",
    "input is too long",
    "too many tokens in the prompt",
    "exceeds the maximum number of tokens",
    "input length exceeds",
];
const REFUSED: &[&str] =
    &["refusal", "content_filter", "content_policy_violation", "invalid_prompt", "bio_policy", "cyber_policy"];
const AUTH: &[&str] = &[
    "authentication_error",
    "permission_error",
    "invalid_api_key",
    "invalid_authentication",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
];
const RATE: &[&str] =
    &["rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "RESOURCE_EXHAUSTED"];
const MODEL_GONE: &[&str] = &["model_not_found", "model_not_supported", "model_not_available", "not_found_error"];
const OVERLOADED: &[&str] = &[
    "overloaded_error",
    "api_error",
    "timeout_error",
    "server_error",
    "server_is_overloaded",
    "slow_down",
    "internal_server_error",
    "engine_overloaded",
    "UNAVAILABLE",
    "INTERNAL",
];

/// Longer than anybody waits by itself.
const NOT_SOON: Duration = Duration::from_secs(24 * 3600);

/// Classes an answer whose status is no success.
pub(super) fn from_answer(status: u16, headers: &Headers, body: &[u8], after: Option<Duration>) -> ProviderError {
    if (300..400).contains(&status) {
        let place = headers.get("location").and_then(|location| url::Url::parse(location).ok());
        let place = place.map_or_else(|| "another address".to_owned(), |url| url.origin().ascii_serialization());
        let message = format!("the server points to {place}; keys are not sent on, so set the base URL to it");
        return ProviderError::BadRequest { message, field: None };
    }
    let mut read = ErrorBody::read(body);
    if read.message.is_empty() {
        read.message = format!("status {status} without a word");
    }
    match headers.get("x-should-retry") {
        Some("true") if status < 500 && status != 429 => ProviderError::Overloaded { message: read.message, after },
        // The server knows that trying again is of no use; the person may all the same.
        Some("false") if status >= 500 => ProviderError::Overloaded { message: read.message, after: Some(NOT_SOON) },
        _ => read.class(status, after),
    }
}

/// Whether a text names a field: the whole path, or an inner name that is no common word.
pub(super) fn names_field(text: &str, path: &str) -> bool {
    let inner = path.rsplit_once('.').map(|(_, name)| name).filter(|name| !matches!(*name, "format" | "display"));
    names_word(text, path) || inner.is_some_and(|inner| names_word(text, inner))
}

/// Whether a text names a word, not merely a longer one that holds it.
pub(super) fn names_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn title(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = lower.get(start..)?.find("</title>")? + start;
    let title = html.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(shorten(&title)).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> ProviderError {
        from_answer(status, &Headers::default(), body.as_bytes(), None)
    }

    #[test]
    fn codes_decide_before_the_status() {
        use ProviderError as E;
        let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        assert!(matches!(class(429, quota), E::Quota { .. }));
        assert!(matches!(class(429, r#"{"error":{"message":"slow"}}"#), E::RateLimited { .. }));
        let credit =
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#;
        assert!(matches!(class(400, credit), E::Quota { .. }));
        let long = r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
        assert!(matches!(class(400, long), E::TooLong { .. }));
        assert!(matches!(class(404, r#"{"error":{"code":"model_not_found","message":"no"}}"#), E::ModelGone { .. }));
        assert!(matches!(class(404, "404 page not found"), E::BadRequest { .. }));
        assert!(matches!(class(529, r#"{"error":{"type":"overloaded_error","message":"x"}}"#), E::Overloaded { .. }));
        assert!(matches!(class(403, "{}"), E::Auth { .. }));
    }

    #[test]
    fn any_body_gives_a_message() {
        for body in [
            "",
            "null",
            "[]",
            "{\"error\":null}",
            "<html><title>502 Bad\n Gateway</title>",
            "\u{0}",
            "{\"detail\":\"x\"}",
        ] {
            let error = class(502, body);
            assert!(!error.to_string().is_empty(), "{body}");
        }
        assert!(class(502, "<html><title>502 Bad\n Gateway</title>").to_string().contains("502 Bad Gateway"));
    }

    #[test]
    fn a_field_is_a_whole_word() {
        assert!(names_word("'max_tokens' is not supported", "max_tokens"));
        assert!(!names_word("unknown stream_options", "stream"));
    }
}
