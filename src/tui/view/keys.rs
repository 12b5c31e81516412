//! The keys that the status line names: those that matter now.

use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::overlays::{Listed, Overlay, Pick, Picker};
use crate::tui::panes::review::Review;

/// What a key does, in a word or two.
type Hint = (Action, &'static str);

/// The keys that matter now, most important first.
pub fn now(model: &Model) -> Vec<(String, &'static str)> {
    let context = model.context();
    let hints = match context {
        Context::Composer => composer(model),
        Context::List => list(model),
        Context::Chat => chat(model),
        Context::Steps => steps(model),
        Context::Editor => editor(model),
        other => fixed(other).to_vec(),
    };
    let keys = hints.into_iter().map(|(action, about)| (model.key_of(context, action), about));
    keys.filter(|(key, _)| !key.is_empty()).collect()
}

/// Where the keys are always the same.
fn fixed(context: Context) -> &'static [Hint] {
    match context {
        Context::Confirm => &[(Action::Confirm, "yes"), (Action::Deny, "no")],
        // The screen shows its own.
        Context::Settings => &[],
        Context::Search => &[(Action::SearchNext, "next"), (Action::Dismiss, "close")],
        Context::Code => &[
            (Action::ToggleDiff, "changes"),
            (Action::NextFile, "next file"),
            (Action::CopyCode, "copy"),
            (Action::FocusComposer, "write"),
        ],
        Context::Approval | Context::Question | Context::Plan => {
            &[(Action::Leave, "later"), (Action::CycleMode, "mode")]
        }
        Context::Field => &[(Action::Dismiss, "back")],
        Context::Review => &[
            // The hunk under the hand shows its own; these are nowhere else.
            (Action::FinishReview, "finish"),
            (Action::SendReview, "send"),
            (Action::AcceptHunk, "accept"),
            (Action::RejectHunk, "reject"),
            (Action::EditHunk, "edit"),
            (Action::CommentHunk, "comment"),
        ],
        _ => &[(Action::FocusComposer, "write")],
    }
}

fn editor(model: &Model) -> Vec<Hint> {
    let comments = model.review.as_ref().is_some_and(Review::comments);
    let mut hints = vec![(if comments { Action::Send } else { Action::Accept }, "keep"), (Action::Dismiss, "back")];
    if model.settings.editor.is_some() {
        hints.push((Action::ExternalEditor, "your editor"));
    }
    hints
}

fn composer(model: &Model) -> Vec<Hint> {
    let mut hints = Vec::new();
    if model.dialog.is_some() {
        hints.push((Action::FocusDialog, "answer"));
    }
    if model.rewriting.is_some() {
        return vec![(Action::Send, "put it back"), (Action::Cancel, "leave it as it was")];
    }
    if model.is_running() && !model.composer.is_empty() {
        hints.extend([(Action::Send, "queue it"), (Action::Steer, "send now")]);
    } else if model.is_running() {
        hints.push((Action::Cancel, "stop"));
    } else if model.failed_turn().is_some() {
        hints.push((Action::Retry, "try again"));
    } else if !model.composer.is_empty() {
        hints.push((Action::Send, "send"));
    }
    if model.to_review().is_some() {
        hints.push((Action::Review, "review"));
    }
    if model.code_shown() && model.areas.code.is_empty() {
        hints.push((Action::FocusCode, "code"));
    } else if model.areas.chat.is_empty() {
        hints.push((Action::FocusChat, "chat"));
    }
    hints.extend([(Action::Help, "keys"), (Action::CycleMode, "mode"), (Action::FocusNext, "panes")]);
    hints
}

fn list(model: &Model) -> Vec<Hint> {
    let mut hints = match &model.overlay {
        Some(Overlay::Picker(picker)) if picker.listed == Listed::Other => of_list(picker),
        // These show their own.
        _ => Vec::new(),
    };
    hints.push((Action::Dismiss, "close"));
    hints
}

/// The keys that change the lines of a list, for the list itself to show.
pub fn listed(model: &Model, picker: &Picker) -> Vec<(String, &'static str)> {
    let keys = of_list(picker).into_iter().map(|(action, about)| (model.key_of(Context::List, action), about));
    keys.filter(|(key, _)| !key.is_empty()).collect()
}

fn of_list(picker: &Picker) -> Vec<Hint> {
    match (picker.listed, picker.picked()) {
        (Listed::Queue, Some(_)) => vec![
            (Action::Accept, "change"),
            (Action::MoveUp, "up"),
            (Action::MoveDown, "down"),
            (Action::Remove, "drop"),
            (Action::Hold, "hold"),
        ],
        (Listed::Jobs, Some(_)) => vec![(Action::Remove, "stop it")],
        (Listed::Permissions, Some(_)) => vec![(Action::Remove, "take back")],
        (_, None | Some(Pick::Nothing)) => Vec::new(),
        (Listed::Other, Some(_)) => vec![(Action::Accept, "take")],
    }
}

fn chat(model: &Model) -> Vec<Hint> {
    let retry = model.failed_turn().map(|_| (Action::Retry, "try again"));
    let always = [
        (Action::CopyMessage, "copy"),
        (Action::FoldItem, "unfold"),
        (Action::Search, "search"),
        (Action::FocusComposer, "write"),
    ];
    retry.into_iter().chain(always).collect()
}

fn steps(model: &Model) -> Vec<Hint> {
    let marks = [(Action::SkipStep, "leave out"), (Action::RedoStep, "do again")];
    let marks = marks.into_iter().filter(|_| model.is_running());
    marks.chain([(Action::FocusComposer, "write")]).collect()
}
