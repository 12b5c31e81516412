//! Which folders the person trusts: whose `.env` and `.kiln/config.toml` may set where keys and
//! contents go.
//!
//! Trust is for one folder and one content of those two files; another content is asked about
//! again. The list lies among Kiln's own files, out of reach of projects and of what runs in them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::paths::Paths;
use super::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};

/// How a project's folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its files set nothing that needs trust.
    NothingToTrust,
    /// The person trusted these very files.
    Trusted,
    /// What they would set is left out until the person grants the request.
    Untrusted(Request),
}

/// What the person is asked to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The folder, canonical.
    pub root: PathBuf,
    /// What the folder's files would set.
    pub wishes: Vec<Wish>,
    pub before: Before,
    pub(super) fingerprint: String,
}

/// Whether the folder was trusted at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Never,
    /// It was, and its files are others now.
    OtherFiles,
}

/// One thing that a project's file would set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// The setting, such as `providers.openai.base_url`, or the variable that carries a key.
    pub setting: String,
    /// The value as TOML; `***` for a key.
    pub value: String,
}

/// A folder on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedFolder {
    pub root: PathBuf,
    pub since: Timestamp,
}

/// Trusts the files that the request was made from; whatever was written since is not trusted.
pub fn grant(paths: &Paths, request: &Request) -> Result<(), Fault> {
    let folder = name(&request.root)?;
    let mut list = read(paths)?;
    list.insert(folder.to_owned(), Row { fingerprint: request.fingerprint.clone(), since: Timestamp::now() });
    write(paths, &list)
}

/// Takes trust back; `false` when the folder was not trusted.
pub fn revoke(paths: &Paths, root: &Path) -> Result<bool, Fault> {
    let mut list = read(paths)?;
    let known = root.to_str().and_then(|folder| list.remove(folder)).is_some();
    if known {
        write(paths, &list)?;
    }
    Ok(known)
}

/// All trusted folders, by name.
pub fn list(paths: &Paths) -> Result<Vec<TrustedFolder>, Fault> {
    let rows = read(paths)?.into_iter();
    Ok(rows.map(|(root, row)| TrustedFolder { root: PathBuf::from(root), since: row.since }).collect())
}

/// What the list says about a folder with these files; a list that cannot be read trusts nobody.
pub(super) fn standing(paths: &Paths, root: &Path, fingerprint: &str, troubles: &mut Vec<Fault>) -> Result<(), Before> {
    let list = read(paths).unwrap_or_else(|fault| {
        troubles.push(fault);
        List::new()
    });
    match root.to_str().and_then(|folder| list.get(folder)) {
        Some(row) if row.fingerprint == fingerprint => Ok(()),
        Some(_) => Err(Before::OtherFiles),
        None => Err(Before::Never),
    }
}

type List = BTreeMap<String, Row>;

#[derive(Serialize, Deserialize)]
struct Row {
    fingerprint: String,
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    folders: List,
}

const VERSION: u32 = 1;

fn name(root: &Path) -> Result<&str, Fault> {
    root.to_str().ok_or_else(|| {
        Fault::new(FaultClass::Invalid, format!("`{}` cannot be trusted: its name is not Unicode", root.display()))
            .hint("rename the folder")
    })
}

fn read(paths: &Paths) -> Result<List, Fault> {
    let path = paths.trust_file();
    let unusable = |why: String| {
        Fault::new(FaultClass::Storage, format!("the list of trusted folders `{}` cannot be read", path.display()))
            .hint("repair or delete it; until then no folder is trusted")
            .detail(why)
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(List::new()),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let document: Document = serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    if document.version != VERSION {
        return Err(unusable("it was written by a newer Kiln".to_owned()));
    }
    Ok(document.folders)
}

fn write(paths: &Paths, list: &List) -> Result<(), Fault> {
    #[derive(Serialize)]
    struct Borrowed<'a> {
        version: u32,
        folders: &'a List,
    }
    let path = paths.trust_file();
    let text = serde_json::to_vec_pretty(&Borrowed { version: VERSION, folders: list }).map_err(|error| {
        Fault::new(FaultClass::Internal, "the list of trusted folders could not be written").detail(error.to_string())
    })?;
    atomic(&path, &text).map_err(|error| unwritable(&path, &error))
}
