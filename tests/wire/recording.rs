//! What is recorded plays back the same, without secrets.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kiln::domain::{ModelInfo, ModelRef};
use kiln::providers::cassette::{RecordedClass, RecordedError, Recorder, Take, TimedEvent};
use kiln::providers::scripted::{Pace, Scripted};
use kiln::providers::scrub::Scrubber;
use kiln::providers::{Provider, ProviderError, StopReason, StreamEvent};

use crate::request;

fn model() -> ModelInfo {
    ModelInfo::unknown(ModelRef::new("p", "m"))
}

fn text(after_ms: u64, text: &str) -> TimedEvent {
    TimedEvent { after_ms, event: StreamEvent::Text { text: text.to_owned() } }
}

fn takes() -> Vec<Take> {
    let stopped = TimedEvent { after_ms: 5, event: StreamEvent::Stopped { reason: StopReason::Finished } };
    let error =
        RecordedError { after_ms: 7, class: RecordedClass::RateLimited, message: "slow".into(), retry_ms: Some(9) };
    vec![
        Take { events: vec![text(1000, "key my-secret-val"), text(0, "ue!"), stopped], ..Take::default() },
        Take { events: vec![text(0, "a")], error: Some(error), ..Take::default() },
    ]
}

async fn play(provider: &dyn Provider) -> Vec<Result<StreamEvent, ProviderError>> {
    provider.stream(request("x")).collect().await
}

#[tokio::test(start_paused = true)]
async fn a_recording_plays_back_with_its_timing_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    let source = Arc::new(Scripted::new(model(), takes(), Pace::Recorded));
    let scrubber = Scrubber::new(vec!["my-secret-value".into()]);
    let recorder = Recorder::create(&file, source, model(), scrubber.clone()).unwrap();
    let first = play(&recorder).await;
    let second = play(&recorder).await;
    assert!(
        Recorder::create(&file, Arc::new(Scripted::new(model(), vec![], Pace::Instant)), model(), scrubber).is_err()
    );

    let written = std::fs::read_to_string(&file).unwrap();
    assert!(!written.contains("secret") && written.contains("\"kiln_recording\":1"), "{written}");
    let replay = Scripted::open(&file, Pace::Recorded).unwrap();
    assert_eq!((replay.model(), replay.takes()), (&model(), 2));
    let begun = tokio::time::Instant::now();
    let played = play(&replay).await;
    assert_eq!(begun.elapsed().as_millis() / 10, 100, "it takes as long as it took");
    assert_eq!(played[0], Ok(StreamEvent::Text { text: "key ***!".into() }));
    assert_eq!(played.last(), first.last());
    assert_eq!(play(&replay).await, second);
    assert_eq!(
        second[1],
        Err(ProviderError::RateLimited { message: "slow".into(), after: Some(Duration::from_millis(9)) })
    );
    let after = play(&replay).await;
    assert!(matches!(after.as_slice(), [Err(ProviderError::Internal { .. })]));
}

#[tokio::test]
async fn a_dropped_answer_is_recorded_as_far_as_it_was_heard() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r");
    let source = Arc::new(Scripted::new(model(), takes(), Pace::Instant));
    let recorder = Recorder::create(&file, source, model(), Scrubber::default()).unwrap();
    let mut stream = recorder.stream(request("x"));
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let played = play(&Scripted::open(&file, Pace::Instant).unwrap()).await;
    assert!(
        matches!(played.as_slice(), [Ok(StreamEvent::Text { .. }), Err(ProviderError::Broken { .. })]),
        "{played:?}"
    );
}

#[test]
fn bad_recordings_are_refused_with_their_line() {
    let header = serde_json::json!({"kiln_recording": 1, "model": model()}).to_string();
    for (text, line) in [("", "line 1"), ("{}", "line 1"), (&format!("{header}\n\n{{\"events\":[{{}}]}}"), "line 3")] {
        let fault = Scripted::parse(text, "f", Pace::Instant).unwrap_err();
        assert!(fault.sentence.contains(line), "{fault}");
    }
    let newer = header.replace("\"kiln_recording\":1", "\"kiln_recording\":2");
    assert!(Scripted::parse(&newer, "f", Pace::Instant).is_err());
}
