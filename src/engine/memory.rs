//! What the model keeps in mind, as the person asks for it: pins, compactions, notes, what fills the
//! window.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::actor::{Actor, Asker};
use crate::agent::{self, Report};
use crate::domain::{FactBody, Fault, FaultClass, ItemKind, Pin, Project, Reply, Seq, SessionId, SessionState};
use crate::tools::Toolbox;
use crate::workspace::Root;

impl Actor {
    pub(super) async fn pin(&mut self, session: SessionId, item: Option<Seq>, pin: Pin) -> Result<Reply, Fault> {
        let state = &self.live(session)?.view.state;
        let chosen = state.items.iter().rev().find(|one| match item {
            Some(seq) => one.seq == seq,
            None => matches!(one.kind, ItemKind::User { .. } | ItemKind::Steered { .. }) && !state.is_hidden(one.seq),
        });
        let Some(chosen) = chosen.map(|one| one.seq) else {
            return Err(Fault::new(FaultClass::Invalid, "there is nothing to pin yet").hint("send a message first"));
        };
        match (pin, state.pins.contains(&chosen)) {
            (Pin::Keep, false) => self.fact(session, FactBody::Pinned { item: chosen }).await,
            (Pin::Release, true) => self.fact(session, FactBody::Unpinned { item: chosen }).await,
            (Pin::Keep, true) | (Pin::Release, false) => {}
        }
        Ok(Reply::Done)
    }

    pub(super) async fn undo_compaction(&mut self, session: SessionId) -> Result<Reply, Fault> {
        if self.is_running(session) {
            return Err(running());
        }
        let state = &self.live(session)?.view.state;
        let Some(compaction) = state.compactions.iter().rev().find(|one| !state.is_hidden(one.seq)).map(|one| one.seq)
        else {
            return Err(Fault::new(FaultClass::Invalid, "nothing was compacted in this session"));
        };
        self.fact(session, FactBody::CompactionUndone { compaction }).await;
        Ok(Reply::Done)
    }

    /// Has the summary written by a task of its own. A turn that begins meanwhile is not disturbed: what is
    /// compacted lies before it.
    pub(super) async fn compact(&mut self, asker: Asker, session: SessionId) {
        let (state, provider, model) = match self.compactable(session).await {
            Ok(parts) => parts,
            Err(fault) => return asker.settle(&self.line, Err(fault)).await,
        };
        let (line, reports) = (self.line.clone(), self.reports.downgrade());
        tokio::spawn(async move {
            let cancel = CancellationToken::new();
            let made = agent::compact(&state, state.turn, &model, &provider, &cancel).await;
            let result = match (made, reports.upgrade()) {
                (Ok(made), Some(reports)) => {
                    let (stored, done) = tokio::sync::oneshot::channel();
                    let report = Report::Facts { session, bodies: made.facts, blobs: Vec::new(), stored };
                    if reports.send(report).await.is_ok() {
                        done.await.ok();
                    }
                    Ok(Reply::Done)
                }
                (Ok(_), None) => Err(Fault::new(FaultClass::Internal, "the engine ended before the summary was kept")),
                (Err(fault), _) => Err(fault),
            };
            asker.settle(&line, result).await;
        });
    }

    async fn compactable(
        &self,
        session: SessionId,
    ) -> Result<(SessionState, Arc<dyn crate::providers::Provider>, crate::domain::ModelInfo), Fault> {
        if self.is_running(session) {
            return Err(running());
        }
        let state = self.live(session)?.view.state.clone().without_hidden();
        let model = match &state.model {
            Some(model) => model.clone(),
            None => self.default_model().await,
        };
        let provider = self.parts.registry.provider(&model.reference.provider).await?;
        Ok((state, provider, model))
    }

    fn project_root(&self, session: SessionId) -> Result<Root, Fault> {
        let project: Option<&Project> = self.live(session)?.view.state.project.as_ref();
        let project = project.ok_or_else(|| Fault::new(FaultClass::Internal, "the session has no project"))?;
        Root::open(project.root()).map_err(|error| error.to_fault())
    }

    /// Answers with what is read of the project's files, off the async threads.
    async fn read_off(&self, asker: Asker, session: SessionId, read: impl FnOnce(&Root) -> Reply + Send + 'static) {
        let line = self.line.clone();
        match self.project_root(session) {
            Ok(root) => {
                tokio::spawn(async move {
                    let reply = tokio::task::spawn_blocking(move || read(&root)).await;
                    let result = reply.map_err(|error| {
                        Fault::new(FaultClass::Internal, "the reading broke off").detail(error.to_string())
                    });
                    asker.settle(&line, result).await;
                });
            }
            Err(fault) => asker.settle(&line, Err(fault)).await,
        }
    }

    pub(super) async fn describe_context(&mut self, asker: Asker, session: SessionId) {
        let commands = self.commands(session);
        let toolbox = Toolbox::new(commands.as_ref(), self.parts.registry.net());
        let state = self.live(session).map(|live| live.view.state.clone().without_hidden()).unwrap_or_default();
        let (memory, trust) = (self.parts.memory.clone(), self.trust(&state));
        let read =
            move |root: &Root| Reply::Context { context: agent::context(&state, root, &memory, trust, &toolbox) };
        self.read_off(asker, session, read).await;
    }

    pub(super) async fn list_notes(&self, asker: Asker, session: SessionId) {
        let memory = self.parts.memory.clone();
        let read = move |root: &Root| match memory.notes_of(root.path()) {
            Some(notes) => Reply::Notes { path: Some(notes.path().to_owned()), notes: notes.list() },
            None => Reply::Notes { path: None, notes: Vec::new() },
        };
        self.read_off(asker, session, read).await;
    }

    pub(super) async fn list_commands(&self, asker: Asker, session: SessionId) {
        let trust = self.live(session).map(|live| self.trust(&live.view.state)).unwrap_or_default();
        let memory = self.parts.memory.clone();
        let read = move |root: &Root| Reply::Commands { commands: memory.commands(root, trust) };
        self.read_off(asker, session, read).await;
    }
}

fn running() -> Fault {
    Fault::new(FaultClass::Invalid, "a turn is running").hint("wait for it, or cancel it first")
}
