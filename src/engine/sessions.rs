//! What the actor does with sessions: start, open, turns.

use std::sync::Arc;

use super::actor::Actor;
use super::publish::Publish;
use crate::agent::TurnInput;
use crate::domain::op::NewProject;
use crate::domain::{
    Event, FactBody, Fault, FaultClass, ItemKind, ModelRef, Project, Reply, SessionId, SessionState, SessionView,
    TurnId, TurnOutcome,
};
use crate::tools::Toolbox;
use crate::tools::commands::Commands;
use crate::tools::live::foreign;
use crate::workspace::Root;

impl Actor {
    pub(super) async fn start_session(
        &mut self,
        project: NewProject,
        model: Option<ModelRef>,
        prompt: Option<String>,
    ) -> Result<Reply, Fault> {
        let session = SessionId::generate();
        let project = match project {
            NewProject::Directory { root } => Project::Directory { root },
            NewProject::Scratch => Project::Scratch { root: self.parts.scratch.join(session.short()) },
        };
        if let Project::Scratch { root } = &project {
            std::fs::create_dir_all(root).map_err(|error| {
                Fault::new(FaultClass::Storage, format!("the scratch folder `{}` could not be made", root.display()))
                    .detail(error.to_string())
                    .hint("point `KILN_HOME` at a folder that can be written to, or work in a folder of your own with `--cd`")
            })?;
        }
        // A folder that cannot be opened should be told now, not in the middle of the first turn.
        Root::open(project.root()).map_err(|error| error.to_fault())?;
        let model = match model {
            Some(reference) => self.parts.registry.info(&reference).await,
            None => self.default_model().await,
        };
        let lock = self.parts.storage.lock(session).await.map_err(|error| error.to_fault())?;
        self.hold(session, SessionView::empty(), lock);
        let kiln = env!("CARGO_PKG_VERSION").to_owned();
        let bodies = vec![FactBody::SessionStarted { project, kiln }, FactBody::ModelSelected { model }];
        self.facts(session, bodies, Vec::new(), None).await;
        self.read_grants(session).await;
        if let Some(text) = prompt {
            self.begin_turn(session, text, None).await;
        }
        Ok(Reply::Session { session })
    }

    pub(super) async fn open_session(&mut self, session: SessionId) -> Result<Reply, Fault> {
        if self.sessions.contains_key(&session) {
            self.snapshot(session).await?;
        } else {
            self.load(session).await?;
        }
        Ok(Reply::Session { session })
    }

    async fn load(&mut self, session: SessionId) -> Result<(), Fault> {
        let lock = self.parts.storage.lock(session).await.map_err(|error| error.to_fault())?;
        let (view, broken) = self.stored(session).await?;
        let (running, turn) = (view.state.is_running(), view.state.turn);
        self.hold(session, view, lock);
        // Facts follow a snapshot: a client that opens the session has nothing to add them to before.
        self.snapshot(session).await?;
        self.read_grants(session).await;
        if running {
            self.keep_interrupted(session, turn).await;
            self.fact(session, FactBody::TurnEnded { turn, outcome: TurnOutcome::Interrupted }).await;
        }
        self.tell_interrupted_restore(session).await;
        if broken > 0 {
            let text = format!("{broken} records of this session could not be read and were left out");
            self.fact(session, FactBody::Noticed { text }).await;
        }
        Ok(())
    }

    /// Says that a session's folder is another than the one whose settings hold; once in a session, when it
    /// matters: who only looks at a session adds nothing to it.
    async fn tell_foreign(&mut self, session: SessionId) {
        let Ok(live) = self.live(session) else { return };
        let text = "this session's folder is not the one that Kiln was started in: its settings and the trust in it do \
                    not hold here, so Kiln asks; start Kiln there to work with them";
        let said = live
            .view
            .state
            .items
            .iter()
            .any(|item| matches!(&item.kind, ItemKind::Notice { text: have } if have == text));
        if !said && !self.is_at_home(&live.view.state) {
            self.fact(session, FactBody::Noticed { text: text.to_owned() }).await;
        }
    }

    /// A stored session as it stands on disk, and how many of its records could not be read.
    async fn stored(&self, session: SessionId) -> Result<(SessionView, usize), Fault> {
        let loaded = self.parts.storage.facts(session).await.map_err(|error| error.to_fault())?;
        if loaded.facts.is_empty() {
            return Err(Fault::new(FaultClass::Invalid, format!("there is no session {}", session.short()))
                .hint("list the sessions with `kiln sessions list`"));
        }
        let mut view = SessionView::empty();
        for fact in &loaded.facts {
            if !view.apply(fact) {
                break;
            }
        }
        Ok((view, loaded.broken))
    }

    /// Tells a session's whole state. One that is not open here is read as it stands, also while
    /// another Kiln works in it.
    pub(super) async fn snapshot(&mut self, session: SessionId) -> Result<Reply, Fault> {
        let view = match self.sessions.get(&session) {
            Some(live) => live.view.clone(),
            None => self.stored(session).await?.0,
        };
        let view = Box::new(view);
        self.line.send(Publish::Event(Event::Snapshot { session, view })).await.ok();
        Ok(Reply::Done)
    }

    pub(super) async fn message(&mut self, session: SessionId, text: String) -> Result<Reply, Fault> {
        self.live(session)?;
        if text.trim().is_empty() {
            return Err(Fault::new(FaultClass::Invalid, "the message is empty"));
        }
        if self.is_running(session) {
            self.fact(session, FactBody::MessageQueued { text }).await;
        } else {
            self.begin_turn(session, text, None).await;
        }
        Ok(Reply::Done)
    }

    pub(super) async fn drop_queued(&mut self, session: SessionId, index: usize) -> Result<Reply, Fault> {
        if index < self.live(session)?.view.state.queue.len() {
            self.fact(session, FactBody::QueuedTaken { index }).await;
        }
        Ok(Reply::Done)
    }

    /// Starts a turn. `before` is what the model is told of the session, when that is not all of it.
    pub(super) async fn begin_turn(&mut self, session: SessionId, text: String, before: Option<SessionState>) {
        let Ok(live) = self.live(session) else { return };
        let state = live.view.state.clone();
        // Another Kiln may have taken a permission back meanwhile.
        if let Some(live) = self.sessions.get_mut(&session) {
            live.grants.refresh();
        }
        let model = match &state.model {
            Some(model) => model.clone(),
            None => self.default_model().await,
        };
        let turn = state.turn.next();
        let text = with_review(text, &state);
        let started = FactBody::TurnStarted {
            turn,
            text: text.clone(),
            model: model.reference.clone(),
            protocol: model.protocol,
        };
        self.fact(session, started).await;
        self.tell_foreign(session).await;
        let provider = self.parts.registry.provider(&model.reference.provider).await;
        let project = state.project.clone();
        let root = match &project {
            Some(project) => Root::open(project.root()).map_err(|error| error.to_fault()),
            None => Err(Fault::new(FaultClass::Internal, "the session has no project")),
        };
        let commands = self.commands(session);
        let seen = self.live(session).map(|live| Arc::clone(&live.seen)).unwrap_or_default();
        let toolbox = self.toolbox(session, commands.as_ref()).await;
        match (provider, root) {
            (Ok(provider), Ok(root)) => {
                let input = TurnInput {
                    turn,
                    text,
                    before: before.unwrap_or(state).without_hidden(),
                    checkpoints: self.store_of(&project),
                    memory: self.parts.memory.clone(),
                    model,
                    provider,
                    root: Arc::new(root),
                    limits: self.parts.limits.clone(),
                    toolbox,
                    commands,
                    seen,
                };
                self.spawn_turn(session, input).await;
            }
            (Err(fault), _) | (_, Err(fault)) => {
                self.fact(session, FactBody::TurnEnded { turn, outcome: TurnOutcome::Failed { fault } }).await;
            }
        }
    }

    /// Kiln's own tools and those of servers, which are started here and waited for by nobody.
    async fn toolbox(&mut self, session: SessionId, commands: Option<&Commands>) -> Toolbox {
        let mut toolbox = Toolbox::new(commands, self.parts.registry.net());
        if let Some(mcp) = self.parts.mcp.clone() {
            mcp.wake();
            for tool in foreign::tools(&mcp) {
                toolbox.add(tool);
            }
            for text in mcp.take_notices() {
                self.fact(session, FactBody::Noticed { text }).await;
            }
        }
        toolbox
    }

    pub(super) async fn retry(&mut self, session: SessionId) -> Result<Reply, Fault> {
        let mut state = self.live(session)?.view.state.clone();
        if self.is_running(session) {
            return Err(busy());
        }
        let last = state.items.iter().rev().find_map(|item| match &item.kind {
            ItemKind::User { turn, text } => Some((*turn, text.clone())),
            _ => None,
        });
        let Some((turn, text)) = last else {
            return Err(Fault::new(FaultClass::Invalid, "there is nothing to retry yet"));
        };
        forget_fruitless(&mut state, turn);
        // The key may have been set or changed since.
        if let Some(model) = &state.model {
            self.parts.registry.forget(&model.reference.provider);
        }
        self.begin_turn(session, text, Some(state)).await;
        Ok(Reply::Done)
    }

    pub(super) async fn select_model(&mut self, session: SessionId, reference: &ModelRef) -> Result<Reply, Fault> {
        self.live(session)?;
        self.parts.registry.provider(&reference.provider).await?;
        let model = self.parts.registry.info(reference).await;
        self.fact(session, FactBody::ModelSelected { model }).await;
        Ok(Reply::Done)
    }

    pub(super) async fn rename(&mut self, session: SessionId, title: String) -> Result<Reply, Fault> {
        self.live(session)?;
        let title = title.trim().to_owned();
        if title.is_empty() {
            return Err(Fault::new(FaultClass::Invalid, "the title is empty"));
        }
        self.fact(session, FactBody::TitleChanged { title }).await;
        Ok(Reply::Done)
    }

    pub(super) async fn list_sessions(&mut self) -> Result<Reply, Fault> {
        let sessions = self.parts.storage.sessions().await.map_err(|error| error.to_fault())?;
        Ok(Reply::Sessions { sessions })
    }

    pub(super) async fn remove_session(&mut self, session: SessionId) -> Result<Reply, Fault> {
        if self.is_running(session) {
            return Err(busy());
        }
        let loaded = self.parts.storage.sessions().await.map_err(|error| error.to_fault())?;
        let Some(summary) = loaded.into_iter().find(|summary| summary.session == session) else {
            return Err(Fault::new(FaultClass::Invalid, format!("there is no session {}", session.short()))
                .hint("list the sessions with `kiln sessions list`"));
        };
        // Another Kiln that works in the session keeps it.
        let lock = match self.sessions.remove(&session) {
            Some(_) => None,
            None => Some(self.parts.storage.lock(session).await.map_err(|error| error.to_fault())?),
        };
        self.parts.storage.remove(session).await.map_err(|error| error.to_fault())?;
        drop(lock);
        // Only folders that Kiln itself made are removed with the session.
        if let Project::Scratch { root } = &summary.project
            && root.starts_with(&self.parts.scratch)
            && root.exists()
        {
            std::fs::remove_dir_all(root).map_err(|error| {
                Fault::new(FaultClass::Storage, format!("the scratch folder `{}` could not be removed", root.display()))
                    .detail(error.to_string())
                    .hint("the session itself is gone; remove the folder by hand")
            })?;
        }
        Ok(Reply::Done)
    }
}

/// The person's words, and behind them what the review of the last changes came to.
fn with_review(text: String, state: &SessionState) -> String {
    match state.review_message() {
        Some(review) if text.trim().is_empty() => review,
        Some(review) => format!("{text}\n\n{review}"),
        None => text,
    }
}

pub(super) fn busy() -> Fault {
    Fault::new(FaultClass::Invalid, "a turn is running").hint("wait for it, or cancel it first")
}

/// Leaves a turn out that came to nothing, so that the model is not told the same words twice. A
/// turn that called tools or wrote files stays: the model should know.
fn forget_fruitless(state: &mut SessionState, turn: TurnId) {
    let of_turn = |kind: &ItemKind| match kind {
        ItemKind::User { turn: t, .. }
        | ItemKind::Reasoning { turn: t, .. }
        | ItemKind::Answer { turn: t, .. }
        | ItemKind::Ended { turn: t, .. }
        | ItemKind::Steered { turn: t, .. }
        | ItemKind::Decided { turn: t, .. }
        | ItemKind::Asked { turn: t, .. }
        | ItemKind::PlanDecided { turn: t, .. }
        | ItemKind::Attached { turn: t, .. }
        | ItemKind::Call { turn: t, .. } => *t == turn,
        ItemKind::Check { run } => run.turn == turn,
        ItemKind::Change { change } => change.turn == turn,
        ItemKind::Notice { .. }
        | ItemKind::Undone { .. }
        | ItemKind::Redone { .. }
        | ItemKind::Rewound { .. }
        | ItemKind::Compacted { .. }
        | ItemKind::Exported { .. } => false,
    };
    let fruitful = state
        .items
        .iter()
        .any(|item| of_turn(&item.kind) && matches!(item.kind, ItemKind::Call { .. } | ItemKind::Change { .. }));
    if !fruitful {
        state.items.retain(|item| !of_turn(&item.kind));
    }
}
