//! The transcript: items wrapped once each, drawn only where the eye is.
//!
//! It keeps no copy of the items; the session's state is passed in. What it keeps per item is the
//! wrapped form, made when the item is first seen and dropped when it is far from sight.

mod draw;
mod moves;
mod wrapped;

use std::fmt;

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::{CallId, FactBody, Glimpse, ItemKind, Live, Seq, SessionState, SessionView};
use crate::tui::panes::items::{self};
use crate::tui::panes::scroll::{Heights, Scroll, Top};
use crate::tui::text::highlight::Highlighter;
use crate::tui::text::markdown::Markdown;
use crate::tui::text::sanitize::clean;
use crate::tui::theme::Theme;

/// Columns before each row, for the bar that marks the person's words.
const GUTTER: u16 = 2;
/// Wrapped items kept beyond those in sight.
const KEPT: usize = 256;

/// What the wrapped form of an item depends on, beside the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    width: u16,
    stamp: u64,
}

/// The wrapped form.
enum Body {
    Rows(Vec<Line<'static>>),
    Document(Box<Markdown>, Vec<Line<'static>>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows(_) => "Rows",
            Self::Document(..) => "Document",
        })
    }
}

#[derive(Debug)]
struct Entry {
    seq: Seq,
    open: bool,
    body: Option<(Form, Body)>,
    height: Option<(Form, usize)>,
}

impl Entry {
    fn new(seq: Seq) -> Self {
        Self { seq, open: false, body: None, height: None }
    }

    fn stale(&mut self) {
        self.body = None;
        self.height = None;
    }
}

/// Where the end of the transcript was when the person scrolled away from it.
#[derive(Clone, Copy, Debug)]
struct Left {
    items: usize,
    rows_of_last: usize,
}

/// What one frame needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub state: &'a SessionState,
    pub live: &'a Live,
    pub theme: &'a Theme,
    /// The theme's stamp: what is wrapped in another theme is stale.
    pub stamp: u64,
    pub retry_key: &'a str,
    /// Text whose occurrences are marked.
    pub search: &'a str,
}

/// Rows of the screen whose content moved as a whole since the frame before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub top: u16,
    /// Exclusive.
    pub bottom: u16,
    /// Above zero when the content went up.
    pub lines: i32,
}

/// What drawing found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChatFrame {
    pub moved: Option<Moved>,
    /// Lines that came below the view since the person scrolled away; `None` while following.
    pub unseen: Option<usize>,
}

/// The chat pane.
#[derive(Debug, Default)]
pub struct Chat {
    entries: Vec<Entry>,
    answer: Option<Box<LiveAnswer>>,
    scroll: Scroll,
    left: Option<Left>,
    area: Rect,
    last: Option<(Rect, Form, Top)>,
    highlighter: Option<Highlighter>,
    expand_live: bool,
    swept: u64,
    /// Items wrapped so far: what the promise "only visible rows cost" is measured by.
    pub wrapped: u64,
}

struct LiveAnswer {
    document: Markdown,
    taken: usize,
}

impl fmt::Debug for LiveAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveAnswer({} bytes)", self.taken)
    }
}

impl Chat {
    /// A chat whose code blocks are coloured by a highlighter, where there is one.
    pub fn new(highlighter: Option<Highlighter>) -> Self {
        Self { highlighter, ..Self::default() }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        let highlighter = self.highlighter.take();
        *self = Self { highlighter, wrapped: self.wrapped, ..Self::default() };
    }

    /// Takes in a fact that was folded into `state` already.
    pub fn fact(&mut self, body: &FactBody, state: &SessionState) {
        match body {
            FactBody::TurnStarted { .. } => {
                self.answer = None;
                self.stale_last();
            }
            FactBody::Answered { text, .. } => {
                self.append(state);
                let document = self.answer.take().filter(|live| live.taken == text.len());
                if let (Some(mut live), Some(entry), Some((_, form, _))) =
                    (document, self.entries.last_mut(), self.last)
                {
                    live.document.finish();
                    entry.body = Some((form, Body::Document(Box::new(live.document), Vec::new())));
                }
            }
            FactBody::ToolAnswered { call, .. } => self.stale_call(call, state),
            FactBody::TurnEnded { .. } => {
                self.answer = None;
                // What was not answered will not be any more.
                for (entry, item) in self.entries.iter_mut().zip(&state.items) {
                    if matches!(&item.kind, ItemKind::Call { answer: None, .. }) {
                        entry.stale();
                    }
                }
            }
            FactBody::Undone { turn, .. } => {
                for (entry, item) in self.entries.iter_mut().zip(&state.items) {
                    if matches!(&item.kind, ItemKind::Change { change } if change.turn == *turn) {
                        entry.stale();
                    }
                }
            }
            // Any of them may be shown otherwise now.
            FactBody::Redone { .. } | FactBody::Rewound { .. } => self.entries.iter_mut().for_each(Entry::stale),
            _ => {}
        }
        self.append(state);
    }

    /// Takes in a glimpse.
    pub fn glimpse(&mut self, glimpse: &Glimpse, state: &SessionState) {
        match glimpse {
            Glimpse::Text { text } => self.push_live(text),
            Glimpse::Output { call, .. } => self.stale_call(call, state),
            _ => {}
        }
    }

    /// The call shows something else now.
    fn stale_call(&mut self, call: &CallId, state: &SessionState) {
        let index =
            state.items.iter().rposition(|item| matches!(&item.kind, ItemKind::Call { call: id, .. } if id == call));
        let Some(later) = index.and_then(|index| self.entries.get_mut(index..)) else { return };
        if let Some((entry, later)) = later.split_first_mut() {
            entry.stale();
            // A call that is told by others takes no row, and so changes the space before the next one.
            later.iter_mut().for_each(|entry| entry.height = None);
        }
    }

    /// Takes in a whole view, keeping the wrapped form of items that are still the same.
    pub fn snapshot(&mut self, view: &SessionView) {
        let same = self.entries.iter().zip(&view.state.items).take_while(|(e, item)| e.seq == item.seq).count();
        self.entries.truncate(same);
        for (entry, item) in self.entries.iter_mut().zip(&view.state.items) {
            if matches!(item.kind, ItemKind::Call { .. } | ItemKind::Ended { .. }) {
                entry.stale();
            }
        }
        self.append(&view.state);
        let live = &view.live.answer;
        let known = self.answer.as_ref().map_or(0, |a| a.taken);
        match live.get(known..) {
            Some(rest) if known > 0 => self.push_live(rest),
            _ => {
                self.answer = None;
                self.push_live(live);
            }
        }
    }

    fn push_live(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let highlighter = self.highlighter.clone();
        let live =
            self.answer.get_or_insert_with(|| Box::new(LiveAnswer { document: new_document(highlighter), taken: 0 }));
        live.document.push(text);
        live.taken += text.len();
    }

    fn append(&mut self, state: &SessionState) {
        let known = self.entries.len();
        if known < state.items.len() {
            self.stale_last();
        }
        self.entries.extend(state.items.iter().skip(known).map(|item| Entry::new(item.seq)));
    }

    /// The last item may show a key that works only while it is the last.
    fn stale_last(&mut self) {
        if let Some(entry) = self.entries.last_mut()
            && matches!(entry.body, Some((_, Body::Rows(_))))
        {
            entry.stale();
        }
    }

    /// Whether the end is followed.
    pub fn follows(&self) -> bool {
        self.scroll.follows()
    }

    /// Goes to the end and follows it.
    pub fn follow(&mut self) {
        self.scroll.follow();
        self.left = None;
    }

    /// Goes to the first item.
    pub fn to_start(&mut self, scene: Scene<'_>) {
        self.leave(scene);
        self.scroll.go_to(Top::default());
    }

    /// Rows of a page.
    pub fn page(&self) -> usize {
        usize::from(self.area.height).saturating_sub(2).max(1)
    }

    /// Scrolls by rows; below zero towards the start.
    pub fn scroll_by(&mut self, rows: isize, scene: Scene<'_>) {
        if rows < 0 {
            self.leave(scene);
        }
        let mut scroll = self.scroll;
        let height = usize::from(self.area.height);
        let mut measure = Measure { chat: self, scene };
        if rows < 0 {
            scroll.up(rows.unsigned_abs(), height, &mut measure);
        } else {
            scroll.down(rows.unsigned_abs(), height, &mut measure);
        }
        self.scroll = scroll;
        if scroll.follows() {
            self.left = None;
        }
    }

    /// The code of the last block of the last answer.
    pub fn last_code(&self, state: &SessionState) -> Option<String> {
        self.code_blocks(state).pop()
    }

    /// The code of every block of the last answer.
    pub fn code_blocks(&self, state: &SessionState) -> Vec<String> {
        let Some(text) = last_answer(state) else { return Vec::new() };
        let mut document = Markdown::new();
        document.set(&text);
        document.finish();
        document.all_code()
    }

    /// Remembers where the end was, when it is about to be left.
    fn leave(&mut self, scene: Scene<'_>) {
        if self.left.is_none() && self.scroll.follows() {
            let count = self.count(scene);
            let rows_of_last = count.checked_sub(1).map_or(0, |last| self.height_of(last, scene));
            self.left = Some(Left { items: count, rows_of_last });
        }
    }

    /// Lines that came since the end was left.
    fn unseen(&mut self, scene: Scene<'_>) -> usize {
        let Some(left) = self.left else { return 0 };
        let mut rows = 0;
        if let Some(last) = left.items.checked_sub(1) {
            rows += self.height_of(last, scene).saturating_sub(left.rows_of_last);
        }
        for item in left.items..self.count(scene) {
            rows += self.height_of(item, scene);
        }
        rows
    }

    /// Position of the view for a scrollbar: rows above, rows in sight, rows in all; rows of items
    /// never seen are guessed.
    pub fn extent(&self) -> (usize, usize, usize) {
        const GUESS: usize = 3;
        let top = self.last.map_or(Top::default(), |(_, _, top)| top);
        let (mut above, mut total) = (top.row, 0);
        for (index, entry) in self.entries.iter().enumerate() {
            let height = entry.height.map_or(GUESS, |(_, h)| h);
            total += height;
            if index < top.item {
                above += height;
            }
        }
        (above, usize::from(self.area.height), total.max(above + usize::from(self.area.height)))
    }

    /// Goes to a share of the transcript, as a scrollbar names it.
    pub fn to_share(&mut self, part: usize, of: usize, scene: Scene<'_>) {
        let count = self.count(scene);
        self.leave(scene);
        self.scroll.go_to(Top { item: count * part / of.max(1), row: 0 });
    }
}

struct Measure<'c, 's> {
    chat: &'c mut Chat,
    scene: Scene<'s>,
}

impl Heights for Measure<'_, '_> {
    fn count(&self) -> usize {
        self.chat.count(self.scene)
    }

    fn height(&mut self, item: usize) -> usize {
        self.chat.height_of(item, self.scene)
    }
}

fn new_document(highlighter: Option<Highlighter>) -> Markdown {
    highlighter.map_or_else(Markdown::new, Markdown::with_highlighter)
}

fn spaced(state: &SessionState, item: usize) -> bool {
    let before = state.items.iter().take(item).rev().find(|i| !items::silent(&i.kind));
    match (before, state.items.get(item)) {
        (Some(before), Some(item)) => items::spaced(&before.kind, &item.kind),
        _ => true,
    }
}

/// The text of the newest answer, without what is still being written.
pub fn last_answer(state: &SessionState) -> Option<String> {
    state.items.iter().rev().find_map(|item| match &item.kind {
        ItemKind::Answer { text, .. } => Some(clean(text).into_owned()),
        _ => None,
    })
}

fn line_text(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}
