//! Compaction that can be looked at and taken back.

use kiln::domain::{FactBody, FaultClass, ItemKind, Op, Pin, Reply, TurnOutcome, TurnProtocol};
use kiln::providers::{ChatRequest, ProviderError};

use crate::world::{World, call, error, text};

fn all(request: &ChatRequest) -> String {
    format!("{:?}", request.messages)
}

/// A session of four turns, compacted by hand, with one more play left.
async fn compacted() -> World {
    let plays = ["one", "two", "three", "four"].map(|number| text(&format!("answer {number}")));
    let plays = plays.into_iter().chain([text("## Goals\nSUMMARY"), text("answer five")]).collect();
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    for words in ["first wish", "second wish", "third wish", "fourth wish"] {
        world.turn(words).await;
        if words == "second wish" {
            let session = world.session();
            world.told(Op::Pin { session, item: None, pin: Pin::Keep }).await.unwrap();
        }
    }
    let session = world.session();
    world.told(Op::Compact { session }).await.unwrap();
    world
}

#[tokio::test]
async fn the_oldest_turns_become_a_summary_and_pins_stay_word_for_word() {
    let mut world = compacted().await;
    let before = world.requests();
    assert!(all(&before[4]).contains("answer one") && before[4].tools.is_empty(), "the model writes the summary");
    world.turn("fifth wish").await;
    let told = all(&world.requests()[5]);
    assert!(told.contains("SUMMARY"), "{told}");
    for kept in ["first wish", "second wish", "third wish", "answer three", "answer four", "fifth wish"] {
        assert!(told.contains(kept), "{kept} is lost: {told}");
    }
    for dropped in ["answer one", "answer two"] {
        assert!(!told.contains(dropped), "{dropped} is still told: {told}");
    }
    let answers = world.answers();
    assert!(answers.contains(&"answer one"), "nothing is deleted from the session");
    let ledger = world.view.state.items.iter().find_map(|item| match &item.kind {
        ItemKind::Compacted { dropped, .. } => Some(dropped.clone()),
        _ => None,
    });
    let ledger = ledger.unwrap();
    assert_eq!(ledger.len(), 2);
    assert!(ledger[0].what.contains("1 message, 1 answer") && ledger[0].tokens > 0, "{ledger:?}");
}

#[tokio::test]
async fn a_compaction_is_taken_back_also_after_a_restart() {
    let world = compacted().await;
    let session = world.session();
    let mut world = world.reopen(vec![text("answer five")]).await;
    world.told(Op::OpenSession { session }).await.unwrap();
    assert_eq!(world.view.state.compactions.len(), 1, "it is stored");
    let Reply::Context { context } = world.told(Op::DescribeContext { session }).await.unwrap() else { panic!() };
    let names: Vec<&str> = context.parts.iter().map(|part| part.name.as_str()).collect();
    assert!(names.contains(&"summary") && names.contains(&"pins") && names.contains(&"turns"), "{names:?}");
    assert_eq!(context.ledger.len(), 2);
    world.told(Op::UndoCompaction { session }).await.unwrap();
    world.turn("fifth wish").await;
    let told = all(&world.requests()[0]);
    assert!(told.contains("answer one") && !told.contains("SUMMARY"), "{told}");
    let fault = world.told(Op::UndoCompaction { session }).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Invalid);
}

#[tokio::test]
async fn nothing_is_compacted_where_there_is_nothing() {
    let mut world = World::new(TurnProtocol::Tools, Vec::new()).await;
    world.open().await;
    let session = world.session();
    let fault = world.told(Op::Compact { session }).await.unwrap_err();
    assert!(fault.sentence.contains("nothing to compact"), "{fault:?}");
    assert!(world.told(Op::Pin { session, item: None, pin: Pin::Keep }).await.is_err());
}

#[tokio::test]
async fn a_full_window_compacts_by_itself_at_the_beginning_of_a_turn() {
    let long = "word ".repeat(14_000);
    let plays = vec![text("one"), text(&long), text("SUMMARY"), text("three")];
    let mut world = World::with_window(20_000, plays).await;
    world.turn("first wish").await;
    world.turn("second wish").await;
    assert_eq!(world.turn("third wish").await, TurnOutcome::Completed);
    let requests = world.requests();
    assert_eq!(requests.len(), 4);
    assert!(all(&requests[3]).contains("SUMMARY") && all(&requests[3]).contains("first wish"));
    assert!(world.seen.iter().any(
        |event| matches!(event, kiln::domain::Event::Fact(fact) if matches!(fact.body, FactBody::Compacted { .. }))
    ));
}

#[tokio::test]
async fn a_request_that_is_too_long_is_sent_once_more_after_compacting() {
    let too_long = || error(ProviderError::TooLong { message: "too many tokens".to_owned() });
    let plays = vec![text("answer one"), too_long(), text("SUMMARY"), text("answer two"), too_long(), too_long()];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    world.turn("first wish").await;
    assert_eq!(world.turn("second wish").await, TurnOutcome::Completed);
    let requests = world.requests();
    assert!(
        all(&requests[3]).contains("SUMMARY") && !all(&requests[3]).contains("answer one"),
        "{}",
        all(&requests[3])
    );
    // Where the summary itself is too long the turn fails and says so; nothing is tried for ever.
    let TurnOutcome::Failed { fault } = world.turn("third wish").await else { panic!() };
    assert_eq!(fault.class, FaultClass::TooLong);
    assert_eq!(world.requests().len(), 6);
}

#[tokio::test]
async fn within_a_turn_old_answers_are_shortened_before_the_window_is_full() {
    let read = |name: &str| call(&[("read_file", &format!(r#"{{"path":"{name}"}}"#))]);
    let too_long = error(ProviderError::TooLong { message: "too many tokens".to_owned() });
    let plays = vec![read("a.txt"), read("b.txt"), read("c.txt"), too_long, text("done")];
    let mut world = World::new(TurnProtocol::Tools, plays).await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.put(name, &format!("{name} begins\n{}", "x y z\n".repeat(2_000)));
    }
    assert_eq!(world.turn("read all").await, TurnOutcome::Completed);
    let requests = world.requests();
    assert!(all(&requests[4]).len() < all(&requests[3]).len() * 3 / 4);
    assert!(all(&requests[4]).contains("a.txt begins"), "what is left says what it was");
}
