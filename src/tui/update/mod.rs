//! What each message does to the model. No I/O, no clock: wishes leave as commands.

mod completion;
mod dialogs;
mod engine;
mod keys;
mod mouse;
mod overlays;
mod replies;
mod review;
mod settings;

use crate::tui::cmd::Cmd;
use crate::tui::model::{Leaving, Model};
use crate::tui::msg::Msg;
use crate::tui::text::sanitize::clean;
use crate::tui::theme::{Background, Theme};

/// Takes a message in.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Cmd> {
    match msg {
        Msg::Now(now) => {
            model.now = now;
            expire(model);
            model.offer_focus();
            Vec::new()
        }
        Msg::Key(key) => keys::key(model, key),
        Msg::Paste(text) => {
            keys::paste(model, &text);
            Vec::new()
        }
        Msg::Mouse(event) => mouse::mouse(model, event),
        Msg::Resize { width, height } => {
            model.size = (width, height);
            Vec::new()
        }
        Msg::Background(background) => {
            follow_background(model, background);
            Vec::new()
        }
        Msg::Event(event) => engine::event(model, &event),
        Msg::Answered { ask, result } => replies::answered(model, ask, *result),
        Msg::EngineGone | Msg::Terminate => vec![Cmd::Quit],
        Msg::Highlighted(_) => Vec::new(),
        Msg::Compared { path, revision, rows } => {
            model.code.compared(&path, revision, rows);
            Vec::new()
        }
        Msg::History(older) => {
            model.composer.preload_history(older);
            Vec::new()
        }
        Msg::Copied(Ok(how)) => {
            model.tell(&format!("copied {how}"));
            Vec::new()
        }
        Msg::Copied(Err(fault)) | Msg::Edited(Err(fault)) => {
            model.fail(&fault);
            Vec::new()
        }
        Msg::Edited(Ok(text)) => {
            if let Some(writing) = model.writing() {
                writing.text.set(clean(&text).trim_end());
                return Vec::new();
            }
            model.composer.set(clean(&text).trim_end());
            Vec::new()
        }
    }
}

/// Notes and questions that are over by themselves.
fn expire(model: &mut Model) {
    let now = model.now;
    if model.note.as_ref().is_some_and(|note| note.until <= now) {
        model.note = None;
    }
    if matches!(model.leaving, Leaving::Asked(until) if until < now) {
        model.leaving = Leaving::No;
    }
}

/// The theme follows the terminal's background, unless one was chosen.
fn follow_background(model: &mut Model, background: Background) {
    if model.settings.theme.is_none() {
        model.set_theme(Theme::for_background(background, model.settings.depth));
    }
}
