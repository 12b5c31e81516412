//! Plays a recording in a project, unattended in mode `auto`, and gives back what everybody was told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::recordings::Recording;
use super::{Home, Ran};

/// Longer than anything here takes on a busy machine, and much shorter than for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a tool answered.
#[derive(Debug)]
pub struct Told {
    pub failed: bool,
    pub text: String,
}

pub struct Played {
    pub ran: Ran,
    pub facts: Vec<Value>,
    pub told: Vec<Told>,
    pub took: Duration,
}

impl Home {
    pub fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Plays a recording to its end, which must come.
    pub fn played(&self, recording: &Recording) -> Played {
        let file = recording.write(self.path()).display().to_string();
        let mut command = self.command(&["--mode", "auto", "--replay", &file, "exec", "--json", "go"]);
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = command.spawn().unwrap();
        let id = rustix::process::Pid::from_child(&child);
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(PATIENCE) else {
            rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
            panic!("it did not come to an end");
        };
        let ran = Ran::checked(output.unwrap());
        let facts: Vec<Value> = ran.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told = facts.iter().filter(|fact| fact["type"] == "tool_answered").map(told).collect();
        Played { ran, facts, told, took: began.elapsed() }
    }
}

fn told(fact: &Value) -> Told {
    let pieces = fact["content"].as_array().unwrap().iter();
    let text = pieces.map(|piece| piece["text"].as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    Told { failed: fact["failed"].as_bool().unwrap(), text }
}

impl Played {
    /// The turn came to its proper end.
    pub fn completed(&self) -> &Self {
        let last = self.facts.iter().find(|fact| fact["type"] == "turn_ended").unwrap();
        assert_eq!(last["outcome"]["outcome"], "completed", "{last} {}", self.ran.err);
        self
    }

    pub fn notices(&self) -> String {
        let notices = self.facts.iter().filter(|fact| fact["type"] == "noticed");
        notices.map(|fact| fact["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }
}

/// Everything below a folder, by its name and content: to see that it stays so.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = super::walk(folder).into_iter();
    files.map(|file| (file.clone(), std::fs::read(&file).unwrap_or_default())).collect()
}
