//! Promises of the command line: help, words, exit codes, and the headless verbs against an engine
//! end that a test plays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "command_line/first_steps.rs"]
mod first_steps;
#[path = "command_line/played.rs"]
mod played;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program in a home of its own, with nothing else of this machine's variables.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command
        .args(arguments)
        .env_clear()
        .env("KILN_HOME", home)
        // A person who forces colour must still get none in a pipe.
        .envs([("TERM", "xterm-256color"), ("CLICOLOR_FORCE", "1"), ("COLORTERM", "truecolor")])
        .current_dir(home);
    command
}

fn ran(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may have refused its arguments and gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn kiln(home: &Path, arguments: &[&str], input: &str) -> Output {
    ran(program(home, arguments), input)
}

/// Exit code, standard output and standard error, which hold no control character.
fn told(arguments: &[&str]) -> (i32, String, String) {
    let home = TempDir::new().unwrap();
    let output = kiln(home.path(), arguments, "");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for text in [&out, &err] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{arguments:?}: {text:?}");
    }
    let home = home.path().display().to_string();
    (output.status.code().unwrap(), out.replace(&home, "HOME"), err.replace(&home, "HOME"))
}

#[test]
fn the_version_is_one_line() {
    let expected = concat!("kiln ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    assert_eq!(told(&["--version"]), (0, expected.clone(), String::new()));
    assert_eq!(told(&["-V"]), (0, expected, String::new()));
    let home = TempDir::new().unwrap();
    kiln(home.path(), &["--version"], "");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "asking for the version writes nothing");
}

#[test]
fn every_verb_has_help() {
    let verbs: &[&[&str]] = &[
        &[],
        &["sandbox"],
        &["new"],
        &["exec"],
        &["sessions"],
        &["sessions", "list"],
        &["sessions", "show"],
        &["sessions", "resume"],
        &["sessions", "rm"],
        &["export"],
        &["models"],
        &["models", "list"],
        &["models", "pull"],
        &["config"],
        &["config", "show"],
        &["config", "path"],
        &["config", "init"],
        &["config", "set"],
        &["config", "unset"],
        &["keys"],
        &["keys", "set"],
        &["keys", "list"],
        &["keys", "use"],
        &["keys", "rm"],
        &["trust"],
        &["mcp"],
        &["mcp", "add"],
        &["mcp", "list"],
        &["mcp", "allow"],
        &["mcp", "accept"],
        &["mcp", "login"],
        &["mcp", "rm"],
        &["mcp", "test"],
        &["net"],
        &["net", "log"],
        &["init"],
        &["doctor"],
        &["tour"],
        &["completions"],
    ];
    let mut all = String::new();
    for verb in verbs {
        let (code, out, err) = told(&[*verb, &["--help"]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{verb:?}");
        // The common flags are the same everywhere and stand in the first of these texts.
        let own = if verb.is_empty() { out.as_str() } else { out.split("Options of every command:").next().unwrap() };
        all += &format!("$ kiln {} --help\n{}\n\n", verb.join(" "), own.trim_end());
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn mistakes_are_told_with_a_hint_and_code_2() {
    for (arguments, first) in [
        (vec!["--bogus"], "error: unexpected argument '--bogus' found"),
        (vec!["exec"], "error: the following required arguments were not provided:"),
        (vec!["sessions"], ""),
        (vec!["--scratch", "--cd", ".", "x"], "error: the argument '--scratch' cannot be used with '--cd <DIR>'"),
        (vec!["sesions"], "error: there is no command `sesions`"),
        (vec!["exec", "--export", "tar:x", "hi"], "error: `tar:x` is no export target"),
        (vec!["exec", " "], "error: the prompt is empty"),
        (vec!["exec", "-"], "error: the prompt is empty"),
        (vec![], "error: there is no terminal to open and no prompt to run"),
        (vec!["--provider", "", "config", "path"], "error: `--provider` is empty"),
        (vec!["help"], "error: there is no command `help`\nhint: did you mean `kiln --help`?"),
        (vec!["help", "init"], "error: `help` stands before a command, where only options can"),
    ] {
        let (code, out, err) = told(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.starts_with(first), "{arguments:?}: {err}");
        assert!(err.contains("\nhint: ") || err.contains("Usage: "), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
    }
}

#[test]
fn a_picture_that_is_none_is_told_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let text = home.path().join("note.png");
    std::fs::write(&text, "no picture").unwrap();
    for (path, why) in [(text.to_str().unwrap(), "its bytes begin otherwise"), ("nothing.png", "o such file")] {
        let (code, _, err) = told(&["exec", "--image", path, "what is this?"]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("is no picture to show") && err.contains(why) && err.contains("\nhint: "), "{err}");
    }
}

#[test]
fn what_is_not_there_ends_with_code_4() {
    for (arguments, expected) in [
        (
            vec!["--cd", "absent", "exec", "hi"],
            "error: the folder `absent` cannot be used: No such file or directory (os error 2)\n\
             hint: name a folder that exists with `--cd`, or use `--scratch`\n",
        ),
        (
            vec!["--replay", "absent", "exec", "hi"],
            "error: there is no recording `absent`\n\
             hint: name a file that `--record` wrote, or watch `kiln tour`\n",
        ),
        (
            vec!["keys", "rm", "openai"],
            "error: no key is stored for `openai`\nhint: `kiln keys list` names the stored keys\n",
        ),
    ] {
        assert_eq!(told(&arguments), (4, String::new(), expected.to_owned()), "{arguments:?}");
    }
}

#[test]
fn an_export_over_something_is_refused_before_a_model_is_asked() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("there.zip"), "mine").unwrap();
    let output = kiln(home.path(), &["exec", "--export", "zip:there.zip", "hi"], "");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{errors}");
    assert!(errors.contains("there.zip` exists already\nhint: choose another place, or replace it with `--force`"));
}

#[test]
fn settings_can_be_written_shown_and_changed() {
    let home = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = kiln(home.path(), arguments, "");
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let path = home.path().join("config/config.toml");
    assert_eq!(run(&["config", "path"]), (0, format!("{}\n", path.display()), String::new()));
    assert_eq!(run(&["config", "init"]), (0, format!("{}\n", path.display()), String::new()));
    assert_eq!(run(&["config", "init"]).0, 3);
    assert_eq!(run(&["config", "set", "ui.theme", "night"]), (0, String::new(), String::new()));
    let (code, out, _) = run(&["config", "show", "--origin"]);
    assert_eq!(code, 0);
    assert!(out.contains(&format!("ui.theme = \"night\"    # {} line ", path.display())), "{out}");
    assert!(run(&["--theme", "day", "config", "show", "--origin"]).1.contains("ui.theme = \"day\"    # flag --theme"));
    assert_eq!(run(&["config", "set", "ui.mouse", "perhaps"]).0, 3);
    std::fs::write(&path, "[ui]\nthem = \"x\"\n").unwrap();
    let (code, out, err) = run(&["config", "show"]);
    assert_eq!(code, 3);
    assert!(out.contains("ui.theme = \"auto\""), "{out}");
    assert!(err.contains("did you mean `ui.theme`?"), "{err}");
}

#[test]
fn completions_name_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = told(&["completions", shell]);
        assert!(code == 0 && out.contains("sessions"), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let home = TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["config", "show"])
        .env("KILN_HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(matches!(output.status.code(), Some(141 | 0)), "{:?}", output.status);
}
