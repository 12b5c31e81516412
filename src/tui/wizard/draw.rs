//! The wizard's screen.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::state::Wizard;
use crate::engine::first_run::{Ask, Mark, Page, STEPS};
use crate::tui::panes::format::bytes;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hanging};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::BANNER;
use crate::tui::widgets::{ListItem, hints, list, progress, spinner};

/// Columns of text at most.
const WIDEST: u16 = 92;

/// Draws the page; returns where the cursor belongs.
pub fn draw(wizard: &mut Wizard, theme: &Theme, elapsed: Duration, buffer: &mut Buffer) -> Option<Position> {
    let screen = buffer.area;
    if screen.width < 8 || screen.height < 4 {
        return None;
    }
    let width = screen.width.saturating_sub(4).min(WIDEST);
    let left = screen.x + (screen.width - width) / 2;
    let mut y = screen.y + u16::from(screen.height >= 12);
    let bottom = screen.bottom() - 2;
    if screen.height >= 30 {
        for row in BANNER {
            buffer.set_stringn(left, y, row, usize::from(width), theme.style(Role::Accent));
            y += 1;
        }
        y += 1;
    }
    heading(&wizard.page, theme, Rect { x: left, y, width, height: 1 }, buffer);
    y += 2;
    let body = lines(&wizard.page, theme, width);
    // Options and a field need a few rows whatever the text.
    let room = bottom.saturating_sub(y).saturating_sub(if wizard.options().is_empty() { 3 } else { 5 });
    for line in body.iter().take(usize::from(room)) {
        buffer.set_line(left, y, line, width);
        y += 1;
    }
    if !body.is_empty() {
        y += 1;
    }
    let rest = Rect { x: left, y, width, height: bottom.saturating_sub(y) };
    let cursor = ask(wizard, theme, elapsed, rest, buffer);
    keys(wizard, theme, Rect { x: left, y: screen.bottom() - 1, width, height: 1 }, buffer);
    cursor
}

fn heading(page: &Page, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let dim = theme.style(Role::Dim);
    let line = Line::from(vec![Span::styled("kiln init  ", dim), Span::styled(page.title, theme.style(Role::Title))]);
    buffer.set_line(area.x, area.y, &line, area.width);
    // One mark a step, so that one sees how far it is.
    let marks = u16::try_from(STEPS * 2).unwrap_or(10);
    if area.width > marks + 40 {
        let mut x = area.right() - marks;
        for step in 1..=STEPS {
            let (mark, role) = if step <= page.step { ("●", Role::Accent) } else { ("○", Role::Border) };
            buffer.set_string(x, area.y, mark, theme.style(role));
            x += 2;
        }
    }
}

fn lines(page: &Page, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for line in &page.lines {
        let (mark, mark_role, role) = match line.mark {
            Mark::Plain => ("", Role::Text, Role::Text),
            Mark::Dim => ("", Role::Dim, Role::Dim),
            Mark::Good => ("✓ ", Role::Success, Role::Text),
            Mark::Warn => ("! ", Role::Warning, Role::Warning),
            Mark::Bad => ("✗ ", Role::Error, Role::Error),
        };
        // Leading blanks are layout, the rest may come from a server.
        let indent: String = line.text.chars().take_while(|c| *c == ' ').collect();
        let text = format!("{indent}{}", single_line(line.text.trim_start()));
        let spans = vec![Span::styled(mark, theme.style(mark_role)), Span::styled(text, theme.style(role))];
        let hang = if mark.is_empty() { 0 } else { 2 };
        out.extend(wrap_hanging(&Line::from(spans), width, hang));
    }
    out
}

fn ask(wizard: &mut Wizard, theme: &Theme, elapsed: Duration, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let dim = theme.style(Role::Dim);
    match &wizard.page.ask {
        Ask::Wait => {
            buffer.set_string(area.x, area.y, spinner(elapsed), theme.style(Role::Accent));
            None
        }
        Ask::Progress { received, total } => {
            #[expect(clippy::cast_precision_loss, reason = "a bar of some columns")]
            let ratio = total.map_or(0.0, |total| *received as f64 / total.max(1) as f64);
            progress(buffer, Rect { height: 1, ..area }, ratio, theme);
            let of = total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
            if area.height > 1 {
                let text = format!("{} {}{of}", spinner(elapsed), bytes(*received));
                buffer.set_stringn(area.x, area.y + 1, text, usize::from(area.width), dim);
            }
            None
        }
        Ask::Secret { prompt } => {
            let prompt = single_line(prompt);
            let (x, _) = buffer.set_stringn(area.x, area.y, format!("{prompt}  "), usize::from(area.width), dim);
            let room = usize::from(area.right().saturating_sub(x).saturating_sub(1));
            let dots = "•".repeat(wizard.dots().min(room));
            let (x, _) = buffer.set_stringn(x, area.y, dots, room, theme.style(Role::Accent));
            Some(Position::new(x, area.y))
        }
        Ask::Choose { .. } => Some(options(wizard, theme, area, buffer)).flatten(),
        Ask::End => None,
    }
}

fn options(wizard: &mut Wizard, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let mut area = area;
    let mut cursor = None;
    if wizard.narrows() {
        let query = truncate(&wizard.query, usize::from(area.width).saturating_sub(4));
        let (x, _) = buffer.set_stringn(area.x, area.y, "❯ ", 2, theme.style(Role::Accent));
        let (end, _) = buffer.set_stringn(x, area.y, &query, usize::from(area.width), theme.style(Role::Text));
        if query.is_empty() {
            buffer.set_stringn(x, area.y, "type to narrow", usize::from(area.width), theme.style(Role::Dim));
        }
        cursor = Some(Position::new(end, area.y));
        area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    }
    let items: Vec<ListItem> = wizard
        .ranked
        .iter()
        .filter_map(|position| wizard.options().get(*position))
        .map(|option| ListItem::new(&option.label, &option.detail))
        .collect();
    if items.is_empty() && !area.is_empty() {
        buffer.set_stringn(area.x, area.y, "nothing fits", usize::from(area.width), theme.style(Role::Dim));
    }
    let mut state = wizard.list;
    // What is cut off in the chosen row stands below the list, where there is room.
    let chosen = items
        .get(state.selected)
        .filter(|item| width_of(&item.label) + width_of(&item.detail) + 6 > usize::from(area.width));
    let below = area.y.saturating_add(u16::try_from(items.len()).unwrap_or(u16::MAX)).saturating_add(1);
    if let Some(item) = chosen {
        let text = Line::styled(item.detail.clone(), theme.style(Role::Dim));
        for (y, line) in (below..area.bottom()).zip(wrap_hanging(&text, area.width, 0)) {
            buffer.set_line(area.x, y, &line, area.width);
        }
    }
    list(buffer, area, &items, &mut state, theme);
    wizard.list = state;
    wizard.options_at = area;
    cursor
}

fn keys(wizard: &Wizard, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let key = |key: &str, about: &'static str| (key.to_owned(), about);
    let shown = match &wizard.page.ask {
        Ask::Choose { .. } => vec![key("↑ ↓", "move"), key("enter", "take"), key("←", "back"), key("esc", "leave")],
        Ask::Secret { .. } => vec![key("enter", "go on"), key("←", "back"), key("esc", "leave")],
        Ask::End => vec![key("enter", "close")],
        Ask::Wait | Ask::Progress { .. } => vec![key("esc", "leave")],
    };
    hints(buffer, area, &shown, theme);
}
