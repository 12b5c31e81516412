//! The transcript: items wrapped once each, drawn only where the eye is.
//!
//! It keeps no copy of the items; the session's state is passed in. What it keeps per item is the
//! wrapped form, made when the item is first seen and dropped when it is far from sight.

use std::fmt;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::{CallId, FactBody, Glimpse, ItemKind, Live, Seq, SessionState, SessionView};
use crate::tui::panes::items::{self, Around};
use crate::tui::panes::scroll::{Heights, Scroll, Top};
use crate::tui::text::highlight::Highlighter;
use crate::tui::text::markdown::Markdown;
use crate::tui::text::sanitize::clean;
use crate::tui::theme::{Role, Theme};

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
            FactBody::TurnEnded { .. } => self.answer = None,
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

    /// Goes to the person's message before or after the view.
    pub fn to_message(&mut self, forward: bool, scene: Scene<'_>) {
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let is_user =
            |index: &usize| matches!(scene.state.items.get(*index).map(|i| &i.kind), Some(ItemKind::User { .. }));
        let found = if forward {
            (top.item + 1..scene.state.items.len()).find(is_user)
        } else {
            (0..top.item + usize::from(top.row > 1)).rev().find(is_user)
        };
        if let Some(item) = found {
            self.leave(scene);
            self.scroll.go_to(Top { item, row: usize::from(item > 0) });
        } else if forward {
            self.follow();
        }
    }

    /// Goes to the next or previous item that holds a text; `false` when none does.
    pub fn find(&mut self, needle: &str, forward: bool, scene: Scene<'_>) -> bool {
        if needle.is_empty() {
            return false;
        }
        let needle = needle.to_lowercase();
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let count = self.entries.len();
        let order: Vec<usize> = if forward {
            (top.item..count).chain(0..top.item).collect()
        } else {
            (0..=top.item.min(count.saturating_sub(1))).rev().chain((top.item + 1..count).rev()).collect()
        };
        for item in order {
            if !scene.state.items.get(item).is_some_and(|i| item_text(&i.kind).to_lowercase().contains(&needle)) {
                continue;
            }
            self.ensure(item, scene);
            let rows = self.height_of(item, scene);
            let hits: Vec<usize> = (0..rows)
                .filter(|row| {
                    self.row(item, *row, scene).is_some_and(|l| line_text(l).to_lowercase().contains(&needle))
                })
                .collect();
            let hit = if item == top.item && forward {
                hits.iter().find(|r| **r > top.row).copied()
            } else if item == top.item {
                hits.iter().rev().find(|r| **r < top.row).copied()
            } else if forward {
                hits.first().copied()
            } else {
                hits.last().copied()
            };
            if let Some(row) = hit {
                self.leave(scene);
                self.scroll.go_to(Top { item, row });
                return true;
            }
        }
        false
    }

    /// Folds or unfolds the item at a screen row, or the last one in sight that can be.
    pub fn toggle_fold(&mut self, at: Option<u16>, scene: Scene<'_>) -> bool {
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let mut rows = 0usize;
        let mut found = None;
        let mut item = top.item;
        while rows < height && item < self.count(scene) {
            let from = rows;
            let skipped = if item == top.item { top.row } else { 0 };
            rows += self.height_of(item, scene).saturating_sub(skipped);
            let hit = at.is_none_or(|y| (from..rows).contains(&usize::from(y.saturating_sub(self.area.y))));
            let live_reasoning = item == self.entries.len() && !scene.live.reasoning.is_empty();
            let can = live_reasoning || scene.state.items.get(item).is_some_and(|i| items::foldable(&i.kind));
            if hit && can {
                found = Some(item);
            }
            item += 1;
        }
        let Some(item) = found else { return false };
        match self.entries.get_mut(item) {
            Some(entry) => {
                entry.open = !entry.open;
                entry.stale();
            }
            None => self.expand_live = !self.expand_live,
        }
        true
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

    fn count(&self, scene: Scene<'_>) -> usize {
        self.entries.len() + usize::from(!scene.live.reasoning.is_empty()) + usize::from(self.answer.is_some())
    }

    fn form(&self, scene: Scene<'_>) -> Form {
        Form { width: self.area.width.saturating_sub(GUTTER + 1).max(1), stamp: scene.stamp }
    }

    fn around<'a>(&self, index: usize, expanded: bool, scene: Scene<'a>) -> Around<'a> {
        let width = self.form(scene).width;
        Around {
            state: scene.state,
            live: scene.live,
            index,
            width,
            theme: scene.theme,
            expanded,
            retry_key: scene.retry_key,
        }
    }

    /// Makes the wrapped form of an item, unless it is there.
    fn ensure(&mut self, item: usize, scene: Scene<'_>) {
        let form = self.form(scene);
        let highlighter = self.highlighter.clone();
        let open = self.entries.get(item).is_some_and(|e| e.open);
        let around = self.around(item, open, scene);
        let (Some(entry), Some(source)) = (self.entries.get_mut(item), scene.state.items.get(item)) else { return };
        if entry.body.as_ref().is_some_and(|(f, _)| *f == form) && entry.height.is_some_and(|(f, _)| f == form) {
            return;
        }
        self.wrapped += 1;
        let lead = usize::from(item > 0 && spaced(scene.state, item));
        let (body, rows) = match &source.kind {
            ItemKind::Answer { text, whole, .. } => {
                let mut document = match entry.body.take() {
                    Some((_, Body::Document(document, _))) => document,
                    _ => {
                        let mut document = Box::new(new_document(highlighter));
                        document.set(text);
                        document.finish();
                        document
                    }
                };
                let tail = if *whole {
                    Vec::new()
                } else {
                    vec![Line::styled("… cut off here", scene.theme.style(Role::Warning))]
                };
                let rows = document.lines(form.width, scene.theme).len() + tail.len();
                (Body::Document(document, tail), rows)
            }
            _ => {
                let lines = items::lines(source, around);
                let rows = lines.len();
                (Body::Rows(lines), rows)
            }
        };
        entry.body = Some((form, body));
        entry.height = Some((form, if rows == 0 { 0 } else { rows + lead }));
    }

    fn height_of(&mut self, item: usize, scene: Scene<'_>) -> usize {
        let form = self.form(scene);
        if let Some(entry) = self.entries.get(item) {
            if let Some((known, height)) = entry.height
                && known == form
            {
                return height;
            }
            self.ensure(item, scene);
            return self.entries.get(item).and_then(|e| e.height).map_or(0, |(_, height)| height);
        }
        let lead = usize::from(item > 0);
        if item == self.entries.len() && !scene.live.reasoning.is_empty() {
            return self.live_reasoning(scene).len() + lead;
        }
        match &mut self.answer {
            Some(live) => live.document.lines(form.width, scene.theme).len() + lead,
            None => 0,
        }
    }

    fn live_reasoning(&self, scene: Scene<'_>) -> Vec<Line<'static>> {
        items::reasoning(&scene.live.reasoning, None, self.around(self.entries.len(), self.expand_live, scene))
    }

    /// A row of an item that was made; `None` for the empty row before it.
    fn row(&mut self, item: usize, row: usize, scene: Scene<'_>) -> Option<&Line<'static>> {
        let form = self.form(scene);
        let lead = match self.entries.get(item) {
            Some(_) => usize::from(item > 0 && spaced(scene.state, item)),
            None => usize::from(item > 0),
        };
        let row = row.checked_sub(lead)?;
        match self.entries.get_mut(item) {
            Some(entry) => match &mut entry.body {
                Some((_, Body::Rows(rows))) => rows.get(row),
                Some((_, Body::Document(document, tail))) => {
                    let lines = document.lines(form.width, scene.theme);
                    lines.get(row).or_else(|| tail.get(row.saturating_sub(lines.len())))
                }
                None => None,
            },
            None => self.answer.as_mut().and_then(|live| live.document.lines(form.width, scene.theme).get(row)),
        }
    }

    /// Draws the part in sight.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer, scene: Scene<'_>) -> ChatFrame {
        self.area = area;
        if area.is_empty() {
            return ChatFrame::default();
        }
        let height = usize::from(area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        self.scroll = scroll;
        if scroll.follows() {
            self.left = None;
        }
        let end = self.draw_rows(area, buffer, top, scene);
        let form = self.form(scene);
        let moved = self.moved(form, top, scene);
        self.last = Some((area, form, top));
        self.forget_far(top.item, end);
        let unseen = (!scroll.follows()).then(|| self.unseen(scene));
        ChatFrame { moved, unseen }
    }

    /// Draws from a row on; returns the item after the last one in sight.
    fn draw_rows(&mut self, area: Rect, buffer: &mut Buffer, top: Top, scene: Scene<'_>) -> usize {
        let bar = scene.theme.style(Role::User);
        let mark = scene.theme.style(Role::Match);
        let needle = scene.search.to_lowercase();
        let (mut y, mut item, mut row) = (area.top(), top.item, top.row);
        let count = self.count(scene);
        while y < area.bottom() && item < count {
            let rows = self.height_of(item, scene);
            self.ensure(item, scene);
            let is_user = matches!(scene.state.items.get(item).map(|i| &i.kind), Some(ItemKind::User { .. }));
            let reasoning =
                (item == self.entries.len() && !scene.live.reasoning.is_empty()).then(|| self.live_reasoning(scene));
            while row < rows && y < area.bottom() {
                let line = match &reasoning {
                    Some(lines) => row.checked_sub(usize::from(item > 0)).and_then(|r| lines.get(r)),
                    None => self.row(item, row, scene),
                };
                if let Some(line) = line {
                    let room = area.width.saturating_sub(GUTTER);
                    if is_user {
                        buffer.set_stringn(area.x, y, "▌", usize::from(area.width), bar);
                    }
                    buffer.set_line(area.x.saturating_add(GUTTER), y, line, room);
                    if !needle.is_empty() {
                        mark_hits(buffer, Rect { x: area.x, y, width: area.width, height: 1 }, line, &needle, mark);
                    }
                }
                row += 1;
                y = y.saturating_add(1);
            }
            item += 1;
            row = 0;
        }
        item
    }

    /// How the content moved since the frame before, when nothing else about the pane changed.
    fn moved(&mut self, form: Form, top: Top, scene: Scene<'_>) -> Option<Moved> {
        let (area, last_form, last) = self.last?;
        if area != self.area || last_form != form || last == top {
            return None;
        }
        let (from, to, sign) = if last < top { (last, top, 1) } else { (top, last, -1) };
        let limit = usize::from(area.height);
        let mut rows = 0usize;
        for item in from.item..to.item {
            rows += self.height_of(item, scene);
            if rows.saturating_sub(from.row) > limit {
                return None;
            }
        }
        let rows = (rows + to.row).checked_sub(from.row)?;
        let lines = i32::try_from(rows).ok().filter(|r| *r > 0 && rows < limit)?;
        Some(Moved { top: area.top(), bottom: area.bottom(), lines: lines * sign })
    }

    /// Drops wrapped forms far from sight; their heights stay known.
    fn forget_far(&mut self, first: usize, end: usize) {
        if self.wrapped.saturating_sub(self.swept) < KEPT as u64 {
            return;
        }
        self.swept = self.wrapped;
        let (low, high) = (first.saturating_sub(KEPT), end + KEPT);
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if (index < low || index > high) && entry.body.is_some() {
                entry.body = None;
            }
        }
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

fn item_text(kind: &ItemKind) -> String {
    match kind {
        ItemKind::User { text, .. }
        | ItemKind::Steered { text, .. }
        | ItemKind::Reasoning { text, .. }
        | ItemKind::Answer { text, .. }
        | ItemKind::Notice { text } => text.clone(),
        ItemKind::Change { change } => change.path.to_string(),
        ItemKind::Call { name, arguments, .. } => format!("{name} {arguments}"),
        ItemKind::Decided { title, .. } => title.clone(),
        ItemKind::Asked { question, answer, .. } => format!("{question} {answer}"),
        ItemKind::Check { run } => format!("{} {}", run.name, run.findings),
        ItemKind::PlanDecided { .. }
        | ItemKind::Ended { .. }
        | ItemKind::Undone { .. }
        | ItemKind::Redone { .. }
        | ItemKind::Rewound { .. }
        | ItemKind::Exported { .. } => String::new(),
    }
}

fn line_text(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

/// Gives the occurrences of a text in a drawn row their own look.
fn mark_hits(buffer: &mut Buffer, row: Rect, line: &Line<'_>, needle: &str, style: ratatui::style::Style) {
    use crate::tui::text::wrap::width;
    let text = line_text(line);
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return;
    }
    for (at, hit) in lower.match_indices(needle) {
        let before = text.get(..at).map_or(0, width);
        let long = text.get(at..at + hit.len()).map_or(0, width);
        let x = row.x.saturating_add(GUTTER).saturating_add(u16::try_from(before).unwrap_or(u16::MAX));
        let hit = Rect { x, y: row.y, width: u16::try_from(long).unwrap_or(0), height: 1 };
        buffer.set_style(hit.intersection(row), style);
    }
}
