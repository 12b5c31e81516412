//! What there is on this machine to work with, and the settings with where each came from: the
//! answer that the settings screen and the first-run wizard are made of. No value of a key is here.

use serde::{Deserialize, Serialize};

use super::catalog::WeightsStatus;
use super::id::{ModelName, ProviderId};

/// A place where keys are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// The operating system's keychain.
    #[default]
    Keychain,
    /// A file encrypted with a passphrase.
    File,
}

/// Where the key of a provider is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum KeyState {
    /// In this environment variable; `tail` is as much of it as may be shown.
    Environment { variable: String, tail: String },
    /// Stored; the value was not looked at.
    Stored { place: KeyPlace },
    /// There is none.
    Missing,
}

/// What kind of provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Somewhere else; needs a key.
    Cloud,
    /// A server on this machine or in its network; `answers` is `None` where nobody asked it.
    Local { answers: Option<bool> },
    /// Inside Kiln itself.
    Embedded,
}

/// A provider as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyedProvider {
    pub id: ProviderId,
    pub title: String,
    pub kind: ProviderKind,
    pub key: KeyState,
    /// The variables that would carry its key, the first one set counts.
    pub variables: Vec<String>,
    /// The model used when none is named.
    pub model: Option<ModelName>,
    /// Models that a local server or the embedded one has here.
    #[serde(default)]
    pub models: Vec<ModelName>,
}

impl SurveyedProvider {
    /// Whether it can be asked as things are, as far as one can tell without asking it.
    pub fn ready(&self) -> bool {
        match self.kind {
            ProviderKind::Cloud => self.key != KeyState::Missing,
            ProviderKind::Local { answers } => answers == Some(true) || (answers.is_none() && self.model.is_some()),
            ProviderKind::Embedded => !self.models.is_empty(),
        }
    }
}

/// What a setting can be set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SettingKind {
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice {
        words: Vec<String>,
    },
    Number,
    Text,
    /// Anything else, such as a list: changed in the file.
    Other,
}

/// A setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingRow {
    /// Its name, such as `ui.theme`.
    pub key: String,
    pub kind: SettingKind,
    /// As TOML writes it, a text without its quotes; `None` when nothing is set.
    pub value: Option<String>,
    /// What it is for, in whole sentences.
    pub about: String,
    /// Where the value came from, in words.
    pub origin: String,
    /// Who decides over the person's file, such as an environment variable; the setting cannot be
    /// changed here then.
    pub overridden: Option<String>,
}

/// The answer to [`super::Op::Survey`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// In the order of the catalogue, the embedded model last.
    pub providers: Vec<SurveyedProvider>,
    pub weights: Vec<WeightsStatus>,
    /// All settings but those of single providers, in the order of the example file.
    pub settings: Vec<SettingRow>,
    /// The person's settings file.
    pub file: String,
    /// Where new keys go.
    pub storage: KeyPlace,
    /// Why the keychain cannot be used, if so.
    pub keychain_trouble: Option<super::Fault>,
    /// The encrypted file exists, so that its passphrase is not a new one.
    pub key_file: bool,
    /// A passphrase is needed before the encrypted file can be used.
    pub locked: bool,
}

impl Survey {
    /// A provider by its id.
    pub fn provider(&self, id: &ProviderId) -> Option<&SurveyedProvider> {
        self.providers.iter().find(|provider| provider.id == *id)
    }

    /// A setting's value.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|row| row.key == key).and_then(|row| row.value.as_deref())
    }
}
