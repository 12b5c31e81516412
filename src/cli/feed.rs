//! What comes from the engine: its events in order, and the sentences for what should not come.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::exit::Failure;
use crate::domain::{Event, Fault, FaultClass};
use crate::engine::Engine;

/// Events, read off the engine's channel by a task of its own, so that a slow reader of standard
/// output never makes us miss facts.
#[derive(Debug)]
pub(super) struct Feed {
    receiver: mpsc::UnboundedReceiver<Arc<Event>>,
}

impl Feed {
    pub(super) fn start(engine: &Engine) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut events = engine.subscribe();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self { receiver }
    }

    pub(super) async fn next(&mut self) -> Option<Arc<Event>> {
        self.receiver.recv().await
    }
}

/// There are no more events.
pub(super) fn ended() -> Fault {
    Fault::new(FaultClass::Internal, "the engine has ended").hint("run the command again; the session is stored")
}

/// A reply of another kind than the question's.
pub(super) fn unexpected() -> Failure {
    Fault::new(FaultClass::Internal, "the engine answered something else than it was asked")
        .hint("this is a defect in Kiln; please report it")
        .into()
}
