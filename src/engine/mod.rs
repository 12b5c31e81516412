//! The engine: one actor that owns sessions, providers and running turns.
//!
//! Front ends hold an [`Engine`] handle and nothing else. This room never draws and never prints.

mod actor;
mod answers;
mod handle;
mod publish;
mod sessions;
mod undo;

pub use actor::{Parts, start};
pub use handle::{Ends, Engine, Events, Submission};
