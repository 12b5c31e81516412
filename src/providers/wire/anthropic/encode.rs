//! Our requests as Anthropic's, with prompt-cache breakpoints where the prefix stays the same.

use serde_json::{Value, json};

use super::super::{Framing, Quirks, Thinking, WireRequest, leave_out, wanted_json};
use super::{NAME, VERSION};
use crate::domain::Effort;
use crate::providers::chat::{ChatRequest, Message, Part, Role};

/// Answer tokens when the caller names no limit; the protocol insists on one, and every current
/// model allows this many.
const DEFAULT_LIMIT: u32 = 8192;

pub(super) fn request(request: &ChatRequest, quirks: &Quirks) -> WireRequest {
    let mut messages = messages(&request.messages);
    let caching = !quirks.without.contains("cache_control");
    if caching {
        mark_newest_user_turns(&mut messages);
    }
    let mut body = json!({
        "model": request.model,
        "max_tokens": request.max_output.unwrap_or(DEFAULT_LIMIT),
        "stream": true,
    });
    if !request.system.trim().is_empty() {
        let mut block = json!({"type": "text", "text": request.system});
        if caching {
            mark(&mut block);
        }
        set(&mut body, "system", json!([block]));
    }
    if !request.tools.is_empty() {
        let mut tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
            .collect();
        if let Some(last) = tools.last_mut().filter(|_| caching) {
            mark(last);
        }
        set(&mut body, "tools", Value::Array(tools));
    }
    set(&mut body, "messages", Value::Array(messages));
    reason(request, quirks, &mut body);
    if let Some((_, schema)) = wanted_json(&request.shape) {
        inside(&mut body, "output_config", "format", json!({"type": "json_schema", "schema": schema}));
    }
    // A model that thinks takes none but its own.
    let effort = quirks.rules.effort(request.effort.or(quirks.effort));
    let temperature = quirks.rules.temperature(request.temperature, effort);
    if let Some(temperature) = temperature.filter(|_| body.get("thinking").is_none()) {
        set(&mut body, "temperature", super::super::decimal(temperature));
    }
    leave_out(&mut body, quirks);
    WireRequest {
        path: "/v1/messages".to_owned(),
        headers: vec![(VERSION.0, VERSION.1.to_owned())],
        body,
        framing: Framing::Sse,
    }
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn inside(body: &mut Value, name: &str, field: &str, value: Value) {
    match body.get_mut(name) {
        Some(have) => set(have, field, value),
        None => set(body, name, json!({ field: value })),
    }
}

/// How hard to think, in the words of the model's generation.
fn reason(request: &ChatRequest, quirks: &Quirks, body: &mut Value) {
    let wish = request.effort.or(quirks.effort);
    let effort = quirks.rules.effort(wish);
    match quirks.rules.thinking {
        // Without an effort that it knows, a model is simply not told to think.
        Thinking::Adaptive if wish == Some(Effort::None) => {}
        Thinking::Adaptive => set(body, "thinking", json!({"type": "adaptive", "display": "summarized"})),
        Thinking::Budget => {
            let limit = request.max_output.unwrap_or(DEFAULT_LIMIT);
            let budget = wish.map_or(0, Effort::budget).min(limit.saturating_sub(1));
            // Fewer are refused.
            if budget >= 1024 {
                set(body, "thinking", json!({"type": "enabled", "budget_tokens": budget}));
            }
        }
        Thinking::Unknown | Thinking::Level | Thinking::Never => {}
    }
    if let Some(effort) = effort.filter(|_| wish != Some(Effort::None)) {
        inside(body, "output_config", "effort", json!(effort.name()));
    }
}

fn mark(block: &mut Value) {
    set(block, "cache_control", json!({"type": "ephemeral"}));
}

/// Neighbours of one role become one message: all results of a turn must stand in the one next
/// user message.
fn messages(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(Role, Vec<Value>)> = Vec::new();
    for message in messages {
        let blocks: Vec<Value> = message.parts.iter().filter_map(block).collect();
        if blocks.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some((role, have)) if *role == message.role => have.extend(blocks),
            _ => turns.push((message.role, blocks)),
        }
    }
    turns
        .into_iter()
        .map(|(role, mut blocks)| match role {
            Role::User => {
                // Results come first, or the server does not see them as answers to the calls.
                blocks.sort_by_key(|block| block.get("type").and_then(Value::as_str) != Some("tool_result"));
                json!({"role": "user", "content": blocks})
            }
            Role::Assistant => json!({"role": "assistant", "content": blocks}),
        })
        .collect()
}

/// A part as a block; what the server would refuse or not understand is left out.
fn block(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text } if text.trim().is_empty() => None,
        Part::Text { text } => Some(json!({"type": "text", "text": text})),
        Part::Image { media_type, data } => {
            Some(json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}))
        }
        Part::Reasoning { opaque, .. } => {
            opaque.as_ref().filter(|opaque| opaque.wire == NAME).map(|opaque| opaque.blob.clone())
        }
        Part::ToolCall { id, name, arguments } => {
            let input = if arguments.is_object() { arguments.clone() } else { json!({}) };
            Some(json!({"type": "tool_use", "id": id, "name": name, "input": input}))
        }
        Part::ToolResult { id, text, failed, .. } => {
            let mut result = json!({"type": "tool_result", "tool_use_id": id});
            if !text.trim().is_empty() {
                set(&mut result, "content", json!([{"type": "text", "text": text}]));
            }
            if *failed {
                set(&mut result, "is_error", Value::Bool(true));
            }
            Some(result)
        }
    }
}

/// The newest user turn is written to the cache; the one before it is where it was written last.
fn mark_newest_user_turns(messages: &mut [Value]) {
    let users = messages.iter_mut().rev().filter(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    for message in users.take(2) {
        let last = message.get_mut("content").and_then(Value::as_array_mut).and_then(|blocks| blocks.last_mut());
        if let Some(block) = last {
            mark(block);
        }
    }
}
