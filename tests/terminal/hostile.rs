//! Whatever a model says, the terminal gets nothing but Kiln's own sequences.

use std::process::{Command, Stdio};

use super::bytes::{Sequence, assert_own, sequences};
use super::pty::Setup;
use super::recordings::Recording;

const ATTACKS: &[&str] = &[
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}]0;owned\u{7}",
    "\u{1b}]2;owned\u{1b}\\",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}[?1049l\u{1b}[?2004l",
    "\u{1b}P$qm\u{1b}\\",
    "\u{1b}_Gi=1;AAAA\u{1b}\\",
    "\u{1b}^private\u{1b}\\",
    "\u{1b}c\u{1b}7\u{1b}8\u{1b}#8",
    "\u{1b}]8;;http://evil.test\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{9d}52;c;ZXZpbA==\u{9c}",
    "\u{9b}2J",
    "\u{90}q\u{9c}",
    "\u{202e}desrever\u{202c}\u{2066}x\u{2069}\u{200f}",
    "\u{7}\u{8}\u{b}\u{c}\u{e}\u{f}\u{7f}",
    "\u{1b}[6n\u{1b}[c\u{1b}[>q\u{5}",
];

/// Every attack at every place where a model or a provider has a word.
fn hostile() -> Recording {
    let all = ATTACKS.concat();
    let mut recording = Recording::new().titled(&format!("title{all}"), &format!("note{all}"));
    recording = recording.reasoning(&format!("thinking{all}"));
    for attack in ATTACKS {
        recording = recording.text(&format!("before{attack}after\n\n"));
    }
    // Cut in the middle of a sequence.
    for half in ["\u{1b}", "]52;c;", "ZXZpbA==", "\u{7}", "\u{1b}[", "2J"] {
        recording = recording.text(half);
    }
    let code: String = ATTACKS.iter().map(|attack| format!("let x = \"{attack}\";\n")).collect();
    recording
        .text(&format!("\n\n# heading{all}\n\n```rust\n{code}```\n\n[link{all}](http://x/{all})\n\n| a{all} | b |\n|---|---|\n| c{all} | d |\n\n- item{all}\n\n`code{all}`\n"))
        .plan(&[&format!("step{all}"), "the second step"])
        .then()
        .file("safe.rs", &code, 7)
        .file(&format!("bad{all}.rs"), &code, 20)
        .call(&format!("no_such_tool{all}"), &serde_json::json!({"x": all}), 50)
        .then()
        .text("the very last word")
        .fail("bad_request", &format!("refused{all}"))
}

#[test]
fn hostile_output_never_reaches_the_terminal() {
    for (columns, rows) in [(160, 50), (60, 20)] {
        let mut terminal = Setup::playing(&hostile()).size(columns, rows).start();
        terminal.until_shown("❯");
        terminal.send(format!("\x1b[200~prompt{}\x1b[201~", ATTACKS.concat()));
        terminal.until_shown("prompt");
        terminal.send("\r");
        terminal.until_shown("the very last word");
        terminal.until_shown("refused");
        // Through everything that was said, and the file.
        for key in ["\x1b[5~", "\x1b[5~", "\x1b[5~", "\x1b[6~"] {
            terminal.send(key);
        }
        terminal.settle();
        terminal.assert_a_redraw_changes_nothing();
        terminal.send("/quit\r");
        terminal.ended();
        let raw = terminal.raw();
        assert_own(&raw);
        let cleared = sequences(&raw).filter(|s| matches!(s, Sequence::Control { last: 'J', .. })).count();
        assert_eq!(cleared, 2, "once at the start, once when asked for");
        let left = sequences(&raw).filter(|s| *s == control("?1049", 'l')).count();
        assert_eq!(left, 1);
        terminal.assert_restored();
    }
}

/// What waits for the person is made of a model's words, too: commands, questions, plans, and what a command
/// printed and left on the disk.
#[test]
fn hostile_dialogs_and_outputs_never_reach_the_terminal() {
    let all = ATTACKS.concat();
    let shown: String = all.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    let command = format!("printf 'printed{shown}'; touch \"$(printf 'file{}.txt')\"; ls", shown.replace("\\057", "_"));
    let evil = serde_json::json!({"command": format!("echo '{all}'")});
    let recording = Recording::new()
        .call("shell", &evil, 50)
        .then()
        .call("shell", &serde_json::json!({"command": command}), 5_000)
        .then()
        .call("list_files", &serde_json::json!({}), 50)
        .call(
            "ask_user",
            &serde_json::json!({"question": format!("whither{all}"), "choices": [format!("this{all}"), all]}),
            50,
        )
        .then()
        .text("the very last word")
        .end();
    let mut terminal = Setup::playing(&recording).size(120, 40).start();
    terminal.until_shown("❯");
    terminal.send("go\r");
    terminal.until_shown("allow this once");
    // A dialog listens once it has been in sight for a moment; there are two of them.
    for _ in 0..400 {
        if terminal.text().contains("whither") {
            break;
        }
        terminal.send("y");
        terminal.settle();
    }
    terminal.until_shown("whither");
    terminal.settle();
    terminal.send("my answer\r");
    terminal.until_shown("the very last word");
    terminal.settle();
    terminal.assert_a_redraw_changes_nothing();
    terminal.send("/quit\r");
    terminal.ended();
    assert_own(&terminal.raw());
    terminal.assert_restored();
}

fn control(parameters: &str, last: char) -> Sequence {
    Sequence::Control { parameters: parameters.to_owned(), last }
}

#[test]
fn hostile_output_never_reaches_a_terminal_without_the_interface() {
    let mut terminal = Setup::playing(&hostile()).variable("TERM", "dumb").argument("go").start();
    terminal.ended();
    assert_plain(&String::from_utf8(terminal.raw()).unwrap());
    let mut terminal = Setup::playing(&hostile()).argument("exec").argument("go").start();
    terminal.ended();
    assert_plain(&String::from_utf8(terminal.raw()).unwrap());
}

fn assert_plain(text: &str) {
    assert!(text.contains("before") && text.contains("the very last word"), "{text}");
    let control = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    assert!(!text.chars().any(control), "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{200f}']), "{text:?}");
}

#[test]
fn a_dumb_terminal_gets_words() {
    let mut terminal = Setup::playing(&super::working::page()).variable("TERM", "dumb").argument("a page").start();
    assert!(terminal.ended().success());
    let text = String::from_utf8(terminal.raw()).unwrap();
    assert!(text.contains("Open `page.txt` to read it.") && text.contains("lay out the page"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    terminal.assert_restored_line();
}

#[test]
fn a_pipe_gets_plain_text() {
    let setup = Setup::playing(&super::working::page());
    for forced in [&[][..], &[("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1"), ("COLORTERM", "truecolor")][..]] {
        let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(&setup.arguments)
            .args(["--scratch", "a page"])
            .env_clear()
            .env("KILN_HOME", setup.home.path())
            .env("TERM", "xterm-256color")
            .envs(forced.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("Open `page.txt` to read it."), "{text}");
        assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
    }
}
