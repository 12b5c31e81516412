//! OpenAI Responses: what it sends, and what goes back.

use kiln::providers::wire::{self, Quirks};
use kiln::providers::{Message, OpaqueReasoning, Part, ProviderError, Role, StopReason};
use serde_json::{Value, json};

use crate::transcripts::heard;
use crate::{Heard, request};

fn responses(events: &[Value]) -> Heard {
    let text = events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
    heard("responses", &text.collect::<String>())
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress"}})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "error": null, "usage": {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}}})
}

fn call(arguments: &str) -> Value {
    json!({"type": "function_call", "id": "fc", "call_id": "c", "name": "add", "arguments": arguments})
}

#[test]
fn reasoning_text_and_a_call() {
    let message =
        json!({"type": "message", "phase": "commentary", "content": [{"type": "output_text", "text": "漢字 🦀"}]});
    let sealed = json!({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "zz"});
    let events = [
        created(),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": sealed}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "漢"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": call("")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"x\":"}),
        json!({"type": "response.something.new", "output_index": 9}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": call("{\"x\":1}")}),
        completed(),
    ];
    let heard = responses(&events);
    assert_eq!((heard.text.as_str(), heard.thinking.as_str(), heard.opaque), ("漢字 🦀", "hm", 1));
    assert_eq!((heard.calls, heard.ids), (vec![("add".into(), r#"{"x":1}"#.into())], vec!["c".to_owned()]));
    assert_eq!((heard.usage, heard.reason), ([5, 4, 1, 0, 3, 2], Some(StopReason::ToolUse)));
}

#[test]
fn ends_and_errors_are_told_apart() {
    let text = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "x"});
    let cut = responses(&[created(), text.clone()]);
    assert!(matches!(cut.error, Some(ProviderError::Broken { .. })));
    let incomplete = json!({"type": "response.incomplete", "response": {"status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"}}});
    assert_eq!(responses(&[created(), text.clone(), incomplete]).reason, Some(StopReason::Length));
    let failed = json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}}});
    let error = responses(&[created(), text, failed]).error.unwrap();
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_millis(1500)));
    let bare = json!({"type": "error", "code": "server_is_overloaded", "message": "busy", "param": null});
    assert!(matches!(responses(&[bare]).error, Some(ProviderError::Overloaded { .. })));
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": call("")});
    let piece = json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{\"x\""});
    let heard = responses(&[created(), added, piece, completed()]);
    assert!(matches!(heard.error, Some(ProviderError::Broken { .. })));
}

#[test]
fn items_go_back_in_their_order_with_nothing_stored() {
    let sealed = json!({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "zz"});
    let blob = json!([
        {"type": "message", "length": 5, "phase": "commentary"},
        sealed,
        {"type": "function_call", "call_id": "c"},
    ]);
    let mut request = request("go");
    let opaque = Some(OpaqueReasoning { wire: "responses".into(), blob });
    request.messages.push(Message {
        role: Role::Assistant,
        parts: vec![
            Part::Reasoning { text: "hm".into(), opaque },
            Part::Text { text: "first".into() },
            Part::ToolCall { id: "c".into(), name: "add".into(), arguments: json!({"x": 1}) },
        ],
    });
    let result = Part::ToolResult { id: "c".into(), name: "add".into(), text: "r".into(), failed: false };
    request.messages.push(Message { role: Role::User, parts: vec![result] });
    let sent = wire::by_name("openai-responses").unwrap().encode(&request, &Quirks::default());
    let body = sent.body;
    assert_eq!(
        (sent.path.as_str(), &body["store"], &body["instructions"]),
        ("/responses", &json!(false), &json!("be brief"))
    );
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    let text = json!([{"type": "output_text", "text": "first", "annotations": []}]);
    assert_eq!(
        body["input"].as_array().unwrap()[1..],
        [
            json!({"type": "message", "role": "assistant", "content": text, "phase": "commentary"}),
            sealed,
            json!({"type": "function_call", "call_id": "c", "name": "add", "arguments": "{\"x\":1}"}),
            json!({"type": "function_call_output", "call_id": "c", "output": "r"}),
        ]
    );
}
