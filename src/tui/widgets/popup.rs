//! Windows over the screen. Their edge may cut wide glyphs in half: the other half is blanked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::{Focus, pane};
use crate::tui::theme::Theme;

/// A window of this size in the middle of `screen`; returns what is inside.
pub fn popup(buf: &mut Buffer, screen: Rect, width: u16, height: u16, title: &str, theme: &Theme) -> Rect {
    let screen = screen.intersection(buf.area);
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    let area =
        Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + (screen.height - height) / 2, width, height };
    popup_at(buf, area, title, theme)
}

/// A window at a place; returns what is inside.
pub fn popup_at(buf: &mut Buffer, area: Rect, title: &str, theme: &Theme) -> Rect {
    let area = area.intersection(buf.area);
    clear(buf, area, Style::reset());
    pane(buf, area, title, Focus::Yes, theme)
}

/// Empties an area, with the halves of wide glyphs that its edges cut.
pub fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        if let Some(left) = area.left().checked_sub(1)
            && left >= buf.area.left()
            && let Some(cell) = buf.cell_mut((left, y))
            && cell.symbol().width() > 1
        {
            cell.set_symbol(" ");
        }
        let last = area.right().saturating_sub(1);
        let cut = area.width > 0 && buf.cell((last, y)).is_some_and(|cell| cell.symbol().width() > 1);
        if cut && let Some(cell) = buf.cell_mut((area.right(), y)) {
            cell.set_symbol(" ");
        }
        for x in area.left()..area.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_glyphs_under_both_edges_are_blanked() {
        for x in 0..4u16 {
            let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
            buf.set_string(0, 0, "日本語日本語", Style::new());
            clear(&mut buf, Rect::new(x, 0, 5, 1), Style::new());
            let mut column = 0;
            for cell in 0..12u16 {
                let symbol = buf[(cell, 0)].symbol();
                if cell == column {
                    column += u16::try_from(symbol.width().max(1)).unwrap();
                    let inside = (x..x + 5).contains(&cell);
                    assert!(!inside || symbol == " ");
                    let reaches_in = symbol.width() == 2 && (x..x + 5).contains(&(cell + 1));
                    assert!(!reaches_in, "half of {symbol} at {cell} is under the window at {x}");
                }
            }
        }
    }
}
