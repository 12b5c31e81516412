//! Everything that can reach the model: one enum, so that a test can play any of it.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::Timestamp;

use crate::domain::{Event, ExportTarget, Fault, ModelRef, ProjectPath, Reply, SessionId};
use crate::tui::back::Back;
use crate::tui::overlays::settings::SettingsAsk;
use crate::tui::panes::difference::Row;
use crate::tui::text::highlight::HighlightDone;
use crate::tui::theme::Background;

/// Something that happened outside the model.
#[derive(Debug)]
pub enum Msg {
    /// What time it is; sent before the others of a wake-up and by the timer while something moves.
    Now(Timestamp),
    Key(KeyEvent),
    /// Text pasted in one piece, unchecked.
    Paste(String),
    Mouse(MouseEvent),
    Resize {
        width: u16,
        height: u16,
    },
    /// The terminal told whether its background is dark.
    Background(Background),
    /// The engine told something.
    Event(Arc<Event>),
    /// The engine answered a request.
    Answered {
        ask: Ask,
        result: Box<Result<Reply, Fault>>,
    },
    /// The engine ended; nothing more will come.
    EngineGone,
    /// The highlighting thread has coloured more lines.
    Highlighted(HighlightDone),
    /// What a turn changed in a file, for one state of it.
    Compared {
        path: ProjectPath,
        revision: u64,
        rows: Vec<Row>,
    },
    /// What was sent in earlier runs, oldest first.
    History(Vec<String>),
    /// A text was put on the clipboard, or why it was not.
    Copied(Result<&'static str, Fault>),
    /// The external editor gave the text back.
    Edited(Result<String, Fault>),
    /// The system asked the program to end.
    Terminate,
}

/// What a request was for, so that its answer finds its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Describe,
    Start {
        after: After,
    },
    Open(SessionId),
    Snapshot,
    Send {
        text: String,
    },
    /// A wish whose only answer of interest is a failure.
    Plain,
    /// An answer to what waits for the person.
    Decision,
    Permissions,
    /// A standing permission is taken back.
    Revoke,
    Jobs,
    /// A background command is asked to end.
    StopJob,
    Cancel,
    Retry,
    /// Files, conversation or both go back or forth.
    Back(Back),
    Checkpoints,
    SelectModel(ModelRef),
    Sessions,
    Models,
    Connections,
    Compact,
    Context,
    Notes,
    /// Slash commands beside Kiln's own.
    Commands,
    Files,
    File(ProjectPath),
    Export(ExportTarget),
    /// A review is to be shown.
    OpenReview,
    /// A verdict or a comment; what the review is now.
    Review,
    Pull(String),
    Settings(SettingsAsk),
}

/// What waits for a session that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// The project's files are wanted for a completion.
    Files,
    /// Its slash commands are.
    Commands,
}
