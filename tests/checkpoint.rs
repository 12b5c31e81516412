//! Checkpoints from outside: whatever happened to a project, undo brings it back byte for byte and redo
//! returns it; a process that is killed leaves old or new; what is not covered is said and never lost.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "checkpoint/kill.rs"]
mod kill;
#[path = "checkpoint/limits.rs"]
mod limits;
#[path = "checkpoint/random.rs"]
mod random;
#[path = "checkpoint/ways.rs"]
mod ways;
#[path = "checkpoint/world.rs"]
mod world;
