//! Clicks and the wheel.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Overlay;
use crate::tui::view::layout::Focus;

use super::{completion, review};

/// Rows that one notch of the wheel moves.
const NOTCH: isize = 3;

/// Takes a mouse event in.
pub fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Cmd> {
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::ScrollUp => wheel(model, at, -NOTCH),
        MouseEventKind::ScrollDown => wheel(model, at, NOTCH),
        MouseEventKind::Down(MouseButton::Left) => return click(model, at),
        MouseEventKind::Drag(MouseButton::Left) => drag(model, at),
        _ => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, at: Position, rows: isize) {
    match &mut model.overlay {
        Some(Overlay::Help { scroll }) => *scroll = scroll.saturating_add_signed(rows),
        Some(Overlay::Picker(picker)) => picker.step(rows.signum()),
        Some(Overlay::Settings(screen)) => screen.step(rows.signum()),
        Some(_) => {}
        None if model.areas.dialog.contains(at) => {
            if let Some(dialog) = &mut model.dialog {
                dialog.scroll = dialog.scroll.saturating_add_signed(rows);
            }
        }
        None if model.areas.code.contains(at) && model.review.is_some() => {
            if let Some(review) = &mut model.review {
                review.scroll_by(rows);
            }
        }
        None if model.areas.code.contains(at) => model.code.scroll_by(rows),
        None if model.areas.steps.contains(at) => model.steps.scroll_by(rows),
        None => model.with_chat(|chat, scene| chat.scroll_by(rows, scene)),
    }
}

fn click(model: &mut Model, at: Position) -> Vec<Cmd> {
    let areas = model.areas;
    if let Some(Overlay::Settings(screen)) = &mut model.overlay
        && screen.rows_at.contains(at)
        && matches!(screen.mode, crate::tui::overlays::settings::Mode::Browse)
    {
        let row = usize::from(at.y - screen.rows_at.y);
        let (list, count) = screen.list();
        list.selected = (list.offset + row).min(count.saturating_sub(1));
        return Vec::new();
    }
    if model.overlay.is_some() {
        return Vec::new();
    }
    if let Some(popup) = &mut model.completion
        && areas.popup.contains(at)
    {
        let row = usize::from(at.y - areas.popup.y) + areas.popup_from;
        return if popup.select(row) { completion::accept(model, false) } else { Vec::new() };
    }
    if areas.dialog.contains(at) {
        model.focus_on(Focus::Dialog);
        return Vec::new();
    }
    if model.review.is_some() && (areas.code.contains(at) || model.writes_on_hunk()) {
        return review::click(model, at);
    }
    if areas.code.contains(at) {
        if let Some(path) = model.code.tab_at(at.x, at.y) {
            model.code.select(&path);
        }
        model.focus_on(Focus::Code);
        return model.ask_for_file();
    }
    if areas.chat.contains(at) {
        let was_there = model.focus == Focus::Chat;
        model.focus_on(Focus::Chat);
        if at.x + 1 == areas.chat.right() {
            drag(model, at);
        } else if at.y + 1 == areas.chat.bottom() && !model.chat.follows() {
            model.chat.follow();
        } else if was_there {
            model.with_chat(|chat, scene| chat.toggle_fold(Some(at.y), scene));
        }
    } else if areas.steps.contains(at) || areas.summary.contains(at) {
        model.focus_on(Focus::Steps);
    } else if areas.composer.contains(at) {
        model.focus_on(Focus::Composer);
    }
    Vec::new()
}

/// The scrollbar of the chat, while it is there.
fn drag(model: &mut Model, at: Position) {
    let chat = model.areas.chat;
    if at.x + 1 == chat.right() && chat.contains(at) && !model.chat.follows() {
        let (part, of) = (usize::from(at.y - chat.y), usize::from(chat.height));
        model.with_chat(|pane, scene| pane.to_share(part, of, scene));
    }
}
