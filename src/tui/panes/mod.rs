//! The panes: plain structs that keep their own scrolling and caches and draw into a buffer.
//!
//! A pane never sends anything itself; what a key does is decided in `update`.

pub mod calls;
pub mod chat;
pub mod code;
pub mod composer;
pub mod difference;
pub mod document;
pub mod format;
pub mod items;
pub mod review;
mod rounds;
pub mod scroll;
pub mod status;
pub mod steps;
