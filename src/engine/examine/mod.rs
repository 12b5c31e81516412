//! The examination behind `kiln doctor`: what works on this machine, what does not, what to do.
//!
//! A check is a function in [`CHECKS`]; all run at the same time, and what they find is told in the
//! order of the table as soon as it is known. Nothing is changed, and no connection leaves this
//! machine but one cheap question to each provider that has a key.

mod database;
mod embedded;
mod folders;
mod git;
mod keys;
mod network;
mod providers;
mod sandbox;
mod settings;

use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;

use super::actor::{Actor, Asker};
use super::publish::Publish;
use super::workplace::{Workplace, without};
use crate::config::Loaded;
use crate::domain::{Event, Finding, Reply, Saving};
use crate::providers::registry::Registry;
use crate::storage::Storage;

/// What a check may look at.
pub(super) struct Bench {
    workplace: Workplace,
    loaded: Loaded,
    registry: Arc<Registry>,
    storage: Storage,
    saving: Saving,
}

/// Looks at one matter.
type Check = fn(Arc<Bench>) -> BoxFuture<'static, Vec<Finding>>;

/// Every check, in the order in which findings are told: quick ones first. A line for each provider
/// follows.
const CHECKS: &[Check] = &[
    settings::check,
    folders::check,
    database::check,
    keys::check,
    network::check,
    git::check,
    sandbox::check,
    embedded::check,
    providers::local,
    providers::default,
];

impl Actor {
    pub(super) fn examine(&self, asker: Asker) {
        let (line, workplace) = (self.line.clone(), self.parts.workplace.clone());
        let (registry, storage) = (self.parts.registry.clone(), self.parts.storage.clone());
        let saving = self.parts.saving.clone();
        tokio::spawn(async move {
            let Some(workplace) = workplace else {
                return asker.reply(&line, Reply::Failed { fault: without() }).await;
            };
            let loaded = (workplace.settings)();
            let bench = Arc::new(Bench { workplace, loaded, registry, storage, saving });
            let each = providers::each(&bench);
            let checks = CHECKS.iter().map(|check| check(Arc::clone(&bench))).chain(each);
            let mut running: FuturesOrdered<_> = checks.collect();
            let mut findings = Vec::new();
            while let Some(found) = running.next().await {
                for finding in found {
                    findings.push(finding.clone());
                    line.send(Publish::Event(Event::Found { finding })).await.ok();
                }
            }
            asker.reply(&line, Reply::Examined { findings }).await;
        });
    }
}

/// Bytes for people, in steps of a thousand as download pages write them.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    match (bytes / unit, bytes % unit * 10 / unit) {
        (whole, tenth) if whole < 10 && tenth > 0 => format!("{whole}.{tenth} {name}"),
        (whole, _) => format!("{whole} {name}"),
    }
}
