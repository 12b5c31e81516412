//! The review of a turn: hunks with verdicts, files that follow them, and what the model hears.

use kiln::domain::{
    Author, CallId, Content, Decision, Event, FactBody, FaultClass, FileReview, HunkId, HunkVerdict, ItemKind, Mode,
    Op, Reply, Review, TurnId, TurnOutcome, TurnProtocol, TurnReview,
};

use crate::world::{Play, World, call, text};

const BEFORE: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
const AFTER: &str = "one\nTWO\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\n";

/// A world after a turn that changed one file in two places, and made and removed others.
async fn reviewed(plays: Vec<Play>) -> World {
    let arguments = |value: serde_json::Value| value.to_string();
    let edit = arguments(serde_json::json!({"path": "list.txt", "edits": [
        {"search": "two\n", "replace": "TWO\n"}, {"search": "ten\n", "replace": "ten\neleven\n"}]}));
    let made = arguments(serde_json::json!({"path": "new/made.txt", "content": "fresh\n"}));
    let patch = "*** Begin Patch\n*** Delete File: old.txt\n*** End Patch";
    let removed = arguments(serde_json::json!({"patch": patch}));
    let mut all = vec![
        call(&[("read_file", r#"{"path":"list.txt"}"#), ("read_file", r#"{"path":"old.txt"}"#)]),
        call(&[("edit_file", &edit), ("write_file", &made), ("apply_patch", &removed)]),
        text("Done."),
    ];
    all.extend(plays);
    let mut world = World::new(TurnProtocol::Tools, all).await;
    std::fs::write(world.project().join("list.txt"), BEFORE).unwrap();
    std::fs::write(world.project().join("old.txt"), "old\n").unwrap();
    world.start("change things").await;
    world.until_ended().await;
    assert_eq!(world.file("list.txt").as_deref(), Some(AFTER));
    assert_eq!(world.file("old.txt"), None);
    world
}

fn review_of(reply: Reply) -> TurnReview {
    match reply {
        Reply::Review { review, .. } => review,
        other => panic!("not a review: {other:?}"),
    }
}

fn file<'a>(review: &'a TurnReview, path: &str) -> &'a FileReview {
    review.files.iter().find(|file| file.path.as_str() == path).unwrap()
}

async fn judge(
    world: &mut World,
    path: &str,
    hunks: &[u32],
    verdict: HunkVerdict,
) -> Result<Reply, kiln::domain::Fault> {
    let hunks = hunks.iter().map(|id| HunkId(*id)).collect();
    let path = kiln::domain::ProjectPath::parse(path).unwrap();
    world.told(Op::JudgeHunks { session: world.session(), turn: TurnId(1), path, hunks, verdict }).await
}

async fn comment(world: &mut World, path: &str, hunk: u32, words: &str) {
    let (session, path) = (world.session(), kiln::domain::ProjectPath::parse(path).unwrap());
    let op = Op::CommentHunk { session, turn: TurnId(1), path, hunk: HunkId(hunk), comment: words.to_owned() };
    world.told(op).await.unwrap();
}

fn last_words(world: &World) -> String {
    let requests = world.requests();
    format!("{:?}", requests.last().unwrap().messages.last().unwrap()).replace("\\n", "\n")
}

#[tokio::test]
async fn a_turn_is_shown_as_hunks_by_file() {
    let mut world = reviewed(Vec::new()).await;
    let review = review_of(world.told(Op::ReviewTurn { session: world.session(), turn: None }).await.unwrap());
    assert_eq!(review.turn, TurnId(1));
    let paths: Vec<&str> = review.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["list.txt", "new/made.txt", "old.txt"]);
    let headers: Vec<&str> = file(&review, "list.txt").hunks.iter().map(|hunk| hunk.header.as_str()).collect();
    assert_eq!(headers, ["@@ -2,1 +2,1 @@", "@@ -10,0 +11,1 @@"]);
    assert_eq!(world.view.state.to_review(), Some((TurnId(1), 3)));
    world.told(Op::FinishReview { session: world.session(), turn: TurnId(1) }).await.unwrap();
    assert_eq!(world.view.state.to_review(), None, "a review that is over is not offered again");
}

#[tokio::test]
async fn all_rejected_is_before_and_all_accepted_is_after_in_any_order() {
    let mut world = reviewed(Vec::new()).await;
    for path in ["list.txt", "new/made.txt", "old.txt"] {
        judge(&mut world, path, &[], HunkVerdict::Reject).await.unwrap();
    }
    assert_eq!(world.file("list.txt").as_deref(), Some(BEFORE));
    assert_eq!(world.file("old.txt").as_deref(), Some("old\n"));
    assert!(!world.project().join("new").exists(), "what was made is gone, with its folder");
    // A second thought.
    for path in ["old.txt", "new/made.txt", "list.txt"] {
        judge(&mut world, path, &[], HunkVerdict::Accept).await.unwrap();
    }
    assert_eq!(world.file("list.txt").as_deref(), Some(AFTER));
    assert_eq!(world.file("new/made.txt").as_deref(), Some("fresh\n"));
    assert_eq!(world.file("old.txt"), None);
    assert_eq!(world.view.state.review_message(), None, "what is accepted in the end needs no words");
}

#[tokio::test]
async fn some_hunks_are_rejected_or_edited_and_what_the_person_did_since_stays() {
    let mut world = reviewed(Vec::new()).await;
    let touched = AFTER.replace("six\n", "6\n");
    std::fs::write(world.project().join("list.txt"), &touched).unwrap();
    judge(&mut world, "list.txt", &[2], HunkVerdict::Reject).await.unwrap();
    assert_eq!(world.file("list.txt").unwrap(), touched.replace("eleven\n", ""));
    let edit = HunkVerdict::Edit { text: "zwei\n".to_owned() };
    judge(&mut world, "list.txt", &[1], edit).await.unwrap();
    assert_eq!(world.file("list.txt").unwrap(), touched.replace("eleven\n", "").replace("TWO", "zwei"));
    let again = HunkVerdict::Edit { text: "deux\n".to_owned() };
    judge(&mut world, "list.txt", &[1], again).await.unwrap();
    assert_eq!(world.file("list.txt").unwrap(), touched.replace("eleven\n", "").replace("TWO", "deux"));
    let by_person = world
        .view
        .state
        .items
        .iter()
        .filter(|item| matches!(&item.kind, ItemKind::Change { change } if change.author == Author::Person));
    assert_eq!(by_person.count(), 3, "each write is on record with its author");
}

#[tokio::test]
async fn a_hunk_whose_surroundings_changed_is_refused_in_words_and_the_others_follow() {
    let mut world = reviewed(Vec::new()).await;
    let touched = AFTER.replace("three\n", "3\n");
    std::fs::write(world.project().join("list.txt"), &touched).unwrap();
    let fault = judge(&mut world, "list.txt", &[1], HunkVerdict::Reject).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Invalid);
    assert!(fault.sentence.contains("hunk 1 of `list.txt` no longer fits"), "{fault}");
    assert!(fault.hint.is_some());
    assert_eq!(world.file("list.txt").unwrap(), touched, "nothing was changed");
    let Ok(Reply::Review { review, refused: Some(fault) }) =
        judge(&mut world, "list.txt", &[], HunkVerdict::Reject).await
    else {
        panic!("not carried out in part")
    };
    assert!(fault.sentence.contains("hunk 1"), "{fault}");
    let verdicts: Vec<_> = file(&review, "list.txt").hunks.iter().map(|hunk| hunk.verdict.clone()).collect();
    assert_eq!(verdicts, [None, Some(HunkVerdict::Reject)]);
    assert_eq!(world.file("list.txt").unwrap(), touched.replace("eleven\n", ""));
}

#[tokio::test]
async fn the_model_hears_the_review_with_the_next_message_and_once() {
    let mut world = reviewed(vec![text("I see."), text("Yes.")]).await;
    judge(&mut world, "list.txt", &[1], HunkVerdict::Reject).await.unwrap();
    comment(&mut world, "list.txt", 1, "keep it small").await;
    judge(&mut world, "list.txt", &[2], HunkVerdict::Accept).await.unwrap();
    comment(&mut world, "new/made.txt", 1, "a better name, please").await;
    world.told(Op::Send { session: world.session(), text: "go on".to_owned() }).await.unwrap();
    world.until_ended().await;
    let told = last_words(&world);
    for part in [
        "go on",
        "list.txt @@ -2,1 +2,1 @@: rejected",
        "comment: keep it small",
        "-two\n+TWO",
        "new/made.txt @@ -0,0 +1,1 @@: commented",
        "a better name, please",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    assert!(!told.contains("-10,0"), "an acceptance without words is not told: {told}");
    world.told(Op::Send { session: world.session(), text: "and?".to_owned() }).await.unwrap();
    world.until_ended().await;
    assert!(!last_words(&world).contains("<review>"), "it was told already");
}

#[tokio::test]
async fn a_review_is_sent_at_once_when_the_person_says_so() {
    let mut world = reviewed(vec![text("I see.")]).await;
    let fault = world.told(Op::SendReview { session: world.session() }).await.unwrap_err();
    assert!(fault.sentence.contains("nothing"), "{fault}");
    judge(&mut world, "list.txt", &[1], HunkVerdict::Reject).await.unwrap();
    world.told(Op::SendReview { session: world.session() }).await.unwrap();
    world.until_ended().await;
    assert!(last_words(&world).contains("rejected"));
    assert_eq!(world.view.state.to_review(), None);
}

#[tokio::test]
async fn undo_goes_back_over_a_review_and_a_reopened_session_knows_it() {
    let mut world = reviewed(Vec::new()).await;
    judge(&mut world, "list.txt", &[2], HunkVerdict::Reject).await.unwrap();
    comment(&mut world, "list.txt", 1, "hm").await;
    let session = world.session();
    let mut world = world.reopen(Vec::new()).await;
    world.told(Op::OpenSession { session }).await.unwrap();
    let review = review_of(world.told(Op::ReviewTurn { session, turn: None }).await.unwrap());
    let hunks = &file(&review, "list.txt").hunks;
    assert_eq!(hunks[0].comment.as_deref(), Some("hm"));
    assert_eq!(hunks[1].verdict, Some(HunkVerdict::Reject));
    world.told(Op::Undo { session, existing: kiln::domain::ExistingFiles::Keep }).await.unwrap();
    assert_eq!(world.file("list.txt").as_deref(), Some(BEFORE));
    assert_eq!(world.file("old.txt").as_deref(), Some("old\n"));
    assert_eq!(world.file("new/made.txt"), None);
    assert_eq!(world.view.state.review_message(), None, "what was undone is not talked about");
}

#[tokio::test]
async fn nothing_is_written_while_a_turn_runs_or_for_a_turn_that_is_past() {
    let write = call(&[("write_file", r#"{"path":"later.txt","content":"x\n"}"#)]);
    let mut world = reviewed(vec![write, text("Done.").waiting_for_release()]).await;
    let session = world.session();
    world.told(Op::Send { session, text: "more".to_owned() }).await.unwrap();
    let fault = judge(&mut world, "list.txt", &[1], HunkVerdict::Reject).await.unwrap_err();
    assert!(fault.sentence.contains("a turn is running"), "{fault}");
    world.release();
    world.until_ended().await;
    let fault = judge(&mut world, "list.txt", &[1], HunkVerdict::Reject).await.unwrap_err();
    assert!(fault.sentence.contains("turn 2 changed files after it"), "{fault}");
    assert_eq!(world.file("list.txt").as_deref(), Some(AFTER));
    let past = world.told(Op::ReviewTurn { session, turn: Some(TurnId(1)) }).await.unwrap();
    assert_eq!(review_of(past).files.len(), 3, "but it can be looked at");
}

fn asks(event: &Event) -> bool {
    matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::ApprovalAsked { .. }))
}

/// The diffs that the person is shown, and the call that waits.
fn asked(world: &World) -> (CallId, Vec<String>) {
    let request = &world.view.state.approvals[0];
    let diffs = request.preview.iter().map(|content| match content {
        Content::Diff { path, text } => format!("{path}\n{text}"),
        other => panic!("no diff: {other:?}"),
    });
    (request.call.clone(), diffs.collect())
}

async fn decide(world: &mut World, call: CallId, decision: Decision) {
    world.told(Op::Decide { session: world.session(), call, decision }).await.unwrap();
}

#[tokio::test]
async fn reviewing_before_every_change_waits_with_its_diff() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+ONE\n*** Add File: b.txt\n+b\n*** End Patch";
    let plays = vec![
        call(&[("read_file", r#"{"path":"a.txt"}"#)]),
        call(&[("write_file", r#"{"path":"new.txt","content":"fresh\n"}"#)]),
        call(&[("edit_file", r#"{"path":"a.txt","edits":[{"search":"not there","replace":"x"}]}"#)]),
        call(&[("apply_patch", &serde_json::json!({ "patch": patch }).to_string())]),
        text("Done."),
    ];
    let mut world = World::reviewing(Review::Before, TurnProtocol::Tools, plays).await;
    std::fs::write(world.project().join("a.txt"), "one\ntwo\n").unwrap();
    world.start("go").await;
    world.until(asks).await;
    let (call, diffs) = asked(&world);
    assert_eq!(diffs, ["new.txt\n@@ -0,0 +1,1 @@\n+fresh"]);
    assert_eq!(world.file("new.txt"), None, "nothing is written before the person's word");
    decide(&mut world, call, Decision::Deny { comment: Some("call it fresh.txt".to_owned()) }).await;
    // The edit that fits nowhere is refused without a question.
    world.until(asks).await;
    let (call, diffs) = asked(&world);
    assert_eq!(diffs, ["a.txt\n@@ -1,1 +1,1 @@\n-one\n+ONE\n two", "b.txt\n@@ -0,0 +1,1 @@\n+b"]);
    decide(&mut world, call, Decision::Allow).await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("new.txt"), None);
    assert_eq!(world.file("a.txt").as_deref(), Some("ONE\ntwo\n"));
    assert_eq!(world.file("b.txt").as_deref(), Some("b\n"));
    let told = format!("{:?}", world.requests().last().unwrap().messages);
    assert!(told.contains("call it fresh.txt") && told.contains("was not edited"), "{told}");
}

#[tokio::test]
async fn a_model_without_tools_waits_too_and_a_read_only_session_refuses_it() {
    let fenced = "Here.\n\n```text note.txt\nhello\n```\n";
    let mut world = World::reviewing(Review::Before, TurnProtocol::Fenced, vec![text(fenced)]).await;
    world.start("go").await;
    world.until(asks).await;
    let (call, diffs) = asked(&world);
    assert_eq!(diffs, ["note.txt\n@@ -0,0 +1,1 @@\n+hello"]);
    decide(&mut world, call, Decision::Allow).await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("note.txt").as_deref(), Some("hello\n"));

    let mut world = World::new(TurnProtocol::Fenced, vec![text(fenced), text("Then not.")]).await;
    world.open().await;
    let session = world.session();
    world.told(Op::SelectMode { session, mode: Mode::ReadOnly }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    world.until_ended().await;
    assert_eq!(world.file("note.txt"), None);
}
