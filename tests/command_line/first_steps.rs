//! The first run and the doctor, from outside.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::{program, ran};

/// A server on this machine that lists two models for the right key, and refuses every other.
fn models_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => request.extend_from_slice(&buffer[..count]),
                }
            }
            let right = String::from_utf8_lossy(&request).contains(RIGHT_KEY);
            let (status, body) = if right {
                (
                    "200 OK",
                    r#"{"object":"list","data":[{"id":"alpha","object":"model"},{"id":"beta","object":"model"}]}"#,
                )
            } else {
                (
                    "401 Unauthorized",
                    r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error"}}"#,
                )
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    format!("http://{address}/v1")
}

const RIGHT_KEY: &str = "sk-right-0123456789abcdef";
const WRONG_KEY: &str = "sk-wrong-0123456789abcdef";

/// A machine without a keychain, with these variables.
fn kiln_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut command = program(home, arguments);
    // No bus that could be reached.
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").envs(variables.iter().copied());
    ran(command, input)
}

fn findings(output: &Output) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let findings: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&output.stdout).unwrap();
    for finding in &findings {
        assert_eq!(finding.keys().collect::<Vec<_>>(), ["name", "state", "text", "hint"]);
        assert!(["ok", "warn", "fail"].contains(&finding["state"].as_str().unwrap()), "{finding:?}");
    }
    findings
}

fn state(findings: &[serde_json::Map<String, serde_json::Value>], name: &str) -> String {
    let found = findings.iter().find(|finding| finding["name"] == name);
    found.unwrap_or_else(|| panic!("no finding `{name}`"))["state"].as_str().unwrap().to_owned()
}

#[test]
fn the_doctor_finds_nothing_broken_on_a_fresh_machine() {
    let home = TempDir::new().unwrap();
    let output = kiln_with(home.path(), &["doctor", "--json"], &[], "");
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found:?}");
    for name in ["kiln", "settings", "folders", "disk", "database", "network", "proxy"] {
        assert_eq!(state(&found, name), "ok", "{name}");
    }
    assert_eq!(state(&found, "model"), "warn", "nobody can answer yet");
}

#[test]
fn the_doctor_asks_each_provider_and_fails_on_a_wrong_key_without_showing_it() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let right = [("OPENAI_API_KEY", RIGHT_KEY), ("OPENAI_BASE_URL", url.as_str())];
    let output = kiln_with(home.path(), &["doctor", "--json"], &right, "");
    assert_eq!(state(&findings(&output), "provider openai"), "ok");
    assert_eq!(output.status.code(), Some(0));

    let wrong = [
        ("OPENAI_API_KEY", WRONG_KEY),
        ("OPENAI_BASE_URL", url.as_str()),
        ("HTTPS_PROXY", "http://ada:hunter2@127.0.0.1:9"),
    ];
    for arguments in [&["doctor", "--json"][..], &["doctor"][..]] {
        let output = kiln_with(home.path(), arguments, &wrong, "");
        assert_eq!(output.status.code(), Some(1));
        let all = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
        for secret in [WRONG_KEY, "hunter2"] {
            assert!(!all.contains(secret), "{all}");
        }
        if arguments.len() == 2 {
            let found = findings(&output);
            assert_eq!(state(&found, "provider openai"), "fail");
            assert_eq!(state(&found, "proxy"), "ok");
        }
    }
}

#[test]
fn the_doctor_asks_nobody_while_offline_and_names_broken_settings() {
    let home = TempDir::new().unwrap();
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/config.toml"), "[ui]\nframe_rate = 900\n").unwrap();
    let variables = [("OPENAI_API_KEY", RIGHT_KEY)];
    let output = kiln_with(home.path(), &["doctor", "--json", "--offline"], &variables, "");
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(1), "a setting that cannot be used is a failure");
    assert_eq!(state(&found, "settings"), "fail");
    assert_eq!(state(&found, "provider openai"), "ok", "not asked is no failure");
}

#[test]
fn init_keeps_the_defaults_where_the_input_ends() {
    let home = TempDir::new().unwrap();
    let output = kiln_with(home.path(), &["init"], &[], "");
    assert_eq!(output.status.code(), Some(0));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("MB to fetch"), "the download's size is told: {out}");
    let written = std::fs::read_to_string(home.path().join("config/config.toml")).unwrap();
    assert!(written.contains("provider = \"embedded\""), "{written}");
    assert!(
        !home.path().join("cache/weights").exists()
            || std::fs::read_dir(home.path().join("cache/weights")).unwrap().next().is_none(),
        "nothing is fetched unasked"
    );
}

#[test]
fn init_takes_a_key_from_the_environment_tests_it_and_keeps_comments() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    let file = home.path().join("config/config.toml");
    std::fs::write(&file, "# mine\n[ui]\nmouse = false # no mouse\n").unwrap();
    let variables = [("OPENAI_API_KEY", RIGHT_KEY), ("OPENAI_BASE_URL", url.as_str())];
    let output = kiln_with(home.path(), &["init"], &variables, "openai\nbeta\nwrite\n");
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("lists 2 models"), "{out}");
    let written = std::fs::read_to_string(&file).unwrap();
    for part in ["# mine\n", "mouse = false # no mouse", "provider = \"openai\"", "default_model = \"beta\""] {
        assert!(written.contains(part), "{part}: {written}");
    }
    let shown = kiln_with(home.path(), &["models", "list"], &variables, "");
    assert!(String::from_utf8(shown.stdout).unwrap().starts_with("in use: openai/beta  ready"));
}

#[test]
fn init_left_on_the_way_changes_nothing() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let variables = [("OPENAI_BASE_URL", url.as_str())];
    for answers in
        ["quit\n", &format!("openai\n{WRONG_KEY}\nleave\n"), &format!("openai\n{RIGHT_KEY}\nalpha\nnowhere\nleave\n")]
    {
        let output = kiln_with(home.path(), &["init"], &variables, answers);
        let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(all.contains("nothing was changed"), "{answers}: {all}");
        assert!(!all.contains(WRONG_KEY) && !all.contains(RIGHT_KEY), "{all}");
        assert!(!home.path().join("config/config.toml").exists());
        assert!(!home.path().join("data/keys.json").exists());
    }
}

#[test]
fn init_stores_a_tested_key_in_the_encrypted_file() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let variables = [("OPENAI_BASE_URL", url.as_str())];
    let answers = format!(
        "openai\n{WRONG_KEY}\ntype another key\n{RIGHT_KEY}\n\nan encrypted file\ncorrect horse\ncorrect horse\n\n"
    );
    let output = kiln_with(home.path(), &["init"], &variables, &answers);
    let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{all}");
    let passphrase = [("OPENAI_BASE_URL", url.as_str()), ("KILN_KEYS_PASSPHRASE", "correct horse")];
    let output = kiln_with(home.path(), &["doctor", "--json"], &passphrase, "");
    let found = findings(&output);
    assert_eq!((state(&found, "provider openai"), state(&found, "key file")), ("ok".into(), "ok".into()));
}
