//! Every recording of real traffic in the folder that `KILN_CORPUS` names is reported as its
//! manifest says, however the bytes are cut.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::StreamExt;
use kiln::domain::Usage;
use kiln::net::{Headers, ndjson, sse};
use kiln::providers::wire::{self, ErrorBody, Wire};
use kiln::providers::{ProviderError, StopReason, StreamEvent};
use serde_json::Value;

/// Cuttings of each recording: `KILN_CORPUS_CHUNKINGS`, or 50.
fn chunkings() -> u64 {
    std::env::var("KILN_CORPUS_CHUNKINGS").map_or(50, |text| text.parse().unwrap())
}

/// What came of an answer, however it was cut.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    thinking: String,
    calls: Vec<(String, String, String)>,
    ended: usize,
    reason: Option<StopReason>,
    usage: Usage,
    error: Option<ProviderError>,
}

fn fold(events: Vec<StreamEvent>, error: Option<ProviderError>) -> Heard {
    let mut heard = Heard { error, ..Heard::default() };
    for event in events {
        assert!(heard.reason.is_none(), "nothing comes after the end: {event:?}");
        match event {
            StreamEvent::Text { text } => heard.text.push_str(&text),
            StreamEvent::Reasoning { text } => heard.thinking.push_str(&text),
            StreamEvent::ToolStarted { index, id, name } => {
                assert_eq!(index, heard.calls.len());
                heard.calls.push((id, name, String::new()));
            }
            StreamEvent::ToolArguments { index, json } => heard.calls[index].2.push_str(&json),
            StreamEvent::ToolEnded { .. } => heard.ended += 1,
            StreamEvent::Usage { usage } => heard.usage = usage,
            StreamEvent::Stopped { reason } => heard.reason = Some(reason),
            StreamEvent::Started { .. } | StreamEvent::ReasoningOpaque { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    heard
}

/// Cuts bytes at places that a seed chooses.
fn cut(bytes: &[u8], seed: u64) -> Vec<Bytes> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    let largest = [1, 7, 60, 1500][usize::try_from(seed % 4).unwrap()];
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = 1 + usize::try_from(state % largest).unwrap();
        let (head, tail) = rest.split_at(length.min(rest.len()));
        pieces.push(Bytes::copy_from_slice(head));
        rest = tail;
    }
    pieces
}

async fn decode(wire: &dyn Wire, pieces: Vec<Bytes>) -> Heard {
    let body = futures::stream::iter(pieces.into_iter().map(Ok)).boxed();
    let mut frames = if wire.name() == "ollama" { ndjson::frames(body) } else { sse::frames(body) };
    let (mut decoder, mut out) = (wire.decoder(), Vec::new());
    while let Some(frame) = frames.next().await {
        if let Err(error) = decoder.push(&frame.unwrap(), &mut out) {
            return fold(out, Some(error));
        }
    }
    let error = decoder.finish(&mut out).err();
    fold(out, error)
}

fn expected_reason(expected: &Value) -> StopReason {
    if let Some(reason) = expected.pointer("/incomplete_details/reason").and_then(Value::as_str) {
        return if reason == "content_filter" { StopReason::Refused } else { StopReason::Length };
    }
    let calls = !expected["tool_calls"].as_array().is_none_or(Vec::is_empty);
    match expected["finish_reason"].as_str() {
        Some("tool_calls" | "tool_use") => StopReason::ToolUse,
        Some("length" | "max_tokens" | "MAX_TOKENS") => StopReason::Length,
        Some("stop_sequence") => StopReason::StopSequence,
        Some("content_filter" | "refusal") => StopReason::Refused,
        _ if calls => StopReason::ToolUse,
        _ => StopReason::Finished,
    }
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn check(case: &str, api: &str, expected: &Value, heard: &Heard) {
    let (mut text, mut thinking) = (heard.text.clone(), heard.thinking.clone());
    let wanted = expected["text"].as_str().unwrap_or_default();
    if wanted.starts_with("<think>") {
        // The judge leaves reasoning inside the text; we tell them apart. White space goes between.
        text = wanted.split_once("</think>").map(|(_, rest)| rest.trim_start().to_owned()).unwrap();
        assert_eq!(heard.text, text, "{case}");
        thinking = wanted.trim_start_matches("<think>").split("</think>").next().unwrap().to_owned();
        assert_eq!(heard.thinking, thinking, "{case}");
    } else {
        assert_eq!(text, wanted, "{case}");
        assert_eq!(thinking, expected["thinking"].as_str().unwrap_or_default(), "{case}");
    }
    if let Some(error) = expected.get("error") {
        let seen = heard.error.as_ref().unwrap_or_else(|| panic!("{case}: no error"));
        assert!(seen.to_string().contains(error["message"].as_str().unwrap()), "{case}: {seen}");
        return;
    }
    assert_eq!(heard.error, None, "{case}");
    assert_eq!(heard.reason, Some(expected_reason(expected)), "{case}");
    let calls: Vec<Value> = heard
        .calls
        .iter()
        .map(|(id, name, json)| {
            serde_json::json!({"id": id, "name": name, "arguments": serde_json::from_str::<Value>(json).unwrap()})
        })
        .collect();
    assert_eq!(heard.ended, calls.len(), "{case}");
    // Judges that do not report ids write null for them: Gemini without ids, Ollama's.
    let mut calls = calls;
    for (call, wanted) in calls.iter_mut().zip(expected["tool_calls"].as_array().into_iter().flatten()) {
        if wanted["id"].is_null() {
            assert!(!call["id"].as_str().unwrap().is_empty(), "{case}");
            call["id"] = Value::Null;
        }
    }
    // A judge that found no arguments writes null for the empty object that the tool is run with.
    let mut wanted = expected["tool_calls"].clone();
    for call in wanted.as_array_mut().into_iter().flatten() {
        if call["arguments"].is_null() {
            call["arguments"] = serde_json::json!({});
        }
        // Told by other judges only; signatures are the business of tests of our own.
        call.as_object_mut().unwrap().retain(|name, _| matches!(name.as_str(), "id" | "name" | "arguments"));
    }
    assert_eq!(Value::Array(calls), wanted, "{case}");
    let usage = &expected["usage"];
    let (input, output, cached) = match api {
        "messages" => {
            let written = number(usage, "/cache_creation_input_tokens");
            let read = number(usage, "/cache_read_input_tokens");
            (number(usage, "/input_tokens") + written + read, number(usage, "/output_tokens"), read)
        }
        "gemini" => {
            let read = number(usage, "/cached_content_token_count");
            let input = number(usage, "/prompt_token_count") + number(usage, "/tool_use_prompt_token_count");
            let output = number(usage, "/candidates_token_count") + number(usage, "/thoughts_token_count");
            (input, output, read)
        }
        "ollama" => (number(usage, "/prompt_eval_count"), number(usage, "/eval_count"), 0),
        "responses" => {
            let read = number(usage, "/input_tokens_details/cached_tokens");
            (number(usage, "/input_tokens"), number(usage, "/output_tokens"), read)
        }
        _ => {
            let read = number(usage, "/prompt_tokens_details/cached_tokens");
            (number(usage, "/prompt_tokens"), number(usage, "/completion_tokens"), read)
        }
    };
    assert_eq!((heard.usage.input(), heard.usage.output(), heard.usage.cache_read), (input, output, cached), "{case}");
    // The judge for `messages` does not report the reasoning that its stream tells.
    if api != "messages" {
        let reasoning = number(usage, "/completion_tokens_details/reasoning_tokens")
            + number(usage, "/output_tokens_details/reasoning_tokens")
            + number(usage, "/thoughts_token_count");
        assert_eq!(heard.usage.output_reasoning, reasoning, "{case}");
    }
}

/// Vendors name the kind of an error in one of two fields.
fn kind(error: &Value) -> &str {
    error["type"].as_str().or(error["status"].as_str()).unwrap_or_default()
}

async fn run_step(case: &str, folder: &Path, wire: &dyn Wire, step: &Value) {
    let (response, expected) = (&step["response"], &step["expected"]);
    let body = std::fs::read(folder.join(response["body"].as_str().unwrap())).unwrap();
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    if let Some(count) = expected.get("count").and_then(Value::as_u64) {
        let models = wire.decode_models(&body).unwrap();
        if wire.name() == "gemini" {
            // The one exception: we list only models that answer, by the name that is asked for.
            let all: Value = serde_json::from_slice(&body).unwrap();
            let all = all["models"].as_array().unwrap();
            assert_eq!(all.len() as u64, count, "{case}");
            let methods =
                |model: &&Value| model["supportedGenerationMethods"].to_string().contains("\"generateContent\"");
            let names =
                all.iter().filter(methods).map(|model| model["name"].as_str().unwrap().trim_start_matches("models/"));
            assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), names.collect::<Vec<_>>());
            return;
        }
        assert_eq!(models.len() as u64, count, "{case}");
        for (model, id) in models.iter().zip(expected["first_ids"].as_array().unwrap()) {
            assert_eq!(model.id, id.as_str().unwrap(), "{case}");
        }
    } else if status >= 300 {
        let error = wire.error(status, &Headers::default(), &body, None);
        assert!(error.to_string().contains(expected["error"]["message"].as_str().unwrap()), "{case}: {error}");
        assert_eq!(ErrorBody::read(&body).kind, kind(&expected["error"]), "{case}");
        match status {
            401 => assert!(matches!(error, ProviderError::Auth { .. }), "{case}: {error:?}"),
            404 => assert!(matches!(error, ProviderError::ModelGone { .. }), "{case}: {error:?}"),
            _ => {}
        }
    } else if expected.get("text").is_none() {
        // A look-up that is no part of the protocol.
    } else if body.trim_ascii_start().starts_with(b"{") && !response["body"].as_str().unwrap().ends_with("ndjson") {
        let (mut decoder, mut out) = (wire.decoder(), Vec::new());
        let error = decoder.whole(&body, &mut out).err();
        check(case, wire.name(), expected, &fold(out, error));
    } else {
        for seed in 0..chunkings() {
            check(case, wire.name(), expected, &decode(wire, cut(&body, seed)).await);
        }
    }
}

fn cases(root: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let inner = root.join("llm");
    let root = if inner.is_dir() { inner } else { root.to_owned() };
    let mut cases: Vec<_> = list(&root).iter().flat_map(|provider| list(provider)).collect();
    cases.sort();
    cases
}

#[tokio::test]
async fn recordings_are_reported_as_their_manifests_say() {
    let Some(root) = std::env::var_os("KILN_CORPUS").map(PathBuf::from) else {
        println!("skipped: KILN_CORPUS is not set");
        return;
    };
    let (mut ran, mut skipped) = (0, 0);
    for folder in cases(&root) {
        let case: Value = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap()).unwrap();
        let Some(wire) = wire::by_name(case["api"].as_str().unwrap()) else {
            skipped += 1;
            continue;
        };
        ran += 1;
        let name = format!("{}/{}", case["provider"].as_str().unwrap(), case["name"].as_str().unwrap());
        for (number, step) in (1..).zip(case["steps"].as_array().unwrap()) {
            run_step(&format!("{name} step {number}"), &folder, wire, step).await;
        }
    }
    println!("{ran} recordings ran; {skipped} skipped, their protocols are not spoken yet");
    assert!(ran > 0, "the folder holds no recordings of protocols that are spoken");
}
