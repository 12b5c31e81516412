//! Makes untrusted text harmless before it reaches a cell: control characters, direction
//! overrides, invisible and tag characters become visible marks. It does not judge the words.
//!
//! The result depends only on the text, not on how it was cut into pieces: [`Cleaner`] keeps the
//! little state that a stream needs.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Stands for a character that would be invisible or would reorder its neighbours.
pub const MARK: char = '\u{FFFD}';

/// More marks than this on one base character are dropped: they would paint over other rows.
const MOST_COMBINING: u8 = 6;

/// Makes a whole text harmless. Keeps `\n` and `\t`, turns `\r\n` into `\n`; allocates only when
/// something had to change.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_plainly_safe(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut cleaner = Cleaner::default();
    cleaner.push(text, &mut out);
    cleaner.finish(&mut out);
    Cow::Owned(out)
}

/// Makes a text harmless and fit for one row: titles, file names, branch names.
pub fn single_line(text: &str) -> String {
    let cleaned = clean(text);
    let mut out = String::with_capacity(cleaned.len());
    for word in cleaned.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// True when a byte scan alone shows that nothing can be wrong: printable ASCII, `\n` and `\t`,
/// and two-byte letters (which hold no invisible characters but the soft hyphen and C1, both
/// below U+00C0, and combining marks from U+0300 on).
fn is_plainly_safe(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' | b'\t' | 0x20..=0x7E => {}
            // U+00C0..U+02FF: Latin letters.
            0xC3..=0xCB => {
                bytes.next();
            }
            _ => return false,
        }
    }
    true
}

/// Makes a stream of pieces harmless; the pieces may be cut anywhere.
#[derive(Clone, Debug, Default)]
pub struct Cleaner {
    carriage_return: bool,
    joinable: bool,
    combining: u8,
}

impl Cleaner {
    /// Appends the harmless form of `delta` to `out`.
    pub fn push(&mut self, delta: &str, out: &mut String) {
        if !self.carriage_return && is_plainly_safe(delta) {
            if let Some(last) = delta.chars().next_back() {
                self.joinable = !last.is_ascii();
                self.combining = 0;
            }
            out.push_str(delta);
            return;
        }
        for char in delta.chars() {
            self.one(char, out);
        }
    }

    /// Ends the stream: a carriage return that was held back is shown.
    pub fn finish(&mut self, out: &mut String) {
        if std::mem::take(&mut self.carriage_return) {
            out.push('␍');
        }
        *self = Self::default();
    }

    fn one(&mut self, char: char, out: &mut String) {
        if std::mem::take(&mut self.carriage_return) && char != '\n' {
            out.push('␍');
        }
        if char == '\r' {
            self.carriage_return = true;
            return;
        }
        let combining = is_combining(char);
        let joiner = matches!(char, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}');
        if combining {
            self.combining = self.combining.saturating_add(1);
            if self.combining <= MOST_COMBINING {
                out.push(char);
            }
            return;
        }
        if joiner {
            // Scripts and emoji need them after a character of their own; after ASCII they only hide
            // something. `#`, `*` and digits take the emoji selector for key caps.
            let keycap = char == '\u{FE0F}' && out.ends_with(|c: char| c.is_ascii_digit() || c == '#' || c == '*');
            if self.joinable || keycap {
                out.push(char);
                self.joinable = false;
            } else {
                out.push(MARK);
            }
            return;
        }
        self.combining = 0;
        let shown = visible(char);
        self.joinable = shown == char && !char.is_ascii();
        out.push(shown);
    }
}

fn is_combining(char: char) -> bool {
    !matches!(char, '\u{0}'..='\u{2FF}')
        && char.width() == Some(0)
        && !matches!(char, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
        // Jamo vowels and finals join their syllable; they do not stack.
        && !matches!(char, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FB}')
        && visible(char) == char
}

/// What is shown for one character.
fn visible(char: char) -> char {
    match char {
        '\n' | '\t' => char,
        // The control pictures block follows the order of the controls.
        '\u{0}'..='\u{1F}' => char::from_u32(0x2400 + char as u32).unwrap_or(MARK),
        '\u{7F}' => '␡',
        '\u{2028}' | '\u{2029}' => '␤',
        '\u{80}'..='\u{9F}'
        | '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => MARK,
        _ => char,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clean_text_is_not_copied() {
        for text in ["", "plain text\n\twith a tab", "Grüße, Łódź"] {
            assert!(matches!(clean(text), Cow::Borrowed(_)), "{text:?}");
        }
    }

    #[test]
    fn every_control_character_becomes_a_visible_mark() {
        for code in (0..0x20u32).chain(0x7F..0xA0) {
            let char = char::from_u32(code).unwrap();
            if matches!(char, '\n' | '\t') {
                continue;
            }
            let cleaned = clean(&format!("a{char}b")).into_owned();
            assert_eq!(cleaned.chars().count(), 3, "U+{code:04X}");
            assert!(!cleaned.chars().any(char::is_control), "U+{code:04X}");
        }
        assert_eq!(clean("\u{1b}[31mred"), "␛[31mred");
        assert_eq!(clean("a\r\nb\rc\r"), "a\nb␍c␍");
    }

    #[test]
    fn direction_overrides_tags_and_invisible_characters_are_marked() {
        let hidden = (0x202A..=0x202E).chain(0x2060..=0x206F).chain(0xE0000..=0xE007F).chain([0x200B, 0xFEFF, 0xAD]);
        for code in hidden {
            let text = format!("x{}y", char::from_u32(code).unwrap());
            assert_eq!(clean(&text), "x\u{FFFD}y", "U+{code:04X}");
        }
        assert_eq!(clean("a\u{200d}b"), "a\u{FFFD}b", "a joiner between plain letters hides something");
    }

    #[test]
    fn emoji_sequences_and_scripts_survive() {
        for text in ["👩‍🚀", "1️⃣", "❤️", "نمی‌خواهم", "e\u{301}", "한국어", "\u{1100}\u{1161}"]
        {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn stacked_marks_are_cut() {
        let zalgo = format!("a{}b", "\u{301}".repeat(500));
        assert_eq!(clean(&zalgo).chars().count(), 2 + usize::from(MOST_COMBINING));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in any::<String>(), cut in 0usize..64) {
            let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let mut out = String::new();
            let mut cleaner = Cleaner::default();
            cleaner.push(&text[..cut], &mut out);
            cleaner.push(&text[cut..], &mut out);
            cleaner.finish(&mut out);
            prop_assert_eq!(out, clean(&text).into_owned());
        }

        #[test]
        fn nothing_dangerous_is_left(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
