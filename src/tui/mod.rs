//! The terminal front end. It knows the engine only by its operations and events, and it is the
//! only room that draws: nothing here reaches a provider, a tool or the disk of a project.

pub mod back;
pub mod cmd;
pub mod commands;
pub mod dialogs;
pub mod effects;
pub mod history;
pub mod keymap;
pub mod model;
pub mod msg;
pub mod overlays;
pub mod panes;
mod run;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;
pub mod widgets;
pub mod wizard;

pub use keymap::Keymap;
pub use model::{Bell, Model, Mouse, UiSettings};
pub use run::{Start, run};
pub use terminal::clipboard::Place;
pub use theme::ColorDepth;
