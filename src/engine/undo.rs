//! Going back: undo, redo, the list of checkpoints, rewind of files and conversation.
//!
//! Files go back by checkpoints; sessions of an older Kiln, whose turns have none, by the contents that are
//! stored beside their facts. Nothing is deleted from the record: what was taken back is marked.

use std::collections::HashMap;

use super::actor::Actor;
use super::sessions::busy;
use crate::domain::{
    Author, Checkpoint, CheckpointId, ContentHash, ExistingFiles, FactBody, Fault, FaultClass, FileChange, ItemKind,
    Moment, Occasion, Project, ProjectPath, Reply, RestoreConflict, RestoreWay, RewindScope, Seq, SessionId,
    SessionState, TurnId,
};
use crate::workspace::Root;
use crate::workspace::checkpoint::{CheckpointError, Outcome, Report, Store, TreePath, Wish};
use crate::workspace::undo::{self, UndoStep};

/// What a restore brought back, in the words of a fact.
struct Brought {
    paths: Vec<ProjectPath>,
    more: u64,
    left: Vec<String>,
    way: RestoreWay,
}

impl Brought {
    fn from(report: &Report) -> Self {
        let all = report.restored.iter().chain(&report.removed);
        let parsed = |path: &TreePath| ProjectPath::parse(std::str::from_utf8(path.bytes()).ok()?).ok();
        let total = report.restored.len() + report.removed.len();
        let mut paths: Vec<ProjectPath> = all.filter_map(parsed).collect();
        paths.sort();
        let more = (total - paths.len()) as u64 + report.folders;
        let left = report.left.iter().map(ToString::to_string).collect();
        Self { paths, more, left, way: RestoreWay { before: report.before, after: report.after } }
    }

    fn entries(&self) -> u64 {
        self.paths.len() as u64 + self.more
    }
}

/// Files as the session itself left them: what a review made of them is no foreign work.
struct OwnChanges {
    root: Option<std::path::PathBuf>,
    left: HashMap<ProjectPath, Option<ContentHash>>,
}

impl OwnChanges {
    fn of(state: &SessionState) -> Self {
        let left = state.changes.values().filter(|change| change.author == Author::Person);
        Self {
            root: state.project.as_ref().map(|project| project.root().to_owned()),
            left: left.map(|change| (change.path.clone(), change.after.clone())).collect(),
        }
    }

    /// Whether every file that stands in the way is as the session left it.
    async fn explain(&self, conflict: &RestoreConflict) -> bool {
        let known: Option<Vec<(ProjectPath, Option<ContentHash>)>> = conflict
            .paths
            .iter()
            .map(|path| {
                ProjectPath::parse(path).ok().and_then(|path| Some((path.clone(), self.left.get(&path)?.clone())))
            })
            .collect();
        let (Some(known), Some(root)) = (known, self.root.clone()) else { return false };
        if conflict.head.is_some() || conflict.total != known.len() as u64 {
            return false;
        }
        let same = move || {
            let root = Root::open(&root).ok()?;
            known.iter().all(|(path, left)| root.hash(path).is_ok_and(|now| now == *left)).then_some(())
        };
        tokio::task::spawn_blocking(same).await.is_ok_and(|same| same.is_some())
    }
}

/// Runs work on a store off the actor's task.
async fn on_store<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CheckpointError> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_fault()),
        Err(error) => Err(Fault::new(FaultClass::Internal, "the work on files broke off").detail(error.to_string())),
    }
}

impl Actor {
    /// The checkpoints of a project.
    pub(super) fn store_of(&self, project: &Option<Project>) -> Option<Store> {
        let (place, limits) = self.parts.checkpoints.as_ref()?;
        Some(Store::new(place, project.as_ref()?.root(), limits.clone()))
    }

    fn idle_state(&self, session: SessionId) -> Result<&SessionState, Fault> {
        let state = &self.live(session)?.view.state;
        if self.is_running(session) { Err(busy()) } else { Ok(state) }
    }

    fn kept(&self, session: SessionId) -> Result<Store, Fault> {
        self.store_of(&self.live(session)?.view.state.project).ok_or_else(|| {
            Fault::new(FaultClass::Invalid, "no checkpoints are kept").hint("only `/undo` of written files works")
        })
    }

    /// A turn that a crash ended left files as they are now: that is the state after it.
    pub(super) async fn keep_interrupted(&mut self, session: SessionId, turn: TurnId) {
        let Ok(live) = self.live(session) else { return };
        let state = &live.view.state;
        let before = state.checkpoints.get(&turn).and_then(|of| of.before);
        let (Some(store), Some(before)) = (self.store_of(&state.project), before) else { return };
        let label = state.display_title();
        let occasion = Occasion { moment: Moment::AfterTurn, session, turn, call: None, label };
        let kept = on_store(move || {
            let checkpoint = store.take(&occasion)?.checkpoint.id;
            Ok((checkpoint, store.diff(before, checkpoint)?.len() as u64))
        });
        match kept.await {
            Ok((checkpoint, changed)) => {
                let moment = Moment::AfterTurn;
                let fact = FactBody::CheckpointTaken { turn, checkpoint, moment, call: None, changed };
                self.fact(session, fact).await;
            }
            Err(fault) => tracing::warn!(%fault, "the state after an interrupted turn could not be kept"),
        }
    }

    /// Says that an earlier Kiln was ended while it brought files back.
    pub(super) async fn tell_interrupted_restore(&mut self, session: SessionId) {
        let Ok(store) = self.kept(session) else { return };
        if let Ok(Some((target, before))) = on_store(move || Ok(store.interrupted())).await {
            let text = format!(
                "bringing back checkpoint {target} was interrupted: `/checkpoints {target}` completes it, \
                 `/checkpoints {before}` returns to the state before"
            );
            self.fact(session, FactBody::Noticed { text }).await;
        }
    }

    pub(super) async fn undo(&mut self, session: SessionId, existing: ExistingFiles) -> Result<Reply, Fault> {
        let state = self.idle_state(session)?;
        let Some(turn) = state.undoable_turn() else {
            return Err(Fault::new(
                FaultClass::Invalid,
                "there is nothing to undo: no turn of this session changed a file",
            ));
        };
        let of_turn = state.checkpoints.get(&turn).copied().unwrap_or_default();
        if let (Some(store), Some(target), Some(base)) = (self.store_of(&state.project), of_turn.before, of_turn.after)
        {
            let there = {
                let store = store.clone();
                on_store(move || Ok(store.get(target).and(store.get(base)).is_ok()))
            };
            if there.await? {
                let own = OwnChanges::of(state);
                let mut brought = self.bring_back(session, store.clone(), target, Some(base), existing).await?;
                if let Err(conflict) = &brought
                    && own.explain(conflict).await
                {
                    // The person changed these in a review: nobody else's work is lost.
                    brought = self.bring_back(session, store, target, Some(base), ExistingFiles::Replace).await?;
                }
                return match brought {
                    Ok(brought) => {
                        let Brought { paths, more, way, .. } = brought;
                        let fact = FactBody::Undone { turn, paths: paths.clone(), more, way: Some(way) };
                        self.fact(session, fact).await;
                        Ok(Reply::Undone { turn, paths })
                    }
                    Err(conflict) => Ok(Reply::Conflict { conflict }),
                };
            }
        }
        self.undo_by_contents(session, turn).await
    }

    /// The way of turns without checkpoints.
    async fn undo_by_contents(&mut self, session: SessionId, turn: TurnId) -> Result<Reply, Fault> {
        let state = &self.live(session)?.view.state;
        let changes = state.changes_of(turn);
        if changes.is_empty() {
            let sentence = format!("the checkpoints of turn {turn} were pruned, and programs made its changes");
            return Err(Fault::new(FaultClass::Invalid, sentence).hint("see `/checkpoints` for those that are kept"));
        }
        let Some(project) = &state.project else {
            return Err(Fault::new(FaultClass::Internal, "the session has no project"));
        };
        let root = Root::open(project.root()).map_err(|error| error.to_fault())?;
        let paths = self.restore_contents(root, changes).await?;
        self.fact(session, FactBody::Undone { turn, paths: paths.clone(), more: 0, way: None }).await;
        Ok(Reply::Undone { turn, paths })
    }

    /// Brings files back to their state before `changes`, or touches none of them.
    async fn restore_contents(&self, root: Root, changes: Vec<FileChange>) -> Result<Vec<ProjectPath>, Fault> {
        let plan = undo::plan(&changes, |path| root.hash(path)).map_err(|error| error.to_fault())?;
        let conflicts: Vec<&str> = plan
            .iter()
            .filter(|step| matches!(step, UndoStep::Conflict { .. }))
            .map(|step| step.path().as_str())
            .collect();
        if !conflicts.is_empty() {
            let sentence = format!("{} changed since the turn, so nothing was undone", conflicts.join(", "));
            return Err(Fault::new(FaultClass::Invalid, sentence).hint("put it back or move it away, then undo again"));
        }
        let mut contents = HashMap::new();
        for step in &plan {
            if let UndoStep::Restore { hash, .. } = step
                && let Some(bytes) = self.parts.storage.blob(hash).await.map_err(|error| error.to_fault())?
            {
                contents.insert(hash.clone(), bytes);
            }
        }
        let work = move || undo::apply(&plan, &root, |hash| contents.get(hash).cloned());
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map_err(|error| error.to_fault()),
            Err(error) => Err(Fault::new(FaultClass::Internal, "the undo broke off").detail(error.to_string())),
        }
    }

    /// Restores by checkpoints; the inner error is a question to the person.
    async fn bring_back(
        &mut self,
        session: SessionId,
        store: Store,
        target: CheckpointId,
        base: Option<CheckpointId>,
        existing: ExistingFiles,
    ) -> Result<Result<Brought, RestoreConflict>, Fault> {
        let turn = self.live(session)?.view.state.turn;
        let label = format!("checkpoint {target} brought back");
        let occasion = Occasion { moment: Moment::BeforeRestore, session, turn, call: None, label };
        let wish = Wish { target, base, existing, occasion };
        match on_store(move || store.restore(&wish)).await? {
            Outcome::Asks(conflict) => Ok(Err(conflict)),
            Outcome::Done(report) => {
                let brought = Brought::from(&report);
                if !brought.left.is_empty() {
                    let left = brought.left.join("`, `");
                    let text = format!("left as they are, because checkpoints do not cover them: `{left}`");
                    self.fact(session, FactBody::Noticed { text }).await;
                }
                if let Some((then, now)) = &report.head {
                    let text =
                        format!("git's HEAD was `{then}` at the checkpoint and is `{now}`; only files were touched");
                    self.fact(session, FactBody::Noticed { text }).await;
                }
                Ok(Ok(brought))
            }
        }
    }

    pub(super) async fn redo(&mut self, session: SessionId, existing: ExistingFiles) -> Result<Reply, Fault> {
        let state = self.idle_state(session)?;
        let Some(redo) = state.redo.last().cloned() else {
            return Err(Fault::new(FaultClass::Invalid, "there is nothing to redo")
                .hint("`/redo` takes an undo or a rewind back, until the next turn begins"));
        };
        let brought = match redo.way {
            Some(RestoreWay { before, after }) => {
                let store = self.kept(session)?;
                match self.bring_back(session, store, before, Some(after), existing).await? {
                    Ok(brought) => Some(brought),
                    Err(conflict) => return Ok(Reply::Conflict { conflict }),
                }
            }
            None if redo.hidden.is_some() => None,
            None => return Err(Fault::new(FaultClass::Invalid, "that undo cannot be taken back")),
        };
        let entries = brought.as_ref().map_or(0, Brought::entries);
        let (paths, more, left) = brought.map_or_else(Default::default, |it| (it.paths, it.more, it.left));
        self.fact(session, FactBody::Redone { paths, more }).await;
        Ok(Reply::Restored { entries, left, prompt: None })
    }

    pub(super) async fn list_checkpoints(&mut self, session: SessionId) -> Result<Reply, Fault> {
        let store = self.kept(session)?;
        let mut checkpoints = on_store(move || store.list()).await?;
        checkpoints.reverse();
        Ok(Reply::Checkpoints { checkpoints })
    }

    pub(super) async fn rewind(
        &mut self,
        session: SessionId,
        checkpoint: CheckpointId,
        scope: RewindScope,
        existing: ExistingFiles,
    ) -> Result<Reply, Fault> {
        self.idle_state(session)?;
        let store = self.kept(session)?;
        let found = {
            let store = store.clone();
            on_store(move || store.get(checkpoint)).await?
        };
        let state = &self.live(session)?.view.state;
        let ours = found.occasion.session == session;
        if scope.has_conversation() && !ours {
            let sentence = format!("checkpoint {checkpoint} belongs to another session");
            return Err(Fault::new(FaultClass::Invalid, sentence).hint("only its files can be brought back here"));
        }
        let (hides_from, prompt) = match scope.has_conversation() {
            true => begins(state, &found).map_or((None, None), |(seq, text)| (Some(seq), Some(text))),
            false => (None, None),
        };
        let mut brought = None;
        if scope.has_files() {
            match self.bring_back(session, store, checkpoint, None, existing).await? {
                Ok(done) => brought = Some(done),
                Err(conflict) => return Ok(Reply::Conflict { conflict }),
            }
        }
        let files_at = (scope.has_files() && ours).then(|| newest_standing(&found));
        let way = brought.as_ref().map(|it| it.way);
        let entries = brought.as_ref().map_or(0, Brought::entries);
        let (paths, more, left) = brought.map_or_else(Default::default, |it| (it.paths, it.more, it.left));
        self.fact(session, FactBody::Rewound { checkpoint, scope, files_at, hides_from, paths, more, way }).await;
        Ok(Reply::Restored { entries, left, prompt })
    }
}

/// The newest turn whose changes are in a checkpoint.
fn newest_standing(checkpoint: &Checkpoint) -> TurnId {
    let turn = checkpoint.occasion.turn;
    match checkpoint.occasion.moment {
        Moment::BeforeTurn => TurnId(turn.0.saturating_sub(1)),
        // Before a call a part of its turn stands, and can be undone by itself.
        Moment::BeforeCall | Moment::AfterTurn | Moment::BeforeRestore | Moment::AfterRestore => turn,
    }
}

/// The message with which the part of the conversation begins that came after a checkpoint.
fn begins(state: &SessionState, checkpoint: &Checkpoint) -> Option<(Seq, String)> {
    let of = checkpoint.occasion.turn;
    let first = match checkpoint.occasion.moment {
        Moment::BeforeTurn | Moment::BeforeCall => of,
        Moment::AfterTurn | Moment::BeforeRestore | Moment::AfterRestore => of.next(),
    };
    state.items.iter().find_map(|item| match &item.kind {
        ItemKind::User { turn, text } if *turn >= first => Some((item.seq, text.clone())),
        _ => None,
    })
}
