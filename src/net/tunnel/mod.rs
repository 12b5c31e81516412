//! The way of a confined command to the hosts that it was granted, and to nothing else.
//!
//! An HTTP proxy on a listener that somebody else made: the sandbox, in the command's own network, where nothing
//! else leads out. It serves `CONNECT` and plain `http` requests for the granted places, looks names up itself, and
//! enters every connection and every refusal in the list of connections. It looks into nothing that it carries:
//! what a granted host is told is between it and the command.

mod destination;
mod dial;
mod request;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use super::client::Client;
use super::error::NetError;
use crate::domain::Purpose;
pub use destination::Destination;

/// Refusals of one command that are kept and entered, each place once.
const MOST_REFUSALS: usize = 200;

/// A way to granted hosts. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Tunnel {
    task: AbortHandle,
    refusals: Arc<Refusals>,
}

/// A place that a command tried to reach and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `host:port`.
    pub place: String,
    /// What would have to be granted, as [`Destination::parse`] takes it.
    pub destination: String,
    pub why: Barred,
}

/// Why a command does not reach a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It is none of those granted.
    NotGranted,
    /// It was granted, and something else stands against it, in words.
    Otherwise(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Barred::NotGranted => write!(f, "the command tried to reach `{}`, which was not granted", self.place),
            Barred::Otherwise(why) => write!(f, "the command did not reach `{}`: {why}", self.place),
        }
    }
}

impl Tunnel {
    /// Serves a listener until it is dropped; to be called within the runtime. An empty list grants nothing.
    pub fn open(net: &Client, listener: TcpListener, granted: Vec<Destination>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let refusals = Arc::<Refusals>::default();
        let gate = Arc::new(serve::Gate { net: net.clone(), granted, refusals: Arc::clone(&refusals) });
        let task = tokio::spawn(serve::serve(listener, gate)).abort_handle();
        Ok(Self { task, refusals })
    }

    /// What was refused until now, one entry a place.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.list()
    }
}

impl Client {
    /// Whether a host can be granted at all, whatever the person says: it has to be within reach. A refusal is
    /// entered in the list of connections.
    pub fn may_grant(&self, destination: &Destination) -> Result<(), NetError> {
        let Some(place) = destination.place() else {
            return Err(NetError::invalid(format!("`{destination}` is no host")));
        };
        self.settings().reach.check(&place.url).inspect_err(|_| {
            self.egress().refused(Purpose::Command, place.host(), place.port);
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why places were refused, by place.
#[derive(Debug, Default)]
struct Refusals(Mutex<BTreeMap<String, Refusal>>);

impl Refusals {
    /// Keeps one; whether it is new and there is room for it.
    fn keep(&self, refusal: &Refusal) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains_key(&refusal.place) || kept.len() >= MOST_REFUSALS {
            return false;
        }
        kept.insert(refusal.place.clone(), refusal.clone());
        true
    }

    fn list(&self) -> Vec<Refusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values().cloned().collect()
    }
}
