//! Ollama's own API: what it sends, and what goes out.

use kiln::providers::wire::{self, Quirks};
use kiln::providers::{Message, Part, ProviderError, Role, StopReason};
use serde_json::{Value, json};

use crate::transcripts::heard;
use crate::{Heard, request};

fn ollama(lines: &[Value]) -> Heard {
    heard("ollama", &lines.iter().map(|line| format!("{line}\r\n")).collect::<String>())
}

fn said(message: &Value) -> Value {
    json!({"model": "m", "created_at": "2026-01-02T03:04:05Z", "message": message, "done": false})
}

fn done(reason: &str) -> Value {
    json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason, "eval_count": 7})
}

#[test]
fn reasoning_then_calls_then_the_end() {
    let call = |arguments: Value| json!({"function": {"name": "add", "arguments": arguments}});
    let lines = [
        said(&json!({"content": "", "thinking": "hm"})),
        said(&json!({"content": "漢字 🦀\u{2028}"})),
        said(&json!({"content": "", "tool_calls": [call(json!({"x": 1})), call(Value::Null)]})),
        done("stop"),
    ];
    let heard = ollama(&lines);
    assert_eq!((heard.text.as_str(), heard.thinking.as_str()), ("漢字 🦀\u{2028}", "hm"));
    assert_eq!(heard.calls, [("add".into(), r#"{"x":1}"#.into()), ("add".into(), "{}".into())]);
    assert_ne!(heard.ids[0], heard.ids[1]);
    assert_eq!((heard.ended, heard.reason), (2, Some(StopReason::ToolUse)));
    assert_eq!(heard.usage, [0, 0, 0, 0, 7, 0], "a fully cached prompt is not counted");
}

#[test]
fn errors_inside_a_good_answer_and_early_ends() {
    let heard = ollama(&[said(&json!({"content": "x"})), json!({"error": "model runner has unexpectedly stopped"})]);
    assert_eq!(heard.text, "x");
    assert!(heard.error.unwrap().to_string().contains("unexpectedly"));
    let heard = ollama(&[said(&json!({"content": "x"}))]);
    assert!(matches!(heard.error, Some(ProviderError::Broken { .. })));
    assert_eq!(ollama(&[said(&json!({"content": "x"})), done("length")]).reason, Some(StopReason::Length));
    let long = json!({"error": "the input length exceeds the context length"});
    assert!(matches!(ollama(&[long]).error, Some(ProviderError::TooLong { .. })));
}

#[test]
fn the_window_is_named_and_stays_the_same() {
    let wire = wire::by_name("ollama").unwrap();
    let shown = |parameters: &str, window: u64| {
        let body = json!({"capabilities": ["completion", "thinking"], "parameters": parameters,
            "model_info": {"qwen3.context_length": window}});
        let mut quirks = Quirks::default();
        quirks.models.insert("m".into(), wire.learn(body.to_string().as_bytes()));
        wire.encode(&request("go"), &quirks).body
    };
    let unknown = wire.encode(&request("go"), &Quirks::default()).body;
    assert_eq!(
        (&unknown["options"]["num_ctx"], &unknown["truncate"], &unknown["think"]),
        (&json!(32768), &json!(false), &Value::Null)
    );
    assert_eq!(shown("stop \"x\"\nnum_ctx     65536", 200_000)["options"]["num_ctx"], 65536);
    assert_eq!(shown("", 8192)["options"]["num_ctx"], 8192);
    assert_eq!(shown("", 8192)["think"], true);
}

#[test]
fn arguments_are_objects_and_results_name_their_tool() {
    let mut request = request("go");
    let call = Part::ToolCall { id: "1".into(), name: "add".into(), arguments: json!({"x": 1}) };
    let reasoning = Part::Reasoning { text: "hm".into(), opaque: None };
    request.messages.push(Message { role: Role::Assistant, parts: vec![reasoning, call] });
    let result = Part::ToolResult { id: "1".into(), name: "add".into(), text: "r".into(), failed: false };
    request.messages.push(Message { role: Role::User, parts: vec![result] });
    let body = wire::by_name("ollama").unwrap().encode(&request, &Quirks::default()).body;
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "be brief"}));
    assert_eq!(
        body["messages"][2],
        json!({"role": "assistant", "content": "", "thinking": "hm",
            "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": {"x": 1}}}]})
    );
    assert_eq!(body["messages"][3], json!({"role": "tool", "tool_name": "add", "tool_call_id": "1", "content": "r"}));
}
