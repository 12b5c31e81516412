//! Runs the probes: first without the sandbox, where each must succeed to count, then within.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arena::{Arena, base, is_root, python};
use super::probes::{Around, PROBES, Probe};

/// A program of the person's, which the probes go for.
struct Victim {
    child: Child,
    told: serde_json::Value,
}

impl Victim {
    fn start(at: &Path, python: &Path) -> Self {
        fs::create_dir_all(at.join("victim")).unwrap();
        let mut child = Command::new(python)
            .args(["-I", "-c", include_str!("victim.py")])
            .args([&at.join("victim"), &at.join("home")])
            .env("API_KEY", "SECRET-of-another")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { told: serde_json::from_str(&line).unwrap(), child }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // The end of its input lets it clean up.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// One run of a probe: what it printed, and whether it got out.
struct Outcome {
    ran: bool,
    escaped: bool,
    printed: String,
}

struct Lab<'a> {
    base: &'a Path,
    python: PathBuf,
    victim: &'a serde_json::Value,
}

impl Lab<'_> {
    fn run(&self, number: usize, probe: &Probe, sandboxed: bool) -> Outcome {
        let arena = Arena::new(&self.base.join(format!("{number}-{sandboxed}")));
        self.prepare(&arena, probe.around);
        let marker = format!("kiln-probe-{}-{number}-{sandboxed}", std::process::id());
        let body = probe.attack.replace("DAEMON", &marker);
        let script = include_str!("prelude.py").replace("BODY", &body);
        let mut told = self.victim.clone();
        told["home"] = arena.home.to_str().unwrap().into();
        told["kiln"] = arena.kiln_home.to_str().unwrap().into();
        let (outside, project) = (arena.outside.to_str().unwrap(), arena.project.to_str().unwrap());
        let told = told.to_string();
        let attack = [self.python.to_str().unwrap(), "-I", "-S", "-c", &script, outside, project, "", &told];
        let before = arena.traces();
        let mut command = if sandboxed {
            let limits = if let Around::Limited(limits) = probe.around { limits } else { &[] };
            arena.kiln(limits, &attack)
        } else {
            // A shell in between, so that there is a starter with the same variables.
            let mut command = Command::new("/bin/sh");
            arena.dress(&mut command);
            command.args(["-c", r#""$@"; exit $?"#, "sh"]).args(attack).current_dir(&arena.project).process_group(0);
            command
        };
        if probe.around == Around::LeakedDescriptors {
            command = leaking(&arena, &command);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        self.afterwards(&arena, probe.around);
        let alive = probe.around == Around::NobodyLeft && end(&marker);
        let escaped = printed.contains("ESCAPED") || arena.traces() != before || alive;
        let ghost =
            matches!(probe.around, Around::WithoutRepository) && sandboxed && arena.project.join(".git").exists();
        Outcome { ran: printed.contains("RAN"), escaped: escaped || ghost, printed }
    }

    fn prepare(&self, arena: &Arena, around: Around) {
        let git = arena.project.join(".git");
        match around {
            Around::WithoutRepository => fs::remove_dir_all(git).unwrap(),
            Around::LinkedRepository => {
                let elsewhere = arena.home.join("repository");
                fs::rename(&git, &elsewhere).unwrap();
                fs::write(&git, format!("gitdir: {}\n", elsewhere.display())).unwrap();
            }
            _ => {}
        }
    }

    fn afterwards(&self, arena: &Arena, around: Around) {
        let folder = match around {
            Around::GitStatusIn(folder) => arena.project.join(folder),
            Around::WithoutRepository | Around::LinkedRepository => arena.project.clone(),
            _ => return,
        };
        let mut git = Command::new("git");
        arena.dress(&mut git);
        // Whatever git says; whether it ran what was planted shows outside.
        git.arg("status").current_dir(folder).stdin(Stdio::null()).output().ok();
    }
}

/// The same command from a starter that left descriptors open.
fn leaking(arena: &Arena, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    arena.dress(&mut shell);
    shell.args(["-c", r#"exec "$@" 7>>"$OUT/canary" 8<"$OUT""#, "sh"]).env("OUT", &arena.outside);
    shell.arg(command.get_program()).args(command.get_args()).current_dir(&arena.project);
    shell
}

/// Ends the processes whose first argument is the marker; whether there was one.
fn end(marker: &str) -> bool {
    let mut found = false;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).next() == Some(marker.as_bytes()) {
            found = true;
            let id = rustix::process::Pid::from_raw(id).unwrap();
            rustix::process::kill_process(id, rustix::process::Signal::KILL).ok();
        }
    }
    found
}

#[derive(Default)]
struct Tally {
    refused: Vec<&'static str>,
    invalid: Vec<String>,
    escaped: Vec<String>,
}

#[test]
fn every_way_out_is_refused() {
    let Some(python) = python() else {
        println!("skipped: the probes are written in Python, and there is none for every user here");
        return;
    };
    let base = base("kiln-escapes-");
    let victim = Victim::start(base.path(), &python);
    let lab = Lab { base: base.path(), python, victim: &victim.told };
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((number, probe)) = PROBES.get(next.fetch_add(1, Ordering::Relaxed)).map(|probe| {
                    let number = PROBES.iter().position(|other| std::ptr::eq(other, probe)).unwrap();
                    (number, probe)
                }) {
                    judge(&lab, number, probe, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!(
        "{} refused, {} cannot be tried here, {} escaped; as {}",
        tally.refused.len(),
        tally.invalid.len(),
        tally.escaped.len(),
        if is_root() { "root" } else { "an ordinary user" }
    );
    println!("cannot be tried here:\n{}", tally.invalid.join("\n"));
    assert!(tally.escaped.is_empty(), "escaped:\n{}", tally.escaped.join("\n"));
    let least = if is_root() { 100 } else { 60 };
    assert!(tally.refused.len() >= least, "only {} probes could be tried", tally.refused.len());
}

fn judge(lab: &Lab<'_>, number: usize, probe: &Probe, tally: &Mutex<Tally>) {
    let free = lab.run(number, probe, false);
    if !free.escaped {
        tally.lock().unwrap().invalid.push(format!("{}: {}", probe.name, free.printed.trim()));
        return;
    }
    let held = lab.run(number, probe, true);
    let mut tally = tally.lock().unwrap();
    if held.ran && !held.escaped {
        tally.refused.push(probe.name);
    } else {
        tally.escaped.push(format!("{}: {}", probe.name, held.printed.trim()));
    }
}

#[test]
fn every_way_out_is_refused_to_an_ordinary_user_too() {
    if !is_root() {
        println!("skipped: not root, so the other test did this");
        return;
    }
    if !Path::new("/usr/bin/setpriv").is_file() {
        println!("skipped: there is no `setpriv` here");
        return;
    }
    let base = base("kiln-ordinary-");
    std::os::unix::fs::chown(base.path(), Some(65534), Some(65534)).unwrap();
    let output = Command::new("/usr/bin/setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "escapes::every_way_out_is_refused", "--nocapture"])
        .env("KILN_PROBE_BASE", base.path())
        .env("TMPDIR", base.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{printed}");
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("as an ordinary user"), "{printed}");
}
