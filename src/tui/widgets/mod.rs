//! Small pieces that several panes draw, as functions over a buffer. They hold no state of their
//! own and draw nothing outside the area that they are given.

mod fuzzy;
mod list;
mod popup;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

pub use fuzzy::{Hit, fuzzy, fuzzy_best};
pub use list::{ListItem, ListState, list};
pub use popup::{clear, popup, popup_at};

use super::text::wrap;
use super::theme::{Role, Theme};

/// Whether a pane has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Keys go there.
    Yes,
    /// They do not.
    No,
}

/// Which part of a text is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// The first row that is seen.
    pub offset: usize,
    /// Rows that are seen.
    pub visible: usize,
    /// Rows that there are.
    pub total: usize,
}

/// How long one picture of the spinner stands.
pub const SPINNER_STEP: Duration = Duration::from_millis(120);

const SPINNER: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The spinner's picture after this time.
pub fn spinner(elapsed: Duration) -> &'static str {
    let step = elapsed.as_millis() / SPINNER_STEP.as_millis().max(1);
    let at = usize::try_from(step % 10).unwrap_or(0);
    SPINNER.get(at).copied().unwrap_or("⠋")
}

/// One line at a place, cut at `max_width` columns and at the buffer's edge.
pub fn put_line(buf: &mut Buffer, x: u16, y: u16, line: &Line<'_>, max_width: u16) {
    let area = buf.area;
    if y < area.bottom() && x < area.right() {
        buf.set_line(x, y, line, max_width.min(area.right() - x));
    }
}

/// Lines from the top of an area, each with its ground over the whole width.
pub fn lines(buf: &mut Buffer, area: Rect, lines: &[Line<'_>], ground: Style) {
    let area = area.intersection(buf.area);
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        if ground != Style::default() {
            buf.set_style(Rect { y, height: 1, ..area }, ground);
        }
        if line.style.bg.is_some() {
            buf.set_style(Rect { y, height: 1, ..area }, line.style);
        }
        put_line(buf, area.x, y, line, area.width);
    }
}

/// A frame with a title; returns what is inside.
pub fn pane(buf: &mut Buffer, area: Rect, title: &str, focus: Focus, theme: &Theme) -> Rect {
    let area = area.intersection(buf.area);
    if area.width < 2 || area.height < 2 {
        return area;
    }
    let role = if focus == Focus::Yes { Role::BorderFocused } else { Role::Border };
    let border = theme.style(role);
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.left() + 1..right {
        buf.set_string(x, area.y, "─", border);
        buf.set_string(x, bottom, "─", border);
    }
    for y in area.top() + 1..bottom {
        buf.set_string(area.x, y, "│", border);
        buf.set_string(right, y, "│", border);
    }
    for (x, y, corner) in [(area.x, area.y, "╭"), (right, area.y, "╮"), (area.x, bottom, "╰"), (right, bottom, "╯")]
    {
        buf.set_string(x, y, corner, border);
    }
    let room = usize::from(area.width).saturating_sub(6);
    if !title.is_empty() && room > 0 {
        let style = if focus == Focus::Yes { theme.style(Role::Title) } else { theme.style(Role::Dim) };
        let title = format!(" {} ", wrap::truncate(title, room));
        buf.set_stringn(area.x + 2, area.y, title, usize::from(area.width) - 4, style);
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// A bar in the first column of `area` that tells where in the text one is; nothing when all of
/// it is seen.
pub fn scrollbar(buf: &mut Buffer, area: Rect, scroll: Scroll, theme: &Theme) {
    let area = area.intersection(buf.area);
    let height = usize::from(area.height);
    if area.width == 0 || height == 0 || scroll.total <= scroll.visible {
        return;
    }
    let length = (height * scroll.visible / scroll.total.max(1)).clamp(1, height);
    let hidden = scroll.total - scroll.visible;
    let offset = scroll.offset.min(hidden);
    let start = ((height - length) * offset + hidden / 2) / hidden.max(1);
    for (row, y) in (area.top()..area.bottom()).enumerate() {
        let (symbol, role) =
            if (start..start + length).contains(&row) { ("┃", Role::Dim) } else { ("│", Role::Border) };
        buf.set_string(area.x, y, symbol, theme.style(role));
    }
}

/// A bar that fills from the left; `ratio` from 0 to 1.
pub fn progress(buf: &mut Buffer, area: Rect, ratio: f64, theme: &Theme) {
    let area = area.intersection(buf.area);
    let ratio = if ratio.is_finite() { ratio.clamp(0.0, 1.0) } else { 0.0 };
    let full = f64::from(area.width) * ratio;
    for (column, x) in (0u16..).zip(area.left()..area.right()) {
        let (symbol, role) =
            if f64::from(column) + 0.5 <= full { ("━", Role::Accent) } else { ("─", Role::Border) };
        buf.set_string(x, area.y, symbol, theme.style(role));
    }
}

/// Keys and what they do, on one row; what does not fit is left off whole.
pub fn hints(buf: &mut Buffer, area: Rect, hints: &[(String, &str)], theme: &Theme) {
    let area = area.intersection(buf.area);
    if area.height == 0 {
        return;
    }
    let (mut x, mut room) = (area.x, usize::from(area.width));
    for (key, words) in hints {
        let columns = wrap::width(key) + 1 + wrap::width(words);
        if columns > room {
            return;
        }
        let (after, _) = buf.set_stringn(x, area.y, key, room, theme.style(Role::Key));
        let (after, _) = buf.set_stringn(after + 1, area.y, words, room, theme.style(Role::Dim));
        let gap = 2;
        room = usize::from(area.right().saturating_sub(after)).saturating_sub(gap);
        x = after.saturating_add(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buf: &Buffer) -> Vec<String> {
        let width = usize::from(buf.area.width);
        buf.content.chunks(width).map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    #[test]
    fn a_pane_has_a_frame_and_says_what_is_inside() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 3));
        let inner = pane(&mut buf, Rect::new(0, 0, 12, 3), "a long title", Focus::Yes, &Theme::fallback());
        assert_eq!(inner, Rect::new(1, 1, 10, 1));
        assert_eq!(text(&buf), ["╭─ a lon… ─╮", "│          │", "╰──────────╯"]);
    }

    #[test]
    fn the_bar_reaches_both_ends() {
        let area = Rect::new(0, 0, 1, 5);
        for (offset, first, last) in [(0, "┃", "│"), (90, "│", "┃")] {
            let mut buf = Buffer::empty(area);
            scrollbar(&mut buf, area, Scroll { offset, visible: 10, total: 100 }, &Theme::fallback());
            assert_eq!((text(&buf)[0].as_str(), text(&buf)[4].as_str()), (first, last));
        }
        let mut buf = Buffer::empty(area);
        scrollbar(&mut buf, area, Scroll { offset: 0, visible: 5, total: 5 }, &Theme::fallback());
        assert_eq!(text(&buf)[0], " ");
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let tiny = Rect::new(0, 0, 1, 1);
        for area in [Rect::new(0, 0, 0, 0), Rect::new(5, 5, 9, 9), Rect::new(0, 0, 99, 99)] {
            let mut buf = Buffer::empty(tiny);
            let theme = Theme::fallback();
            pane(&mut buf, area, "x", Focus::No, &theme);
            scrollbar(&mut buf, area, Scroll { offset: 1, visible: 1, total: 9 }, &theme);
            progress(&mut buf, area, f64::NAN, &theme);
            hints(&mut buf, area, &[("f1".to_owned(), "help")], &theme);
            popup(&mut buf, area, 10, 10, "x", &theme);
            lines(&mut buf, area, &[Line::from("abc")], Style::new());
        }
    }

    #[test]
    fn hints_are_left_off_whole() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 16, 1));
        let keys = [("f1".to_owned(), "help"), ("ctrl-q".to_owned(), "quit")];
        hints(&mut buf, Rect::new(0, 0, 16, 1), &keys, &Theme::fallback());
        assert_eq!(text(&buf)[0].trim_end(), "f1 help");
    }
}
