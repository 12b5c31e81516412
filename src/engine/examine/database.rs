//! The database of sessions: whether it opens, and whether it is whole.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::domain::{Finding, Saving, Verdict};

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        if let Saving::Off { fault } | Saving::Behind { fault, .. } = &bench.saving {
            return vec![Finding::from_fault("database", Verdict::Fail, fault)];
        }
        let Some(place) = bench.storage.place() else {
            return vec![Finding::warn("database", "sessions live in memory only")];
        };
        let sessions = bench.storage.sessions().await.map(|sessions| sessions.len());
        vec![match (bench.storage.damage().await, sessions) {
            (Ok(None), Ok(count)) => {
                let bytes = std::fs::metadata(place).map_or(0, |file| file.len());
                Finding::ok("database", format!("whole; {count} sessions, {}", super::size(bytes)))
            }
            (Ok(Some(damage)), _) => Finding::fail("database", format!("`{}` is damaged: {damage}", place.display()))
                .hint("export what you need with `kiln export`, then move the file away; a fresh one is made"),
            (Err(error), _) | (_, Err(error)) => Finding::from_fault("database", Verdict::Fail, &error.to_fault()),
        }]
    }
    .boxed()
}
