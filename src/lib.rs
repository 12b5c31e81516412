//! Kiln, a terminal workshop for making software with language models.
//!
//! This page is the map of the crate; `ARCHITECTURE.md` tells what each room never does.
//! A front end sends an [`domain::Op`] to the engine and folds the [`domain::Event`]s that come back.

pub mod agent;
pub mod analysis;
pub mod checks;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod export;
pub mod keychain;
pub mod mcp;
pub mod net;
pub mod providers;
pub mod sandbox;
pub mod skills;
pub mod storage;
pub mod tools;
pub mod tui;
pub mod workspace;
