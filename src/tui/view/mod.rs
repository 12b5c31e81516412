//! The screen as a function of the model. What it writes back are positions for the mouse and
//! wrapped text that panes keep.

pub mod keys;
pub mod layout;
mod welcome;

pub use welcome::BANNER;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::QueueHold;
use crate::tui::dialogs::{self, draw as dialog};
use crate::tui::keymap::{Action, Context};
use crate::tui::model::{Leaving, Model, Weight};
use crate::tui::overlays::draw as overlay;
use crate::tui::panes::chat::{ChatFrame, Moved};
use crate::tui::panes::code::CodeScene;
use crate::tui::panes::format::plural;
use crate::tui::panes::review::{Hand, ReviewScene};
use crate::tui::panes::status::{self, Pulling, StatusScene};
use crate::tui::panes::steps::{self, StepsScene};
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hanging};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{Scroll, scrollbar};

use layout::{Areas, Focus, Wants, layout};

/// What a frame tells the terminal beside its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Where the terminal's cursor belongs; hidden when `None`.
    pub cursor: Option<Position>,
    /// Whole rows whose content moved, so that the terminal can scroll them.
    pub moved: Option<Moved>,
}

/// Queued messages shown at most.
const QUEUE_ROWS: usize = 3;

/// Draws everything.
pub fn view(model: &mut Model, buffer: &mut Buffer) -> Frame {
    let screen = buffer.area;
    if screen.is_empty() {
        return Frame::default();
    }
    let notes = notes(model, screen.width);
    let sheet = dialogs::sheet(model, screen.width);
    let wants = Wants {
        dialog_rows: sheet.as_ref().map_or(0, dialog::Sheet::rows),
        code: model.code_shown(),
        steps: model.steps_shown(),
        focus: model.focus,
        code_in_front: model.code_in_front,
        composer_rows: model.composer.rows(screen.width),
        note_rows: u16::try_from(notes.len()).unwrap_or(u16::MAX),
    };
    let areas = layout(screen, wants);
    model.areas = areas;
    draw_header(model, areas.header, buffer);
    if let Some(line) = steps::summary(&model.view.state, model.now, &model.theme) {
        set_row(buffer, areas.summary, &line);
    }
    let chat = draw_chat(model, areas.chat, buffer);
    draw_code(model, areas.code, buffer);
    let lit = model.focus == Focus::Steps;
    model.steps.draw(
        areas.steps,
        buffer,
        StepsScene { state: &model.view.state, now: model.now, theme: &model.theme, lit },
    );
    draw_lines(model, &areas, buffer);
    for (y, line) in (areas.notes.top()..areas.notes.bottom()).zip(&notes) {
        buffer.set_line(areas.notes.x, y, line, areas.notes.width);
    }
    let field = sheet.and_then(|sheet| dialog::draw(model, &sheet, areas.dialog, buffer));
    let caret = draw_composer(model, areas.composer, buffer);
    draw_status(model, areas.status, buffer);
    let writing = draw_writing(model, buffer);
    overlay::completion(model, buffer);
    let over = overlay::overlay(model, buffer);
    let cursor = match (&model.overlay, &model.search) {
        (Some(_), _) => over,
        (None, Some(search)) => {
            let x = areas.rule.x.saturating_add(u16::try_from(width_of(search) + 10).unwrap_or(u16::MAX));
            Some(Position::new(x.min(areas.rule.right().saturating_sub(1)), areas.rule.y))
        }
        (None, None) => field.or(writing).or(caret.filter(|_| model.focus == Focus::Composer)),
    };
    // Rows can be scrolled by the terminal only as a whole.
    let whole = areas.chat.width == screen.width && model.overlay.is_none() && model.completion.is_none();
    Frame { cursor, moved: chat.moved.filter(|_| whole) }
}

fn set_row(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    if !area.is_empty() {
        let inner = Rect { x: area.x.saturating_add(1).min(area.right()), width: area.width.saturating_sub(1), ..area };
        buffer.set_line(inner.x, inner.y, line, inner.width);
    }
}

fn draw_header(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let theme = &model.theme;
    let dim = theme.style(Role::Dim);
    let title = single_line(&model.view.state.display_title());
    let folder = welcome::folder(model);
    let mut spans = vec![Span::styled(" kiln ", theme.style(Role::Title))];
    let room = usize::from(area.width).saturating_sub(8);
    if model.is_fresh() {
        spans.push(Span::styled(truncate(&folder, room), dim));
    } else {
        let left = room.saturating_sub(width_of(&title) + 3);
        spans.push(Span::styled(truncate(&title, room), theme.style(Role::Text)));
        if left > 12 {
            spans.push(Span::styled(" · ", dim));
            spans.push(Span::styled(truncate(&folder, left), dim));
        }
    }
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    if let Some(banner) = &model.banner {
        let text = format!(" {} ", single_line(banner));
        let wide = u16::try_from(width_of(&text)).unwrap_or(u16::MAX);
        if wide < area.width / 2 {
            buffer.set_string(area.right() - wide, area.y, text, theme.style(Role::Warning));
        }
    }
}

fn draw_chat(model: &mut Model, area: Rect, buffer: &mut Buffer) -> ChatFrame {
    if area.is_empty() {
        return ChatFrame::default();
    }
    let fresh = model.is_fresh() && model.view.live.reasoning.is_empty();
    if fresh {
        welcome::draw(model, area, buffer);
    }
    let frame = model.with_chat(|chat, scene| chat.draw(area, buffer, scene));
    let Some(unseen) = frame.unseen else { return frame };
    let theme = &model.theme;
    let (offset, visible, total) = model.chat.extent();
    let bar = Rect { x: area.right().saturating_sub(1), width: 1, ..area };
    scrollbar(buffer, bar, Scroll { offset, visible, total }, theme);
    let key = match model.focus {
        Focus::Chat => model.key_of(Context::Chat, Action::Bottom),
        _ => model.key_of(Context::Global, Action::Bottom),
    };
    let text = match unseen {
        0 => format!(" ↓ {key} to follow "),
        n => format!(" ↓ {} · {key} to follow ", plural(n, "new line")),
    };
    let wide = u16::try_from(width_of(&text)).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
    let x = area.x.saturating_add((area.width.saturating_sub(wide)) / 2);
    if area.height > 1 {
        crate::tui::widgets::clear(buffer, Rect { x, y: area.bottom() - 1, width: wide, height: 1 }, Style::reset());
        buffer.set_stringn(x, area.bottom() - 1, text, usize::from(wide), theme.style(Role::Selection));
    }
    frame
}

fn draw_code(model: &mut Model, area: Rect, buffer: &mut Buffer) {
    let search = if model.focus == Focus::Code { model.search.as_deref().unwrap_or("") } else { "" };
    match &mut model.review {
        Some(review) => {
            let focus = if model.focus == Focus::Code { Hand::Here } else { Hand::Elsewhere };
            review.draw(area, buffer, ReviewScene { theme: &model.theme, keys: &model.settings.keys, hand: focus });
        }
        None => model.code.draw(area, buffer, CodeScene { theme: &model.theme, search }),
    }
}

/// The window in which a hunk's lines, or a comment, are written.
fn draw_writing(model: &mut Model, buffer: &mut Buffer) -> Option<Position> {
    if !model.reviews() || model.overlay.is_some() {
        return None;
    }
    model.review.as_mut()?.draw_writing(buffer, &model.theme)
}

/// The rule above the composer, which shows the focus, and the lines between the panes.
fn draw_lines(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    let theme = &model.theme;
    for (index, area) in areas.parting.iter().enumerate() {
        let lit = match model.focus {
            Focus::Code => index == 0,
            Focus::Steps => index == 1,
            Focus::Chat | Focus::Composer | Focus::Dialog => false,
        };
        let style = theme.style(if lit { Role::BorderFocused } else { Role::Border });
        for y in area.top()..area.bottom() {
            buffer.set_string(area.x, y, "│", style);
        }
    }
    let rule = areas.rule;
    if rule.is_empty() {
        return;
    }
    let focused = model.focus == Focus::Composer && model.overlay.is_none();
    let style = theme.style(if focused { Role::BorderFocused } else { Role::Border });
    buffer.set_string(rule.x, rule.y, "─".repeat(usize::from(rule.width)), style);
    let word = match (&model.search, model.focus) {
        (Some(search), _) => format!(" search: {} ", single_line(search)),
        (None, Focus::Chat) => " chat ".to_owned(),
        (None, Focus::Code) if model.review.is_some() => " review ".to_owned(),
        (None, Focus::Code) => " code ".to_owned(),
        (None, Focus::Steps) => " steps ".to_owned(),
        (None, Focus::Composer | Focus::Dialog) => return,
    };
    let room = usize::from(rule.width).saturating_sub(2);
    buffer.set_stringn(rule.x.saturating_add(1), rule.y, word, room, theme.style(Role::BorderFocused));
}

/// How far a fetch has come, as a bar; the words stand in the status line.
fn progress_line(pulling: &Pulling, width: u16, theme: &Theme) -> Line<'static> {
    let room = usize::from(width).saturating_sub(4).min(60);
    let full = match pulling.total.filter(|total| *total > 0) {
        Some(total) => usize::try_from(pulling.received.min(total).saturating_mul(room as u64) / total).unwrap_or(0),
        None => 0,
    };
    Line::from(vec![
        Span::styled(format!("  {}", "━".repeat(full)), theme.style(Role::Accent)),
        Span::styled("─".repeat(room.saturating_sub(full)), theme.style(Role::Border)),
    ])
}

/// Passing notes, the warning before leaving, and waiting messages.
fn notes(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut out = Vec::new();
    if let Some(note) = &model.note {
        let (mark, role) = match note.weight {
            Weight::Info => ("· ", Role::Info),
            Weight::Warning => ("! ", Role::Warning),
            Weight::Error => ("✗ ", Role::Error),
        };
        let text = clean(&note.text).replace('\n', " ");
        let line = Line::from(vec![Span::styled(mark, theme.style(role)), Span::styled(text, theme.style(role))]);
        out.extend(wrap_hanging(&line, width, 2).into_iter().take(4));
        if let Some(hint) = &note.hint {
            let line = Line::styled(format!("  hint: {}", single_line(hint)), theme.style(Role::Dim));
            out.extend(wrap_hanging(&line, width, 2).into_iter().take(2));
        }
    }
    if let Some(pulling) = &model.pulling {
        out.push(progress_line(pulling, width, theme));
    }
    if matches!(model.leaving, Leaving::Asked(_)) {
        out.push(Line::styled("! press ctrl-c again to quit; the session is stored", theme.style(Role::Warning)));
    }
    let waiting = model.view.state.queue.iter().chain(&model.waiting_prompt);
    let count = waiting.clone().count();
    for text in waiting.take(QUEUE_ROWS) {
        let room = usize::from(width).saturating_sub(10);
        let text = truncate(&single_line(text), room);
        let line =
            vec![Span::styled("  queued: ", theme.style(Role::Accent)), Span::styled(text, theme.style(Role::Dim))];
        out.push(Line::from(line));
    }
    if count > QUEUE_ROWS {
        out.push(Line::styled(format!("  and {} more", count - QUEUE_ROWS), theme.style(Role::Dim)));
    }
    if count > 0 && !model.view.state.queue.is_empty() {
        let words = match model.view.state.queue_hold {
            QueueHold::Moving if !model.is_running() => {
                "  they wait since the turn ended early: `/queue go` sends them"
            }
            QueueHold::Moving => "  `/queue` changes, moves, drops or holds them",
            QueueHold::Held => "  held: `/queue go` sends them",
        };
        out.push(Line::styled(words, theme.style(Role::Dim)));
    }
    out
}

fn draw_composer(model: &mut Model, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let hint = if model.rewriting.is_some() {
        "empty: enter drops the message"
    } else if model.is_running() {
        "write on; it is sent when this turn ends"
    } else if model.is_fresh() {
        "what shall be built?"
    } else {
        "what next?"
    };
    let text = theme.style(Role::Text);
    model.composer.draw(area, buffer, text, theme.style(Role::Accent), (hint, theme.style(Role::Dim)))
}

fn draw_status(model: &Model, area: Rect, buffer: &mut Buffer) {
    let keys = keys::now(model);
    status::draw(
        area,
        buffer,
        StatusScene {
            view: &model.view,
            model: model.model_info(),
            phase_since: model.phase_since,
            saving: &model.saving,
            to_review: model.to_review(),
            pulling: model.pulling.as_ref(),
            keys: &keys,
            now: model.now,
            theme: &model.theme,
            mode: model.mode(),
            sandbox: model.description.as_ref().and_then(|description| description.sandbox.as_deref()),
        },
    );
}
