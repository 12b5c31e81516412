//! Our requests as Responses: the items of earlier turns in the order in which they came.

use serde_json::{Map, Value, json};

use super::super::{Framing, Quirks, Send, Thinking, WireRequest, decimal, leave_out, wanted_json};
use super::NAME;
use crate::providers::chat::{ChatRequest, Message, Part, Role};

pub(super) fn request(request: &ChatRequest, quirks: &Quirks) -> WireRequest {
    let mut input = Vec::new();
    for message in &request.messages {
        match message.role {
            Role::User => user(message, &mut input),
            Role::Assistant => assistant(message, &mut input),
        }
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    if !request.system.trim().is_empty() {
        body.insert("instructions".to_owned(), json!(request.system));
    }
    body.insert("input".to_owned(), Value::Array(input));
    body.insert("stream".to_owned(), json!(true));
    // Nothing stays at the server, so reasoning must travel, sealed.
    body.insert("store".to_owned(), json!(false));
    body.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));
    let effort = quirks.rules.effort(request.effort.or(quirks.effort));
    if quirks.rules.thinking == Thinking::Level || reasons(request.model.as_str()) {
        let mut reasoning = json!({"summary": "auto"});
        if let (Some(effort), Some(fields)) = (effort, reasoning.as_object_mut()) {
            fields.insert("effort".to_owned(), json!(effort.name()));
        }
        body.insert("reasoning".to_owned(), reasoning);
    }
    if let Some((name, schema)) = wanted_json(&request.shape) {
        let format = json!({"type": "json_schema", "name": name, "schema": schema, "strict": true});
        body.insert("text".to_owned(), json!({"format": format}));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.schema, "strict": false,
            })
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    if let Some(limit) = request.max_output {
        // Fewer are refused.
        body.insert("max_output_tokens".to_owned(), json!(limit.max(16)));
    }
    if let Some(temperature) = quirks.rules.temperature(request.temperature, effort) {
        body.insert("temperature".to_owned(), decimal(temperature));
    }
    if let (Some(key), Send::Yes) = (&request.cache_key, quirks.cache_key) {
        body.insert("prompt_cache_key".to_owned(), json!(key));
    }
    let mut body = Value::Object(body);
    leave_out(&mut body, quirks);
    WireRequest { path: "/responses".to_owned(), headers: Vec::new(), body, framing: Framing::Sse }
}

/// Whether a model reasons by its name; a wrong guess is refused once and then left out.
fn reasons(model: &str) -> bool {
    let mut letters = model.chars();
    let o_series = letters.next() == Some('o') && letters.next().is_some_and(|c| c.is_ascii_digit());
    let version = model.strip_prefix("gpt-").and_then(|rest| rest.chars().next()?.to_digit(10));
    o_series || version.is_some_and(|version| version >= 5)
}

fn user(message: &Message, input: &mut Vec<Value>) {
    let mut content = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult { id, text, .. } => {
                input.push(json!({"type": "function_call_output", "call_id": id, "output": text}));
            }
            Part::Text { text } if !text.trim().is_empty() => content.push(json!({"type": "input_text", "text": text})),
            Part::Image { media_type, data } => {
                let url = format!("data:{media_type};base64,{data}");
                content.push(json!({"type": "input_image", "image_url": url, "detail": "auto"}));
            }
            Part::Text { .. } | Part::Reasoning { .. } | Part::ToolCall { .. } => {}
        }
    }
    if !content.is_empty() {
        input.push(json!({"type": "message", "role": "user", "content": content}));
    }
}

/// What of an assistant's turn still has to be written.
struct Turn<'a> {
    text: String,
    calls: Vec<(&'a str, &'a str, String)>,
}

fn assistant(message: &Message, input: &mut Vec<Value>) {
    let mut turn = Turn { text: String::new(), calls: Vec::new() };
    let mut kept = None;
    for part in &message.parts {
        match part {
            Part::Text { text } => turn.text.push_str(text),
            Part::ToolCall { id, name, arguments } => {
                let arguments = if arguments.is_object() { arguments.to_string() } else { "{}".to_owned() };
                turn.calls.push((id, name, arguments));
            }
            Part::Reasoning { opaque: Some(opaque), .. } if opaque.wire == NAME => kept = opaque.blob.as_array(),
            Part::Reasoning { .. } | Part::Image { .. } | Part::ToolResult { .. } => {}
        }
    }
    // Reasoning must be followed by what it led to; a turn of which nothing is left has none.
    if turn.text.is_empty() && turn.calls.is_empty() {
        return;
    }
    let mut done = 0usize;
    for item in kept.into_iter().flatten() {
        match item.get("type").and_then(Value::as_str) {
            Some("message") => {
                let length = item.get("length").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
                let Some(piece) = length.and_then(|length| turn.text.get(done..done.checked_add(length)?)) else {
                    continue;
                };
                done += piece.len();
                said(piece, item.get("phase"), input);
            }
            Some("function_call") => {
                let id = item.get("call_id").and_then(Value::as_str);
                if let Some(at) = turn.calls.iter().position(|(call, ..)| Some(*call) == id) {
                    called(&turn.calls.remove(at), input);
                }
            }
            Some("reasoning") => input.push(item.clone()),
            _ => {}
        }
    }
    // What no kept item tells the place of.
    said(turn.text.get(done..).unwrap_or_default(), None, input);
    turn.calls.iter().for_each(|call| called(call, input));
}

fn said(text: &str, phase: Option<&Value>, input: &mut Vec<Value>) {
    if text.is_empty() {
        return;
    }
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    let mut item = json!({"type": "message", "role": "assistant", "content": content});
    if let (Some(fields), Some(phase)) = (item.as_object_mut(), phase.filter(|phase| phase.is_string())) {
        fields.insert("phase".to_owned(), phase.clone());
    }
    input.push(item);
}

fn called((id, name, arguments): &(&str, &str, String), input: &mut Vec<Value>) {
    input.push(json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}));
}
