//! Staying within the limits: the oldest checkpoints go first, then every content that none of the rest
//! needs. The newest always stay.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Limits;
use super::error::CheckpointError;
use super::index::Index;
use super::objects::Objects;
use super::record::{Record, Records};
use super::tree;
use crate::domain::CheckpointId;

/// Checkpoints that are never pruned: the newest ones.
const SPARED: usize = 3;

/// What pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub checkpoints: u64,
    /// Bytes that the store gave back.
    pub bytes: u64,
}

fn is_old(record: &Record, limits: &Limits) -> bool {
    let age = Timestamp::now().as_second().saturating_sub(record.checkpoint.at.as_second());
    u64::try_from(age).is_ok_and(|age| age > limits.max_age.as_secs())
}

/// Whether there is anything to prune.
pub(super) fn is_due(records: &Records, stored: u64, limits: &Limits) -> Result<bool, CheckpointError> {
    let ids = records.ids()?;
    if ids.len() <= SPARED {
        return Ok(false);
    }
    let oldest_is_old = ids.first().is_some_and(|id| records.read(*id).is_ok_and(|record| is_old(&record, limits)));
    Ok(stored > limits.max_bytes || oldest_is_old)
}

/// Removes what is too old or too much; tells what went and how many bytes are kept. A crash in between
/// leaves contents that nobody needs until the next time.
pub(super) fn run(
    records: &Records,
    objects: &Objects,
    index: &Index,
    limits: &Limits,
) -> Result<(Option<Pruned>, u64), CheckpointError> {
    let mut ids = records.ids()?;
    let mut pruned = Pruned::default();
    let spare = |ids: &[CheckpointId]| ids.len().saturating_sub(SPARED);
    let old = ids.iter().take(spare(&ids)).take_while(|id| records.read(**id).map_or(true, |it| is_old(&it, limits)));
    let mut going = old.count();
    loop {
        for id in ids.drain(..going) {
            records.remove(id)?;
            pruned.checkpoints += 1;
        }
        let mut live = HashSet::new();
        for id in &ids {
            // A damaged checkpoint must not keep the others from being looked after.
            if let Err(error) = records.read(*id).and_then(|it| tree::mark(&it.tree()?, objects, &mut live)) {
                tracing::warn!(%error, "a checkpoint cannot be read whole");
            }
        }
        // Last: a list that is marked already would not be looked into.
        live.extend(index.hashes());
        let swept = objects.sweep(&live)?;
        pruned.bytes += swept.freed;
        // Some room, so that not every checkpoint from now on has to prune.
        let enough = swept.kept <= limits.max_bytes / 5 * 4;
        if enough || spare(&ids) == 0 {
            return Ok(((pruned.checkpoints > 0).then_some(pruned), swept.kept));
        }
        going = (spare(&ids) / 4).max(1);
    }
}
