//! The same cases for every protocol: what an answer may look like, and how it may be broken.

use std::time::Duration;

use futures::StreamExt;
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::http::{Endpoint, HttpProvider};
use kiln::providers::wire::{self, Quirks};
use kiln::providers::{Provider, ProviderError, StopReason};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::http::listen;
use crate::transcripts::heard;
use crate::{Heard, request};

/// One thing that an answer does.
enum Does {
    Says(&'static str),
    Thinks(&'static str),
    /// A tool, and the JSON text of its arguments in two pieces where the protocol has pieces.
    Calls(&'static str, &'static str, &'static str),
    /// An event that nobody knows.
    Surprises,
    Fails,
    /// The end with a reason, counted or not.
    Ends,
    EndsCounted,
}
use Does::{Calls, Ends, EndsCounted, Fails, Says, Surprises, Thinks};

/// The protocols, by name.
const WIRES: [&str; 5] = ["messages", "chat", "responses", "gemini", "ollama"];

/// The events of an answer in a protocol's words.
fn events(wire: &str, answer: &[Does]) -> Vec<Value> {
    let mut list = match wire {
        "messages" => vec![json!({"type": "message_start", "message": {"id": "r", "model": "m"}})],
        "responses" => vec![json!({"type": "response.created", "response": {"id": "r", "model": "m"}})],
        _ => Vec::new(),
    };
    for (at, does) in answer.iter().enumerate() {
        let called = answer.iter().take(at).filter(|does| matches!(does, Calls(..))).count();
        match wire {
            "messages" => anthropic(at, does, answer, &mut list),
            "chat" => chat(called, does, &mut list),
            "responses" => responses(at, does, &mut list),
            "gemini" => gemini(does, &mut list),
            _ => ollama(does, &mut list),
        }
    }
    list
}

fn anthropic(at: usize, does: &Does, answer: &[Does], list: &mut Vec<Value>) {
    let block = |open: Value, deltas: &[Value], list: &mut Vec<Value>| {
        list.push(json!({"type": "content_block_start", "index": at, "content_block": open}));
        list.extend(deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": at, "delta": delta})));
        list.push(json!({"type": "content_block_stop", "index": at}));
    };
    match does {
        Says(text) => {
            block(json!({"type": "text", "text": ""}), &[json!({"type": "text_delta", "text": text})], list);
        }
        Thinks(text) => block(
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            &[
                json!({"type": "thinking_delta", "thinking": text}),
                json!({"type": "signature_delta", "signature": "s"}),
            ],
            list,
        ),
        Calls(name, first, second) => block(
            json!({"type": "tool_use", "id": format!("t{at}"), "name": name, "input": {}}),
            &[first, second].map(|json| json!({"type": "input_json_delta", "partial_json": json})),
            list,
        ),
        Surprises => list.push(json!({"type": "something_new", "index": 9, "delta": {"type": "x"}})),
        Fails => list.push(json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
        Ends | EndsCounted => {
            let reason = if answer.iter().any(|does| matches!(does, Calls(..))) { "tool_use" } else { "end_turn" };
            let mut delta = json!({"type": "message_delta", "delta": {"stop_reason": reason}});
            if matches!(does, EndsCounted) {
                delta["usage"] = json!({"input_tokens": 8, "output_tokens": 5});
            }
            list.extend([delta, json!({"type": "message_stop"})]);
        }
    }
}

fn chat(called: usize, does: &Does, list: &mut Vec<Value>) {
    let delta = |delta: Value| json!({"id": "r", "choices": [{"index": 0, "delta": delta}]});
    match does {
        Says(text) => list.push(delta(json!({"content": text}))),
        Thinks(text) => list.push(delta(json!({"reasoning_content": text}))),
        Calls(name, first, second) => {
            let open =
                json!({"index": called, "id": format!("t{called}"), "function": {"name": name, "arguments": first}});
            let more = json!({"index": called, "function": {"arguments": second}});
            list.extend([open, more].map(|call| delta(json!({"tool_calls": [call]}))));
        }
        Surprises => list.push(json!({"object": "something.new", "choices": [], "x": {"y": 1}})),
        Fails => list.push(json!({"error": {"message": "Overloaded", "code": "server_is_overloaded"}})),
        Ends | EndsCounted => {
            list.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
            if matches!(does, EndsCounted) {
                list.push(json!({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 5}}));
            }
        }
    }
}

fn responses(at: usize, does: &Does, list: &mut Vec<Value>) {
    let done = |item: Value| json!({"type": "response.output_item.done", "output_index": at, "item": item});
    match does {
        Says(text) => list.extend([
            json!({"type": "response.output_text.delta", "output_index": at, "delta": text}),
            done(json!({"type": "message", "content": [{"type": "output_text", "text": text}]})),
        ]),
        Thinks(text) => list.extend([
            json!({"type": "response.reasoning_summary_text.delta", "output_index": at, "delta": text}),
            done(json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]})),
        ]),
        Calls(name, first, second) => {
            let item = |arguments: &str| json!({"type": "function_call", "call_id": format!("t{at}"), "name": name, "arguments": arguments});
            list.push(json!({"type": "response.output_item.added", "output_index": at, "item": item("")}));
            for piece in [first, second] {
                list.push(
                    json!({"type": "response.function_call_arguments.delta", "output_index": at, "delta": piece}),
                );
            }
            list.push(done(item(&format!("{first}{second}"))));
        }
        Surprises => list.push(json!({"type": "response.something.new", "output_index": 9})),
        Fails => list.push(json!({"type": "error", "code": "server_is_overloaded", "message": "Overloaded"})),
        Ends | EndsCounted => {
            let mut response = json!({"id": "r", "status": "completed", "error": null});
            if matches!(does, EndsCounted) {
                response["usage"] = json!({"input_tokens": 8, "output_tokens": 5});
            }
            list.push(json!({"type": "response.completed", "response": response}));
        }
    }
}

fn gemini(does: &Does, list: &mut Vec<Value>) {
    let part = |part: Value| json!({"candidates": [{"content": {"role": "model", "parts": [part]}}]});
    match does {
        Says(text) => list.push(part(json!({"text": text}))),
        Thinks(text) => list.push(part(json!({"text": text, "thought": true}))),
        Calls(name, first, second) => {
            let arguments = format!("{first}{second}");
            let arguments: Value = serde_json::from_str(&arguments).unwrap_or(if arguments.is_empty() {
                Value::Null
            } else {
                json!(arguments)
            });
            list.push(part(json!({"functionCall": {"name": name, "args": arguments}})));
        }
        Surprises => list.push(json!({"somethingNew": {"x": 1}})),
        Fails => list.push(json!({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}})),
        Ends | EndsCounted => {
            let mut end = json!({"candidates": [{"finishReason": "STOP"}]});
            if matches!(does, EndsCounted) {
                end["usageMetadata"] = json!({"promptTokenCount": 8, "candidatesTokenCount": 5});
            }
            list.push(end);
        }
    }
}

fn ollama(does: &Does, list: &mut Vec<Value>) {
    let said = |message: Value| json!({"model": "m", "created_at": "1", "message": message, "done": false});
    match does {
        Says(text) => list.push(said(json!({"content": text}))),
        Thinks(text) => list.push(said(json!({"content": "", "thinking": text}))),
        Calls(name, first, second) => {
            let arguments = format!("{first}{second}");
            let call = json!({"function": {"name": name, "arguments": arguments}});
            list.push(said(json!({"content": "", "tool_calls": [call]})));
        }
        Surprises => list.push(json!({"model": "m", "something_new": {"x": 1}})),
        Fails => list.push(json!({"error": {"message": "Overloaded", "code": "503"}})),
        Ends => list.push(json!({"message": {"content": ""}, "done": true, "done_reason": "stop"})),
        EndsCounted => list.push(
            json!({"message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 8, "eval_count": 5}),
        ),
    }
}

/// The bytes of an answer, with either kind of line end.
fn bytes(wire: &str, answer: &[Does], line: &str) -> String {
    let frame = |event: Value| match wire {
        "ollama" => format!("{event}{line}"),
        "messages" | "responses" => {
            format!("event: {}{line}data: {event}{line}{line}", event["type"].as_str().unwrap())
        }
        _ => format!(": keep-alive{line}data: {event}{line}{line}"),
    };
    events(wire, answer).into_iter().map(frame).collect()
}

/// What is heard, which is the same with either line end, at every cut, and without the last one.
fn told(wire: &str, answer: &[Does]) -> Heard {
    let (unix, dos) = (bytes(wire, answer, "\n"), bytes(wire, answer, "\r\n"));
    let result = heard(wire, &unix);
    assert_eq!(heard(wire, &dos), result, "{wire}: CRLF");
    assert_eq!(heard(wire, unix.trim_end()), result, "{wire}: no newline at the end");
    result
}

#[test]
fn text_in_any_script_with_and_without_a_count() {
    let words = "漢字 🦀 é\u{2028}\u{85}\u{2029}e\u{301}";
    for wire in WIRES {
        let heard = told(wire, &[Says(words), EndsCounted]);
        assert_eq!((heard.text.as_str(), heard.reason), (words, Some(StopReason::Finished)), "{wire}");
        assert_eq!((heard.usage, heard.counted), ([8, 0, 0, 0, 5, 0], true), "{wire}");
        let heard = told(wire, &[Says(words), Ends]);
        assert_eq!((heard.text.as_str(), heard.counted), (words, false), "{wire}: uncounted is not zero");
    }
}

#[test]
fn calls_in_pieces_side_by_side_and_without_arguments() {
    for wire in WIRES {
        let heard = told(
            wire,
            &[
                Thinks("hm"),
                Calls("one", "{\"a\":", "\"漢\"}"),
                Calls("two", "", ""),
                Calls("three", "{\"b\"", ":[1,2]}"),
                Says("so"),
                EndsCounted,
            ],
        );
        let calls: Vec<(&str, Value)> = heard
            .calls
            .iter()
            .map(|(name, json)| {
                (name.as_str(), serde_json::from_str(json).unwrap_or_else(|_| panic!("{wire}: {json}")))
            })
            .collect();
        let wanted = [("one", json!({"a": "漢"})), ("two", json!({})), ("three", json!({"b": [1, 2]}))];
        assert_eq!(calls, wanted, "{wire}");
        assert_eq!((heard.ended, heard.reason), (3, Some(StopReason::ToolUse)), "{wire}");
        assert_eq!((heard.thinking.as_str(), heard.text.as_str()), ("hm", "so"), "{wire}");
        let mut ids = heard.ids.clone();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{wire}: every call has an id of its own");
    }
}

#[test]
fn cut_arguments_errors_and_early_ends_are_never_an_answer() {
    for wire in WIRES {
        let heard = told(wire, &[Calls("write", "{\"path\": \"a\", \"con", "tent\": \"x"), Ends]);
        assert!(matches!(heard.error, Some(ProviderError::Broken { .. })), "{wire}: {heard:?}");
        let heard = told(wire, &[Says("a"), Fails, Ends]);
        assert_eq!(heard.text, "a", "{wire}");
        assert!(matches!(heard.error, Some(ProviderError::Overloaded { .. })), "{wire}: {:?}", heard.error);
        let heard = told(wire, &[Says("a")]);
        assert!(matches!(heard.error, Some(ProviderError::Broken { .. })), "{wire}: {:?}", heard.error);
    }
}

#[test]
fn what_nobody_knows_is_passed_over() {
    for wire in WIRES {
        let heard = told(wire, &[Says("a"), Surprises, Says("b"), Ends]);
        assert_eq!((heard.text.as_str(), heard.reason), ("ab", Some(StopReason::Finished)), "{wire}");
    }
}

fn provider(wire: &str, url: &str) -> HttpProvider {
    let net = NetSettings { idle: Duration::from_millis(150), ..NetSettings::default() };
    HttpProvider::new(
        ("test".into(), "Test".into()),
        wire::by_name(wire).unwrap(),
        Client::new(&net).unwrap(),
        Endpoint { base_url: url.to_owned(), key: None },
        Quirks::default(),
        std::sync::Arc::new(Catalogue::builtin().unwrap()),
    )
}

async fn answered(wire: &str, template: ResponseTemplate) -> Heard {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    listen(&provider(wire, &server.uri()), request("x")).await
}

#[tokio::test]
async fn limits_quotas_and_overflows_are_told_apart() {
    for wire in WIRES {
        let (rate, quota, long) = match wire {
            "messages" => (
                json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}}),
                json!({"type": "error", "error": {"type": "billing_error", "message": "No credit"}}),
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
            ),
            "gemini" => (
                json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slow down"}}),
                json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "No", "details": [{"violations": [{"quotaId": "RequestsPerDay"}]}]}}),
                json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}}),
            ),
            "ollama" => (
                json!({"error": "Slow down"}),
                json!({"error": {"message": "No", "code": "insufficient_quota"}}),
                json!({"error": "the input length exceeds the context length"}),
            ),
            _ => (
                json!({"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}),
                json!({"error": {"code": "insufficient_quota", "message": "No"}}),
                json!({"error": {"code": "context_length_exceeded", "message": "Too long"}}),
            ),
        };
        let limited = || ResponseTemplate::new(429).set_body_json(&rate);
        for (name, value, wait) in [("retry-after", "7", 7000), ("retry-after-ms", "250", 250)] {
            let error = answered(wire, limited().insert_header(name, value)).await.error.unwrap();
            assert_eq!(error.retry_after(), Some(Duration::from_millis(wait)), "{wire}: {error:?}");
        }
        let date = limited().insert_header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(answered(wire, date).await.error.unwrap().retry_after(), Some(Duration::ZERO), "{wire}");
        let error = answered(wire, limited()).await.error.unwrap();
        assert!(matches!(error, ProviderError::RateLimited { after: None, .. }), "{wire}: {error:?}");
        let error = answered(wire, ResponseTemplate::new(429).set_body_json(&quota)).await.error.unwrap();
        assert!(matches!(error, ProviderError::Quota { .. }), "{wire}: {error:?}");
        let error = answered(wire, ResponseTemplate::new(400).set_body_json(&long)).await.error.unwrap();
        assert!(matches!(error, ProviderError::TooLong { .. }), "{wire}: {error:?}");
    }
}

#[tokio::test]
async fn a_stream_needs_no_content_type_and_may_not_fall_silent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for wire in WIRES {
        for (answer, closes) in [(vec![Says("hi"), Ends], true), (vec![Says("hi")], false)] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let body = bytes(wire, &answer, "\n");
            let server = tokio::spawn(async move {
                let mut buffer = vec![0; 65536];
                loop {
                    let (mut socket, _) = listener.accept().await.unwrap();
                    let read = socket.read(&mut buffer).await.unwrap();
                    // What is asked before the first request is not known here.
                    if String::from_utf8_lossy(&buffer[..read]).contains("/api/show") {
                        socket
                            .write_all(b"HTTP/1.1 404 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                            .await
                            .unwrap();
                        continue;
                    }
                    let text = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
                    socket.write_all(text.as_bytes()).await.unwrap();
                    if !closes {
                        // Until the client goes away, which is what is waited for.
                        while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                    }
                    return;
                }
            });
            let provider = provider(wire, &url);
            let heard = listen(&provider, request("x")).await;
            assert_eq!(heard.text, "hi", "{wire}");
            assert_eq!(heard.error.is_none(), closes, "{wire}: {:?}", heard.error);
            server.await.unwrap();
        }
    }
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for wire in WIRES.into_iter().filter(|wire| *wire != "ollama") {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = bytes(wire, &[Says("hi")], "\n");
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 65536];
            let _read = socket.read(&mut buffer).await.unwrap();
            let text = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
            socket.write_all(text.as_bytes()).await.unwrap();
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
        let provider = provider(wire, &url);
        let mut stream = provider.stream(request("x"));
        assert!(stream.next().await.unwrap().is_ok(), "{wire}");
        drop(stream);
        // Ends only when the connection does.
        server.await.unwrap();
    }
}
