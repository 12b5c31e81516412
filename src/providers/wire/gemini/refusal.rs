//! Classes Google's errors: the wait and the kind of limit stand in the body, not in headers.

use std::time::Duration;

use serde_json::Value;

use super::super::errors::{self, ErrorBody};
use crate::net::Headers;
use crate::net::retry_after;
use crate::providers::error::ProviderError;

/// A limit that lasts longer than this is no matter of waiting.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

pub(super) fn from_answer(status: u16, headers: &Headers, body: &[u8], after: Option<Duration>) -> ProviderError {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            special(status, &value, after).unwrap_or_else(|| errors::from_answer(status, headers, body, after))
        }
        Err(_) => errors::from_answer(status, headers, body, after),
    }
}

/// An error object that came inside a stream.
pub(super) fn in_stream(value: &Value) -> ProviderError {
    special(200, value, None).unwrap_or_else(|| ErrorBody::from_value(value).class(200, None))
}

/// What Google tells in details: the wait, the kind of quota, a wrong key.
fn special(status: u16, value: &Value, after: Option<Duration>) -> Option<ProviderError> {
    let body = ErrorBody::from_value(value);
    let value = value.as_array().and_then(|items| items.first()).unwrap_or(value);
    let error = value.get("error").unwrap_or(value);
    let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
    if details().any(|detail| detail.get("reason").and_then(Value::as_str) == Some("API_KEY_INVALID")) {
        return Some(ProviderError::Auth { message: body.message });
    }
    if status != 429 && body.code != "429" && body.kind != "RESOURCE_EXHAUSTED" {
        return None;
    }
    let stated = details().find_map(|detail| retry_after::duration(detail.get("retryDelay")?.as_str()?));
    let after = stated.or(after);
    let violations = details().filter_map(|detail| detail.get("violations")?.as_array()).flatten();
    let mut quotas = violations.filter_map(|violation| violation.get("quotaId")?.as_str());
    let for_today = quotas.any(|quota| quota.contains("PerDay") || quota.contains("Daily"));
    let message = body.message;
    // The words are the same for a minute's limit and for a day's: only the details tell.
    Some(if for_today || after.is_some_and(|after| after > LONGEST_WAIT) {
        ProviderError::Quota { message }
    } else {
        ProviderError::RateLimited { message, after }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> ProviderError {
        from_answer(status, &Headers::default(), body.as_bytes(), None)
    }

    fn limited(quota: &str, delay: &str) -> ProviderError {
        let body = format!(
            r#"[{{"error":{{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[
            {{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaId":"{quota}"}}]}},
            {{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}]}}}}]"#
        );
        class(429, &body)
    }

    #[test]
    fn details_tell_a_wait_from_an_end() {
        let wait = limited("GenerateRequestsPerMinutePerProject", "34.5s");
        assert_eq!(wait.retry_after(), Some(Duration::from_millis(34_500)));
        assert!(matches!(limited("GenerateRequestsPerDayPerProject", "34s"), ProviderError::Quota { .. }));
        assert!(matches!(limited("PerMinute", "4000s"), ProviderError::Quota { .. }));
        let bare =
            r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}"#;
        assert!(matches!(class(429, bare), ProviderError::RateLimited { after: None, .. }));
    }

    #[test]
    fn a_wrong_key_and_other_errors() {
        let key = r#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#;
        assert!(matches!(class(400, key), ProviderError::Auth { .. }));
        let busy = r#"{"error":{"code":503,"message":"The model is overloaded","status":"UNAVAILABLE"}}"#;
        assert!(matches!(class(503, busy), ProviderError::Overloaded { .. }));
        let long = r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#;
        assert!(matches!(class(400, long), ProviderError::TooLong { .. }));
    }
}
