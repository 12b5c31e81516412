//! Settings, the folders they live in, and the environment they are overridden from.
//!
//! [`load`] merges the layers and never fails: what is wrong becomes a [`Fault`] in
//! [`Loaded::troubles`], and Kiln runs with what is right. This room is the only one that reads
//! environment variables. It stores no keys: those are in [`crate::keychain`]; a key that a trusted
//! project's `.env` carries passes through, wrapped.

pub mod check;
pub mod describe;
mod dotenv;
pub mod environment;
pub mod file;
mod layers;
mod names;
mod origin;
pub mod paths;
pub mod project;
pub mod reach;
pub mod schema;
pub mod trust;
pub mod write;

pub use environment::{Environment, ProjectKey, TerminalHints};
pub use layers::{Loaded, load, load_with_project};
pub use origin::{FlagValue, Origin, Shown};
pub use paths::{Lasting, Paths, make_private_folder};
pub use project::Project;
pub use schema::{HookEvent, HookSettings, KeyStorage, McpServerSettings, McpSettings, ProviderSettings, Settings};
pub use trust::Trust;

/// The commented settings file that `kiln config init` writes: every setting with its default.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

#[cfg(doc)]
use crate::domain::Fault;
