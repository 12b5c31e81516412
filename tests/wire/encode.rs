//! What is sent: the shapes that the vendors accept.

use kiln::providers::wire::{self, LimitField, Quirks};
use kiln::providers::{Message, OpaqueReasoning, Part, ProviderError, Role, ToolSpec};
use serde_json::{Value, json};

use crate::request;

fn loop_request() -> kiln::providers::ChatRequest {
    let mut request = request("go");
    request.tools.push(ToolSpec { name: "add".into(), description: "adds".into(), schema: json!({"type": "object"}) });
    let opaque = Some(OpaqueReasoning {
        wire: "messages".into(),
        blob: json!({"type": "thinking", "thinking": "hm", "signature": "s"}),
    });
    request.messages.push(Message {
        role: Role::Assistant,
        parts: vec![
            Part::Reasoning { text: "hm".into(), opaque },
            Part::Text { text: String::new() },
            Part::ToolCall { id: "1".into(), name: "add".into(), arguments: json!({"x": 1}) },
            Part::ToolCall { id: "2".into(), name: "add".into(), arguments: Value::Null },
        ],
    });
    let result = |id: &str, failed| Part::ToolResult { id: id.into(), name: "add".into(), text: "r".into(), failed };
    request.messages.push(Message { role: Role::User, parts: vec![result("1", false)] });
    request
        .messages
        .push(Message { role: Role::User, parts: vec![Part::Text { text: "and".into() }, result("2", true)] });
    request
}

#[test]
fn messages_keep_results_together_and_mark_the_frozen_prefix() {
    let body = wire::by_name("messages").unwrap().encode(&loop_request(), &Quirks::default()).body;
    let cached = json!({"type": "ephemeral"});
    assert_eq!(body["system"], json!([{"type": "text", "text": "be brief", "cache_control": cached}]));
    assert_eq!(body["tools"][0]["cache_control"], cached);
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "1", "name": "add", "input": {"x": 1}},
            {"type": "tool_use", "id": "2", "name": "add", "input": {}},
        ])
    );
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "r"}]},
            {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "text", "text": "r"}], "is_error": true},
            {"type": "text", "text": "and", "cache_control": cached},
        ])
    );
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], cached);
    let marks = body.to_string().matches("cache_control").count();
    assert_eq!(marks, 4, "the server takes at most four");
    assert_eq!(body["temperature"], json!(0.2));
}

#[test]
fn chat_answers_each_call_directly_after_the_turn() {
    let wire = wire::by_name("chat").unwrap();
    let body = wire.encode(&loop_request(), &Quirks::default()).body;
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
    let turn = &body["messages"][2];
    assert!(turn.get("content").is_none() && turn.get("reasoning_content").is_none());
    assert_eq!(turn["tool_calls"][0]["function"]["arguments"], json!("{\"x\":1}"));
    assert_eq!(turn["tool_calls"][1]["function"]["arguments"], json!("{}"));
    assert_eq!(body["max_tokens"], json!(100));
    assert!(body.get("prompt_cache_key").is_none());
    let quirks: Quirks = serde_json::from_value(json!({"reasoning_back": "yes", "limit": "max_completion_tokens", "cache_key": "yes", "without": ["stream_options"]})).unwrap();
    let body = wire.encode(&loop_request(), &quirks).body;
    assert_eq!(body["messages"][2]["reasoning_content"], json!("hm"));
    assert_eq!((&body["max_completion_tokens"], &body["prompt_cache_key"]), (&json!(100), &json!("session")));
    assert!(body.get("stream_options").is_none() && body.get("max_tokens").is_none());
}

#[test]
fn refused_fields_are_swapped_once_then_left_out() {
    let wire = wire::by_name("chat").unwrap();
    let mut quirks = Quirks::default();
    let refusal = |message: &str| ProviderError::BadRequest { message: message.into(), field: None };
    let sent = |quirks: &Quirks| wire.encode(&request("x"), quirks).body;
    let words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
    assert!(wire.adapt(&refusal(words), &sent(&quirks), &mut quirks));
    assert_eq!(quirks.limit, LimitField::MaxCompletionTokens);
    assert!(wire.adapt(&refusal("unknown field max_completion_tokens"), &sent(&quirks), &mut quirks));
    assert!(sent(&quirks).get("max_tokens").is_none() && sent(&quirks).get("max_completion_tokens").is_none());
    assert!(wire.adapt(&refusal("`stream_options` not permitted"), &sent(&quirks), &mut quirks));
    assert!(!wire.adapt(&refusal("`stream_options` not permitted"), &sent(&quirks), &mut quirks));
    assert!(!wire.adapt(&refusal("messages: something is wrong"), &sent(&quirks), &mut quirks));
}
