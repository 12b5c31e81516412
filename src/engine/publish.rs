//! The only place where a fact comes to be known: stored first, then told.
//!
//! One ordered line carries facts, glimpses, snapshots and replies, so every client sees them in
//! the order in which they happened. Facts that cannot be stored are held and tried again, and the
//! clients are told that they are not stored yet; nothing is thrown away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::domain::{Blob, Event, Fact, Reply, RequestId, Saving};
use crate::storage::Storage;

/// Messages on the line at most.
const BACKLOG: usize = 1024;
/// Facts that go into one transaction at most.
const BATCH: usize = 256;
/// Time between attempts to store what is held.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Something to tell.
pub(super) enum Publish {
    Facts { facts: Vec<Fact>, blobs: Vec<Blob>, stored: Option<oneshot::Sender<()>> },
    Event(Event),
    Reply { request: RequestId, reply: Reply, answer: Option<oneshot::Sender<Reply>> },
}

/// The line's end that the actor holds.
pub(super) type PublishLine = mpsc::Sender<Publish>;

/// Starts the publisher; it ends, with everything stored that can be, when the line is dropped.
pub(super) fn start(
    storage: Storage,
    saving: Saving,
    events: broadcast::Sender<Arc<Event>>,
) -> (PublishLine, tokio::task::JoinHandle<()>) {
    let (line, receiver) = mpsc::channel(BACKLOG);
    let publisher = Publisher { storage, events, saving, held_facts: Vec::new(), held_blobs: Vec::new() };
    (line, tokio::spawn(publisher.run(receiver)))
}

struct Publisher {
    storage: Storage,
    events: broadcast::Sender<Arc<Event>>,
    saving: Saving,
    /// Facts that are told but not stored, oldest first.
    held_facts: Vec<Fact>,
    held_blobs: Vec<Blob>,
}

impl Publisher {
    async fn run(mut self, mut line: mpsc::Receiver<Publish>) {
        let mut batch = Vec::new();
        loop {
            let received = if self.held_facts.is_empty() {
                line.recv_many(&mut batch, BATCH).await
            } else {
                tokio::select! {
                    received = line.recv_many(&mut batch, BATCH) => received,
                    () = tokio::time::sleep(RETRY_EVERY) => {
                        self.store(Vec::new(), Vec::new()).await;
                        continue;
                    }
                }
            };
            if received == 0 {
                break;
            }
            self.publish(batch.drain(..)).await;
        }
        if !self.held_facts.is_empty() {
            self.store(Vec::new(), Vec::new()).await;
        }
    }

    /// Publishes in order; facts that stand next to each other share a transaction.
    async fn publish(&mut self, batch: impl Iterator<Item = Publish>) {
        let (mut facts, mut blobs, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for publish in batch {
            match publish {
                Publish::Facts { facts: more, blobs: with, stored } => {
                    facts.extend(more);
                    blobs.extend(with);
                    waiting.extend(stored);
                }
                Publish::Event(event) => {
                    self.facts(&mut facts, &mut blobs, &mut waiting).await;
                    self.tell(event);
                }
                Publish::Reply { request, reply, answer } => {
                    self.facts(&mut facts, &mut blobs, &mut waiting).await;
                    match answer {
                        // The asker may have gone; then nobody wants the answer.
                        Some(answer) => drop(answer.send(reply)),
                        None => self.tell(Event::Reply { request, reply }),
                    }
                }
            }
        }
        self.facts(&mut facts, &mut blobs, &mut waiting).await;
    }

    async fn facts(&mut self, facts: &mut Vec<Fact>, blobs: &mut Vec<Blob>, waiting: &mut Vec<oneshot::Sender<()>>) {
        if facts.is_empty() {
            return;
        }
        let facts = std::mem::take(facts);
        self.store(facts.clone(), std::mem::take(blobs)).await;
        for fact in facts {
            self.tell(Event::Fact(fact));
        }
        for stored in waiting.drain(..) {
            stored.send(()).ok();
        }
    }

    /// Stores what is held and what is new, or holds all of it.
    async fn store(&mut self, facts: Vec<Fact>, blobs: Vec<Blob>) {
        self.held_facts.extend(facts);
        self.held_blobs.extend(blobs);
        if self.held_facts.is_empty() {
            return;
        }
        match self.storage.append(&self.held_facts, &self.held_blobs).await {
            Ok(()) => {
                self.held_facts.clear();
                self.held_blobs.clear();
                if matches!(self.saving, Saving::Behind { .. }) {
                    self.set_saving(Saving::UpToDate);
                }
            }
            Err(error) => {
                let (pending, fault) = (self.held_facts.len(), error.to_fault());
                self.set_saving(Saving::Behind { pending, fault });
            }
        }
    }

    fn set_saving(&mut self, saving: Saving) {
        if self.saving != saving {
            self.saving = saving.clone();
            self.tell(Event::Saving { saving });
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no fault: the facts are stored.
        self.events.send(Arc::new(event)).ok();
    }
}
