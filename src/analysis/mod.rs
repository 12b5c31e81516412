//! What code says about itself, read by its syntax: outlines of files, and a map of a project that
//! fits a budget of tokens.
//!
//! Reads through `workspace` only and runs nothing. A file that cannot be read or parsed has no
//! outline; that is never an error.

mod language;
mod map;
mod outline;

pub use language::Language;
pub use map::{Hints, Map, Outlines, map};
pub use outline::{Outline, Symbol, outline};
