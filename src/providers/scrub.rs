//! Takes secrets out of texts: values that are known, also encoded, and shapes that keys have.
//!
//! For recordings and error texts of providers. It cannot find a secret that looks like a word.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret stood.
pub const MARK: &str = "***";

/// Beginnings of keys by which they are known, and how long they are at least.
const SHAPES: &[(&str, usize)] = &[
    ("sk-", 16),
    ("sk_", 16),
    ("gsk_", 16),
    ("hf_", 16),
    ("xai-", 16),
    ("csk-", 16),
    ("fw_", 16),
    ("AIza", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("github_pat_", 20),
];

/// Knows the secrets of this run.
#[derive(Clone, Debug, Default)]
pub struct Scrubber {
    known: Vec<SecretString>,
}

impl Scrubber {
    /// A scrubber for these values; very short ones would blot out ordinary words and are left.
    pub fn new(known: Vec<SecretString>) -> Self {
        let mut all: Vec<SecretString> = known.into_iter().filter(|key| key.expose_secret().len() >= 6).collect();
        let coded: Vec<SecretString> =
            all.iter().filter(|key| key.expose_secret().len() >= 12).flat_map(encoded).collect();
        all.extend(coded);
        Self { known: all }
    }

    /// The text without secrets.
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in &self.known {
            if clean.contains(secret.expose_secret()) {
                clean = Cow::Owned(clean.replace(secret.expose_secret(), MARK));
            }
        }
        for (start, least) in SHAPES {
            if clean.contains(start) {
                clean = Cow::Owned(blot(&clean, start, *least));
            }
        }
        if clean.contains("earer ") {
            clean = Cow::Owned(blot_bearer(&clean));
        }
        clean
    }

    /// Cleans every text in a JSON value.
    pub fn scrub_value(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.scrub(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.scrub_value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// What a secret looks like in base64 (at each of its three alignments), hex, percent signs and JSON
/// escapes, and backwards: servers and their proxies echo what they got in forms of their own.
fn encoded(secret: &SecretString) -> Vec<SecretString> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let text = secret.expose_secret();
    let each = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>();
    let percent = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let mut forms = vec![
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(percent),
        each(percent).replace("%2F", "/"),
        each(|byte| format!("\\u{byte:04x}")),
        text.replace('/', "\\/"),
        text.chars().rev().collect(),
    ];
    for skip in 0..3 {
        let bytes = text.as_bytes().get(skip..).unwrap_or_default();
        let whole = bytes.get(..bytes.len() / 3 * 3).unwrap_or_default();
        forms.push(STANDARD_NO_PAD.encode(whole));
        forms.push(URL_SAFE_NO_PAD.encode(whole));
    }
    forms.retain(|form| form != text);
    forms.into_iter().map(SecretString::from).collect()
}

fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Replaces words that begin like a key and are as long as one.
fn blot(text: &str, start: &str, least: usize) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (head, tail) = rest.split_at(at);
        let end = tail.find(|c| !is_key(c)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        clean.push_str(head);
        let inside = head.chars().next_back().is_some_and(is_key);
        clean.push_str(if word.len() >= least && !inside { MARK } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn blot_bearer(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("earer ") {
        let (head, tail) = rest.split_at(at + "earer ".len());
        let end = tail.find(|c| !is_key(c)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        clean.push_str(head);
        clean.push_str(if word.len() >= 16 { MARK } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_goes_in_every_encoding() {
        use base64::Engine as _;
        let key = "Zq8/w+2=Lr5~tN0v?B";
        let scrubber = Scrubber::new(vec![key.into()]);
        for text in [
            base64::engine::general_purpose::STANDARD.encode(format!("user:{key}")),
            base64::engine::general_purpose::URL_SAFE.encode(key),
            key.bytes().map(|byte| format!("{byte:02x}")).collect(),
            "Zq8%2Fw%2B2%3DLr5~tN0v%3FB".to_owned(),
            "Zq8\\/w+2=Lr5~tN0v?B".to_owned(),
        ] {
            let clean = scrubber.scrub(&text);
            assert!(clean.contains(MARK) && clean.len() < text.len(), "{text}: {clean}");
        }
        assert_eq!(scrubber.scrub("nothing of it"), "nothing of it");
    }

    #[test]
    fn keys_go_and_words_stay() {
        let scrubber = Scrubber::new(vec!["my-own-secret".into(), "a".into()]);
        assert_eq!(scrubber.scrub("key my-own-secret!"), "key ***!");
        assert_eq!(scrubber.scrub("'sk-ant-0123456789abcdef' is bad"), "'***' is bad");
        assert_eq!(scrubber.scrub("Bearer abcdefghijklmnop1234, x"), "Bearer ***, x");
        assert_eq!(
            scrubber.scrub("a task-oriented risk-free sk-1 bearer of news"),
            "a task-oriented risk-free sk-1 bearer of news"
        );
        assert_eq!(scrubber.scrub("task-abcdefghijklmnopqrst"), "task-abcdefghijklmnopqrst");
    }
}
