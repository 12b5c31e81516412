//! A stored key is used in real runs against a server that echoes it wherever it can, and then looked
//! for, in many encodings, in everything that Kiln wrote, printed or handed on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tempfile::TempDir;

/// No shape by which a key is known, and characters that encodings change.
const ODD_KEY: &str = "kT7Qv/9+bZx0=Wm3~rY6pL?n8Hd2&sUa5";

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The key in nine encodings, base64 at each of its three alignments.
pub fn forms(key: &str) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: fn(u8) -> String| key.bytes().map(form).collect::<String>().into_bytes();
    let percent = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let mut forms = vec![
        ("plain", key.as_bytes().to_vec()),
        ("hex", each(|byte| format!("{byte:02x}"))),
        ("upper hex", each(|byte| format!("{byte:02X}"))),
        ("percent", key.bytes().map(percent).collect::<String>().into_bytes()),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("JSON text", key.replace('/', "\\/").into_bytes()),
        ("reversed", key.bytes().rev().collect()),
        ("UTF-16", key.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    for skip in 0..3 {
        let part = &key[skip..skip + (key.len() - skip) / 3 * 3];
        forms.push(("base64", STANDARD_NO_PAD.encode(part).into_bytes()));
        forms.push(("base64url", URL_SAFE_NO_PAD.encode(part).into_bytes()));
    }
    forms
}

pub fn assert_absent(key: &str, bytes: &[u8], place: &str) {
    for (form, needle) in forms(key) {
        assert!(!contains(bytes, &needle), "the key is in {place} as {form}");
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    // Far faster than comparing windows: most bytes are not the first one.
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[test]
fn each_form_is_found_where_it_is() {
    for (form, needle) in forms(ODD_KEY) {
        let mut text = b"before ".to_vec();
        text.extend_from_slice(&needle);
        assert!(contains(&text, &needle), "{form}");
    }
    for skip in 0..3 {
        let whole = STANDARD_NO_PAD.encode(format!("{}{ODD_KEY}xyz", &"abc"[..skip]));
        let found = forms(ODD_KEY).iter().any(|(_, needle)| contains(whole.as_bytes(), needle));
        assert!(found, "base64 behind {skip} bytes");
    }
}

/// What the server heard and saw.
#[derive(Default)]
struct Seen {
    with_key: usize,
    /// Places where the key was seen while a request was under way.
    leaks: Vec<String>,
}

/// A provider that answers in turn with an error, an error inside a stream, and an answer; all with
/// the key in their headers, the errors with it in their texts.
fn echoing(key: &'static str) -> (String, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let theirs = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let request = read_request(&mut socket);
            let mut seen = theirs.lock().unwrap();
            let asked = request.starts_with("POST");
            if asked && request.contains(key) {
                seen.with_key += 1;
                seen.leaks.extend(in_processes(key));
            }
            let answer = answer(key, if asked { seen.with_key } else { 1 });
            drop(seen);
            socket.write_all(answer.as_bytes()).ok();
        }
    });
    (address, seen)
}

fn answer(key: &str, turn: usize) -> String {
    let echoes = format!(
        "x-request-id: {key}\r\nset-cookie: auth={key}\r\nwww-authenticate: Bearer {key}\r\nserver: {key}\r\nconnection: close\r\n"
    );
    let stream = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{echoes}\r\n");
    let text = |form: &Vec<u8>| String::from_utf8(form.clone()).unwrap();
    let coded: Vec<String> =
        forms(key).iter().map(|(_, form)| text(form)).filter(|form| !form.contains('\0')).collect();
    let message = format!("Incorrect API key provided: {key}. Sent: 'Bearer {key}', that is {}", coded.join(" "));
    let error = serde_json::json!({"error": {"message": message, "type": key, "code": key}}).to_string();
    match turn {
        1 => format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{echoes}\r\n{error}",
            error.len()
        ),
        2 => format!("{stream}data: {{\"choices\":[{{\"delta\":{{\"content\":\"hello\"}}}}]}}\n\ndata: {error}\n\n"),
        _ => format!(
            "{stream}data: {{\"choices\":[{{\"delta\":{{\"content\":\"done\"}}}}]}}\n\n\
             data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
        ),
    }
}

fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = socket.read(&mut buffer).unwrap_or(0);
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || count == 0 {
            return text;
        }
    }
}

/// Command lines and environments of all processes that can be looked at, Kiln and its children among
/// them; what `ps` would show.
fn in_processes(key: &str) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let places = processes.flatten().flat_map(|process| ["cmdline", "environ"].map(|file| process.path().join(file)));
    let needles = forms(key);
    let holds = |bytes: &[u8]| needles.iter().any(|(_, needle)| contains(bytes, needle));
    let leaks = places.filter(|place| fs::read(place).is_ok_and(|bytes| holds(&bytes)));
    leaks.map(|place| place.display().to_string()).collect()
}

struct World {
    folder: TempDir,
    provider: String,
}

impl World {
    fn new(provider: &str, address: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("kiln/config")).unwrap();
        fs::create_dir_all(folder.path().join("project")).unwrap();
        let settings = format!("[providers.{provider}]\nbase_url = \"{address}\"\nwire = \"chat\"\n");
        fs::write(folder.path().join("kiln/config/config.toml"), settings).unwrap();
        Self { folder, provider: provider.to_owned() }
    }

    /// Runs Kiln and looks at what it printed.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(arguments)
            .env("KILN_HOME", self.folder.path().join("kiln"))
            .env("KILN_KEYS_PASSPHRASE", "four plain words here")
            .env("KILN_LOG", "trace")
            .env_remove("KILN_NETWORK__OFFLINE")
            .current_dir(self.folder.path().join("project"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        for (bytes, stream) in [(&output.stdout, "standard output"), (&output.stderr, "standard error")] {
            assert_absent(ODD_KEY, bytes, &format!("{stream} of {arguments:?}: {}", String::from_utf8_lossy(bytes)));
        }
        output
    }

    /// Three turns, recorded, with everything that shows them afterwards.
    fn use_the_key(&self, seen: &Mutex<Seen>) {
        for turn in 1..=3 {
            let recording = self.folder.path().join(format!("recording-{turn}.jsonl")).display().to_string();
            let output = self.run(
                &["--provider", &self.provider, "--model", "m", "--record", &recording, "exec", "--json", "hello"],
                "",
            );
            let out = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code() == Some(0), turn == 3, "turn {turn}: {out}");
            assert_eq!(seen.lock().unwrap().with_key, turn, "the key is sent: {out}");
            assert!(turn == 3 || out.contains("***"), "the provider's words are shown without the key: {out}");
        }
        let target = format!("folder:{}", self.folder.path().join("export").display());
        for arguments in [
            &["sessions", "show", "last", "--json"][..],
            &["sessions", "list", "--json"],
            &["export", "last", "--to", &target],
            &["models", "list", "--provider", &self.provider],
            &["keys", "list"],
            &["config", "show", "--origin"],
        ] {
            self.run(arguments, "");
        }
        let leaks = seen.lock().unwrap().leaks.clone();
        assert_eq!(leaks, [""; 0], "processes that show the key");
        let written = files(self.folder.path());
        for kind in ["kiln.db", ".log", "recording-3.jsonl", "keys.json"] {
            assert!(written.iter().any(|file| file.to_string_lossy().contains(kind)), "no {kind} was looked at");
        }
        for file in written {
            assert_absent(ODD_KEY, &fs::read(&file).unwrap(), &file.display().to_string());
        }
    }
}

#[test]
fn a_key_in_the_encrypted_file_is_nowhere_else() {
    let (address, seen) = echoing(ODD_KEY);
    let world = World::new("echo", &address);
    let output = world.run(&["keys", "set", "--file", "echo"], ODD_KEY);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    world.use_the_key(&seen);
}

#[test]
fn a_key_in_the_systems_keychain_is_nowhere_else() {
    if std::env::var_os("KILN_TEST_SECRET_SERVICE").is_none() {
        eprintln!("not run: KILN_TEST_SECRET_SERVICE is not set");
        return;
    }
    let (address, seen) = echoing(ODD_KEY);
    let provider = format!("echo-{}", std::process::id());
    let world = World::new(&provider, &address);
    let output = world.run(&["keys", "set", &provider], ODD_KEY);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(super::lookup(&provider).as_deref(), Some(ODD_KEY));
    world.use_the_key(&seen);
    assert_eq!(world.run(&["keys", "rm", &provider], "").status.code(), Some(0));
    assert_eq!(super::lookup(&provider), None);
}
