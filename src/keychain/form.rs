//! What ids, names and keys may look like, and how much of a key may be shown.
//!
//! It stores nothing and reads nothing.

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Fault, FaultClass};

/// Longest key we store, in bytes.
const MAX_KEY: usize = 8192;

/// A key as it may be shown: its last four characters, or nothing of a short one.
pub fn masked(key: &SecretString) -> String {
    let key = key.expose_secret();
    let length = key.chars().count();
    if length < 16 {
        return "***".to_owned();
    }
    let tail: String = key.chars().skip(length - 4).collect();
    match key.split_once('-') {
        Some((head, _)) if head.len() <= 4 && head.chars().all(|c| c.is_ascii_alphabetic()) => {
            format!("{head}-…{tail}")
        }
        _ => format!("…{tail}"),
    }
}

fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}

/// Refuses what is no name for a key.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if is_word(name) {
        return Ok(());
    }
    // Whoever pastes the key in place of its name must not see it in a log of the terminal.
    Err(Fault::new(FaultClass::Invalid, "this is no name for a key")
        .hint("a name has small letters, digits, `-` and `_`, such as `work`; the key itself is asked for"))
}

/// Refuses what is no provider's id.
pub(super) fn check_provider(provider: &str) -> Result<(), Fault> {
    if !is_word(provider) {
        return Err(Fault::new(FaultClass::Invalid, format!("`{}` is no provider's id", provider.escape_debug()))
            .hint("`kiln models list` names the providers, such as `openai` or `anthropic`"));
    }
    Ok(())
}

/// A key without the blanks and line ends that pasting brings.
pub(super) fn tidy(key: &SecretString) -> Result<SecretString, Fault> {
    let text = key.expose_secret().trim();
    let refuse =
        |why: &str| Err(Fault::new(FaultClass::Invalid, why).hint("paste the key once more, and nothing else"));
    if text.is_empty() {
        return refuse("the key is empty");
    }
    if text.len() > MAX_KEY {
        return refuse("the key is longer than 8192 bytes");
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("the key holds blanks or characters that no key has");
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_key_gives_away_four_characters() {
        for (key, shown) in [
            ("short", "***"),
            ("sk-0123456789abcd", "sk-…abcd"),
            ("gsk_0123456789wxyz", "…wxyz"),
            ("0123456789abcdef-x", "…ef-x"),
        ] {
            assert_eq!(masked(&SecretString::from(key)), shown);
        }
    }

    #[test]
    fn keys_are_tidied_or_refused() {
        let tidied = tidy(&SecretString::from(" sk-abc\r\n")).unwrap();
        assert_eq!(tidied.expose_secret(), "sk-abc");
        for bad in ["", "  \n", "two words", "esc\u{1b}[0m", "schlüssel"] {
            assert!(tidy(&SecretString::from(bad)).is_err(), "{bad:?} was taken");
        }
    }
}
