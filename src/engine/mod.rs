//! The engine: one actor that owns sessions, providers and running turns.
//!
//! Front ends hold an [`Engine`] handle and nothing else. This room never draws and never prints.

mod handle;

pub use handle::{Ends, Engine, Events, Submission};
