//! Gemini: what it sends, and what goes back.

use kiln::net::sse::Frame;
use kiln::providers::wire::{self, Quirks};
use kiln::providers::{Message, OpaqueReasoning, Part, ProviderError, Role, StopReason, StreamEvent, ToolSpec};
use serde_json::{Value, json};

use crate::transcripts::heard;
use crate::{Heard, request};

fn gemini(chunks: &[Value]) -> Heard {
    heard("gemini", &chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<String>())
}

fn parts(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}}], "responseId": "r"})
}

fn end(reason: &str) -> Value {
    json!({"candidates": [{"finishReason": reason, "finishMessage": "why"}],
        "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 2,
            "candidatesTokenCount": 3, "thoughtsTokenCount": 5}})
}

#[test]
fn text_goes_on_after_a_first_reason_and_usage_is_disjoint() {
    let chunks = [
        parts(&json!([{"text": "hm", "thought": true}])),
        parts(&json!([{"text": "漢字 🦀\u{2028}"}, {"executableCode": {"code": "1"}}])),
        end("STOP"),
        parts(&json!([{"text": "!"}])),
        end("STOP"),
    ];
    let heard = gemini(&chunks);
    assert_eq!((heard.text.as_str(), heard.thinking.as_str()), ("漢字 🦀\u{2028}!", "hm"));
    assert_eq!((heard.usage, heard.reason), ([8, 4, 0, 0, 3, 5], Some(StopReason::Finished)));
}

#[test]
fn ends_and_errors_are_told_apart() {
    let text = || parts(&json!([{"text": "x"}]));
    assert_eq!(gemini(&[text(), end("MAX_TOKENS")]).reason, Some(StopReason::Length));
    assert_eq!(gemini(&[text(), end("SAFETY")]).reason, Some(StopReason::Refused));
    let broken = [gemini(&[end("MALFORMED_FUNCTION_CALL")]), gemini(&[end("STOP")]), gemini(&[text()])];
    assert!(broken.iter().all(|heard| matches!(heard.error, Some(ProviderError::Broken { .. }))), "{broken:?}");
    let blocked = gemini(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]);
    assert!(matches!(blocked.error, Some(ProviderError::Refused { .. })));
    let busy = json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}});
    let heard = gemini(&[text(), busy]);
    assert_eq!(heard.text, "x");
    assert!(matches!(heard.error, Some(ProviderError::Overloaded { .. })));
}

/// A turn as the agent keeps it: the last sealed piece, the text, the calls.
fn turn(chunks: &[Value]) -> Message {
    let mut decoder = wire::by_name("gemini").unwrap().decoder();
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(&Frame { event: None, data: chunk.to_string() }, &mut out).unwrap();
    }
    decoder.finish(&mut out).unwrap();
    let (mut text, mut opaque, mut calls) = (String::new(), None, Vec::<(String, String, String)>::new());
    for event in out {
        match event {
            StreamEvent::Text { text: more } => text.push_str(&more),
            StreamEvent::ReasoningOpaque { opaque: newer } => opaque = Some(newer),
            StreamEvent::ToolStarted { id, name, .. } => calls.push((id, name, String::new())),
            StreamEvent::ToolArguments { index, json } => calls[index].2.push_str(&json),
            _ => {}
        }
    }
    let calls = calls.into_iter().map(|(id, name, json)| Part::ToolCall {
        id,
        name,
        arguments: serde_json::from_str(&json).unwrap(),
    });
    let first = [Part::Reasoning { text: String::new(), opaque }, Part::Text { text }];
    Message { role: Role::Assistant, parts: first.into_iter().chain(calls).collect() }
}

#[test]
fn signatures_return_on_the_very_part_that_they_came_with() {
    let came = json!([
        {"text": "so ü"},
        {"text": "!", "thoughtSignature": "one"},
        {"functionCall": {"id": "given", "name": "add", "args": {"x": 1}}, "thoughtSignature": "two"},
        {"functionCall": {"name": "add", "args": {}}},
    ]);
    let mut request = request("go");
    request.tools.push(ToolSpec { name: "add".into(), description: "adds".into(), schema: json!({"type": "object"}) });
    let answer = turn(&[parts(&came), end("STOP")]);
    let ids: Vec<_> = answer
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect();
    request.messages.push(answer);
    for (id, failed) in ids.into_iter().zip([false, true]) {
        let result = Part::ToolResult { id, name: "add".into(), text: "r".into(), failed };
        request.messages.push(Message { role: Role::User, parts: vec![result] });
    }
    let sent = wire::by_name("gemini").unwrap().encode(&request, &Quirks::default());
    assert_eq!(sent.path, "/v1beta/models/m:streamGenerateContent?alt=sse");
    assert_eq!(sent.body["contents"][1], json!({"role": "model", "parts": came}));
    assert_eq!(
        sent.body["contents"][2],
        json!({"role": "user", "parts": [
            {"functionResponse": {"id": "given", "name": "add", "response": {"output": "r"}}},
            {"functionResponse": {"name": "add", "response": {"error": "r"}}},
        ]})
    );
    assert_eq!(sent.body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"], json!({"type": "object"}));
    assert_eq!(sent.body["generationConfig"], json!({"maxOutputTokens": 100, "temperature": 0.2}));
}

#[test]
fn calls_from_elsewhere_are_marked_in_the_running_turn_only() {
    let call = || Part::ToolCall { id: "1".into(), name: "add".into(), arguments: json!({}) };
    let foreign = OpaqueReasoning { wire: "messages".into(), blob: json!({}) };
    let other = Part::Reasoning { text: "hm".into(), opaque: Some(foreign) };
    let mut request = request("first");
    request.messages.push(Message { role: Role::Assistant, parts: vec![call()] });
    request.messages.push(Message::text(Role::User, "second"));
    request.messages.push(Message { role: Role::Assistant, parts: vec![other, call(), call()] });
    let body = wire::by_name("gemini").unwrap().encode(&request, &Quirks::default()).body;
    let signature = |content: usize, part: usize| body["contents"][content]["parts"][part]["thoughtSignature"].clone();
    assert_eq!(signature(1, 0), Value::Null);
    assert_eq!((signature(3, 0), signature(3, 1)), (json!("skip_thought_signature_validator"), Value::Null));
}
