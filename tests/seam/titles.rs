//! A session's title, asked of its own model after the first turn.

use std::sync::Arc;

use crate::world::parts;
use kiln::domain::op::NewProject;
use kiln::domain::{Cost, Event, FactBody, ModelRef, Op};
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::registry::{OwnQuestions, ProviderSettings, Registry};
use serde_json::json;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn the_sessions_own_model_names_it_and_is_paid_for_it() {
    let server = MockServer::start().await;
    let saying = |words: &str| {
        ResponseTemplate::new(200).set_body_json(json!({
            "choices": [{"message": {"content": words}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 4, "completion_tokens": 2},
        }))
    };
    let named = saying("{\"title\": \"\\\"A clock.\\\"\"}");
    Mock::given(body_string_contains("json_schema"))
        .respond_with(named)
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/chat/completions")).respond_with(saying("done")).expect(1).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = ProviderSettings {
        base_urls: [("openai".into(), server.uri())].into(),
        keys: Arc::new(|_, _| Ok(Some("k".into()))),
        preferred: Some("openai".into()),
        own_questions: OwnQuestions::Asked,
        ..ProviderSettings::default()
    };
    let net = Client::new(&NetSettings::default()).unwrap();
    let registry = Registry::new(Catalogue::builtin().unwrap(), settings, net);
    let root = folder.path().to_owned();
    let (engine, task) = kiln::engine::start(async move { Ok(parts(&root, registry).await) });
    let mut events = engine.subscribe();
    let model = Some(ModelRef::new("openai", "gpt-5.6-terra"));
    let start = Op::StartSession { project: NewProject::Scratch, model, prompt: Some("a page with a clock".into()) };
    engine.ask(start).await.unwrap();
    let mut costs = Vec::new();
    let title = loop {
        let event = events.next().await.unwrap();
        let Event::Fact(fact) = event.as_ref() else { continue };
        match &fact.body {
            FactBody::UsageRecorded { cost, .. } => costs.push(*cost),
            FactBody::TitleChanged { title } => break title.clone(),
            _ => {}
        }
    };
    assert_eq!(title, "A clock");
    assert!(costs.len() == 2 && costs.iter().all(|cost| matches!(cost, Cost::Known(_))), "{costs:?}");
    drop((engine, events));
    task.await.unwrap();
}
