//! The seam: Ops in, facts out, with a provider that plays what a test wrote down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "seam/asking.rs"]
mod asking;
#[path = "seam/checking.rs"]
mod checking;
#[path = "seam/compaction.rs"]
mod compaction;
#[path = "seam/control.rs"]
mod control;
#[path = "seam/in_text.rs"]
mod in_text;
#[path = "seam/memory.rs"]
mod memory;
#[path = "seam/review.rs"]
mod review;
#[path = "seam/titles.rs"]
mod titles;
#[path = "seam/world.rs"]
mod world;

use kiln::domain::op::NewProject;
use kiln::domain::{
    Event, ExistingFiles, FactBody, FaultClass, Glimpse, ItemKind, Moment, Op, Phase, Reply, RewindScope, SessionState,
    StepState, TurnOutcome, TurnProtocol,
};
use kiln::providers::{OpaqueReasoning, Part, ProviderError, StopReason, StreamEvent};
use world::{Play, World, call, error, text, usage};

const FENCED: &str = "Right away.\n\n```plan\n1. Write index.html\n2. Write style.css\n```\n\n```html index.html\n<p>hi</p>\n```\n```css style.css\np {}\n```\nOpen it.";

fn states(state: &SessionState) -> Vec<StepState> {
    state.plan.iter().map(|step| step.state).collect()
}

#[tokio::test]
async fn a_prompt_becomes_a_plan_and_files_through_text() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text(FENCED)]).await;
    world.start("make a page").await;
    let outcome = world.until_ended().await;
    assert_eq!(outcome, TurnOutcome::Completed);
    assert_eq!(states(&world.view.state), [StepState::Done, StepState::Done]);
    assert_eq!(world.file("index.html"), Some("<p>hi</p>\n".to_owned()));
    assert_eq!(world.file("style.css"), Some("p {}\n".to_owned()));
    let prose: Vec<&str> = world.answers();
    assert_eq!(prose, ["Right away.\n\n", "Open it."]);
}

#[tokio::test]
async fn a_file_is_seen_growing_before_it_is_a_fact() {
    let mut world = World::new(TurnProtocol::Fenced, vec![Play::letter_by_letter(FENCED)]).await;
    world.start("make a page").await;
    world.until_ended().await;
    let opened = world.position(
        |e| matches!(e, Event::Glimpse { glimpse: Glimpse::FileOpened { path }, .. } if path.as_str() == "index.html"),
    );
    let grew = world.position(|e| matches!(e, Event::Glimpse { glimpse: Glimpse::FileText { .. }, .. }));
    let fact = world.position(|e| matches!(e, Event::Fact(f) if matches!(f.body, FactBody::FileChanged { .. })));
    assert!(opened < grew && grew < fact, "{opened} {grew} {fact}");
    assert!(world.view.live.files.is_empty(), "the fact takes the glimpses' place");
}

#[tokio::test]
async fn a_prompt_becomes_a_plan_and_files_through_tools() {
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["write it","say so"]}"#)]),
        call(&[
            ("write_file", r#"{"path":"src/main.rs","content":"fn main() {\n}\n"}"#),
            ("finish_step", r#"{"step":1}"#),
        ]),
        text("Done: run it with `cargo run`."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("a program").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("src/main.rs"), Some("fn main() {\n}\n".to_owned()));
    assert_eq!(states(&world.view.state), [StepState::Done, StepState::Done]);
    let called = world.position(
        |e| matches!(e, Event::Fact(f) if matches!(&f.body, FactBody::ToolCalled { name, .. } if name == "write_file")),
    );
    let changed = world.position(|e| matches!(e, Event::Fact(f) if matches!(f.body, FactBody::FileChanged { .. })));
    assert!(called < changed, "a call is on record before it runs");
    let requests = world.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].messages.len() > requests[1].messages.len());
    assert_eq!(
        requests[1].messages[..],
        requests[2].messages[..requests[1].messages.len()],
        "history is only appended to"
    );
}

#[tokio::test]
async fn sealed_reasoning_goes_back_whole_and_in_order_now_and_later() {
    let sealed = |n: u64| OpaqueReasoning { wire: "messages".to_owned(), blob: serde_json::json!({ "n": n }) };
    let mut thinking = call(&[("list_files", "{}")]);
    thinking.begin_with(vec![
        StreamEvent::Reasoning { text: "hm".to_owned() },
        StreamEvent::ReasoningOpaque { opaque: sealed(1) },
        StreamEvent::ReasoningOpaque { opaque: sealed(2) },
    ]);
    let mut world = World::new(TurnProtocol::Tools, vec![thinking, text("one"), text("two")]).await;
    world.start("go").await;
    world.until_ended().await;
    world.ask(Op::Send { session: world.session(), text: "on".to_owned() }).await.unwrap();
    world.until_ended().await;
    for request in &world.requests()[1..] {
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let pieces: Vec<OpaqueReasoning> = parts
            .filter_map(|part| match part {
                Part::Reasoning { opaque, .. } => opaque.clone(),
                _ => None,
            })
            .collect();
        assert_eq!(pieces, [sealed(1), sealed(2)]);
    }
}

#[tokio::test]
async fn a_path_outside_the_project_is_refused_and_the_model_hears_why() {
    let plays = vec![
        call(&[
            ("write_file", r#"{"path":"../evil.txt","content":"x"}"#),
            ("no_such_tool", "{}"),
            ("write_file", "{\"path\":"),
        ]),
        text("Sorry."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("go").await;
    world.until_ended().await;
    let refusals: Vec<String> = world
        .view
        .state
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Call { answer: Some(answer), .. } if answer.failed => Some(kiln::tools::words(&answer.content)),
            _ => None,
        })
        .collect();
    assert_eq!(refusals.len(), 3, "{refusals:?}");
    assert!(refusals[0].contains("leaves the project"), "{}", refusals[0]);
    assert!(refusals[1].contains("there is no tool"), "{}", refusals[1]);
    assert!(refusals[2].contains("not valid JSON"), "{}", refusals[2]);
    assert!(!world.project().parent().unwrap().join("evil.txt").exists());
}

#[tokio::test]
async fn a_refused_path_in_text_is_asked_for_again() {
    let plays = vec![text("```txt /etc/x.txt\na\n```\n"), text("```txt x.txt\na\n```\n")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.start("go").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("x.txt"), Some("a\n".to_owned()));
}

#[tokio::test]
async fn cancelling_keeps_the_partial_answer_and_marks_it() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text("half an ans").hanging()]).await;
    world.start("go").await;
    world.until(|e| matches!(e, Event::Glimpse { glimpse: Glimpse::Text { .. }, .. })).await;
    world.ask(Op::Cancel { session: world.session() }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Cancelled);
    let item = world.view.state.items.iter().find_map(|i| match &i.kind {
        ItemKind::Answer { text, whole, .. } => Some((text.clone(), *whole)),
        _ => None,
    });
    assert_eq!(item, Some(("half an ans".to_owned(), false)));
}

#[tokio::test]
async fn a_cut_off_file_is_never_written() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text("```txt a.txt\nhalf").then_error(broken())]).await;
    world.start("go").await;
    let TurnOutcome::Failed { fault } = world.until_ended().await else { panic!("it did not fail") };
    assert_eq!(fault.class, FaultClass::Broken);
    assert_eq!(world.file("a.txt"), None);
    assert_eq!(world.requests().len(), 1, "what was shown is never asked for again by itself");
}

fn broken() -> ProviderError {
    ProviderError::Broken { message: "cut".to_owned() }
}

#[tokio::test]
async fn a_failure_before_any_text_is_tried_again_where_time_may_help() {
    let busy = ProviderError::Overloaded { message: "later".to_owned(), after: Some(std::time::Duration::ZERO) };
    let plays = vec![error(busy), text("here")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.start("go").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    world.position(|e| {
        matches!(e, Event::Glimpse { glimpse: Glimpse::Phase { phase: Phase::Retrying { attempt: 2, .. } }, .. })
    });
}

#[tokio::test]
async fn a_wrong_key_fails_at_once_and_one_wish_retries() {
    let plays = vec![error(ProviderError::Auth { message: "no".to_owned() }), text("here")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.start("go").await;
    let TurnOutcome::Failed { fault } = world.until_ended().await else { panic!("it did not fail") };
    assert_eq!(fault.class, FaultClass::Auth);
    world.ask(Op::Retry { session: world.session() }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    let requests = world.requests();
    assert_eq!(requests[0].messages, requests[1].messages, "the failed turn left no trace in the conversation");
}

#[tokio::test]
async fn undo_brings_the_files_back_and_refuses_over_foreign_changes() {
    let plays = vec![text("```txt a.txt\none\n```\n"), text("```txt a.txt\ntwo\n```\n```txt b.txt\nnew\n```\n")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.start("first").await;
    world.until_ended().await;
    world.ask(Op::Send { session: world.session(), text: "second".to_owned() }).await.unwrap();
    world.until_ended().await;
    assert_eq!(world.file("a.txt"), Some("two\n".to_owned()));
    world.ask(Op::Undo { session: world.session(), existing: ExistingFiles::Keep }).await.unwrap();
    assert_eq!((world.file("a.txt"), world.file("b.txt")), (Some("one\n".to_owned()), None));
    std::fs::write(world.project().join("a.txt"), "mine").unwrap();
    let reply = world.ask(Op::Undo { session: world.session(), existing: ExistingFiles::Keep }).await.unwrap();
    let Reply::Conflict { conflict } = reply else { panic!("it did not ask: {reply:?}") };
    assert_eq!(conflict.paths, ["a.txt"]);
    assert_eq!(world.file("a.txt"), Some("mine".to_owned()));
    world.ask(Op::Undo { session: world.session(), existing: ExistingFiles::Replace }).await.unwrap();
    assert_eq!(world.file("a.txt"), None);
}

#[tokio::test]
async fn what_programs_change_during_a_turn_is_undone_and_done_again() {
    let plays = vec![text("```txt a.txt\none\n```\n").waiting_for_release(), text("nothing to do")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    std::fs::create_dir(world.project().join("work")).unwrap();
    std::fs::write(world.project().join("work/precious"), "not committed").unwrap();
    world.start("first").await;
    // The file is written when its fence closes; the turn still runs.
    world.until(|e| matches!(e, Event::Fact(fact) if matches!(fact.body, FactBody::FileChanged { .. }))).await;
    std::fs::remove_dir_all(world.project().join("work")).unwrap();
    std::fs::write(world.project().join("made"), "by a program").unwrap();
    world.release();
    world.until_ended().await;
    let session = world.session();
    let existing = ExistingFiles::Keep;
    world.ask(Op::Undo { session, existing }).await.unwrap();
    assert_eq!(world.file("work/precious"), Some("not committed".to_owned()));
    assert_eq!((world.file("a.txt"), world.file("made")), (None, None));
    let Reply::Restored { entries, .. } = world.ask(Op::Redo { session, existing }).await.unwrap() else { panic!() };
    assert_eq!(entries, 4, "two files made, one file and its folder removed");
    assert_eq!(world.file("work/precious"), None);
    assert_eq!((world.file("a.txt"), world.file("made")), (Some("one\n".to_owned()), Some("by a program".to_owned())));
    assert!(world.ask(Op::Redo { session, existing }).await.is_err(), "there is nothing more to redo");
    world.ask(Op::Undo { session, existing }).await.unwrap();
    assert_eq!(world.file("work/precious"), Some("not committed".to_owned()));
}

#[tokio::test]
async fn a_rewind_takes_files_and_conversation_back_and_deletes_nothing() {
    let plays =
        vec![text("```txt a.txt\none\n```\n"), text("```txt a.txt\ntwo\n```\n"), text("```txt a.txt\nthree\n```\n")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.start("first").await;
    world.until_ended().await;
    let session = world.session();
    world.ask(Op::Send { session, text: "second".to_owned() }).await.unwrap();
    world.until_ended().await;
    let Reply::Checkpoints { checkpoints } = world.ask(Op::ListCheckpoints { session }).await.unwrap() else {
        panic!()
    };
    let of_second = checkpoints.iter().find(|c| c.occasion.turn.0 == 2 && c.occasion.moment == Moment::BeforeTurn);
    let checkpoint = of_second.unwrap().id;
    let (scope, existing) = (RewindScope::Both, ExistingFiles::Keep);
    let reply = world.ask(Op::Rewind { session, checkpoint, scope, existing }).await.unwrap();
    let Reply::Restored { prompt, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(prompt.as_deref(), Some("second"));
    assert_eq!(world.file("a.txt"), Some("one\n".to_owned()));
    world.ask(Op::Redo { session, existing }).await.unwrap();
    assert_eq!(world.file("a.txt"), Some("two\n".to_owned()));
    world.ask(Op::Rewind { session, checkpoint, scope, existing }).await.unwrap();
    let items = world.view.state.items.len();
    world.ask(Op::Send { session, text: "third".to_owned() }).await.unwrap();
    world.until_ended().await;
    assert!(world.view.state.items.len() > items, "nothing is deleted");
    let told = format!("{:?}", world.requests()[2].messages);
    assert!(told.contains("first") && told.contains("third") && !told.contains("second"), "{told}");
    world.ask(Op::Undo { session, existing }).await.unwrap();
    assert_eq!(world.file("a.txt"), Some("one\n".to_owned()));
    world.ask(Op::Undo { session, existing }).await.unwrap();
    assert_eq!(world.file("a.txt"), None, "the turn that was taken back is not undone once more");
}

#[tokio::test]
async fn edits_patches_and_deletions_are_facts_and_can_be_taken_back() {
    let edit = r#"{"path":"a.txt","edits":[{"search":"one\n","replace":"1\n"}]}"#;
    let patch = r#"{"patch":"*** Begin Patch\n*** Delete File: b.txt\n*** Update File: c.txt\n*** Move to: d/c.txt\n@@\n-c\n+C\n*** End Patch"}"#;
    let plays = vec![
        call(&[
            ("write_file", r#"{"path":"b.txt","content":"b\n"}"#),
            ("write_file", r#"{"path":"c.txt","content":"c\n"}"#),
        ]),
        text("made"),
        call(&[("edit_file", edit), ("read_file", r#"{"path":"a.txt"}"#), ("edit_file", edit), ("apply_patch", patch)]),
        text("changed"),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("first").await;
    world.until_ended().await;
    std::fs::write(world.project().join("a.txt"), "one\r\ntwo\r\n").unwrap();
    world.ask(Op::Send { session: world.session(), text: "second".to_owned() }).await.unwrap();
    world.until_ended().await;
    let answers: Vec<(bool, String)> = world
        .view
        .state
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Call { answer: Some(answer), .. } => Some((answer.failed, kiln::tools::words(&answer.content))),
            _ => None,
        })
        .collect();
    assert!(answers[2].0 && answers[2].1.contains("was not read"), "{answers:?}");
    assert!(!answers[4].0 && !answers[5].0, "{answers:?}");
    assert_eq!(world.file("a.txt"), Some("1\r\ntwo\r\n".to_owned()));
    assert_eq!((world.file("b.txt"), world.file("c.txt")), (None, None));
    assert_eq!(world.file("d/c.txt"), Some("C\n".to_owned()));
    world.ask(Op::Undo { session: world.session(), existing: ExistingFiles::Keep }).await.unwrap();
    assert_eq!(world.file("a.txt"), Some("one\r\ntwo\r\n".to_owned()));
    assert_eq!((world.file("b.txt"), world.file("c.txt")), (Some("b\n".to_owned()), Some("c\n".to_owned())));
    assert_eq!(world.file("d/c.txt"), None);
}

#[tokio::test]
async fn words_typed_during_a_turn_wait_for_its_end() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text("one").waiting_for_release(), text("two")]).await;
    world.start("first").await;
    world.until(|e| matches!(e, Event::Glimpse { glimpse: Glimpse::Text { .. }, .. })).await;
    world.ask(Op::Send { session: world.session(), text: "second".to_owned() }).await.unwrap();
    world.release();
    world.until_ended().await;
    world.until_ended().await;
    assert_eq!(world.answers(), ["one", "two"]);
    assert!(world.view.state.queue.is_empty());
}

#[tokio::test]
async fn a_stored_session_opens_as_it_was() {
    let mut world = World::new(TurnProtocol::Fenced, vec![usage(text(FENCED))]).await;
    world.start("make a page").await;
    world.until_ended().await;
    let (session, before) = (world.session(), world.view.state.clone());
    let mut again = world.reopen(vec![]).await;
    again.ask(Op::OpenSession { session }).await.unwrap();
    again.until(|e| matches!(e, Event::Snapshot { .. })).await;
    assert_eq!(again.view.state, before);
}

#[tokio::test]
async fn a_turn_that_died_with_kiln_is_found_and_said() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text("ha").hanging()]).await;
    world.start("go").await;
    world.until(|e| matches!(e, Event::Glimpse { glimpse: Glimpse::Text { .. }, .. })).await;
    let session = world.session();
    let mut again = world.reopen_after_a_crash().await;
    again.ask(Op::OpenSession { session }).await.unwrap();
    assert_eq!(again.until_ended().await, TurnOutcome::Interrupted);
    assert!(!again.view.state.is_running());
}

#[tokio::test]
async fn two_kilns_never_write_one_session() {
    let mut world = World::new(TurnProtocol::Fenced, vec![text("a")]).await;
    world.start("go").await;
    world.until_ended().await;
    let second = world.beside(vec![]).await;
    let fault = second.ask(Op::OpenSession { session: world.session() }).await.unwrap_err();
    assert!(fault.hint.is_some(), "{fault}");
    second.ask(Op::Snapshot { session: world.session() }).await.expect("it may be looked at");
    let reply = second.ask(Op::ListSessions).await.unwrap();
    assert!(matches!(reply, Reply::Sessions { sessions } if sessions.len() == 1));
}

#[tokio::test]
async fn what_the_stream_of_facts_says_is_the_state() {
    let mut world = World::new(TurnProtocol::Fenced, vec![usage(text(FENCED))]).await;
    world.start("make a page").await;
    world.until_ended().await;
    let mut folded = SessionState::empty();
    for event in &world.seen {
        if let Event::Fact(fact) = event {
            let line = serde_json::to_string(fact).unwrap();
            assert!(folded.apply(&serde_json::from_str(&line).unwrap()));
        }
    }
    assert_eq!(folded, world.view.state);
    assert_eq!(folded.usage.output_visible, 7);
}

#[tokio::test]
async fn a_silent_stream_end_is_a_broken_answer() {
    let mut world =
        World::new(TurnProtocol::Fenced, vec![Play::events(vec![StreamEvent::Text { text: "x".into() }])]).await;
    world.start("go").await;
    assert!(matches!(world.until_ended().await, TurnOutcome::Failed { fault } if fault.class == FaultClass::Broken));
}

#[tokio::test]
async fn an_answer_cut_at_its_limit_says_so() {
    let stopped = StreamEvent::Stopped { reason: StopReason::Length };
    let mut world =
        World::new(TurnProtocol::Fenced, vec![Play::events(vec![StreamEvent::Text { text: "x".into() }, stopped])])
            .await;
    world.start("go").await;
    assert!(matches!(world.until_ended().await, TurnOutcome::Failed { fault } if fault.class == FaultClass::TooLong));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told_before_anything_starts() {
    let world = World::new(TurnProtocol::Fenced, vec![]).await;
    let project = NewProject::Directory { root: world.project().join("no/such") };
    assert!(world.ask(Op::StartSession { project, model: None, prompt: None }).await.is_err());
}
