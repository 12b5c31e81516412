//! What the agent adds to the work itself: the start of a sandboxed command, a checkpoint, a search,
//! a turn around a tool call. Does not measure the tools' own work.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::time::{Duration, Instant};

use kiln::domain::{Moment, Occasion, SessionId, TurnId, TurnOutcome};
use kiln::tools::{self, ToolContext};
use kiln::workspace::Root;
use kiln::workspace::checkpoint::{Limits, Store};
use kiln::workspace::seen::Seen;
use serde_json::{Value, json};

use super::world::{Play, World, call, text};
use super::{median, ratio};

const FILES: usize = 10_000;
const CHANGED: usize = 10;
/// Calls of one turn.
const CALLS: u32 = 300;
const RUNS: usize = 15;

pub fn promises() -> bool {
    let project = project();
    let kept = [sandboxed_start(), checkpoints(project.path()), searches(project.path()), calls()];
    kept.into_iter().all(|kept| kept)
}

/// 10,000 files of 40 lines in 100 folders.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for group in 0..100 {
        let below = folder.path().join(format!("group-{group:02}/src"));
        std::fs::create_dir_all(&below).unwrap();
        for file in 0..FILES / 100 {
            let lines: String = (0..40).map(|line| format!("let value_{line} = work({group}, {file});\n")).collect();
            let rare = if file == 7 { "// a needle in the hay\n" } else { "" };
            std::fs::write(below.join(format!("file_{file:03}.rs")), lines + rare).unwrap();
        }
    }
    folder
}

/// Prints a time; `false` when it is above its limit.
fn within(what: &str, time: Duration, limit: Duration) -> bool {
    let kept = time <= limit;
    println!("{what}: {time:.1?} (at most {limit:?}){}", if kept { "" } else { " BROKEN" });
    kept
}

/// What a command in the sandbox waits longer for its start than one outside: the median of pairs
/// taken in turn, so that what else the machine does falls on both.
#[cfg(target_os = "linux")]
fn sandboxed_start() -> bool {
    use kiln::config::{Environment, Paths};
    use kiln::sandbox::{Command, Policy, Requirement, start};
    const PAIRS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let own = Environment::from_pairs([("PATH", "/usr/bin:/bin"), ("HOME", "/nonexistent")]);
    let mut policy = Policy::new(folder.path(), &own, &Paths::below(&folder.path().join("kiln")));
    policy.required = Requirement::Strict;
    let command = Command::new(vec!["/bin/true".into()], folder.path(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pair = async || {
        let began = Instant::now();
        let mut child = tokio::process::Command::new("/bin/true").spawn().unwrap();
        let free = began.elapsed();
        child.wait().await.unwrap();
        let began = Instant::now();
        let running = start(&policy, &command).await.unwrap();
        let held = began.elapsed();
        running.wait().await;
        held.saturating_sub(free)
    };
    let mut longer: Vec<Duration> = runtime.block_on(async {
        pair().await;
        let mut longer = Vec::with_capacity(PAIRS);
        for _ in 0..PAIRS {
            longer.push(pair().await);
        }
        longer
    });
    longer.sort_unstable();
    within("a sandboxed command starts later than one that is not by", longer[PAIRS / 2], Duration::from_millis(15))
}

#[cfg(not(target_os = "linux"))]
fn sandboxed_start() -> bool {
    true
}

/// A checkpoint of 10,000 files after the first one, with 10 that changed; beside it, what only asking
/// for the files' state costs.
fn checkpoints(project: &Path) -> bool {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path(), project, Limits::default());
    let session = SessionId::generate();
    let mut turn = 0;
    let mut take = || {
        turn += 1;
        let occasion =
            Occasion { moment: Moment::BeforeTurn, session, turn: TurnId(turn), call: None, label: String::new() };
        let began = Instant::now();
        let taken = store.take(&occasion).unwrap();
        (began.elapsed(), taken.read)
    };
    take();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|run| {
            for file in 0..CHANGED {
                let path = project.join(format!("group-{file:02}/src/file_000.rs"));
                std::fs::write(path, format!("changed {run}\n")).unwrap();
            }
            let (time, read) = take();
            assert_eq!(read, CHANGED as u64, "only what changed is read");
            time
        })
        .collect();
    times.sort_unstable();
    let middle = times[RUNS / 2];
    let asked = median(RUNS, || {
        black_box(asked(project));
    });
    let limit = Duration::from_millis(100);
    let kept = within("a checkpoint of 10,000 files, 10 of them changed", middle, limit);
    ratio("the same, to asking for the state of every file", middle, asked, 4.0) && kept
}

/// The number of files below, each asked for its state.
fn asked(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let below = |path: std::path::PathBuf| if path.symlink_metadata().unwrap().is_dir() { asked(&path) } else { 1 };
    entries.map(|entry| below(entry.path())).sum()
}

/// Searches of the tools to those of ripgrep as it is installed.
fn searches(project: &Path) -> bool {
    let rg = |arguments: &[&str]| {
        let mut program = Program::new("rg");
        program.args(arguments).current_dir(project).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        program.status()
    };
    if rg(&["--version"]).is_err() {
        println!("grep and glob to ripgrep: not measured, for `rg` is not installed");
        return true;
    }
    let root = Root::open(project).unwrap();
    let tool = |name: &str, arguments: Value| {
        let context = ToolContext { root: &root, plan: &[], seen: &Seen::default() };
        let answer = tools::find(name).unwrap().run(&arguments, &context);
        assert!(!answer.failed, "{}", answer.for_model());
        black_box(answer);
    };
    // Taken in turn, so that what else the machine does falls on both.
    let compared = |what: &str, own: &dyn Fn(), other: &[&str]| {
        own();
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) =
            (0..RUNS).map(|_| (timed(own), timed(&|| assert!(rg(other).is_ok())))).unzip();
        ours.sort_unstable();
        theirs.sort_unstable();
        ratio(what, ours[RUNS / 2], theirs[RUNS / 2], 1.3)
    };
    let rare = || tool("grep", json!({"pattern": "needle in", "limit": 2000}));
    let none = || tool("grep", json!({"pattern": r"fn \w+_nowhere"}));
    let named = || tool("glob", json!({"pattern": "**/file_00*.rs"}));
    [
        compared("grep for what 100 of 10,000 files hold to ripgrep", &rare, &["-n", "needle in"]),
        compared("grep for what no file holds to ripgrep", &none, &["-n", r"fn \w+_nowhere"]),
        compared("glob to `rg --files -g`", &named, &["--files", "-g", "**/file_00*.rs"]),
    ]
    .into_iter()
    .all(|kept| kept)
}

fn timed(work: &dyn Fn()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// What a turn adds to each call of a tool: the request's making, the policy, the facts on disk, the
/// answer; the model of this bench answers at once, and the tool reads one line.
fn calls() -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut times: Vec<Duration> = (0..5).map(|_| runtime.block_on(turn())).collect();
    times.sort_unstable();
    within("what a turn adds to a call of a tool", times[2] / CALLS, Duration::from_millis(2))
}

async fn turn() -> Duration {
    let plays: Vec<Play> = (0..CALLS)
        .map(|number| call(&[("read_file", &format!("{{\"path\":\"file-{number}.txt\"}}"))]))
        .chain([text("done")])
        .collect();
    let mut world = World::with(plays, |parts| parts.limits.requests = CALLS + 10).await;
    for number in 0..CALLS {
        world.put(&format!("file-{number}.txt"), "one line\n");
    }
    let began = Instant::now();
    world.start("read them all").await;
    let outcome = world.until_ended().await;
    assert_eq!(outcome, TurnOutcome::Completed);
    began.elapsed()
}
