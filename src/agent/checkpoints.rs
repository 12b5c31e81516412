//! The checkpoints of a running turn: one begun at its start and waited for before the first change, one
//! before each call that changes files, one at the end.
//!
//! A checkpoint that fails is told once and stops nothing: what the tools themselves write is kept beside
//! the facts all the same.

use tokio::task::JoinHandle;

use super::turn::TurnInput;
use crate::domain::session::title_from;
use crate::domain::{CallId, CheckpointId, FactBody, Moment, Occasion, SessionId, TurnId};
use crate::workspace::checkpoint::{CheckpointError, Store, Taken};

/// Characters of a path that are shown.
const SHOWN: usize = 80;

/// A piece of work on the store, off the async threads.
type Taking = JoinHandle<Result<Taken, CheckpointError>>;

/// The line of a turn to its project's checkpoints.
pub struct Checkpoints {
    store: Option<Store>,
    occasion: Occasion,
    /// The checkpoint before the turn, until somebody waited for it.
    first: Option<Taking>,
    before: Option<CheckpointId>,
    /// Whether a failure was told.
    told: bool,
}

fn start(store: &Store, occasion: Occasion) -> Taking {
    let store = store.clone();
    tokio::task::spawn_blocking(move || store.take(&occasion))
}

impl Checkpoints {
    /// Begins to keep the state before the turn; the turn need not wait for it.
    pub fn begin(session: SessionId, input: &TurnInput) -> Self {
        let label = title_from(&input.text);
        let occasion = Occasion { moment: Moment::BeforeTurn, session, turn: input.turn, call: None, label };
        let first = input.checkpoints.as_ref().map(|store| start(store, occasion.clone()));
        Self { store: input.checkpoints.clone(), occasion, first, before: None, told: false }
    }

    /// Waits until the state before this change is kept; tells what there is to publish.
    pub async fn before_write(&mut self, call: Option<CallId>) -> Vec<FactBody> {
        if let Some(first) = self.first.take() {
            return self.settle(first, Moment::BeforeTurn).await;
        }
        let (Some(store), Some(call)) = (&self.store, call) else { return Vec::new() };
        let occasion = Occasion { moment: Moment::BeforeCall, call: Some(call), ..self.occasion.clone() };
        let taking = start(store, occasion);
        self.settle(taking, Moment::BeforeCall).await
    }

    /// Keeps the state after the turn, if anything could have changed it.
    pub async fn after_turn(&mut self) -> Vec<FactBody> {
        if let Some(first) = self.first.take() {
            // Nothing was about to be written: no reason to wait.
            return if first.is_finished() { self.settle(first, Moment::BeforeTurn).await } else { Vec::new() };
        }
        let (Some(store), Some(before)) = (&self.store, self.before) else { return Vec::new() };
        let taking = start(store, Occasion { moment: Moment::AfterTurn, ..self.occasion.clone() });
        let mut facts = self.settle(taking, Moment::AfterTurn).await;
        if let Some(FactBody::CheckpointTaken { checkpoint, changed, .. }) = facts.first_mut() {
            *changed = changed_between(self.store.clone(), before, *checkpoint).await;
        }
        facts
    }

    async fn settle(&mut self, taking: Taking, moment: Moment) -> Vec<FactBody> {
        let why = match taking.await {
            Ok(Ok(taken)) => return self.taken(&taken, moment),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if std::mem::replace(&mut self.told, true) {
            return Vec::new();
        }
        let text = format!("no checkpoint could be kept, so `/undo` brings back only what the tools write: {why}");
        vec![FactBody::Noticed { text }]
    }

    fn taken(&mut self, taken: &Taken, moment: Moment) -> Vec<FactBody> {
        let checkpoint = &taken.checkpoint;
        let first = moment == Moment::BeforeTurn;
        if first {
            self.before = Some(checkpoint.id);
        }
        let (turn, call) = (self.occasion.turn, checkpoint.occasion.call.clone());
        let mut facts = vec![FactBody::CheckpointTaken { turn, checkpoint: checkpoint.id, moment, call, changed: 0 }];
        if let Some(pruned) = taken.pruned {
            let text = format!(
                "{} old checkpoints removed, {} bytes, to stay within `checkpoints.max_bytes` and `checkpoints.max_age_days`",
                pruned.checkpoints, pruned.bytes
            );
            facts.push(FactBody::Noticed { text });
        }
        // Once a session: it is the same with every turn.
        if first && turn == TurnId(1) && checkpoint.uncovered_total > 0 {
            let named = checkpoint.uncovered.iter().take(3).map(|one| format!("`{}` ({})", brief(&one.path), one.why));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = checkpoint.uncovered_total.saturating_sub(3);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            facts.push(FactBody::Noticed { text: format!("not covered by `/undo`: {named}{rest}") });
        }
        facts
    }
}

/// A path as it fits into a sentence: its end tells more than its beginning.
fn brief(path: &str) -> String {
    match path.char_indices().rev().nth(SHOWN) {
        Some((at, _)) => format!("…{}", path.get(at..).unwrap_or(path)),
        None => path.to_owned(),
    }
}

/// How many entries differ between two checkpoints.
pub async fn changed_between(store: Option<Store>, from: CheckpointId, to: CheckpointId) -> u64 {
    let Some(store) = store else { return 0 };
    let count = tokio::task::spawn_blocking(move || store.diff(from, to).map(|found| found.len() as u64));
    count.await.ok().and_then(Result::ok).unwrap_or(0)
}
