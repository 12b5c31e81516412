//! A provider against servers on this machine that behave well, badly and not at all.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kiln::domain::Purpose;
use kiln::net::{Client, HttpRequest, NetError, NetSettings, Reach};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::http::{Endpoint, HttpProvider};
use kiln::providers::wire::{self, Quirks};
use kiln::providers::{ChatRequest, Provider, ProviderError, StopReason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{Heard, fold, request};

const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const KEY: &str = "very-secret-key";

fn settings() -> NetSettings {
    NetSettings { idle: Duration::from_millis(150), ..NetSettings::default() }
}

fn provider(base_url: &str, settings: &NetSettings) -> HttpProvider {
    HttpProvider::new(
        ("test".into(), "Test".into()),
        wire::by_name("chat").unwrap(),
        Client::new(settings).unwrap(),
        Endpoint { base_url: base_url.to_owned(), key: Some(KEY.into()) },
        Quirks::default(),
        Arc::new(Catalogue::builtin().unwrap()),
    )
}

async fn ask(provider: &HttpProvider) -> Heard {
    listen(provider, request("x")).await
}

/// All that a provider answers.
pub async fn listen(provider: &dyn Provider, request: ChatRequest) -> Heard {
    let (mut events, mut error) = (Vec::new(), None);
    let mut stream = provider.stream(request);
    while let Some(item) = stream.next().await {
        match item {
            Ok(event) => events.push(event),
            Err(failed) => {
                assert_eq!(error, None, "one error at most");
                error = Some(failed);
            }
        }
    }
    fold(events, error)
}

async fn answered(template: ResponseTemplate) -> Heard {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    ask(&provider(&server.uri(), &settings())).await
}

/// A server that sends these bytes and then falls silent, or closes.
async fn raw(bytes: &'static [u8], closes: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _read = socket.read(&mut buffer).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        if !closes {
            // Until the client goes away.
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_stream_is_read_whatever_the_content_type() {
    for kind in ["text/event-stream", "application/octet-stream", "application/json"] {
        let heard = answered(ResponseTemplate::new(200).set_body_raw(STREAM, kind)).await;
        assert_eq!((heard.text.as_str(), heard.reason), ("hi", Some(StopReason::Finished)), "{kind}");
    }
    let heard = ask(&provider(&raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n: hi\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", true).await, &settings())).await;
    assert_eq!((heard.text.as_str(), heard.reason), ("hi", Some(StopReason::Finished)));
}

#[tokio::test]
async fn a_whole_answer_instead_of_a_stream_is_read() {
    let body = serde_json::json!({"id": "1", "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 2, "completion_tokens": 1}});
    let heard = answered(ResponseTemplate::new(200).set_body_json(body)).await;
    assert_eq!((heard.text.as_str(), heard.reason, heard.usage[0]), ("hi", Some(StopReason::Finished), 2));
    let heard = answered(ResponseTemplate::new(200).set_body_json(serde_json::json!({"error": "no"}))).await;
    assert!(heard.error.is_some() && heard.reason.is_none());
}

#[tokio::test]
async fn pages_and_empty_answers_are_no_answers() {
    let heard = answered(ResponseTemplate::new(200).set_body_raw("<html><title>Log in</title>", "text/html")).await;
    let error = heard.error.unwrap();
    assert!(matches!(error, ProviderError::Unusable { .. }) && error.to_string().contains("Log in"), "{error}");
    assert!(matches!(answered(ResponseTemplate::new(200)).await.error, Some(ProviderError::Broken { .. })));
}

#[tokio::test]
async fn refusals_are_classed_and_hold_no_key() {
    let body = serde_json::json!({"error": {"message": format!("Incorrect API key provided: {KEY}"), "code": "invalid_api_key"}});
    let error = answered(ResponseTemplate::new(401).set_body_json(body)).await.error.unwrap();
    assert!(matches!(error, ProviderError::Auth { .. }));
    assert!(!error.to_string().contains(KEY), "{error}");
    let limited = |template: ResponseTemplate| async move { answered(template).await.error.unwrap().retry_after() };
    let base = || {
        ResponseTemplate::new(429).set_body_json(serde_json::json!({"error": {"message": "Please try again in 1.5s."}}))
    };
    assert_eq!(limited(base()).await, Some(Duration::from_millis(1500)));
    assert_eq!(limited(base().insert_header("retry-after", "7")).await, Some(Duration::from_secs(7)));
    let both = base().insert_header("retry-after", "7").insert_header("retry-after-ms", "250");
    assert_eq!(limited(both).await, Some(Duration::from_millis(250)));
    let past = base().insert_header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
    assert_eq!(limited(past).await, Some(Duration::ZERO));
    let quota = serde_json::json!({"error": {"message": "x", "code": "insufficient_quota"}});
    let error = answered(ResponseTemplate::new(429).set_body_json(quota)).await.error.unwrap();
    assert!(matches!(error, ProviderError::Quota { .. }));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
    let template = ResponseTemplate::new(307).insert_header("location", format!("{}/x?y=z", elsewhere.uri()).as_str());
    let error = answered(template).await.error.unwrap();
    assert!(
        matches!(&error, ProviderError::BadRequest { .. }) && error.to_string().contains(&elsewhere.uri()),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_field_is_left_out_from_then_on() {
    let server = MockServer::start().await;
    let refusal = serde_json::json!({"error": {"message": "Unrecognized request argument supplied: stream_options", "type": "invalid_request_error"}});
    let template = ResponseTemplate::new(400).set_body_json(refusal);
    Mock::given(body_string_contains("stream_options")).respond_with(template).expect(1).mount(&server).await;
    Mock::given(path("/chat/completions"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_raw(STREAM, "text/event-stream"))
        .with_priority(9)
        .expect(2)
        .mount(&server)
        .await;
    let provider = provider(&server.uri(), &settings());
    for _ in 0..2 {
        assert_eq!(ask(&provider).await.text, "hi");
    }
}

#[tokio::test]
async fn a_stall_is_named_and_what_came_stays() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let heard = ask(&provider(&raw(head, false).await, &settings())).await;
    assert_eq!(heard.text, "hi");
    let error = heard.error.unwrap();
    assert!(matches!(error, ProviderError::Broken { .. }) && error.to_string().contains("no further byte"), "{error}");
    let quick = NetSettings { first_byte: Duration::from_millis(150), ..settings() };
    let error = ask(&provider(&raw(b"", false).await, &quick)).await.error.unwrap();
    assert!(error.to_string().contains("no first byte"), "{error}");
}

#[tokio::test]
async fn a_cut_is_an_error_unless_all_was_said() {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let heard = ask(&provider(&raw(head, true).await, &settings())).await;
    assert_eq!(heard.text, "hi");
    assert!(matches!(heard.error, Some(ProviderError::Broken { .. })), "{:?}", heard.error);
    let said = b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(ask(&provider(&raw(said, true).await, &settings())).await.reason, Some(StopReason::Finished));
}

#[tokio::test]
async fn hosts_that_are_not_allowed_are_not_spoken_to() {
    let offline = NetSettings { reach: Reach::Offline, ..settings() };
    let error = ask(&provider("http://example.invalid/v1?key=hidden", &offline)).await.error.unwrap();
    assert!(error.to_string().contains("offline by setting") && !error.to_string().contains("hidden"), "{error}");
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(&provider(&format!("http://{closed}"), &settings())).await.error.unwrap();
    assert!(matches!(error, ProviderError::Offline { .. }), "{error:?}");
}

#[tokio::test]
async fn models_are_listed_with_what_the_server_says() {
    let server = MockServer::start().await;
    let list = serde_json::json!({"data": [{"id": "a", "context_length": 4096}, {"id": "b"}]});
    Mock::given(path("/models")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    let models = provider(&server.uri(), &settings()).list_models().await.unwrap();
    assert_eq!((models.len(), models[0].window, models[1].window), (2, Some(4096), None));
    assert_eq!(models[0].prices, None);
}

#[tokio::test]
async fn others_go_on_while_one_server_misbehaves() {
    let flood = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = flood.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = flood.accept().await.unwrap();
            tokio::spawn(async move {
                let piece = "data: ".to_owned() + &"x".repeat(64 * 1024);
                while socket.write_all(piece.as_bytes()).await.is_ok() {}
            });
        }
    });
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_body_raw(STREAM, "text/event-stream");
    Mock::given(method("POST")).respond_with(slow.set_delay(Duration::from_millis(100))).mount(&server).await;
    let client = Client::new(&settings()).unwrap();
    let with = |url: String| {
        HttpProvider::new(
            ("test".into(), "Test".into()),
            wire::by_name("chat").unwrap(),
            client.clone(),
            Endpoint { base_url: url, key: Some(KEY.into()) },
            Quirks::default(),
            Arc::new(Catalogue::builtin().unwrap()),
        )
    };
    let (good, bad) = (with(server.uri()), with(format!("http://{address}")));
    let (first, broken, second) = tokio::join!(ask(&good), ask(&bad), ask(&good));
    assert_eq!((first.text.as_str(), second.text.as_str()), ("hi", "hi"));
    assert!(broken.error.is_some());
    let outcomes: Vec<_> = client.connections().iter().map(|one| (one.purpose, one.outcome())).collect();
    assert_eq!(outcomes.iter().filter(|(purpose, outcome)| *purpose == Purpose::Chat && outcome == "200").count(), 2);
}

#[tokio::test]
async fn a_key_stays_with_the_origin_it_was_set_for() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).expect(2).mount(&server).await;
    let client = Client::new(&settings()).unwrap();
    let port = server.address().port();
    let get = |base: &str| HttpRequest::get(server.uri() + "/models").secret_header("authorization", KEY.into(), base);
    for base in [server.uri(), format!("{}/v1", server.uri())] {
        assert_eq!(client.send(get(&base)).await.unwrap().status, 200);
    }
    for base in ["https://api.example.org", "http://127.0.0.1:1", &format!("https://127.0.0.1:{port}"), "nonsense"] {
        let error = client.send(get(base)).await.unwrap_err();
        assert!(!error.to_string().contains(KEY) && !format!("{error:?}").contains(KEY), "{error}");
    }
    assert_eq!(client.connections().len(), 2, "nothing was opened for the others");
    for odd in
        ["http://127.0.0.1\t:1/", "http://user:secret@127.0.0.1/", "file:///etc/passwd", "http://a\0b/", "ftp://x"]
    {
        let error = client.send(HttpRequest::get(odd)).await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{odd}: {error}");
    }
}

#[tokio::test]
async fn downloads_are_not_led_astray() {
    let server = MockServer::start().await;
    let port = server.address().port();
    for (from, to) in [
        ("/loop", "/loop".to_owned()),
        ("/file", "file:///etc/passwd".to_owned()),
        ("/metadata", "http://169.254.169.254/latest/meta-data".to_owned()),
        ("/other", "http://other.example/x?token=hidden".to_owned()),
        ("/odd", "http://user:hidden@127.0.0.1/".to_owned()),
    ] {
        let there = ResponseTemplate::new(302).insert_header("location", to.as_str());
        Mock::given(path(from)).respond_with(there).mount(&server).await;
    }
    let here = NetSettings { reach: Reach::only(["api.example.org"]).unwrap(), ..settings() };
    let client = Client::new(&here).unwrap();
    for from in ["/loop", "/file", "/metadata", "/other", "/odd"] {
        let error = client.download(&(server.uri() + from), 0).await.unwrap_err();
        assert!(matches!(error, NetError::Refused { .. } | NetError::Invalid { .. }), "{from}: {error:?}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
    let listed = client.connections();
    let of =
        |host: &str, outcome: &str| listed.iter().filter(|one| one.host == host && one.outcome() == outcome).count();
    assert_eq!((of("127.0.0.1", "302"), of("169.254.169.254", "refused"), of("other.example", "refused")), (15, 1, 1));
    assert!(listed.iter().all(|one| one.purpose == Purpose::Download && (one.port == port || one.port == 80)));
}

#[tokio::test]
async fn the_total_clock_ends_a_stream_that_goes_on_and_on() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let read = socket.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        while socket.write_all(b": still here\n\n").await.is_ok() {
            beat.tick().await;
        }
    });
    let total = NetSettings { total: Some(Duration::from_millis(300)), ..settings() };
    let error = ask(&provider(&format!("http://{address}"), &total)).await.error.unwrap();
    assert!(error.to_string().contains("no end of the answer"), "{error}");
}

#[tokio::test]
async fn downloads_follow_redirects_and_resume() {
    let server = MockServer::start().await;
    let client = Client::new(&settings()).unwrap();
    let there = ResponseTemplate::new(302).insert_header("location", format!("{}/file", server.uri()).as_str());
    Mock::given(path("/start")).respond_with(there).mount(&server).await;
    let part = ResponseTemplate::new(206).insert_header("content-range", "bytes 3-5/6").set_body_bytes("def");
    Mock::given(path("/file"))
        .and(header("range", "bytes=3-"))
        .respond_with(part)
        .with_priority(1)
        .mount(&server)
        .await;
    let end = ResponseTemplate::new(416).insert_header("content-range", "bytes */6");
    Mock::given(path("/file")).and(header("range", "bytes=6-")).respond_with(end).with_priority(1).mount(&server).await;
    Mock::given(path("/file")).respond_with(ResponseTemplate::new(200).set_body_bytes("abcdef")).mount(&server).await;
    for (offset, start, bytes) in [(0, 0, "abcdef"), (3, 3, "def"), (6, 6, ""), (4, 0, "abcdef")] {
        let download = client.download(&format!("{}/start", server.uri()), offset).await.unwrap();
        assert_eq!((download.total, download.start), (Some(6), start), "{offset}");
        let body = kiln::net::request::collect(download.stream, 100).await.unwrap();
        assert_eq!(body, bytes, "{offset}");
    }
    let missing = client.download(&format!("{}/nothing?token=hidden", server.uri()), 0).await.unwrap_err();
    assert!(!missing.to_string().contains("hidden") && missing.to_string().contains("404"));
}
