//! What each mode allows, asks and refuses, and what a standing permission covers.

use kiln::domain::{Lifetime, Mode, ProjectPath, Scope, Touch};
use kiln::tools::policy::{Circumstances, Confinement, Grants, Trust, Verdict, verdict};

use super::grants::grant;

fn command(line: &str) -> Touch {
    Touch::Command { line: line.into(), directory: None }
}

fn write(path: &str) -> Touch {
    Touch::Write { path: ProjectPath::parse(path).unwrap() }
}

fn prefix(words: &[&str]) -> Scope {
    Scope::Prefix { words: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn given(scopes: &[Scope]) -> Grants {
    let mut grants = Grants::in_memory();
    for scope in scopes {
        grants.add(grant(scope.clone(), Lifetime::Session)).unwrap();
    }
    grants
}

fn judged(mode: Mode, confinement: Confinement, touches: &[Touch], scopes: &[Scope]) -> Verdict {
    let grants = given(scopes);
    let circumstances = Circumstances { mode, grants: &grants, trust: Trust::Trusted, confinement, root: None };
    verdict(touches, &circumstances)
}

fn word(found: &Verdict) -> &'static str {
    match found {
        Verdict::Allow { .. } => "allow",
        Verdict::Ask { .. } => "ask",
        Verdict::Deny { .. } => "deny",
    }
}

#[test]
fn each_mode_does_what_its_name_says() {
    let host = Touch::Host { host: "example.org".into() };
    let foreign = Touch::Foreign { tool: "server__tool".into() };
    let read = Touch::Read { path: ProjectPath::parse("a").unwrap() };
    // read-only, ask, auto in a sandbox, auto without one, full
    for (touch, expected) in [
        (read, ["allow"; 5]),
        (write("src/a.rs"), ["deny", "allow", "allow", "allow", "allow"]),
        (write(".env"), ["deny", "ask", "ask", "ask", "allow"]),
        (write(".github/workflows/ci.yml"), ["deny", "ask", "ask", "ask", "allow"]),
        (command("ls"), ["allow"; 5]),
        (command("cargo test"), ["deny", "ask", "allow", "ask", "allow"]),
        (command("echo $(x)"), ["deny", "ask", "allow", "ask", "allow"]),
        (command("echo x > Makefile"), ["deny", "ask", "ask", "ask", "allow"]),
        (command("echo x > a"), ["deny", "ask", "allow", "ask", "allow"]),
        (host, ["deny", "ask", "ask", "ask", "allow"]),
        (foreign, ["deny", "ask", "ask", "ask", "allow"]),
    ] {
        let modes = [
            (Mode::ReadOnly, Confinement::Strict),
            (Mode::Ask, Confinement::Strict),
            (Mode::Auto, Confinement::Partial),
            (Mode::Auto, Confinement::None),
            (Mode::Full, Confinement::None),
        ];
        for ((mode, confinement), expected) in modes.into_iter().zip(expected) {
            let found = judged(mode, confinement, std::slice::from_ref(&touch), &[]);
            assert_eq!(word(&found), expected, "{mode} {confinement:?} {touch:?}: {found:?}");
        }
    }
}

#[test]
fn a_command_outside_of_the_sandbox_is_asked_for_each_time() {
    let outside = Touch::Foreign { tool: kiln::tools::policy::OUTSIDE_SANDBOX.into() };
    let scopes = [Scope::Tool { name: kiln::tools::policy::OUTSIDE_SANDBOX.into() }, prefix(&["cargo", "test"])];
    for (mode, expected) in [(Mode::ReadOnly, "deny"), (Mode::Ask, "ask"), (Mode::Auto, "ask"), (Mode::Full, "allow")] {
        for line in ["ls", "cargo test"] {
            let found = judged(mode, Confinement::Strict, &[command(line), outside.clone()], &scopes);
            assert_eq!(word(&found), expected, "{mode} {line}");
            if let Verdict::Ask { reason, offers } = found {
                assert!(offers.is_empty() && reason.contains("without the sandbox"), "{reason}");
            }
        }
    }
}

#[test]
fn auto_acts_as_ask_in_a_folder_that_nobody_trusts() {
    let grants = Grants::in_memory();
    let circumstances = Circumstances {
        mode: Mode::Auto,
        grants: &grants,
        trust: Trust::Untrusted,
        confinement: Confinement::Strict,
        root: None,
    };
    assert_eq!(word(&verdict(&[command("cargo test")], &circumstances)), "ask");
}

#[test]
fn a_permission_by_first_words_covers_only_commands_that_begin_so() {
    let ask = |line: &str, scopes: &[Scope]| word(&judged(Mode::Ask, Confinement::Strict, &[command(line)], scopes));
    let tests = prefix(&["cargo", "test"]);
    for line in [
        "cargo test",
        "cargo test --all",
        "cargo test 2>&1 | tail -5",
        "ls && cargo test",
        "cargo 'test'",
        "cargo test > out.txt",
        "cargo test; echo $?",
        "cd src && cargo test",
    ] {
        assert_eq!(ask(line, std::slice::from_ref(&tests)), "allow", "{line}");
    }
    for line in [
        "cargo testing",
        "cargo",
        "cargo --config x test",
        "cargo test && rm -rf x",
        "cargo test; cargo build",
        "cargo test | sh",
        "cargo test $(rm x)",
        "cargo test `x`",
        "cargo test > /etc/passwd",
        "cargo test > ../x",
        "cargo test > Makefile",
        "cargo test > src/../../x",
        "cargo test &",
        "RUSTC=./x cargo test",
        "env cargo test",
        "sudo cargo test",
        "xargs cargo test",
        "./cargo test",
        "cargo tes*",
        "cd .. && cargo test",
        "cargo test < /etc/passwd",
        "cargo test\nrm x",
    ] {
        assert_eq!(ask(line, std::slice::from_ref(&tests)), "ask", "{line}");
    }
    // Words that say too little are no permission, whoever wrote them down.
    for (words, line) in [
        (&["python"][..], "python -c x"),
        (&["python3.12"], "python3.12 x.py"),
        (&["sudo"], "sudo rm x"),
        (&["sh", "-c"], "sh -c x"),
        (&["env"], "env x"),
        (&["xargs"], "xargs rm"),
        (&["npx"], "npx x"),
        (&["git"], "git -c x=y log"),
        (&["git", "-c"], "git -c x=y log"),
        (&["/usr/bin/env"], "/usr/bin/env x"),
        (&[], "rm x"),
        (&[""], "rm x"),
    ] {
        assert_eq!(ask(line, &[prefix(words)]), "ask", "{words:?}");
    }
}

#[test]
fn a_permission_for_a_line_covers_that_line_in_that_folder() {
    let exact = Scope::Command { line: "sh -c 'a; b'".into() };
    let at = |line: &str, folder: Option<&str>| {
        let directory = folder.map(|folder| ProjectPath::parse(folder).unwrap());
        let touch = Touch::Command { line: line.into(), directory };
        judged(Mode::Ask, Confinement::None, &[touch], std::slice::from_ref(&exact))
    };
    assert_eq!(word(&at("sh -c 'a; b'", None)), "allow");
    assert_eq!(word(&at("sh -c 'a; b' ", None)), "ask");
    let Verdict::Ask { offers, .. } = at("sh -c 'a; b'", Some("it's")) else { panic!("another folder") };
    assert_eq!(offers, [Scope::Command { line: "cd 'it'\\''s' && sh -c 'a; b'".into() }]);
}

#[test]
fn what_is_offered_would_cover_the_call_and_no_interpreter_is_offered_by_its_name() {
    let offers = |line: &str| match judged(Mode::Ask, Confinement::Strict, &[command(line)], &[]) {
        Verdict::Ask { offers, .. } => offers,
        other => panic!("{line}: {other:?}"),
    };
    for (line, further) in [
        ("cargo test --all", Some(prefix(&["cargo", "test"]))),
        ("npm run build", Some(prefix(&["npm", "run", "build"]))),
        ("npm install", Some(prefix(&["npm", "install"]))),
        ("git commit -m x", Some(prefix(&["git", "commit"]))),
        ("cargo test && cargo test --doc | tail", Some(prefix(&["cargo", "test"]))),
        ("cargo test && cargo build", None),
        ("cargo test > ../x", None),
        ("cargo +nightly test", None),
        ("git -c a=b log", None),
        ("go run x.go", None),
        ("npm exec x", None),
        ("python -c x", None),
        ("python3 x.py", None),
        ("sh -c ls", None),
        ("npx x", None),
        ("rm x", None),
        ("sudo ls", None),
        ("echo $(ls)", None),
        ("cargo test $(x)", None),
    ] {
        let found = offers(line);
        assert_eq!(found[0], Scope::Command { line: line.into() }, "{line}");
        assert_eq!(found.get(1), further.as_ref(), "{line}");
        for offer in found {
            let after = judged(Mode::Ask, Confinement::Strict, &[command(line)], &[offer]);
            assert_eq!(word(&after), "allow", "{line}: {after:?}");
        }
    }
}

#[test]
fn control_files_are_covered_only_by_their_own_name() {
    let ask = |scope: &str| {
        let scope = Scope::Path { path: scope.into() };
        word(&judged(Mode::Auto, Confinement::Strict, &[write("ci/Makefile")], &[scope]))
    };
    assert_eq!(ask("ci/Makefile"), "allow");
    assert_eq!(ask("ci"), "ask");
    assert_eq!(ask(""), "ask");
}

#[test]
fn a_host_is_covered_by_its_very_name() {
    let ask = |host: &str| {
        let scope = Scope::Host { host: "example.org".into() };
        word(&judged(Mode::Auto, Confinement::Strict, &[Touch::Host { host: host.into() }], &[scope]))
    };
    assert_eq!(ask("example.org"), "allow");
    assert_eq!(ask("www.example.org"), "ask");
    for odd in [
        "",
        "example.org.",
        "EXAMPLE.org",
        "example.org\0.evil.test",
        "example.org/x",
        "a b",
        "exämple.org",
        "user@example.org",
    ] {
        assert_eq!(ask(odd), "deny", "{odd:?}");
    }
}

#[test]
fn a_call_is_as_free_as_the_least_free_thing_it_touches() {
    let of = |mode, touches: &[Touch]| judged(mode, Confinement::Strict, touches, &[]);
    assert_eq!(word(&of(Mode::Ask, &[])), "allow");
    assert_eq!(word(&of(Mode::Ask, &[write("a"), write(".env")])), "ask");
    assert_eq!(word(&of(Mode::ReadOnly, &[command("ls"), write("a")])), "deny");
    let Verdict::Ask { offers, .. } = of(Mode::Ask, &[write(".env"), write("Makefile")]) else { panic!("two files") };
    assert!(offers.is_empty(), "no single permission covers both");
}

#[test]
fn a_command_with_hosts_asks_for_both_and_one_answer_can_cover_both() {
    let host = |host: &str| Touch::Host { host: host.into() };
    let scope = |host: &str| Scope::Host { host: host.into() };
    let of = |mode, touches: &[Touch], scopes: &[Scope]| judged(mode, Confinement::Strict, touches, scopes);
    let call = [command("npm install"), host("a.test"), host("*.b.test"), host("localhost:80")];
    for (mode, expected) in [(Mode::ReadOnly, "deny"), (Mode::Ask, "ask"), (Mode::Auto, "ask"), (Mode::Full, "allow")] {
        assert_eq!(word(&of(mode, &call, &[])), expected, "{mode}");
    }
    let hosts = [scope("a.test"), scope("*.b.test"), scope("localhost:80")];
    let Verdict::Ask { offers, .. } = of(Mode::Auto, &call, &[]) else { panic!() };
    assert_eq!(offers, [Scope::Together { scopes: hosts.to_vec() }], "the command itself is free here");
    let Verdict::Ask { offers, reason } = of(Mode::Ask, &call, &[]) else { panic!() };
    assert!(reason.contains("`npm` may change things") && reason.contains("connects to *.b.test"), "{reason}");
    for offer in &offers {
        assert_eq!(word(&of(Mode::Ask, &call, std::slice::from_ref(offer))), "allow", "{offer}");
    }
    assert!(offers.iter().all(|offer| matches!(offer, Scope::Together { scopes } if scopes[1..] == hosts)));
    assert_eq!(word(&of(Mode::Auto, &call, &hosts)), "allow");
    assert_eq!(word(&of(Mode::Auto, &call, &hosts[1..])), "ask");
    // A pattern covers itself alone, and a port no other.
    assert_eq!(word(&of(Mode::Auto, &[host("x.b.test")], &hosts)), "ask");
    assert_eq!(word(&of(Mode::Auto, &[host("localhost:81")], &hosts)), "ask");
    for odd in ["A.test", "a.test:", "a.test:080", "a.test:70000", "*.*.test", "a.*", "a.test:80:80", "[::1", "*"] {
        assert_eq!(word(&of(Mode::Ask, &[host(odd)], &[])), "deny", "{odd}");
    }
    assert_eq!(word(&of(Mode::Ask, &[host("[::1]:80")], &[])), "ask");
}
