//! Draws the part of the transcript that is in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{Chat, ChatFrame, Form, GUTTER, KEPT, Measure, Moved, Scene, line_text};
use crate::domain::ItemKind;
use crate::tui::panes::scroll::Top;
use crate::tui::theme::Role;

impl Chat {
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
