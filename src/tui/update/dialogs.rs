//! Keys in the dialog in front, and the answers that leave for the engine.
//!
//! Nothing here allows anything by itself: a key decides only when the dialog listens and is in sight.

use crossterm::event::KeyEvent;

use crate::domain::{Decision, Op, PlanDecision};
use crate::tui::cmd::Cmd;
use crate::tui::dialogs::{Dialog, Field, Purpose, Sight, Standing, Subject, approval};
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::panes::composer::Edit;

use super::keys::{act, edit_of};

/// Takes a key in while the dialog has the keys.
pub fn key(model: &mut Model, key: KeyEvent, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    match action {
        // What works everywhere works here too.
        Some(
            Action::Interrupt
            | Action::Quit
            | Action::Help
            | Action::FocusNext
            | Action::FocusPrevious
            | Action::FocusChat
            | Action::FocusCode
            | Action::FocusSteps
            | Action::CycleMode
            | Action::ToggleCode
            | Action::ToggleSteps
            | Action::Redraw
            | Action::Suspend,
        ) => return act(model, action.unwrap_or(Action::Redraw)),
        Some(Action::Leave | Action::FocusComposer) => {
            model.leave_dialog();
            return Vec::new();
        }
        _ => {}
    }
    let now = model.now;
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    let writes = dialog.field.is_some();
    // Commands can be given while something waits; their letters are no answers.
    if action.is_none() && typed == Some('/') && !writes {
        model.leave_dialog();
        model.composer.insert_char('/');
        return super::completion::refresh(model);
    }
    // Words decide nothing, so that none are lost that are written early.
    let listens = dialog.armed(now) || writes && action.is_none();
    if dialog.standing == Standing::Answered || !listens {
        return Vec::new();
    }
    if dialog.sight == Sight::TooLittle {
        model.warn("there is no room to show what waits", Some("make the terminal larger"));
        return Vec::new();
    }
    if dialog.field.is_some() {
        return field_key(model, key, action, typed);
    }
    match &dialog.subject {
        Subject::Approval(_) => approval_key(model, action, typed),
        Subject::Question(_) => question_key(model, action, typed),
        Subject::Plan(_) => plan_key(model, action),
    }
}

/// Text pasted into the dialog. Where no words are written it goes to the composer: it is no answer, and
/// nothing that was pasted is lost.
pub fn paste(model: &mut Model, text: &str) {
    match model.dialog.as_mut().and_then(|dialog| dialog.field.as_mut()) {
        Some(field) => field.text.paste(text),
        None => {
            model.leave_dialog();
            model.composer.paste(text);
        }
    }
}

/// The action of a number key is the same for all: the digit tells which.
fn digit(typed: Option<char>) -> Option<usize> {
    typed.and_then(|c| c.to_digit(10)).and_then(|digit| usize::try_from(digit).ok()).filter(|digit| *digit > 0)
}

fn scrolled(dialog: &mut Dialog, action: Option<Action>) -> bool {
    let by: isize = match action {
        Some(Action::LineUp) => -1,
        Some(Action::LineDown) => 1,
        Some(Action::PageUp) => -5,
        Some(Action::PageDown) => 5,
        Some(Action::Top) => isize::MIN / 2,
        Some(Action::Bottom) => isize::MAX / 2,
        _ => return false,
    };
    dialog.scroll = dialog.scroll.saturating_add_signed(by);
    true
}

fn approval_key(model: &mut Model, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    if scrolled(dialog, action) {
        return Vec::new();
    }
    let Some(request) = dialog.request(&model.view.state) else { return Vec::new() };
    let number = match action {
        Some(Action::Allow) => return decide(model, Decision::Allow),
        Some(Action::Refuse) => return decide(model, Decision::Deny { comment: None }),
        Some(Action::RefuseWithComment) => {
            dialog.field = Some(Field::new(Purpose::Refusal, ""));
            return Vec::new();
        }
        Some(Action::AllowFurther) => Some(1),
        Some(Action::Choose) => digit(typed),
        _ => None,
    };
    if number.is_some() && dialog.sight != Sight::Whole {
        model.warn("there is no room to show what that would allow", Some("make the terminal larger"));
        return Vec::new();
    }
    match number.map(|number| approval::decision(request, number)) {
        Some(Some(decision)) => decide(model, decision),
        Some(None) => {
            model.tell("nothing is offered under that key");
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn question_key(model: &mut Model, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    let Some(choices) = dialog.question(&model.view.state).map(|question| question.choices.clone()) else {
        return Vec::new();
    };
    let chosen = match action {
        Some(Action::Next) => {
            dialog.step_chosen(1, choices.len());
            return Vec::new();
        }
        Some(Action::Previous) => {
            dialog.step_chosen(-1, choices.len());
            return Vec::new();
        }
        Some(Action::Choose) => digit(typed).and_then(|digit| digit.checked_sub(1)),
        Some(Action::Accept) => dialog.chosen,
        _ => {
            if let Some(c) = typed.filter(|c| !c.is_whitespace()) {
                dialog.field = Some(Field::new(Purpose::Answer, &c.to_string()));
            }
            return Vec::new();
        }
    };
    match chosen.and_then(|at| choices.get(at)) {
        Some(choice) => answer(model, choice.clone()),
        None => {
            model.tell("choose an answer by its number, or write one");
            Vec::new()
        }
    }
}

fn plan_key(model: &mut Model, action: Option<Action>) -> Vec<Cmd> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    let count = dialog.steps.len();
    let at = dialog.chosen.unwrap_or(0).min(count.saturating_sub(1));
    match action {
        Some(Action::Next) => dialog.step_chosen(1, count),
        Some(Action::Previous) => dialog.step_chosen(-1, count),
        Some(Action::PageDown | Action::Bottom) => dialog.step_chosen(isize::MAX / 2, count),
        Some(Action::PageUp | Action::Top) => dialog.step_chosen(isize::MIN / 2, count),
        Some(Action::MoveUp) => dialog.move_step(-1),
        Some(Action::MoveDown) => dialog.move_step(1),
        Some(Action::Remove) if dialog.remove_step() => {}
        Some(Action::Remove) => {
            model.warn("a plan has at least one step", Some("send it back with a comment instead"));
        }
        Some(Action::EditEntry) => {
            let words = dialog.steps.get(at).cloned().unwrap_or_default();
            dialog.field = Some(Field::new(Purpose::Step(at), &words));
        }
        Some(Action::AddStep) => dialog.field = Some(Field::new(Purpose::NewStep(at + 1), "")),
        Some(Action::SendBack) => dialog.field = Some(Field::new(Purpose::Comment, "")),
        Some(Action::Approve) => {
            let steps = dialog.steps.clone();
            return decide_plan(model, PlanDecision::Approve { steps });
        }
        _ => {}
    }
    Vec::new()
}

/// Keys of writing in a dialog.
fn field_key(model: &mut Model, key: KeyEvent, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    let Some(field) = &mut dialog.field else { return Vec::new() };
    match action {
        Some(Action::Accept) => return accept(model),
        Some(Action::Newline) => {
            field.text.edit(Edit::Newline);
            return Vec::new();
        }
        Some(Action::Dismiss) => {
            dialog.field = None;
            // A question without choices is nothing but its field.
            let bare = dialog.question(&model.view.state).is_some_and(|question| question.choices.is_empty());
            if bare {
                dialog.field = Some(Field::new(Purpose::Answer, ""));
                model.leave_dialog();
            }
            return Vec::new();
        }
        _ => {}
    }
    match (typed, edit_of(key)) {
        (Some(c), _) => field.text.insert_char(c),
        (None, Some(edit)) => {
            field.text.edit(edit);
        }
        (None, None) => {}
    }
    Vec::new()
}

/// What was written is done.
fn accept(model: &mut Model) -> Vec<Cmd> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    let Some(field) = dialog.field.take() else { return Vec::new() };
    let words = field.text.text().trim().to_owned();
    if words.is_empty() && field.purpose != Purpose::Refusal {
        if matches!(field.purpose, Purpose::Answer | Purpose::Comment) {
            dialog.field = Some(field);
            model.tell("write some words first");
        }
        return Vec::new();
    }
    match field.purpose {
        Purpose::Refusal => decide(model, Decision::Deny { comment: Some(words).filter(|words| !words.is_empty()) }),
        Purpose::Answer => answer(model, words),
        Purpose::Comment => decide_plan(model, PlanDecision::Reject { comment: words }),
        Purpose::Step(at) => {
            dialog.reword_step(at, &one_line(&words));
            Vec::new()
        }
        Purpose::NewStep(at) => {
            dialog.add_step(at, &one_line(&words));
            Vec::new()
        }
    }
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn decide(model: &mut Model, decision: Decision) -> Vec<Cmd> {
    let Some(Dialog { subject: Subject::Approval(call), .. }) = &model.dialog else { return Vec::new() };
    let call = call.clone();
    submit(model, |session| Op::Decide { session, call, decision })
}

fn answer(model: &mut Model, answer: String) -> Vec<Cmd> {
    let Some(Dialog { subject: Subject::Question(call), .. }) = &model.dialog else { return Vec::new() };
    let call = call.clone();
    submit(model, |session| Op::Answer { session, call, answer })
}

fn decide_plan(model: &mut Model, decision: PlanDecision) -> Vec<Cmd> {
    submit(model, |session| Op::DecidePlan { session, decision })
}

/// Sends an answer; until it is a fact the dialog takes no other.
fn submit(model: &mut Model, op: impl FnOnce(crate::domain::SessionId) -> Op) -> Vec<Cmd> {
    let Some(session) = model.session else { return Vec::new() };
    if let Some(dialog) = &mut model.dialog {
        dialog.standing = Standing::Answered;
    }
    model.note = None;
    vec![Cmd::Ask { op: op(session), ask: Ask::Decision }]
}

/// An answer was not taken: the dialog waits again.
pub fn refused(model: &mut Model) {
    if let Some(dialog) = &mut model.dialog {
        dialog.standing = Standing::Waiting;
    }
}
