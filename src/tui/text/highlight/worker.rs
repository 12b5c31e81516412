//! The thread that highlights. Documents take turns, some lines each; the state after every few
//! lines is kept, so that a changed text is done again only from where it differs.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};

use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};
use tokio::sync::mpsc;

use super::roles::Roles;
use super::{HighlightDone, HighlightKey, HighlightText, Language, Order, RoleSpan, Store};

/// Lines between two kept states, and the turn of one document.
const CHECKPOINT: usize = 64;

/// Longer lines are left plain: minified code costs more than it tells.
const LONGEST_LINE: usize = 2048;

#[derive(Clone)]
struct State {
    parse: ParseState,
    stack: ScopeStack,
}

/// A document at work.
struct Doc {
    key: HighlightKey,
    language: Language,
    text: String,
    /// Bytes of `text` that are done, always at a line's start.
    done: usize,
    lines: usize,
    /// Whether the last line counts although no line end came.
    complete: bool,
    state: Option<State>,
    /// `(bytes, lines, state)` at every checkpoint.
    checkpoints: Vec<(usize, usize, State)>,
}

impl Doc {
    fn new(key: HighlightKey, language: Language) -> Self {
        Self {
            key,
            language,
            text: String::new(),
            done: 0,
            lines: 0,
            complete: false,
            state: None,
            checkpoints: Vec::new(),
        }
    }

    /// The next line that can be done, without its line end, and where the one after it starts.
    fn next_line(&self) -> Option<(&str, usize)> {
        let rest = self.text.get(self.done..).filter(|rest| !rest.is_empty())?;
        match rest.find('\n') {
            Some(end) => Some((rest.get(..end)?, self.done + end + 1)),
            None if self.complete => Some((rest, self.text.len())),
            None => None,
        }
    }

    /// Takes another text, going back to the last state before the first difference.
    fn replace(&mut self, text: &str) {
        let same = self.text.bytes().zip(text.bytes()).take_while(|(old, new)| old == new).count();
        self.text.clear();
        self.text.push_str(text);
        self.complete = true;
        if same < self.done {
            self.back_to(same);
        }
        self.reopen_last_line();
    }

    /// Adds text at the end.
    fn append(&mut self, delta: &str) {
        self.text.push_str(delta);
        self.complete = false;
        self.reopen_last_line();
    }

    /// A last line that was done without its line end goes on after all.
    fn reopen_last_line(&mut self) {
        let done = self.text.get(..self.done).unwrap_or_default();
        if self.done < self.text.len() && !done.is_empty() && !done.ends_with('\n') {
            self.back_to(self.done - 1);
        }
    }

    /// Goes back to the last kept state that is not behind this byte.
    fn back_to(&mut self, byte: usize) {
        self.checkpoints.retain(|(bytes, _, _)| *bytes <= byte);
        match self.checkpoints.last() {
            Some((bytes, lines, state)) => {
                (self.done, self.lines, self.state) = (*bytes, *lines, Some(state.clone()));
            }
            None => (self.done, self.lines, self.state) = (0, 0, None),
        }
    }
}

pub(super) struct Worker {
    store: Store,
    notices: mpsc::Sender<HighlightDone>,
    syntaxes: SyntaxSet,
    roles: Roles,
    docs: HashMap<u64, Doc>,
    turns: VecDeque<u64>,
}

impl Worker {
    pub(super) fn new(store: Store, notices: mpsc::Sender<HighlightDone>) -> Self {
        Self {
            store,
            notices,
            syntaxes: two_face::syntax::extra_newlines(),
            roles: Roles::new(),
            docs: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// Works until every handle is gone.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            if self.turns.is_empty() {
                let Ok(order) = orders.recv() else { return };
                self.take(order);
            }
            loop {
                match orders.try_recv() {
                    Ok(order) => self.take(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            if let Some(doc) = self.turns.pop_front() {
                self.turn(doc);
            }
        }
    }

    fn take(&mut self, order: Order) {
        let (key, language, text) = match order {
            Order::Forget(doc) => {
                self.docs.remove(&doc);
                self.store.lock().unwrap_or_else(PoisonError::into_inner).remove(&doc);
                return;
            }
            Order::Request(key, language, text) => (key, language, text),
        };
        let doc = self.docs.entry(key.doc).or_insert_with(|| Doc::new(key, language.clone()));
        if doc.language != language {
            *doc = Doc::new(key, language);
        }
        doc.key = key;
        match text {
            HighlightText::Whole(text) => doc.replace(&text),
            HighlightText::Appended(delta) => doc.append(&delta),
            HighlightText::Finished => doc.complete = true,
        }
        if !self.turns.contains(&key.doc) {
            self.turns.push_back(key.doc);
        }
    }

    /// Does some lines of a document and tells.
    fn turn(&mut self, number: u64) {
        let Some(doc) = self.docs.get_mut(&number) else { return };
        let first = doc.lines;
        let mut fresh: Vec<Arc<[RoleSpan]>> = Vec::new();
        let syntax = find(&self.syntaxes, &doc.language);
        while fresh.len() < CHECKPOINT {
            let mut state =
                doc.state.take().unwrap_or_else(|| State { parse: ParseState::new(syntax), stack: ScopeStack::new() });
            let Some((line, next)) = doc.next_line() else {
                doc.state = Some(state);
                break;
            };
            fresh.push(one_line(line, &mut state, &self.syntaxes, &mut self.roles));
            doc.done = next;
            doc.lines += 1;
            if doc.lines % CHECKPOINT == 0 {
                doc.checkpoints.push((doc.done, doc.lines, state.clone()));
            }
            doc.state = Some(state);
        }
        let more = doc.next_line().is_some();
        let notice = HighlightDone { doc: number, version: doc.key.version, lines: doc.lines };
        {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            let done = store.entry(number).or_default();
            done.lines.truncate(first);
            done.lines.append(&mut fresh);
        }
        // A full queue means that the screen is about to look anyway.
        if self.notices.try_send(notice).is_err() {
            tracing::trace!("the screen has not read earlier notices");
        }
        if more {
            self.turns.push_back(number);
        }
    }
}

fn find<'a>(syntaxes: &'a SyntaxSet, language: &Language) -> &'a SyntaxReference {
    let token = match language.label() {
        "golang" => "go",
        "shell" | "console" | "zsh" | "shellsession" => "sh",
        "c++" => "cpp",
        "c#" | "csharp" => "cs",
        "jsonc" | "json5" | "jsonl" => "json",
        "mjs" | "cjs" | "node" => "js",
        "mts" | "cts" => "ts",
        "dockerfile" | "containerfile" => "Dockerfile",
        "makefile" => "Makefile",
        "patch" => "diff",
        "ps1" | "pwsh" => "powershell",
        other => other,
    };
    syntaxes.find_syntax_by_token(token).unwrap_or_else(|| syntaxes.find_syntax_plain_text())
}

/// The pieces of one line; the state moves behind it.
fn one_line(line: &str, state: &mut State, syntaxes: &SyntaxSet, roles: &mut Roles) -> Arc<[RoleSpan]> {
    if line.len() > LONGEST_LINE {
        return Arc::from([]);
    }
    let with_end = format!("{line}\n");
    let Ok(operations) = state.parse.parse_line(&with_end, syntaxes) else { return Arc::from([]) };
    let mut spans: Vec<RoleSpan> = Vec::new();
    let mut add = |start: usize, end: usize, stack: &ScopeStack| {
        let range = start..end.min(line.len());
        if range.is_empty() {
            return;
        }
        let role = roles.of(stack.as_slice());
        match spans.last_mut() {
            Some(last) if last.role == role && last.range.end == range.start => last.range.end = range.end,
            _ => spans.push(RoleSpan { range, role }),
        }
    };
    let mut at = 0;
    for (position, operation) in operations {
        add(at, position, &state.stack);
        at = position.max(at);
        // A definition that pops more than it pushed is the definition's fault: colours only.
        drop(state.stack.apply(&operation));
    }
    add(at, line.len(), &state.stack);
    Arc::from(spans)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::tui::theme::SyntaxRole;

    const CODE: &str = "/* a\ncomment */\nfn main() {\n    let x = \"text\"; // é\n}\n";

    fn done(requests: Vec<HighlightText>, language: &str) -> (Vec<Vec<RoleSpan>>, usize) {
        let store = Store::default();
        let (notices, mut told) = mpsc::channel(1024);
        let (sender, orders) = channel();
        let mut worker = Worker::new(Arc::clone(&store), notices);
        let key = HighlightKey { doc: 1, version: 1 };
        for text in requests {
            worker.take(Order::Request(key, Language::from_fence(language), text));
            while let Some(doc) = worker.turns.pop_front() {
                worker.turn(doc);
            }
        }
        drop(sender);
        worker.run(&orders);
        let mut turns = 0;
        while told.try_recv().is_ok() {
            turns += 1;
        }
        let lines = store.lock().unwrap().get(&1).map(|done| done.lines.iter().map(|line| line.to_vec()).collect());
        (lines.unwrap_or_default(), turns)
    }

    fn whole(text: &str) -> Vec<Vec<RoleSpan>> {
        done(vec![HighlightText::Whole(Arc::from(text))], "rust").0
    }

    #[test]
    fn growing_gives_the_same_as_whole() {
        let text = CODE.repeat(40);
        let expected = whole(&text);
        assert_eq!(expected.len(), 200);
        for step in [1, 7, 300] {
            let chars: Vec<char> = text.chars().collect();
            let mut requests: Vec<HighlightText> =
                chars.chunks(step).map(|piece| HighlightText::Appended(piece.iter().collect())).collect();
            requests.push(HighlightText::Finished);
            assert_eq!(done(requests, "rust").0, expected, "step {step}");
        }
    }

    #[test]
    fn an_edit_gives_the_same_as_the_whole_new_text() {
        let old = CODE.repeat(60);
        let at = old.len() / 2;
        let at = (at..).find(|at| old.is_char_boundary(*at)).unwrap();
        let new = format!("{}\"{}", &old[..at], &old[at..]);
        let requests = vec![HighlightText::Whole(Arc::from(&*old)), HighlightText::Whole(Arc::from(&*new))];
        assert_eq!(done(requests, "rust").0, whole(&new));
    }

    #[test]
    fn a_last_line_that_goes_on_is_done_again() {
        let requests = vec![
            HighlightText::Whole(Arc::from("let x = \"a")),
            HighlightText::Whole(Arc::from("let x = \"a b\";\nfn f")),
        ];
        assert_eq!(done(requests, "rust").0, whole("let x = \"a b\";\nfn f"));
        let requests = vec![
            HighlightText::Appended("let x = \"a".to_owned()),
            HighlightText::Finished,
            HighlightText::Appended(" b\";\nfn f".to_owned()),
            HighlightText::Finished,
        ];
        assert_eq!(done(requests, "rust").0, whole("let x = \"a b\";\nfn f"));
    }

    #[test]
    fn roles_are_what_they_seem() {
        let lines = whole(CODE);
        let role = |line: usize, text: &str| {
            let at = CODE.lines().nth(line).unwrap().find(text).unwrap();
            lines[line].iter().find(|span| span.range.contains(&at)).unwrap().role
        };
        assert_eq!(role(1, "comment"), SyntaxRole::Comment);
        assert_eq!(role(2, "fn"), SyntaxRole::Keyword);
        assert_eq!(role(2, "main"), SyntaxRole::Function);
        assert_eq!(role(3, "text"), SyntaxRole::String);
        assert_eq!(role(3, "// é"), SyntaxRole::Comment);
    }

    #[test]
    fn long_lines_and_unknown_languages_stay_plain() {
        let long = format!("let x = {};\nlet y = 1;\n", "1+".repeat(2000));
        let lines = whole(&long);
        assert!(lines[0].is_empty());
        assert!(!lines[1].is_empty());
        let (lines, _) = done(vec![HighlightText::Whole(Arc::from("anything\nat all"))], "no such language");
        assert!(lines.iter().flatten().all(|span| span.role == SyntaxRole::Plain));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn the_languages_people_use_are_known() {
        let syntaxes = two_face::syntax::extra_newlines();
        let tokens = "rust rs python py js javascript ts typescript tsx jsx go golang java kotlin swift c cpp c++ cs csharp \
            ruby rb php html css scss json jsonc yaml yml toml sql bash sh shell zsh console dockerfile makefile \
            diff markdown md xml lua haskell elixir scala zig vue svelte powershell r perl nix graphql terraform";
        for token in tokens.split_whitespace() {
            let syntax = find(&syntaxes, &Language::from_fence(token));
            assert_ne!(syntax.name, "Plain Text", "{token}");
        }
    }
}
