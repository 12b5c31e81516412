//! Our requests as Ollama's.

use serde_json::{Map, Value, json};

use super::super::{Framing, ModelTraits, Quirks, Send, Thinking, WireRequest, decimal, leave_out, wanted_json};
use crate::domain::Effort;
use crate::providers::chat::{ChatRequest, Message, Part, Role};

/// Tokens of the window where neither the person nor the model says otherwise: room for a session
/// of tool calls that still fits a usual machine.
const DEFAULT_WINDOW: u64 = 32_768;

pub(super) fn request(request: &ChatRequest, quirks: &Quirks) -> WireRequest {
    let traits = quirks.models.get(request.model.as_str()).cloned().unwrap_or_default();
    // The same at every request: another window makes the server load the model anew.
    let window = window(&traits, quirks.num_ctx);
    let mut options = Map::new();
    options.insert("num_ctx".to_owned(), json!(window));
    if let Some(limit) = request.max_output {
        options.insert("num_predict".to_owned(), json!(limit));
    }
    if let Some(temperature) = request.temperature {
        options.insert("temperature".to_owned(), decimal(temperature));
    }
    let mut body = json!({
        "model": request.model,
        "messages": messages(request),
        "stream": true,
        "truncate": false,
        "options": options,
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(think) = think(request, quirks, traits.thinks) {
            fields.insert("think".to_owned(), think);
        }
        if let Some((_, schema)) = wanted_json(&request.shape) {
            fields.insert("format".to_owned(), schema.clone());
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| {
                json!({"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.schema,
                }})
            });
            fields.insert("tools".to_owned(), tools.collect());
        }
    }
    leave_out(&mut body, quirks);
    WireRequest { path: "/api/chat".to_owned(), headers: Vec::new(), body, framing: Framing::Ndjson }
}

/// The window that is asked for: the person's wish, else the model's own setting, else ours.
pub(super) fn window(traits: &ModelTraits, wish: Option<u64>) -> u64 {
    let window = wish.or(traits.num_ctx).unwrap_or(DEFAULT_WINDOW);
    traits.window.map_or(window, |largest| window.min(largest))
}

/// Most models are told whether, some how hard.
fn think(request: &ChatRequest, quirks: &Quirks, thinks: Send) -> Option<Value> {
    let wish = request.effort.or(quirks.effort);
    match (thinks, quirks.rules.thinking) {
        (Send::No, _) | (_, Thinking::Never) => None,
        (Send::Yes, Thinking::Level) => {
            Some(json!(quirks.rules.effort(wish.or(Some(Effort::Medium))).unwrap_or(Effort::Medium).name()))
        }
        (Send::Yes, _) => Some(json!(wish != Some(Effort::None))),
    }
}

fn messages(request: &ChatRequest) -> Vec<Value> {
    let mut list = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.trim().is_empty() {
        list.push(json!({"role": "system", "content": request.system}));
    }
    for message in &request.messages {
        match message.role {
            Role::User => user(message, &mut list),
            Role::Assistant => list.extend(assistant(message)),
        }
    }
    list
}

/// Results become messages of their own, directly after the turn that called; the rest follows.
fn user(message: &Message, list: &mut Vec<Value>) {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult { id, name, text, .. } => {
                list.push(json!({"role": "tool", "tool_name": name, "tool_call_id": id, "content": text}));
            }
            Part::Text { text } if !text.trim().is_empty() => texts.push(text.as_str()),
            Part::Image { data, .. } => images.push(data.as_str()),
            Part::Text { .. } | Part::Reasoning { .. } | Part::ToolCall { .. } => {}
        }
    }
    if texts.is_empty() && images.is_empty() {
        return;
    }
    let mut said = json!({"role": "user", "content": texts.join("\n\n")});
    if let Some(fields) = said.as_object_mut().filter(|_| !images.is_empty()) {
        fields.insert("images".to_owned(), json!(images));
    }
    list.push(said);
}

fn assistant(message: &Message) -> Option<Value> {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text { text: more } => text.push_str(more),
            Part::Reasoning { text: more, .. } => thinking.push_str(more),
            Part::ToolCall { id, name, arguments } => {
                let arguments = if arguments.is_object() { arguments.clone() } else { json!({}) };
                calls.push(json!({"id": id, "function": {"name": name, "arguments": arguments}}));
            }
            Part::Image { .. } | Part::ToolResult { .. } => {}
        }
    }
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    fields.insert("role".to_owned(), json!("assistant"));
    fields.insert("content".to_owned(), json!(text));
    if !calls.is_empty() {
        // Templates show the model its reasoning between the calls of a turn.
        if !thinking.is_empty() {
            fields.insert("thinking".to_owned(), json!(thinking));
        }
        fields.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Some(Value::Object(fields))
}
