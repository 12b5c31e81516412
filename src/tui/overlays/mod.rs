//! What lies over the panes: help, fuzzy lists, questions and the offer to fetch a model.
//!
//! An overlay holds only its own choices; what a choice does is decided in `update`.

pub mod completion;
pub mod draw;
pub mod picker;
pub mod settings;
pub mod settings_draw;

use crate::domain::{CheckpointId, ExportTarget, ModelRef, ProjectPath, ProviderId, RewindScope, Scope, SessionId};
use crate::tui::back::Back;

pub use completion::Completion;
pub use picker::{Listed, Picker};

/// One line of a list to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is matched against and inserted.
    pub label: String,
    /// What it means, dimmer beside it.
    pub detail: String,
}

impl Choice {
    /// From the two texts.
    pub fn new(label: &str, detail: &str) -> Self {
        Self { label: label.to_owned(), detail: detail.to_owned() }
    }
}

/// What a line of a [`Picker`] stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    Model(ModelRef),
    /// A provider that cannot be asked as things are.
    Unready(ProviderId),
    Session(SessionId),
    Theme(String),
    File(ProjectPath),
    Checkpoint(CheckpointId),
    /// What goes back to a checkpoint.
    Rewind(CheckpointId, RewindScope),
    /// A destination, put into the composer for completion of its path.
    Export(String),
    /// A standing permission.
    Grant(Scope),
    /// A background command, by its number.
    Job(u32),
    /// A waiting message, by its position.
    Queued(usize),
    /// A line that is only to be read.
    Nothing,
}

/// A question with two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The export's destination exists.
    Replace(ExportTarget),
    /// Going back overwrites something of somebody else's; what, in words.
    GoBack(Back, Vec<String>),
}

/// The offer to fetch the weights of the embedded model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The name in the catalogue.
    pub name: String,
    pub title: String,
    pub licence: String,
    pub bytes: u64,
    /// Who has them, in the order in which they are asked.
    pub sources: Vec<String>,
    /// What it is good for.
    pub note: String,
}

/// The overlay that has the keys.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// Keys and commands; rows scrolled off the top.
    Help {
        scroll: usize,
    },
    Picker(Picker),
    Ask(Question),
    Offer(Offer),
    /// Boxed: it is large, and rare.
    Settings(Box<settings::SettingsScreen>),
}
