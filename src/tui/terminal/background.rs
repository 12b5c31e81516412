//! Asking the terminal for its background without waiting. The question is written behind the
//! first frame. The key reader does not know the answer and takes it for typed keys
//! (`alt-]`, `1`, `1`, `;` …), so [`Watch`] looks for that very sequence among the keys, takes it
//! out, and gives back every key that turns out to be one.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use crate::tui::theme::{Background, luminance};

/// The question (OSC 11); write it behind the first frame.
pub const QUERY: &[u8] = b"\x1b]11;?\x1b\\";

/// An answer is never longer.
const LONGEST: usize = 48;

/// What the colour of the ground means, from `COLORFGBG` (`15;0`), read by the caller.
pub fn from_colorfgbg(value: &str) -> Background {
    match value.rsplit(';').next().and_then(|ground| ground.parse::<u8>().ok()) {
        Some(0..=6 | 8) => Background::Dark,
        Some(7 | 9..=15) => Background::Light,
        _ => Background::Unknown,
    }
}

/// What came out of one key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It may belong to the answer: it is held.
    Held,
    /// These are keys that the person pressed.
    Keys(VecDeque<KeyEvent>),
    /// The answer is complete.
    Answer(Background),
}

/// Looks for the answer among the keys.
#[derive(Debug, Default)]
pub(super) struct Watch {
    held: VecDeque<KeyEvent>,
    text: String,
    expected: bool,
}

impl Watch {
    /// An answer may come from now on.
    pub(super) fn expect(&mut self) {
        self.expected = true;
    }

    /// Whether keys are held back.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives back what was held: no more of an answer came.
    pub(super) fn release(&mut self) -> VecDeque<KeyEvent> {
        self.text.clear();
        std::mem::take(&mut self.held)
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Seen {
        if !self.expected {
            return Seen::Keys(VecDeque::from([key]));
        }
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.held.is_empty() {
            if key.code == KeyCode::Char(']') && alt {
                self.held.push_back(key);
                return Seen::Held;
            }
            return Seen::Keys(VecDeque::from([key]));
        }
        self.held.push_back(key);
        match key.code {
            KeyCode::Char('\\') if alt => return self.end(),
            KeyCode::Char('g') if control => return self.end(),
            KeyCode::Char(char) if !alt && !control && self.fits(char) => {
                self.text.push(char);
                return Seen::Held;
            }
            _ => {}
        }
        Seen::Keys(self.release())
    }

    /// Whether the text so far with one more character may be the begin of an answer.
    fn fits(&self, next: char) -> bool {
        let at = self.text.len();
        match "11;rgb".chars().nth(at) {
            Some(wanted) => wanted == next,
            None => at < LONGEST && (next.is_ascii_hexdigit() || matches!(next, ':' | '/' | 'a')),
        }
    }

    fn end(&mut self) -> Seen {
        match judge(&self.text) {
            Some(background) => {
                self.release();
                self.expected = false;
                Seen::Answer(background)
            }
            None => Seen::Keys(self.release()),
        }
    }
}

/// `11;rgb:rrrr/gggg/bbbb` with one to four digits each, or `rgba:` with a fourth part.
fn judge(answer: &str) -> Option<Background> {
    let (_, parts) = answer.strip_prefix("11;rgb")?.split_once(':')?;
    let channels: Vec<u8> = parts.split('/').take(3).map(channel).collect::<Option<_>>()?;
    let [red, green, blue] = channels.try_into().ok()?;
    let light = luminance(Color::Rgb(red, green, blue))?;
    // Black text and white text are equally readable at 0.18.
    Some(if light > 0.18 { Background::Light } else { Background::Dark })
}

fn channel(digits: &str) -> Option<u8> {
    let value = u32::from_str_radix(digits, 16).ok()?;
    let most = 16u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
    u8::try_from(value.checked_mul(255)?.checked_div(most)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Vec<KeyEvent> {
        text.chars().map(|char| KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE)).collect()
    }

    fn alt(char: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(char), KeyModifiers::ALT)
    }

    /// What comes out of the watch: the keys, and the answer.
    fn run(keys: &[KeyEvent]) -> (Vec<KeyEvent>, Option<Background>) {
        let mut watch = Watch::default();
        watch.expect();
        let (mut out, mut answer) = (Vec::new(), None);
        for key in keys {
            match watch.key(*key) {
                Seen::Held => {}
                Seen::Keys(keys) => out.extend(keys),
                Seen::Answer(background) => answer = Some(background),
            }
        }
        out.extend(watch.release());
        (out, answer)
    }

    #[test]
    fn the_answer_is_taken_out_and_typed_keys_stay() {
        let mut keys = typed("ab");
        keys.push(alt(']'));
        keys.extend(typed("11;rgb:1e1e/1e1e/2e2e"));
        keys.push(alt('\\'));
        keys.extend(typed("cd"));
        assert_eq!(run(&keys), (typed("abcd"), Some(Background::Dark)));

        let mut keys = vec![alt(']')];
        keys.extend(typed("11;rgba:ff/FF/ff/ff"));
        keys.push(KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL));
        assert_eq!(run(&keys), (Vec::new(), Some(Background::Light)));
    }

    #[test]
    fn what_only_looks_like_it_comes_back_whole() {
        for tail in ["x", "11;x", "11;rgb:zz", ""] {
            let mut keys = vec![alt(']')];
            keys.extend(typed(tail));
            assert_eq!(run(&keys), (keys, None), "{tail}");
        }
        let mut endless = vec![alt(']')];
        endless.extend(typed(&format!("11;rgb:{}", "f".repeat(100))));
        assert_eq!(run(&endless), (endless, None));
    }

    #[test]
    fn nothing_is_held_when_no_answer_is_expected() {
        let mut watch = Watch::default();
        assert_eq!(watch.key(alt(']')), Seen::Keys(VecDeque::from([alt(']')])));
    }

    #[test]
    fn the_variable_is_read_as_terminals_write_it() {
        assert_eq!(from_colorfgbg("15;0"), Background::Dark);
        assert_eq!(from_colorfgbg("0;default;15"), Background::Light);
        assert_eq!(from_colorfgbg("x"), Background::Unknown);
    }
}
