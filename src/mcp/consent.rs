//! Which servers the person let run, and what their tools were then.
//!
//! Consent is for one command or address with all its arguments; another asks again. The list lies
//! among Kiln's own files, out of reach of projects and of what runs in them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use super::spec::Spec;
use crate::config::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};

/// The list of consents, in one file.
#[derive(Clone, Debug)]
pub struct Ledger {
    path: PathBuf,
}

/// How a server stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It may run. Its tools as they were accepted; `None` before they were first listed.
    Allowed(Option<Vec<Definition>>),
    /// Nobody was asked yet.
    New,
    /// Another command or address was allowed: this one, in words.
    Changed(String),
}

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    fingerprint: String,
    since: Timestamp,
    words: String,
    #[serde(default)]
    tools: Option<Vec<Definition>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Document {
    version: u32,
    servers: BTreeMap<String, Row>,
}

const VERSION: u32 = 1;

impl Ledger {
    /// The list in a file that need not exist yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// How a server stands; a list that cannot be read allows nothing.
    pub fn standing(&self, spec: &Spec) -> Result<Standing, Fault> {
        Ok(match self.read()?.servers.remove(&spec.key()) {
            None => Standing::New,
            Some(row) if row.fingerprint == spec.fingerprint() => Standing::Allowed(row.tools),
            Some(row) => Standing::Changed(row.words),
        })
    }

    /// Lets a server run; what was accepted of its tools stays when the command is the same.
    pub fn allow(&self, spec: &Spec) -> Result<(), Fault> {
        let mut list = self.read()?;
        let fingerprint = spec.fingerprint();
        let known = list.servers.remove(&spec.key()).filter(|row| row.fingerprint == fingerprint);
        let tools = known.and_then(|row| row.tools);
        list.servers.insert(spec.key(), Row { fingerprint, since: Timestamp::now(), words: spec.words(), tools });
        self.write(&list)
    }

    /// Accepts tools as they are; nothing for a server that may not run.
    pub fn pin(&self, spec: &Spec, tools: &[Definition]) -> Result<(), Fault> {
        let mut list = self.read()?;
        match list.servers.get_mut(&spec.key()) {
            Some(row) if row.fingerprint == spec.fingerprint() => row.tools = Some(tools.to_vec()),
            _ => return Ok(()),
        }
        self.write(&list)
    }

    /// Forgets a server; `false` when it was not known.
    pub fn forget(&self, key: &str) -> Result<bool, Fault> {
        let mut list = self.read()?;
        let known = list.servers.remove(key).is_some();
        if known {
            self.write(&list)?;
        }
        Ok(known)
    }

    fn read(&self) -> Result<Document, Fault> {
        let unusable = |why: String| {
            Fault::new(FaultClass::Storage, format!("the list of servers `{}` cannot be read", self.path.display()))
                .hint("repair or delete it; until then no server of tools is started")
                .detail(why)
        };
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Document::default()),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if document.version > VERSION {
            return Err(unusable("it was written by a newer Kiln".to_owned()));
        }
        Ok(document)
    }

    fn write(&self, document: &Document) -> Result<(), Fault> {
        #[derive(Serialize)]
        struct Borrowed<'a> {
            version: u32,
            servers: &'a BTreeMap<String, Row>,
        }
        let text = serde_json::to_vec_pretty(&Borrowed { version: VERSION, servers: &document.servers });
        let text = text.map_err(|error| {
            Fault::new(FaultClass::Internal, "the list of servers could not be written").detail(error.to_string())
        })?;
        atomic(&self.path, &text).map_err(|error| unwritable(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Launch, SpecOrigin};
    use super::*;

    fn spec(url: &str) -> Spec {
        let launch = Launch::Address { url: url.to_owned(), token: None };
        Spec { name: "x".to_owned(), launch, origin: SpecOrigin::Settings, enabled: true, place: None }
    }

    #[test]
    fn consent_is_for_one_address_and_its_tools() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::at(&folder.path().join("mcp.json"));
        let (one, other) = (spec("https://one.test"), spec("https://other.test"));
        assert_eq!(ledger.standing(&one).unwrap(), Standing::New);
        ledger.pin(&one, &[]).unwrap();
        assert_eq!(ledger.standing(&one).unwrap(), Standing::New, "tools of a stranger are not accepted");
        ledger.allow(&one).unwrap();
        assert_eq!(ledger.standing(&one).unwrap(), Standing::Allowed(None));
        ledger.pin(&one, &[]).unwrap();
        ledger.allow(&one).unwrap();
        assert_eq!(ledger.standing(&one).unwrap(), Standing::Allowed(Some(Vec::new())));
        assert_eq!(ledger.standing(&other).unwrap(), Standing::Changed("https://one.test".to_owned()));
        ledger.allow(&other).unwrap();
        assert_eq!(ledger.standing(&other).unwrap(), Standing::Allowed(None), "its tools are others");
        assert!(ledger.forget("x").unwrap() && !ledger.forget("x").unwrap());
    }

    #[test]
    fn a_broken_list_allows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        for text in ["", "{", r#"{"version": 9, "servers": {}}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(Ledger::at(&path).standing(&spec("https://one.test")).is_err(), "{text}");
        }
    }
}
