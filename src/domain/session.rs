//! The state of a session: a fold of its facts, and the fold of its glimpses beside it.
//!
//! The engine and every front end use these same folds, so a stored session, a live one and the
//! output of `kiln exec --json` mean the same. The words of the transcript and what can be asked of a
//! state are here, the folding itself is in `fold` and `live`.

mod fold;
mod live;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::{Author, FileChange};
use super::checkpoint::{RestoreWay, RewindScope, TurnCheckpoints};
use super::content::{Content, Display, Picture};
use super::event::{Fact, QueueHold};
use super::fault::Fault;
use super::id::{CallId, CheckpointId, Seq, SessionId, TurnId};
use super::memory::{Compaction, Dropped};
use super::model::{ModelInfo, ModelRef};
use super::path::ProjectPath;
use super::permission::{ApprovalRequest, Decision, Mode, Question};
use super::plan::{PlanDecision, PlannedStep, Planning, Step};
use super::project::Project;
use super::review::{self, Reviewed};
use super::usage::{Cost, Usage};
use super::verification::CheckRun;

pub use live::Live;

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The model finished.
    Completed,
    /// The person stopped it.
    Cancelled,
    /// It could not go on.
    Failed { fault: Fault },
    /// Kiln ended while the turn ran; found at the next start.
    Interrupted,
}

/// A line of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The fact that made it; unique within the session.
    pub seq: Seq,
    pub at: Timestamp,
    #[serde(flatten)]
    pub kind: ItemKind,
}

/// What the transcript shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum ItemKind {
    User {
        turn: TurnId,
        text: String,
    },
    /// Words of the person that joined a running turn.
    Steered {
        turn: TurnId,
        text: String,
    },
    Reasoning {
        turn: TurnId,
        text: String,
        opaque: Option<serde_json::Value>,
    },
    Answer {
        turn: TurnId,
        text: String,
        whole: bool,
    },
    Call {
        turn: TurnId,
        call: CallId,
        name: String,
        arguments: serde_json::Value,
        answer: Option<CallAnswer>,
    },
    Change {
        change: FileChange,
    },
    /// A call that the person decided about.
    Decided {
        turn: TurnId,
        call: CallId,
        title: String,
        decision: Decision,
    },
    /// A question of the model with the person's answer.
    Asked {
        turn: TurnId,
        question: String,
        answer: String,
    },
    /// A plan that the person approved or sent back.
    PlanDecided {
        turn: TurnId,
        decision: PlanDecision,
    },
    Check {
        run: CheckRun,
    },
    /// Something that the model was given beside the person's words.
    Attached {
        turn: TurnId,
        name: String,
        text: String,
        picture: Option<Picture>,
    },
    /// The oldest part is told as a summary from here on.
    Compacted {
        summary: String,
        dropped: Vec<Dropped>,
    },
    Notice {
        text: String,
    },
    Ended {
        turn: TurnId,
        outcome: TurnOutcome,
    },
    /// `more` counts folders and names that are no [`ProjectPath`].
    Undone {
        turn: TurnId,
        paths: Vec<ProjectPath>,
        more: u64,
    },
    Redone {
        paths: Vec<ProjectPath>,
        more: u64,
    },
    Rewound {
        checkpoint: CheckpointId,
        scope: RewindScope,
        paths: Vec<ProjectPath>,
        more: u64,
    },
    Exported {
        target: String,
        path: String,
        files: usize,
        bytes: u64,
    },
}

/// What a tool said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallAnswer {
    /// The fact that brought it: what the model said after this number, it said knowing the answer.
    pub seq: Seq,
    pub failed: bool,
    pub content: Vec<Content>,
    #[serde(default)]
    pub display: Display,
}

/// A session's facts, folded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionState {
    /// The session; `None` before the first fact.
    pub session: Option<SessionId>,
    /// The newest fact that is folded in.
    pub seq: Seq,
    pub project: Option<Project>,
    pub title: Option<String>,
    pub model: Option<ModelInfo>,
    /// The newest turn.
    pub turn: TurnId,
    /// When the running turn began; `None` while the session waits for the person.
    pub running_since: Option<Timestamp>,
    pub items: Vec<Item>,
    pub plan: Vec<Step>,
    /// The newest change of each file that the session touched and that stands.
    pub changes: BTreeMap<ProjectPath, FileChange>,
    /// Messages that wait for the running turn to end.
    pub queue: Vec<String>,
    pub usage: Usage,
    pub cost: Cost,
    /// Prompt and answer of the newest request: what the window now holds.
    pub context_tokens: u64,
    /// Turns whose changes were taken back.
    pub undone: Vec<TurnId>,
    #[serde(default)]
    pub queue_hold: QueueHold,
    /// What the session does unasked; `None` leaves it to the settings.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Whether turns begin with a plan; `None` leaves it to the settings.
    #[serde(default)]
    pub planning: Option<Planning>,
    /// Calls that wait for the person, oldest first.
    #[serde(default)]
    pub approvals: Vec<ApprovalRequest>,
    /// Questions that wait for the person, oldest first.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// A plan that waits for approval.
    #[serde(default)]
    pub proposed: Option<Vec<PlannedStep>>,
    /// Files changed since a check last passed over them.
    #[serde(default)]
    pub unverified: BTreeSet<ProjectPath>,
    /// What the person said about hunks, newest word for each.
    #[serde(default)]
    pub reviewed: Vec<Reviewed>,
    /// How many of these the model has heard.
    #[serde(default)]
    pub reviews_told: usize,
    /// The newest turn whose review is over.
    #[serde(default)]
    pub review_finished: Option<TurnId>,
    /// Where the files of each turn are kept.
    #[serde(default)]
    pub checkpoints: BTreeMap<TurnId, TurnCheckpoints>,
    /// Stretches of the transcript, first and last item, that are no part of the conversation any more.
    #[serde(default)]
    pub hidden: Vec<(Seq, Seq)>,
    /// What can be done again, newest last; the next turn forgets it.
    #[serde(default)]
    pub redo: Vec<Redo>,
    /// Items that survive compaction word for word.
    #[serde(default)]
    pub pins: BTreeSet<Seq>,
    /// Compactions that stand, oldest first; the last one is in force.
    #[serde(default)]
    pub compactions: Vec<Compaction>,
}

/// An undo or rewind that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redo {
    /// `None` when no files went back, or not by checkpoints.
    pub way: Option<RestoreWay>,
    /// Turns that it undid.
    pub turns: Vec<TurnId>,
    /// Items that it hid.
    pub hidden: Option<(Seq, Seq)>,
}

impl SessionState {
    /// The state before any fact.
    pub fn empty() -> Self {
        Self { cost: Cost::ZERO, ..Self::default() }
    }

    /// Whether a turn runs.
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// What the model has still to hear of the review, in words.
    pub fn review_message(&self) -> Option<String> {
        let open = self.reviewed.iter().skip(self.reviews_told);
        review::message(open.filter(|one| !self.undone.contains(&one.turn)))
    }

    /// Files that the newest turn with changes left for a review, unless that is over.
    pub fn to_review(&self) -> Option<(TurnId, usize)> {
        let turn = self.undoable_turn().filter(|turn| self.review_finished.is_none_or(|done| done < *turn))?;
        // Asked for with every frame: a long conversation is not gone through.
        let before = |item: &&Item| matches!(&item.kind, ItemKind::User { turn: other, .. } if *other < turn);
        let items = self.items.iter().rev().take_while(|item| !before(item));
        let changes = items.filter_map(|item| match &item.kind {
            ItemKind::Change { change } if change.turn == turn && change.author == Author::Model => Some(&change.path),
            _ => None,
        });
        let paths: BTreeSet<&ProjectPath> = changes.collect();
        (!paths.is_empty()).then_some((turn, paths.len()))
    }

    /// Whether an item is no part of the conversation any more.
    pub fn is_hidden(&self, seq: Seq) -> bool {
        self.hidden.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// The state as the model is told it: without what was taken back.
    #[must_use]
    pub fn without_hidden(mut self) -> Self {
        let items = std::mem::take(&mut self.items);
        self.items = items.into_iter().filter(|item| !self.is_hidden(item.seq)).collect();
        let compactions = std::mem::take(&mut self.compactions);
        self.compactions = compactions.into_iter().filter(|one| !self.is_hidden(one.seq)).collect();
        self
    }

    /// The changes of one turn, oldest first.
    pub fn changes_of(&self, turn: TurnId) -> Vec<FileChange> {
        self.items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Change { change } if change.turn == turn => Some(change.clone()),
                _ => None,
            })
            .collect()
    }

    /// The newest turn that changed files and was not undone.
    pub fn undoable_turn(&self) -> Option<TurnId> {
        let told = self.changes.values().map(|change| change.turn).max();
        // Programs change files without telling.
        let seen = self.checkpoints.iter().rev().find(|(turn, of)| of.changed > 0 && !self.undone.contains(turn));
        told.max(seen.map(|(turn, _)| *turn))
    }

    /// The title, or the first words of the first message, or "new session".
    pub fn display_title(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let first = self.items.iter().find_map(|item| match &item.kind {
            ItemKind::User { text, .. } => Some(text.as_str()),
            _ => None,
        });
        first.map_or_else(|| "new session".to_owned(), title_from)
    }
}

/// The first line of a message, shortened for a list.
pub fn title_from(text: &str) -> String {
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
    let mut title: String = line.chars().take(60).collect();
    if line.chars().count() > 60 {
        title.push('…');
    }
    title
}

/// Facts and glimpses of one session, folded side by side: all that a front end needs to draw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    pub state: SessionState,
    #[serde(default)]
    pub live: Live,
}

impl SessionView {
    /// The view before any fact.
    pub fn empty() -> Self {
        Self { state: SessionState::empty(), live: Live::default() }
    }

    /// Folds a fact into both sides; `false` when facts before it are missing.
    #[must_use]
    pub fn apply(&mut self, fact: &Fact) -> bool {
        let known = fact.seq <= self.state.seq;
        let complete = self.state.apply(fact);
        if complete && !known {
            self.live.settle(&fact.body);
        }
        complete
    }
}

/// A stored session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    pub session: SessionId,
    pub title: String,
    pub project: Project,
    pub model: Option<ModelRef>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Number of its facts.
    pub facts: u64,
}
