//! A list to choose from, with the letters that a search found.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scroll, scrollbar};
use crate::tui::text::{sanitize, wrap};
use crate::tui::theme::{Role, Theme};

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListItem {
    /// What it is.
    pub label: String,
    /// More about it, at the right in lesser weight.
    pub detail: String,
    /// Which characters of the label the search found.
    pub matches: Vec<usize>,
}

impl ListItem {
    /// A row without a found letter; both texts are made harmless.
    pub fn new(label: &str, detail: &str) -> Self {
        Self { label: sanitize::single_line(label), detail: sanitize::single_line(detail), matches: Vec::new() }
    }
}

/// What is chosen and what is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListState {
    /// The chosen row.
    pub selected: usize,
    /// The first row that is seen.
    pub offset: usize,
}

impl ListState {
    /// The next row, from the last one to the first.
    pub fn next(&mut self, count: usize) {
        self.selected = if self.selected + 1 < count { self.selected + 1 } else { 0 };
    }

    /// The row before, from the first one to the last.
    pub fn previous(&mut self, count: usize) {
        self.selected = self.selected.checked_sub(1).unwrap_or(count.saturating_sub(1));
    }

    fn settle(&mut self, count: usize, visible: usize) {
        self.selected = self.selected.min(count.saturating_sub(1));
        // In this order, so that a list without a visible row has a valid offset too.
        self.offset = self.offset.max((self.selected + 1).saturating_sub(visible)).min(self.selected);
        self.offset = self.offset.min(count.saturating_sub(visible));
    }
}

/// Draws the rows that fit, keeping the chosen one in sight.
pub fn list(buf: &mut Buffer, area: Rect, items: &[ListItem], state: &mut ListState, theme: &Theme) {
    let area = area.intersection(buf.area);
    let visible = usize::from(area.height);
    state.settle(items.len(), visible);
    if area.width < 4 {
        return;
    }
    let rows = items.iter().enumerate().skip(state.offset);
    for ((index, item), y) in rows.zip(area.top()..area.bottom()) {
        row(buf, Rect { y, height: 1, ..area }, item, index == state.selected, theme);
    }
    let bar = Rect { x: area.right() - 1, width: 1, ..area };
    scrollbar(buf, bar, Scroll { offset: state.offset, visible, total: items.len() }, theme);
}

fn row(buf: &mut Buffer, area: Rect, item: &ListItem, selected: bool, theme: &Theme) {
    let ground = theme.style(Role::Selection);
    if selected {
        buf.set_style(area, ground);
        buf.set_string(area.x, area.y, "›", theme.style(Role::Accent));
    }
    let room = usize::from(area.width).saturating_sub(3);
    let text = if selected { ground } else { theme.style(Role::Text) };
    // A long label leaves the beginning of the detail in sight.
    let kept = wrap::width(&item.detail).min(room / 5);
    let label = wrap::truncate(&item.label, room - if kept > 3 { kept + 2 } else { 0 });
    let mut x = area.x + 2;
    for (index, char) in label.chars().enumerate() {
        let style = if item.matches.contains(&index) { text.patch(theme.style(Role::Match)) } else { text };
        let mut four = [0; 4];
        // One character at a time would take clusters apart; found letters are hardly ever in one.
        if item.matches.is_empty() {
            buf.set_stringn(x, area.y, &label, room, text);
            break;
        }
        (x, _) = buf.set_stringn(x, area.y, char.encode_utf8(&mut four), room, style);
    }
    let used = wrap::width(&label) + 2;
    let detail_room = room.saturating_sub(used);
    if detail_room > 3 && !item.detail.is_empty() {
        let detail = wrap::truncate(&item.detail, detail_room);
        let columns = u16::try_from(wrap::width(&detail)).unwrap_or(0);
        let style = if selected { text } else { theme.style(Role::Dim) };
        buf.set_string(area.right().saturating_sub(columns + 1), area.y, detail, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_stays_in_sight() {
        let items: Vec<ListItem> = (0..20).map(|n| ListItem::new(&format!("row {n}"), "")).collect();
        let mut state = ListState { selected: 15, offset: 0 };
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 4));
        list(&mut buf, Rect::new(0, 0, 12, 4), &items, &mut state, &Theme::fallback());
        assert_eq!(state.offset, 12);
        state.selected = 99;
        list(&mut buf, Rect::new(0, 0, 12, 4), &items[..2], &mut state, &Theme::fallback());
        assert_eq!(state, ListState { selected: 1, offset: 0 });
        list(&mut buf, Rect::new(0, 0, 12, 4), &[], &mut state, &Theme::fallback());
        state.selected = 1;
        list(&mut buf, Rect::new(0, 0, 12, 0), &items, &mut state, &Theme::fallback());
        assert_eq!(state, ListState { selected: 1, offset: 1 }, "no row is visible");
        state.next(0);
        state.previous(0);
        assert_eq!(state.selected, 0);
    }
}
