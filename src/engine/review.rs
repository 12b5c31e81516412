//! The review of a turn: its changes as hunks, and the person's verdicts carried out in the files.
//!
//! A change is what the model made of a file in the turn: first content before it, last content after it. The person's
//! own writes are changes of the same turn with another author, so undo goes back over them. Splitting and
//! putting together is `workspace/hunks`' work; what the model hears of it is worded in `domain/review`.

use super::actor::Actor;
use crate::domain::review::unified;
use crate::domain::{
    Author, Blob, ChangeKind, ContentHash, FactBody, Fault, FaultClass, FileChange, FileReview, HunkId, HunkLine,
    HunkReview, HunkVerdict, LineKind, ProjectPath, Reply, Reviewed, SessionId, SessionState, TurnId, TurnReview,
};
use crate::workspace::diff::DiffKind;
use crate::workspace::hunks::{self, Verdicts};
use crate::workspace::{self, Root};

/// Characters of a comment that are kept.
const COMMENT: usize = 4000;

/// What the model made of a file in a turn.
struct Base {
    path: ProjectPath,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

/// Verdicts as they could be carried out on a file.
struct Judged {
    /// The file's content before and after; `None` stands for "no such file".
    was: Option<Vec<u8>>,
    is: Option<Vec<u8>>,
    done: Vec<HunkId>,
    /// Hunks whose lines, or those around them, are others now.
    refused: Vec<HunkId>,
}

impl Actor {
    pub(super) async fn review_turn(&self, session: SessionId, turn: Option<TurnId>) -> Result<Reply, Fault> {
        let state = &self.live(session)?.view.state;
        let turn = turn.or_else(|| state.undoable_turn()).ok_or_else(nothing_changed)?;
        Ok(Reply::Review { review: self.review(state, turn).await?, refused: None })
    }

    pub(super) async fn judge_hunks(
        &mut self,
        session: SessionId,
        turn: TurnId,
        path: ProjectPath,
        wished: Vec<HunkId>,
        verdict: HunkVerdict,
    ) -> Result<Reply, Fault> {
        let state = self.reviewable(session, turn)?.clone();
        let base = self.base(&state, turn, &path).await?;
        let known = base.hunks(&state, turn);
        let wished = if wished.is_empty() { known.iter().map(|hunk| hunk.id).collect() } else { wished };
        if let Some(missing) = wished.iter().find(|id| !known.iter().any(|hunk| hunk.id == **id)) {
            return Err(Fault::new(FaultClass::Invalid, format!("`{path}` has no hunk {missing} in turn {turn}")));
        }
        let project =
            state.project.as_ref().ok_or_else(|| Fault::new(FaultClass::Internal, "the session has no project"))?;
        let root = Root::open(project.root()).map_err(|error| error.to_fault())?;
        let old = verdicts(&state, turn, &path);
        let given = verdict.clone();
        let work = move || judge(&root, &base, &old, &wished, &given);
        let judged = match tokio::task::spawn_blocking(work).await {
            Ok(judged) => judged?,
            Err(error) => {
                return Err(Fault::new(FaultClass::Internal, "the review broke off").detail(error.to_string()));
            }
        };
        let refused = (!judged.refused.is_empty()).then(|| stale(&path, &judged.refused));
        if judged.done.is_empty()
            && let Some(fault) = refused
        {
            return Err(fault);
        }
        let mut bodies: Vec<FactBody> = Vec::new();
        for hunk in known.iter().filter(|hunk| judged.done.contains(&hunk.id)) {
            let reviewed = said(turn, &path, hunk, Some(verdict.clone()), hunk.comment.clone());
            bodies.push(FactBody::HunkReviewed { reviewed });
        }
        let blobs = written(turn, &path, judged, &mut bodies);
        self.facts(session, bodies, blobs, None).await;
        let review = self.review(&self.live(session)?.view.state, turn).await?;
        Ok(Reply::Review { review, refused })
    }

    pub(super) async fn comment_hunk(
        &mut self,
        session: SessionId,
        turn: TurnId,
        path: ProjectPath,
        id: HunkId,
        comment: &str,
    ) -> Result<Reply, Fault> {
        let state = self.reviewable(session, turn)?;
        let known = self.base(state, turn, &path).await?.hunks(state, turn);
        let Some(hunk) = known.iter().find(|hunk| hunk.id == id) else {
            return Err(Fault::new(FaultClass::Invalid, format!("`{path}` has no hunk {id} in turn {turn}")));
        };
        let comment: String = comment.trim().chars().take(COMMENT).collect();
        let comment = (!comment.is_empty()).then_some(comment);
        let reviewed = said(turn, &path, hunk, hunk.verdict.clone(), comment);
        self.fact(session, FactBody::HunkReviewed { reviewed }).await;
        let review = self.review(&self.live(session)?.view.state, turn).await?;
        Ok(Reply::Review { review, refused: None })
    }

    pub(super) async fn finish_review(&mut self, session: SessionId, turn: TurnId) -> Result<Reply, Fault> {
        if self.live(session)?.view.state.review_finished != Some(turn) {
            self.fact(session, FactBody::ReviewFinished { turn }).await;
        }
        Ok(Reply::Done)
    }

    /// A turn of its own for the review.
    pub(super) async fn send_review(&mut self, session: SessionId) -> Result<Reply, Fault> {
        if self.is_running(session) {
            return Err(busy());
        }
        let state = &self.live(session)?.view.state;
        if state.review_message().is_none() {
            return Err(Fault::new(FaultClass::Invalid, "the review has nothing that the model does not know")
                .hint("reject, edit or comment on a hunk first"));
        }
        if let Some((turn, _)) = state.to_review() {
            self.finish_review(session, turn).await?;
        }
        self.begin_turn(session, String::new(), None).await;
        Ok(Reply::Done)
    }

    /// The session's state, when this turn's files may be written for a review.
    fn reviewable(&self, session: SessionId, turn: TurnId) -> Result<&SessionState, Fault> {
        let state = &self.live(session)?.view.state;
        if self.is_running(session) {
            return Err(busy());
        }
        match state.undoable_turn() {
            Some(newest) if newest == turn => Ok(state),
            // Changes lie upon changes: undo has to find them in their order.
            Some(newest) => {
                let sentence = format!("turn {turn} cannot be reviewed any more: turn {newest} changed files after it");
                Err(Fault::new(FaultClass::Invalid, sentence).hint("`/review` shows the newest changes"))
            }
            None => Err(nothing_changed()),
        }
    }

    async fn review(&self, state: &SessionState, turn: TurnId) -> Result<TurnReview, Fault> {
        let mut files = Vec::new();
        for (path, before, after) in changed(state, turn) {
            let base = self.base_of(path, before.as_ref(), after.as_ref()).await?;
            files.push(FileReview { path: base.path.clone(), kind: base.kind(), hunks: base.hunks(state, turn) });
        }
        if files.is_empty() { Err(nothing_changed()) } else { Ok(TurnReview { turn, files }) }
    }

    async fn base(&self, state: &SessionState, turn: TurnId, path: &ProjectPath) -> Result<Base, Fault> {
        match changed(state, turn).into_iter().find(|(changed, ..)| changed == path) {
            Some((path, before, after)) => self.base_of(path, before.as_ref(), after.as_ref()).await,
            None => Err(Fault::new(FaultClass::Invalid, format!("turn {turn} did not change `{path}`"))),
        }
    }

    async fn base_of(
        &self,
        path: ProjectPath,
        before: Option<&ContentHash>,
        after: Option<&ContentHash>,
    ) -> Result<Base, Fault> {
        let mut contents = [None, None];
        for (content, hash) in contents.iter_mut().zip([before, after]) {
            if let Some(hash) = hash {
                let stored = self.parts.storage.blob(hash).await.map_err(|error| error.to_fault())?;
                *content = Some(stored.ok_or_else(|| {
                    Fault::new(FaultClass::Storage, format!("a content of `{path}` is not in the store"))
                        .hint("review the file with `/diff` instead")
                })?);
            }
        }
        let [before, after] = contents;
        Ok(Base { path, before, after })
    }
}

impl Base {
    fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (_, None) => ChangeKind::Deleted,
            (None, Some(_)) => ChangeKind::Created,
            (Some(_), Some(_)) => ChangeKind::Modified,
        }
    }

    /// Both contents as text, where they are text that differs.
    fn texts(&self) -> Option<(&str, &str)> {
        let (before, after) = (text_of(self.before.as_deref())?, text_of(self.after.as_deref())?);
        (before != after).then_some((before, after))
    }

    fn hunks(&self, state: &SessionState, turn: TurnId) -> Vec<HunkReview> {
        let mut found: Vec<HunkReview> = match self.texts() {
            Some((before, after)) => hunks::hunks(before, after).into_iter().map(shown).collect(),
            None => vec![HunkReview {
                id: HunkId::WHOLE,
                header: "the whole file".to_owned(),
                lines: Vec::new(),
                after: String::new(),
                verdict: None,
                comment: None,
            }],
        };
        for hunk in &mut found {
            if let Some(said) = state.reviewed.iter().find(|one| one.is_about(turn, &self.path, hunk.id)) {
                hunk.verdict.clone_from(&said.verdict);
                hunk.comment.clone_from(&said.comment);
            }
        }
        found
    }

    /// Whether the file exists once it is empty.
    fn stays_when_empty(&self, hunks: usize, verdicts: &Verdicts) -> bool {
        let rejected = verdicts.values().filter(|verdict| **verdict == HunkVerdict::Reject).count();
        if rejected == hunks { self.before.is_some() } else { self.after.is_some() }
    }
}

fn text_of(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes.unwrap_or_default()).ok()
}

/// The files that the model changed in a turn, with their first and last content.
fn changed(state: &SessionState, turn: TurnId) -> Vec<(ProjectPath, Option<ContentHash>, Option<ContentHash>)> {
    let mut files: Vec<(ProjectPath, Option<ContentHash>, Option<ContentHash>)> = Vec::new();
    for change in state.changes_of(turn).into_iter().filter(|change| change.author == Author::Model) {
        match files.iter_mut().find(|(path, ..)| *path == change.path) {
            Some((_, _, after)) => *after = change.after,
            None => files.push((change.path, change.before, change.after)),
        }
    }
    files.retain(|(_, before, after)| before != after);
    files
}

fn verdicts(state: &SessionState, turn: TurnId, path: &ProjectPath) -> Verdicts {
    let said = state.reviewed.iter().filter(|one| one.turn == turn && one.path == *path);
    said.filter_map(|one| Some((one.hunk, one.verdict.clone()?))).collect()
}

fn shown(hunk: hunks::Hunk) -> HunkReview {
    let line = |line: workspace::diff::DiffLine| HunkLine {
        kind: match line.kind {
            DiffKind::Same => LineKind::Same,
            DiffKind::Added => LineKind::Added,
            DiffKind::Removed => LineKind::Removed,
        },
        old: line.old,
        new: line.new,
        text: line.text,
    };
    HunkReview {
        id: hunk.id,
        header: hunk.header,
        lines: hunk.lines.into_iter().map(line).collect(),
        after: hunk.after,
        verdict: None,
        comment: None,
    }
}

fn said(
    turn: TurnId,
    path: &ProjectPath,
    hunk: &HunkReview,
    verdict: Option<HunkVerdict>,
    comment: Option<String>,
) -> Reviewed {
    let (path, header) = (path.clone(), hunk.header.clone());
    let mut reviewed = Reviewed { turn, path, hunk: hunk.id, header, verdict, comment, lines: Vec::new() };
    if reviewed.matters() {
        reviewed.lines = unified(&hunk.lines);
    }
    reviewed
}

/// Carries a verdict on hunks out in the file. Each hunk follows it or is refused by itself; the file is written once,
/// and only if nobody changes it at the same moment.
fn judge(root: &Root, base: &Base, old: &Verdicts, wished: &[HunkId], verdict: &HunkVerdict) -> Result<Judged, Fault> {
    let was = root.read(&base.path).map_err(|error| error.to_fault())?;
    let (is, done, refused) = match base.texts() {
        Some((before, after)) => {
            let Some(now) = text_of(was.as_deref()) else { return Err(stale(&base.path, wished)) };
            let mut text = now.to_owned();
            let (mut stands, mut done, mut refused) = (old.clone(), Vec::new(), Vec::new());
            for id in wished {
                let mut wanted = stands.clone();
                wanted.insert(*id, verdict.clone());
                match hunks::revise(&text, before, after, &stands, &wanted) {
                    Ok(revised) => {
                        (text, stands) = (revised, wanted);
                        done.push(*id);
                    }
                    Err(_) => refused.push(*id),
                }
            }
            let count = hunks::hunks(before, after).len();
            let is = if text == now {
                was.clone()
            } else {
                (!text.is_empty() || base.stays_when_empty(count, &stands)).then(|| text.into_bytes())
            };
            (is, done, refused)
        }
        None => {
            let wanted = match verdict {
                HunkVerdict::Accept => &base.after,
                HunkVerdict::Reject => &base.before,
                HunkVerdict::Edit { .. } => {
                    let sentence = format!("`{}` is no text: it can be accepted or rejected as a whole", base.path);
                    return Err(Fault::new(FaultClass::Invalid, sentence));
                }
            };
            if was != base.before && was != base.after {
                return Err(stale(&base.path, wished));
            }
            (wanted.clone(), wished.to_vec(), Vec::new())
        }
    };
    if is != was {
        let expected = was.as_deref().map(ContentHash::of);
        let put = match &is {
            Some(bytes) => root.write_if(&base.path, expected.as_ref(), bytes, None),
            None => root
                .remove_if(&base.path, expected.as_ref())
                .and_then(|()| root.remove_empty_folders(std::slice::from_ref(&base.path))),
        };
        put.map_err(|error| error.to_fault())?;
    }
    Ok(Judged { was, is, done, refused })
}

/// Adds the change of the file to the facts, if there is one; its contents.
fn written(turn: TurnId, path: &ProjectPath, judged: Judged, bodies: &mut Vec<FactBody>) -> Vec<Blob> {
    if judged.is == judged.was {
        return Vec::new();
    }
    let (added, removed) = workspace::lines::changed(judged.was.as_deref(), judged.is.as_deref());
    let (before, after) = (judged.was.map(Blob::new), judged.is.map(Blob::new));
    let change = FileChange {
        turn,
        step: None,
        path: path.clone(),
        before: before.as_ref().map(|blob| blob.hash.clone()),
        after: after.as_ref().map(|blob| blob.hash.clone()),
        bytes: after.as_ref().map_or(0, |blob| u64::try_from(blob.bytes.len()).unwrap_or(u64::MAX)),
        added,
        removed,
        author: Author::Person,
    };
    bodies.push(FactBody::FileChanged { change });
    before.into_iter().chain(after).collect()
}

fn stale(path: &ProjectPath, refused: &[HunkId]) -> Fault {
    let which = match refused {
        [HunkId::WHOLE] => format!("`{path}` has changed since"),
        [one] => format!("hunk {one} of `{path}` no longer fits: its lines, or those around it, have changed since"),
        more => {
            let ids: Vec<String> = more.iter().map(ToString::to_string).collect();
            format!("hunks {} of `{path}` no longer fit: lines in or around them have changed since", ids.join(", "))
        }
    };
    Fault::new(FaultClass::Invalid, format!("{which}, so nothing was done about it"))
        .hint("look at the file as it is now, and change it yourself")
}

fn busy() -> Fault {
    Fault::new(FaultClass::Invalid, "a turn is running").hint("review when it has ended, or cancel it first")
}

fn nothing_changed() -> Fault {
    Fault::new(FaultClass::Invalid, "there is nothing to review: no turn of this session changed a file")
}
