//! When a server wants to be asked again: `retry-after-ms`, `retry-after` in seconds or as a date,
//! or a sentence such as "try again in 1.5s".

use std::time::Duration;

use jiff::Timestamp;

use super::request::Headers;

/// The wait that the headers or, failing them, the body's text ask for.
pub fn retry_after(headers: &Headers, body: &str, now: Timestamp) -> Option<Duration> {
    let milliseconds = headers.get("retry-after-ms").and_then(|text| scaled(text, 0.001));
    milliseconds
        .or_else(|| headers.get("retry-after").and_then(|text| scaled(text, 1.0).or_else(|| until(text, now))))
        .or_else(|| in_text(body))
}

fn scaled(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

/// An HTTP date; one that has passed means at once.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// The wait in words: "try again in 6m0s", "retry in 300ms", "try again in 5 seconds".
fn in_text(body: &str) -> Option<Duration> {
    let lower = body.to_ascii_lowercase();
    ["again in ", "retry in ", "retry after "].iter().find_map(|mark| {
        let (_, rest) = lower.split_once(mark)?;
        duration(rest)
    })
}

/// Reads a run of numbers with units from the beginning of a text; also the form of rate headers.
pub fn duration(text: &str) -> Option<Duration> {
    let mut total: Option<f64> = None;
    let mut rest = text.trim_start();
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else { break };
        let tail = tail.trim_start_matches(' ');
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ms" | "milliseconds" | "millisecond" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => break,
        };
        total = Some(total.unwrap_or_default() + number * seconds);
        rest = tail;
    }
    Duration::try_from_secs_f64(total?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)], body: &str) -> Option<u128> {
        let headers = Headers(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        retry_after(&headers, body, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn all_forms_are_read() {
        assert_eq!(wait(&[("retry-after-ms", "1500"), ("retry-after", "9")], ""), Some(1500));
        assert_eq!(wait(&[("retry-after", "9")], "try again in 1s"), Some(9000));
        assert_eq!(wait(&[("retry-after", "0.5")], ""), Some(500));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 10:00:30 GMT")], ""), Some(30_000));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT")], ""), Some(0));
        assert_eq!(wait(&[], "Please try again in 1.5s. Visit"), Some(1500));
        assert_eq!(wait(&[], "Please try again in 300ms."), Some(300));
        assert_eq!(wait(&[], "Please try again in 6m0s."), Some(360_000));
        assert_eq!(wait(&[], "Please retry in 5 seconds"), Some(5000));
    }

    #[test]
    fn nonsense_is_no_wait() {
        assert_eq!(wait(&[("retry-after", "soon")], "try again in a while"), None);
        assert_eq!(wait(&[("retry-after", "-5")], ""), None);
        assert_eq!(wait(&[("retry-after", "1e300")], ""), None);
        assert_eq!(wait(&[("retry-after", "NaN")], ""), None);
    }
}
