//! Small streams for every habit of servers that is known to have broken a client.

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use kiln::net::{ndjson, sse};
use kiln::providers::wire::{self, Wire};
use kiln::providers::{ProviderError, StopReason};
use proptest::prelude::*;

use crate::{Heard, fold};

fn decode(wire: &dyn Wire, pieces: Vec<Bytes>) -> Heard {
    let body = futures::stream::iter(pieces.into_iter().map(Ok)).boxed();
    let mut frames = if wire.name() == "ollama" { ndjson::frames(body) } else { sse::frames(body) };
    let (mut decoder, mut out) = (wire.decoder(), Vec::new());
    while let Some(frame) = frames.next().now_or_never().unwrap() {
        if let Err(error) = decoder.push(&frame.unwrap(), &mut out) {
            return fold(out, Some(error));
        }
    }
    let error = decoder.finish(&mut out).err();
    fold(out, error)
}

/// The answer, the same at every cut.
pub fn heard(wire: &str, text: &str) -> Heard {
    let wire = wire::by_name(wire).unwrap();
    let bytes = text.as_bytes();
    let whole = decode(wire, vec![Bytes::copy_from_slice(bytes)]);
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(
            decode(wire, vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)]),
            whole,
            "cut at {cut}"
        );
    }
    whole
}

fn chat(chunks: &[&str]) -> Heard {
    heard("chat", &chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>())
}

fn messages(events: &[&str]) -> Heard {
    heard("messages", &events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect::<String>())
}

fn call(json: &str) -> String {
    format!(r#"{{"id":"r","choices":[{{"index":0,"delta":{{"tool_calls":[{json}]}}}}]}}"#)
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const DONE: &str = "[DONE]";

#[test]
fn chat_text_and_usage_with_odd_framing() {
    let text = "\u{feff}: hello\r\ndata: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"漢字 🦀\u{2028}\"}}],\"usage\":null}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\" \\u00fc\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":1},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]";
    let heard = heard("chat", text);
    assert_eq!(heard.text, "漢字 🦀\u{2028} ü");
    assert_eq!(heard.usage, [5, 4, 1, 0, 3, 2]);
    assert_eq!((heard.reason, heard.error), (Some(StopReason::Finished), None));
}

#[test]
fn chat_calls_in_every_shape() {
    // In pieces, two at once, numbered from 3 with a gap, the end said to be `stop`.
    let pieces = [
        call(r#"{"index":3,"id":"a","type":"function","function":{"name":"read","arguments":""}}"#),
        call(r#"{"index":7,"id":"b","function":{"name":"write","arguments":"{\"p\":"}}"#),
        call(r#"{"index":3,"function":{"arguments":"{\"x\":\"é\"}"}},{"index":7,"function":{"arguments":"1}"}}"#),
    ];
    let heard = chat(&[&pieces[0], &pieces[1], &pieces[2], STOP, DONE]);
    assert_eq!(heard.calls, [("read".into(), r#"{"x":"é"}"#.into()), ("write".into(), r#"{"p":1}"#.into())]);
    assert_eq!((heard.ended, heard.reason), (2, Some(StopReason::ToolUse)));

    // Without number and id, whole, and without arguments.
    let pieces = [
        call(r#"{"function":{"name":"one","arguments":"{\"a\":1}"}}"#),
        call(r#"{"function":{"name":"two","arguments":""}}"#),
        call(r#"{"function":{"name":"two","arguments":"null"}}"#),
        call(r#"{"function":{"name":"three","arguments":{"b":[2]}}}"#),
    ];
    let heard = chat(&[&pieces[0], &pieces[1], &pieces[2], &pieces[3], DONE]);
    let names: Vec<_> = heard.calls.iter().map(|(name, json)| format!("{name}{json}")).collect();
    assert_eq!(names, [r#"one{"a":1}"#, "two{}", "two{}", r#"three{"b":[2]}"#]);
    assert_eq!(heard.ids, ["call_r_0", "call_r_1", "call_r_2", "call_r_3"]);

    // All numbered 0 and told apart by id; the id and name repeated in each piece.
    let pieces = [
        call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#),
        call(r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{"}}"#),
        call(r#"{"index":0,"id":"b","function":{"name":"f","arguments":"}"}}"#),
    ];
    let heard = chat(&[&pieces[0], &pieces[1], &pieces[2], STOP, DONE]);
    assert_eq!(heard.calls, [("f".into(), "{}".into()), ("f".into(), "{}".into())]);
    assert_eq!(heard.ids, ["a", "b"]);
}

#[test]
fn cut_off_arguments_are_refused_unless_the_limit_cut_them() {
    let piece = call(r#"{"index":0,"id":"a","function":{"name":"write","arguments":"{\"p\":\"x"}}"#);
    let heard = chat(&[&piece, STOP, DONE]);
    assert!(matches!(heard.error, Some(ProviderError::Broken { .. })));
    assert_eq!((heard.ended, heard.reason), (0, None));
    let limit = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    let heard = chat(&[&piece, limit, DONE]);
    assert_eq!((heard.ended, heard.reason, heard.error), (0, Some(StopReason::Length), None));
    let list = call(r#"{"index":0,"id":"a","function":{"name":"write","arguments":"[1]"}}"#);
    assert!(matches!(chat(&[&list, STOP, DONE]).error, Some(ProviderError::Broken { .. })));
}

#[test]
fn chat_reasoning_under_each_name() {
    let named = |field: &str| format!(r#"{{"choices":[{{"delta":{{"{field}":"hm","tool_calls":null}}}}]}}"#);
    let text = r#"{"choices":[{"delta":{"content":"yes","reasoning":null}}]}"#;
    for field in ["reasoning", "reasoning_content"] {
        let heard = chat(&[&named(field), text, STOP, DONE]);
        assert_eq!((heard.thinking.as_str(), heard.text.as_str()), ("hm", "yes"), "{field}");
    }
    let tags = [
        r#"{"choices":[{"delta":{"content":"<thi"}}]}"#,
        r#"{"choices":[{"delta":{"content":"nk>hm</think>\n\nyes"}}]}"#,
    ];
    let heard = chat(&[tags[0], tags[1], STOP, DONE]);
    assert_eq!((heard.thinking.as_str(), heard.text.as_str()), ("hm", "yes"));
    let parts = r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"yes"}]}}]}"#;
    let heard = chat(&[parts, STOP, DONE]);
    assert_eq!((heard.thinking.as_str(), heard.text.as_str()), ("hm", "yes"));
}

#[test]
fn chat_usage_at_groq_and_where_reasoning_is_counted_apart() {
    let groq = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":2,"total_time":0.1}}}"#;
    assert_eq!(chat(&[groq, DONE]).usage, [3, 0, 0, 0, 2, 0]);
    let apart = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":7}}}"#;
    assert_eq!(chat(&[STOP, apart, DONE]).usage, [3, 0, 0, 0, 2, 7]);
    let more = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":7}}}"#;
    assert_eq!(chat(&[STOP, more, DONE]).usage, [3, 0, 0, 0, 0, 2]);
}

#[test]
fn chat_errors_inside_a_good_stream() {
    let text = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    let error = r#"{"error":{"message":"Provider returned error","code":502}}"#;
    let heard = chat(&[text, error, DONE]);
    assert_eq!(heard.text, "a");
    assert!(matches!(heard.error, Some(ProviderError::Overloaded { .. })), "{:?}", heard.error);
    let quota = r#"{"error":{"message":"no","code":"insufficient_quota"}}"#;
    assert!(matches!(chat(&[quota]).error, Some(ProviderError::Quota { .. })));
    let groq = r#"{"x_groq":{"error":"over capacity"},"choices":[]}"#;
    assert!(chat(&[groq]).error.unwrap().to_string().contains("over capacity"));
}

#[test]
fn streams_without_an_end_are_broken() {
    let text = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    for chunks in [vec![], vec![text], vec!["{\"choices\":["], vec!["garbage"]] {
        let heard = chat(&chunks);
        assert!(matches!(heard.error, Some(ProviderError::Broken { .. })), "{chunks:?}");
    }
    // The reason came, only the last line did not.
    assert_eq!(chat(&[text, STOP]).reason, Some(StopReason::Finished));
    assert!(matches!(messages(&[START, OPEN_TEXT]).error, Some(ProviderError::Broken { .. })));
}

const START: &str = r#"{"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":7,"cache_read_input_tokens":5,"cache_creation_input_tokens":6,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":2},"output_tokens":1}}}"#;
const OPEN_TEXT: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const HI: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi 🦀"}}"#;
const MESSAGE_STOP: &str = r#"{"type":"message_stop"}"#;

fn delta(reason: &str) -> String {
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":9,"output_tokens_details":{{"thinking_tokens":3}}}}}}"#
    )
}

#[test]
fn messages_text_usage_and_unknown_events() {
    let unknown = r#"{"type":"something_new","index":"odd"}"#.replace("\"odd\"", "4");
    let heard =
        messages(&[START, START, r#"{"type":"ping"}"#, OPEN_TEXT, HI, &unknown, &delta("end_turn"), MESSAGE_STOP]);
    assert_eq!((heard.text.as_str(), heard.reason, heard.error), ("hi 🦀", Some(StopReason::Finished), None));
    assert_eq!(heard.usage, [7, 5, 4, 2, 6, 3]);
    for (word, reason) in [
        ("max_tokens", StopReason::Length),
        ("refusal", StopReason::Refused),
        ("pause_turn", StopReason::Paused),
        ("stop_sequence", StopReason::StopSequence),
        ("model_context_window_exceeded", StopReason::WindowFull),
    ] {
        assert_eq!(messages(&[START, OPEN_TEXT, HI, &delta(word), MESSAGE_STOP]).reason, Some(reason));
    }
}

#[test]
fn messages_reasoning_then_calls() {
    let events = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"zz"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"none","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"some","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"t3","name":"whole","input":{"b":2}}}"#,
        r#"{"type":"content_block_stop","index":4}"#,
    ];
    let end = delta("tool_use");
    let heard = messages(&[&events[..], &[&end, MESSAGE_STOP]].concat());
    assert_eq!((heard.thinking.as_str(), heard.opaque, heard.ended), ("hm", 2, 3));
    let calls: Vec<_> = heard.calls.iter().map(|(name, json)| format!("{name}{json}")).collect();
    assert_eq!(calls, ["none{}", r#"some{"a":1}"#, r#"whole{"b":2}"#]);
}

#[test]
fn messages_errors_and_cut_arguments() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let heard = messages(&[START, OPEN_TEXT, HI, error]);
    assert_eq!(heard.text, "hi 🦀");
    assert!(matches!(heard.error, Some(ProviderError::Overloaded { .. })));
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"w","input":{}}}"#;
    let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let heard = messages(&[START, tool, piece, stop, &delta("tool_use"), MESSAGE_STOP]);
    assert!(matches!(heard.error, Some(ProviderError::Broken { .. })));
    let heard = messages(&[START, tool, piece, stop, &delta("max_tokens"), MESSAGE_STOP]);
    assert_eq!((heard.reason, heard.ended), (Some(StopReason::Length), 0));
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_answer(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let events = [START, OPEN_TEXT, HI, &delta("end_turn"), MESSAGE_STOP].map(|event| format!("data: {event}\r\n\r\n")).concat();
        let wire = wire::by_name("messages").unwrap();
        let mut rest = events.as_bytes();
        let mut pieces = Vec::new();
        for length in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (head, tail) = rest.split_at((*length).min(rest.len()));
            pieces.push(Bytes::copy_from_slice(head));
            rest = tail;
        }
        let heard = decode(wire, pieces);
        prop_assert_eq!(heard.text, "hi 🦀");
        prop_assert_eq!(heard.reason, Some(StopReason::Finished));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(data in ".{0,200}", which in 0..wire::WIRES.len()) {
        let wire = wire::WIRES[which];
        let (mut decoder, mut out) = (wire.decoder(), Vec::new());
        let pushed = decoder.push(&sse::Frame { event: None, data: data.clone() }, &mut out);
        let whole = decoder.whole(data.as_bytes(), &mut out);
        prop_assert!(pushed.is_err() || whole.is_err());
    }
}
