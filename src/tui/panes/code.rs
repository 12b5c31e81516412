//! The files of the session: as they are being written, as they are, and what the last turn
//! changed in them.
//!
//! Texts come in pieces from glimpses or whole from the engine's answers; the pane keeps the
//! displayable form of each and asks for what it lacks through [`Code::wanted`].

use std::fmt;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::op::FileView;
use crate::domain::{ChangeKind, FileChange, ProjectPath, SessionView};
use crate::tui::panes::difference::{Comparison, Row};
use crate::tui::panes::document::Document;
use crate::tui::panes::items::letter;
use crate::tui::text::highlight::{Feed, Highlighter, Language};
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hard};
use crate::tui::theme::{Role, Theme};

/// Lines longer than this are shown without colours and cut.
const LONG_LINE: usize = 4000;

/// How a file is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    File,
    Changes,
}

/// Whether long lines are broken or run out of the pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongLines {
    #[default]
    Cut,
    Wrap,
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It is being written.
    Growing,
    /// It is whole; what the change did.
    Whole(ChangeKind),
}

struct File {
    path: ProjectPath,
    progress: Progress,
    change: Option<FileChange>,
    /// The displayable text; `None` until it is known.
    document: Option<Document>,
    /// The text as it is, for the clipboard.
    raw: Option<String>,
    /// The displayable text before the turn, once known; the inner `None` says there was no file.
    before: Option<Option<Document>>,
    rows: Option<Vec<Row>>,
    /// Counts the states of the texts, so that a comparison of an older one is known as such.
    revision: u64,
    /// The state whose comparison was asked for.
    comparing: Option<u64>,
    feed: Option<Feed>,
    binary: bool,
    asked: bool,
    top: usize,
    left: usize,
    follow: bool,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {:?}, row {})", self.path, self.progress, self.top)
    }
}

impl File {
    fn new(path: ProjectPath, progress: Progress) -> Self {
        Self {
            path,
            progress,
            change: None,
            document: None,
            raw: None,
            before: None,
            rows: None,
            revision: 0,
            comparing: None,
            feed: None,
            binary: false,
            asked: false,
            top: 0,
            left: 0,
            follow: progress == Progress::Growing,
        }
    }

    fn set_text(&mut self, text: &str, highlighter: Option<&Highlighter>) {
        let document = Document::whole(text);
        self.feed = highlighter.map(|h| {
            let mut feed = Feed::new(h, Language::from_path(self.path.as_str()));
            feed.push(document.text());
            feed.finish();
            feed
        });
        self.document = Some(document);
        self.raw = Some(text.to_owned());
        self.outdate();
    }

    fn push(&mut self, text: &str, highlighter: Option<&Highlighter>) {
        let document = self.document.get_or_insert_with(Document::default);
        let shown = document.push(text);
        if let Some(highlighter) = highlighter {
            let path = &self.path;
            let feed = self.feed.get_or_insert_with(|| Feed::new(highlighter, Language::from_path(path.as_str())));
            feed.push(shown);
        }
        self.raw.get_or_insert_with(String::new).push_str(text);
        self.outdate();
    }

    /// A text is another one now.
    fn outdate(&mut self) {
        self.rows = None;
        self.revision += 1;
    }

    /// Rows in the present view.
    fn row_count(&self, show: Show) -> usize {
        match show {
            Show::File => self.document.as_ref().map_or(0, Document::line_count),
            Show::Changes => self.rows.as_ref().map_or(0, Vec::len),
        }
    }
}

/// What drawing the pane needs.
#[derive(Clone, Copy, Debug)]
pub struct CodeScene<'a> {
    pub theme: &'a Theme,
    pub search: &'a str,
}

/// The code pane.
#[derive(Debug, Default)]
pub struct Code {
    files: Vec<File>,
    active: usize,
    show: Show,
    long_lines: LongLines,
    highlighter: Option<Highlighter>,
    /// The person chose the file; writing another does not switch away from it.
    pinned: bool,
    area: Rect,
    tabs: Vec<(Rect, usize)>,
}

impl Code {
    /// A pane whose files are coloured by a highlighter, where there is one.
    pub fn new(highlighter: Option<Highlighter>) -> Self {
        Self { highlighter, ..Self::default() }
    }

    /// Forgets every file.
    pub fn reset(&mut self) {
        let highlighter = self.highlighter.take();
        *self = Self { highlighter, long_lines: self.long_lines, ..Self::default() };
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files, in the order of their tabs.
    pub fn paths(&self) -> impl Iterator<Item = &ProjectPath> {
        self.files.iter().map(|f| &f.path)
    }

    /// The file in sight.
    pub fn active_path(&self) -> Option<&ProjectPath> {
        self.files.get(self.active).map(|f| &f.path)
    }

    /// The file's own text, as it would be on disk.
    pub fn active_text(&self) -> Option<&str> {
        self.files.get(self.active).and_then(|f| f.raw.as_deref())
    }

    /// The text of one file, as far as it is known here.
    pub fn text_of(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|f| f.path.as_str() == path).and_then(|f| f.raw.as_deref())
    }

    /// Which view is shown.
    pub fn show(&self) -> Show {
        self.show
    }

    /// A new turn: the pane follows what is written again.
    pub fn turn_started(&mut self) {
        self.pinned = false;
        self.show = Show::File;
    }

    /// A file begins to be written.
    pub fn opened(&mut self, path: &ProjectPath) {
        let index = self.index_or_add(path, Progress::Growing);
        if let Some(file) = self.files.get_mut(index) {
            let change = file.change.take();
            *file = File::new(path.clone(), Progress::Growing);
            file.change = change;
        }
        if !self.pinned {
            self.active = index;
            self.show = Show::File;
        }
    }

    /// More of a file.
    pub fn grown(&mut self, path: &ProjectPath, text: &str) {
        let index = self.index_or_add(path, Progress::Growing);
        let highlighter = self.highlighter.clone();
        if let Some(file) = self.files.get_mut(index) {
            if file.progress != Progress::Growing {
                *file = File::new(path.clone(), Progress::Growing);
            }
            file.push(text, highlighter.as_ref());
        }
    }

    /// The file will not be completed.
    pub fn dropped(&mut self, path: &ProjectPath) {
        let Some(index) = self.index(path) else { return };
        let change = self.files.get_mut(index).and_then(|f| f.change.take());
        match (change, self.files.get_mut(index)) {
            (Some(change), Some(file)) => {
                *file = File::new(path.clone(), Progress::Whole(change.kind()));
                file.change = Some(change);
            }
            _ => self.remove(index),
        }
    }

    /// A file was written and is whole.
    pub fn changed(&mut self, change: &FileChange) {
        let index = self.index_or_add(&change.path, Progress::Whole(change.kind()));
        let Some(file) = self.files.get_mut(index) else { return };
        let was_growing = file.progress == Progress::Growing;
        file.progress = Progress::Whole(change.kind());
        file.before = None;
        file.outdate();
        file.asked = false;
        let grown = was_growing && file.raw.as_ref().is_some_and(|raw| raw.len() as u64 == change.bytes);
        if grown && file.document.is_some() {
            if let Some(document) = &mut file.document {
                let rest = document.finish().to_owned();
                if let Some(feed) = &mut file.feed {
                    feed.push(&rest);
                    feed.finish();
                }
            }
        } else {
            file.document = None;
            file.raw = None;
            file.feed = None;
        }
        file.change = Some(change.clone());
        if !self.pinned && self.files.len() == 1 {
            self.active = 0;
        }
    }

    /// Brings the files in line with a view: after a snapshot, or after changes were taken back.
    pub fn settle(&mut self, view: &SessionView) {
        let kept: Option<ProjectPath> = self.active_path().cloned();
        let stands = |path: &ProjectPath| view.state.changes.contains_key(path) || view.live.files.contains_key(path);
        self.files.retain(|file| stands(&file.path));
        for (path, change) in &view.state.changes {
            if !self.files.iter().any(|f| &f.path == path && f.change.as_ref() == Some(change)) {
                self.changed(change);
            }
        }
        for (path, text) in &view.live.files {
            let index = self.index_or_add(path, Progress::Growing);
            let highlighter = self.highlighter.clone();
            let Some(file) = self.files.get_mut(index) else { continue };
            let known = file.raw.as_ref().map_or(0, String::len);
            match text.get(known..) {
                Some(rest) if file.progress == Progress::Growing => file.push(rest, highlighter.as_ref()),
                _ => {
                    *file = File::new(path.clone(), Progress::Growing);
                    file.push(text, highlighter.as_ref());
                }
            }
        }
        let wished = if self.pinned { kept } else { view.live.current_file.clone().or(kept) };
        self.active = wished.and_then(|path| self.index(&path)).unwrap_or(0);
        if let (Some(path), false) = (view.live.current_file.as_ref(), self.pinned) {
            self.active = self.index(path).unwrap_or(self.active);
        }
    }

    /// A file that has to be read for what is shown now; each is asked for once.
    pub fn wanted(&mut self) -> Option<ProjectPath> {
        let show = self.show;
        let file = self.files.get_mut(self.active)?;
        if file.progress == Progress::Growing || file.asked || file.binary {
            return None;
        }
        let lacking = file.document.is_none() || (show == Show::Changes && file.before.is_none());
        if !lacking {
            return None;
        }
        file.asked = true;
        Some(file.path.clone())
    }

    /// The engine's answer for a file.
    pub fn answered(&mut self, view: &FileView) {
        let highlighter = self.highlighter.clone();
        let Some(file) = self.index(&view.path).and_then(|i| self.files.get_mut(i)) else { return };
        if file.progress == Progress::Growing {
            return;
        }
        file.binary = view.binary;
        let now = view.now.as_deref().unwrap_or("");
        if file.raw.as_deref() != Some(now) || file.document.is_none() {
            file.set_text(now, highlighter.as_ref());
        }
        file.before = Some(view.before.as_deref().map(Document::whole));
        file.outdate();
    }

    /// The file could not be read.
    pub fn unanswered(&mut self, path: &ProjectPath) {
        if let Some(file) = self.index(path).and_then(|i| self.files.get_mut(i)) {
            file.document.get_or_insert_with(Document::default);
            file.before.get_or_insert(None);
        }
    }

    /// The comparison that is needed for what is shown now; each is asked for once.
    pub fn uncompared(&mut self) -> Option<Comparison> {
        let file = self.files.get_mut(self.active).filter(|_| self.show == Show::Changes)?;
        if file.rows.is_some() || file.comparing == Some(file.revision) || file.progress == Progress::Growing {
            return None;
        }
        let (now, before) = (file.document.as_ref()?, file.before.as_ref()?);
        file.comparing = Some(file.revision);
        Some(Comparison {
            path: file.path.clone(),
            revision: file.revision,
            before: before.as_ref().map_or("", Document::text).to_owned(),
            now: now.text().to_owned(),
        })
    }

    /// The rows of a comparison.
    pub fn compared(&mut self, path: &ProjectPath, revision: u64, rows: Vec<Row>) {
        if let Some(file) = self.index(path).and_then(|i| self.files.get_mut(i))
            && file.revision == revision
        {
            file.rows = Some(rows);
        }
    }

    fn index(&self, path: &ProjectPath) -> Option<usize> {
        self.files.iter().position(|f| &f.path == path)
    }

    fn index_or_add(&mut self, path: &ProjectPath, progress: Progress) -> usize {
        self.index(path).unwrap_or_else(|| {
            self.files.push(File::new(path.clone(), progress));
            self.files.len() - 1
        })
    }

    fn remove(&mut self, index: usize) {
        if index < self.files.len() {
            self.files.remove(index);
        }
        if self.active >= index {
            self.active = self.active.saturating_sub(1);
        }
    }

    /// Shows a file and stays with it; `false` when the session has no such file.
    pub fn select(&mut self, path: &ProjectPath) -> bool {
        match self.index(path) {
            Some(index) => {
                self.active = index;
                self.pinned = true;
                true
            }
            None => false,
        }
    }

    /// Shows the next or previous file.
    pub fn step_file(&mut self, by: isize) {
        if self.files.is_empty() {
            return;
        }
        let count = isize::try_from(self.files.len()).unwrap_or(1);
        let next = (isize::try_from(self.active).unwrap_or(0) + by).rem_euclid(count);
        self.active = usize::try_from(next).unwrap_or(0);
        self.pinned = true;
    }

    /// The file whose tab is at a position.
    pub fn tab_at(&self, x: u16, y: u16) -> Option<ProjectPath> {
        let (_, index) = self.tabs.iter().find(|(area, _)| area.contains((x, y).into()))?;
        self.files.get(*index).map(|f| f.path.clone())
    }

    /// Switches between the file and its changes.
    pub fn toggle_show(&mut self) {
        self.show = match self.show {
            Show::File => Show::Changes,
            Show::Changes => Show::File,
        };
        if let Some(file) = self.files.get_mut(self.active) {
            file.top = 0;
            file.asked = file.asked && file.before.is_some();
        }
    }

    /// Switches between broken and running-out long lines.
    pub fn toggle_wrap(&mut self) {
        self.long_lines = match self.long_lines {
            LongLines::Cut => LongLines::Wrap,
            LongLines::Wrap => LongLines::Cut,
        };
        if let Some(file) = self.files.get_mut(self.active) {
            file.left = 0;
        }
    }

    /// Rows of a page.
    pub fn page(&self) -> usize {
        usize::from(self.area.height).saturating_sub(1).max(1)
    }

    /// Scrolls by rows; a growing file is followed again from its end on.
    pub fn scroll_by(&mut self, rows: isize) {
        let page = usize::from(self.area.height);
        let show = self.show;
        let Some(file) = self.files.get_mut(self.active) else { return };
        let most = file.row_count(show).saturating_sub(page);
        file.top = file.top.min(most).saturating_add_signed(rows).min(most);
        file.follow = file.progress == Progress::Growing && file.top == most;
    }

    /// Scrolls sideways.
    pub fn scroll_sideways(&mut self, columns: isize) {
        if let Some(file) = self.files.get_mut(self.active) {
            file.left = file.left.saturating_add_signed(columns).min(LONG_LINE);
        }
    }

    /// Goes to the end and, while it grows, stays there; the tab follows the writing again.
    pub fn follow(&mut self) {
        self.scroll_by(isize::MAX / 2);
        self.pinned = false;
        if let Some(file) = self.files.get_mut(self.active) {
            file.follow = true;
        }
    }

    /// Goes to the next or previous change.
    pub fn to_hunk(&mut self, forward: bool) {
        self.show = Show::Changes;
        let Some(file) = self.files.get_mut(self.active) else { return };
        let Some(rows) = &file.rows else { return };
        let changed = |row: Option<&Row>| matches!(row, Some(Row::Added { .. } | Row::Removed { .. }));
        let starts = |i: &usize| changed(rows.get(*i)) && !changed(i.checked_sub(1).and_then(|p| rows.get(p)));
        let now = file.top + 2;
        let found =
            if forward { (now + 1..rows.len()).find(starts) } else { (0..now.min(rows.len())).rev().find(starts) };
        if let Some(at) = found {
            file.top = at.saturating_sub(2);
        }
    }

    /// Goes to the next or previous line that holds a text.
    pub fn find(&mut self, needle: &str, forward: bool) -> bool {
        let Some(file) = self.files.get_mut(self.active) else { return false };
        let Some(document) = &file.document else { return false };
        let (needle, count) = (needle.to_lowercase(), document.line_count());
        if needle.is_empty() {
            return false;
        }
        let hit = |index: &usize| document.line(*index).to_lowercase().contains(&needle);
        let found = if forward {
            (file.top + 1..count).chain(0..=file.top.min(count.saturating_sub(1))).find(hit)
        } else {
            (0..file.top).rev().chain((file.top..count).rev()).find(hit)
        };
        if let Some(at) = found {
            file.top = at;
            file.follow = false;
        }
        found.is_some()
    }

    /// Draws tabs and text.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer, scene: CodeScene<'_>) {
        self.tabs.clear();
        if area.height == 0 || area.width == 0 {
            self.area = Rect::default();
            return;
        }
        let tabs = Rect { height: 1, ..area };
        self.draw_tabs(tabs, buffer, scene.theme);
        let body = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        self.area = body;
        if body.is_empty() {
            return;
        }
        let (show, wrap) = (self.show, self.long_lines);
        let highlighter = self.highlighter.clone();
        let Some(file) = self.files.get_mut(self.active) else { return };
        let rows = usize::from(body.height);
        let count = file.row_count(show);
        if file.follow && file.progress == Progress::Growing {
            file.top = count.saturating_sub(rows);
        }
        file.top = file.top.min(count.saturating_sub(1));
        let dim = scene.theme.style(Role::Dim);
        if file.binary {
            buffer.set_stringn(body.x, body.y, "not text: nothing to show", usize::from(body.width), dim);
        } else if file.document.is_none() || (show == Show::Changes && file.rows.is_none()) {
            buffer.set_stringn(body.x, body.y, "reading…", usize::from(body.width), dim);
        } else {
            let painter = Painter {
                file,
                highlighter: highlighter.as_ref(),
                theme: scene.theme,
                body,
                wrap,
                search: scene.search,
            };
            match show {
                Show::File => painter.file_rows(buffer),
                Show::Changes => painter.change_rows(buffer),
            }
        }
        let (top, total) = (file.top, count);
        if total > rows {
            let bar = Rect { x: body.right().saturating_sub(1), width: 1, ..body };
            let scroll = crate::tui::widgets::Scroll { offset: top, visible: rows, total };
            crate::tui::widgets::scrollbar(buffer, bar, scroll, scene.theme);
        }
    }

    fn draw_tabs(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let labels: Vec<(String, &'static str, Role)> = self.files.iter().map(tab_label).collect();
        let wide = |label: &(String, &str, Role)| width_of(&label.0) + width_of(label.1) + 3;
        // The first tab in sight: as far left as lets the active one be seen.
        let room = usize::from(area.width);
        let mut first = self.active;
        let mut used = labels.get(first).map_or(0, wide);
        while let Some(before) = first.checked_sub(1) {
            used += labels.get(before).map_or(0, wide);
            if used > room {
                break;
            }
            first = before;
        }
        let mut x = area.x;
        for (index, label) in labels.iter().enumerate().skip(first) {
            let left = area.right().saturating_sub(x);
            if left < 4 {
                break;
            }
            let active = index == self.active;
            let style = if active { theme.style(Role::Selection) } else { theme.style(Role::Dim) };
            let mark = if active { style } else { theme.style(label.2) };
            let name = truncate(&label.0, usize::from(left).saturating_sub(width_of(label.1) + 3));
            let line = Line::from(vec![
                Span::styled(" ", style),
                Span::styled(label.1, mark),
                Span::styled(" ", style),
                Span::styled(name, style),
                Span::styled(" ", style),
            ]);
            let (end, _) = buffer.set_line(x, area.y, &line, left);
            self.tabs.push((Rect { x, y: area.y, width: end.saturating_sub(x), height: 1 }, index));
            x = end;
        }
        if self.show == Show::Changes {
            let word = " changes ";
            let wide = u16::try_from(word.len()).unwrap_or(0);
            if area.right().saturating_sub(x) > wide {
                buffer.set_string(area.right() - wide, area.y, word, theme.style(Role::Info));
            }
        }
    }
}

fn tab_label(file: &File) -> (String, &'static str, Role) {
    let (mark, role) = match file.progress {
        Progress::Growing => ("✎", Role::Accent),
        Progress::Whole(kind) => letter(kind),
    };
    (single_line(file.path.as_str()), mark, role)
}

/// Draws the rows of one file.
struct Painter<'a> {
    file: &'a File,
    highlighter: Option<&'a Highlighter>,
    theme: &'a Theme,
    body: Rect,
    wrap: LongLines,
    search: &'a str,
}

impl Painter<'_> {
    fn file_rows(&self, buffer: &mut Buffer) {
        let Some(document) = &self.file.document else { return };
        let count = document.line_count();
        let digits = count.max(10).to_string().len();
        let growing = self.file.progress == Progress::Growing;
        let mut y = self.body.top();
        for index in self.file.top..count {
            if y >= self.body.bottom() {
                break;
            }
            let number = format!("{:>digits$} ", index + 1);
            let mut spans = self.styled(document.line(index), index);
            if growing && index + 1 == count {
                spans.push(Span::styled("▌", self.theme.style(Role::Cursor)));
            }
            y = self.line(buffer, y, &[(number, self.theme.style(Role::LineNumber))], spans, None);
        }
        if count == 0 && growing {
            buffer.set_stringn(self.body.x, y, "▌", 1, self.theme.style(Role::Cursor));
        }
    }

    fn change_rows(&self, buffer: &mut Buffer) {
        let (Some(now), Some(rows)) = (&self.file.document, &self.file.rows) else { return };
        let nothing = Document::default();
        let before = self.file.before.as_ref().and_then(Option::as_ref).unwrap_or(&nothing);
        let digits = now.line_count().max(before.line_count()).max(10).to_string().len();
        let number = |n: Option<usize>| n.map_or_else(|| " ".repeat(digits + 1), |n| format!("{:>digits$} ", n + 1));
        let dim = self.theme.style(Role::LineNumber);
        let mut y = self.body.top();
        for row in rows.iter().skip(self.file.top) {
            if y >= self.body.bottom() {
                break;
            }
            y = match row {
                Row::Same { before, now: at } => {
                    let gutter = [(number(Some(*before)), dim), (number(Some(*at)), dim), ("  ".to_owned(), dim)];
                    self.line(buffer, y, &gutter, self.styled(now.line(*at), *at), None)
                }
                Row::Added { now: at } => {
                    let sign = ("+ ".to_owned(), self.theme.style(Role::Added));
                    let gutter = [(number(None), dim), (number(Some(*at)), dim), sign];
                    let back = Some(self.theme.style(Role::AddedBg));
                    self.line(buffer, y, &gutter, self.styled(now.line(*at), *at), back)
                }
                Row::Removed { before: at } => {
                    let removed = self.theme.style(Role::Removed);
                    let gutter = [(number(Some(*at)), dim), (number(None), dim), ("− ".to_owned(), removed)];
                    let spans = vec![Span::styled(before.line(*at).to_owned(), removed)];
                    self.line(buffer, y, &gutter, spans, Some(self.theme.style(Role::RemovedBg)))
                }
                Row::Gap { lines } => {
                    let text = format!("  ⋯ {lines} unchanged");
                    buffer.set_stringn(self.body.x, y, text, usize::from(self.body.width), self.theme.style(Role::Dim));
                    y.saturating_add(1)
                }
            };
        }
    }

    /// A line with its colours, as far as they are known.
    fn styled(&self, text: &str, index: usize) -> Vec<Span<'static>> {
        let text = shorten(text);
        let spans = match (self.highlighter, &self.file.feed) {
            (Some(highlighter), Some(feed)) => highlighter.line(feed.doc(), index),
            _ => None,
        };
        crate::tui::text::highlight::style_line(text, spans.as_deref(), self.theme)
    }

    /// Draws a gutter and a line; returns the row after it.
    fn line(
        &self,
        buffer: &mut Buffer,
        y: u16,
        gutter: &[(String, Style)],
        spans: Vec<Span<'static>>,
        back: Option<Style>,
    ) -> u16 {
        let body = self.body;
        let mut x = body.x;
        for (text, style) in gutter {
            let left = usize::from(body.right().saturating_sub(x));
            (x, _) = buffer.set_stringn(x, y, text, left, *style);
        }
        let room = body.right().saturating_sub(x).saturating_sub(1);
        if room == 0 {
            return y.saturating_add(1);
        }
        let line = Line::from(spans);
        let rows = match self.wrap {
            LongLines::Wrap => wrap_hard(&line, room),
            LongLines::Cut if self.file.left > 0 => vec![skip_columns(line, self.file.left)],
            LongLines::Cut => vec![line],
        };
        let mut next = y;
        for row in &rows {
            if next >= body.bottom() {
                break;
            }
            if let Some(style) = back {
                buffer.set_style(Rect { x: body.x, y: next, width: body.width.saturating_sub(1), height: 1 }, style);
            }
            buffer.set_line(x, next, row, room);
            self.mark(buffer, x, next, room, row);
            next = next.saturating_add(1);
        }
        next.max(y.saturating_add(1))
    }

    fn mark(&self, buffer: &mut Buffer, x: u16, y: u16, room: u16, line: &Line<'_>) {
        if self.search.is_empty() {
            return;
        }
        let text: String = line.spans.iter().map(|s| s.content.as_ref()).collect();
        let (lower, needle) = (text.to_lowercase(), self.search.to_lowercase());
        if lower.len() != text.len() {
            return;
        }
        for (at, _) in lower.match_indices(&needle) {
            let from = u16::try_from(text.get(..at).map_or(0, width_of)).unwrap_or(u16::MAX);
            let wide = u16::try_from(text.get(at..at + needle.len()).map_or(0, width_of)).unwrap_or(0);
            let hit = Rect { x: x.saturating_add(from), y, width: wide, height: 1 };
            buffer.set_style(hit.intersection(Rect { x, y, width: room, height: 1 }), self.theme.style(Role::Match));
        }
    }
}

fn shorten(text: &str) -> &str {
    match text.char_indices().nth(LONG_LINE) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// Leaves columns out at the start of a line.
fn skip_columns(line: Line<'static>, columns: usize) -> Line<'static> {
    let mut left = columns;
    let mut spans = Vec::new();
    for span in line.spans {
        if left == 0 {
            spans.push(span);
            continue;
        }
        let mut rest = String::new();
        for c in span.content.chars() {
            let wide = width_of(c.encode_utf8(&mut [0; 4]));
            if left > 0 {
                left = left.saturating_sub(wide);
            } else {
                rest.push(c);
            }
        }
        spans.push(Span::styled(rest, span.style));
    }
    Line::from(spans)
}
