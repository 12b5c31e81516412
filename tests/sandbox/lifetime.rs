//! Beginnings, ends and limits of commands, through the library as the agent uses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use kiln::config::{Environment, Paths};
use kiln::sandbox::{
    Change, Command, ControlKind, Finish, HomeView, Input, Policy, Requirement, SandboxError, Tier, environment, probe,
    start,
};

use super::arena::{KILN, base};

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = base("kiln-lifetime-");
        for name in ["project", "home", "outside"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn own(&self) -> Environment {
        let path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        Environment::from_pairs([("HOME", self.folder.path().join("home").display().to_string()), ("PATH", path)])
    }

    fn policy(&self) -> Policy {
        let mut policy = Policy::new(self.project(), &self.own(), &Paths::below(&self.folder.path().join("kiln")));
        policy.required = Requirement::Strict;
        policy
    }

    fn shell(&self, line: &str) -> Command {
        Command::shell(line, self.project(), environment(&self.own(), &self.project()))
    }
}

/// Whether a process with this word as an argument is alive.
fn alive(word: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
}

fn gone_soon(word: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if !alive(word) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[tokio::test]
async fn output_is_streamed_and_both_ends_are_kept() {
    let bench = Bench::new();
    let mut command =
        bench.shell("echo first; echo second >&2; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last");
    command.limits.output_kept = 10_000;
    let mut running = start(&bench.policy(), &command).await.unwrap();
    assert!(running.chunk().await.unwrap().starts_with(b"first\n"));
    let ended = running.wait().await;
    assert_eq!(ended.finish, Finish::Exited(0));
    assert_eq!(ended.tier, Tier::Strict);
    assert!(ended.output.head.starts_with(b"first\nsecond\nxxx"));
    assert!(ended.output.tail.ends_with(b"xxx\nlast\n"));
    assert_eq!(ended.output.head.len() + ended.output.tail.len(), 10_000);
    assert_eq!(ended.output.dropped, 5_000_000 + 19 - 10_000);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_with_all_it_started() {
    let bench = Bench::new();
    let mut command = bench.shell("trap '' TERM; (setsid sleep 600.125 &); sleep 600.125; sleep 600.125");
    command.limits.time = Some(Duration::from_millis(100));
    let began = Instant::now();
    let ended = start(&bench.policy(), &command).await.unwrap().wait().await;
    assert_eq!(ended.finish, Finish::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(!alive("600.125"));
}

#[tokio::test]
async fn a_command_asked_to_end_may_clean_up() {
    let bench = Bench::new();
    let command = bench.shell("trap 'echo cleaned > done; exit 0' TERM; echo up; while :; do sleep 0.01; done");
    let mut running = start(&bench.policy(), &command).await.unwrap();
    assert_eq!(running.chunk().await.unwrap(), b"up\n");
    running.kill();
    assert_eq!(running.wait().await.finish, Finish::Killed);
    assert_eq!(fs::read_to_string(bench.project().join("done")).unwrap(), "cleaned\n");
}

#[tokio::test]
async fn dropping_a_command_ends_it() {
    for tier in [Tier::Strict, Tier::Partial] {
        let bench = Bench::new();
        let mut policy = bench.policy();
        policy.required = Requirement::Any;
        policy.ceiling = tier;
        let command = bench.shell("trap '' TERM; echo up; sleep 601.125; sleep 601.125");
        let mut running = start(&policy, &command).await.unwrap();
        running.chunk().await.unwrap();
        drop(running);
        // The attendant's task needs a turn to notice.
        tokio::task::spawn_blocking(|| assert!(gone_soon("601.125"))).await.unwrap();
    }
}

#[test]
fn commands_die_with_kiln() {
    for tier in ["strict", "partial"] {
        let bench = Bench::new();
        let mut kiln = Process::new(KILN)
            .args(["sandbox", "--tier", tier, "--", "/bin/sh", "-c", "echo up; exec sleep 602.125"])
            .current_dir(bench.project())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(kiln.stdout.as_mut().unwrap(), &mut up).unwrap();
        kiln.kill().unwrap();
        kiln.wait().unwrap();
        assert!(gone_soon("602.125"), "{tier}");
    }
}

#[tokio::test]
async fn input_is_closed_unless_asked_for() {
    let bench = Bench::new();
    let ended = start(&bench.policy(), &bench.shell("cat; echo end")).await.unwrap().wait().await;
    assert_eq!(ended.output.text(), "end\n");
    let mut command = bench.shell("read line; echo got $line; cat");
    command.input = Input::Piped;
    let mut running = start(&bench.policy(), &command).await.unwrap();
    running.write_stdin(b"this\nrest\n").await.unwrap();
    running.close_stdin();
    assert_eq!(running.wait().await.output.text(), "got this\nrest\n");
}

#[tokio::test]
async fn files_grow_to_a_limit() {
    let bench = Bench::new();
    let mut command = bench.shell("head -c 3000000 /dev/zero > big");
    command.limits.file_size = 1_000_000;
    let ended = start(&bench.policy(), &command).await.unwrap().wait().await;
    assert_ne!(ended.finish, Finish::Exited(0));
    assert_eq!(fs::metadata(bench.project().join("big")).unwrap().len(), 1_000_000);
}

#[tokio::test]
async fn what_cannot_run_is_told_before_anything_runs() {
    let bench = Bench::new();
    let missing = Command::new(vec!["kiln-no-such-program".into()], bench.project(), Vec::new());
    let error = start(&bench.policy(), &missing).await.unwrap_err();
    assert!(matches!(error, SandboxError::Missing { program } if program == "kiln-no-such-program"));
    fs::write(bench.project().join("text"), "no program").unwrap();
    let broken = Command::new(vec!["./text".into()], bench.project(), Vec::new());
    assert!(matches!(start(&bench.policy(), &broken).await.unwrap_err(), SandboxError::Program { .. }));
    let mut nowhere = bench.shell("touch ran");
    nowhere.directory = bench.project().join("nowhere");
    assert!(matches!(start(&bench.policy(), &nowhere).await.unwrap_err(), SandboxError::Program { .. }));
    let mut policy = bench.policy();
    policy.root = PathBuf::from("/");
    assert!(matches!(start(&policy, &bench.shell("touch ran")).await.unwrap_err(), SandboxError::Folder { .. }));
    let mut policy = bench.policy();
    policy.ceiling = Tier::Partial;
    assert!(matches!(start(&policy, &bench.shell("touch ran")).await.unwrap_err(), SandboxError::Unavailable { .. }));
    assert!(!bench.project().join("ran").exists());
}

#[tokio::test]
async fn this_machine_holds_what_it_says() {
    let standing = probe().await;
    let words = standing.words();
    match standing.tier {
        Tier::Strict => assert!(words.contains("only this folder (not .git)"), "{words}"),
        Tier::Partial => assert!(words.starts_with("Partly sandboxed"), "{words}"),
        Tier::Surface | Tier::None => assert!(words.contains("Not sandboxed"), "{words}"),
    }
}

#[tokio::test]
async fn the_second_best_tier_limits_writes_and_network() {
    let bench = Bench::new();
    fs::create_dir_all(bench.folder.path().join("home/.ssh")).unwrap();
    fs::write(bench.folder.path().join("home/.ssh/id"), "SECRET").unwrap();
    let mut policy = bench.policy();
    policy.required = Requirement::Any;
    policy.ceiling = Tier::Partial;
    let line = "echo x > inside && echo inside; echo x > ../outside/x || echo kept; echo x > $TMPDIR/x && echo temporary; \
                cat ~/.ssh/id || echo hidden; (setsid sleep 603.125 >/dev/null 2>&1 &); echo $TMPDIR > where; true";
    let ended = start(&policy, &bench.shell(line)).await.unwrap().wait().await;
    assert_eq!(ended.tier, Tier::Partial);
    let text = ended.output.text();
    for word in ["inside", "kept", "temporary", "hidden"] {
        assert!(text.lines().any(|line| line == word), "{word}: {text}");
    }
    assert!(!text.contains("SECRET"));
    assert!(!alive("603.125"));
    let temporary = fs::read_to_string(bench.project().join("where")).unwrap();
    assert!(!temporary.trim().is_empty() && !Path::new(temporary.trim()).exists());
}

#[tokio::test]
async fn nothing_is_left_where_control_folders_were_missing() {
    let bench = Bench::new();
    let (policy, line) = (bench.policy(), "ls -a; mkdir .git/x; mkdir .kiln/x; rmdir .git; true");
    let command = bench.shell(line);
    let (one, two) = tokio::join!(start(&policy, &command), start(&policy, &command));
    let (one, two) = tokio::join!(one.unwrap().wait(), two.unwrap().wait());
    for ended in [one, two] {
        assert!(ended.output.text().contains("Read-only"), "{}", ended.output.text());
        assert!(ended.control_changes.is_empty(), "{:?}", ended.control_changes);
    }
    let left: Vec<_> = fs::read_dir(bench.project()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn changes_of_control_files_come_with_the_end() {
    let bench = Bench::new();
    let line = "echo all: > Makefile; mkdir -p sub/.git/objects; echo x > sub/.git/HEAD; echo x > main.c";
    let ended = start(&bench.policy(), &bench.shell(line)).await.unwrap().wait().await;
    let told: Vec<_> = ended.control_changes.iter().map(|c| (c.kind, c.change, c.quarantined.is_some())).collect();
    assert_eq!(told, [(ControlKind::Git, Change::Created, true), (ControlKind::Build, Change::Created, false)]);
    assert!(!bench.project().join("sub/.git").exists());
}

#[tokio::test]
async fn a_project_among_kiln_s_own_files_can_be_worked_in() {
    let bench = Bench::new();
    let data = bench.folder.path().join("kiln/data");
    let project = data.join("projects/one");
    fs::create_dir_all(&project).unwrap();
    fs::write(data.join("keys.sealed"), "SECRET").unwrap();
    let mut policy = bench.policy();
    policy.root.clone_from(&project);
    let mut command = bench.shell("echo x > made; cat ../../keys.sealed; ls ../..");
    command.directory.clone_from(&project);
    let ended = start(&policy, &command).await.unwrap().wait().await;
    assert!(project.join("made").exists());
    let text = ended.output.text();
    assert!(!text.contains("SECRET") && text.ends_with("projects\n"), "{text}");
}

#[tokio::test]
async fn more_folders_and_a_private_home() {
    let bench = Bench::new();
    fs::write(bench.folder.path().join("home/diary"), "SECRET").unwrap();
    let mut policy = bench.policy();
    policy.extra_writable = vec![bench.folder.path().join("outside")];
    policy.home_view = HomeView::Private;
    let ended = start(&policy, &bench.shell("echo x > ../outside/x; cat ~/diary; ls -A ~")).await.unwrap().wait().await;
    assert!(bench.folder.path().join("outside/x").exists());
    assert!(!ended.output.text().contains("SECRET"), "{}", ended.output.text());
}

#[test]
fn where_namespaces_are_refused_kiln_says_so() {
    let bench = Bench::new();
    // A namespace of users in which no further one can be made stands for a machine that refuses them.
    let inside = |arguments: &str| {
        let line = format!("echo 0 > /proc/sys/user/max_user_namespaces && exec {KILN} sandbox {arguments}");
        Process::new("unshare")
            .args(["-U", "-r", "sh", "-c", &line])
            .current_dir(bench.project())
            .env("KILN_HOME", bench.folder.path().join("kiln"))
            .stdin(Stdio::null())
            .output()
    };
    let Ok(output) = inside("-- sh -c 'echo x > inside; echo x > ../outside/x; echo ran'") else {
        println!("skipped: there is no `unshare` here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.starts_with("unshare:") {
        println!("skipped: {said}");
        return;
    }
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("ran\n"), "{said}");
    assert!(said.contains("Partly sandboxed (namespaces are refused here"), "{said}");
    assert!(bench.project().join("inside").exists());
    assert!(!bench.folder.path().join("outside/x").exists());
    let output = inside("--require strict -- touch ran").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("must run strictly sandboxed") && said.contains("hint: "), "{said}");
    assert!(!bench.project().join("ran").exists());
}

#[tokio::test]
async fn a_home_that_is_the_project_keeps_its_secrets() {
    let bench = Bench::new();
    fs::create_dir_all(bench.project().join(".config/gh")).unwrap();
    fs::write(bench.project().join(".config/gh/hosts.yml"), "SECRET").unwrap();
    fs::write(bench.project().join(".netrc"), "SECRET").unwrap();
    let mut policy = bench.policy();
    policy.home = Some(bench.project());
    let line = "cat .netrc .config/gh/hosts.yml; mv .config moved; cat moved/gh/hosts.yml; mv .netrc n; cat n; \
                ln .netrc l; cat l; echo x > made";
    let ended = start(&policy, &bench.shell(line)).await.unwrap().wait().await;
    assert!(!ended.output.text().contains("SECRET"), "{}", ended.output.text());
    assert!(bench.project().join("made").exists());
    assert_eq!(fs::read_to_string(bench.project().join(".netrc")).unwrap(), "SECRET");
}
