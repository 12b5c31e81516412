//! Approvals, plans, questions, and words that join a running turn.

use kiln::domain::op::StepMark;
use kiln::domain::{
    Content, Decision, Event, FactBody, ItemKind, Lifetime, Mode, Op, PlanDecision, Planning, QueueHold, Reply, Scope,
    StepId, StepState, Touch, TurnOutcome, TurnProtocol,
};
use kiln::net::{NetSettings, Reach};

use crate::world::{World, call, text};

fn asks(event: &Event) -> bool {
    matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::ApprovalAsked { .. }))
}

fn refusals(world: &World) -> Vec<String> {
    let calls = world.view.state.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Call { answer: Some(answer), .. } if answer.failed => Some(kiln::tools::words(&answer.content)),
        _ => None,
    });
    calls.collect()
}

/// Starts a session that waits for its first message.
async fn opened(world: &mut World) -> kiln::domain::SessionId {
    world.open().await;
    world.session()
}

#[tokio::test]
async fn in_read_only_mode_nothing_is_written() {
    let plays = vec![call(&[("write_file", r#"{"path":"a.txt","content":"x"}"#)]), text("I could not.")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    let session = opened(&mut world).await;
    world.told(Op::SelectMode { session, mode: Mode::ReadOnly }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("a.txt"), None);
    assert!(refusals(&world)[0].contains("not allowed"), "{:?}", refusals(&world));
}

#[tokio::test]
async fn a_plan_waits_for_approval_and_runs_as_the_person_changed_it() {
    let plays = vec![
        call(&[("write_file", r#"{"path":"early.txt","content":"x"}"#)]),
        call(&[("set_plan", r#"{"steps":["one","two","three"]}"#)]),
        call(&[("finish_step", r#"{"step":1}"#), ("finish_step", r#"{"step":2}"#)]),
        text("Done."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    let session = opened(&mut world).await;
    world.told(Op::SelectPlanning { session, planning: Planning::Always }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    world.until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::PlanProposed { .. }))).await;
    assert_eq!(world.view.state.proposed.as_ref().map(Vec::len), Some(3));
    assert_eq!(world.file("early.txt"), None, "nothing is changed before the plan is approved");
    let steps = vec!["three".to_owned(), "one, but better".to_owned()];
    world.told(Op::DecidePlan { session, decision: PlanDecision::Approve { steps } }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    let titles: Vec<&str> = world.view.state.plan.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(titles, ["three", "one, but better"]);
    assert!(world.view.state.plan.iter().all(|step| step.state == StepState::Done));
    let told = format!("{:?}", world.requests()[2].messages);
    assert!(told.contains("one, but better"), "the model hears the plan that was approved: {told}");
}

#[tokio::test]
async fn a_plan_that_is_sent_back_is_made_again() {
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["one"]}"#)]),
        call(&[("set_plan", r#"{"steps":["better"]}"#)]),
        text("Done."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    let session = opened(&mut world).await;
    world.told(Op::SelectPlanning { session, planning: Planning::Always }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    let proposed =
        |event: &Event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::PlanProposed { .. }));
    world.until(proposed).await;
    let comment = "use no framework".to_owned();
    world.told(Op::DecidePlan { session, decision: PlanDecision::Reject { comment } }).await.unwrap();
    world.until(proposed).await;
    assert!(format!("{:?}", world.requests()[1].messages).contains("use no framework"));
    let steps = vec!["better".to_owned()];
    world.told(Op::DecidePlan { session, decision: PlanDecision::Approve { steps } }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
}

#[tokio::test]
async fn a_question_waits_for_the_person() {
    let plays =
        vec![call(&[("ask_user", r#"{"question":"Which colour?","choices":["red","blue"]}"#)]), text("Blue it is.")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("paint it").await;
    world
        .until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::QuestionAsked { .. })))
        .await;
    let question = world.view.state.questions[0].clone();
    assert_eq!(question.choices, ["red", "blue"]);
    let op = Op::Answer { session: world.session(), call: question.call, answer: "blue".to_owned() };
    world.ask(op.clone()).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert!(format!("{:?}", world.requests()[1].messages).contains("blue"));
    assert!(world.view.state.questions.is_empty());
    assert!(world.ask(op).await.is_err(), "a question is answered once");
}

#[tokio::test]
async fn words_said_to_a_running_turn_join_it() {
    let plays = vec![text("one").waiting_for_release(), text("two")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("first").await;
    world.until(|e| matches!(e, Event::Glimpse { glimpse: kiln::domain::Glimpse::Text { .. }, .. })).await;
    world.told(Op::Steer { session: world.session(), text: "and in blue".to_owned() }).await.unwrap();
    assert_eq!(world.view.state.queue, ["and in blue"], "until they are taken they are in the queue");
    world.release();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert!(world.view.state.queue.is_empty());
    assert_eq!(world.view.state.turn.0, 1, "no turn of their own");
    assert!(format!("{:?}", world.requests()[1].messages).contains("and in blue"));
}

#[tokio::test]
async fn a_held_queue_waits_and_its_messages_can_be_changed() {
    let plays = vec![text("one").waiting_for_release(), text("two"), text("three")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("first").await;
    world.until(|e| matches!(e, Event::Glimpse { glimpse: kiln::domain::Glimpse::Text { .. }, .. })).await;
    let session = world.session();
    for text in ["a", "b"] {
        world.told(Op::Send { session, text: text.to_owned() }).await.unwrap();
    }
    world.told(Op::HoldQueue { session, held: QueueHold::Held }).await.unwrap();
    world.told(Op::MoveQueued { session, from: 1, to: 0 }).await.unwrap();
    world.told(Op::EditQueued { session, index: 1, text: "a, but later".to_owned() }).await.unwrap();
    assert_eq!(world.view.state.queue, ["b", "a, but later"]);
    assert!(world.told(Op::MoveQueued { session, from: 0, to: 7 }).await.is_err());
    world.release();
    world.until_ended().await;
    assert_eq!(world.requests().len(), 1, "a held queue sends nothing");
    world.told(Op::HoldQueue { session, held: QueueHold::Moving }).await.unwrap();
    world.until_ended().await;
    world.until_ended().await;
    let said: Vec<String> = world.requests().iter().map(|r| format!("{:?}", r.messages.last())).collect();
    assert!(said[1].contains("\"b") && said[2].contains("a, but later"), "{said:?}");
}

#[tokio::test]
async fn a_step_is_skipped_by_the_person_and_the_model_hears_it() {
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["one","two","three"]}"#)]),
        call(&[("ask_user", r#"{"question":"ready?"}"#)]),
        text("All done."),
        text("Step 3 is done too."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("go").await;
    world
        .until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::QuestionAsked { .. })))
        .await;
    let session = world.session();
    world.told(Op::MarkStep { session, step: StepId(2), mark: StepMark::Skip }).await.unwrap();
    let call = world.view.state.questions[0].call.clone();
    world.told(Op::Answer { session, call, answer: "yes".to_owned() }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.view.state.plan[1].state, StepState::Skipped);
    let requests = world.requests();
    assert!(format!("{:?}", requests[2].messages).contains("Leave step 2 out"));
    assert!(format!("{:?}", requests[3].messages).contains("3. three"), "an open step is not dropped in silence");
}

#[tokio::test]
async fn a_step_that_a_new_plan_leaves_out_stays_in_sight() {
    let plays = vec![
        call(&[("set_plan", r#"{"steps":["one","two"]}"#)]),
        call(&[("set_plan", r#"{"steps":["one","other"]}"#), ("finish_step", r#"{"step":1}"#)]),
        call(&[("finish_step", r#"{"step":2}"#)]),
        text("Done."),
    ];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("go").await;
    world.until_ended().await;
    let plan: Vec<(&str, StepState)> =
        world.view.state.plan.iter().map(|step| (step.title.as_str(), step.state)).collect();
    assert_eq!(plan, [("one", StepState::Done), ("other", StepState::Done), ("two", StepState::Skipped)]);
}

#[tokio::test]
async fn a_call_that_asks_runs_only_with_the_persons_word() {
    let shell = r#"{"command":"touch made.txt"}"#;
    let plays = vec![call(&[("shell", shell)]), call(&[("shell", shell)]), call(&[("shell", shell)]), text("Done.")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.start("go").await;
    world.until(asks).await;
    let session = world.session();
    let first = world.view.state.approvals[0].clone();
    assert_eq!(first.title, "run `touch made.txt`");
    let comment = Some("not now".to_owned());
    world.told(Op::Decide { session, call: first.call, decision: Decision::Deny { comment } }).await.unwrap();
    world.until(asks).await;
    assert!(refusals(&world)[0].contains("not now"));
    assert!(!world.project().join("made.txt").exists());
    let second = world.view.state.approvals[0].clone();
    let scope = second.offers[0].clone();
    assert_eq!(scope, Scope::Command { line: "touch made.txt".to_owned() });
    let decision = Decision::AllowFurther { scope: scope.clone(), lifetime: Lifetime::Session };
    world.told(Op::Decide { session, call: second.call, decision }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed, "the third call is covered");
    assert!(world.project().join("made.txt").exists());
    let Reply::Permissions { grants, .. } = world.told(Op::ListPermissions { session }).await.unwrap() else {
        panic!()
    };
    assert_eq!(grants.len(), 1);
    world.told(Op::Revoke { session, scope }).await.unwrap();
    let Reply::Permissions { grants, .. } = world.told(Op::ListPermissions { session }).await.unwrap() else {
        panic!()
    };
    assert!(grants.is_empty());
}

#[tokio::test]
async fn hosts_of_a_command_are_asked_for_and_granted_with_it() {
    let looks = r#"{"command":"ls","hosts":["Registry.test"]}"#;
    let makes = r#"{"command":"touch made.txt","hosts":["registry.test","localhost:9"]}"#;
    let plays = [looks, looks, makes, makes].map(|arguments| call(&[("shell", arguments)]));
    let mut world = World::new(TurnProtocol::Tools, plays.into_iter().chain([text("Done.")]).collect()).await;
    world.start("go").await;
    world.until(asks).await;
    let session = world.session();
    let first = world.view.state.approvals[0].clone();
    assert_eq!(first.title, "run `ls` with a connection to registry.test");
    let host = |host: &str| Scope::Host { host: host.to_owned() };
    assert_eq!(first.offers, [host("registry.test")], "the command itself only reads");
    assert!(first.touches.contains(&Touch::Host { host: "registry.test".to_owned() }), "{:?}", first.touches);
    assert!(matches!(&first.preview[..], [Content::Code { text, .. }] if text == "ls"));
    let decision = Decision::AllowFurther { scope: host("registry.test"), lifetime: Lifetime::Session };
    world.told(Op::Decide { session, call: first.call, decision }).await.unwrap();
    // The second call asks for nothing; the third for what is new.
    world.until(asks).await;
    let third = world.view.state.approvals[0].clone();
    let line = Scope::Command { line: "touch made.txt".to_owned() };
    let both = Scope::Together { scopes: vec![line.clone(), host("localhost:9")] };
    assert_eq!(third.offers[0], both, "{:?}", third.offers);
    assert_eq!(both.to_string(), "run exactly `touch made.txt` and connect to localhost:9");
    let decision = Decision::AllowFurther { scope: both, lifetime: Lifetime::Session };
    world.told(Op::Decide { session, call: third.call, decision }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed, "the fourth call is covered");
    assert_eq!(world.seen.iter().filter(|event| asks(event)).count(), 2);
    let Reply::Permissions { grants, .. } = world.told(Op::ListPermissions { session }).await.unwrap() else {
        panic!()
    };
    let scopes: Vec<Scope> = grants.into_iter().map(|grant| grant.scope).collect();
    assert_eq!(scopes, [host("registry.test"), line, host("localhost:9")], "each can be taken back by itself");
}

#[tokio::test]
async fn hosts_that_cannot_be_granted_are_refused_before_the_person_is_asked() {
    let call_with = |hosts: &str| call(&[("shell", &format!(r#"{{"command":"touch made.txt","hosts":{hosts}}}"#))]);
    let hosts = [r#"["registry.test"]"#, r#"["*.test"]"#, r#"["localhost"]"#, r#"["https://a.test/"]"#];
    let plays = hosts.into_iter().map(call_with).chain([text("Done.")]).collect();
    let net = NetSettings { reach: Reach::Offline, ..NetSettings::default() };
    let mut world = World::with_net(net, plays).await;
    world.start("go").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert!(!world.seen.iter().any(asks));
    let told = refusals(&world);
    for (told, said) in told.iter().zip(["offline by setting", "far too many", "name the port", "is no host"]) {
        assert!(told.starts_with("the command was not run") && told.contains(said), "{told}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(!world.project().join("made.txt").exists());
}

#[tokio::test]
async fn a_model_hears_which_host_its_command_did_not_reach() {
    let script = "proxy=${HTTP_PROXY##*:}; exec 3<>/dev/tcp/127.0.0.1/$proxy; \
                  printf 'CONNECT other.test:443 HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3";
    let arguments = serde_json::json!({ "command": script, "hosts": ["registry.test"] }).to_string();
    let mut world = World::new(TurnProtocol::Tools, vec![call(&[("shell", &arguments)]), text("I see.")]).await;
    world.start("go").await;
    world.until(asks).await;
    let call = world.view.state.approvals[0].call.clone();
    world.told(Op::Decide { session: world.session(), call, decision: Decision::Allow }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    let heard = format!("{:?}", world.requests()[1].messages);
    assert!(heard.contains("403 Forbidden"), "{heard}");
    assert!(heard.contains("tried to reach `other.test:443`, which was not granted"), "{heard}");
    assert!(heard.contains("call again with `other.test` in `hosts`"), "{heard}");
}

#[tokio::test]
async fn background_commands_are_listed_and_stopped() {
    let start = r#"{"command":"sleep 1000","background":true}"#;
    let mut world = World::new(TurnProtocol::Tools, vec![call(&[("shell", start)]), text("It runs.")]).await;
    let session = opened(&mut world).await;
    world.told(Op::SelectMode { session, mode: Mode::Auto }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    let Reply::Jobs { jobs } = world.told(Op::ListJobs { session }).await.unwrap() else { panic!("no jobs") };
    assert_eq!(jobs.iter().map(|job| job.line.as_str()).collect::<Vec<_>>(), ["sleep 1000"]);
    world.told(Op::StopJob { session, job: jobs[0].job }).await.unwrap();
    let unknown = world.told(Op::StopJob { session, job: 77 }).await.unwrap_err();
    assert!(unknown.hint.as_deref().is_some_and(|hint| hint.contains("/jobs")), "{unknown:?}");
}
