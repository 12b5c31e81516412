//! The whole state of the terminal app, and the moves that commands and keys share.
//!
//! Nothing here does I/O or reads a clock: the time is the last one told, wishes leave as [`Cmd`]s.

mod asking;

use std::path::PathBuf;

use jiff::Timestamp;

use crate::domain::catalog::{Description, Readiness};
use crate::domain::op::NewProject;
use crate::domain::{
    ExistingFiles, ExportTarget, Fault, Item, ItemKind, Mode, ModelInfo, ModelRef, Op, Planning, ProjectPath, Saving,
    SessionId, SessionView, TurnOutcome,
};
use crate::tui::cmd::Cmd;
use crate::tui::dialogs::Dialog;
use crate::tui::keymap::{Action, Context, Keymap};
use crate::tui::msg::{After, Ask};
use crate::tui::overlays::settings::Mode as SettingsMode;
use crate::tui::overlays::{Completion, Offer, Overlay};
use crate::tui::panes::chat::{Chat, Scene};
use crate::tui::panes::code::Code;
use crate::tui::panes::composer::Composer;
use crate::tui::panes::review::Review;
use crate::tui::panes::status::Pulling;
use crate::tui::panes::steps::Steps;
use crate::tui::text::highlight::Highlighter;
use crate::tui::theme::{ColorDepth, Theme};
use crate::tui::view::layout::{Areas, Focus};

pub use asking::{Bell, Wishes};

/// How the app looks and behaves, from the person's settings.
#[derive(Clone, Debug)]
pub struct UiSettings {
    /// A theme's name; `None` chooses by the terminal's background.
    pub theme: Option<String>,
    pub mouse: Mouse,
    /// The shortest time between two frames that no key asked for.
    pub frame: std::time::Duration,
    /// The folder whose `themes/` holds the person's own themes.
    pub user_dir: Option<PathBuf>,
    /// The file that keeps what was sent; `None` keeps nothing.
    pub history: Option<PathBuf>,
    pub depth: ColorDepth,
    /// Keys of the person's own, over the standard ones.
    pub keys: Keymap,
    /// Where the person sits: decides how text reaches the clipboard.
    pub place: crate::tui::terminal::clipboard::Place,
    /// Lets the person change a text in an editor of their own, while the terminal is handed over.
    pub editor: Option<Editor>,
    /// What a session does unasked where nobody chose.
    pub mode: Mode,
    /// Whether turns begin with a plan where nobody chose.
    pub planning: Planning,
    pub bell: Bell,
    /// When changes are looked at; decides whether a review is offered.
    pub review: crate::domain::Review,
}

/// Shows a text in an editor of the person's own and gives back what became of it.
pub type Editor = fn(&str) -> Result<String, Fault>;

/// Whether the mouse is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    #[default]
    On,
    Off,
}

/// How grave a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Info,
    Warning,
    Error,
}

/// A passing note between chat and composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub weight: Weight,
    pub text: String,
    pub hint: Option<String>,
    pub until: Timestamp,
}

/// Which session the engine was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    #[default]
    None,
    /// A new one.
    Starting,
    /// A stored one.
    Stored(SessionId),
}

/// Whether panes that could be shown are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    #[default]
    Shown,
    Hidden,
}

impl Visibility {
    /// The other one.
    #[must_use]
    pub fn flipped(self) -> Self {
        match self {
            Self::Shown => Self::Hidden,
            Self::Hidden => Self::Shown,
        }
    }
}

/// Who decided which of chat and code is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrontBy {
    /// Nobody in this turn: a file that begins to be written comes to the front by itself.
    #[default]
    Course,
    /// The person, by a key.
    Person,
}

/// How far leaving has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaving {
    #[default]
    No,
    /// Ctrl-C was pressed once; a second one until then quits.
    Asked(Timestamp),
    /// The turn is being stopped; then the program ends.
    Stopping,
}

/// Seconds a note stays.
const NOTE_SECONDS: i64 = 8;
/// Seconds within which the second Ctrl-C quits.
const QUIT_SECONDS: i64 = 3;

/// The state of the app.
#[derive(Debug)]
pub struct Model {
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// The time last told.
    pub now: Timestamp,
    pub theme: Theme,
    /// The theme's stamp, kept because it takes a moment to make.
    pub stamp: u64,
    pub settings: UiSettings,
    pub project: NewProject,
    /// The model asked for before there is a session.
    pub chosen: Option<ModelRef>,
    pub description: Option<Description>,
    pub known_models: Vec<ModelInfo>,
    pub session: Option<SessionId>,
    pub opening: Opening,
    pub view: SessionView,
    /// When the present phase began.
    pub phase_since: Option<Timestamp>,
    pub saving: Saving,
    pub pulling: Option<Pulling>,
    /// A prompt that waits for a description, for weights or for a session.
    pub waiting_prompt: Option<String>,
    /// The prompt that went out with the wish for a session, until that is answered.
    pub starting_prompt: Option<String>,
    pub chat: Chat,
    pub code: Code,
    /// The review in the place of the code, while it is open.
    pub review: Option<Review>,
    pub steps: Steps,
    pub composer: Composer,
    pub focus: Focus,
    /// What waits for the person, in front.
    pub dialog: Option<Dialog>,
    /// When a key was pressed last.
    pub pressed: Timestamp,
    /// What was chosen before there was a session.
    pub wishes: Wishes,
    /// The waiting message that the composer changes, as it was.
    pub rewriting: Option<String>,
    /// Which of chat and code is in sight when only one fits.
    pub code_in_front: bool,
    pub front_by: FrontBy,
    pub code_pane: Visibility,
    pub steps_pane: Visibility,
    pub overlay: Option<Overlay>,
    pub completion: Option<Completion>,
    /// What is searched for in the pane that has the focus; `None` when no search is open.
    pub search: Option<String>,
    /// The project's files, once they were asked for.
    pub files: Option<Vec<ProjectPath>>,
    pub note: Option<Note>,
    pub leaving: Leaving,
    /// The word shown beside the header while a recording plays.
    pub banner: Option<String>,
    /// Where everything stood in the last frame.
    pub areas: Areas,
    /// Colours code off this task.
    pub highlighter: Option<Highlighter>,
}

impl Model {
    /// The state before anything happened.
    pub fn new(settings: UiSettings, project: NewProject, theme: Theme, highlighter: Option<Highlighter>) -> Self {
        Self {
            size: (80, 24),
            now: Timestamp::UNIX_EPOCH,
            stamp: theme.stamp(),
            theme,
            settings,
            project,
            chosen: None,
            description: None,
            known_models: Vec::new(),
            session: None,
            opening: Opening::None,
            view: SessionView::empty(),
            phase_since: None,
            saving: Saving::UpToDate,
            pulling: None,
            waiting_prompt: None,
            starting_prompt: None,
            chat: Chat::new(highlighter.clone()),
            code: Code::new(highlighter.clone()),
            review: None,
            steps: Steps::default(),
            composer: Composer::new(),
            focus: Focus::Composer,
            dialog: None,
            pressed: Timestamp::UNIX_EPOCH,
            wishes: Wishes::default(),
            rewriting: None,
            code_in_front: false,
            front_by: FrontBy::Course,
            code_pane: Visibility::Shown,
            steps_pane: Visibility::Shown,
            overlay: None,
            completion: None,
            search: None,
            files: None,
            note: None,
            leaving: Leaving::No,
            banner: None,
            areas: Areas::default(),
            highlighter,
        }
    }

    /// The model that answers, or would answer a first prompt.
    pub fn model_info(&self) -> Option<&ModelInfo> {
        let known = |reference: &ModelRef| self.known_models.iter().find(|m| &m.reference == reference);
        self.view
            .state
            .model
            .as_ref()
            .or_else(|| self.chosen.as_ref().and_then(known))
            .or_else(|| self.description.as_ref().map(|d| &d.model))
    }

    /// Changes the colours.
    pub fn set_theme(&mut self, theme: Theme) {
        self.stamp = theme.stamp();
        self.theme = theme;
    }

    /// Whether a turn runs.
    pub fn is_running(&self) -> bool {
        self.view.state.is_running()
    }

    /// Whether the screen has anything that moves by itself.
    pub fn moves(&self) -> bool {
        self.is_running()
    }

    /// When something on the screen is over by itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        let note = self.note.as_ref().map(|n| n.until);
        let quit = match self.leaving {
            Leaving::Asked(until) => Some(until),
            Leaving::No | Leaving::Stopping => None,
        };
        let dialog = self.dialog.as_ref().and_then(|dialog| dialog.deadline(self.now));
        note.into_iter().chain(quit).chain(dialog).min()
    }

    /// Whether nothing was said yet.
    pub fn is_fresh(&self) -> bool {
        self.view.state.items.is_empty() && self.view.live.answer.is_empty() && !self.is_running()
    }

    /// The context whose keys count.
    pub fn context(&self) -> Context {
        match (&self.overlay, &self.search) {
            (Some(Overlay::Settings(screen)), _) => match screen.mode {
                SettingsMode::Browse => Context::Settings,
                SettingsMode::Remove { .. } => Context::Confirm,
                _ => Context::List,
            },
            (Some(Overlay::Ask(_) | Overlay::Offer(_)), _) => Context::Confirm,
            (Some(Overlay::Help { .. } | Overlay::Picker(_)), _) => Context::List,
            (None, Some(_)) => Context::Search,
            (None, None) if self.reviews() && self.writes_on_hunk() => Context::Editor,
            (None, None) if self.reviews() => Context::Review,
            (None, None) => match self.focus {
                Focus::Composer => Context::Composer,
                Focus::Chat => Context::Chat,
                Focus::Code => Context::Code,
                Focus::Steps => Context::Steps,
                Focus::Dialog => self.dialog.as_ref().map_or(Context::Composer, Dialog::context),
            },
        }
    }

    /// How the key of an action is written, in the context or everywhere.
    pub fn key_of(&self, context: Context, action: Action) -> String {
        let own = self.settings.keys.keys_of(context, action);
        let found = own.into_iter().next();
        found.or_else(|| self.settings.keys.keys_of(Context::Global, action).into_iter().next()).unwrap_or_default()
    }

    /// The key that retries, as written where the focus is.
    pub fn retry_key(&self) -> String {
        self.key_of(if self.focus == Focus::Chat { Context::Chat } else { Context::Global }, Action::Retry)
    }

    /// Does something with the chat and what it shows.
    pub fn with_chat<T>(&mut self, act: impl FnOnce(&mut Chat, Scene<'_>) -> T) -> T {
        let retry_key = self.retry_key();
        let search = if self.focus == Focus::Chat { self.search.as_deref().unwrap_or("") } else { "" };
        let scene = Scene {
            state: &self.view.state,
            live: &self.view.live,
            theme: &self.theme,
            stamp: self.stamp,
            retry_key: &retry_key,
            search,
        };
        act(&mut self.chat, scene)
    }

    // --- notes

    /// Shows a note.
    pub fn tell(&mut self, text: &str) {
        self.set_note(Weight::Info, text, None);
    }

    /// Shows a warning and what to do about it.
    pub fn warn(&mut self, text: &str, hint: Option<&str>) {
        self.set_note(Weight::Warning, text, hint);
    }

    /// Shows a failure.
    pub fn fail(&mut self, fault: &Fault) {
        self.set_note(Weight::Error, &fault.to_string(), fault.hint.as_deref());
    }

    fn set_note(&mut self, weight: Weight, text: &str, hint: Option<&str>) {
        let until = later(self.now, NOTE_SECONDS);
        self.note = Some(Note { weight, text: text.to_owned(), hint: hint.map(str::to_owned), until });
    }

    // --- sessions and prompts

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
                    self.composer.remember_known(text);
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

    // --- panes

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

/// A time some seconds after another.
pub fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}
