//! Takes the program's raw bytes apart into sequences, as a terminal would, with a reader of its own.

/// A piece of what a terminal is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// Printed text, and `\r`, `\n`, `\x08`.
    Text(char),
    /// `ESC [`: parameters and the last letter.
    Control { parameters: String, last: char },
    /// `ESC` and this.
    Escape(char),
    /// OSC, DCS, APC, PM or SOS: how it begins and what it holds.
    Text7 { kind: char, body: String },
    /// A C0 or C1 control character that stands alone.
    Stray(char),
}

impl Sequence {
    /// The codes of a change of colour or weight.
    pub fn pen(self) -> Option<String> {
        match self {
            Self::Control { parameters, last: 'm' } => Some(parameters),
            _ => None,
        }
    }
}

/// The sequences of these bytes; what is not UTF-8 is a stray replacement character.
pub fn sequences(raw: &[u8]) -> impl Iterator<Item = Sequence> {
    let text: Vec<char> = String::from_utf8_lossy(raw).chars().collect();
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = *text.get(at)?;
        at += 1;
        if first != '\u{1b}' {
            let plain = !first.is_control() || matches!(first, '\r' | '\n' | '\u{8}');
            return Some(if plain { Sequence::Text(first) } else { Sequence::Stray(first) });
        }
        let Some(kind) = text.get(at).copied() else { return Some(Sequence::Stray(first)) };
        at += 1;
        match kind {
            '[' => {
                let mut parameters = String::new();
                while let Some(next) = text.get(at).copied() {
                    at += 1;
                    if ('@'..='~').contains(&next) {
                        return Some(Sequence::Control { parameters, last: next });
                    }
                    parameters.push(next);
                }
                Some(Sequence::Stray(first))
            }
            ']' | 'P' | '_' | '^' | 'X' => {
                let mut body = String::new();
                while let Some(next) = text.get(at).copied() {
                    at += 1;
                    if next == '\u{7}' {
                        break;
                    }
                    if next == '\u{1b}' {
                        at += 1;
                        break;
                    }
                    body.push(next);
                }
                Some(Sequence::Text7 { kind, body })
            }
            other => Some(Sequence::Escape(other)),
        }
    })
}

/// Panics where the bytes hold a sequence that the program has no reason to send.
pub fn assert_own(raw: &[u8]) {
    for sequence in sequences(raw) {
        let known = match &sequence {
            Sequence::Text(char) => !is_direction(*char),
            Sequence::Stray(_) => false,
            Sequence::Escape(last) => *last == 'M',
            // The question about the background is the only one that asks.
            Sequence::Text7 { kind, body } => *kind == ']' && body == "11;?",
            Sequence::Control { parameters, last } => is_known(parameters, *last),
        };
        assert!(known, "the program never sends {sequence:?}");
    }
}

fn is_known(parameters: &str, last: char) -> bool {
    let plain = parameters.chars().all(|char| char.is_ascii_digit() || char == ';');
    match last {
        'H' | 'C' | 'K' | 'm' | 'r' => plain,
        'J' => parameters == "2",
        'h' | 'l' => {
            matches!(parameters, "?1049" | "?7" | "?2004" | "?1000" | "?1002" | "?1004" | "?1006" | "?2026" | "?25")
        }
        'u' => matches!(parameters, ">1" | "<1"),
        'q' => parameters == "0 ",
        _ => false,
    }
}

/// Characters that turn the direction of text, or hide.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
