//! Folding facts into the state of a session: what each fact changes, and nothing else.

use jiff::Timestamp;

use super::{CallAnswer, Item, ItemKind, Redo, SessionState, TurnOutcome};
use crate::domain::checkpoint::Moment;
use crate::domain::event::{Fact, FactBody};
use crate::domain::id::{CallId, TurnId};
use crate::domain::memory::Compaction;
use crate::domain::plan::{PlannedStep, Step, StepState};
use crate::domain::review::Reviewed;
use crate::domain::verification::{CheckResult, Coverage};

impl SessionState {
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
                self.unverified.extend(paths.iter().cloned());
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
        // What was taken back as a whole is no edit that a check could cover.
        let changes = &self.changes;
        self.unverified.retain(|path| changes.contains_key(path));
    }

    /// Turns after this one whose changes stand.
    fn turns_after(&self, turn: TurnId) -> Vec<TurnId> {
        (turn.0 + 1..=self.turn.0).map(TurnId).filter(|later| !self.undone.contains(later)).collect()
    }
}
