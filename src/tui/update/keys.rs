//! From a key to what it does.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::domain::op::StepMark;
use crate::tui::cmd::Cmd;
use crate::tui::commands;
use crate::tui::keymap::{Action, Context};
use crate::tui::model::{Leaving, Model};
use crate::tui::overlays::Overlay;
use crate::tui::panes::composer::Edit;
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::view::layout::Focus;

use super::{completion, dialogs, overlays, review};

/// From this likeness on, from 0 to 1, a mistyped command is taken for another.
const LIKELY: f64 = 0.75;

/// Takes a key in.
pub fn key(model: &mut Model, key: KeyEvent) -> Vec<Cmd> {
    model.pressed = model.now;
    let context = model.context();
    let typed = typed(key);
    let action = model.settings.keys.lookup(context, key);
    if action != Some(Action::Interrupt) && model.leaving != Leaving::Stopping {
        model.leaving = Leaving::No;
    }
    if let Some(Overlay::Settings(_)) = &model.overlay {
        return match action {
            Some(Action::Interrupt | Action::Quit) => {
                model.overlay = None;
                Vec::new()
            }
            action => super::settings::key(model, action, typed, key.code == KeyCode::Backspace),
        };
    }
    match context {
        Context::Confirm => match action {
            Some(Action::Interrupt | Action::Quit) => act(model, Action::Interrupt),
            action => overlays::confirm_key(model, action),
        },
        Context::List => match action {
            Some(Action::Interrupt | Action::Quit) => {
                model.overlay = None;
                Vec::new()
            }
            action => overlays::list_key(model, action, typed, key.code == KeyCode::Backspace),
        },
        Context::Search => search_key(model, action, typed, key.code == KeyCode::Backspace),
        Context::Composer => composer_key(model, key, action, typed),
        Context::Approval | Context::Question | Context::Plan | Context::Field => {
            dialogs::key(model, key, action, typed)
        }
        Context::Review => review::key(model, action, typed),
        Context::Editor => review::editor_key(model, key, action, typed),
        _ => match (action, typed) {
            (Some(action), _) => act(model, action),
            // A letter that means nothing here is the beginning of a message.
            (None, Some(c)) => {
                model.focus_on(Focus::Composer);
                model.composer.insert_char(c);
                completion::refresh(model)
            }
            (None, None) => Vec::new(),
        },
    }
}

/// The character that a key writes.
fn typed(key: KeyEvent) -> Option<char> {
    let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    // AltGr arrives as both on some systems.
    let alt_gr = key.modifiers.contains(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Char(c) if plain || alt_gr => Some(c),
        _ => None,
    }
}

/// Takes pasted text in.
pub fn paste(model: &mut Model, text: &str) {
    let text = clean(text);
    model.pressed = model.now;
    if model.overlay.is_none() && model.search.is_none() && model.focus == Focus::Dialog {
        return dialogs::paste(model, &text);
    }
    if model.overlay.is_none()
        && model.reviews()
        && let Some(writing) = model.writing()
    {
        return writing.text.paste(&text);
    }
    match (&mut model.overlay, &mut model.search) {
        (Some(Overlay::Picker(picker)), _) => {
            let query = format!("{}{}", picker.query, single_line(&text));
            picker.search(&query);
        }
        (Some(Overlay::Settings(screen)), _) => super::settings::paste(screen, &text),
        (Some(_), _) => {}
        (None, Some(search)) => search.push_str(&single_line(&text)),
        (None, None) => {
            model.focus_on(Focus::Composer);
            model.composer.paste(&text);
        }
    }
}

fn composer_key(model: &mut Model, key: KeyEvent, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    if model.completion.is_some()
        && let Some(action) = model.settings.keys.lookup(Context::Completion, key)
        && matches!(action, Action::Accept | Action::Next | Action::Previous | Action::Dismiss)
    {
        return completion::key(model, key, action);
    }
    if let Some(action) = action {
        match action {
            Action::HelpWhenEmpty if !model.composer.is_empty() => {}
            Action::LineUp => return scroll(model, -1),
            Action::LineDown => return scroll(model, 1),
            _ => return act(model, action),
        }
    }
    if key.code == KeyCode::Char('d') && key.modifiers == KeyModifiers::CONTROL && model.composer.is_empty() {
        return act(model, Action::Interrupt);
    }
    match (typed, edit_of(key)) {
        (Some(c), _) => model.composer.insert_char(c),
        (None, Some(edit)) => {
            model.composer.edit(edit);
        }
        (None, None) => return Vec::new(),
    }
    completion::refresh(model)
}

/// Keys of writing, as shells and editors have them; they are no part of the key table.
pub(super) fn edit_of(key: KeyEvent) -> Option<Edit> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let word = control || key.modifiers.contains(KeyModifiers::ALT);
    Some(match (key.code, word) {
        (KeyCode::Left, true) => Edit::WordLeft,
        (KeyCode::Right, true) => Edit::WordRight,
        (KeyCode::Left, false) => Edit::Left,
        (KeyCode::Right, false) => Edit::Right,
        (KeyCode::Up, _) => Edit::Up,
        (KeyCode::Down, _) => Edit::Down,
        (KeyCode::Home, _) => Edit::LineStart,
        (KeyCode::End, _) => Edit::LineEnd,
        (KeyCode::Backspace, true) => Edit::DeleteWord,
        (KeyCode::Backspace, false) => Edit::Backspace,
        (KeyCode::Delete, true) => Edit::DeleteNextWord,
        (KeyCode::Delete, false) => Edit::Delete,
        (KeyCode::Char(c), true) => match (c, control) {
            ('a', true) => Edit::LineStart,
            ('e', true) => Edit::LineEnd,
            ('b', true) => Edit::Left,
            ('f', true) => Edit::Right,
            ('b', false) => Edit::WordLeft,
            ('f', false) => Edit::WordRight,
            ('w', true) => Edit::DeleteWord,
            ('d', false) => Edit::DeleteNextWord,
            ('u', true) => Edit::DeleteToStart,
            ('k', true) => Edit::DeleteToEnd,
            ('h', true) => Edit::Backspace,
            ('d', true) => Edit::Delete,
            ('<', false) => Edit::TextStart,
            ('>', false) => Edit::TextEnd,
            _ => return None,
        },
        _ => return None,
    })
}

/// Does what an action says where the focus is.
pub fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    match action {
        Action::Send => return send(model),
        Action::Steer => return steer(model),
        Action::CycleMode => return model.cycle_mode(),
        Action::Newline => {
            model.composer.edit(Edit::Newline);
            return completion::refresh(model);
        }
        Action::HistoryPrevious => {
            if !model.composer.edit(Edit::Up) {
                model.composer.older();
            }
        }
        Action::HistoryNext => {
            if !model.composer.edit(Edit::Down) {
                model.composer.newer();
            }
        }
        Action::Clear => {
            let text = model.composer.text();
            model.composer.remember(&text);
            model.composer.clear();
            model.completion = None;
        }
        Action::Undo => {
            model.composer.edit(Edit::Undo);
        }
        Action::Redo => {
            model.composer.edit(Edit::Redo);
        }
        Action::ExternalEditor => return vec![Cmd::Edit(model.composer.text())],
        Action::Cancel => return escape(model),
        Action::Interrupt => return model.interrupt(),
        Action::Quit => return model.quit(),
        Action::Retry => return model.retry_failed(),
        Action::UndoTurn => return model.undo(),
        Action::Help | Action::HelpWhenEmpty => model.open_help(),
        Action::Palette => {
            model.focus_on(Focus::Composer);
            if model.composer.is_empty() {
                model.composer.set("/");
            }
            return completion::refresh(model);
        }
        Action::ThemePicker => model.open_theme_picker(),
        Action::SettingsScreen => return model.open_settings(),
        Action::ModelPicker => return model.open_model_picker(),
        Action::SessionPicker => return model.open_session_picker(""),
        Action::NewSession => return model.leave_session(),
        Action::Export => model.open_export_picker(),
        Action::FileList => return model.open_file_picker(),
        Action::Review => return model.open_review(),
        Action::Redraw => return vec![Cmd::Repaint],
        Action::Suspend => return vec![Cmd::Suspend],
        Action::CopyMessage => return model.copy_answer(),
        Action::CopyCode => return model.copy_file(),
        _ => return pane(model, action),
    }
    Vec::new()
}

/// Actions that move about in the panes.
fn pane(model: &mut Model, action: Action) -> Vec<Cmd> {
    let page = isize::try_from(match model.focus {
        Focus::Code => model.code.page(),
        _ => model.chat.page(),
    })
    .unwrap_or(1);
    match action {
        Action::FocusNext => model.step_focus(true),
        Action::FocusPrevious => model.step_focus(false),
        Action::FocusChat => model.focus_on(Focus::Chat),
        Action::FocusCode => model.focus_on(Focus::Code),
        Action::FocusSteps => model.focus_on(Focus::Steps),
        Action::FocusComposer => model.focus_on(Focus::Composer),
        Action::FocusDialog => model.focus_on(Focus::Dialog),
        Action::SkipStep | Action::RedoStep => return mark_step(model, action),
        Action::ToggleCode => model.toggle_code(),
        Action::ToggleSteps => model.toggle_steps(),
        Action::LineUp => return scroll(model, -1),
        Action::LineDown => return scroll(model, 1),
        Action::HalfPageUp => return scroll(model, -(page / 2).max(1)),
        Action::HalfPageDown => return scroll(model, (page / 2).max(1)),
        Action::PageUp => return scroll(model, -page),
        Action::PageDown => return scroll(model, page),
        Action::Top => match model.focus {
            Focus::Code => model.code.scroll_by(isize::MIN / 2),
            Focus::Steps => model.steps.to_start(),
            _ => model.with_chat(|chat, scene| chat.to_start(scene)),
        },
        Action::Bottom | Action::Follow => match model.focus {
            Focus::Code => model.code.follow(),
            Focus::Steps => model.steps.scroll_by(isize::MAX / 2),
            _ => model.chat.follow(),
        },
        Action::ScrollLeft => model.code.scroll_sideways(-8),
        Action::ScrollRight => model.code.scroll_sideways(8),
        Action::ItemPrevious | Action::ItemNext if model.focus == Focus::Steps => {
            let by = if action == Action::ItemNext { 1 } else { -1 };
            model.steps.choose(by, &model.view.state);
        }
        Action::ItemPrevious => model.with_chat(|chat, scene| chat.to_message(false, scene)),
        Action::ItemNext => model.with_chat(|chat, scene| chat.to_message(true, scene)),
        Action::FoldItem if model.focus == Focus::Chat => {
            let folded = model.with_chat(|chat, scene| chat.toggle_fold(None, scene));
            let note = (!folded).then_some("nothing in sight can be unfolded");
            note.into_iter().for_each(|text| model.tell(text));
        }
        Action::NextFile => model.code.step_file(1),
        Action::PreviousFile => model.code.step_file(-1),
        Action::ToggleDiff => return model.toggle_diff(),
        Action::NextHunk => model.code.to_hunk(true),
        Action::PreviousHunk => model.code.to_hunk(false),
        Action::ToggleWrap => model.code.toggle_wrap(),
        Action::Search => model.search = Some(String::new()),
        Action::SearchNext | Action::SearchPrevious if model.search.is_none() => model.search = Some(String::new()),
        _ => {}
    }
    model.ask_for_file()
}

/// Scrolls the pane that has the focus; from the composer, the chat.
fn scroll(model: &mut Model, rows: isize) -> Vec<Cmd> {
    match model.focus {
        Focus::Code => model.code.scroll_by(rows),
        Focus::Steps => model.steps.scroll_by(rows),
        Focus::Composer if model.areas.chat.is_empty() => model.code.scroll_by(rows),
        Focus::Chat | Focus::Composer | Focus::Dialog => {
            model.with_chat(|chat, scene| chat.scroll_by(rows, scene));
        }
    }
    Vec::new()
}

/// Esc in the composer: closes what is open, stops the turn, goes back to the end.
fn escape(model: &mut Model) -> Vec<Cmd> {
    if model.rewriting.take().is_some() {
        model.composer.clear();
        model.tell("the waiting message stays as it was");
        return Vec::new();
    }
    if model.note.take().is_some() && !model.is_running() {
        return Vec::new();
    }
    if model.is_running() {
        return model.cancel();
    }
    model.chat.follow();
    Vec::new()
}

/// What is written joins the running turn.
fn steer(model: &mut Model) -> Vec<Cmd> {
    if model.composer.shown().trim().is_empty() || model.rewriting.is_some() {
        return Vec::new();
    }
    model.completion = None;
    let text = model.composer.take();
    let kept = model.keep_for_recall(text.clone());
    model.steer(text).into_iter().chain(kept).collect()
}

/// The chosen step is left out, or done again.
fn mark_step(model: &mut Model, action: Action) -> Vec<Cmd> {
    let mark = if action == Action::SkipStep { StepMark::Skip } else { StepMark::Retry };
    match model.steps.chosen(&model.view.state) {
        Some(step) => model.mark_step(step, mark),
        None => Vec::new(),
    }
}

pub(super) fn send(model: &mut Model) -> Vec<Cmd> {
    if let Some(before) = model.rewriting.take() {
        let text = model.composer.text();
        model.composer.clear();
        model.completion = None;
        return model.put_back(&before, text);
    }
    let shown = model.composer.shown();
    if shown.trim().is_empty() {
        return Vec::new();
    }
    model.completion = None;
    if let Some((name, argument)) = commands::parse(shown.trim()) {
        let Some(command) = commands::find(name) else {
            let close = |n: &str| strsim::jaro_winkler(n, name);
            let all = commands::COMMANDS.iter().map(|c| c.name);
            let near = all.max_by(|a, b| close(a).total_cmp(&close(b))).filter(|near| close(near) > LIKELY);
            let hint = match near {
                Some(near) => format!("did you mean `/{near}`? `/help` lists them all"),
                None => "`/help` lists them all".to_owned(),
            };
            model.warn(&format!("there is no command `/{}`", single_line(name)), Some(&hint));
            return Vec::new();
        };
        let argument = argument.to_owned();
        let kept = model.composer.take();
        let kept = model.keep_for_recall(kept);
        return (command.run)(model, &argument).into_iter().chain(kept).collect();
    }
    let text = model.composer.take();
    let kept = model.keep_for_recall(text.clone());
    model.send_prompt(text).into_iter().chain(kept).collect()
}

fn search_key(model: &mut Model, action: Option<Action>, typed: Option<char>, erase: bool) -> Vec<Cmd> {
    let forward = match action {
        Some(Action::SearchPrevious | Action::Previous) => false,
        Some(Action::SearchNext | Action::Next) => true,
        Some(Action::Dismiss | Action::Interrupt) => {
            model.search = None;
            return Vec::new();
        }
        _ => {
            let Some(search) = &mut model.search else { return Vec::new() };
            match (typed, erase) {
                (Some(c), _) => search.push(c),
                (None, true) => {
                    search.pop();
                }
                (None, false) => {}
            }
            return Vec::new();
        }
    };
    let needle = model.search.clone().unwrap_or_default();
    let found = match model.focus {
        Focus::Code => model.code.find(&needle, forward),
        _ => model.with_chat(|chat, scene| chat.find(&needle, forward, scene)),
    };
    if !found && !needle.is_empty() {
        model.tell(&format!("`{}` was not found further", single_line(&needle)));
    }
    Vec::new()
}
