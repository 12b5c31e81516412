//! What we understand of a line is what real shells make of it.

use std::process::{Command, Stdio};

use kiln::tools::policy::command_line::{self, Redirection, SimpleCommand, WordKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// The words of each command that a shell really runs: there is one program, which prints its words.
fn run(shell: &str, line: &str, folder: &std::path::Path) -> Option<Vec<Vec<String>>> {
    let program = folder.join("bin/p");
    if !program.exists() {
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        let log = folder.join("log");
        let text = format!(
            "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >>'{0}'\nprintf 'end of p\\0' >>'{0}'\n",
            log.display()
        );
        std::fs::write(&program, text).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir_all(folder.join("empty")).unwrap();
    }
    std::fs::remove_file(folder.join("log")).ok();
    Command::new(shell)
        .args(["-c", line])
        .env_clear()
        .env("PATH", folder.join("bin"))
        .env("HOME", "/nowhere")
        .current_dir(folder.join("empty"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let text = String::from_utf8(std::fs::read(folder.join("log")).unwrap_or_default()).unwrap();
    let mut commands = vec![Vec::new()];
    for word in text.split('\0').filter(|word| !word.is_empty()) {
        match word {
            "end of p" => commands.push(Vec::new()),
            word => commands.last_mut().unwrap().push(word.to_owned()),
        }
    }
    commands.pop();
    Some(commands)
}

fn ours(line: &str) -> Option<Vec<Vec<String>>> {
    let parsed = command_line::parse(line).ok()?;
    // There is but one program and one file; a comment can make a program of what was a word.
    let elsewhere = |redirection: &Redirection| {
        let (Redirection::Read(word) | Redirection::Write(word)) = redirection;
        word.text != "/dev/null"
    };
    let other = |command: &SimpleCommand| command.words[0].text != "p" || command.redirections.iter().any(elsewhere);
    if parsed.commands.iter().any(other) {
        return None;
    }
    let words = parsed.commands.iter().map(|command| {
        let rest = command.words.iter().skip(1);
        // Nothing matches here, so that patterns stay as they are; empty words are left out on both sides.
        rest.filter(|word| word.kind != WordKind::Status && !word.text.is_empty())
            .map(|word| word.text.clone())
            .collect()
    });
    Some(words.collect())
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "'c d'",
        "\"e f\"",
        "\\ ",
        "\\;",
        "\\\\",
        "\\'",
        "'\"'",
        "\"'\"",
        "\"\\$x\"",
        "\"$\"",
        "\"\\a\"",
        "\\\n",
        "#",
        "x#y",
        "=",
        "k=v",
        "-o",
        "--",
        "*",
        "?",
        "[",
        "]",
        "~",
        "a~b",
        "x:~",
        "!",
        "%",
        "^",
        "@",
        ",",
        "+",
        "1",
        "2",
        "2>/dev/null",
        ">/dev/null",
        "2>&1",
        "</dev/null",
        "\"|\"",
        "'&&'",
        "'\n'",
        "é",
        "日本",
        ".",
        "..",
        "/",
        "''",
        "\"\"",
        "$",
        "{}",
        "{a,b}",
        "{",
        "}",
        "\"$ \"",
    ])
}

fn line() -> impl Strategy<Value = String> {
    let words = prop::collection::vec((piece(), prop::sample::select(vec![" ", "", "\t", "  "])), 0..7)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, space)| format!("{piece}{space}")).collect::<String>());
    let joint = prop::sample::select(vec![";", "&&", "\n", " ; ", " && ", "\n\n", " # note\n", ";#\n"]);
    prop::collection::vec((words, joint), 1..4).prop_map(|commands| {
        let mut line = String::new();
        for (number, (words, joint)) in commands.iter().enumerate() {
            line.push_str("p ");
            line.push_str(words);
            if number + 1 < commands.len() {
                line.push_str(joint);
            }
        }
        line
    })
}

#[test]
fn shells_make_of_a_line_what_we_understand() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut understood, mut tried) = (0, 0);
    while tried < 1_000 && understood < 150 {
        tried += 1;
        let line = line().new_tree(&mut runner).unwrap().current();
        let Some(expected) = ours(&line) else { continue };
        understood += 1;
        for shell in ["/bin/sh", "/bin/bash"] {
            if !std::path::Path::new(shell).exists() {
                continue;
            }
            assert_eq!(run(shell, &line, folder.path()), Some(expected.clone()), "{shell}: {line:?}");
        }
    }
    assert!(understood >= 100, "only {understood} of {tried} were understood");
}
