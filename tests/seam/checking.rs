//! Checks after a step that changed files, and going on until they pass.

use kiln::domain::{CheckResult, CheckRun, Event, ItemKind, Mode, Op, StepState, TurnOutcome, TurnProtocol};

use crate::world::{Play, World, call, text};

const MAKE: &str = "check:\n\t@sh program.sh\n";

fn runs(world: &World) -> Vec<CheckRun> {
    let items = world.view.state.items.iter();
    items
        .filter_map(|item| match &item.kind {
            ItemKind::Check { run } => Some(run.clone()),
            _ => None,
        })
        .collect()
}

fn write(path: &str, content: &str) -> (&'static str, String) {
    ("write_file", serde_json::json!({ "path": path, "content": content }).to_string())
}

fn calls(of: &[(&'static str, String)]) -> Play {
    let borrowed: Vec<(&str, &str)> = of.iter().map(|(name, json)| (*name, json.as_str())).collect();
    call(&borrowed)
}

/// A session in a project that is checked by `make check`, allowed to run it unasked.
async fn checked(plays: Vec<Play>) -> World {
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    std::fs::write(world.project().join("Makefile"), MAKE).unwrap();
    world.open().await;
    let session = world.session();
    world.told(Op::SelectMode { session, mode: Mode::Auto }).await.unwrap();
    world
}

async fn send(world: &mut World, text: &str) -> TurnOutcome {
    world.told(Op::Send { session: world.session(), text: text.to_owned() }).await.unwrap();
    world.until_ended().await
}

#[tokio::test]
async fn a_program_that_fails_is_mended_until_its_check_passes() {
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["write it"]}"#)]),
        calls(&[write("program.sh", "echo broken pipe dream; exit 1\n"), ("finish_step", r#"{"step":1}"#.to_owned())]),
        calls(&[
            ("read_file", r#"{"path":"program.sh"}"#.to_owned()),
            write("program.sh", "exit 0\n"),
            ("finish_step", r#"{"step":1}"#.to_owned()),
        ]),
        text("It works now."),
    ];
    let mut world = checked(plays).await;
    assert_eq!(send(&mut world, "make it work").await, TurnOutcome::Completed);
    let runs = runs(&world);
    let results: Vec<(u32, &CheckResult)> = runs.iter().map(|run| (run.iteration, &run.result)).collect();
    assert_eq!(results, [(1, &CheckResult::Failed), (2, &CheckResult::Passed)]);
    assert!(runs[0].findings.contains("broken pipe dream"));
    assert_eq!(world.view.state.plan[0].state, StepState::Done);
    assert!(world.view.state.unverified.is_empty());
    let told = format!("{:?}", world.requests()[2].messages.last());
    assert!(told.contains("Step 1 is not done yet") && told.contains("broken pipe dream"), "{told}");
    let (red, green) = (
        world.position(|event| is_check(event, &CheckResult::Failed)),
        world.position(|event| is_check(event, &CheckResult::Passed)),
    );
    assert!(red < green);
}

fn is_check(event: &Event, result: &CheckResult) -> bool {
    matches!(event, Event::Fact(fact) if matches!(&fact.body, kiln::domain::FactBody::Checked { run } if run.result == *result))
}

#[tokio::test]
async fn it_stops_when_the_same_finding_comes_back() {
    let broken = |n: u8| vec![write("program.sh", &format!("# {n}\necho always; exit 1\n"))];
    let plays = vec![calls(&broken(1)), text("Done."), calls(&broken(2)), text("Now?")];
    let mut world = checked(plays).await;
    assert_eq!(send(&mut world, "go").await, TurnOutcome::Completed);
    assert_eq!(runs(&world).len(), 2);
    assert!(!world.view.state.unverified.is_empty(), "what no check passed over stays unverified");
    let notice = world.view.state.items.iter().find_map(|item| match &item.kind {
        ItemKind::Notice { text } => Some(text.clone()),
        _ => None,
    });
    assert!(notice.unwrap().contains("the same finding came back"));
    let requests = world.requests();
    let findings = requests[2].messages.last().unwrap();
    assert!(format!("{findings:?}").contains("always"));
    // What the model was told within the turn it is told in later turns too, word for word.
    let _ = send(&mut world, "and now?").await;
    let later = world.requests().pop().unwrap();
    assert!(later.messages.contains(findings), "{:?}", later.messages);
}

#[tokio::test]
async fn it_stops_when_nothing_was_changed() {
    let plays = vec![calls(&[write("program.sh", "exit 1\n")]), text("Done."), text("I cannot do better.")];
    let mut world = checked(plays).await;
    assert_eq!(send(&mut world, "go").await, TurnOutcome::Completed);
    assert_eq!(runs(&world).len(), 1);
}

#[tokio::test]
async fn a_project_without_checks_has_its_syntax_read() {
    let plays = vec![
        calls(&[write("a.py", "def f(:\n    pass\n")]),
        text("Done."),
        calls(&[("read_file", r#"{"path":"a.py"}"#.to_owned()), write("a.py", "def f():\n    pass\n")]),
        text("Mended."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("write a.py").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    let runs = runs(&world);
    assert_eq!(runs.len(), 2);
    assert!(runs[0].findings.contains("a.py:1:"), "{}", runs[0].findings);
    assert_eq!(runs[1].result, CheckResult::Passed);
    assert!(world.view.state.unverified.is_empty());
}

#[tokio::test]
async fn a_check_that_may_not_run_is_skipped_and_said() {
    let plays = vec![calls(&[write("program.sh", "exit 1\n")]), text("Done.")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    std::fs::write(world.project().join("Makefile"), MAKE).unwrap();
    world.start("go").await;
    world
        .until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, kiln::domain::FactBody::ApprovalAsked { .. })))
        .await;
    let request = world.view.state.approvals[0].clone();
    assert_eq!(request.title, "run `make check`");
    let decision = kiln::domain::Decision::Deny { comment: None };
    world.told(Op::Decide { session: world.session(), call: request.call, decision }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert!(matches!(&runs(&world)[0].result, CheckResult::Skipped { why } if why.contains("not allowed")));
}

#[tokio::test]
async fn a_model_that_goes_in_circles_is_stopped_by_the_person() {
    let same = || call(&[("list_files", "{}")]);
    let mut world = World::new(TurnProtocol::Tools, vec![same(), same(), same(), same()]).await;
    world.start("go").await;
    world
        .until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, kiln::domain::FactBody::QuestionAsked { .. })))
        .await;
    let question = world.view.state.questions[0].clone();
    assert!(question.text.contains("`list_files` 3 times"), "{}", question.text);
    let answer = question.choices[0].clone();
    world.told(Op::Answer { session: world.session(), call: question.call, answer }).await.unwrap();
    assert!(matches!(world.until_ended().await, TurnOutcome::Failed { .. }));
    assert_eq!(world.requests().len(), 3);
}

#[tokio::test]
async fn a_step_whose_check_stays_red_is_not_shown_as_done() {
    let finish = || ("finish_step", r#"{"step":1}"#.to_owned());
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["write it","tell of it"]}"#)]),
        calls(&[write("program.sh", "echo always; exit 1\n"), finish()]),
        calls(&[
            ("read_file", r#"{"path":"program.sh"}"#.to_owned()),
            write("program.sh", "echo always; exit 1 # again\n"),
            finish(),
        ]),
        text("I cannot."),
        text("I really cannot."),
    ];
    let mut world = checked(plays).await;
    assert_eq!(send(&mut world, "make it work").await, TurnOutcome::Completed);
    assert_eq!(runs(&world).len(), 2);
    assert_eq!(world.view.state.plan[0].state, StepState::Failed);
    let lines = world.view.state.items.iter().filter(|item| {
        matches!(&item.kind, ItemKind::Call { name, answer: Some(answer), .. }
            if name == "finish_step" && answer.display == kiln::domain::Display::Line)
    });
    assert_eq!(lines.count(), 0, "the check itself tells what it found");
}

#[tokio::test]
async fn what_nobody_can_read_is_not_said_to_have_passed() {
    let plays = vec![
        calls(&[write("README.md", "# read me\n")]),
        text("Done."),
        calls(&[write("a.py", "x = 1\n"), write("notes.txt", "a note\n")]),
        text("Done."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("write a readme").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(runs(&world), []);
    let unverified = |world: &World| world.view.state.unverified.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unverified(&world), ["README.md"]);
    assert_eq!(send(&mut world, "and a program").await, TurnOutcome::Completed);
    assert_eq!(runs(&world).len(), 1);
    assert_eq!(unverified(&world), ["README.md", "notes.txt"], "only what was looked at is covered");
    world.told(Op::Undo { session: world.session(), existing: kiln::domain::ExistingFiles::default() }).await.unwrap();
    assert_eq!(unverified(&world), ["README.md"], "what was taken back is no edit any more");
}

#[tokio::test]
async fn a_command_that_is_stopped_keeps_what_it_printed() {
    let plays = vec![call(&[("shell", r#"{"command":"echo so far; sleep 60"}"#)])];
    let mut world = checked(plays).await;
    let session = world.session();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    world
        .until(|event| matches!(event, Event::Glimpse { glimpse: kiln::domain::Glimpse::Output { text, .. }, .. } if text.contains("so far")))
        .await;
    world.told(Op::Cancel { session }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Cancelled);
    let answer = world.view.state.items.iter().find_map(|item| match &item.kind {
        ItemKind::Call { answer, .. } => answer.clone(),
        _ => None,
    });
    let answer = answer.expect("the call is answered");
    assert!(answer.failed);
    let told = format!("{:?}", answer.content);
    assert!(told.contains("so far") && told.contains("stopped"), "{told}");
}
