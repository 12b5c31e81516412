//! The list of stored keys by provider, name and place. It holds no values.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::KeyStorage;
use crate::config::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};

/// The name of a key that was stored without one.
pub const DEFAULT_NAME: &str = "default";

/// Each provider's keys.
pub(super) type Index = BTreeMap<String, ProviderKeys>;

/// The keys of one provider; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProviderKeys {
    /// The name of the one that is used.
    pub active: String,
    /// Places by name.
    pub places: BTreeMap<String, KeyStorage>,
}

impl ProviderKeys {
    /// One key without a name, as the first version stored them.
    fn single(place: KeyStorage) -> Self {
        Self { active: DEFAULT_NAME.to_owned(), places: BTreeMap::from([(DEFAULT_NAME.to_owned(), place)]) }
    }

    /// Lets another key be used after the active one went: the one without a name, else the first.
    pub(super) fn settle(&mut self) {
        if !self.places.contains_key(&self.active) {
            let next = self.places.get_key_value(DEFAULT_NAME).or_else(|| self.places.first_key_value());
            self.active = next.map(|(name, _)| name.clone()).unwrap_or_default();
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Document<K> {
    version: u32,
    keys: K,
}

const VERSION: u32 = 2;

pub(super) fn read(path: &Path) -> Result<Index, Fault> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Index::new()),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    let damaged = |error: serde_json::Error| unusable(path, &error.to_string());
    let outer: Document<serde_json::Value> = serde_json::from_slice(&text).map_err(damaged)?;
    match outer.version {
        1 => {
            let old: BTreeMap<String, KeyStorage> = serde_json::from_value(outer.keys).map_err(damaged)?;
            Ok(old.into_iter().map(|(provider, place)| (provider, ProviderKeys::single(place))).collect())
        }
        VERSION => {
            let mut index: Index = serde_json::from_value(outer.keys).map_err(damaged)?;
            index.retain(|_, keys| !keys.places.is_empty());
            index.values_mut().for_each(ProviderKeys::settle);
            Ok(index)
        }
        _ => Err(unusable(path, "it was written by a newer Kiln")),
    }
}

pub(super) fn write(path: &Path, keys: &Index) -> Result<(), Fault> {
    let text = serde_json::to_vec_pretty(&Document { version: VERSION, keys }).map_err(|error| {
        Fault::new(FaultClass::Internal, "the list of keys could not be written").detail(error.to_string())
    })?;
    atomic(path, &text).map_err(|error| unwritable(path, &error))
}

fn unusable(path: &Path, why: &str) -> Fault {
    Fault::new(FaultClass::Storage, format!("the list of stored keys `{}` cannot be read", path.display()))
        .hint("repair or delete it, then store the keys anew with `kiln keys set`")
        .detail(why)
}
