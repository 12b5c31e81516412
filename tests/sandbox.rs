//! The sandbox from outside: ways out of it, each of which works without it; everyday work, which
//! must go on working; limits, ends, and what is left behind.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "sandbox/arena.rs"]
mod arena;
#[path = "sandbox/escapes.rs"]
mod escapes;
#[path = "sandbox/everyday.rs"]
mod everyday;
#[path = "sandbox/hosts.rs"]
mod hosts;
#[path = "sandbox/lifetime.rs"]
mod lifetime;
#[path = "sandbox/probes.rs"]
mod probes;
