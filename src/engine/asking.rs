//! What waits for the person, and what the person decides: approvals, questions, plans, modes,
//! standing permissions, and the queue.
//!
//! A turn asks through a report and waits on a line of its own; the answer is a fact before the turn
//! hears it. Whether a call has to ask is the policy's to say, not this file's.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::actor::Actor;
use crate::agent::{Asking, Rights, Word};
use crate::domain::op::StepMark;
use crate::domain::{
    CallId, Decision, FactBody, Fault, FaultClass, Grant, Job, Lifetime, Mode, PlanDecision, Planning, Project,
    QueueHold, Reply, Scope, SessionId, SessionState, StepId,
};
use crate::tools::policy::{Grants, Trust};

/// Answers that a running turn waits for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    approvals: HashMap<CallId, oneshot::Sender<Decision>>,
    questions: HashMap<CallId, oneshot::Sender<String>>,
    plan: Option<oneshot::Sender<PlanDecision>>,
}

impl Actor {
    /// What a session may do now: its own choice, else the settings', and every permission that stands.
    pub(super) fn rights(&self, session: SessionId, state: &SessionState) -> Rights {
        let defaults = &self.parts.defaults;
        let mode = if self.is_at_home(state) { defaults.mode } else { defaults.mode.min(Mode::Ask) };
        Rights {
            mode: state.mode.unwrap_or(mode),
            planning: state.planning.unwrap_or(defaults.planning),
            review: defaults.review,
            grants: self.sessions.get(&session).map(|live| live.grants.clone()).unwrap_or_default(),
            trust: self.trust(state),
            confinement: self.confinement,
        }
    }

    /// Whether the settings of this run were read for the session's folder. Those of another folder say nothing
    /// about it, and nor does the person's trust in that one.
    pub(super) fn is_at_home(&self, state: &SessionState) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match (&self.parts.place, &state.project) {
            (Some(place), Some(Project::Directory { root })) => place == root || real(place) == real(root),
            _ => true,
        }
    }

    /// How the session's folder stands.
    pub(super) fn trust(&self, state: &SessionState) -> Trust {
        if self.is_at_home(state) { self.parts.defaults.trust } else { Trust::Untrusted }
    }

    /// Reads the permissions that stand in the session's project.
    pub(super) async fn read_grants(&mut self, session: SessionId) {
        let Some(live) = self.sessions.get_mut(&session) else { return };
        let Some(project) = &live.view.state.project else { return };
        let (grants, fault) = Grants::load(&self.parts.grants, project.root());
        live.grants = grants;
        if let Some(fault) = fault {
            self.fact(session, FactBody::Noticed { text: fault.to_string() }).await;
        }
    }

    /// Tells a running turn what it may do now.
    fn rights_changed(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get(&session).map(|live| live.view.state.clone()) else { return };
        let rights = self.rights(session, &state);
        if let Some(running) = self.sessions.get_mut(&session).and_then(|live| live.running.as_mut()) {
            running.person.rights.send_replace(rights);
        }
    }

    /// A turn wants something of the person.
    pub(super) async fn asked(&mut self, session: SessionId, asking: Asking) {
        let Some(running) = self.sessions.get_mut(&session).and_then(|live| live.running.as_mut()) else { return };
        let turn = running.turn;
        let body = match asking {
            Asking::Approval { request, answer } => {
                running.waiting.approvals.insert(request.call.clone(), answer);
                FactBody::ApprovalAsked { request }
            }
            Asking::Question { question, answer } => {
                running.waiting.questions.insert(question.call.clone(), answer);
                FactBody::QuestionAsked { question }
            }
            Asking::Plan { steps, answer } => {
                running.waiting.plan = Some(answer);
                FactBody::PlanProposed { turn, steps }
            }
        };
        self.fact(session, body).await;
    }

    pub(super) async fn decide(
        &mut self,
        session: SessionId,
        call: CallId,
        decision: Decision,
    ) -> Result<Reply, Fault> {
        let title = self.live(session)?.view.state.approvals.iter().find(|r| r.call == call).map(|r| r.title.clone());
        let running = self.running_mut(session)?;
        let turn = running.turn;
        let Some(answer) = running.waiting.approvals.remove(&call) else { return Err(nothing_waits("call")) };
        if let Decision::AllowFurther { scope, lifetime } = &decision
            && let Err(fault) = self.grant(session, scope.clone(), *lifetime, title.unwrap_or_default())
        {
            self.fact(session, FactBody::Noticed { text: fault.to_string() }).await;
        }
        self.fact(session, FactBody::ApprovalDecided { turn, call, decision: decision.clone() }).await;
        // A turn that has ended meanwhile needs no answer.
        answer.send(decision).ok();
        Ok(Reply::Done)
    }

    pub(super) async fn answer(&mut self, session: SessionId, call: CallId, text: String) -> Result<Reply, Fault> {
        let running = self.running_mut(session)?;
        let turn = running.turn;
        let Some(answer) = running.waiting.questions.remove(&call) else { return Err(nothing_waits("question")) };
        self.fact(session, FactBody::QuestionAnswered { turn, call, answer: text.clone() }).await;
        answer.send(text).ok();
        Ok(Reply::Done)
    }

    pub(super) async fn decide_plan(&mut self, session: SessionId, decision: PlanDecision) -> Result<Reply, Fault> {
        if let PlanDecision::Approve { steps } = &decision
            && !steps.iter().any(|step| !step.trim().is_empty())
        {
            return Err(Fault::new(FaultClass::Invalid, "the plan has no steps left")
                .hint("keep at least one step, or send the plan back with a comment"));
        }
        let running = self.running_mut(session)?;
        let turn = running.turn;
        let Some(answer) = running.waiting.plan.take() else { return Err(nothing_waits("plan")) };
        self.fact(session, FactBody::PlanDecided { turn, decision: decision.clone() }).await;
        answer.send(decision).ok();
        Ok(Reply::Done)
    }

    pub(super) async fn select_mode(&mut self, session: SessionId, mode: Mode) -> Result<Reply, Fault> {
        self.live(session)?;
        self.fact(session, FactBody::ModeSelected { mode }).await;
        self.rights_changed(session);
        Ok(Reply::Done)
    }

    pub(super) async fn select_planning(&mut self, session: SessionId, planning: Planning) -> Result<Reply, Fault> {
        self.live(session)?;
        self.fact(session, FactBody::PlanningSelected { planning }).await;
        self.rights_changed(session);
        Ok(Reply::Done)
    }

    pub(super) fn mark_step(&mut self, session: SessionId, step: StepId, mark: StepMark) -> Result<Reply, Fault> {
        if !self.live(session)?.view.state.plan.iter().any(|known| known.id == step) {
            return Err(Fault::new(FaultClass::Invalid, format!("the plan has no step {step}")));
        }
        self.running_mut(session)?.person.words.send(Word::Step(step, mark)).ok();
        Ok(Reply::Done)
    }

    /// Words that join the running turn. They are in the queue until the turn takes them, so a turn that
    /// ends first loses nothing.
    pub(super) async fn steer(&mut self, session: SessionId, text: String) -> Result<Reply, Fault> {
        if !self.is_running(session) {
            return self.message(session, text).await;
        }
        self.message(session, text.clone()).await?;
        self.running_mut(session)?.person.words.send(Word::Steer(text)).ok();
        Ok(Reply::Done)
    }

    pub(super) async fn edit_queued(&mut self, session: SessionId, index: usize, text: String) -> Result<Reply, Fault> {
        self.queued(session, index)?;
        if text.trim().is_empty() {
            return self.drop_queued(session, index).await;
        }
        self.fact(session, FactBody::QueuedEdited { index, text }).await;
        Ok(Reply::Done)
    }

    pub(super) async fn move_queued(&mut self, session: SessionId, from: usize, to: usize) -> Result<Reply, Fault> {
        self.queued(session, from)?;
        self.queued(session, to)?;
        self.fact(session, FactBody::QueuedMoved { from, to }).await;
        Ok(Reply::Done)
    }

    pub(super) async fn hold_queue(&mut self, session: SessionId, held: QueueHold) -> Result<Reply, Fault> {
        self.live(session)?;
        self.fact(session, FactBody::QueueHeld { held }).await;
        if held == QueueHold::Moving && !self.is_running(session) {
            self.send_next_queued(session).await;
        }
        Ok(Reply::Done)
    }

    /// Begins a turn with the first queued message, if there is one and the queue moves.
    pub(super) async fn send_next_queued(&mut self, session: SessionId) {
        let Some(live) = self.sessions.get(&session) else { return };
        let state = &live.view.state;
        if state.queue_hold == QueueHold::Moving
            && let Some(text) = state.queue.first().cloned()
        {
            self.fact(session, FactBody::QueuedTaken { index: 0 }).await;
            self.begin_turn(session, text, None).await;
        }
    }

    pub(super) fn list_jobs(&mut self, session: SessionId) -> Result<Reply, Fault> {
        self.live(session)?;
        let running = self.commands(session).map(|commands| commands.jobs().running()).unwrap_or_default();
        Ok(Reply::Jobs { jobs: running.into_iter().map(|(job, line)| Job { job, line }).collect() })
    }

    pub(super) fn stop_job(&mut self, session: SessionId, job: u32) -> Result<Reply, Fault> {
        self.live(session)?;
        if self.commands(session).is_some_and(|commands| commands.jobs().stop(job)) {
            return Ok(Reply::Done);
        }
        let fault = Fault::new(FaultClass::Invalid, format!("no background command has the number {job}"));
        Err(fault.hint("`/jobs` lists those that run"))
    }

    pub(super) fn list_permissions(&self, session: SessionId) -> Result<Reply, Fault> {
        let rights = self.rights(session, &self.live(session)?.view.state);
        Ok(Reply::Permissions { mode: rights.mode, grants: rights.grants.list().to_vec() })
    }

    pub(super) fn revoke(&mut self, session: SessionId, scope: &Scope) -> Result<Reply, Fault> {
        self.live(session)?;
        let taken = match self.sessions.get_mut(&session) {
            Some(live) => live.grants.revoke(scope)?,
            None => false,
        };
        if !taken {
            return Err(Fault::new(FaultClass::Invalid, format!("there is no permission to {scope}"))
                .hint("`/permissions` lists those that stand"));
        }
        self.rights_changed(session);
        Ok(Reply::Done)
    }

    fn grant(&mut self, session: SessionId, scope: Scope, lifetime: Lifetime, origin: String) -> Result<(), Fault> {
        let grant = Grant { scope, lifetime, given: Timestamp::now(), origin };
        let kept = match self.sessions.get_mut(&session) {
            Some(live) => live.grants.add(grant),
            None => Ok(()),
        };
        self.rights_changed(session);
        kept
    }

    fn queued(&self, session: SessionId, index: usize) -> Result<(), Fault> {
        if index < self.live(session)?.view.state.queue.len() {
            Ok(())
        } else {
            Err(Fault::new(FaultClass::Invalid, format!("there is no queued message {}", index + 1)))
        }
    }
}

fn nothing_waits(what: &str) -> Fault {
    Fault::new(FaultClass::Invalid, format!("no {what} waits for an answer"))
        .hint("it was answered already, or its turn has ended")
}
