//! Data out of models, and data about models.

use std::sync::Arc;

use kiln::domain::{FaultClass, ModelInfo, ModelRef, Usage};
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::http::{Endpoint, HttpProvider};
use kiln::providers::wire::{self, Quirks};
use kiln::providers::{ProviderError, refresh, structured};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::request;

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Title {
    title: String,
}

fn provider(server: &MockServer) -> HttpProvider {
    HttpProvider::new(
        ("test".into(), "Test".into()),
        wire::by_name("chat").unwrap(),
        Client::new(&NetSettings::default()).unwrap(),
        Endpoint { base_url: server.uri(), key: None },
        Quirks::default(),
        Arc::new(Catalogue::builtin().unwrap()),
    )
}

fn saying(words: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "choices": [{"message": {"content": words}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }))
}

#[tokio::test]
async fn data_is_asked_for_by_schema_and_repaired_once() {
    let server = MockServer::start().await;
    Mock::given(body_string_contains("corrected"))
        .respond_with(saying("{\"title\":\"A clock\"}"))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(body_string_contains("json_schema")).respond_with(saying("A clock!")).expect(1).mount(&server).await;
    let answer = structured::ask::<Title>(&provider(&server), request("x")).await.unwrap();
    assert_eq!(answer.value, Title { title: "A clock".into() });
    let usage = Usage { input_uncached: 6, output_visible: 4, ..Usage::default() };
    assert_eq!(answer.usage, Some(usage), "both requests count");
    let told = server.received_requests().await.unwrap().pop().unwrap();
    assert!(String::from_utf8(told.body).unwrap().contains("expected value"), "the model hears what was wrong");
}

#[tokio::test]
async fn a_second_failure_is_the_end_and_a_mode_that_is_missing_is_none() {
    let server = MockServer::start().await;
    let refusal =
        json!({"error": {"message": "'response_format' of type 'json_schema' is not supported with this model"}});
    let refused = ResponseTemplate::new(400).set_body_json(refusal);
    Mock::given(body_string_contains("response_format"))
        .respond_with(refused)
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/chat/completions")).respond_with(saying("never")).expect(2).mount(&server).await;
    let error = structured::ask::<Title>(&provider(&server), request("x")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn newer_data_is_kept_and_used_before_our_own() {
    let server = MockServer::start().await;
    let document = json!({
        "anthropic": {"models": {
            "claude-haiku-4-5": {"id": "claude-haiku-4-5", "name": "Haiku", "cost": {"input": 9.0, "output": 10.0},
                "limit": {"context": 222_000, "output": 64_000}, "modalities": {"input": ["text", "image"]}},
            "odd": {"limit": "much"},
        }},
        "google": {"models": {"gemini-9": {"id": "gemini-9", "modalities": {"input": ["text"]}}}},
        "nobody-we-know": {"models": {"x": {"id": "x"}}},
    });
    Mock::given(path("/api.json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(document))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.json");
    let (client, mut catalogue) = (Client::new(&NetSettings::default()).unwrap(), Catalogue::builtin().unwrap());
    assert_eq!(refresh::refresh(&client, &server.uri(), &catalogue, &file).await.unwrap(), 2);
    catalogue.put_model_rows(refresh::kept(&file));
    let haiku: ModelInfo = catalogue.model(&ModelRef::new("anthropic", "claude-haiku-4-5"));
    assert_eq!((haiku.title.as_str(), haiku.window), ("Haiku", Some(222_000)));
    assert_eq!(haiku.prices.unwrap().input, 9000);
    let new = ModelRef::new("gemini", "gemini-9");
    assert_eq!((catalogue.model(&new).prices, catalogue.images(&new)), (None, Some(wire::Images::Refused)));
    std::fs::write(&file, "{").unwrap();
    assert!(refresh::kept(&file).is_empty(), "a broken file is as none");
    let fault = refresh::refresh(&client, &format!("{}/nowhere", server.uri()), &catalogue, &file).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Offline);
    assert!(fault.detail.unwrap().contains("404"));
}
