//! Settings, the folders they live in, and the environment they are overridden from.
//!
//! [`load`] merges the layers and never fails: what is wrong becomes a [`Fault`] in
//! [`Loaded::troubles`], and Kiln runs with what is right. This room is the only one that reads
//! environment variables. It holds no keys: those are in [`crate::keychain`].

pub mod environment;
pub mod file;
pub mod layers;
pub mod paths;
pub mod schema;
pub mod write;

pub use environment::{Environment, TerminalHints};
pub use layers::{FlagValue, Loaded, Origin, Shown, load};
pub use paths::{Lasting, Paths, make_private_folder};
pub use schema::{KeyStorage, ProviderSettings, Settings};

/// The commented settings file that `kiln config init` writes: every setting with its default.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

#[cfg(doc)]
use crate::domain::Fault;
