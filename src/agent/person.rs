//! What a running turn has of the person: the rights given to it, the words that join it, and the
//! answers that it waits for.
//!
//! The engine holds the other ends. Nothing here decides; the policy does, and the person.

use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::op::StepMark;
use crate::domain::{ApprovalRequest, Decision, Mode, PlanDecision, PlannedStep, Planning, Question, Review, StepId};
use crate::tools::policy::{Confinement, Grants, Trust};

/// What a session may do unasked. Changes while a turn runs hold from its next call on.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    pub mode: Mode,
    pub planning: Planning,
    /// When the person looks at what is changed.
    pub review: Review,
    /// Standing permissions of the session and of its project.
    pub grants: Grants,
    /// Whether the project's folder is trusted.
    pub trust: Trust,
    /// How well commands are confined on this machine.
    pub confinement: Confinement,
}

/// Something that the person says to a running turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// More words, for the next request.
    Steer(String),
    /// A step to leave out, or to do again.
    Step(StepId, StepMark),
}

/// Something that a turn wants from the person, with the line on which the answer comes.
#[derive(Debug)]
pub enum Asking {
    Approval { request: ApprovalRequest, answer: oneshot::Sender<Decision> },
    Question { question: Question, answer: oneshot::Sender<String> },
    Plan { steps: Vec<PlannedStep>, answer: oneshot::Sender<PlanDecision> },
}

/// The turn's ends.
#[derive(Debug)]
pub struct Person {
    pub rights: watch::Receiver<Rights>,
    pub words: mpsc::UnboundedReceiver<Word>,
}

/// The engine's ends.
#[derive(Debug)]
pub struct PersonLine {
    pub rights: watch::Sender<Rights>,
    pub words: mpsc::UnboundedSender<Word>,
}

/// Both sides of a turn's line to the person.
pub fn line(rights: Rights) -> (PersonLine, Person) {
    let (rights, rights_end) = watch::channel(rights);
    let (words, words_end) = mpsc::unbounded_channel();
    (PersonLine { rights, words }, Person { rights: rights_end, words: words_end })
}
