//! A key goes to the origin it was set for, encrypted or within private walls, and nowhere else.

use super::proxy::{self, Manner};
use super::server::{Behaviour, serve};
use super::{Home, KEY, Ran, custom};

#[test]
fn a_key_is_not_sent_over_the_open_network_in_the_clear() {
    for address in ["http://192.0.2.1", "http://[2001:db8::1]:8080/v1", "http://169.254.169.254"] {
        let home = Home::with_settings(&custom(address));
        let ran = home.run(&["exec", "hello"]);
        assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains("the key is not sent to") && ran.err.contains("`https://`"), "{}", ran.err);
        assert!(!ran.err.contains("trying again"), "{}", ran.err);
    }
    let proxy = proxy::http(Manner::LeadsTo(9));
    let home = Home::with_settings(&custom("http://model.example"));
    let ran = Ran::checked(home.command(&["exec", "hello"]).env("HTTP_PROXY", proxy.place()).output().unwrap());
    assert!(ran.code == 1 && ran.err.contains("could read it"), "{}", ran.err);
    assert!(proxy.heard().is_empty());
}

#[test]
fn a_redirect_is_no_way_for_a_key() {
    let elsewhere = serve(Behaviour::stream(&["caught"]));
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("http://localhost:{}/x?token=hidden", elsewhere.port());
        let head =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let server = serve(Behaviour::raw(head));
        let ran = Home::with_settings(&custom(&server.address())).run(&["exec", "hello"]);
        assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains("\nhint: ") && server.heard_key(KEY), "{}", ran.err);
    }
    assert!(!elsewhere.heard_key(KEY) && elsewhere.requests() == 0);
}

#[test]
fn expired_keys_and_empty_accounts_are_told_apart() {
    let error = |message: &str, code: &str| format!("{{\"error\":{{\"message\":\"{message}\",\"code\":\"{code}\"}}}}");
    for (status, body, expected) in [
        ("401 Unauthorized", error(&format!("the key {KEY} has expired"), "token_expired"), "did not accept the key"),
        ("402 Payment Required", error("Insufficient credits", "x"), "no credit left"),
        ("429 Too Many Requests", error("You exceeded your current quota", "insufficient_quota"), "no credit left"),
    ] {
        let server = serve(Behaviour::status(status, &body));
        let ran = Home::with_settings(&custom(&server.address())).run(&["exec", "hello"]);
        assert_eq!((ran.code, ran.errors(), server.requests()), (1, 1, 1), "{}", ran.err);
        assert!(ran.err.contains(expected) && ran.err.contains("\nhint: "), "{status}: {}", ran.err);
    }
}
