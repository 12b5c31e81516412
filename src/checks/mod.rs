//! What tells whether a project is in order: its own checks, recognised by its files, and plain
//! syntax where it has none.
//!
//! This room finds checks and reads syntax; it runs no command and decides nothing about rights.
//! How checks are recognised is data (`assets/checks.toml`).

mod detect;
mod syntax;

pub use detect::{Check, detect};
pub use syntax::{Slip, slips};
