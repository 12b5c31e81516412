//! How a running turn tells the engine what happens.
//!
//! Glimpses are gathered and sent together; a fact first sends what was gathered, so the order on
//! screen is the order in which things happened.

use tokio::sync::{mpsc, oneshot};

use super::person::Asking;
use crate::domain::{Blob, FactBody, Glimpse, Phase, SessionId, TurnId, TurnOutcome};

/// A message from a turn to the engine.
#[derive(Debug)]
pub enum Report {
    /// Things that happened; the sender hears when they are stored.
    Facts { session: SessionId, bodies: Vec<FactBody>, blobs: Vec<Blob>, stored: oneshot::Sender<()> },
    /// Passing sights.
    Glimpses { session: SessionId, glimpses: Vec<Glimpse> },
    /// Something that the turn wants from the person, who answers on the line in it.
    Asking { session: SessionId, asking: Asking },
    /// The turn is over; its last message.
    Ended { session: SessionId, turn: TurnId, outcome: TurnOutcome },
}

/// The turn's end of the line. When the engine is gone, reports fall silent and the turn's token
/// is cancelled soon after.
#[derive(Debug)]
pub struct Reporter {
    session: SessionId,
    sender: mpsc::Sender<Report>,
    gathered: Vec<Glimpse>,
    phase: Option<Phase>,
}

impl Reporter {
    /// A reporter for one turn of a session.
    pub fn new(session: SessionId, sender: mpsc::Sender<Report>) -> Self {
        Self { session, sender, gathered: Vec::new(), phase: None }
    }

    /// Gathers a glimpse; text that continues the glimpse before it is joined to it.
    pub fn glimpse(&mut self, glimpse: Glimpse) {
        match (self.gathered.last_mut(), glimpse) {
            (Some(Glimpse::Text { text }), Glimpse::Text { text: more })
            | (Some(Glimpse::Reasoning { text }), Glimpse::Reasoning { text: more }) => text.push_str(&more),
            (Some(Glimpse::FileText { path, text }), Glimpse::FileText { path: same, text: more }) if *path == same => {
                text.push_str(&more);
            }
            (_, glimpse) => self.gathered.push(glimpse),
        }
    }

    /// Gathers a change of phase, if it is one.
    pub fn phase(&mut self, phase: Phase) {
        if self.phase.as_ref() != Some(&phase) {
            self.phase = Some(phase.clone());
            self.glimpse(Glimpse::Phase { phase });
        }
    }

    /// Sends what was gathered.
    pub async fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let glimpses = std::mem::take(&mut self.gathered);
            self.sender.send(Report::Glimpses { session: self.session, glimpses }).await.ok();
        }
    }

    /// Publishes facts and waits until they are stored.
    pub async fn facts(&mut self, bodies: Vec<FactBody>, blobs: Vec<Blob>) {
        self.flush().await;
        if bodies.is_empty() {
            return;
        }
        let (stored, done) = oneshot::channel();
        let report = Report::Facts { session: self.session, bodies, blobs, stored };
        if self.sender.send(report).await.is_ok() {
            done.await.ok();
        }
    }

    /// Publishes one fact and waits until it is stored.
    pub async fn fact(&mut self, body: FactBody) {
        self.facts(vec![body], Vec::new()).await;
    }

    /// Hands a wish to the engine, which shows it to the person.
    pub async fn ask(&mut self, asking: Asking) {
        self.flush().await;
        self.sender.send(Report::Asking { session: self.session, asking }).await.ok();
    }

    /// The last message.
    pub async fn ended(mut self, turn: TurnId, outcome: TurnOutcome) {
        self.flush().await;
        self.sender.send(Report::Ended { session: self.session, turn, outcome }).await.ok();
    }
}
