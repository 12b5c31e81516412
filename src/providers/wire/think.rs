//! Reasoning that a model writes into its text between `<think>` and `</think>`.
//!
//! Only at the very beginning of an answer; later such tags are part of what the model says.

use crate::providers::chat::StreamEvent;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

#[derive(Debug, Default)]
enum State {
    /// Nothing but a possible beginning of the tag was seen.
    #[default]
    Start,
    Inside,
    /// Blank space after the closing tag is no part of the answer.
    Gap,
    Text,
}

/// Splits a text as it streams.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    state: State,
    /// What may turn out to be part of a tag.
    held: String,
}

impl Splitter {
    /// Takes more text.
    pub(super) fn push(&mut self, text: &str, out: &mut Vec<StreamEvent>) {
        if matches!(self.state, State::Text) {
            out.extend(StreamEvent::text(text));
            return;
        }
        self.held.push_str(text);
        loop {
            match self.state {
                State::Start => {
                    let seen = self.held.trim_start();
                    if let Some(rest) = seen.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        self.state = State::Inside;
                    } else if OPEN.starts_with(seen) {
                        return;
                    } else {
                        self.state = State::Text;
                    }
                }
                State::Inside => {
                    if let Some((reasoning, rest)) = self.held.split_once(CLOSE) {
                        out.extend(StreamEvent::reasoning(reasoning));
                        self.held = rest.to_owned();
                        self.state = State::Gap;
                    } else {
                        let keep = partial_tag(&self.held);
                        let rest = self.held.split_off(self.held.len() - keep);
                        out.extend(StreamEvent::reasoning(&self.held));
                        self.held = rest;
                        return;
                    }
                }
                State::Gap => {
                    self.held = self.held.trim_start().to_owned();
                    if self.held.is_empty() {
                        return;
                    }
                    self.state = State::Text;
                }
                State::Text => {
                    out.extend(StreamEvent::text(&std::mem::take(&mut self.held)));
                    return;
                }
            }
        }
    }

    /// Nothing more comes: what was held back is what it looks like.
    pub(super) fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Inside => out.extend(StreamEvent::reasoning(&held)),
            State::Start | State::Text => out.extend(StreamEvent::text(&held)),
            State::Gap => {}
        }
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn partial_tag(text: &str) -> usize {
    (1..CLOSE.len()).rev().find(|length| CLOSE.get(..*length).is_some_and(|tag| text.ends_with(tag))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut splitter, mut out) = (Splitter::default(), Vec::new());
        pieces.iter().for_each(|piece| splitter.push(piece, &mut out));
        splitter.finish(&mut out);
        let mut result = (String::new(), String::new());
        for event in out {
            match event {
                StreamEvent::Text { text } => result.1.push_str(&text),
                StreamEvent::Reasoning { text } => result.0.push_str(&text),
                other => panic!("{other:?}"),
            }
        }
        result
    }

    #[test]
    fn tags_are_found_at_every_cut() {
        let whole = "\n<think>a < b </th ü</think>\n\nHi <think>";
        for cut in (0..=whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            let (head, tail) = whole.split_at(cut);
            assert_eq!(split(&[head, tail]), ("a < b </th ü".into(), "Hi <think>".into()), "{cut}");
        }
    }

    #[test]
    fn other_text_is_left_as_it_is() {
        assert_eq!(split(&["  <thin", "g>"]), (String::new(), "  <thing>".into()));
        assert_eq!(split(&["<thi"]), (String::new(), "<thi".into()));
        assert_eq!(split(&["x <think>y</think>"]), (String::new(), "x <think>y</think>".into()));
        assert_eq!(split(&["<think>cut </thi"]), ("cut </thi".into(), String::new()));
    }
}
