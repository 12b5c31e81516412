//! One key with its modifiers, written `ctrl-alt-x`.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::domain::fault::{Fault, FaultClass};
use crate::tui::theme::nearest;

/// A key with its modifiers, in one form for all the ways terminals report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("minus", KeyCode::Char('-')),
];

impl Chord {
    /// The chord of a key that was pressed.
    pub fn of(key: KeyEvent) -> Self {
        Self::normal(key.code, key.modifiers)
    }

    /// Reads `ctrl-x`, `alt-enter`, `shift-tab`, `f5`, `G`, `?`.
    ///
    /// # Errors
    /// The text names no key.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((word, after)) = rest.split_once(['-', '+']) {
            let modifier = match word.to_ascii_lowercase().as_str() {
                "ctrl" | "control" | "c" => KeyModifiers::CONTROL,
                "alt" | "meta" | "option" | "a" => KeyModifiers::ALT,
                "shift" | "s" => KeyModifiers::SHIFT,
                "super" | "cmd" => KeyModifiers::SUPER,
                _ => break,
            };
            if after.is_empty() {
                break;
            }
            modifiers |= modifier;
            rest = after;
        }
        let code = key_code(rest).ok_or_else(|| {
            let fault = Fault::new(FaultClass::Invalid, format!("`{text}` is not a key"));
            match nearest(&rest.to_lowercase(), NAMED.iter().map(|(name, _)| *name)) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint("write keys like `ctrl-s`, `alt-enter`, `f5`, `pageup` or `?`"),
            }
        })?;
        Ok(Self::normal(code, modifiers))
    }

    /// Terminals differ in whether shift is reported with a capital letter or with back-tab.
    fn normal(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers =
            modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT | KeyModifiers::SUPER);
        let code = match code {
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            KeyCode::Char(char) if modifiers.contains(KeyModifiers::SHIFT) && char.is_ascii_lowercase() => {
                KeyCode::Char(char.to_ascii_uppercase())
            }
            // Control with a letter has no capital form in most terminals.
            KeyCode::Char(char) if modifiers == KeyModifiers::CONTROL => KeyCode::Char(char.to_ascii_lowercase()),
            code => code,
        };
        if matches!(code, KeyCode::Char(_) | KeyCode::BackTab) {
            modifiers.remove(KeyModifiers::SHIFT);
        }
        Self { code, modifiers }
    }
}

fn key_code(text: &str) -> Option<KeyCode> {
    let mut chars = text.chars();
    if let (Some(char), None) = (chars.next(), chars.next()) {
        return Some(KeyCode::Char(char));
    }
    let lower = text.to_lowercase();
    if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == lower) {
        return Some(*code);
    }
    let number: u8 = lower.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(KeyCode::F(number))
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::SUPER, "super-"),
            (KeyModifiers::CONTROL, "ctrl-"),
            (KeyModifiers::ALT, "alt-"),
            (KeyModifiers::SHIFT, "shift-"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::BackTab => f.write_str("shift-tab"),
            KeyCode::F(number) => write!(f, "f{number}"),
            KeyCode::Char(char) if char != ' ' => write!(f, "{char}"),
            code => f.write_str(NAMED.iter().find(|(_, known)| *known == code).map_or("?", |(name, _)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in ["ctrl-x", "alt-enter", "ctrl-alt-left", "shift-tab", "f12", "?", "G", "space", "ctrl--"] {
            assert_eq!(Chord::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Chord::parse("shift-g").unwrap(), Chord::parse("G").unwrap());
        assert!(Chord::parse("").is_err());
        assert!(Chord::parse("f99").is_err());
    }
}
