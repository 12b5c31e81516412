//! What models refuse: data first, learning from refusals second. And pictures.

use std::sync::Arc;

use kiln::domain::{Effort, ModelName, ModelRef};
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::http::{Endpoint, HttpProvider};
use kiln::providers::wire::{self, Quirks};
use kiln::providers::{Message, Part, Provider, ProviderError, Role, Shape};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::http::listen;
use crate::{fold, request};

/// What a model is sent by a wire, at an effort.
fn sent(wire: &str, model: &str, effort: Option<Effort>) -> Value {
    let rules = Catalogue::builtin().unwrap().rules(wire, model);
    let mut request = request("go");
    request.model = ModelName::new(model);
    request.effort = effort;
    request.max_output = Some(20_000);
    wire::by_name(wire).unwrap().encode(&request, &Quirks { rules, ..Quirks::default() }).body
}

#[test]
fn anthropic_models_are_asked_in_the_way_of_their_generation() {
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let new = sent("messages", "claude-opus-5", Some(Effort::ExtraHigh));
    assert_eq!((&new["thinking"], &new["output_config"]), (&adaptive, &json!({"effort": "xhigh"})));
    assert!(new.get("temperature").is_none(), "these refuse it");
    let off = sent("messages", "claude-opus-5", Some(Effort::None));
    assert!(off.get("thinking").is_none() && off.get("output_config").is_none());
    let older = sent("messages", "claude-sonnet-4-6", Some(Effort::ExtraHigh));
    assert_eq!(older["output_config"]["effort"], "max", "it has no `xhigh`");
    let budget = sent("messages", "claude-haiku-4-5-20251001", Some(Effort::Medium));
    assert_eq!(budget["thinking"], json!({"type": "enabled", "budget_tokens": 8192}));
    assert!(budget.get("temperature").is_none() && budget.get("output_config").is_none());
    let plain = sent("messages", "claude-haiku-4-5", None);
    assert!(plain.get("thinking").is_none());
    assert_eq!(plain["temperature"], 0.2);
}

#[test]
fn openai_models_that_reason_take_no_temperature() {
    for model in ["gpt-5.6-terra", "gpt-5-mini", "o4-mini"] {
        assert!(sent("chat", model, None).get("temperature").is_none(), "{model}");
    }
    assert_eq!(sent("chat", "gpt-5.4-mini", None)["temperature"], 0.2);
    let high = sent("chat", "gpt-5.4-mini", Some(Effort::Max));
    assert_eq!((&high["reasoning_effort"], high.get("temperature")), (&json!("high"), None));
    assert_eq!(sent("chat", "gpt-5-mini", Some(Effort::None))["reasoning_effort"], "minimal");
    let responses = sent("responses", "gpt-5.6-terra", Some(Effort::Low));
    assert_eq!(responses["reasoning"], json!({"summary": "auto", "effort": "low"}));
    assert!(sent("chat", "some-new-model", Some(Effort::High)).get("reasoning_effort").is_none());
}

#[test]
fn gemini_takes_a_number_or_a_level_and_ollama_a_word() {
    let thinking = |model: &str, effort| sent("gemini", model, effort)["generationConfig"]["thinkingConfig"].clone();
    assert_eq!(
        thinking("gemini-2.5-flash", Some(Effort::None)),
        json!({"includeThoughts": false, "thinkingBudget": 0})
    );
    assert_eq!(thinking("gemini-2.5-pro", Some(Effort::None))["thinkingBudget"], 512, "it cannot be silenced");
    assert_eq!(thinking("gemini-3.1-pro-preview", Some(Effort::Medium))["thinkingLevel"], "HIGH");
    assert_eq!(thinking("gemini-3.7-flash", None), json!({"includeThoughts": true}));
    let wire = wire::by_name("ollama").unwrap();
    let shown = json!({"capabilities": ["completion", "thinking"]}).to_string();
    let think = |model: &str, effort| {
        let rules = Catalogue::builtin().unwrap().rules("ollama", model);
        let mut quirks = Quirks { rules, ..Quirks::default() };
        quirks.models.insert(model.to_owned(), wire.learn(shown.as_bytes()));
        let mut request = request("go");
        (request.model, request.effort) = (ModelName::new(model), effort);
        wire.encode(&request, &quirks).body["think"].clone()
    };
    assert_eq!(think("gpt-oss:20b", Some(Effort::None)), "low");
    assert_eq!(think("gpt-oss:20b", None), "medium");
    assert_eq!((think("qwen3", None), think("qwen3", Some(Effort::None))), (json!(true), json!(false)));
}

#[test]
fn every_wire_carries_a_schema_and_a_picture_in_its_own_way() {
    let schema = json!({"type": "object", "properties": {}});
    let mut request = request("what is this?");
    request.shape = Shape::Json { name: "thing".into(), schema: schema.clone() };
    request.messages[0].parts.push(Part::Image { media_type: "image/png".into(), data: "QUJD".into() });
    let body = |name: &str| wire::by_name(name).unwrap().encode(&request, &Quirks::default()).body;
    let messages = body("messages");
    assert_eq!(messages["output_config"]["format"], json!({"type": "json_schema", "schema": schema}));
    let source = json!({"type": "base64", "media_type": "image/png", "data": "QUJD"});
    assert_eq!(messages["messages"][0]["content"][1]["source"], source);
    let chat = body("chat");
    assert_eq!(chat["response_format"]["json_schema"], json!({"name": "thing", "schema": schema, "strict": true}));
    let url = "data:image/png;base64,QUJD";
    assert_eq!(chat["messages"][1]["content"][1], json!({"type": "image_url", "image_url": {"url": url}}));
    let responses = body("responses");
    let format = json!({"type": "json_schema", "name": "thing", "schema": schema, "strict": true});
    assert_eq!(responses["text"]["format"], format);
    assert_eq!(responses["input"][0]["content"][1]["image_url"], url);
    let gemini = body("gemini");
    assert_eq!(gemini["generationConfig"]["responseJsonSchema"], schema);
    assert_eq!(gemini["generationConfig"]["responseMimeType"], "application/json");
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": "QUJD"}});
    assert_eq!(gemini["contents"][0]["parts"][1], inline);
    let ollama = body("ollama");
    assert_eq!((&ollama["format"], &ollama["messages"][1]["images"]), (&schema, &json!(["QUJD"])));
}

#[test]
fn inner_fields_are_left_out_before_what_holds_them() {
    let wire = wire::by_name("messages").unwrap();
    let rules = Catalogue::builtin().unwrap().rules("messages", "claude-opus-5");
    let mut quirks = Quirks { rules, ..Quirks::default() };
    let mut request = request("go");
    request.effort = Some(Effort::High);
    request.shape = Shape::Json { name: "thing".into(), schema: json!({}) };
    let refusal = |message: &str| ProviderError::BadRequest { message: message.into(), field: None };
    let sent = wire.encode(&request, &quirks).body;
    assert!(wire.adapt(&refusal("This model does not support the effort parameter."), &sent, &mut quirks));
    let sent = wire.encode(&request, &quirks).body;
    assert_eq!(sent["output_config"], json!({"format": {"type": "json_schema", "schema": {}}}));
    assert!(wire.adapt(&refusal("output_config.format: Extra inputs are not permitted"), &sent, &mut quirks));
    let sent = wire.encode(&request, &quirks).body;
    assert!(sent.get("output_config").is_none(), "nothing empty stays behind");
    assert!(wire.adapt(&refusal("adaptive thinking is not supported on this model"), &sent, &mut quirks));
    assert!(wire.encode(&request, &quirks).body.get("thinking").is_none());
    let wire = wire::by_name("gemini").unwrap();
    let mut quirks = Quirks::default();
    let sent = wire.encode(&request, &quirks).body;
    let words = "Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config'";
    assert!(wire.adapt(&refusal(words), &sent, &mut quirks));
    assert!(wire.encode(&request, &quirks).body.pointer("/generationConfig/responseJsonSchema").is_none());
}

fn provider(wire: &str, server: &MockServer, catalogue: Catalogue) -> HttpProvider {
    HttpProvider::new(
        ("groq".into(), "Groq".into()),
        wire::by_name(wire).unwrap(),
        Client::new(&NetSettings::default()).unwrap(),
        Endpoint { base_url: server.uri(), key: None },
        Quirks::default(),
        Arc::new(catalogue),
    )
}

const ANSWER: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn what_one_model_refuses_is_still_sent_to_another() {
    let server = MockServer::start().await;
    let refusal = json!({"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}});
    let picky = json!({"model": "picky", "temperature": 0.2});
    let refused = ResponseTemplate::new(400).set_body_json(refusal);
    Mock::given(body_partial_json(picky)).respond_with(refused).expect(1).mount(&server).await;
    let fine = || ResponseTemplate::new(200).set_body_raw(ANSWER, "text/event-stream");
    let easy = json!({"model": "easy", "temperature": 0.2});
    Mock::given(body_partial_json(easy)).respond_with(fine()).expect(1).with_priority(1).mount(&server).await;
    Mock::given(body_partial_json(json!({"model": "picky"}))).respond_with(fine()).expect(2).mount(&server).await;
    let provider = provider("chat", &server, Catalogue::builtin().unwrap());
    for model in ["picky", "picky", "easy"] {
        let mut request = request("x");
        request.model = ModelName::new(model);
        assert_eq!(listen(&provider, request).await.text, "hi", "{model}");
    }
}

#[tokio::test]
async fn a_model_without_eyes_is_shown_no_picture() {
    let server = MockServer::start().await;
    let fine = ResponseTemplate::new(200).set_body_raw(ANSWER, "text/event-stream");
    Mock::given(path("/chat/completions")).respond_with(fine).expect(3).mount(&server).await;
    let mut catalogue = Catalogue::builtin().unwrap();
    let row =
        "[[model]]\nprovider='groq'\nname='blind'\ntitle='Blind'\nimages='refused'\nsource='s'\ndate='2026-01-01'";
    catalogue.put_models(row).unwrap();
    let provider = provider("chat", &server, catalogue);
    let mut request = request("what is this?");
    request.model = ModelName::new("blind");
    request.messages[0].parts.push(Part::Image { media_type: "image/png".into(), data: "QUJD".into() });
    let error = listen(&provider, request.clone()).await.error.unwrap();
    assert!(matches!(error, ProviderError::NoImages { .. }), "{error:?}");
    assert!(error.to_fault("Groq").to_string().contains("takes no pictures"));
    // One that a tool shows becomes words, here and where nobody knows whether the model sees.
    let mut shown = request.clone();
    let result = Part::ToolResult { id: "1".into(), name: "read_file".into(), text: "(picture)".into(), failed: false };
    shown.messages[0].parts.insert(0, result);
    for model in ["blind", "unheard-of"] {
        shown.model = ModelName::new(model);
        assert_eq!(listen(&provider, shown.clone()).await.error, None);
    }
    for sent in server.received_requests().await.unwrap() {
        let body = String::from_utf8(sent.body).unwrap();
        assert!(body.contains("cannot see") && !body.contains("QUJD"), "{body}");
    }
    // A picture of earlier, for another model, does not end the session.
    request.messages.push(Message::text(Role::Assistant, "a cat"));
    request.messages.push(Message::text(Role::User, "and now?"));
    assert_eq!(listen(&provider, request).await.text, "hi");
    let sent = server.received_requests().await.unwrap().pop().unwrap();
    let sent = String::from_utf8(sent.body).unwrap();
    assert!(!sent.contains("QUJD") && sent.contains("a picture that this model cannot see"), "{sent}");
}

#[tokio::test]
async fn limits_and_token_counts_come_from_the_provider() {
    let server = MockServer::start().await;
    let fine = ResponseTemplate::new(200)
        .set_body_raw(ANSWER, "text/event-stream")
        .insert_header("x-ratelimit-remaining-requests", "7")
        .insert_header("x-ratelimit-reset-requests", "6m0s");
    Mock::given(path("/chat/completions")).respond_with(fine).mount(&server).await;
    let chat = provider("chat", &server, Catalogue::builtin().unwrap());
    assert_eq!(chat.rate_limits(), None);
    listen(&chat, request("x")).await;
    assert_eq!(chat.rate_limits().unwrap().requests_left, Some(7));
    assert_eq!(chat.count_tokens(&request("x")).await, None);
    for (wire, place, answer) in [
        ("messages", "/v1/messages/count_tokens", json!({"input_tokens": 9})),
        ("responses", "/responses/input_tokens", json!({"object": "response.input_tokens", "input_tokens": 9})),
        ("gemini", "/v1beta/models/m:countTokens", json!({"totalTokens": 9})),
    ] {
        Mock::given(path(place)).respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
        let provider = provider(wire, &server, Catalogue::builtin().unwrap());
        assert_eq!(provider.count_tokens(&request("x")).await, Some(9), "{wire}");
        let body: Value =
            serde_json::from_slice(&server.received_requests().await.unwrap().pop().unwrap().body).unwrap();
        assert!(body.get("stream").is_none() && body.get("max_tokens").is_none(), "{body}");
    }
}

#[tokio::test]
async fn ollama_tells_its_window_and_what_it_dropped() {
    let server = MockServer::start().await;
    let shown = json!({"model_info": {"x.context_length": 4096}, "capabilities": ["completion"]});
    Mock::given(path("/api/show")).respond_with(ResponseTemplate::new(200).set_body_json(shown)).mount(&server).await;
    let line = json!({"message": {"content": "hi"}, "done": true, "done_reason": "stop", "prompt_eval_count": 4096, "eval_count": 1});
    let fine = ResponseTemplate::new(200).set_body_raw(format!("{line}\n"), "application/x-ndjson");
    Mock::given(path("/api/chat")).respond_with(fine).mount(&server).await;
    let ollama = provider("ollama", &server, Catalogue::builtin().unwrap());
    assert_eq!(ollama.window(&ModelName::new("m")).await, Some(4096));
    let heard = listen(&ollama, request("x")).await;
    assert!(heard.notices.iter().any(|text| text.contains("4096")), "{:?}", heard.notices);
    let mut picture = request("x");
    picture.messages[0].parts.push(Part::Image { media_type: "image/png".into(), data: "QUJD".into() });
    assert!(matches!(listen(&ollama, picture).await.error, Some(ProviderError::NoImages { .. })));
    assert_eq!(fold([], None).notices.len(), 0);
}

#[test]
fn the_persons_rows_win_and_older_rows_fill_gaps() {
    let mut catalogue = Catalogue::builtin().unwrap();
    let reference = ModelRef::new("anthropic", "claude-haiku-4-5");
    let before = catalogue.model(&reference);
    let own = "[[model]]\nprovider='anthropic'\nname='claude-haiku-4-5'\ntitle='Mine'\nwindow=1234\nsource='me'\ndate='2026-01-01'";
    catalogue.put_models(own).unwrap();
    let after = catalogue.model(&reference);
    assert_eq!((after.title.as_str(), after.window), ("Mine", Some(1234)));
    assert_eq!((after.prices, after.max_output), (before.prices, before.max_output));
    assert!(catalogue.put_models("[[model]]\nnonsense = 1").is_err());
}
