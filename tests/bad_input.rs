//! Bad input from outside: settings, folders, databases, disks and providers that are not as they
//! should be. Every one ends in a clear message, and never in a lost file or a told key.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "bad_input/floods.rs"]
mod floods;
#[path = "bad_input/keys.rs"]
mod keys_on_the_way;
#[path = "bad_input/models.rs"]
mod models;
#[path = "bad_input/playing.rs"]
mod playing;
#[path = "bad_input/proxies.rs"]
mod proxies;
#[path = "bad_input/proxy.rs"]
mod proxy;
#[path = "terminal/recordings.rs"]
mod recordings;
#[path = "bad_input/repositories.rs"]
mod repositories;
#[path = "bad_input/server.rs"]
mod server;

use recordings::Recording;
use server::{Behaviour, serve};

const KEY: &str = "sk-kiln-test-0123456789abcdef";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Nothing of the key, no control characters, no panic, whatever happened.
    fn checked(output: std::process::Output) -> Self {
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        for text in [&out, &err] {
            assert!(!text.contains(KEY) && !text.contains(&KEY[8..]), "the key is told: {text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
            assert!(!text.contains("panicked"), "{text}");
        }
        Self { code: output.status.code().unwrap_or(-1), out, err }
    }

    fn errors(&self) -> usize {
        self.err.lines().filter(|line| line.starts_with("error: ")).count()
    }
}

/// Kiln's own files and a project beside them.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    fn with_settings(text: &str) -> Self {
        let home = Self::new();
        std::fs::create_dir_all(home.path().join("kiln/config")).unwrap();
        std::fs::write(home.settings(), text).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn settings(&self) -> PathBuf {
        self.path().join("kiln/config/config.toml")
    }

    fn database(&self) -> PathBuf {
        self.path().join("kiln/data/kiln.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(arguments)
            .env_clear()
            .env("KILN_HOME", self.path().join("kiln"))
            .env("HOME", self.path())
            .env("FAKE_KEY", KEY)
            .current_dir(self.path().join("project"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::checked(self.command(arguments).output().unwrap())
    }

    /// Plays a small recording.
    fn play(&self) -> Ran {
        let recording = page().write(self.path()).display().to_string();
        self.run(&["--replay", &recording, "exec", "a page"])
    }
}

fn page() -> Recording {
    Recording::new().file("page.txt", "one\ntwo\n", 100).then().text("it is written").end()
}

// --- settings

#[test]
fn an_unknown_setting_names_file_line_and_the_nearest_name() {
    let home = Home::with_settings("[ui]\nmouse = true\n\n[network]\nidle_timeout = 5\n");
    let ran = home.play();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let place = format!("`{}` line 5", home.settings().display());
    assert!(ran.err.contains("`network.idle_timeout`") && ran.err.contains(&place), "{}", ran.err);
    assert!(ran.err.contains("did you mean `network.idle_timeout_s`?"), "{}", ran.err);
    assert_eq!((ran.errors(), ran.out.as_str()), (1, "it is written\n"), "{}", ran.err);
}

#[test]
fn broken_settings_are_shown_with_their_place_and_kiln_works() {
    for text in
        ["[ui\nmouse = true\n", "ui = [1, 2", "\u{0}\u{1}", "[ui]\nmouse = \"perhaps\"\n", "[ui]\nframe_rate = 0\n"]
    {
        let home = Home::with_settings(text);
        let ran = home.play();
        assert_eq!(ran.code, 0, "{text:?}: {}", ran.err);
        assert!(ran.err.contains(&home.settings().display().to_string()), "{text:?}: {}", ran.err);
        assert!(ran.err.contains("hint: ") && ran.errors() == 1, "{text:?}: {}", ran.err);
        assert_eq!(std::fs::read_to_string(home.settings()).unwrap(), text, "the file is left as it is");
    }
    let home = Home::with_settings("");
    std::fs::write(home.settings(), b"[ui]\ntheme = \"\xff\xfe\"\n").unwrap();
    let ran = home.play();
    assert_eq!((ran.code, ran.errors()), (0, 1), "{}", ran.err);
}

#[test]
fn a_folder_in_place_of_the_settings_is_told() {
    let home = Home::new();
    std::fs::create_dir_all(home.settings()).unwrap();
    let ran = home.play();
    assert_eq!((ran.code, ran.errors()), (0, 1), "{}", ran.err);
    assert!(ran.err.contains("cannot be read"), "{}", ran.err);
}

// --- places

#[test]
fn a_corrupt_database_is_told_and_kept_and_kiln_works() {
    let whole = Home::new();
    assert_eq!(whole.play().code, 0);
    // Merges the log, as the last of several programs does.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { kiln::storage::Storage::open(&whole.database()).await.unwrap().close().await });
    let mut torn = std::fs::read(whole.database()).unwrap();
    torn.truncate(torn.len() / 2);
    for bytes in [b"this is no database".repeat(100), vec![0xff; 8192], torn] {
        let home = Home::new();
        std::fs::create_dir_all(home.database().parent().unwrap()).unwrap();
        std::fs::write(home.database(), &bytes).unwrap();
        let ran = home.play();
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("it is written"), "{}", ran.out);
        assert!(ran.err.contains("kiln.db") && ran.err.contains("hint: "), "{}", ran.err);
        assert_eq!(ran.errors(), 1, "{}", ran.err);
        assert!(std::fs::read(home.database()).unwrap() == bytes, "the file is left as it is");
    }
}

#[test]
fn a_folder_in_place_of_the_database_is_told() {
    let home = Home::new();
    std::fs::create_dir_all(home.database()).unwrap();
    let ran = home.play();
    assert_eq!((ran.code, ran.errors()), (0, 1), "{}", ran.err);
    assert!(ran.err.contains("hint: ") && ran.out.contains("it is written"), "{}", ran.err);
}

#[test]
fn a_file_in_place_of_the_folder_is_told_once_and_kiln_works() {
    let home = Home::new();
    std::fs::write(home.path().join("kiln"), "mine").unwrap();
    let ran = home.play();
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("nothing will be saved") && ran.err.contains("KILN_HOME"), "{}", ran.err);
    assert_eq!(ran.errors(), 1, "{}", ran.err);
    assert_eq!(std::fs::read_to_string(home.path().join("kiln")).unwrap(), "mine");
}

#[test]
fn without_a_home_folder_kiln_works_and_says_that_nothing_is_kept() {
    let home = Home::new();
    let recording = page().write(home.path()).display().to_string();
    // The system may know a home folder of its own for this user; then that would be used, and not ours to write to.
    let output = home
        .command(&["--replay", &recording, "exec", "a page"])
        .env_remove("KILN_HOME")
        .env("HOME", home.path().join("absent/\u{1}"))
        .env("XDG_CONFIG_HOME", "/proc/none")
        .env("XDG_DATA_HOME", "/proc/none")
        .env("XDG_CACHE_HOME", "/proc/none")
        .output()
        .unwrap();
    let ran = Ran::checked(output);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("nothing will be saved") && ran.err.contains("KILN_HOME"), "{}", ran.err);
    assert_eq!((ran.errors(), ran.out.as_str()), (1, "it is written\n"), "{}", ran.err);
}

#[test]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    let home = Home::new();
    assert_eq!(home.play().code, 0);
    let size = std::fs::metadata(home.database()).unwrap().len();
    let long = "a line that takes room\n".repeat(40_000);
    let recording = Recording::new().file("long.txt", &long, 60_000).then().text("it is written").end();
    let recording = recording.write(home.path()).display().to_string();
    // No file may grow beyond this many half kilobytes; the signal that says so is ignored, as on a full disk.
    let limit = (size / 512 + 64).to_string();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", &limit])
        .arg(env!("CARGO_BIN_EXE_kiln"))
        .args(["--replay", &recording, "exec", "a page"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("KILN_HOME", home.path().join("kiln"))
        .env("HOME", home.path())
        .current_dir(home.path().join("project"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran::checked(output);
    assert!((0..=1).contains(&ran.code), "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("full") || ran.err.contains("too large") || ran.err.contains("not saved"), "{}", ran.err);
    let written = std::fs::read_to_string(home.path().join("project/long.txt"));
    assert!(written.as_ref().is_ok_and(|text| *text == long) || written.is_err(), "{written:?}");
    // With room again everything that was stored is there.
    let listed = home.run(&["sessions", "list"]);
    assert!(listed.code == 0 && listed.errors() == 0 && listed.out.lines().count() >= 1, "{}", listed.err);
    assert_eq!(home.play().code, 0);
}

// --- providers

fn custom(address: &str) -> String {
    format!(
        "[model]\nprovider = \"fake\"\n[providers.fake]\nbase_url = \"{address}\"\nkey_env = \"FAKE_KEY\"\ndefault_model = \"some-model\"\n\
         [network]\nconnect_timeout_s = 2\nfirst_byte_timeout_s = 1\nidle_timeout_s = 1\n"
    )
}

fn asked(behaviour: Behaviour) -> (Ran, usize) {
    let server = serve(behaviour);
    let home = Home::with_settings(&custom(&server.address()));
    let ran = home.run(&["exec", "hello"]);
    let log = home.run(&["sessions", "show", "last", "--json"]);
    assert_eq!(log.code, 0, "{}", log.err);
    for file in walk(&home.path().join("kiln")) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{} holds the key", file.display());
    }
    assert!(server.heard_key(KEY), "the key was sent where it belongs");
    (ran, server.requests())
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_provider_that_answers_is_heard() {
    let (ran, requests) = asked(Behaviour::stream(&["hello ", "there"]));
    assert_eq!((ran.code, ran.out.as_str(), requests), (0, "hello there\n", 1), "{}", ran.err);
}

#[test]
fn refusals_end_with_one_message_and_a_hint() {
    let body = |message: &str| format!("{{\"error\":{{\"message\":\"{message}\",\"code\":\"x\"}}}}");
    let told = format!("Incorrect API key provided: {KEY}");
    for (status, message, expected, most) in [
        ("401 Unauthorized", told.as_str(), "did not accept the key", 1),
        ("403 Forbidden", "not allowed", "did not accept the key", 1),
        ("404 Not Found", "The model `some-model` does not exist", "does not have this model", 1),
        ("400 Bad Request", "strange", "did not understand the request", 1),
        ("429 Too Many Requests", "slow down, please", "allows no more requests", 2),
        ("500 Internal Server Error", "oh no", "cannot serve now", 4),
    ] {
        let (ran, requests) = asked(Behaviour::status(status, &body(message)));
        assert_eq!(ran.code, 1, "{status}: {}", ran.err);
        assert!(ran.err.contains(expected), "{status}: {}", ran.err);
        assert_eq!(ran.errors(), 1, "{status}: {}", ran.err);
        assert!(ran.err.contains("\nhint: "), "{status}: {}", ran.err);
        assert!((1..=most).contains(&requests), "{status}: {requests} requests");
        assert!(most == 1 || requests == most, "{status}: {requests} requests");
    }
}

#[test]
fn a_provider_that_stalls_or_cuts_off_keeps_what_came() {
    for behaviour in [Behaviour::stalls_after("half an answer"), Behaviour::cuts_after("half an answer")] {
        let began = Instant::now();
        let (ran, requests) = asked(behaviour);
        assert_eq!((ran.code, requests), (1, 1), "{}", ran.err);
        assert!(ran.out.contains("half an answer"), "{}", ran.out);
        assert!(ran.err.contains("broke off") && ran.errors() == 1 && ran.err.contains("\nhint: "), "{}", ran.err);
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn pages_and_garbage_are_no_answers() {
    for behaviour in [
        Behaviour::page("<html><head><title>Log in to the hotel</title></head><body>x</body></html>"),
        Behaviour::garbage(),
        Behaviour::silent(),
    ] {
        let (ran, _) = asked(behaviour);
        assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains("\nhint: "), "{}", ran.err);
    }
}

#[test]
fn a_host_that_nobody_answers_on_is_told() {
    // Bound and dropped: nothing listens there now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = Home::with_settings(&custom(&format!("http://127.0.0.1:{port}")));
    let ran = home.run(&["exec", "hello"]);
    assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("cannot be reached") && ran.err.contains("\nhint: "), "{}", ran.err);
    let home = Home::with_settings(&custom("http://no-such-host.invalid"));
    let ran = home.run(&["exec", "hello"]);
    assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("cannot be reached"), "{}", ran.err);
}

#[test]
fn offline_means_that_nobody_is_asked_and_nothing_tried_again() {
    let home = Home::with_settings(&custom("http://model.example.invalid"));
    let ran = home.run(&["--offline", "exec", "hello"]);
    assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("offline") && ran.err.contains("--offline"), "{}", ran.err);
    assert!(!ran.err.contains("trying again"), "{}", ran.err);
    // A server on this machine is within reach.
    let server = serve(Behaviour::stream(&["here"]));
    let home = Home::with_settings(&custom(&server.address()));
    let ran = home.run(&["--offline", "exec", "hello"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);
}

#[test]
fn an_unknown_protocol_is_told_before_a_session_begins_to_cost() {
    let mut settings = custom("http://127.0.0.1:9");
    settings.push_str("[providers.other]\nbase_url = \"http://127.0.0.1:9\"\nwire = \"smoke_signals\"\n");
    let home = Home::with_settings(&settings);
    let ran = home.run(&["--provider", "other", "--model", "m", "exec", "hello"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("smoke_signals") && ran.err.contains("\nhint: "), "{}", ran.err);
}
