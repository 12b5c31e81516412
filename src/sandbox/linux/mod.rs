//! Linux: namespaces, mounts, system-call filter, Landlock.
//!
//! All of it runs in the hidden stage, a process of one thread, apart from the receiving end of `handover`. Nothing
//! here reads settings.

pub(super) mod command;
pub(super) mod filter;
pub(super) mod handover;
pub(super) mod landlock;
pub(super) mod mounts;
pub(super) mod namespaces;
pub(super) mod sys;
