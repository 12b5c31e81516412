//! Our requests as Chat Completions.

use serde_json::{Map, Value, json};

use super::super::{Framing, LimitField, Quirks, Send, WireRequest, leave_out, wanted_json};
use crate::providers::chat::{ChatRequest, Message, Part, Role};

pub(super) fn request(request: &ChatRequest, quirks: &Quirks) -> WireRequest {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("messages".to_owned(), Value::Array(messages(request, quirks)));
    body.insert("stream".to_owned(), Value::Bool(true));
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.schema,
            }})
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    if let Some(limit) = request.max_output {
        let name = match quirks.limit {
            LimitField::MaxTokens => "max_tokens",
            LimitField::MaxCompletionTokens => "max_completion_tokens",
        };
        body.insert(name.to_owned(), json!(limit));
    }
    let effort = quirks.rules.effort(request.effort.or(quirks.effort));
    if let Some(effort) = effort {
        body.insert("reasoning_effort".to_owned(), json!(effort.name()));
    }
    if let Some((name, schema)) = wanted_json(&request.shape) {
        let wanted = json!({"name": name, "schema": schema, "strict": true});
        body.insert("response_format".to_owned(), json!({"type": "json_schema", "json_schema": wanted}));
    }
    if let Some(temperature) = quirks.rules.temperature(request.temperature, effort) {
        body.insert("temperature".to_owned(), super::super::decimal(temperature));
    }
    if let (Some(key), Send::Yes) = (&request.cache_key, quirks.cache_key) {
        body.insert("prompt_cache_key".to_owned(), json!(key));
    }
    let mut body = Value::Object(body);
    leave_out(&mut body, quirks);
    WireRequest { path: "/chat/completions".to_owned(), headers: Vec::new(), body, framing: Framing::Sse }
}

fn messages(request: &ChatRequest, quirks: &Quirks) -> Vec<Value> {
    let mut list = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.trim().is_empty() {
        list.push(json!({"role": "system", "content": request.system}));
    }
    for message in &request.messages {
        match message.role {
            Role::User => user(message, &mut list),
            Role::Assistant => list.extend(assistant(message, quirks)),
        }
    }
    list
}

/// Results become messages of their own, directly after the turn that called; the rest follows.
fn user(message: &Message, list: &mut Vec<Value>) {
    let mut content = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult { id, text, .. } => {
                list.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
            }
            Part::Text { text } if !text.trim().is_empty() => content.push(json!({"type": "text", "text": text})),
            Part::Image { media_type, data } => {
                let url = format!("data:{media_type};base64,{data}");
                content.push(json!({"type": "image_url", "image_url": {"url": url}}));
            }
            Part::Text { .. } | Part::Reasoning { .. } | Part::ToolCall { .. } => {}
        }
    }
    // Plain text goes as a plain string: that is what every server understands.
    let content = match content.as_slice() {
        [] => return,
        [only] if only.get("text").is_some() => only.get("text").cloned().unwrap_or_default(),
        _ => Value::Array(content),
    };
    list.push(json!({"role": "user", "content": content}));
}

fn assistant(message: &Message, quirks: &Quirks) -> Option<Value> {
    let mut text = String::new();
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text { text: more } => text.push_str(more),
            Part::Reasoning { text: more, .. } => reasoning.push_str(more),
            Part::ToolCall { id, name, arguments } => {
                let arguments = if arguments.is_object() { arguments.to_string() } else { "{}".to_owned() };
                calls.push(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}));
            }
            Part::Image { .. } | Part::ToolResult { .. } => {}
        }
    }
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    fields.insert("role".to_owned(), json!("assistant"));
    // An empty text beside calls is refused by some servers: leave it out.
    if !text.is_empty() {
        fields.insert("content".to_owned(), Value::String(text));
    }
    if !calls.is_empty() {
        // Where it is wanted it is wanted even when empty.
        if quirks.reasoning_back == Send::Yes {
            fields.insert("reasoning_content".to_owned(), Value::String(reasoning));
        }
        fields.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Some(Value::Object(fields))
}
