//! Panes: which are in sight, which has the keys, and what is taken out of them.

use super::{FrontBy, Model, Visibility};
use crate::domain::op::NewProject;
use crate::domain::{Item, ItemKind, Op, ProjectPath, TurnOutcome};
use crate::tui::cmd::Cmd;
use crate::tui::msg::Ask;
use crate::tui::view::layout::Focus;

impl Model {
    /// Whether the code pane has something to show and is not hidden.
    pub fn code_shown(&self) -> bool {
        self.review.is_some() || (self.code_pane == Visibility::Shown && !self.code.is_empty())
    }

    /// Whether the steps have something to show and are not hidden.
    pub fn steps_shown(&self) -> bool {
        self.steps_pane == Visibility::Shown && !self.view.state.plan.is_empty()
    }

    /// Moves the focus to a pane that can have it.
    pub fn focus_on(&mut self, focus: Focus) {
        let can = match focus {
            Focus::Composer | Focus::Chat => true,
            Focus::Code => !self.code.is_empty() || self.review.is_some(),
            Focus::Steps => !self.view.state.plan.is_empty(),
            Focus::Dialog => self.dialog.is_some(),
        };
        if !can {
            self.tell(match focus {
                Focus::Code => "no file was written yet",
                Focus::Dialog => "nothing waits for you",
                _ => "there is no plan yet",
            });
            return;
        }
        match focus {
            Focus::Code => {
                self.code_pane = Visibility::Shown;
                self.bring_to_front(true);
            }
            Focus::Chat => self.bring_to_front(false),
            Focus::Steps => self.steps_pane = Visibility::Shown,
            Focus::Dialog => self.enter_dialog(),
            Focus::Composer => {}
        }
        if self.focus == Focus::Dialog && focus != Focus::Dialog {
            self.leave_dialog();
        }
        self.focus = focus;
        self.search = None;
        self.completion = None;
    }

    /// The person wants the code, or the chat, in sight.
    fn bring_to_front(&mut self, code: bool) {
        self.code_in_front = code;
        self.front_by = FrontBy::Person;
    }

    /// The turn goes on, and with it what is in sight where only one pane fits, unless the person
    /// chose in this turn.
    pub fn follow_course(&mut self, code: bool) {
        if self.front_by == FrontBy::Course && self.focus == Focus::Composer {
            self.code_in_front = code;
        }
    }

    /// Moves the focus to the next or previous pane in sight.
    pub fn step_focus(&mut self, forward: bool) {
        let mut order = vec![Focus::Composer];
        if self.dialog.is_some() {
            order.push(Focus::Dialog);
        }
        order.push(Focus::Chat);
        if self.code_shown() {
            order.push(Focus::Code);
        }
        if self.steps_shown() {
            order.push(Focus::Steps);
        }
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        let next = if forward { at + 1 } else { at + order.len() - 1 } % order.len();
        if let Some(focus) = order.get(next) {
            self.focus_on(*focus);
        }
    }

    /// Shows a file of the session.
    pub fn show_file(&mut self, path: &ProjectPath) -> Vec<Cmd> {
        if self.code.select(path) {
            self.focus_on(Focus::Code);
        } else {
            self.warn(&format!("`{path}` was not written in this session"), Some("write `/files` for those that were"));
        }
        self.ask_for_file()
    }

    /// Asks for the file in sight when its text, or what changed in it, is not known yet.
    pub fn ask_for_file(&mut self) -> Vec<Cmd> {
        let Some(session) = self.session else { return Vec::new() };
        if !self.code_shown() {
            return Vec::new();
        }
        let read =
            |path: ProjectPath| Cmd::Ask { op: Op::ReadFile { session, path: path.clone() }, ask: Ask::File(path) };
        let wanted = self.code.wanted().map(read);
        wanted.into_iter().chain(self.code.uncompared().map(Cmd::Compare)).collect()
    }

    /// Switches between a file and its changes.
    pub fn toggle_diff(&mut self) -> Vec<Cmd> {
        if self.code.is_empty() {
            self.tell("no file was written yet");
            return Vec::new();
        }
        self.code_pane = Visibility::Shown;
        self.bring_to_front(true);
        self.code.toggle_show();
        self.ask_for_file()
    }

    /// Shows or hides the steps.
    pub fn toggle_steps(&mut self) {
        if self.view.state.plan.is_empty() {
            self.tell("there is no plan yet");
        }
        self.steps_pane = self.steps_pane.flipped();
        if self.steps_pane == Visibility::Hidden && self.focus == Focus::Steps {
            self.focus = Focus::Composer;
        }
    }

    /// Shows or hides the code.
    pub fn toggle_code(&mut self) {
        if self.code.is_empty() {
            self.tell("no file was written yet");
            return;
        }
        if self.code_pane == Visibility::Shown && !self.code_in_front && self.areas.code.is_empty() {
            self.bring_to_front(true);
            return;
        }
        self.code_pane = self.code_pane.flipped();
        self.bring_to_front(self.code_pane == Visibility::Shown);
        if self.code_pane == Visibility::Hidden && self.focus == Focus::Code {
            self.focus = Focus::Composer;
        }
    }

    /// Puts the last answer on the clipboard.
    pub fn copy_answer(&mut self) -> Vec<Cmd> {
        match crate::tui::panes::chat::last_answer(&self.view.state) {
            Some(text) => vec![Cmd::Copy(text)],
            None => {
                self.tell("there is no answer to copy yet");
                Vec::new()
            }
        }
    }

    /// Puts the file in sight on the clipboard, or the last code of the last answer.
    pub fn copy_file(&mut self) -> Vec<Cmd> {
        let file = self.code.active_text().map(str::to_owned);
        match file.or_else(|| self.chat.last_code(&self.view.state)) {
            Some(text) => vec![Cmd::Copy(text)],
            None => {
                self.tell("there is no code to copy yet");
                Vec::new()
            }
        }
    }

    /// The project's name, for file names.
    pub fn project_name(&self) -> String {
        let name = match (&self.view.state.project, &self.project) {
            (Some(project), _) => project.name(),
            (None, NewProject::Directory { root }) => {
                root.file_name().map_or_else(|| "project".to_owned(), |n| n.to_string_lossy().into_owned())
            }
            (None, NewProject::Scratch) => "project".to_owned(),
        };
        crate::tui::text::sanitize::single_line(&name)
    }

    /// The last item, when it is a failed or interrupted turn.
    pub fn failed_turn(&self) -> Option<&Item> {
        self.view.state.items.last().filter(|item| {
            matches!(&item.kind, ItemKind::Ended { outcome: TurnOutcome::Failed { .. } | TurnOutcome::Interrupted, .. })
        })
    }
}
