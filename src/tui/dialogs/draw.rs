//! Draws the dialog in front: what it is about at the top, the answers at the bottom, and between them
//! as much of the preview as there is room for.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use super::{Dialog, Sight};
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::text::wrap::width as width_of;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::layout::Focus;
use crate::tui::widgets::{Focus as Lit, clear, pane};

/// Rows of the frame.
const FRAME: u16 = 2;
/// Rows of the body that come before the offers.
const BODY_LEAST: u16 = 3;

/// A dialog as rows, before it is known how many fit.
#[derive(Debug, Default)]
pub struct Sheet {
    pub(super) title: String,
    pub(super) head: Vec<Line<'static>>,
    pub(super) body: Vec<Line<'static>>,
    /// The row of the body that has to stay in sight.
    pub(super) kept: Option<usize>,
    /// What may be allowed further; left out before anything else where there is no room.
    pub(super) offers: Vec<Line<'static>>,
    pub(super) foot: Vec<Line<'static>>,
    /// The words before a field, and its rows.
    pub(super) field: Option<(String, u16)>,
}

impl Sheet {
    /// Rows that it would like, the frame included.
    pub fn rows(&self) -> u16 {
        let field = self.field.as_ref().map_or(0, |(_, rows)| rows + 1);
        let lines = self.head.len() + self.body.len() + self.offers.len() + self.foot.len();
        u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(field).saturating_add(FRAME)
    }
}

/// Draws a sheet; returns where the cursor belongs.
pub fn draw(model: &mut Model, sheet: &Sheet, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let lit = model.focus == Focus::Dialog;
    let mut dialog = model.dialog.take()?;
    if area.is_empty() {
        dialog.sight = Sight::TooLittle;
        model.dialog = Some(dialog);
        return None;
    }
    let theme = &model.theme;
    clear(buffer, area, Style::reset());
    let inner = pane(buffer, area, &sheet.title, if lit { Lit::Yes } else { Lit::No }, theme);
    draw_corner(model, &dialog, area, buffer);
    let inner = Rect { x: inner.x.saturating_add(1), width: inner.width.saturating_sub(2), ..inner };
    let cursor = draw_inside(&mut dialog, sheet, inner, buffer, theme);
    model.dialog = Some(dialog);
    cursor.filter(|_| lit)
}

/// What the frame says at its right end: how the keys get here, or that it listens in a moment.
fn draw_corner(model: &Model, dialog: &Dialog, area: Rect, buffer: &mut Buffer) {
    let text = if model.focus != Focus::Dialog {
        format!(" {} to answer ", model.key_of(Context::Global, Action::FocusDialog))
    } else if !dialog.listens(model.now) {
        " … ".to_owned()
    } else {
        return;
    };
    let wide = u16::try_from(width_of(&text)).unwrap_or(u16::MAX);
    if wide + 20 < area.width {
        buffer.set_string(area.right() - wide - 2, area.y, text, model.theme.style(Role::Warning));
    }
}

fn draw_inside(dialog: &mut Dialog, sheet: &Sheet, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
    let mut rest = area;
    let rows = |lines: &[Line<'_>]| u16::try_from(lines.len()).unwrap_or(u16::MAX);
    put(buffer, &mut rest, &sheet.head);
    let foot = rows(&sheet.foot).min(rest.height);
    let field_rows = sheet.field.as_ref().map_or(0, |(_, rows)| rows + 1).min(rest.height - foot);
    // What is asked about comes before what could be allowed further.
    let least = rows(&sheet.body).min(BODY_LEAST);
    let mut left = rest.height - foot - field_rows;
    let offers = Some(rows(&sheet.offers)).filter(|offers| offers + least <= left).unwrap_or(0);
    left -= offers;
    dialog.sight = match (left >= least.min(2) && foot == rows(&sheet.foot), offers == rows(&sheet.offers)) {
        (true, true) => Sight::Whole,
        (true, false) => Sight::WithoutOffers,
        (false, _) => Sight::TooLittle,
    };
    let body = Rect { height: left, ..rest };
    draw_body(dialog, sheet, body, buffer, theme);
    rest.y = body.bottom();
    rest.height = offers;
    put(buffer, &mut rest, &sheet.offers);
    rest.height = foot + field_rows;
    let mut cursor = None;
    if let (Some((label, _)), Some(field)) = (&sheet.field, &mut dialog.field)
        && field_rows > 0
    {
        let label = Line::styled(label.clone(), theme.style(Role::Accent));
        put(buffer, &mut rest, std::slice::from_ref(&label));
        let place = Rect { height: field_rows - 1, ..rest };
        let style = theme.style(Role::Text);
        cursor = field.text.draw(place, buffer, style, theme.style(Role::Accent), ("", style));
        rest.y = rest.y.saturating_add(place.height);
        rest.height -= place.height;
    }
    put(buffer, &mut rest, &sheet.foot);
    cursor
}

fn draw_body(dialog: &mut Dialog, sheet: &Sheet, mut area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = usize::from(area.height);
    if rows == 0 {
        return;
    }
    if let Some(kept) = sheet.kept {
        dialog.scroll = dialog.scroll.clamp((kept + 1).saturating_sub(rows), kept);
    }
    // One row tells what is out of sight, so that nobody allows half of a command for the whole.
    let over = sheet.body.len() > rows;
    let shown = if over { rows.saturating_sub(1) } else { rows };
    dialog.scroll = dialog.scroll.min(sheet.body.len().saturating_sub(shown));
    let lines = sheet.body.iter().skip(dialog.scroll).take(shown);
    for line in lines {
        if line.style != Style::default() {
            buffer.set_style(Rect { height: 1, ..area }, line.style);
        }
        buffer.set_line(area.x, area.y, line, area.width);
        area.y = area.y.saturating_add(1);
    }
    if over {
        let (above, below) = (dialog.scroll, sheet.body.len().saturating_sub(dialog.scroll + shown));
        let text = match (above, below) {
            (0, below) => format!("↓ {below} more"),
            (above, 0) => format!("↑ {above} more"),
            (above, below) => format!("↑ {above} more  ↓ {below} more"),
        };
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), theme.style(Role::Warning));
    }
}

fn put(buffer: &mut Buffer, rest: &mut Rect, lines: &[Line<'static>]) {
    for line in lines {
        if rest.height == 0 {
            return;
        }
        buffer.set_line(rest.x, rest.y, line, rest.width);
        rest.y = rest.y.saturating_add(1);
        rest.height -= 1;
    }
}
