//! Highlighting of code, off the UI task. The screen asks for a document and reads what is done
//! so far; syntaxes are loaded by the worker at the first request and never before. What comes
//! back are roles and not colours, so that a change of theme needs no second pass.

mod roles;
mod worker;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as channel};

use ratatui::text::Span;
use tokio::sync::mpsc;

use super::{sanitize, wrap};
use crate::tui::theme::{SyntaxRole, Theme};

/// Which text, and which state of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HighlightKey {
    /// A number from [`Highlighter::new_doc`].
    pub doc: u64,
    /// Rises with every change; it comes back with the result.
    pub version: u64,
}

/// What to highlight.
#[derive(Clone, Debug)]
pub enum HighlightText {
    /// The whole text; what it shares with the last one from the start is not done again.
    Whole(Arc<str>),
    /// More of it at the end. A last line without its line end waits for the rest.
    Appended(String),
    /// Nothing more comes: the last line is complete.
    Finished,
}

/// More of a document is highlighted; read it and draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighlightDone {
    /// The document.
    pub doc: u64,
    /// The version that was asked for.
    pub version: u64,
    /// Lines that are done, from the first on.
    pub lines: usize,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSpan {
    /// Bytes of the line.
    pub range: Range<usize>,
    /// What it is.
    pub role: SyntaxRole,
}

/// A language by the word that named it. Making one costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Language {
    token: String,
}

impl Language {
    /// By the name of a file.
    pub fn from_path(path: &str) -> Self {
        let path = Path::new(path);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let token = path.extension().and_then(|end| end.to_str()).unwrap_or(name);
        Self { token: token.to_lowercase() }
    }

    /// By the words behind a fence: `rust`, `rust,ignore`, `ts title="x.ts"`, `src/main.rs`.
    pub fn from_fence(info: &str) -> Self {
        let word = info.trim().split([' ', ',', '{', ';', '\t']).next().unwrap_or_default();
        let (first, rest) = word.split_once(':').unwrap_or((word, ""));
        if first.contains(['/', '.']) || (first.is_empty() && !rest.is_empty()) {
            return Self::from_path(if first.is_empty() { rest } else { first });
        }
        Self { token: first.to_lowercase() }
    }

    /// The word, empty when nothing was named.
    pub fn label(&self) -> &str {
        &self.token
    }
}

/// Lines of a document that are done.
#[derive(Debug, Default)]
struct Done {
    lines: Vec<Arc<[RoleSpan]>>,
}

type Store = Arc<Mutex<HashMap<u64, Done>>>;

#[derive(Debug)]
enum Order {
    Request(HighlightKey, Language, HighlightText),
    Forget(u64),
}

#[derive(Debug)]
struct Shared {
    orders: channel::Sender<Order>,
    /// What the thread needs, until it is started.
    unstarted: Mutex<Option<(channel::Receiver<Order>, mpsc::Sender<HighlightDone>)>>,
    store: Store,
    docs: AtomicU64,
}

/// The way to the worker; clones share it.
#[derive(Clone, Debug)]
pub struct Highlighter {
    shared: Arc<Shared>,
}

/// Notices that may wait; the store holds the truth, so one that is lost loses nothing.
const NOTICES: usize = 64;

impl Highlighter {
    /// Makes the handle; the thread starts with the first request.
    pub fn spawn() -> (Self, mpsc::Receiver<HighlightDone>) {
        let (orders, receiver) = channel::channel();
        let (notices, done) = mpsc::channel(NOTICES);
        let shared = Shared {
            orders,
            unstarted: Mutex::new(Some((receiver, notices))),
            store: Store::default(),
            docs: AtomicU64::new(1),
        };
        (Self { shared: Arc::new(shared) }, done)
    }

    /// A number for a new document.
    pub fn new_doc(&self) -> u64 {
        self.shared.docs.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks for a text. Returns at once.
    pub fn request(&self, key: HighlightKey, language: Language, text: HighlightText) {
        self.start();
        self.order(Order::Request(key, language, text));
    }

    /// Drops what is known about a document.
    pub fn forget(&self, doc: u64) {
        self.locked(|store| store.remove(&doc));
        self.order(Order::Forget(doc));
    }

    /// How many lines of a document are done, from the first on.
    pub fn done_lines(&self, doc: u64) -> usize {
        self.locked(|store| store.get(&doc).map_or(0, |done| done.lines.len()))
    }

    /// One line, if it is done.
    pub fn line(&self, doc: u64, line: usize) -> Option<Arc<[RoleSpan]>> {
        self.locked(|store| store.get(&doc)?.lines.get(line).cloned())
    }

    /// Several lines at once; shorter when fewer are done.
    pub fn lines(&self, doc: u64, range: Range<usize>) -> Vec<Arc<[RoleSpan]>> {
        self.locked(|store| {
            let Some(done) = store.get(&doc) else { return Vec::new() };
            let end = range.end.min(done.lines.len());
            done.lines.get(range.start..end).unwrap_or_default().to_vec()
        })
    }

    fn locked<T>(&self, read: impl FnOnce(&mut HashMap<u64, Done>) -> T) -> T {
        read(&mut self.shared.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn order(&self, order: Order) {
        if self.shared.orders.send(order).is_err() {
            // The worker is gone: code stays plain, which is no reason to disturb anybody.
            tracing::debug!("the highlighter does not run");
        }
    }

    fn start(&self) {
        let mut unstarted = self.shared.unstarted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((orders, notices)) = unstarted.take() else { return };
        let store = Arc::clone(&self.shared.store);
        let thread = std::thread::Builder::new().name("highlight".to_owned());
        if let Err(error) = thread.spawn(move || worker::Worker::new(store, notices).run(&orders)) {
            tracing::warn!(%error, "the highlighter cannot start");
        }
    }
}

/// A text that grows: it collects what comes and asks for whole lines only.
#[derive(Debug)]
pub struct Feed {
    highlighter: Highlighter,
    key: HighlightKey,
    language: Language,
    partial: String,
}

impl Feed {
    /// A new, empty document.
    pub fn new(highlighter: &Highlighter, language: Language) -> Self {
        let key = HighlightKey { doc: highlighter.new_doc(), version: 0 };
        Self { highlighter: highlighter.clone(), key, language, partial: String::new() }
    }

    /// The document's number.
    pub fn doc(&self) -> u64 {
        self.key.doc
    }

    /// More text at the end.
    pub fn push(&mut self, delta: &str) {
        let Some(end) = delta.rfind('\n') else {
            self.partial.push_str(delta);
            return;
        };
        let (whole, rest) = delta.split_at(end + 1);
        let mut lines = std::mem::replace(&mut self.partial, rest.to_owned());
        lines.push_str(whole);
        self.ask(HighlightText::Appended(lines));
    }

    /// Another text in its place.
    pub fn replace(&mut self, text: &str) {
        self.partial.clear();
        self.ask(HighlightText::Whole(Arc::from(text)));
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        if !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.ask(HighlightText::Appended(last));
            self.ask(HighlightText::Finished);
        }
    }

    fn ask(&mut self, text: HighlightText) {
        self.key.version += 1;
        self.highlighter.request(self.key, self.language.clone(), text);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.highlighter.forget(self.key.doc);
    }
}

/// A line of code in a theme's colours: harmless, tabs expanded. Spans that do not fit the text
/// are left out.
pub fn style_line(text: &str, spans: Option<&[RoleSpan]>, theme: &Theme) -> Vec<Span<'static>> {
    let plain = theme.syntax(SyntaxRole::Plain);
    let mut out: Vec<Span<'static>> = Vec::new();
    let mut add = |piece: &str, style| {
        if piece.is_empty() {
            return;
        }
        let cleaned = sanitize::clean(piece);
        let shown = wrap::expand_tabs(&cleaned);
        match out.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(&shown),
            _ => out.push(Span::styled(shown.into_owned(), style)),
        }
    };
    let mut at = 0;
    for span in spans.unwrap_or_default() {
        if span.range.start < at {
            continue;
        }
        let (Some(between), Some(piece)) = (text.get(at..span.range.start), text.get(span.range.clone())) else {
            break;
        };
        add(between, plain);
        add(piece, theme.syntax(span.role));
        at = span.range.end;
    }
    add(text.get(at..).unwrap_or_default(), plain);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_path_or_fence() {
        for (info, label) in [
            ("rust", "rust"),
            ("rust,ignore", "rust"),
            ("ts title=\"x\"", "ts"),
            ("src/main.rs", "rs"),
            ("py:tool.py", "py"),
            ("  ", ""),
        ] {
            assert_eq!(Language::from_fence(info).label(), label, "{info}");
        }
        assert_eq!(Language::from_path("a/Dockerfile").label(), "dockerfile");
        assert_eq!(Language::from_path("a/b.TSX").label(), "tsx");
    }

    #[test]
    fn spans_that_do_not_fit_are_left_out() {
        let theme = Theme::fallback();
        let span = |start, end| RoleSpan { range: start..end, role: SyntaxRole::Keyword };
        for spans in [vec![span(0, 99)], vec![span(1, 2)], vec![span(3, 2)], vec![span(0, 3), span(0, 1)]] {
            let text: String =
                style_line("été\t", Some(&spans), &theme).iter().map(|s| s.content.to_string()).collect();
            assert_eq!(text, "été    ");
        }
    }
}
