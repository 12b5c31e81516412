//! What waits for the person, as the model keeps it: which dialog is in front, and who has the keys.

use super::{Model, Visibility};
use crate::domain::{Mode, Op, Planning, QueueHold};
use crate::tui::cmd::Cmd;
use crate::tui::dialogs::{self, Dialog, FocusedBy, Standing, Subject};
use crate::tui::view::layout::Focus;

/// Whether the terminal's bell is rung when something waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bell {
    #[default]
    On,
    Off,
}

/// What was chosen before there was a session that could be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    pub mode: Option<Mode>,
    pub planning: Option<Planning>,
}

impl Wishes {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Model {
    /// Brings the dialog in line with what waits; rings when something new does.
    pub fn sync_dialog(&mut self) -> Vec<Cmd> {
        let subject = Subject::of(&self.view.state);
        if self.dialog.as_ref().map(|dialog| &dialog.subject) == subject.as_ref() {
            return Vec::new();
        }
        let focused = self.focus == Focus::Dialog;
        let highlighter = self.highlighter.clone();
        let Some(subject) = subject else {
            self.dialog = None;
            if focused {
                self.focus = Focus::Composer;
            }
            return Vec::new();
        };
        // Where only one pane fits, what led to the question is of more use than a file.
        if !focused {
            self.follow_course(false);
        }
        // A dialog that takes the place of another has not been in sight yet either.
        self.dialog = Some(Dialog::new(subject, &self.view.state, self.now, highlighter.as_ref()));
        self.offer_focus();
        let ring = !focused && self.settings.bell == Bell::On;
        if ring { vec![Cmd::Bell] } else { Vec::new() }
    }

    /// Gives the keys to a dialog that waits, when that takes them from nobody.
    pub fn offer_focus(&mut self) {
        let idle = self.focus == Focus::Composer
            && self.composer.is_empty()
            && self.overlay.is_none()
            && self.completion.is_none()
            && self.search.is_none()
            && self.rewriting.is_none()
            && dialogs::plus(self.pressed, dialogs::QUIET) <= self.now;
        if let Some(dialog) = self.dialog.as_mut().filter(|dialog| idle && dialog.standing == Standing::Waiting) {
            dialog.focused(self.now, FocusedBy::Itself);
            self.focus = Focus::Dialog;
        }
    }

    /// Goes away from the dialog, which keeps waiting.
    pub fn leave_dialog(&mut self) {
        if let Some(dialog) = &mut self.dialog
            && dialog.standing == Standing::Waiting
        {
            dialog.standing = Standing::Left;
        }
        self.focus = Focus::Composer;
    }

    /// The person goes to the dialog.
    pub(super) fn enter_dialog(&mut self) {
        let now = self.now;
        if let Some(dialog) = &mut self.dialog {
            dialog.focused(now, FocusedBy::Person);
        }
    }

    // --- what the session may do

    /// What the session does unasked, or will from its beginning.
    pub fn mode(&self) -> Mode {
        self.view.state.mode.or(self.wishes.mode).unwrap_or(self.settings.mode)
    }

    /// Whether turns begin with a plan.
    pub fn planning(&self) -> Planning {
        self.view.state.planning.or(self.wishes.planning).unwrap_or(self.settings.planning)
    }

    /// Chooses what the session does unasked.
    pub fn select_mode(&mut self, mode: Mode) -> Vec<Cmd> {
        self.tell(match mode {
            Mode::ReadOnly => "read-only: nothing is written, run or connected to",
            Mode::Ask => "ask: files are written, commands and connections ask first",
            Mode::Auto => "auto: sandboxed commands run unasked; no network",
            Mode::Full => "full: nothing asks any more, and commands may run outside of the sandbox",
        });
        match self.session {
            Some(session) => vec![Cmd::plain(Op::SelectMode { session, mode })],
            None => {
                self.wishes.mode = Some(mode);
                Vec::new()
            }
        }
    }

    /// The next of the modes that a key may choose. Full is not among them.
    pub fn cycle_mode(&mut self) -> Vec<Cmd> {
        self.select_mode(match self.mode() {
            Mode::Ask => Mode::Auto,
            Mode::Auto => Mode::ReadOnly,
            Mode::ReadOnly | Mode::Full => Mode::Ask,
        })
    }

    /// Chooses whether turns begin with a plan.
    pub fn select_planning(&mut self, planning: Planning) -> Vec<Cmd> {
        self.tell(match planning {
            Planning::Auto => "the model plans where it finds that a plan is needed",
            Planning::Always => "every turn begins with a plan, and nothing is changed before you approved it",
            Planning::Never => "no plans are made",
        });
        match self.session {
            Some(session) => vec![Cmd::plain(Op::SelectPlanning { session, planning })],
            None => {
                self.wishes.planning = Some(planning);
                Vec::new()
            }
        }
    }

    /// Tells a new session what was chosen before it was there.
    pub fn tell_wishes(&mut self) -> Vec<Cmd> {
        let Some(session) = self.session else { return Vec::new() };
        let wishes = std::mem::take(&mut self.wishes);
        let mode = wishes.mode.map(|mode| Cmd::plain(Op::SelectMode { session, mode }));
        let planning = wishes.planning.map(|planning| Cmd::plain(Op::SelectPlanning { session, planning }));
        mode.into_iter().chain(planning).collect()
    }

    // --- steps

    /// Takes a step out of the running plan, or puts it back.
    pub fn mark_step(&mut self, step: crate::domain::StepId, mark: crate::domain::op::StepMark) -> Vec<Cmd> {
        if !self.is_running() {
            self.warn(
                "no turn runs",
                Some("a step is left out or done again while its turn runs; `/retry` runs the turn again"),
            );
            return Vec::new();
        }
        self.steps_pane = Visibility::Shown;
        self.with_session(|session| Cmd::plain(Op::MarkStep { session, step, mark }))
    }

    // --- waiting messages

    /// Sends words into the running turn; without one they are a message like any other.
    pub fn steer(&mut self, text: String) -> Vec<Cmd> {
        match self.session.filter(|_| self.is_running()) {
            Some(session) if !text.trim().is_empty() => {
                self.chat.follow();
                self.tell("it joins the running turn before the model's next answer");
                vec![Cmd::plain(Op::Steer { session, text })]
            }
            _ => self.send_prompt(text),
        }
    }

    /// Stops the queue, or lets it move.
    pub fn hold_queue(&mut self, held: QueueHold) -> Vec<Cmd> {
        self.tell(match held {
            QueueHold::Held => "waiting messages are held; `/queue go` lets them move",
            QueueHold::Moving => "waiting messages move again",
        });
        self.with_session(|session| Cmd::plain(Op::HoldQueue { session, held }))
    }

    /// Takes a waiting message into the composer to be changed; sending puts it back in its place.
    pub fn rewrite_queued(&mut self, index: usize) {
        let Some(text) = self.view.state.queue.get(index).cloned() else {
            self.warn(&format!("there is no waiting message {}", index + 1), Some("`/queue` lists them"));
            return;
        };
        let draft = self.composer.text();
        self.composer.remember(&draft);
        self.composer.set(&crate::tui::text::sanitize::clean(&text));
        self.rewriting = Some(text);
        self.focus_on(Focus::Composer);
        self.tell("change the waiting message; enter puts it back, esc leaves it as it was");
    }

    /// Puts a changed message back into the queue, where the old one still waits.
    pub fn put_back(&mut self, before: &str, text: String) -> Vec<Cmd> {
        let at = self.view.state.queue.iter().position(|queued| queued == before);
        match (at, self.session) {
            (Some(index), Some(session)) => vec![Cmd::plain(Op::EditQueued { session, index, text })],
            _ => {
                self.composer.set(&text);
                self.warn("the message was sent meanwhile", Some("press enter to send this one as well"));
                Vec::new()
            }
        }
    }
}
