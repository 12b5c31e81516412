//! The engine: one actor that owns sessions, providers and running turns.
//!
//! Front ends hold an [`Engine`] handle and nothing else. This room never draws and never prints.

mod actor;
mod answers;
mod asking;
mod examine;
pub mod first_run;
mod handle;
mod publish;
mod sessions;
mod settings;
mod survey;
mod titles;
mod undo;
mod workplace;

pub use actor::{Defaults, Parts, Pending, Walls, start};
pub use handle::{Ends, Engine, Events, Submission};
pub use workplace::Workplace;
