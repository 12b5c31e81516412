//! Shows a file while its `write_file` arguments stream in.
//!
//! Reads the two top-level strings `path` and `content` out of JSON text that has not ended yet.
//! It judges nothing: when the arguments are complete they are parsed again, properly, and only
//! that decides what is written.

/// What the arguments so far say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePiece {
    /// The path is complete.
    Opened(String),
    /// More of the content.
    Text(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Between the members of the outermost object, or before it.
    #[default]
    Outside,
    /// In a member's name.
    Name,
    /// After a member's name.
    BeforeValue,
    /// In a string value of the outermost object.
    Value,
    /// In a value that is no string: skipped, with its nesting depth.
    Skipped(usize),
    /// In a string within a skipped value.
    SkippedString(usize),
}

/// An incremental reader of one call's arguments. Each character is looked at once.
#[derive(Debug, Default)]
pub struct LiveArguments {
    place: Place,
    name: String,
    path: Option<String>,
    path_so_far: String,
    /// Content that came before the path was known.
    held: String,
    escape: Escape,
    /// The first half of a character beyond the basic plane, waiting for its second.
    high_surrogate: Option<u32>,
}

#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After a backslash.
    Begun,
    /// In `\uXXXX`: the digits so far.
    Unicode(String),
}

impl LiveArguments {
    /// Takes more JSON text.
    pub fn push(&mut self, json: &str) -> Vec<FilePiece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for c in json.chars() {
            self.step(c, &mut text, &mut pieces);
        }
        self.flush(&mut text, &mut pieces);
        pieces
    }

    fn step(&mut self, c: char, text: &mut String, pieces: &mut Vec<FilePiece>) {
        match self.place {
            Place::Outside => {
                if c == '"' {
                    self.name.clear();
                    self.place = Place::Name;
                }
            }
            Place::Name => match self.unescape(c) {
                Some(Unescaped::Char(c)) => self.name.push(c),
                Some(Unescaped::End) => self.place = Place::BeforeValue,
                None => {}
            },
            Place::BeforeValue => match c {
                ':' => {}
                c if c.is_whitespace() => {}
                '"' => self.place = Place::Value,
                '{' | '[' => self.place = Place::Skipped(1),
                _ => self.place = Place::Skipped(0),
            },
            Place::Value => match self.unescape(c) {
                Some(Unescaped::Char(c)) => text.push(c),
                Some(Unescaped::End) => {
                    self.flush(text, pieces);
                    self.end_value(pieces);
                    self.place = Place::Outside;
                }
                None => {}
            },
            Place::Skipped(depth) => match c {
                '"' => self.place = Place::SkippedString(depth),
                '{' | '[' => self.place = Place::Skipped(depth + 1),
                '}' | ']' if depth > 0 => {
                    self.place = if depth == 1 { Place::Outside } else { Place::Skipped(depth - 1) }
                }
                ',' | '}' if depth == 0 => self.place = Place::Outside,
                _ => {}
            },
            Place::SkippedString(depth) => {
                if let Some(Unescaped::End) = self.unescape(c) {
                    self.place = Place::Skipped(depth);
                }
            }
        }
    }

    fn flush(&mut self, text: &mut String, pieces: &mut Vec<FilePiece>) {
        if text.is_empty() {
            return;
        }
        let text = std::mem::take(text);
        match self.name.as_str() {
            "path" => self.path_so_far.push_str(&text),
            "content" if self.path.is_some() => pieces.push(FilePiece::Text(text)),
            "content" => self.held.push_str(&text),
            _ => {}
        }
    }

    fn end_value(&mut self, pieces: &mut Vec<FilePiece>) {
        if self.name == "path" && self.path.is_none() {
            let path = std::mem::take(&mut self.path_so_far);
            pieces.push(FilePiece::Opened(path.clone()));
            self.path = Some(path);
            if !self.held.is_empty() {
                pieces.push(FilePiece::Text(std::mem::take(&mut self.held)));
            }
        }
    }

    /// One character of a JSON string; `None` while an escape is being read.
    fn unescape(&mut self, c: char) -> Option<Unescaped> {
        match &mut self.escape {
            Escape::None => match c {
                '\\' => {
                    self.escape = Escape::Begun;
                    None
                }
                '"' => Some(Unescaped::End),
                c => Some(Unescaped::Char(c)),
            },
            Escape::Begun => {
                self.escape = Escape::None;
                match c {
                    'n' => Some(Unescaped::Char('\n')),
                    't' => Some(Unescaped::Char('\t')),
                    'r' => Some(Unescaped::Char('\r')),
                    'b' => Some(Unescaped::Char('\u{8}')),
                    'f' => Some(Unescaped::Char('\u{c}')),
                    'u' => {
                        self.escape = Escape::Unicode(String::new());
                        None
                    }
                    c => Some(Unescaped::Char(c)),
                }
            }
            Escape::Unicode(digits) => {
                digits.push(c);
                if digits.len() < 4 {
                    return None;
                }
                let code = u32::from_str_radix(digits, 16).unwrap_or(0xfffd);
                self.escape = Escape::None;
                match (self.high_surrogate.take(), code) {
                    (None, 0xd800..0xdc00) => {
                        self.high_surrogate = Some(code);
                        None
                    }
                    (Some(high), 0xdc00..0xe000) => {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                        Some(Unescaped::Char(char::from_u32(code).unwrap_or('\u{fffd}')))
                    }
                    (_, code) => Some(Unescaped::Char(char::from_u32(code).unwrap_or('\u{fffd}'))),
                }
            }
        }
    }
}

enum Unescaped {
    Char(char),
    End,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&str]) -> (Option<String>, String) {
        let mut reader = LiveArguments::default();
        let (mut path, mut content) = (None, String::new());
        for piece in chunks.iter().flat_map(|chunk| reader.push(chunk)) {
            match piece {
                FilePiece::Opened(opened) => path = Some(opened),
                FilePiece::Text(text) => content.push_str(&text),
            }
        }
        (path, content)
    }

    #[test]
    fn nested_and_foreign_members_are_passed_over() {
        let json = r#"{"meta":{"path":"no","a":["]\""]},"n":1,"content":"first","path":"a.txt","ok":true}"#;
        assert_eq!(read(&[json]), (Some("a.txt".to_owned()), "first".to_owned()));
    }

    proptest! {
        #[test]
        fn any_content_at_any_cut_is_shown_as_it_will_be_written(content: String, cut in 0..400usize, ascii: bool) {
            let mut json = serde_json::json!({ "path": "src/ä.rs", "content": content }).to_string();
            if ascii {
                json = json.chars().flat_map(|c| {
                    let mut units = [0; 2];
                    let text = if c.is_ascii() { c.to_string() } else {
                        c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect()
                    };
                    text.chars().collect::<Vec<_>>()
                }).collect();
            }
            let cut = (0..=cut.min(json.len())).rev().find(|c| json.is_char_boundary(*c)).unwrap_or(0);
            let (a, b) = json.split_at(cut);
            prop_assert_eq!(read(&[a, b]), (Some("src/ä.rs".to_owned()), content));
        }
    }
}
