//! Opening a review, its keys and clicks, and what is written in it.

use crossterm::event::KeyEvent;
use ratatui::layout::Position;

use crate::domain::{HunkId, HunkVerdict, Op, ProjectPath, Review as When, TurnReview};
use crate::tui::cmd::Cmd;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::panes::review::{About, Clicked, Review, Writing};
use crate::tui::view::layout::Focus;

use super::keys;

impl Model {
    /// Whether the keys go to the review.
    pub fn reviews(&self) -> bool {
        self.review.is_some() && self.focus == Focus::Code
    }

    /// What is being written in the review.
    pub fn writing(&mut self) -> Option<&mut Writing> {
        self.review.as_mut()?.writing.as_mut()
    }

    /// Whether something is being written in the review.
    pub fn writes_on_hunk(&self) -> bool {
        self.review.as_ref().is_some_and(|review| review.writing.is_some())
    }

    /// How many files wait for a review, where one is offered.
    pub fn to_review(&self) -> Option<usize> {
        let offered = self.settings.review == When::After && !self.is_running() && self.review.is_none();
        self.view.state.to_review().filter(|_| offered).map(|(_, files)| files)
    }

    /// Asks for the last turn's changes.
    pub fn open_review(&mut self) -> Vec<Cmd> {
        if self.review.is_some() {
            self.focus_on(Focus::Code);
            return Vec::new();
        }
        if self.view.state.undoable_turn().is_none() {
            self.tell("there is nothing to review yet");
            return Vec::new();
        }
        self.with_session(|session| Cmd::Ask { op: Op::ReviewTurn { session, turn: None }, ask: Ask::OpenReview })
    }

    /// A review has come. One that was not asked for now only renews the one in sight.
    pub fn show_review(&mut self, review: TurnReview, open: bool) {
        match &mut self.review {
            Some(shown) if shown.review().turn == review.turn => shown.renew(review),
            _ if open => {
                self.review = Some(Review::new(review, self.highlighter.clone()));
                self.focus_on(Focus::Code);
            }
            _ => {}
        }
    }

    /// Puts the review away; nothing that was said in it is lost.
    pub fn close_review(&mut self) {
        if self.review.take().is_some() && self.focus == Focus::Code {
            self.focus_on(Focus::Composer);
        }
    }

    /// Sends what the review came to, without another word.
    pub fn send_review(&mut self) -> Vec<Cmd> {
        if self.view.state.review_message().is_none() {
            self.warn("the model knows all of the review", Some("reject, edit or comment on a hunk first"));
            return Vec::new();
        }
        self.chat.follow();
        self.with_session(|session| Cmd::plain(Op::SendReview { session }))
    }

    fn finish_review(&mut self) -> Vec<Cmd> {
        let Some(review) = self.review.take() else { return Vec::new() };
        let turn = review.review().turn;
        self.focus_on(Focus::Composer);
        if review.has_words() && self.view.state.review_message().is_some() {
            self.tell("the model hears of it with your next message; `/review send` tells it now");
        }
        let mut commands = self.with_session(|session| Cmd::plain(Op::FinishReview { session, turn }));
        commands.extend(self.ask_for_file());
        commands
    }

    fn judge(&mut self, path: ProjectPath, hunks: Vec<HunkId>, verdict: HunkVerdict) -> Vec<Cmd> {
        let Some(turn) = self.review.as_ref().map(|review| review.review().turn) else { return Vec::new() };
        self.with_session(|session| Cmd::Ask {
            op: Op::JudgeHunks { session, turn, path, hunks, verdict },
            ask: Ask::Review,
        })
    }
}

/// A key in the review.
pub fn key(model: &mut Model, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    let Some(review) = &mut model.review else { return Vec::new() };
    match action {
        Some(Action::NextHunk) => review.step(true),
        Some(Action::PreviousHunk) => review.step(false),
        Some(Action::NextFile) => review.step_file(true),
        Some(Action::PreviousFile) => review.step_file(false),
        Some(Action::HalfPageDown) => review.scroll_by(review.half_page()),
        Some(Action::HalfPageUp) => review.scroll_by(-review.half_page()),
        Some(Action::PageDown) => review.scroll_by(review.half_page() * 2),
        Some(Action::PageUp) => review.scroll_by(-review.half_page() * 2),
        Some(Action::Top) => review.scroll_by(isize::MIN / 2),
        Some(Action::Bottom) => review.scroll_by(isize::MAX / 2),
        Some(Action::ScrollLeft) => review.scroll_sideways(-8),
        Some(Action::ScrollRight) => review.scroll_sideways(8),
        Some(action) => return act(model, action),
        None => {
            // A letter that means nothing here is no beginning of a message: too many mean a verdict.
            if let Some(c) = typed {
                model.tell(&format!("`{c}` means nothing in a review; `i` goes back to writing"));
            }
        }
    }
    Vec::new()
}

/// What is done about the hunk under the hand.
fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    let at = model.review.as_ref().and_then(Review::hunk).map(|(file, hunk)| (file.path.clone(), hunk.clone()));
    let Some((path, hunk)) = at else { return keys::act(model, action) };
    match action {
        Action::AcceptHunk | Action::RejectHunk => {
            let verdict = if action == Action::AcceptHunk { HunkVerdict::Accept } else { HunkVerdict::Reject };
            if let Some(review) = &mut model.review {
                review.to_open();
            }
            model.judge(path, vec![hunk.id], verdict)
        }
        Action::AcceptFile | Action::RejectFile => {
            let verdict = if action == Action::AcceptFile { HunkVerdict::Accept } else { HunkVerdict::Reject };
            if let Some(review) = &mut model.review {
                review.step_file(true);
            }
            model.judge(path, Vec::new(), verdict)
        }
        Action::EditHunk => {
            match Writing::lines(&path, &hunk) {
                Some(writing) => open(model, writing),
                None => model.warn(
                    "this hunk holds what cannot be shown, and would be lost by an edit here",
                    Some("accept or reject it, and change the file in your editor"),
                ),
            }
            Vec::new()
        }
        Action::CommentHunk => {
            open(model, Writing::comment(&path, &hunk));
            Vec::new()
        }
        Action::FinishReview => model.finish_review(),
        Action::SendReview => model.send_review(),
        Action::Dismiss => {
            model.close_review();
            model.ask_for_file()
        }
        other => keys::act(model, other),
    }
}

fn open(model: &mut Model, writing: Writing) {
    if let Some(review) = &mut model.review {
        review.writing = Some(writing);
    }
}

/// A key while lines or a comment are written.
pub fn editor_key(model: &mut Model, key: KeyEvent, action: Option<Action>, typed: Option<char>) -> Vec<Cmd> {
    let Some(writing) = model.writing() else { return Vec::new() };
    match action {
        Some(Action::Accept) => return keep(model),
        Some(Action::Send) if writing.about == About::Comment => return keep(model),
        Some(Action::Send | Action::Newline) => drop(writing.text.edit(crate::tui::panes::composer::Edit::Newline)),
        Some(Action::Undo) => drop(writing.text.edit(crate::tui::panes::composer::Edit::Undo)),
        Some(Action::Redo) => drop(writing.text.edit(crate::tui::panes::composer::Edit::Redo)),
        Some(Action::ExternalEditor) => return vec![Cmd::Edit(writing.text.text())],
        Some(Action::Dismiss) => {
            if let Some(review) = &mut model.review {
                review.writing = None;
            }
        }
        Some(Action::Interrupt | Action::Quit | Action::Redraw | Action::Suspend) => {
            if let Some(review) = &mut model.review
                && action == Some(Action::Interrupt)
            {
                review.writing = None;
                return Vec::new();
            }
            return action.map_or_else(Vec::new, |action| keys::act(model, action));
        }
        _ => match (typed, keys::edit_of(key)) {
            (Some(c), _) => writing.text.insert_char(c),
            (None, Some(edit)) => drop(writing.text.edit(edit)),
            (None, None) => {}
        },
    }
    Vec::new()
}

/// What was written becomes the hunk's lines, or a comment on it.
fn keep(model: &mut Model) -> Vec<Cmd> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let turn = review.review().turn;
    let Some(writing) = review.writing.take() else { return Vec::new() };
    let (text, path, hunk) = (writing.written(), writing.path, writing.hunk);
    match writing.about {
        About::Lines => {
            review.to_open();
            model.judge(path, vec![hunk], HunkVerdict::Edit { text })
        }
        About::Comment => model.with_session(|session| Cmd::Ask {
            op: Op::CommentHunk { session, turn, path, hunk, comment: text },
            ask: Ask::Review,
        }),
    }
}

/// A click into the review.
pub fn click(model: &mut Model, at: Position) -> Vec<Cmd> {
    if model.writes_on_hunk() {
        return Vec::new();
    }
    let clicked = model.review.as_mut().map_or(Clicked::Nothing, |review| review.click(at.x, at.y));
    model.focus_on(Focus::Code);
    match clicked {
        Clicked::Button(action) => act(model, action),
        Clicked::Hunk | Clicked::Nothing => Vec::new(),
    }
}
