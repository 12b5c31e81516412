//! Proxies, certificates and the limits of reach, seen from outside; and the list that tells of it.

use super::proxy::{self, Manner};
use super::server::{Behaviour, serve, serve_tls};
use super::{Home, KEY, Ran, custom};

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_input/tls/authority.pem");

/// Settings for a server that trusts our authority.
fn trusting(address: &str) -> String {
    custom(address) + &format!("ca_file = \"{AUTHORITY}\"\n")
}

/// The same without a key.
fn keyless(address: &str) -> String {
    trusting(address).replace("key_env = \"FAKE_KEY\"\n", "")
}

fn ask(settings: &str, variables: &[(&str, &str)]) -> (Ran, Vec<serde_json::Value>) {
    let home = Home::with_settings(settings);
    let mut command = home.command(&["exec", "hello"]);
    let ran = Ran::checked(command.envs(variables.iter().copied()).output().unwrap());
    let log = home.run(&["net", "log", "--json"]);
    assert!(!log.out.contains("completions") && !log.out.contains("password"), "{}", log.out);
    (ran, log.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn fine(ran: &Ran) {
    assert_eq!((ran.code, ran.out.as_str(), ran.errors()), (0, "hi\n", 0), "{}", ran.err);
}

#[track_caller]
fn told(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("\nhint: "), "{}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
}

#[test]
fn a_certificate_nobody_trusts_is_told_and_an_extra_authority_is_trusted() {
    let server = serve_tls(Behaviour::stream(&["hi"]));
    let address = format!("https://localhost:{}", server.port());
    let (ran, log) = ask(&custom(&address), &[]);
    told(&ran, &["certificate that is not trusted", "`network.ca_file`"]);
    assert!(!server.heard_key(KEY) && !ran.err.contains("trying again"), "{}", ran.err);
    assert_eq!((log.len(), log[0]["state"].as_str()), (1, Some("failed")));
    let (ran, log) = ask(&trusting(&address), &[]);
    fine(&ran);
    assert!(server.heard_key(KEY));
    let one = &log[0];
    assert_eq!((one["host"].as_str(), one["port"].as_u64()), (Some("localhost"), Some(server.port().into())));
    assert_eq!((one["purpose"].as_str(), one["status"].as_u64()), (Some("chat"), Some(200)));
    assert!(one["sent"].as_u64() > Some(100) && one["received"].as_u64() > Some(100), "{one}");
    let (ran, _) =
        ask(&custom(&address).replace("connect_timeout_s", "ca_file = \"/none.pem\"\nconnect_timeout_s"), &[]);
    told(&ran, &["`/none.pem` cannot be read"]);
}

#[test]
fn plain_requests_go_through_the_proxy_and_what_must_not_goes_around_it() {
    let server = serve(Behaviour::stream(&["hi"]));
    let proxy = proxy::http(Manner::LeadsTo(server.port()));
    let settings = keyless("http://model.example/v1");
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let (ran, log) = ask(&settings, &[(variable, &proxy.place())]);
        fine(&ran);
        assert_eq!((log[0]["host"].as_str(), log[0]["via"].as_str()), (Some("model.example"), Some(&*proxy.place())));
    }
    let heard = proxy.heard();
    assert!(heard.len() == 3 && heard[0].starts_with("POST http://model.example/v1/chat/completions"), "{heard:?}");
    // Without it the name leads nowhere.
    let (ran, log) =
        ask(&keyless("http://model.invalid"), &[("HTTP_PROXY", &proxy.place()), ("NO_PROXY", "x,.invalid")]);
    told(&ran, &["cannot be reached"]);
    assert!(log[0].get("via").is_none());
    let (ran, _) = ask(&keyless(&server.address()), &[("ALL_PROXY", &proxy.place())]);
    fine(&ran);
    assert_eq!(proxy.heard().len(), 3, "this machine is spoken to directly");
    // A project's own file sets no proxy.
    let home = Home::with_settings(&keyless("http://model.invalid"));
    std::fs::write(home.path().join("project/.env"), format!("HTTP_PROXY={}\n", proxy.place())).unwrap();
    assert_ne!(home.run(&["exec", "hello"]).code, 0);
    assert_eq!(proxy.heard().len(), 3);
}

#[test]
fn encrypted_requests_are_tunnelled_and_the_proxy_learns_nothing() {
    let server = serve_tls(Behaviour::stream(&["hi"]));
    let proxy = proxy::http(Manner::LeadsWhoIsKnown(server.port()));
    let address = format!("http://name:password@{}", proxy.place());
    let (ran, log) = ask(&trusting("https://model.example"), &[("HTTPS_PROXY", &address)]);
    fine(&ran);
    assert!(server.heard_key(KEY));
    assert_eq!(log[0]["via"].as_str(), Some(&*proxy.place()));
    let heard = proxy.heard().concat();
    assert!(heard.starts_with("CONNECT model.example:443") && !heard.contains(KEY), "{heard}");
    // The certificate is for other names: somebody in between is noticed.
    let (ran, _) = ask(&trusting("https://other.example"), &[("HTTPS_PROXY", &address)]);
    told(&ran, &["certificate that is not trusted"]);
}

#[test]
fn socks_leads_names_and_addresses() {
    let server = serve_tls(Behaviour::stream(&["hi"]));
    let proxy = proxy::socks5(Manner::LeadsTo(server.port()));
    let (ran, log) = ask(&trusting("https://model.example"), &[("ALL_PROXY", &format!("socks5h://{}", proxy.place()))]);
    fine(&ran);
    assert_eq!(log[0]["via"].as_str(), Some(&*proxy.place()));
    let plain = serve(Behaviour::stream(&["hi"]));
    let second = proxy::socks5(Manner::LeadsTo(plain.port()));
    let (ran, _) = ask(&keyless("http://192.0.2.1:81"), &[("HTTP_PROXY", &format!("socks5://{}", second.place()))]);
    fine(&ran);
    assert_eq!((proxy.heard(), second.heard()), (vec!["model.example:443".into()], vec!["192.0.2.1:81".into()]));
    let closed = proxy::socks5(Manner::Forbids);
    let (ran, _) = ask(&trusting("https://model.example"), &[("ALL_PROXY", &format!("socks5h://{}", closed.place()))]);
    told(&ran, &["the proxy `127.0.0.1:", "does not lead to `https://model.example`"]);
}

#[test]
fn proxies_that_lead_nowhere_are_named_and_nobody_goes_around_them() {
    for (manner, word) in [
        (Manner::LeadsWhoIsKnown(9), "asks for a name and a password"),
        (Manner::Drops, "does not lead to"),
        (Manner::Forbids, "does not lead to"),
    ] {
        let proxy = proxy::http(manner);
        let (ran, _) = ask(&trusting("https://model.example"), &[("HTTPS_PROXY", &proxy.place())]);
        told(&ran, &[word, &proxy.place(), "model.example"]);
        assert!(proxy.heard().iter().all(|head| head.starts_with("CONNECT ")));
    }
    let proxy = proxy::http(Manner::LeadsWhoIsKnown(9));
    let (ran, _) = ask(&keyless("http://model.example"), &[("HTTP_PROXY", &proxy.place())]);
    told(&ran, &["407", "asks for a name and a password"]);
    assert_eq!(proxy.heard().len(), 1, "{}", ran.err);
    // A proxy that cannot be read is no reason to go straight out.
    let (ran, log) = ask(&keyless("http://192.0.2.1"), &[("HTTP_PROXY", "ftp://name:password@x")]);
    assert!(
        ran.code == 1 && ran.err.contains("`HTTP_PROXY` holds no address") && !ran.err.contains("password@"),
        "{}",
        ran.err
    );
    assert_eq!(log[0]["state"].as_str(), Some("refused"));
}

#[test]
fn only_allowed_hosts_are_spoken_to_even_through_a_proxy() {
    let server = serve_tls(Behaviour::stream(&["hi"]));
    let proxy = proxy::http(Manner::LeadsTo(server.port()));
    let place = proxy.place();
    let allowing = |list: &str| trusting("https://model.example") + &format!("allow = {list}\n");
    for list in ["[]", "[\"example\", \"*.model.example\", \"xmodel.example\"]", "\"\""] {
        let (ran, log) = ask(&allowing(list), &[("HTTPS_PROXY", &place)]);
        told(&ran, &["was not asked", "`network.allow`"]);
        assert!(!ran.err.contains("trying again"), "{}", ran.err);
        let refused = ("model.example", "refused", 0);
        let one = &log[0];
        assert_eq!(
            (one["host"].as_str().unwrap(), one["state"].as_str().unwrap(), one["sent"].as_u64().unwrap()),
            refused
        );
    }
    // A list with a slip in it is no list that lets everything through.
    for list in
        ["[\"model.example\", \"a b\"]", "[\"model.example\\u0000.evil.test\"]", "[\"https://model.example\"]", "true"]
    {
        let (ran, _) = ask(&allowing(list), &[("HTTPS_PROXY", &place)]);
        assert!(ran.code == 1 && ran.err.contains("network.allow"), "{list}: {}", ran.err);
    }
    assert!(proxy.heard().is_empty() && !server.heard_key(KEY));
    for list in ["[\"MODEL.example.\"]", "[\"*.example\"]", "\"a.test, model.example\""] {
        let (ran, _) = ask(&allowing(list), &[("HTTPS_PROXY", &place)]);
        fine(&ran);
    }
    let (ran, _) = ask(&(custom(&serve(Behaviour::stream(&["hi"])).address()) + "allow = []\n"), &[]);
    fine(&ran);
    let home = Home::with_settings(&allowing("[\"model.example\"]"));
    let ran = Ran::checked(home.command(&["--offline", "exec", "hello"]).env("HTTPS_PROXY", &place).output().unwrap());
    told(&ran, &["offline"]);
}

#[test]
fn the_list_of_connections_is_shown_and_deleted() {
    let server = serve(Behaviour::stream(&["hi"]));
    let home = Home::with_settings(&custom(&(server.address() + "/v1?secret=hidden")));
    let list = home.path().join("kiln/data/logs/network.jsonl");
    for quiet in [&["net", "log"][..], &["config", "show"], &["sessions", "list"]] {
        assert_eq!(home.run(quiet).code, 0);
    }
    assert_eq!(home.play().code, 0);
    assert!(!list.exists(), "nothing is written while nothing is sent");
    home.run(&["exec", "hello"]);
    let shown = home.run(&["net", "log", "--last", "1"]);
    assert!(
        shown.out.contains(&format!("127.0.0.1:{}", server.port())) && shown.out.lines().count() == 1,
        "{}",
        shown.out
    );
    let text = std::fs::read_to_string(&list).unwrap();
    assert!(text.contains("chat") && !text.contains("hidden") && !text.contains(KEY), "{text}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(home.run(&["net", "log", "--clear"]).code, 0);
    assert!(!list.exists());
}
