//! The list of stored keys by name and place. It holds no values.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::KeyStorage;
use crate::config::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};

/// Place of each provider's key.
pub(super) type Index = BTreeMap<String, KeyStorage>;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    keys: Index,
}

const VERSION: u32 = 1;

pub(super) fn read(path: &Path) -> Result<Index, Fault> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Index::new()),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    let document: Document = serde_json::from_slice(&text).map_err(|error| unusable(path, &error.to_string()))?;
    if document.version != VERSION {
        return Err(unusable(path, "it was written by a newer Kiln"));
    }
    Ok(document.keys)
}

pub(super) fn write(path: &Path, keys: &Index) -> Result<(), Fault> {
    let document = Document { version: VERSION, keys: keys.clone() };
    let text = serde_json::to_vec_pretty(&document).map_err(|error| {
        Fault::new(FaultClass::Internal, "the list of keys could not be written").detail(error.to_string())
    })?;
    atomic(path, &text).map_err(|error| unwritable(path, &error))
}

fn unusable(path: &Path, why: &str) -> Fault {
    Fault::new(FaultClass::Storage, format!("the list of stored keys `{}` cannot be read", path.display()))
        .hint("repair or delete it, then store the keys anew with `kiln keys set`")
        .detail(why)
}
