//! Our requests as Gemini's, with every signature on the part that it came with.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::{Framing, Quirks, Thinking, WireRequest, decimal, leave_out, wanted_json};
use super::NAME;
use crate::domain::Effort;
use crate::providers::chat::{ChatRequest, Message, Part, Role};

/// Stands for the signature of a call that another model made.
const FOREIGN: &str = "skip_thought_signature_validator";

pub(super) fn request(request: &ChatRequest, quirks: &Quirks) -> WireRequest {
    let mut settings = Map::new();
    if let Some(limit) = request.max_output {
        settings.insert("maxOutputTokens".to_owned(), json!(limit));
    }
    if let Some(temperature) = quirks.rules.temperature(request.temperature, None) {
        settings.insert("temperature".to_owned(), decimal(temperature));
    }
    if let Some(thinking) = thinking(request, quirks) {
        settings.insert("thinkingConfig".to_owned(), thinking);
    }
    if let Some((_, schema)) = wanted_json(&request.shape) {
        settings.insert("responseMimeType".to_owned(), json!("application/json"));
        settings.insert("responseJsonSchema".to_owned(), schema.clone());
    }
    let mut body = json!({"contents": contents(&request.messages)});
    if let Some(fields) = body.as_object_mut() {
        if !request.system.trim().is_empty() {
            fields.insert("systemInstruction".to_owned(), json!({"parts": [{"text": request.system}]}));
        }
        if !request.tools.is_empty() {
            let declarations = request.tools.iter().map(
                |tool| json!({"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema}),
            );
            let declarations: Value = declarations.collect();
            fields.insert("tools".to_owned(), json!([{"functionDeclarations": declarations}]));
        }
        if !settings.is_empty() {
            fields.insert("generationConfig".to_owned(), Value::Object(settings));
        }
    }
    leave_out(&mut body, quirks);
    let model = model(request);
    let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
    WireRequest { path, headers: Vec::new(), body, framing: Framing::Sse }
}

/// The model's name without the `models/` that lists put before.
pub(super) fn model(request: &ChatRequest) -> &str {
    let model = request.model.as_str();
    model.strip_prefix("models/").unwrap_or(model)
}

/// A number for one generation, a level for the next; never both.
fn thinking(request: &ChatRequest, quirks: &Quirks) -> Option<Value> {
    let wish = request.effort.or(quirks.effort);
    let effort = quirks.rules.effort(wish);
    Some(match (quirks.rules.thinking, effort) {
        (Thinking::Budget, Some(effort)) => {
            json!({"includeThoughts": effort != Effort::None, "thinkingBudget": effort.budget()})
        }
        (Thinking::Level, Some(effort)) => {
            json!({"includeThoughts": true, "thinkingLevel": effort.name().to_ascii_uppercase()})
        }
        (Thinking::Budget | Thinking::Level, None) => json!({"includeThoughts": true}),
        (Thinking::Unknown | Thinking::Adaptive, _) if thinks(request.model.as_str()) => {
            json!({"includeThoughts": true})
        }
        (Thinking::Never | Thinking::Unknown | Thinking::Adaptive, _) => return None,
    })
}

/// Whether a model reasons by its name: from 2.5 on, but for those that draw or speak.
fn thinks(model: &str) -> bool {
    let Some(rest) = model.strip_prefix("models/").unwrap_or(model).strip_prefix("gemini-") else { return false };
    let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let other = ["image", "tts", "audio", "embedding", "live"].iter().any(|part| rest.contains(part));
    !other && version.parse::<f32>().is_ok_and(|version| version >= 2.5)
}

/// Neighbours of one role become one content: all results of a turn belong together.
fn contents(messages: &[Message]) -> Vec<Value> {
    let is_said = |message: &Message| {
        message.role == Role::User && !message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }))
    };
    // Signatures are checked from the last real word of the person on.
    let active = messages.iter().rposition(is_said).unwrap_or(0);
    let given = given_ids(messages);
    let mut list: Vec<(Role, Vec<Value>)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let parts = match message.role {
            Role::User => message.parts.iter().filter_map(|part| user_part(part, &given)).collect(),
            Role::Assistant => model_parts(message, &given, at > active),
        };
        match list.last_mut() {
            _ if parts.is_empty() => {}
            Some((role, have)) if *role == message.role => have.extend(parts),
            _ => list.push((message.role, parts)),
        }
    }
    let name = |role: Role| if role == Role::User { "user" } else { "model" };
    list.into_iter().map(|(role, parts)| json!({"role": name(role), "parts": parts})).collect()
}

/// What is kept of a turn of this wire; see the decoder.
fn kept(message: &Message) -> Option<&Value> {
    message.parts.iter().find_map(|part| match part {
        Part::Reasoning { opaque: Some(opaque), .. } if opaque.wire == NAME => Some(&opaque.blob),
        _ => None,
    })
}

/// Ids that the server gave; those that we made up stay here.
fn given_ids(messages: &[Message]) -> BTreeSet<&str> {
    let ids = messages.iter().filter_map(kept).filter_map(|blob| blob.get("ids")?.as_array()).flatten();
    ids.filter_map(Value::as_str).collect()
}

fn with_id(mut value: Value, id: &str, given: &BTreeSet<&str>) -> Value {
    if let Some(fields) = value.as_object_mut().filter(|_| given.contains(id)) {
        fields.insert("id".to_owned(), json!(id));
    }
    value
}

fn user_part(part: &Part, given: &BTreeSet<&str>) -> Option<Value> {
    match part {
        Part::Text { text } if text.is_empty() => None,
        Part::Text { text } => Some(json!({"text": text})),
        Part::Image { media_type, data } => Some(json!({"inlineData": {"mimeType": media_type, "data": data}})),
        Part::ToolResult { id, name, text, failed } => {
            let response = if *failed { json!({"error": text}) } else { json!({"output": text}) };
            let answer = with_id(json!({"name": name, "response": response}), id, given);
            Some(json!({"functionResponse": answer}))
        }
        Part::Reasoning { .. } | Part::ToolCall { .. } => None,
    }
}

fn model_parts(message: &Message, given: &BTreeSet<&str>, is_active: bool) -> Vec<Value> {
    let blob = kept(message);
    let signatures = || blob.and_then(|blob| blob.get("signatures")?.as_array()).into_iter().flatten();
    let mut list = Vec::new();
    // Our place in the whole text of the turn, which the kept places are told in.
    let mut at = 0;
    let mut calls = 0u64;
    for part in &message.parts {
        match part {
            Part::Text { text } => {
                text_parts(text, at, signatures(), &mut list);
                at += text.len();
            }
            Part::ToolCall { id, name, arguments } => {
                let arguments = if arguments.is_object() { arguments.clone() } else { json!({}) };
                let call = with_id(json!({"name": name, "args": arguments}), id, given);
                let mine = signatures().find(|kept| kept.get("call").and_then(Value::as_u64) == Some(calls));
                let signature = mine.and_then(|kept| kept.get("signature")).cloned();
                // A turn of this wire without signatures never had any.
                let foreign = calls == 0 && is_active && blob.is_none();
                list.push(signed(json!({"functionCall": call}), signature.or(foreign.then(|| json!(FOREIGN)))));
                calls += 1;
            }
            Part::Image { .. } | Part::ToolResult { .. } | Part::Reasoning { .. } => {}
        }
    }
    list
}

/// A text in the pieces that signatures cut it into.
fn text_parts<'a>(text: &str, base: usize, signatures: impl Iterator<Item = &'a Value>, list: &mut Vec<Value>) {
    let mut done = 0usize;
    let place = |kept: &Value, name: &str| {
        let place = usize::try_from(kept.get(name)?.as_u64()?).ok()?;
        place.checked_sub(base).filter(|place| *place <= text.len())
    };
    for kept in signatures {
        let (Some(from), Some(to)) = (place(kept, "from"), place(kept, "to")) else { continue };
        let (Some(before), Some(piece)) = (text.get(done..from), text.get(from..to)) else { continue };
        if !before.is_empty() {
            list.push(json!({"text": before}));
        }
        list.push(signed(json!({"text": piece}), kept.get("signature").cloned()));
        done = to;
    }
    if let Some(rest) = text.get(done..).filter(|rest| !rest.is_empty()) {
        list.push(json!({"text": rest}));
    }
}

fn signed(mut part: Value, signature: Option<Value>) -> Value {
    if let (Some(fields), Some(signature)) = (part.as_object_mut(), signature) {
        fields.insert("thoughtSignature".to_owned(), signature);
    }
    part
}
