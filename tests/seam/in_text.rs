//! Models without tool calling: the same tools, written as text, under the same policy.

use kiln::domain::{Decision, Event, FactBody, Mode, Op, PlanDecision, Planning, TurnOutcome, TurnProtocol};

use crate::world::{World, text};

const LOOK: &str = "I look first.\n\n```tool grep\n{\"pattern\": \"needle\"}\n```\n";
const EDIT: &str = "```rust src/main.rs\n<<<<<<< SEARCH\n    needle();\n=======\n    thread();\n>>>>>>> REPLACE\n```\n";

#[tokio::test]
async fn it_looks_and_edits_and_the_next_turn_knows() {
    let read = "```tool read_file\n{\"path\": \"src/main.rs\"}\n```\n";
    let plays = vec![text(LOOK), text(read), text(EDIT), text("Done."), text("Yes.")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.put("src/main.rs", "fn main() {\n    needle();\n}\n");
    world.start("rename it").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("src/main.rs").as_deref(), Some("fn main() {\n    thread();\n}\n"));
    let requests = world.requests();
    assert!(requests.iter().all(|request| request.tools.is_empty()));
    assert!(requests[0].system.contains("- grep {") && requests[0].system.contains("\"pattern\": string"));
    let last = |at: usize| format!("{:?}", requests[at].messages.last().unwrap());
    assert!(last(1).contains("The tool `grep` answered") && last(1).contains("2:     needle();"), "{}", last(1));
    assert!(last(2).contains("fn main()"), "{}", last(2));
    assert!(last(3).contains("The tool `edit_file` answered"), "{}", last(3));
    // The words of the turn stay what they were; the calls are told again with them.
    assert_eq!(world.answers(), ["I look first.\n\n", "Done."]);
    let session = world.session();
    world.told(Op::Send { session, text: "sure?".to_owned() }).await.unwrap();
    world.until_ended().await;
    let told = format!("{:?}", world.requests().last().unwrap().messages);
    assert!(told.contains("```tool grep") && told.contains("The tool `grep` answered"), "{told}");
}

#[tokio::test]
async fn what_was_not_read_is_not_edited_and_what_is_broken_is_told() {
    let unknown = "```tool dig\n{}\n```\n```tool grep\n{\"pattern\": \n```\n";
    let half = "```rust src/main.rs\n<<<<<<< SEARCH\n    needle();\n=======\n    thread();\n```\n";
    let plays = vec![text(EDIT), text(unknown), text(half), text("I give up.")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.put("src/main.rs", "fn main() {\n    needle();\n}\n");
    world.start("rename it").await;
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("src/main.rs").as_deref(), Some("fn main() {\n    needle();\n}\n"));
    let requests = world.requests();
    let last = |at: usize| format!("{:?}", requests[at].messages.last().unwrap());
    assert!(last(1).contains("was not read in this session"), "{}", last(1));
    assert!(last(2).contains("there is no tool `dig`") && last(2).contains("not valid JSON"), "{}", last(2));
    assert!(last(3).contains("no `>>>>>>> REPLACE` line"), "{}", last(3));
}

#[tokio::test]
async fn a_command_asks_and_a_cut_answer_runs_nothing() {
    let run = "```tool shell\n{\"command\": \"touch made\"}\n```\n";
    let mut world = World::new(TurnProtocol::Fenced, vec![text(run), text("Then not.")]).await;
    world.start("go").await;
    world
        .until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::ApprovalAsked { .. })))
        .await;
    let session = world.session();
    let call = world.view.state.approvals[0].call.clone();
    let decision = Decision::Deny { comment: Some("by hand".to_owned()) };
    world.told(Op::Decide { session, call, decision }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("made"), None);
    assert!(format!("{:?}", world.requests()[1].messages).contains("by hand"));

    let mut world = World::new(TurnProtocol::Fenced, vec![text(LOOK).hanging()]).await;
    world.start("go").await;
    let session = world.session();
    world.told(Op::Cancel { session }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Cancelled);
    assert!(!format!("{:?}", world.view.state.items).contains("grep"));
}

#[tokio::test]
async fn a_plan_waits_for_the_person_and_files_wait_for_the_plan() {
    let plan = "```plan\n1. write it\n2. test it\n```\n\n```txt a.txt\nearly\n```\n";
    let plays = vec![text(plan), text("```txt a.txt\nlate\n```\n")];
    let mut world = World::new(TurnProtocol::Fenced, plays).await;
    world.open().await;
    let session = world.session();
    world.told(Op::SelectPlanning { session, planning: Planning::Always }).await.unwrap();
    world.told(Op::SelectMode { session, mode: Mode::Auto }).await.unwrap();
    world.told(Op::Send { session, text: "go".to_owned() }).await.unwrap();
    world.until(|event| matches!(event, Event::Fact(fact) if matches!(fact.body, FactBody::PlanProposed { .. }))).await;
    assert_eq!(world.file("a.txt"), None);
    let decision = PlanDecision::Approve { steps: vec!["write it well".to_owned()] };
    world.told(Op::DecidePlan { session, decision }).await.unwrap();
    assert_eq!(world.until_ended().await, TurnOutcome::Completed);
    assert_eq!(world.file("a.txt").as_deref(), Some("late\n"));
    let told = format!("{:?}", world.requests()[1].messages.last().unwrap());
    assert!(told.contains("changed and approved the plan") && told.contains("nothing is changed before"), "{told}");
    let steps: Vec<&str> = world.view.state.plan.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(steps, ["write it well"]);
}
