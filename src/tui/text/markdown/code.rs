//! Code between fences: its finished lines are put on the screen once, and coloured when the
//! highlighter is done with them.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::split::Fence;
use crate::tui::text::highlight::{Feed, Highlighter, Language, RoleSpan, style_line};
use crate::tui::text::wrap;
use crate::tui::theme::{Role, Theme};

/// The bar at the left of code.
const BAR: &str = "▏ ";

/// One code block on the screen.
#[derive(Debug)]
pub(super) struct CodeView {
    highlighter: Option<Highlighter>,
    feed: Option<Feed>,
    label: String,
    indent: usize,
    body: usize,
    /// Bytes of the source that the highlighter has.
    fed: usize,
    /// The line where the block begins, once it is on the screen.
    begun: Option<usize>,
    /// The source position of the next line to settle.
    at: usize,
    /// Where each settled line starts in the source, and its first row.
    rows: Vec<(usize, usize)>,
    /// Settled lines that have their colours.
    styled: usize,
}

impl CodeView {
    pub(super) fn new(highlighter: Option<&Highlighter>, fence: &Fence) -> Self {
        let language = Language::from_fence(&fence.info);
        let word = fence.info.split_whitespace().next().unwrap_or_default();
        Self {
            highlighter: highlighter.cloned(),
            label: word.to_owned(),
            feed: highlighter
                .filter(|_| !language.label().is_empty())
                .map(|highlighter| Feed::new(highlighter, language)),
            indent: fence.indent,
            body: fence.body,
            fed: fence.body,
            begun: None,
            at: fence.body,
            rows: Vec::new(),
            styled: 0,
        }
    }

    /// The line where it begins, if it is on the screen.
    pub(super) fn begun(&self) -> Option<usize> {
        self.begun
    }

    /// Whether colours are missing that may come.
    pub(super) fn is_waiting(&self) -> bool {
        self.feed.is_some() && self.styled < self.rows.len()
    }

    /// The rows are gone, for another width or theme.
    pub(super) fn forget_lines(&mut self) {
        self.begun = None;
        self.at = self.body;
        self.rows.clear();
        self.styled = 0;
    }

    /// Puts the finished lines up to `end` that are not there yet.
    pub(super) fn settle(
        &mut self,
        source: &str,
        end: usize,
        width: u16,
        theme: &Theme,
        lines: &mut Vec<Line<'static>>,
    ) {
        if self.begun.is_none() {
            self.begun = Some(lines.len());
            if !self.label.is_empty() {
                let label = wrap::truncate(&self.label, usize::from(width).saturating_sub(2));
                let style = theme.style(Role::Dim);
                lines.push(Line::from(vec![Span::styled(BAR, theme.style(Role::Border)), Span::styled(label, style)]));
            }
        }
        let mut fresh = String::new();
        while let Some(length) = source.get(self.at..end).and_then(|rest| rest.find('\n')) {
            let next = self.at + length + 1;
            let line = unindent(source.get(self.at..next - 1).unwrap_or_default(), self.indent);
            if self.feed.is_some() && self.at >= self.fed {
                fresh.push_str(&line);
                fresh.push('\n');
                self.fed = next;
            }
            self.rows.push((self.at, lines.len()));
            lines.extend(rows(&line, None, width, theme));
            self.at = next;
        }
        if let Some(feed) = self.feed.as_mut().filter(|_| !fresh.is_empty()) {
            feed.push(&fresh);
        }
    }

    /// Puts the line that is still being written.
    pub(super) fn tail(&self, source: &str, end: usize, width: u16, theme: &Theme, lines: &mut Vec<Line<'static>>) {
        if let Some(line) = source.get(self.at..end).filter(|line| !line.is_empty()) {
            lines.extend(rows(&unindent(line, self.indent), None, width, theme));
        }
    }

    /// Colours the settled lines that the highlighter is done with.
    pub(super) fn restyle(&mut self, source: &str, width: u16, theme: &Theme, lines: &mut [Line<'static>]) {
        let (Some(highlighter), Some(feed)) = (&self.highlighter, &self.feed) else { return };
        let done = highlighter.lines(feed.doc(), self.styled..self.rows.len());
        for (spans, (start, row)) in done.iter().zip(self.rows.iter().skip(self.styled)) {
            let text = source.get(*start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            let coloured = rows(&unindent(text, self.indent), Some(spans), width, theme);
            for (old, new) in lines.iter_mut().skip(*row).zip(coloured) {
                *old = new;
            }
        }
        self.styled += done.len();
    }
}

/// One line of code as rows.
fn rows(text: &str, spans: Option<&[RoleSpan]>, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let ground = theme.style(Role::CodeBg);
    let line = Line::from(style_line(text, spans, theme));
    let bar = Span::styled(BAR, theme.style(Role::Border));
    let mut rows = wrap::wrap_hard(&line, width.saturating_sub(2).max(1));
    for row in &mut rows {
        row.spans.insert(0, bar.clone());
        row.style = Style { fg: None, ..ground };
    }
    rows
}

/// A line without the spaces that its fence was indented by.
pub(super) fn unindent(line: &str, indent: usize) -> Cow<'_, str> {
    let spaces = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
    Cow::Borrowed(line.get(spaces..).unwrap_or(line))
}
