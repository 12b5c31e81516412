//! Tricky command lines and what is said of them, in the default mode and without any sandbox.

use kiln::domain::{Mode, Touch};
use kiln::tools::policy::{Circumstances, Confinement, Grants, Trust, Verdict, verdict};
use proptest::prelude::*;

/// One line a case: `reads` or `asks`, a space, the command line with `\n`, `\t`, `\r`, `\0` and `\u{…}` written out
/// after a leading `!`.
const TABLE: &str = include_str!("command_lines.txt");

pub fn judge(line: &str, confinement: Confinement, trust: Trust) -> Verdict {
    let grants = Grants::in_memory();
    let circumstances = Circumstances {
        mode: Mode::Ask,
        grants: &grants,
        trust,
        confinement,
        root: Some(std::path::Path::new("/home/ada/project")),
    };
    verdict(&[Touch::Command { line: line.to_owned(), directory: None }], &circumstances)
}

fn reads(line: &str) -> bool {
    matches!(judge(line, Confinement::Strict, Trust::Trusted), Verdict::Allow { .. })
}

fn unescaped(text: &str) -> String {
    let Some(escaped) = text.strip_prefix('!') else { return text.to_owned() };
    serde_json::from_str(&format!("\"{}\"", escaped.replace('"', "\\\""))).unwrap()
}

#[test]
fn each_line_of_the_table_gets_its_verdict() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expected, line) = case.split_once(' ').unwrap();
        let line = unescaped(line);
        let found = judge(&line, Confinement::Strict, Trust::Trusted);
        let told = match &found {
            Verdict::Allow { .. } => "reads",
            Verdict::Ask { reason, .. } => {
                assert!(!reason.is_empty() && !reason.contains('\n'), "{line:?}: {reason}");
                "asks"
            }
            Verdict::Deny { .. } => "denied",
        };
        if told != expected {
            wrong.push(format!("{case}\n    {found:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count} lines");
}

#[test]
fn no_number_of_commands_makes_one_of_them_unseen() {
    for joint in ["; ", " && ", " || ", "\n", " | "] {
        let harmless = vec!["true"; 10_000].join(joint);
        assert!(!reads(&format!("{harmless}{joint}rm -rf src")), "{joint:?}");
        assert!(!reads(&format!("rm -rf src{joint}{harmless}")), "{joint:?}");
        assert!(reads(&vec!["true"; 60].join(joint)), "{joint:?}");
    }
}

#[test]
fn ten_megabytes_are_judged_at_once_and_ask() {
    let begun = std::time::Instant::now();
    for line in ["a".repeat(10 << 20), "ls; ".repeat(5 << 19), "(".repeat(10 << 20), "'".repeat(10 << 20)] {
        assert!(!reads(&line));
    }
    // At the longest that is read, and nested as deep.
    for line in ["$(".repeat(100_000), "{ ".repeat(100_000), "! ".repeat(100_000), "a && ".repeat(50_000)] {
        assert!(!reads(&line));
    }
    // Understood, and as large as it may be.
    assert!(reads(&vec!["echo 'a' b \"c\""; 400].join(" | ")));
    assert!(reads(&format!("echo {}", "'a'b ".repeat(12_000))));
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn a_repository_may_start_programs_only_behind_a_wall() {
    let status = |confinement, trust| matches!(judge("git status", confinement, trust), Verdict::Allow { .. });
    assert!(!status(Confinement::None, Trust::Untrusted));
    assert!(status(Confinement::Partial, Trust::Untrusted));
    assert!(status(Confinement::None, Trust::Trusted));
    // A toolchain that the project names by its path answers this.
    let version =
        |confinement| matches!(judge("cargo --version", confinement, Trust::Untrusted), Verdict::Allow { .. });
    assert!(!version(Confinement::None) && version(Confinement::Partial));
}

/// Pieces that lines are thrown together from.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "ls",
        "cat",
        "grep",
        "git",
        "status",
        "echo",
        "rm",
        "-rf",
        "src",
        "-n",
        "&&",
        "||",
        ";",
        "|",
        "&",
        "\n",
        "$(",
        ")",
        "`",
        "(",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "\\\n",
        "$'",
        "$x",
        "${x}",
        "<(",
        ">",
        ">>",
        "<",
        "<<",
        "<<<",
        "2>&1",
        "#",
        "*",
        "[",
        "[[",
        "]]",
        "]",
        "!",
        "~",
        "=",
        "a=b",
        " ",
        "\t",
        "\u{a0}",
        "\u{202e}",
        "if",
        "then",
        "fi",
        "eval",
        "sudo",
        "/etc/passwd",
        "../x",
        "--",
        "-exec",
        "/dev/null",
        "0",
        "$?",
    ]);
    prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_thrown_together_stops_it(pieces in prop::collection::vec(piece(), 0..24), spaced: bool) {
        judge(&pieces.join(if spaced { " " } else { "" }), Confinement::Strict, Trust::Trusted);
    }

    /// Whatever stands before or after it, a command that changes things is seen.
    #[test]
    fn a_command_that_changes_things_is_never_hidden(
        before in prop::collection::vec(piece(), 0..12),
        after in prop::collection::vec(piece(), 0..12),
    ) {
        let line = format!("{}\nrm -rf src\n{}", before.join(" "), after.join(" "));
        // Unless it is not a command but text between quotes, which the shell would pass on.
        let quoted = before.iter().any(|piece| piece.contains(['\'', '"', '\\']));
        prop_assert!(quoted || !reads(&line), "{line:?}");
    }
}
