//! The state of a session: a fold of its facts, and the fold of its glimpses beside it.
//!
//! The engine and every front end use these same folds, so a stored session, a live one and the
//! output of `kiln exec --json` mean the same.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::FileChange;
use super::checkpoint::{Moment, RestoreWay, RewindScope, TurnCheckpoints};
use super::content::{Content, Display, Picture};
use super::event::{Fact, FactBody, Glimpse, Phase, QueueHold};
use super::fault::Fault;
use super::id::{CallId, CheckpointId, Seq, SessionId, TurnId};
use super::memory::{Compaction, Dropped};
use super::model::{ModelInfo, ModelRef};
use super::path::ProjectPath;
use super::permission::{ApprovalRequest, Decision, Mode, Question};
use super::plan::{PlanDecision, PlannedStep, Planning, Step, StepState};
use super::project::Project;
use super::review::{self, Author, Reviewed};
use super::usage::{Cost, Usage};
use super::verification::{CheckResult, CheckRun, Coverage};

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

    /// Folds one fact in. A fact that is folded already changes nothing.
    ///
    /// Returns `false` when facts before this one are missing: the caller needs a snapshot.
    #[must_use]
    pub fn apply(&mut self, fact: &Fact) -> bool {
        if fact.seq <= self.seq {
            return true;
        }
        if fact.seq != self.seq.next() {
            return false;
        }
        self.seq = fact.seq;
        self.session = Some(fact.session);
        self.fold(fact);
        true
    }

    #[expect(clippy::too_many_lines, reason = "a table: what each fact changes")]
    fn fold(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::SessionStarted { project, .. } => self.project = Some(project.clone()),
            FactBody::TitleChanged { title } => self.title = Some(title.clone()),
            FactBody::ModelSelected { model } => self.model = Some(model.clone()),
            FactBody::MessageQueued { .. }
            | FactBody::QueuedTaken { .. }
            | FactBody::QueuedEdited { .. }
            | FactBody::QueuedMoved { .. }
            | FactBody::QueueHeld { .. }
            | FactBody::Steered { .. } => self.fold_queue(fact),
            FactBody::ModeSelected { mode } => self.mode = Some(*mode),
            FactBody::PlanningSelected { planning } => self.planning = Some(*planning),
            FactBody::ApprovalAsked { .. }
            | FactBody::ApprovalDecided { .. }
            | FactBody::QuestionAsked { .. }
            | FactBody::QuestionAnswered { .. }
            | FactBody::PlanProposed { .. }
            | FactBody::PlanDecided { .. } => self.fold_asking(fact),
            FactBody::Checked { run } => {
                match (&run.result, run.coverage) {
                    (CheckResult::Passed, Coverage::Whole) => self.unverified.clear(),
                    (CheckResult::Passed, Coverage::Part) => self.unverified.retain(|path| !run.files.contains(path)),
                    _ => {}
                }
                self.push(fact, ItemKind::Check { run: run.clone() });
            }
            FactBody::Attached { .. }
            | FactBody::Pinned { .. }
            | FactBody::Unpinned { .. }
            | FactBody::Compacted { .. }
            | FactBody::CompactionUndone { .. } => self.fold_memory(fact),
            FactBody::TurnStarted { turn, text, .. } => {
                // What the person came for stays in the model's mind.
                if self.turn == TurnId::default() {
                    self.pins.insert(fact.seq);
                }
                self.turn = *turn;
                self.redo.clear();
                self.running_since = Some(fact.at);
                self.plan.clear();
                self.reviews_told = self.reviewed.len();
                self.push(fact, ItemKind::User { turn: *turn, text: text.clone() });
            }
            FactBody::PlanSet { steps, .. } => self.set_plan(steps),
            FactBody::StepChanged { step, state } => {
                if let Some(step) = self.plan.iter_mut().find(|s| s.id == *step) {
                    step.state = *state;
                    match state {
                        StepState::Pending => {}
                        StepState::Running => step.started = Some(fact.at),
                        StepState::Done | StepState::Failed | StepState::Skipped => step.ended = Some(fact.at),
                    }
                }
            }
            FactBody::Reasoned { turn, text, opaque } => {
                self.push(fact, ItemKind::Reasoning { turn: *turn, text: text.clone(), opaque: opaque.clone() });
            }
            FactBody::Answered { turn, text, whole } => {
                self.push(fact, ItemKind::Answer { turn: *turn, text: text.clone(), whole: *whole });
            }
            FactBody::ToolCalled { turn, call, name, arguments } => self.push(
                fact,
                ItemKind::Call {
                    turn: *turn,
                    call: call.clone(),
                    name: name.clone(),
                    arguments: arguments.clone(),
                    answer: None,
                },
            ),
            FactBody::ToolAnswered { call, failed, content, display, .. } => {
                let (failed, display) = (*failed, *display);
                let answer = CallAnswer { seq: fact.seq, failed, content: content.clone(), display };
                self.answer_call(call, answer);
            }
            FactBody::FileChanged { change } => {
                self.changes.insert(change.path.clone(), change.clone());
                self.unverified.insert(change.path.clone());
                self.push(fact, ItemKind::Change { change: change.clone() });
            }
            FactBody::HunkReviewed { reviewed } => self.fold_review(reviewed),
            FactBody::ReviewFinished { turn } => self.review_finished = Some(*turn),
            FactBody::UsageRecorded { usage, cost, .. } => {
                self.usage += *usage;
                self.cost = self.cost.plus(*cost);
                self.context_tokens = usage.total();
                if let Some(step) = self.plan.iter_mut().find(|step| step.state == StepState::Running) {
                    step.usage += *usage;
                    step.cost = step.cost.plus(*cost);
                }
            }
            FactBody::Noticed { text } => self.push(fact, ItemKind::Notice { text: text.clone() }),
            FactBody::TurnEnded { turn, outcome } => {
                self.running_since = None;
                self.approvals.clear();
                self.questions.clear();
                self.proposed = None;
                self.end_steps(outcome, fact.at);
                self.push(fact, ItemKind::Ended { turn: *turn, outcome: outcome.clone() });
            }
            FactBody::CheckpointTaken { .. }
            | FactBody::Undone { .. }
            | FactBody::Redone { .. }
            | FactBody::Rewound { .. } => self.fold_way_back(fact),
            FactBody::Exported { target, path, files, bytes } => self.push(
                fact,
                ItemKind::Exported { target: target.clone(), path: path.clone(), files: *files, bytes: *bytes },
            ),
        }
    }

    /// Messages that wait, and those that joined the running turn.
    fn fold_queue(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::MessageQueued { text } => self.queue.push(text.clone()),
            FactBody::QueuedTaken { index } if *index < self.queue.len() => {
                self.queue.remove(*index);
            }
            FactBody::QueuedEdited { index, text } => {
                if let Some(queued) = self.queue.get_mut(*index) {
                    queued.clone_from(text);
                }
            }
            FactBody::QueuedMoved { from, to } if *from < self.queue.len() && *to < self.queue.len() => {
                let moved = self.queue.remove(*from);
                self.queue.insert(*to, moved);
            }
            FactBody::QueueHeld { held } => self.queue_hold = *held,
            FactBody::Steered { turn, text } => {
                if let Some(at) = self.queue.iter().position(|queued| queued == text) {
                    self.queue.remove(at);
                }
                self.push(fact, ItemKind::Steered { turn: *turn, text: text.clone() });
            }
            _ => {}
        }
    }

    /// What waits for the person, and what the person said.
    fn fold_asking(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::ApprovalAsked { request } => self.approvals.push(request.clone()),
            FactBody::ApprovalDecided { turn, call, decision } => {
                let Some(at) = self.approvals.iter().position(|request| request.call == *call) else { return };
                let title = self.approvals.remove(at).title;
                let decision = decision.clone();
                self.push(fact, ItemKind::Decided { turn: *turn, call: call.clone(), title, decision });
            }
            FactBody::QuestionAsked { question } => self.questions.push(question.clone()),
            FactBody::QuestionAnswered { turn, call, answer } => {
                let Some(at) = self.questions.iter().position(|question| question.call == *call) else { return };
                let question = self.questions.remove(at).text;
                self.push(fact, ItemKind::Asked { turn: *turn, question, answer: answer.clone() });
            }
            FactBody::PlanProposed { steps, .. } => self.proposed = Some(steps.clone()),
            FactBody::PlanDecided { turn, decision } => {
                self.proposed = None;
                self.push(fact, ItemKind::PlanDecided { turn: *turn, decision: decision.clone() });
            }
            _ => {}
        }
    }

    /// A hunk's newest word takes the place of the one before; the model hears it once, as it is at last.
    fn fold_review(&mut self, new: &Reviewed) {
        let about = |known: &Reviewed| known.is_about(new.turn, &new.path, new.hunk);
        if let Some(at) = self.reviewed.iter().position(about) {
            self.reviewed.remove(at);
            if at < self.reviews_told {
                self.reviews_told -= 1;
            }
        }
        self.reviewed.push(new.clone());
    }

    /// What the model has still to hear of the review, in words.
    pub fn review_message(&self) -> Option<String> {
        let open = self.reviewed.iter().skip(self.reviews_told);
        review::message(open.filter(|one| !self.undone.contains(&one.turn)))
    }

    /// Files that the newest turn with changes left for a review, unless that is over.
    pub fn to_review(&self) -> Option<(TurnId, usize)> {
        let turn = self.undoable_turn().filter(|turn| self.review_finished.is_none_or(|done| done < *turn))?;
        let changes = self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Change { change } if change.turn == turn && change.author == Author::Model => Some(&change.path),
            _ => None,
        });
        let paths: BTreeSet<&ProjectPath> = changes.collect();
        (!paths.is_empty()).then_some((turn, paths.len()))
    }

    /// Checkpoints, and the ways back to them.
    fn fold_way_back(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::CheckpointTaken { turn, checkpoint, moment, changed, .. } => {
                let of_turn = self.checkpoints.entry(*turn).or_default();
                match moment {
                    Moment::BeforeTurn => of_turn.before = of_turn.before.or(Some(*checkpoint)),
                    Moment::AfterTurn => {
                        of_turn.after = Some(*checkpoint);
                        of_turn.changed = *changed;
                    }
                    Moment::BeforeCall | Moment::BeforeRestore | Moment::AfterRestore => {}
                }
            }
            FactBody::Undone { turn, paths, more, way } => {
                self.undone.push(*turn);
                self.redo.push(Redo { way: *way, turns: vec![*turn], hidden: None });
                self.rebuild_changes();
                self.push(fact, ItemKind::Undone { turn: *turn, paths: paths.clone(), more: *more });
            }
            FactBody::Redone { paths, more } => {
                if let Some(redo) = self.redo.pop() {
                    self.undone.retain(|turn| !redo.turns.contains(turn));
                    self.hidden.retain(|stretch| Some(*stretch) != redo.hidden);
                }
                self.rebuild_changes();
                self.push(fact, ItemKind::Redone { paths: paths.clone(), more: *more });
            }
            FactBody::Rewound { checkpoint, scope, files_at, hides_from, paths, more, way } => {
                let turns = files_at.map_or_else(Vec::new, |stands| self.turns_after(stands));
                self.undone.extend(&turns);
                let hidden = hides_from.map(|from| (from, fact.seq));
                self.hidden.extend(hidden);
                self.redo.push(Redo { way: *way, turns, hidden });
                self.rebuild_changes();
                let (checkpoint, scope, paths, more) = (*checkpoint, *scope, paths.clone(), *more);
                self.push(fact, ItemKind::Rewound { checkpoint, scope, paths, more });
            }
            _ => {}
        }
    }

    /// What the model keeps in mind.
    fn fold_memory(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::Attached { turn, name, text, picture } => {
                let (name, text, picture) = (name.clone(), text.clone(), picture.clone());
                self.push(fact, ItemKind::Attached { turn: *turn, name, text, picture });
            }
            FactBody::Pinned { item } => {
                self.pins.insert(*item);
            }
            FactBody::Unpinned { item } => {
                self.pins.remove(item);
            }
            FactBody::Compacted { up_to, summary, dropped, tokens, .. } => {
                self.context_tokens = *tokens;
                let (summary, dropped) = (summary.clone(), dropped.clone());
                self.push(fact, ItemKind::Compacted { summary: summary.clone(), dropped: dropped.clone() });
                let (seq, up_to, tokens) = (fact.seq, *up_to, *tokens);
                self.compactions.push(Compaction { seq, up_to, summary, dropped, tokens });
            }
            FactBody::CompactionUndone { compaction } => {
                self.compactions.retain(|one| one.seq != *compaction);
                // Not known before the next answer.
                self.context_tokens = 0;
                let text = "the summary was taken back: the model is told everything again".to_owned();
                self.push(fact, ItemKind::Notice { text });
            }
            _ => {}
        }
    }

    fn push(&mut self, fact: &Fact, kind: ItemKind) {
        self.items.push(Item { seq: fact.seq, at: fact.at, kind });
    }

    /// A new plan keeps the course of steps whose number and title it repeats.
    fn set_plan(&mut self, steps: &[PlannedStep]) {
        let old = std::mem::take(&mut self.plan);
        self.plan = steps
            .iter()
            .map(|planned| {
                old.iter()
                    .find(|s| s.id == planned.id && s.title == planned.title)
                    .cloned()
                    .unwrap_or_else(|| Step::pending(planned))
            })
            .collect();
    }

    fn answer_call(&mut self, call: &CallId, new: CallAnswer) {
        let open = self.items.iter_mut().rev().find_map(|item| match &mut item.kind {
            ItemKind::Call { call: id, answer, .. } if id == call && answer.is_none() => Some(answer),
            _ => None,
        });
        if let Some(answer) = open {
            *answer = Some(new);
        }
    }

    /// Steps that a failed or stopped turn left running did not succeed; those never begun stay as
    /// they are, so that the person sees what is missing.
    fn end_steps(&mut self, outcome: &TurnOutcome, at: Timestamp) {
        let state = match outcome {
            TurnOutcome::Completed => StepState::Done,
            TurnOutcome::Cancelled | TurnOutcome::Failed { .. } | TurnOutcome::Interrupted => StepState::Failed,
        };
        for step in self.plan.iter_mut().filter(|s| s.state == StepState::Running) {
            step.state = state;
            step.ended = Some(at);
        }
    }

    fn rebuild_changes(&mut self) {
        self.changes.clear();
        for item in &self.items {
            if let ItemKind::Change { change } = &item.kind
                && !self.undone.contains(&change.turn)
            {
                self.changes.insert(change.path.clone(), change.clone());
            }
        }
    }

    /// Turns after this one whose changes stand.
    fn turns_after(&self, turn: TurnId) -> Vec<TurnId> {
        (turn.0 + 1..=self.turn.0).map(TurnId).filter(|later| !self.undone.contains(later)).collect()
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
        let told = self.items.iter().rev().find_map(|item| match &item.kind {
            ItemKind::Change { change } if !self.undone.contains(&change.turn) => Some(change.turn),
            _ => None,
        });
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

/// What can be seen of the running turn beyond its facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    pub phase: Option<Phase>,
    /// Answer text that is not a fact yet.
    pub answer: String,
    /// Reasoning that is not a fact yet.
    pub reasoning: String,
    /// Files being written, with their text so far.
    pub files: BTreeMap<ProjectPath, String>,
    /// The file that was written to last.
    pub current_file: Option<ProjectPath>,
    /// The end of what running calls have printed, by call.
    pub output: BTreeMap<CallId, String>,
}

/// Characters of a running call's output that are kept to look at.
const LIVE_OUTPUT: usize = 8 * 1024;

impl Live {
    /// Folds a glimpse in.
    pub fn apply(&mut self, glimpse: &Glimpse) {
        match glimpse {
            Glimpse::Phase { phase } => self.phase = Some(phase.clone()),
            Glimpse::Text { text } => self.answer.push_str(text),
            Glimpse::Reasoning { text } => self.reasoning.push_str(text),
            Glimpse::FileOpened { path } => {
                self.files.insert(path.clone(), String::new());
                self.current_file = Some(path.clone());
            }
            Glimpse::FileText { path, text } => {
                self.files.entry(path.clone()).or_default().push_str(text);
                self.current_file = Some(path.clone());
            }
            Glimpse::Output { call, text } => {
                let shown = self.output.entry(call.clone()).or_default();
                shown.push_str(text);
                if shown.len() > LIVE_OUTPUT * 2 {
                    let from = shown.ceil_char_boundary(shown.len() - LIVE_OUTPUT);
                    shown.drain(..from);
                }
            }
            Glimpse::FileDropped { path } => self.drop_file(path),
        }
    }

    /// A fact takes the place of the glimpses that announced it.
    fn settle(&mut self, body: &FactBody) {
        match body {
            FactBody::TurnStarted { .. } | FactBody::TurnEnded { .. } => *self = Self::default(),
            FactBody::Answered { .. } => self.answer.clear(),
            FactBody::Reasoned { .. } => self.reasoning.clear(),
            FactBody::FileChanged { change } => self.drop_file(&change.path),
            FactBody::ToolAnswered { call, .. } => {
                self.output.remove(call);
            }
            _ => {}
        }
    }

    fn drop_file(&mut self, path: &ProjectPath) {
        self.files.remove(path);
        if self.current_file.as_ref() == Some(path) {
            self.current_file = None;
        }
    }
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
