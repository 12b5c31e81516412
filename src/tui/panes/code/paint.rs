//! Draws the code pane: the tabs, and the rows of the file in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::file::{File, Progress};
use super::{Code, CodeScene, LONG_LINE, LongLines, Show};
use crate::tui::panes::difference::Row;
use crate::tui::panes::document::Document;
use crate::tui::panes::items::letter;
use crate::tui::text::highlight::Highlighter;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hard};
use crate::tui::theme::{Role, Theme};

impl Code {
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
pub(in crate::tui::panes) fn skip_columns(line: Line<'static>, columns: usize) -> Line<'static> {
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
