//! Whatever a model sends: every call has an answer in words, and nothing outside the project changes.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::Home;
use super::playing::contents;
use super::recordings::Recording;

fn pipe(path: &std::path::Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

#[test]
fn paths_that_lead_elsewhere_or_to_no_file_are_refused_in_words() {
    let home = Home::new();
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret.txt"), "secret\n").unwrap();
    home.put("folder/a.txt", "a\n");
    home.put("bytes.bin", b"\x00\x01\xff");
    symlink(&outside, home.project().join("linked")).unwrap();
    symlink(outside.join("secret.txt"), home.project().join("link.txt")).unwrap();
    symlink("round", home.project().join("round")).unwrap();
    pipe(&home.project().join("pipe"));
    std::fs::File::create(home.project().join("sparse")).unwrap().set_len(5 << 30).unwrap();
    let before = contents(&outside);
    let far = "x/".repeat(1_000) + "y";
    let absolute = outside.join("secret.txt").display().to_string();
    let paths = [
        "linked/secret.txt",
        "linked/new.txt",
        "linked/new/file.txt",
        "link.txt",
        "round",
        "round/x",
        "pipe",
        "sparse",
        "folder",
        "folder/a.txt/b",
        "../outside/secret.txt",
        "folder/../../outside/new.txt",
        "..",
        "/dev/zero",
        "/proc/self/mem",
        "~/x",
        "C:\\x",
        "\\\\server\\x",
        ".git/config",
        ".GIT/hooks/x",
        "folder/.git/config",
        "nul",
        "a\u{0}b",
        "a\nb",
        "a\u{1b}[2Jb",
        "a\u{202e}b",
        "",
        " ",
        ".",
        &far,
        &absolute,
    ];
    let mut recording = Recording::new();
    for some in paths.chunks(10) {
        for path in some {
            recording = recording
                .call("read_file", &json!({"path": path}), 9_000)
                .call("write_file", &json!({"path": path, "content": "overwritten"}), 9_000)
                .call("edit_file", &json!({"path": path, "edits": [{"search": "secret", "replace": "x"}]}), 9_000);
        }
        recording = recording.then();
    }
    let patch = "*** Begin Patch\n*** Update File: linked/secret.txt\n@@\n-secret\n+x\n*** Add File: ../outside/n\n+x\n*** End Patch";
    recording = recording
        .call("apply_patch", &json!({"patch": patch}), 9_000)
        .call("shell", &json!({"command": "pwd", "directory": "linked"}), 9_000)
        .call("shell", &json!({"command": "pwd", "directory": "../outside"}), 9_000)
        .call("read_file", &json!({"path": "sparse", "offset": 9_000_000}), 9_000)
        .call("read_file", &json!({"path": "bytes.bin"}), 9_000)
        .call("list_files", &json!({"path": "linked"}), 9_000)
        .call("grep", &json!({"pattern": "secret", "path": "linked"}), 9_000)
        .call("glob", &json!({"pattern": "../**"}), 9_000)
        .call("glob", &json!({"pattern": "/**"}), 9_000)
        .call("grep", &json!({"pattern": "secret"}), 9_000)
        .then();
    let played = home.played(&recording.text("done").end());
    played.completed();
    assert_eq!(played.told.len(), paths.len() * 3 + 10);
    let (searched, refused) = played.told.split_last().unwrap();
    for told in refused {
        assert!(told.failed && told.text.len() > 20 && !told.text.contains("secret\n"), "{told:?}");
    }
    assert_eq!(searched.text, "no matches");
    assert_eq!(contents(&outside), before);
    assert_eq!(std::fs::read_to_string(home.project().join("folder/a.txt")).unwrap(), "a\n");
    assert!(!home.project().join(".git").exists());
}

#[test]
fn arguments_of_any_shape_are_answered() {
    let deep = format!("{{\"path\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
    let long = format!("{{\"path\": \"{}\"}}", "é".repeat(50_000));
    let shapes = [
        "null",
        "7",
        "[]",
        "\"text\"",
        "{}",
        "{\"path\": 7, \"pattern\": {}, \"command\": [], \"steps\": 1}",
        "{\"path\": \"a",
        "{\"path\": null}",
        "{\"path\": [\"a\"]}",
        "not json",
        "{\"path\": \"\\u0000\"}",
        "{\"step\": -1}",
        "{\"step\": 1e400}",
        "{\"unknown\": true}",
        "\u{feff}{}",
        &deep,
        &long,
    ];
    let live =
        ["ask_user", "shell", "job", "fetch_url", "task", "remember", "no_such_tool", "", "rm -rf /", "\u{1b}[2J"];
    let tools: Vec<&str> = kiln::tools::TOOLS.iter().map(|tool| tool.name()).chain(live).collect();
    let mut recording = Recording::new();
    for shape in shapes {
        for (index, tool) in tools.iter().enumerate() {
            recording = recording.raw_call(index, &format!("c{index}"), tool, shape);
        }
        recording = recording.then();
    }
    let home = Home::new();
    home.put("a.txt", "a\n");
    let played = home.played(&recording.text("done").end());
    played.completed();
    assert_eq!(played.told.len(), shapes.len() * tools.len());
    // `list_files` takes no arguments, and ignores what it does not know.
    for told in played.told.iter().filter(|told| !told.failed) {
        assert!(told.text.contains("a.txt"), "{told:?}");
    }
    let words = |needle: &str| played.told.iter().any(|told| told.text.contains(needle));
    assert!(words("do not fit its schema") && words("not valid JSON") && words("there is no tool `no_such_tool`"));
    assert!(words("recursion limit"));
    for fact in played.facts.iter().filter(|fact| fact["type"] == "tool_called") {
        let name = fact["name"].as_str().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) && !name.is_empty(), "{name:?}");
    }
}

#[test]
fn a_flood_of_calls_is_answered_one_by_one_whatever_their_ids() {
    let home = Home::new();
    let mut recording = Recording::new();
    for index in 0..500 {
        home.put(&format!("{index}.txt"), format!("file {index}\n"));
        let id = if index % 2 == 0 { "" } else { "same" };
        recording = recording.raw_call(index, id, "read_file", &format!("{{\"path\": \"{index}.txt\"}}"));
    }
    let played = home.played(&recording.then().text("done").end());
    played.completed();
    assert_eq!(played.told.len(), 500);
    for (index, told) in played.told.iter().enumerate() {
        let expected = if index < 100 { format!("file {index}\n") } else { "the first 100 calls".to_owned() };
        assert!(told.failed == (index >= 100) && told.text.contains(&expected), "{index}: {told:?}");
    }
    let ids = |kind: &str| -> Vec<String> {
        let facts = played.facts.iter().filter(|fact| fact["type"] == kind);
        facts.map(|fact| fact["call"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("tool_called"), ids("tool_answered"));
    assert_eq!(ids("tool_called").iter().collect::<BTreeSet<_>>().len(), 500, "each call has an id of its own");
    // A number without end is no call.
    let played = Home::new().played(&Recording::new().raw_call(usize::MAX, "c", "list_files", "{}").then());
    assert!(played.ran.err.contains("hint: "), "{}", played.ran.err);
}

#[test]
fn arguments_without_measure_are_refused_or_carried_out_whole() {
    let (longest, long) = ("x".repeat(10_000_000), "x".repeat(1_000_000));
    let steps: Vec<String> = (0..10_000).map(|number| format!("step {number}")).collect();
    let calls = [
        ("write_file", json!({"path": "large.txt", "content": longest})),
        ("write_file", json!({"path": long, "content": ""})),
        ("read_file", json!({"path": long})),
        ("grep", json!({"pattern": long})),
        ("grep", json!({"pattern": "x", "glob": long})),
        ("glob", json!({"pattern": long})),
        ("list_files", json!({"path": long})),
        ("shell", json!({"command": format!("echo {long}")})),
        ("apply_patch", json!({"patch": long})),
        ("edit_file", json!({"path": "large.txt", "edits": [{"search": format!("y{long}"), "replace": ""}]})),
        ("set_plan", json!({"steps": steps})),
        ("set_plan", json!({"steps": [long]})),
        ("ask_user", json!({"question": long})),
        ("ask_user", json!({"question": "which?", "choices": [long]})),
        ("write_file", json!({"path": "larger.txt", "content": longest.repeat(2)})),
        ("no_such_tool", json!({"x": longest})),
    ];
    let mut recording = Recording::new();
    for (index, (tool, arguments)) in calls.iter().enumerate() {
        recording = recording.raw_call(index, &format!("c{index}"), tool, &arguments.to_string());
    }
    recording = recording.raw_call(calls.len(), &long, &long, "{}");
    let home = Home::new();
    let played = home.played(&recording.then().text("done").end());
    played.completed();
    assert_eq!(played.told.len(), calls.len() + 1);
    assert!(!played.told[0].failed, "{:?}", played.told[0]);
    assert_eq!(std::fs::read(home.project().join("large.txt")).unwrap().len(), longest.len());
    for (told, (tool, _)) in played.told[1..].iter().zip(&calls[1..]) {
        assert!(told.failed && told.text.len() < 60_000, "{tool}: {} bytes, {}", told.text.len(), told.failed);
    }
}

#[test]
fn hostile_patterns_are_answered_in_no_time() {
    let (nested, open) = ("(".repeat(5_000), "{".repeat(3_000));
    let braces = "a{b,c}".repeat(300);
    let grep = [
        "(a+)+$",
        "(?:a?){300}a{300}",
        "((((a{0,50}){0,50}){0,50}){0,50})",
        "(x{1000}){1000}",
        "[",
        "\\",
        "(?P<a>",
        "\\p{Nope}",
        "",
        "\\n",
        "\u{0}",
        &nested,
    ];
    let glob = [
        "**",
        "**/**/**/**/**/**/*a*a*a*a*a*a*a*b",
        &braces,
        &open,
        "[",
        "\\",
        "[!]",
        "../*",
        "a/../b",
        "/etc/*",
        "~/*",
        "{..,a}/*",
        "",
    ];
    let mut recording = Recording::new();
    for pattern in grep {
        recording = recording.call("grep", &json!({"pattern": pattern}), 9_000);
    }
    for pattern in glob {
        recording = recording.call("glob", &json!({"pattern": pattern}), 9_000);
    }
    let home = Home::new();
    home.put("a.txt", "a".repeat(100_000) + "!\n");
    let played = home.played(&recording.then().text("done").end());
    played.completed();
    assert_eq!(played.told.len(), grep.len() + glob.len());
    assert!(played.told.iter().all(|told| !told.text.is_empty()));
    let (grep_told, glob_told) = played.told.split_at(grep.len());
    assert!(grep_told[3..8].iter().all(|told| told.failed) && grep_told[11].failed, "{grep_told:?}");
    assert!(glob_told[3..5].iter().chain(&glob_told[7..12]).all(|told| told.failed), "{glob_told:?}");
}

#[test]
fn commands_that_wait_flood_fork_or_hide_come_to_an_end() {
    let commands = [
        ("cat; read x; echo input: $?", 20, "input: 1"),
        ("read x </dev/tty; echo tty: $?", 20, "tty: 1"),
        ("yes", 1, "its time was over"),
        ("b(){ b|b& }; b; sleep 0.2; echo still here", 20, "still here"),
        ("trap '' TERM INT HUP; sleep 600.5 & sleep 600.5", 1, "its time was over"),
        ("(setsid sh -c 'setsid sleep 600.5 &' &); echo left", 20, "left"),
        ("dd if=/dev/zero of=huge bs=1M count=1 seek=10000 2>&1; ls -s huge", 20, "File size limit"),
        ("echo a\u{0}b", 20, "zero byte"),
        ("printf '\\033]52;c;x\\007'", 20, "\u{1b}]52"),
    ];
    let mut recording = Recording::new();
    for (command, seconds, _) in commands {
        recording = recording.call("shell", &json!({"command": command, "timeout_seconds": seconds}), 9_000);
    }
    recording = recording.call("shell", &json!({"command": "sleep 600.5", "background": true}), 9_000);
    let home = Home::new();
    let played = home.played(&recording.then().text("done").end());
    played.completed();
    for (told, (command, _, words)) in played.told.iter().zip(commands) {
        assert!(told.text.contains(words) && told.text.len() < 60_000, "{command}: {}", told.text);
    }
    let alive = std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == b"600.5")
    });
    assert!(!alive, "a command outlived the program");
}

#[test]
fn a_model_without_tools_is_answered_the_same() {
    let steps: String = (0..10_000).map(|number| format!("step {number}\n")).collect();
    let deep = "[".repeat(9_000);
    let floods: String = (0..300).map(|n| format!("```tool read_file\n{{\"path\": \"{n}.txt\"}}\n```\n")).collect();
    let answers = [
        format!("```plan\n{steps}```\n"),
        format!("```tool read_file\n{{\"path\": {deep}\n```\n```tool \n{{}}\n```\n```tool dig\n{{}}\n```\n"),
        "```tool read_file\n{\"path\": \"../outside/secret.txt\"}\n```\n```tool shell\n{\"command\": 7}\n```\n"
            .to_owned(),
        "```../outside/new.txt\nout\n```\n".to_owned(),
        floods,
        format!("```tool grep\n{{\"pattern\": \"{}\"}}\n```\n", "x".repeat(2_000_000)),
        "```tool write_file\n{\"path\": \"half.txt\", \"content\": \"never closed".to_owned(),
    ];
    let mut recording = Recording::new().protocol("fenced");
    for answer in &answers {
        recording = recording.text(answer).end();
    }
    let home = Home::new();
    std::fs::create_dir(home.path().join("outside")).unwrap();
    std::fs::write(home.path().join("outside/secret.txt"), "secret\n").unwrap();
    let played = home.played(&recording.text("done").end());
    played.completed();
    let words = |needle: &str| played.told.iter().any(|told| told.failed && told.text.contains(needle));
    for needle in [
        "10000 steps; give at most",
        "not valid JSON",
        "there is no tool `dig`",
        "leaves the project",
        "fit its schema",
        "the first 100 calls",
        "give one of at most",
    ] {
        assert!(
            words(needle),
            "{needle}: {:?}",
            played.told.iter().map(|t| t.text.chars().take(80).collect::<String>()).collect::<Vec<_>>()
        );
    }
    assert!(played.notices().contains("leaves the project"), "{}", played.notices());
    assert_eq!(contents(&home.path().join("outside")).len(), 1);
    assert!(!home.project().join("half.txt").exists());
}
