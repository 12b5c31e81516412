//! Draws the review: its files, its hunks, and the words to click on at the hunk under the hand.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{Review, Row, shown};
use crate::domain::{HunkLine, HunkReview, HunkVerdict, LineKind};
use crate::tui::keymap::{Action, Context, Keymap};
use crate::tui::panes::code::skip_columns;
use crate::tui::panes::items::letter;
use crate::tui::text::highlight::style_line;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{Scroll, scrollbar};

/// Whether the keys go to the review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    Here,
    Elsewhere,
}

/// What drawing the review needs.
#[derive(Clone, Copy, Debug)]
pub struct ReviewScene<'a> {
    pub theme: &'a Theme,
    pub keys: &'a Keymap,
    pub hand: Hand,
}

/// Words to click on, for the hunk under the hand.
const BUTTONS: [(Action, &str); 4] = [
    (Action::AcceptHunk, "accept"),
    (Action::RejectHunk, "reject"),
    (Action::EditHunk, "edit"),
    (Action::CommentHunk, "comment"),
];

impl Review {
    /// Draws the pane.
    pub(in crate::tui) fn draw(&mut self, area: Rect, buffer: &mut Buffer, scene: ReviewScene<'_>) {
        self.buttons.clear();
        self.area = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        if area.is_empty() {
            self.area = Rect::default();
            return;
        }
        self.draw_title(Rect { height: 1, ..area }, buffer, scene.theme);
        let body = self.area;
        if body.is_empty() {
            return;
        }
        let room = usize::from(body.height);
        if self.moved {
            self.come_into_sight(room);
        }
        self.top = self.top.min(self.rows.len().saturating_sub(room));
        for (y, row) in (body.top()..body.bottom()).zip(self.rows.clone().iter().skip(self.top)) {
            let place = Rect { y, height: 1, width: body.width.saturating_sub(1), ..body };
            self.draw_row(row, place, buffer, scene);
        }
        if self.rows.len() > room {
            let bar = Rect { x: body.right().saturating_sub(1), width: 1, ..body };
            let scroll = Scroll { offset: self.top, visible: room, total: self.rows.len() };
            scrollbar(buffer, bar, scroll, scene.theme);
        }
    }

    /// The hunk under the hand as a whole, or its beginning; with its file's name where it is the first.
    fn come_into_sight(&mut self, room: usize) {
        self.moved = false;
        let head = if self.at.1 == 0 { Row::File(self.at.0) } else { Row::Head(self.at.0, self.at.1) };
        let Some(first) = self.rows.iter().position(|row| *row == head) else { return };
        let last = self.rows.iter().rposition(|row| row.hunk() == Some(self.at)).unwrap_or(first);
        if last >= self.top + room {
            self.top = (last + 1).saturating_sub(room);
        }
        self.top = self.top.min(first);
    }

    fn draw_title(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let (judged, all) = self.judged();
        let dim = theme.style(Role::Dim);
        // The file of the hunk under the hand may have left the sight.
        let path = self.hunk().map(|(file, _)| single_line(file.path.as_str())).unwrap_or_default();
        let state = if judged == all { "all judged".to_owned() } else { format!("{judged} of {all} hunks judged") };
        let line = Line::from(vec![
            Span::styled(" review ", theme.style(Role::Selection)),
            Span::styled(format!(" {} · ", truncate(&path, usize::from(area.width / 2))), dim),
            Span::styled(state, theme.style(if judged == all { Role::Success } else { Role::Text })),
        ]);
        buffer.set_line(area.x, area.y, &line, area.width);
    }

    fn draw_row(&mut self, row: &Row, place: Rect, buffer: &mut Buffer, scene: ReviewScene<'_>) {
        let theme = scene.theme;
        if row.hunk() == Some(self.at) {
            let role = if scene.hand == Hand::Here { Role::Accent } else { Role::Border };
            buffer.set_stringn(place.x, place.y, "▌", 1, theme.style(role));
        }
        let inner = Rect { x: place.x.saturating_add(1), width: place.width.saturating_sub(1), ..place };
        match row {
            Row::Blank => {}
            Row::File(file) => self.draw_file(*file, place, buffer, theme),
            Row::Head(file, hunk) => self.draw_head((*file, *hunk), inner, buffer, scene),
            Row::Comment(_, _, text) => {
                let line = Line::from(vec![
                    Span::styled("  “ ", theme.style(Role::Accent)),
                    Span::styled(text.clone(), theme.style(Role::Text).add_modifier(Modifier::ITALIC)),
                ]);
                buffer.set_line(inner.x, inner.y, &line, inner.width);
            }
            Row::Mine(_, _, text) => {
                buffer.set_style(inner, theme.style(Role::CodeBg));
                let line = Line::from(vec![
                    Span::styled("       ✎ ", theme.style(Role::Info)),
                    Span::styled(text.clone(), theme.style(Role::Text)),
                ]);
                buffer.set_line(inner.x, inner.y, &self.shifted(line), inner.width);
            }
            Row::Line(file, hunk, line) => self.draw_line((*file, *hunk), *line, inner, buffer, theme),
        }
    }

    fn draw_file(&self, file: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some(file) = self.review.files.get(file) else { return };
        let (mark, role) = letter(file.kind);
        let count = |kind| file.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.kind == kind).count();
        let lines = format!("  +{} −{}", count(LineKind::Added), count(LineKind::Removed));
        let room = usize::from(place.width).saturating_sub(width_of(&lines) + 4);
        let line = Line::from(vec![
            Span::styled(format!(" {mark} "), theme.style(role)),
            Span::styled(truncate(&single_line(file.path.as_str()), room), theme.style(Role::Heading)),
            Span::styled(lines, theme.style(Role::Dim)),
        ]);
        buffer.set_line(place.x, place.y, &line, place.width);
    }

    /// Where the hunk stands, its verdict, and the words to click on.
    fn draw_head(&mut self, at: (usize, usize), place: Rect, buffer: &mut Buffer, scene: ReviewScene<'_>) {
        let theme = scene.theme;
        let Some(hunk) = self.hunk_at(at) else { return };
        let (word, role) = verdict(hunk);
        let line = Line::from(vec![
            Span::styled(format!(" {}  ", hunk.header), theme.style(Role::Info)),
            Span::styled(word, theme.style(role)),
        ]);
        let (mut x, _) = buffer.set_line(place.x, place.y, &line, place.width);
        if at != self.at || scene.hand == Hand::Elsewhere {
            return;
        }
        x = x.saturating_add(2);
        for (action, about) in BUTTONS {
            let key = scene.keys.keys_of(Context::Review, action).into_iter().next().unwrap_or_default();
            let wide = u16::try_from(width_of(&key) + about.len() + 1).unwrap_or(u16::MAX);
            if x.saturating_add(wide) > place.right() {
                break;
            }
            let words = Line::from(vec![
                Span::styled(key, theme.style(Role::Key)),
                Span::styled(format!(" {about}"), theme.style(Role::Dim)),
            ]);
            buffer.set_line(x, place.y, &words, wide);
            self.buttons.push((Rect { x, y: place.y, width: wide, height: 1 }, action));
            x = x.saturating_add(wide + 2);
        }
    }

    fn draw_line(&self, at: (usize, usize), number: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some(hunk) = self.hunk_at(at) else { return };
        let Some(line) = hunk.lines.get(number) else { return };
        let (sign, text_role, back) = match line.kind {
            LineKind::Same => ("  ", Role::Text, None),
            LineKind::Added => ("+ ", Role::Added, Some(Role::AddedBg)),
            LineKind::Removed => ("− ", Role::Removed, Some(Role::RemovedBg)),
        };
        // What was rejected is there again; what does not hold any more steps back.
        let back = back.filter(|_| hunk.verdict != Some(HunkVerdict::Reject));
        let gone = line.kind == LineKind::Added
            && matches!(hunk.verdict, Some(HunkVerdict::Reject | HunkVerdict::Edit { .. }));
        let gutter = theme.style(Role::LineNumber);
        let (end, _) = buffer.set_stringn(place.x, place.y, numbers(line), usize::from(place.width), gutter);
        let room = place.right().saturating_sub(end);
        if let Some(back) = back.filter(|_| !gone) {
            buffer.set_style(place, theme.style(back));
        }
        let text = shown(&line.text);
        let quiet = gone || back.is_none() && line.kind != LineKind::Same;
        let mut spans = vec![Span::styled(sign, theme.style(if quiet { Role::Dim } else { text_role }))];
        if gone {
            let style: Style = theme.style(Role::Dim).add_modifier(Modifier::CROSSED_OUT);
            spans.push(Span::styled(text, style));
        } else if line.kind == LineKind::Removed && back.is_some() {
            spans.push(Span::styled(text, theme.style(Role::Removed)));
        } else {
            let feed = self.colours.get(at.0).and_then(|hunks| hunks.get(at.1));
            let colours = match (&self.highlighter, feed) {
                (Some(highlighter), Some(feed)) => highlighter.line(feed.doc(), number),
                _ => None,
            };
            spans.extend(style_line(&text, colours.as_deref(), theme));
        }
        buffer.set_line(end, place.y, &self.shifted(Line::from(spans)), room);
    }

    fn shifted(&self, line: Line<'static>) -> Line<'static> {
        if self.left > 0 { skip_columns(line, self.left) } else { line }
    }
}

fn numbers(line: &HunkLine) -> String {
    let number = |number: Option<u32>| number.map_or_else(|| "     ".to_owned(), |number| format!("{number:>4} "));
    // One column where both would say the same.
    match line.kind {
        LineKind::Removed => number(line.old),
        LineKind::Same | LineKind::Added => number(line.new),
    }
}

fn verdict(hunk: &HunkReview) -> (&'static str, Role) {
    match &hunk.verdict {
        None => ("·", Role::Dim),
        Some(HunkVerdict::Accept) => ("✓ accepted", Role::Success),
        Some(HunkVerdict::Reject) => ("✗ rejected", Role::Error),
        Some(HunkVerdict::Edit { .. }) => ("✎ edited", Role::Warning),
    }
}
