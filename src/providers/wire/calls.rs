//! Tool calls on their way: numbering, made-up ids, and the check that arguments came whole.

use serde::de::IgnoredAny;

use super::super::chat::StreamEvent;

/// One call.
#[derive(Debug, Default)]
struct Call {
    /// The server's own number or place.
    key: Option<i64>,
    id: String,
    name: String,
    /// All that came of the arguments.
    json: String,
    /// How much of it went out; arguments are held back while they may still turn out to be `null`.
    sent: usize,
    /// Our number, once the call went out.
    index: Option<usize>,
    ended: bool,
}

/// What a server sends of a call in one piece; any part may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) key: Option<i64>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) json: &'a str,
}

/// Whether the arguments of all calls are whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    /// At least one was cut off or is no JSON object; its name.
    CutOff(String),
    /// A call never got a name.
    Nameless,
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    started: usize,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes a piece; `seed` makes the ids unique that we make up.
    pub(super) fn push(&mut self, piece: Piece<'_>, seed: &str, out: &mut Vec<StreamEvent>) {
        let at = self.place(&piece);
        let taken = self.calls.iter().enumerate().any(|(other, call)| other != at && call.id == piece.id);
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() && !taken {
            piece.id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            piece.name.clone_into(&mut call.name);
        }
        call.json.push_str(piece.json);
        if call.index.is_none() && !call.name.is_empty() {
            let index = self.started;
            self.started += 1;
            call.index = Some(index);
            if call.id.is_empty() {
                call.id = if seed.is_empty() { format!("call_{index}") } else { format!("call_{seed}_{index}") };
            }
            out.push(StreamEvent::ToolStarted { index, id: call.id.clone(), name: call.name.clone() });
        }
        call.flush(out);
    }

    /// Which call a piece belongs to. Servers number from anywhere, not at all, or give every call
    /// the number 0 and tell them apart by id.
    fn place(&mut self, piece: &Piece<'_>) -> usize {
        let other_id = |call: &Call| !piece.id.is_empty() && !call.id.is_empty() && call.id != piece.id;
        let found = match piece.key {
            Some(_) => self
                .calls
                .iter()
                .rposition(|call| call.key == piece.key)
                .filter(|at| self.calls.get(*at).is_some_and(|call| !other_id(call) || piece.name.is_empty())),
            None if !piece.id.is_empty() => self.calls.iter().rposition(|call| call.id == piece.id),
            None => self.calls.len().checked_sub(1).filter(|at| {
                let last = self.calls.get(*at);
                piece.name.is_empty() || last.is_some_and(|call| call.name.is_empty() || call.repeats(piece))
            }),
        };
        found.unwrap_or_else(|| {
            self.calls.push(Call { key: piece.key, ..Call::default() });
            self.calls.len() - 1
        })
    }

    /// Ends the call of a key, if its arguments are whole.
    pub(super) fn end(&mut self, key: i64, out: &mut Vec<StreamEvent>) {
        if let Some(call) = self.calls.iter_mut().rfind(|call| call.key == Some(key)) {
            call.end(out);
        }
    }

    /// Ends all calls that are still open, in order.
    pub(super) fn end_all(&mut self, out: &mut Vec<StreamEvent>) -> Ended {
        let mut result = Ended::Whole;
        for call in &mut self.calls {
            call.end(out);
            if !call.ended && result == Ended::Whole {
                result = match call.index {
                    Some(_) => Ended::CutOff(call.name.clone()),
                    None => Ended::Nameless,
                };
            }
        }
        result
    }
}

impl Call {
    /// Whether a piece without number and id, but with a name, only repeats this call's name.
    fn repeats(&self, piece: &Piece<'_>) -> bool {
        self.name == piece.name && !self.json.trim().is_empty() && !is_object(&self.json)
    }

    /// Sends what is surely part of an object.
    fn flush(&mut self, out: &mut Vec<StreamEvent>) {
        let Some(index) = self.index else { return };
        if "null".starts_with(self.json.trim()) {
            return;
        }
        let Some(rest) = self.json.get(self.sent..).filter(|rest| !rest.is_empty()) else { return };
        out.push(StreamEvent::ToolArguments { index, json: rest.to_owned() });
        self.sent = self.json.len();
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) {
        let Some(index) = self.index else { return };
        if self.ended {
            return;
        }
        // No arguments at all, or the word `null`, stand for an empty object.
        if self.sent == 0 && matches!(self.json.trim(), "" | "null") {
            "{}".clone_into(&mut self.json);
            self.flush(out);
        }
        if is_object(&self.json) {
            self.ended = true;
            out.push(StreamEvent::ToolEnded { index });
        }
    }
}

fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok()
}
