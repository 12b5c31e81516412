//! The whole state of the terminal app, and the moves that commands and keys share.
//!
//! Nothing here does I/O or reads a clock: the time is the last one told, wishes leave as [`Cmd`]s.

mod asking;
mod panes;
mod sessions;

use std::path::PathBuf;

use jiff::Timestamp;

use crate::domain::catalog::Description;
use crate::domain::op::NewProject;
use crate::domain::{Fault, Mode, ModelInfo, ModelRef, Planning, ProjectPath, Saving, SessionId, SessionView};
use crate::tui::dialogs::Dialog;
use crate::tui::keymap::{Action, Context, Keymap};
use crate::tui::overlays::settings::Mode as SettingsMode;
use crate::tui::overlays::{Completion, Overlay};
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
}

/// A time some seconds after another.
pub fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}
