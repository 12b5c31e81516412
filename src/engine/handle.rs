//! The handle that every front end holds: cheap to clone, nothing behind it but channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::domain::{Envelope, Event, Fault, FaultClass, Op, Reply, RequestId};

/// Events a client may fall behind before it has to ask for a snapshot.
const EVENT_BACKLOG: usize = 4096;
/// Wishes that may wait for the engine.
const OP_BACKLOG: usize = 256;

/// A wish on its way to the actor.
#[derive(Debug)]
pub struct Submission {
    pub envelope: Envelope,
    /// Where the reply goes; without one it is broadcast as an event.
    pub answer: Option<oneshot::Sender<Reply>>,
}

/// The engine as its clients see it.
#[derive(Clone, Debug)]
pub struct Engine {
    ops: mpsc::Sender<Submission>,
    events: broadcast::Sender<Arc<Event>>,
    requests: Arc<AtomicU64>,
}

/// The actor's ends of the handle's channels.
#[derive(Debug)]
pub struct Ends {
    pub ops: mpsc::Receiver<Submission>,
    pub events: broadcast::Sender<Arc<Event>>,
}

impl Engine {
    /// A handle and the ends that the actor (or a test in its place) works with.
    pub fn channel() -> (Self, Ends) {
        let (ops, ops_end) = mpsc::channel(OP_BACKLOG);
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let engine = Self { ops, events: events.clone(), requests: Arc::new(AtomicU64::new(0)) };
        (engine, Ends { ops: ops_end, events })
    }

    /// Sends a wish; its reply arrives as [`Event::Reply`] with the number returned here.
    ///
    /// Fails only when the engine has ended or is hopelessly behind.
    pub fn submit(&self, op: Op) -> Result<RequestId, Fault> {
        let request = self.number();
        let submission = Submission { envelope: Envelope { request, op }, answer: None };
        self.ops.try_send(submission).map_err(|_| gone())?;
        Ok(request)
    }

    /// Sends a wish and waits for its reply; a [`Reply::Failed`] comes back as the error.
    pub async fn ask(&self, op: Op) -> Result<Reply, Fault> {
        let (answer, reply) = oneshot::channel();
        let submission = Submission { envelope: Envelope { request: self.number(), op }, answer: Some(answer) };
        self.ops.send(submission).await.map_err(|_| gone())?;
        match reply.await {
            Ok(Reply::Failed { fault }) => Err(fault),
            Ok(reply) => Ok(reply),
            Err(_) => Err(gone()),
        }
    }

    /// All events from now on.
    pub fn subscribe(&self) -> Events {
        Events { receiver: self.events.subscribe() }
    }

    fn number(&self) -> RequestId {
        RequestId(self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn gone() -> Fault {
    Fault::new(FaultClass::Internal, "the engine has ended").hint("start Kiln again; the session is stored")
}

/// A client's view of the event stream.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl Events {
    /// The next event; [`Event::Lagged`] when this client was too slow, `None` when the engine ended.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Arc::new(Event::Lagged)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if one is there already.
    pub fn try_next(&mut self) -> Option<Arc<Event>> {
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Arc::new(Event::Lagged)),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }
}
