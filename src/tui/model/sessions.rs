//! Sessions and prompts: what is sent, started, opened, stopped and left.

use super::{Leaving, Model, Opening, QUIT_SECONDS, later};
use crate::domain::catalog::Readiness;
use crate::domain::review;
use crate::domain::{
    ExistingFiles, ExportTarget, ItemKind, ModelInfo, ModelRef, Op, SessionId, SessionView, TurnOutcome,
};
use crate::tui::cmd::Cmd;
use crate::tui::msg::{After, Ask};
use crate::tui::overlays::{Offer, Overlay};
use crate::tui::panes::steps::Steps;
use crate::tui::view::layout::Focus;

impl Model {
    /// Does something with the session, or tells that there is none.
    pub fn with_session(&mut self, make: impl FnOnce(SessionId) -> Cmd) -> Vec<Cmd> {
        match self.session {
            Some(session) => vec![make(session)],
            None => {
                self.warn("there is no session yet", Some("write what you want first"));
                Vec::new()
            }
        }
    }

    /// Keeps what was sent for the runs to come.
    pub fn keep_for_recall(&self, text: String) -> Option<Cmd> {
        self.settings.history.as_ref().map(|_| Cmd::Remember(text))
    }

    /// Sends a prompt now, or as soon as there is a model and a session.
    pub fn send_prompt(&mut self, text: String) -> Vec<Cmd> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        self.chat.follow();
        self.note = None;
        if let Some(session) = self.session {
            let ask = Ask::Send { text: text.clone() };
            return vec![Cmd::Ask { op: Op::Send { session, text }, ask }];
        }
        self.waiting_prompt = Some(match self.waiting_prompt.take() {
            Some(before) => format!("{before}\n\n{text}"),
            None => text,
        });
        self.release_prompt()
    }

    /// Sends the waiting prompt when nothing stands in its way any more.
    pub fn release_prompt(&mut self) -> Vec<Cmd> {
        if self.waiting_prompt.is_none() || self.opening != Opening::None || self.pulling.is_some() {
            return Vec::new();
        }
        if let Some(session) = self.session {
            let text = self.waiting_prompt.take().unwrap_or_default();
            let ask = Ask::Send { text: text.clone() };
            return vec![Cmd::Ask { op: Op::Send { session, text }, ask }];
        }
        let Some(readiness) = self.readiness() else {
            return Vec::new();
        };
        if let Readiness::NeedsDownload(bytes) = readiness {
            self.overlay = self.offer(bytes).map(Overlay::Offer);
            if self.overlay.is_some() {
                return Vec::new();
            }
        }
        vec![self.start_session(After::Nothing)]
    }

    /// Asks for a new session, with the waiting prompt if there is one.
    pub fn start_session(&mut self, after: After) -> Cmd {
        self.opening = Opening::Starting;
        // With wishes, the first turn begins only after the session has heard them.
        self.starting_prompt = if self.wishes.is_empty() { self.waiting_prompt.take() } else { None };
        let op = Op::StartSession {
            project: self.project.clone(),
            model: self.chosen.clone(),
            prompt: self.starting_prompt.clone(),
        };
        Cmd::Ask { op, ask: Ask::Start { after } }
    }

    /// Whether the model for the first prompt can be asked; `None` while unknown.
    pub fn readiness(&self) -> Option<Readiness> {
        let description = self.description.as_ref()?;
        let Some(chosen) = self.chosen.as_ref().filter(|c| **c != description.model.reference) else {
            return Some(description.readiness.clone());
        };
        let installed = description.weights.iter().find(|w| w.name == chosen.model.as_str());
        let provider = description.providers.iter().find(|p| p.id == chosen.provider);
        Some(match (installed, provider) {
            (Some(weights), _) if weights.installed => Readiness::Ready,
            (Some(weights), _) => Readiness::NeedsDownload(weights.download_bytes),
            (None, Some(provider)) => provider.readiness.clone(),
            (None, None) => Readiness::Ready,
        })
    }

    /// The offer to fetch the weights that are missing.
    fn offer(&self, bytes: u64) -> Option<Offer> {
        let description = self.description.as_ref()?;
        let wished = self.chosen.as_ref().unwrap_or(&description.model.reference);
        let named = description.weights.iter().find(|w| w.name == wished.model.as_str());
        let weights = named.or_else(|| description.weights.iter().find(|w| !w.installed))?;
        Some(Offer {
            name: weights.name.clone(),
            title: weights.title.clone(),
            licence: weights.licence.clone(),
            bytes,
            sources: weights.sources.clone(),
            note: weights.note.clone(),
        })
    }

    /// Leaves the session for a fresh screen; the next prompt makes a new one.
    pub fn leave_session(&mut self) -> Vec<Cmd> {
        let running = self.is_running();
        let stop = self.session.filter(|_| running).map(|session| Cmd::plain(Op::Cancel { session }));
        self.session = None;
        self.opening = Opening::None;
        self.show_view(SessionView::empty());
        self.files = None;
        self.custom = None;
        self.dialog = None;
        self.rewriting = None;
        self.review = None;
        self.focus = Focus::Composer;
        stop.into_iter().collect()
    }

    /// Opens a stored session.
    pub fn open_session(&mut self, session: SessionId) -> Vec<Cmd> {
        if self.session == Some(session) {
            return Vec::new();
        }
        let mut commands = self.leave_session();
        self.opening = Opening::Stored(session);
        commands.push(Cmd::Ask { op: Op::OpenSession { session }, ask: Ask::Open(session) });
        commands
    }

    /// Puts a whole view in the place of the one before.
    pub fn show_view(&mut self, view: SessionView) {
        let same = view.state.session.is_some() && view.state.session == self.view.state.session;
        if !same {
            self.chat.reset();
            self.code.reset();
            self.steps = Steps::default();
            for item in &view.state.items {
                if let ItemKind::User { text, .. } = &item.kind {
                    self.composer.remember_known(review::apart(text).0);
                }
            }
        }
        self.chat.snapshot(&view);
        self.code.settle(&view);
        self.phase_since = view.state.running_since;
        self.view = view;
    }

    /// Stops the running turn.
    pub fn cancel(&mut self) -> Vec<Cmd> {
        if !self.is_running() {
            self.tell("nothing runs");
            return Vec::new();
        }
        self.with_session(|session| Cmd::Ask { op: Op::Cancel { session }, ask: Ask::Cancel })
    }

    /// Runs the last prompt again when it came to nothing: what the key does, which is pressed by
    /// mistake more easily than the command is written.
    pub fn retry_failed(&mut self) -> Vec<Cmd> {
        let last = self.view.state.items.iter().rev().find_map(|item| match &item.kind {
            ItemKind::Ended { outcome, .. } => Some(outcome),
            _ => None,
        });
        if !self.is_running() && last == Some(&TurnOutcome::Completed) {
            self.warn("the last turn did not fail", Some("write `/retry` to run its prompt again all the same"));
            return Vec::new();
        }
        self.retry()
    }

    /// Runs the last prompt again.
    pub fn retry(&mut self) -> Vec<Cmd> {
        if self.is_running() {
            self.tell("the turn still runs");
            return Vec::new();
        }
        self.chat.follow();
        self.with_session(|session| Cmd::Ask { op: Op::Retry { session }, ask: Ask::Retry })
    }

    /// Takes back what the last turn did to the files.
    pub fn undo(&mut self) -> Vec<Cmd> {
        self.go_back(crate::tui::back::Back::Undo, ExistingFiles::Keep)
    }

    /// Takes the last waiting message back into the composer.
    pub fn drop_queued(&mut self) -> Vec<Cmd> {
        let Some(text) = self.view.state.queue.last().cloned() else {
            self.tell("no message waits");
            return Vec::new();
        };
        let index = self.view.state.queue.len() - 1;
        if self.composer.is_empty() {
            self.composer.set(&crate::tui::text::sanitize::clean(&text));
        }
        self.with_session(|session| Cmd::plain(Op::DropQueued { session, index }))
    }

    /// Chooses who answers.
    pub fn select_model(&mut self, model: ModelRef) -> Vec<Cmd> {
        self.chosen = Some(model.clone());
        match self.session {
            Some(session) => {
                let op = Op::SelectModel { session, model: model.clone() };
                vec![Cmd::Ask { op, ask: Ask::SelectModel(model) }]
            }
            None => {
                self.tell(&format!("`{model}` answers from the first message on"));
                if self.known_models.iter().any(|m| m.reference == model) {
                    return Vec::new();
                }
                self.known_models.push(ModelInfo::unknown(model));
                Vec::new()
            }
        }
    }

    /// Writes the project out.
    pub fn export(&mut self, target: ExportTarget, existing: ExistingFiles) -> Vec<Cmd> {
        self.with_session(|session| {
            let op = Op::Export { session, target: target.clone(), existing };
            Cmd::Ask { op, ask: Ask::Export(target) }
        })
    }

    /// Ends the program; a running turn is stopped and stored first.
    pub fn quit(&mut self) -> Vec<Cmd> {
        if self.leaving == Leaving::Stopping || !self.is_running() {
            return vec![Cmd::Quit];
        }
        self.leaving = Leaving::Stopping;
        self.tell("stopping the turn, then leaving");
        self.with_session(|session| Cmd::Ask { op: Op::Cancel { session }, ask: Ask::Cancel })
    }

    /// Ctrl-C: clears the composer, stops the turn, and the second time quits.
    pub fn interrupt(&mut self) -> Vec<Cmd> {
        if let Leaving::Asked(until) = self.leaving
            && self.now <= until
        {
            return self.quit();
        }
        if self.leaving == Leaving::Stopping {
            return vec![Cmd::Quit];
        }
        self.leaving = Leaving::Asked(later(self.now, QUIT_SECONDS));
        if self.overlay.take().is_some() || self.completion.take().is_some() {
            return Vec::new();
        }
        if !self.composer.is_empty() {
            let text = self.composer.text();
            self.composer.remember(&text);
            self.composer.clear();
            return Vec::new();
        }
        if self.is_running() {
            return self.cancel();
        }
        Vec::new()
    }
}
