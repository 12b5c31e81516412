//! What the model may do and with what: verdicts on calls, and the tools that search and fetch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "tools/command_lines.rs"]
mod command_lines;
#[path = "tools/fetching.rs"]
mod fetching;
#[path = "tools/grants.rs"]
mod grants;
#[path = "tools/searching.rs"]
mod searching;
#[cfg(unix)]
#[path = "tools/shells.rs"]
mod shells;
#[path = "tools/verdicts.rs"]
mod verdicts;
