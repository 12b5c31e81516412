//! What there is to choose from: providers, embedded models and their state on this machine.

use serde::{Deserialize, Serialize};

use super::id::ProviderId;
use super::model::{ModelInfo, ModelRef};

/// Whether a provider can be used now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It can be asked at once.
    Ready,
    /// A key is missing; the text names the variable that would carry it.
    NeedsKey(String),
    /// Embedded weights have to be fetched first; bytes to fetch.
    NeedsDownload(u64),
    /// Something else is missing; the text says what.
    Unavailable(String),
}

/// A provider and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderStatus {
    pub id: ProviderId,
    pub title: String,
    pub readiness: Readiness,
    /// The model that is used when none is named.
    pub default_model: Option<ModelRef>,
}

/// Weights of the embedded model in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsStatus {
    /// The name used with `kiln models pull`.
    pub name: String,
    pub title: String,
    pub licence: String,
    /// Bytes to fetch.
    pub download_bytes: u64,
    /// Memory needed while it answers, in bytes.
    pub memory_bytes: u64,
    /// Who has them, in the order in which they are asked, such as `Hugging Face (owner/repository)`.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether the file is on this machine and whole.
    pub installed: bool,
    /// What it is good for, honestly.
    pub note: String,
}

/// The answer to "what is here": shown in the status line before the first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The model that a new session would use.
    pub model: ModelInfo,
    /// Whether it can be asked at once.
    pub readiness: Readiness,
    pub providers: Vec<ProviderStatus>,
    pub weights: Vec<WeightsStatus>,
    /// What is off on this machine, such as a database that cannot be opened.
    pub troubles: Vec<super::fault::Fault>,
    /// How commands are confined, in a few words, where that is less than a whole sandbox.
    #[serde(default)]
    pub sandbox: Option<String>,
}
