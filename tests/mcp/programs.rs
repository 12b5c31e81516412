//! The program from outside: the verbs, the end of servers with Kiln, and real servers where there are any.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::{python, script};

fn kiln(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.args(arguments).env_clear().env("KILN_HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    command.current_dir(home).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_verbs_add_list_try_and_take_out() {
    if !python() {
        return;
    }
    let home = TempDir::new().unwrap();
    let folder = home.path().to_str().unwrap();
    let run = |arguments: &[&str]| kiln(home.path(), arguments).output().unwrap();
    let added = run(&["mcp", "add", "files", "--", "python3", &script(), folder]);
    assert!(added.status.success() && told(&added).contains("files__echo"), "{}", told(&added));
    assert!(told(&run(&["mcp", "list"])).contains("files  allowed, 11 tools  settings  python3"));
    let arguments = r#"{"text":"from outside"}"#;
    let tried = run(&["mcp", "test", "files", "--call", "echo", "--arguments", arguments]);
    assert!(tried.status.success() && told(&tried).contains("answer: echo: from outside"), "{}", told(&tried));
    let failing = run(&["mcp", "test", "files", "--call", "bad"]);
    assert_eq!(failing.status.code(), Some(1), "{}", told(&failing));
    // A hand that changes the command is asked again.
    let settings = home.path().join("config/config.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("server.py\"", "server.py\", \"--evil\"")).unwrap();
    assert!(told(&run(&["mcp", "list"])).contains("files  changed  settings"));
    let refused = run(&["mcp", "test", "files"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    let unasked = run(&["mcp", "allow", "files"]);
    assert!(unasked.status.code() == Some(2) && told(&unasked).contains("--evil"), "{}", told(&unasked));
    assert!(run(&["mcp", "rm", "files"]).status.success());
    assert!(!told(&run(&["mcp", "list"])).contains("server.py"));
    assert_eq!(run(&["mcp", "test", "files"]).status.code(), Some(4));
}

#[test]
fn hostile_words_of_a_server_reach_no_terminal() {
    if !python() {
        return;
    }
    let home = TempDir::new().unwrap();
    let evil = "\u{1b}]52;c;ZXZpbA==\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnp\u{7f}\u{e0041} Says it again.";
    std::fs::write(home.path().join("description"), evil).unwrap();
    let folder = home.path().to_str().unwrap();
    let text = serde_json::json!({ "text": evil }).to_string();
    for arguments in [
        &["mcp", "add", "files", "--", "python3", &script(), folder][..],
        &["mcp", "list"],
        &["mcp", "test", "files", "--call", "echo", "--arguments", &text],
    ] {
        let output = kiln(home.path(), arguments).output().unwrap();
        let said = told(&output);
        assert!(output.status.success(), "{said}");
        let hidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{e0041}');
        assert!(!said.contains(hidden), "{arguments:?}: {said:?}");
    }
    assert!(told(&kiln(home.path(), &["mcp", "test", "files"]).output().unwrap()).contains("Says it again."));
}

#[test]
fn what_a_project_offers_is_shown_and_not_started() {
    if !python() {
        return;
    }
    let home = TempDir::new().unwrap();
    let offer = serde_json::json!({"mcpServers": {"theirs": {"command": "python3", "args": [script(), home.path()]}}});
    std::fs::write(home.path().join(".mcp.json"), offer.to_string()).unwrap();
    let run = |arguments: &[&str]| kiln(home.path(), arguments).output().unwrap();
    assert!(told(&run(&["mcp", "list"])).contains("theirs  asks  project  python3"));
    assert_eq!(run(&["mcp", "test", "theirs"]).status.code(), Some(2));
    assert!(!home.path().join("pid").exists(), "it was started");
    assert!(run(&["mcp", "allow", "theirs", "--yes"]).status.success());
    assert!(run(&["mcp", "test", "theirs", "--call", "picture"]).status.success());
    assert!(home.path().join("pid").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_kiln_leaves_no_server_behind() {
    if !python() {
        return;
    }
    let home = TempDir::new().unwrap();
    let folder = home.path().to_str().unwrap();
    let mut child = kiln(home.path(), &["mcp", "test", "--", "python3", &script(), folder, "hang"]).spawn().unwrap();
    let until = |wanted: &dyn Fn() -> bool| {
        let begun = std::time::Instant::now();
        while !wanted() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(20), "it did not come to that");
            std::thread::yield_now();
        }
    };
    let pid = || std::fs::read_to_string(home.path().join("pid")).ok().filter(|pid| !pid.is_empty());
    until(&|| pid().is_some());
    let server = pid().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Gone, or dead and not yet buried by whoever inherited it.
    until(&|| match std::fs::read_to_string(format!("/proc/{server}/stat")) {
        Ok(stat) => stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'),
        Err(_) => true,
    });
}

/// A real server, where one is named.
#[test]
fn real_servers_answer_over_pipes_and_over_http() {
    let home = TempDir::new().unwrap();
    let mut tried = 0;
    let stdio: Vec<String> = std::env::var("KILN_TEST_MCP_STDIO")
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    let url = std::env::var("KILN_TEST_MCP_URL").unwrap_or_default();
    let mut over_pipes = vec!["--"];
    over_pipes.extend(stdio.iter().map(String::as_str));
    for (there, server) in [(!stdio.is_empty(), &over_pipes[..]), (!url.is_empty(), &[url.as_str()][..])] {
        if !there {
            continue;
        }
        tried += 1;
        for (tool, arguments, expected) in [
            ("echo", r#"{"message":"hi"}"#, "Echo: hi"),
            ("get-sum", r#"{"a":2,"b":3}"#, "5"),
            ("get-tiny-image", "{}", "(image/png,"),
            ("trigger-elicitation-request", "{}", "answer: "),
            ("trigger-long-running-operation", r#"{"duration":1,"steps":4}"#, "completed"),
        ] {
            let more = ["--call", tool, "--arguments", arguments];
            let output = kiln(home.path(), &[&["mcp", "test"][..], &more, server].concat()).output().unwrap();
            let told = told(&output);
            assert!(output.status.success() && told.contains(expected), "{tool}: {told}");
            assert!(told.contains("resource: demo://") && told.contains("prompt: simple-prompt"), "{told}");
        }
    }
    if tried == 0 {
        eprintln!("skipped: no real server is named");
    }
}
