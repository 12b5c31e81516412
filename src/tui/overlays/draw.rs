//! Draws the overlays and the completion popup.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::commands::COMMANDS;
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::overlays::settings_draw;
use crate::tui::overlays::{Listed, Offer, Overlay, Picker, Question};
use crate::tui::panes::format::bytes;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_line};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::keys;
use crate::tui::widgets::{ListState, Scroll, clear, list, popup, scrollbar};

/// Choices of the completion popup in sight at once.
const POPUP_ROWS: usize = 8;

/// Draws the open overlay; returns where the cursor belongs.
pub fn overlay(model: &mut Model, buffer: &mut Buffer) -> Option<Position> {
    let mut open = model.overlay.take()?;
    let cursor = match &mut open {
        Overlay::Help { scroll } => {
            help(model, scroll, buffer);
            None
        }
        Overlay::Picker(picker) => {
            let keys = if picker.listed == Listed::Other { Vec::new() } else { keys::listed(model, picker) };
            draw_picker(picker, &keys, &model.theme, buffer)
        }
        Overlay::Ask(Question::Replace(target)) => {
            let text =
                format!("`{}` exists already. replace it as a whole?", single_line(&target.path.to_string_lossy()));
            question("replace", &[text], model, buffer);
            None
        }
        Overlay::Settings(screen) => settings_draw::draw(screen, model, buffer),
        Overlay::Ask(Question::GoBack(_, text)) => {
            question("go back", text, model, buffer);
            None
        }
        Overlay::Offer(offer) => {
            question("fetch the model", &offer_text(offer), model, buffer);
            None
        }
    };
    model.overlay = Some(open);
    cursor
}

fn offer_text(offer: &Offer) -> Vec<String> {
    vec![
        format!("{} is not on this machine yet.", single_line(&offer.title)),
        String::new(),
        format!("size     {}", bytes(offer.bytes)),
        format!("licence  {}", single_line(&offer.licence)),
        format!("from     {}", single_line(&offer.sources.join(", else "))),
        String::new(),
        single_line(&offer.note),
        String::new(),
        "fetch it now? your message is sent as soon as it is here.".to_owned(),
    ]
}

fn question(title: &str, text: &[String], model: &Model, buffer: &mut Buffer) {
    let theme = &model.theme;
    let width = buffer.area.width.saturating_sub(4).clamp(1, 66);
    let inner = width.saturating_sub(4).max(1);
    let style = theme.style(Role::Text);
    let mut lines: Vec<Line<'static>> =
        text.iter().flat_map(|t| wrap_line(&Line::styled(t.clone(), style), inner)).collect();
    lines.push(Line::default());
    let key = |action| Span::styled(model.key_of(Context::Confirm, action), theme.style(Role::Key));
    lines.push(Line::from(vec![
        key(Action::Confirm),
        Span::styled(" yes    ", theme.style(Role::Dim)),
        key(Action::Deny),
        Span::styled(" no", theme.style(Role::Dim)),
    ]));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = popup(buffer, buffer.area, width, height, title, theme);
    for (y, line) in (area.top()..area.bottom()).zip(&lines) {
        buffer.set_line(area.x.saturating_add(1), y, line, area.width.saturating_sub(1));
    }
}

fn draw_picker(picker: &Picker, keys: &[(String, &str)], theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let screen = buffer.area;
    let items = picker.items();
    let foot = u16::from(!keys.is_empty());
    let width = screen.width.saturating_sub(4).clamp(1, 90);
    let height = u16::try_from(items.len()).unwrap_or(u16::MAX).clamp(3, 16).saturating_add(4 + foot);
    let area = popup(buffer, screen, width, height.min(screen.height.saturating_sub(2).max(1)), picker.title, theme);
    if area.is_empty() {
        return None;
    }
    let room = usize::from(area.width).saturating_sub(2);
    let query = truncate(&picker.query, room);
    buffer.set_stringn(area.x, area.y, "❯ ", usize::from(area.width), theme.style(Role::Accent));
    buffer.set_stringn(area.x.saturating_add(2), area.y, &query, room, theme.style(Role::Text));
    let cursor = area.x.saturating_add(2).saturating_add(u16::try_from(width_of(&query)).unwrap_or(0));
    let rows = Rect { y: area.y.saturating_add(2), height: area.height.saturating_sub(2 + foot), ..area };
    if area.height > 2 && foot > 0 {
        let spans = keys.iter().flat_map(|(key, about)| {
            [
                Span::styled(key.clone(), theme.style(Role::Key)),
                Span::styled(format!(" {about}  "), theme.style(Role::Dim)),
            ]
        });
        let line: Line<'_> = spans.collect();
        buffer.set_line(area.x.saturating_add(2), area.bottom() - 1, &line, area.width.saturating_sub(2));
    }
    if items.is_empty() {
        let text = if picker.query.is_empty() { picker.empty } else { "nothing fits" };
        if !rows.is_empty() {
            buffer.set_stringn(rows.x, rows.y, text, usize::from(rows.width), theme.style(Role::Dim));
        }
    } else if !rows.intersection(screen).is_empty() {
        let mut state = ListState { selected: picker.selected(), offset: 0 };
        list(buffer, rows, &items, &mut state, theme);
    }
    Some(Position::new(cursor.min(area.right().saturating_sub(1)), area.y))
}

/// Every key, from the key table, and every command, from the command table.
fn help(model: &Model, scroll: &mut usize, buffer: &mut Buffer) {
    let theme = &model.theme;
    let screen = buffer.area;
    let width = screen.width.saturating_sub(4).clamp(1, 100);
    let height = screen.height.saturating_sub(2).max(1);
    let area = popup(buffer, screen, width, height, "keys and commands", theme);
    if area.is_empty() {
        return;
    }
    let two = area.width >= 84;
    let column = if two { area.width / 2 } else { area.width }.saturating_sub(2);
    // What counts where the keys are comes first.
    let here = Some(model.context()).filter(|context| *context != Context::Composer);
    let others = Context::ALL.iter().copied().filter(|context| Some(*context) != here);
    let mut blocks: Vec<Vec<Line<'static>>> =
        here.into_iter().chain(others).map(|c| keys_of(model, c, column)).collect();
    blocks.push(commands(theme, column));
    blocks.retain(|b| b.len() > 1);
    let columns = if two { split(blocks) } else { [blocks.concat(), Vec::new()] };
    let total = columns[0].len().max(columns[1].len());
    let rows = usize::from(area.height);
    *scroll = (*scroll).min(total.saturating_sub(rows));
    for (index, lines) in columns.iter().enumerate() {
        let x = area.x.saturating_add(1).saturating_add(if index == 0 { 0 } else { area.width / 2 });
        for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(*scroll)) {
            buffer.set_line(x, y, line, column);
        }
    }
    let bar = Rect { x: area.right().saturating_sub(1), width: 1, ..area };
    scrollbar(buffer, bar, Scroll { offset: *scroll, visible: rows, total }, theme);
}

/// Two columns of about the same length.
fn split(blocks: Vec<Vec<Line<'static>>>) -> [Vec<Line<'static>>; 2] {
    let half = blocks.iter().map(Vec::len).sum::<usize>() / 2;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for block in blocks {
        if left.len() + block.len() / 2 <= half && right.is_empty() { left.extend(block) } else { right.extend(block) }
    }
    [left, right]
}

fn keys_of(model: &Model, context: Context, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let keymap = &model.settings.keys;
    let title = match context {
        Context::Global => "everywhere",
        Context::Composer => "writing",
        Context::Chat => "chat",
        Context::Code => "code",
        Context::Steps => "steps",
        Context::Completion => "completion",
        Context::List => "lists",
        Context::Search => "search",
        Context::Confirm => "yes or no",
        Context::Approval => "a call that asks",
        Context::Question => "a question of the model",
        Context::Plan => "a plan to approve",
        Context::Field => "words in a dialog",
        Context::Review => "review",
        Context::Editor => "lines and comments",
        Context::Settings => "settings",
    };
    let mut lines = vec![Line::styled(title, theme.style(Role::Heading))];
    let everywhere = keymap.hints(Context::Global);
    for (key, action) in keymap.hints(context) {
        if context != Context::Global && everywhere.iter().any(|(k, a)| *k == key && *a == action) {
            continue;
        }
        let mut keys = keymap.keys_of(context, action);
        keys.truncate(3);
        lines.push(entry(&keys.join(" "), action.describe(), width, theme));
    }
    lines.push(Line::default());
    lines
}

fn commands(theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("commands", theme.style(Role::Heading))];
    lines.extend(COMMANDS.iter().map(|c| entry(&format!("/{}", c.name), c.about, width, theme)));
    lines
}

fn entry(key: &str, about: &str, width: u16, theme: &Theme) -> Line<'static> {
    let column = 18.min(usize::from(width) / 2);
    let key = truncate(key, column);
    let pad = " ".repeat(column.saturating_sub(width_of(&key)) + 1);
    let about = truncate(about, usize::from(width).saturating_sub(column + 1));
    Line::from(vec![
        Span::styled(key, theme.style(Role::Key)),
        Span::raw(pad),
        Span::styled(about, theme.style(Role::Text)),
    ])
}

/// Draws the completion popup above the composer.
pub fn completion(model: &mut Model, buffer: &mut Buffer) {
    let Some(popup) = &model.completion else { return };
    let composer = model.areas.composer;
    let above = composer.y.saturating_sub(1);
    let rows = popup.choices().len().min(POPUP_ROWS).min(usize::from(above));
    if rows == 0 || composer.width < 8 {
        return;
    }
    let theme = &model.theme;
    let label = popup.choices().iter().map(|c| width_of(&c.label)).max().unwrap_or(0);
    let detail = popup.choices().iter().map(|c| width_of(&c.detail)).max().unwrap_or(0);
    let width = u16::try_from(label + detail + 5).unwrap_or(u16::MAX).min(composer.width.saturating_sub(2));
    let height = u16::try_from(rows).unwrap_or(1);
    let area = Rect { x: composer.x.saturating_add(1), y: above - height, width, height };
    let first = popup.selected().saturating_sub(rows - 1);
    clear(buffer, area, Style::reset());
    for (y, (index, choice)) in (area.top()..area.bottom()).zip(popup.choices().iter().enumerate().skip(first)) {
        let chosen = index == popup.selected();
        let style = theme.style(if chosen { Role::Selection } else { Role::Text });
        let dim = if chosen { style } else { theme.style(Role::Dim) };
        let name = single_line(&choice.label);
        let pad = label.saturating_sub(width_of(&name));
        let line = Line::from(vec![
            Span::styled(format!(" {name}{} ", " ".repeat(pad)), style),
            Span::styled(format!(" {} ", single_line(&choice.detail)), dim),
        ]);
        buffer.set_style(Rect { y, height: 1, ..area }, style);
        buffer.set_line(area.x, y, &line, area.width);
    }
    model.areas.popup = area;
    model.areas.popup_from = first;
}
