//! Promises of the terminal interface, from outside: the real program in a pseudo-terminal, read by
//! an emulator that is not Kiln's own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "terminal/bytes.rs"]
mod bytes;
#[path = "terminal/hostile.rs"]
mod hostile;
#[path = "terminal/leaving.rs"]
mod leaving;
#[path = "terminal/pty.rs"]
mod pty;
#[path = "terminal/recordings.rs"]
mod recordings;
#[path = "terminal/typing.rs"]
mod typing;
#[path = "terminal/working.rs"]
mod working;
