//! Wishes that may take long: each is answered by a task of its own, so that the actor goes on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::actor::{Actor, Asker, Pending};
use super::publish::Publish;
use crate::agent::Report;
use crate::domain::catalog::Description;
use crate::domain::op::PullSource;
use crate::domain::{
    ContentHash, Event, ExistingFiles, ExportTarget, FactBody, Fault, FaultClass, Item, ItemKind, ProjectPath,
    ProviderId, Reply, SessionId, SessionState, op::FileView,
};
use crate::export;
use crate::sandbox::{Standing, Tier};
use crate::workspace::Root;

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

impl Actor {
    pub(super) fn describe(&self, asker: Asker) {
        let (registry, line, troubles) = (self.parts.registry.clone(), self.line.clone(), self.parts.troubles.clone());
        let standing = self.parts.standing.clone();
        tokio::spawn(async move {
            let (model, readiness) = registry.default_model().await;
            let description = Description {
                model,
                readiness,
                providers: registry.statuses().await,
                weights: registry.weights(),
                troubles,
                sandbox: unconfined(standing).await,
            };
            asker.reply(&line, Reply::Described { description: Box::new(description) }).await;
        });
    }

    pub(super) fn list_models(&self, asker: Asker, provider: Option<ProviderId>) {
        let (registry, line) = (self.parts.registry.clone(), self.line.clone());
        tokio::spawn(async move {
            let result = registry.list_models(provider.as_ref()).await.map(|models| Reply::Models { models });
            asker.settle(&line, result).await;
        });
    }

    pub(super) fn pull(&self, asker: Asker, name: String, from: PullSource) {
        let (registry, line) = (self.parts.registry.clone(), self.line.clone());
        tokio::spawn(async move {
            let mut told: Option<(String, Instant)> = None;
            let (progress_line, pulled) = (line.clone(), name.clone());
            let progress = move |stage: &str, received: u64, total: Option<u64>| {
                let due = told.as_ref().is_none_or(|(last, at)| last != stage || at.elapsed() >= PROGRESS_EVERY);
                if due || Some(received) == total {
                    told = Some((stage.to_owned(), Instant::now()));
                    let event = Event::Pull { name: pulled.clone(), stage: stage.to_owned(), received, total };
                    // A full line drops a progress report; the next one says more.
                    progress_line.try_send(Publish::Event(event)).ok();
                }
            };
            let result = registry.pull(&name, from, Box::new(progress)).await;
            let reply = result.map(|path| Reply::Pulled { name: name.clone(), path });
            asker.settle(&line, reply).await;
        });
    }

    fn root_of(&self, session: SessionId) -> Result<Root, Fault> {
        match &self.live(session)?.view.state.project {
            Some(project) => Root::open(project.root()).map_err(|error| error.to_fault()),
            None => Err(Fault::new(FaultClass::Internal, "the session has no project")),
        }
    }

    pub(super) async fn read_file(&self, asker: Asker, session: SessionId, path: ProjectPath) {
        let root = match self.root_of(session) {
            Ok(root) => root,
            Err(fault) => return asker.reply(&self.line, Reply::Failed { fault }).await,
        };
        let before = self.live(session).ok().and_then(|live| first_before(&live.view.state, &path));
        let (storage, line) = (self.parts.storage.clone(), self.line.clone());
        tokio::spawn(async move {
            let before = match before {
                Some(hash) => storage.blob(&hash).await.ok().flatten(),
                None => None,
            };
            let read_path = path.clone();
            let now = tokio::task::spawn_blocking(move || root.read(&read_path)).await;
            let result = match now {
                Ok(Ok(now)) => Ok(Reply::File { file: view(path, before, now) }),
                Ok(Err(error)) => Err(error.to_fault()),
                Err(error) => Err(Fault::new(FaultClass::Internal, error.to_string())),
            };
            asker.settle(&line, result).await;
        });
    }

    pub(super) async fn list_files(&self, asker: Asker, session: SessionId) {
        let root = match self.root_of(session) {
            Ok(root) => root,
            Err(fault) => return asker.reply(&self.line, Reply::Failed { fault }).await,
        };
        let line = self.line.clone();
        tokio::spawn(async move {
            let result = match tokio::task::spawn_blocking(move || root.files()).await {
                Ok(Ok(listing)) => Ok(Reply::Files { files: listing.files }),
                Ok(Err(error)) => Err(error.to_fault()),
                Err(error) => Err(Fault::new(FaultClass::Internal, error.to_string())),
            };
            asker.settle(&line, result).await;
        });
    }

    pub(super) async fn export(&self, asker: Asker, session: SessionId, target: ExportTarget, existing: ExistingFiles) {
        let root = match self.root_of(session) {
            Ok(root) => root,
            Err(fault) => return asker.reply(&self.line, Reply::Failed { fault }).await,
        };
        let (line, reports) = (self.line.clone(), self.reports.clone());
        let earlier = self.live(session).map(|live| exported_to(&live.view.state)).unwrap_or_default();
        tokio::spawn(async move {
            let kind = target.kind.clone();
            let work = move || export::run_without(&target.kind, &root, &target.path, existing, &earlier);
            let exported = match tokio::task::spawn_blocking(work).await {
                Ok(Ok(exported)) => exported,
                Ok(Err(error)) => return asker.reply(&line, Reply::Failed { fault: error.to_fault() }).await,
                Err(error) => {
                    let fault = Fault::new(FaultClass::Internal, error.to_string());
                    return asker.reply(&line, Reply::Failed { fault }).await;
                }
            };
            let fact = FactBody::Exported {
                target: kind,
                path: exported.path.display().to_string(),
                files: exported.files,
                bytes: exported.bytes,
            };
            let (stored, done) = tokio::sync::oneshot::channel();
            let report = Report::Facts { session, bodies: vec![fact], blobs: Vec::new(), stored };
            if reports.send(report).await.is_ok() {
                done.await.ok();
            }
            let reply = Reply::Exported {
                path: exported.path,
                files: exported.files,
                bytes: exported.bytes,
                renamed: exported.renamed,
            };
            asker.reply(&line, reply).await;
        });
    }
}

/// Where the session was exported to before: such places may lie inside the project, and an export
/// does not belong into the next one.
fn exported_to(state: &SessionState) -> Vec<PathBuf> {
    let path = |item: &Item| match &item.kind {
        ItemKind::Exported { path, .. } => Some(PathBuf::from(path)),
        _ => None,
    };
    state.items.iter().filter_map(path).collect()
}

/// The content that a file had before the last turn that changed it.
fn first_before(state: &SessionState, path: &ProjectPath) -> Option<ContentHash> {
    let turn = state.changes.get(path)?.turn;
    state.changes_of(turn).into_iter().find(|change| change.path == *path)?.before
}

fn view(path: ProjectPath, before: Option<Vec<u8>>, now: Option<Vec<u8>>) -> FileView {
    let text = |bytes: Option<Vec<u8>>| bytes.map(String::from_utf8).transpose();
    match (text(before), text(now)) {
        (Ok(before), Ok(now)) => FileView { path, before, now, binary: false },
        _ => FileView { path, before: None, now: None, binary: true },
    }
}

/// How commands are confined, where that is less than a whole sandbox. The trial that finds out is
/// not waited for long: whoever asks wants to begin.
async fn unconfined(standing: Pending<Standing>) -> Option<String> {
    let standing = tokio::time::timeout(Duration::from_secs(1), standing).await.ok()?;
    match standing.tier {
        Tier::Strict => None,
        Tier::Partial => Some("partly sandboxed".to_owned()),
        Tier::Surface | Tier::None => Some("not sandboxed".to_owned()),
    }
}
