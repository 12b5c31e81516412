//! What was told is stored: `kiln exec` is killed at random moments, and many run at once.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use kiln::domain::{Fact, FactBody, SessionState, TurnOutcome};
use kiln::storage::Storage;
use tempfile::TempDir;

#[path = "terminal/recordings.rs"]
mod recordings;

use recordings::Recording;

/// Kills in all, shared by two workers; fewer where the program is slow because it was built to be looked into.
const KILLS: usize = if cfg!(debug_assertions) { 80 } else { 200 };
const WORKERS: usize = 2;
const FILES: usize = 5;

/// The contents that a file goes through, long enough to take more than one write.
fn version(number: usize) -> String {
    format!("version {number} of this line\n").repeat(4000)
}

/// Many facts, and every file written three times.
fn busy(pace: u64) -> Recording {
    let mut recording = Recording::new().plan(&["first", "second", "third"]).then().paced(pace);
    for number in 0..3 {
        for file in 0..FILES {
            recording = recording
                .text(&format!("writing {file}"))
                .file(&format!("file{file}.txt"), &version(number), 60_000)
                .then();
        }
        recording = recording.step(u64::try_from(number).unwrap() + 1).then();
    }
    recording.text("all is written").end()
}

struct Place {
    home: PathBuf,
    recording: PathBuf,
}

impl Place {
    fn new(home: &Path, recording: &Recording) -> Self {
        std::fs::create_dir_all(home).unwrap();
        Self { home: home.to_owned(), recording: recording.write(home) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(arguments)
            .env_clear()
            .env("KILN_HOME", self.home.join("kiln"))
            .env("HOME", &self.home)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn exec(&self, project: &Path) -> Command {
        let (project, recording) = (project.display().to_string(), self.recording.display().to_string());
        self.command(&["exec", "--json", "--replay", &recording, "--cd", &project, "write"])
    }

    fn run(&self, arguments: &[&str]) -> String {
        text_of(self.command(arguments).output().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.home.join("kiln/data/kiln.db")
    }
}

fn text_of(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn facts_of(text: &str) -> Vec<Fact> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Numbers without a pattern; the seed is told when a test fails.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Reads so many lines and a random moment more, kills, and gives back every whole line.
fn kill_after(child: &mut Child, lines: u64, spins: u64) -> Vec<Fact> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    for _ in 0..lines {
        if output.read_line(&mut told).unwrap() == 0 {
            break;
        }
    }
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    // What was in the pipe when it died was told as well.
    output.read_to_string(&mut told).unwrap();
    child.wait().unwrap();
    let whole = told.rfind('\n').map_or("", |end| &told[..=end]);
    facts_of(whole)
}

fn check_files(project: &Path, round: u64) {
    let whole: Vec<String> = (0..3).map(version).collect();
    for entry in std::fs::read_dir(project).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') {
            // What was being written beside the file; the file itself is whole.
            continue;
        }
        assert!(name.starts_with("file"), "{name}");
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(whole.contains(&content), "round {round}: {name} is half written: {} bytes", content.len());
    }
}

async fn check_stored(place: &Place, told: &[Fact], round: u64) {
    let storage = Storage::open(&place.database()).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
    if let Some(first) = told.first() {
        let stored = storage.facts(first.session).await.unwrap();
        assert!(stored.facts.len() >= told.len(), "round {round}: {} of {}", stored.facts.len(), told.len());
        for (told, stored) in told.iter().zip(&stored.facts) {
            assert_eq!(told, stored, "round {round}");
        }
        for fact in &stored.facts {
            if let FactBody::FileChanged { change } = &fact.body {
                for hash in change.before.iter().chain(&change.after) {
                    assert!(storage.blob(hash).await.unwrap().is_some(), "round {round}: a content is missing");
                }
            }
        }
    }
    storage.close().await;
}

fn kill_many(home: &Path, seed: u64, kills: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = Place::new(home, &busy(1));
    let project = place.home.join("project");
    std::fs::create_dir(&project).unwrap();
    let whole = facts_of(&text_of(place.exec(&project).output().unwrap()));
    let lines = u64::try_from(whole.len()).unwrap();
    assert!(lines > 60, "{lines} facts");
    let mut dice = Dice(seed);
    let (mut seen, mut cut) = (BTreeSet::new(), 0);
    for round in 0..kills {
        let round = u64::try_from(round).unwrap();
        let mut child = place.exec(&project).spawn().unwrap();
        let told = kill_after(&mut child, dice.below(lines), dice.below(400_000));
        check_files(&project, round);
        runtime.block_on(check_stored(&place, &told, round));
        cut += usize::from(!told.iter().any(|fact| matches!(fact.body, FactBody::TurnEnded { .. })));
        seen.insert(told.len());
        if round % 20 == 19 {
            let list = place.run(&["sessions", "list", "--json"]);
            assert!(list.lines().count() > 1, "round {round}: {list}");
            // The next turn works, on the very same files.
            let after = facts_of(&text_of(place.exec(&project).output().unwrap()));
            let ended = FactBody::TurnEnded { turn: kiln::domain::TurnId(1), outcome: TurnOutcome::Completed };
            assert!(after.iter().any(|fact| fact.body == ended), "round {round}");
        }
    }
    assert!(cut > kills / 2, "most runs were killed in their middle: {cut} of {kills}");
    assert!(seen.len() > kills / 5, "at many different moments: {seen:?}");
}

#[test]
fn what_was_told_before_a_kill_is_stored() {
    let home = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let home = home.path().join(worker.to_string());
            scope.spawn(move || kill_many(&home, 7 + u64::try_from(worker).unwrap(), KILLS / WORKERS));
        }
    });
}

#[test]
fn a_killed_turn_is_marked_when_its_session_is_opened_again() {
    let home = TempDir::new().unwrap();
    let place = Place::new(home.path(), &busy(1));
    let project = home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let mut child = place.exec(&project).spawn().unwrap();
    let told = kill_after(&mut child, 12, 0);
    assert!(told.len() >= 12);
    let state: SessionState = serde_json::from_str(&place.run(&["sessions", "show", "last", "--json"])).unwrap();
    assert!(!state.is_running());
    assert!(place.run(&["sessions", "show", "last"]).contains("[interrupted]"));
}

#[test]
fn lines_of_json_fold_into_the_stored_session() {
    let home = TempDir::new().unwrap();
    let place = Place::new(home.path(), &busy(0));
    let project = home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let mut folded = SessionState::empty();
    for fact in facts_of(&text_of(place.exec(&project).output().unwrap())) {
        assert!(folded.apply(&fact), "{fact:?}");
    }
    let stored: SessionState = serde_json::from_str(&place.run(&["sessions", "show", "last", "--json"])).unwrap();
    assert_eq!(folded, stored);
    assert_eq!(folded.changes.len(), FILES);
}

#[test]
fn eight_at_once_on_one_folder_all_succeed() {
    let home = TempDir::new().unwrap();
    let place = Place::new(home.path(), &busy(1));
    let children: Vec<(PathBuf, Child)> = (0..8)
        .map(|number| {
            let project = home.path().join(format!("project{number}"));
            std::fs::create_dir(&project).unwrap();
            let child = place.exec(&project).spawn().unwrap();
            (project, child)
        })
        .collect();
    for (project, child) in children {
        let told = facts_of(&text_of(child.wait_with_output().unwrap()));
        assert!(matches!(
            told.last().map(|fact| &fact.body),
            Some(FactBody::TurnEnded { outcome: TurnOutcome::Completed, .. })
        ));
        for file in 0..FILES {
            assert_eq!(std::fs::read_to_string(project.join(format!("file{file}.txt"))).unwrap(), version(2));
        }
    }
    assert_eq!(place.run(&["sessions", "list", "--json"]).lines().count(), 8);
}
