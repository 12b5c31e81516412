//! Commands of a session: how they are confined, and those that run in the background.
//!
//! Whether a command may run is the policy's to say, before anything here is called.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::net::tunnel::Barred;
use crate::net::{Refusal, Tunnel};
use crate::sandbox::{self, Command, Ended, Finish, Input, Network, Policy, Running, SandboxError, Tier, Writable};

/// Characters of a background job's output that are kept to be read.
const JOB_OUTPUT: usize = 64 * 1024;
/// Hosts that a model is told of which a command did not reach.
const MOST_REFUSALS: usize = 12;
/// Background jobs of a session at a time.
const MOST_JOBS: usize = 8;

/// Whether a command is held in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walls {
    /// As well as this machine can.
    Sandboxed,
    /// As before, and nothing of the project can be written either.
    Reading,
    /// Not at all: the person said so.
    Open,
}

/// Starts commands for one session.
#[derive(Clone, Debug)]
pub struct Commands {
    policy: Policy,
    environment: Vec<(String, String)>,
    jobs: Arc<Jobs>,
}

impl Commands {
    /// For a project's folder; `walls` is the policy to take everything but the folder from.
    pub fn new(walls: &Policy, environment: Vec<(String, String)>, root: &Path) -> Self {
        Self { policy: Policy { root: root.to_owned(), ..walls.clone() }, environment, jobs: Arc::default() }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.policy.root
    }

    /// Whether a file is Kiln's own, or lies where those are: commands do not see them, and files of a project
    /// that holds them are not theirs to be read or written.
    pub fn hides(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let root = real(&self.policy.root);
        let path = path.strip_prefix(&self.policy.root).map_or_else(|_| path.to_owned(), |below| root.join(below));
        self.policy.hidden.iter().any(|folder| {
            let folder = real(folder);
            // A project that lies among them, such as a scratch folder, is a project all the same.
            !root.starts_with(&folder) && path.starts_with(folder)
        })
    }

    /// The jobs of the session.
    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.jobs
    }

    /// Starts a shell line in a folder, with `time` to run; `None` for as long as it takes. Granted hosts are to be
    /// served by whoever starts it, at [`Running::take_listener`].
    pub async fn start(
        &self,
        line: &str,
        directory: &Path,
        time: Option<Duration>,
        walls: Walls,
        network: Network,
    ) -> Result<Running, SandboxError> {
        let mut command = Command::shell(line, directory, self.environment.clone());
        command.limits.time = time;
        let mut policy = Policy { network, ..self.policy.clone() };
        match walls {
            Walls::Sandboxed => {}
            Walls::Reading => policy.writable = Writable::Nothing,
            Walls::Open => policy.ceiling = Tier::None,
        }
        sandbox::start(&policy, &command).await
    }

    /// Runs a shell line in the project's folder to its end. Dropping the future kills it.
    pub async fn run(&self, line: &str, time: Duration) -> Result<Ended, SandboxError> {
        Ok(self.start(line, &self.policy.root, Some(time), Walls::Sandboxed, Network::Off).await?.wait().await)
    }
}

impl Commands {
    /// [`Commands::run`], with something to read on its standard input.
    pub async fn run_with_input(&self, line: &str, input: &str, time: Duration) -> Result<Ended, SandboxError> {
        let mut command = Command::shell(line, &self.policy.root, self.environment.clone());
        command.limits.time = Some(time);
        command.input = Input::Piped;
        let mut running = sandbox::start(&self.policy, &command).await?;
        // One that does not read to the end has read what it wants.
        let write = async {
            running.write_stdin(input.as_bytes()).await.ok();
        };
        tokio::time::timeout(time, write).await.ok();
        running.close_stdin();
        Ok(running.wait().await)
    }
}

/// How a command ended, in words.
pub fn end_words(ended: &Ended) -> String {
    let took = format!("{:.1} s", ended.took.as_secs_f64());
    match ended.finish {
        Finish::Exited(code) => format!("exit code {code} after {took}"),
        Finish::Signalled(signal) => format!("ended by signal {signal} after {took}"),
        Finish::TimedOut => format!("stopped: its time was over after {took}"),
        Finish::Killed => format!("stopped after {took}"),
        Finish::Lost => "killed from outside, with all that it had started".to_owned(),
    }
}

/// What a command tried to reach and did not, in words for the model; the first few.
pub fn refused(tunnel: Option<&Tunnel>) -> Vec<String> {
    let refusals = tunnel.map(Tunnel::refusals).unwrap_or_default();
    let words = |refusal: &Refusal| match &refusal.why {
        Barred::NotGranted => {
            format!("note: {refusal}; if it has to, call again with `{}` in `hosts`", refusal.destination)
        }
        Barred::Otherwise(_) => format!("note: {refusal}"),
    };
    refusals.iter().take(MOST_REFUSALS).map(words).collect()
}

/// Whether a command did what it was for.
pub fn succeeded(ended: &Ended) -> bool {
    ended.finish == Finish::Exited(0)
}

/// Background commands. Dropping this kills them all.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<BTreeMap<u32, Job>>);

#[derive(Debug)]
struct Job {
    line: String,
    shared: Arc<Mutex<JobState>>,
    stop: mpsc::Sender<()>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct JobState {
    output: String,
    /// Output before this was read already.
    read: usize,
    /// Bytes that were dropped from the front of `output`.
    dropped: usize,
    /// What it tried to reach and did not, in words.
    refused: Vec<String>,
    end: Option<String>,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    pub id: u32,
    pub line: String,
    /// Output since it was read last.
    pub output: String,
    /// What it tried to reach and did not, in words.
    pub refused: Vec<String>,
    /// How it ended; `None` while it runs.
    pub end: Option<String>,
}

impl Jobs {
    /// Takes a running command over, with its way to hosts; the number that it is known by.
    pub fn adopt(&self, line: &str, running: Running, tunnel: Option<Tunnel>) -> Result<u32, String> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = jobs.values().filter(|job| job.lock().end.is_none()).count();
        if alive >= MOST_JOBS {
            return Err(format!("{MOST_JOBS} background commands run already; stop one of them first"));
        }
        let id = jobs.keys().next_back().copied().unwrap_or(0) + 1;
        let shared = Arc::<Mutex<JobState>>::default();
        let (stop, stopped) = mpsc::channel(1);
        let task = tokio::spawn(attend(running, tunnel, Arc::clone(&shared), stopped)).abort_handle();
        jobs.insert(id, Job { line: line.to_owned(), shared, stop, task });
        Ok(id)
    }

    /// A job with its unread output.
    pub fn report(&self, id: u32) -> Option<JobReport> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs.get(&id)?;
        let mut state = job.lock();
        let from = state.output.ceil_char_boundary(state.read.saturating_sub(state.dropped).min(state.output.len()));
        let output = state.output.get(from..).unwrap_or_default().to_owned();
        state.read = state.dropped + state.output.len();
        Some(JobReport { id, line: job.line.clone(), output, refused: state.refused.clone(), end: state.end.clone() })
    }

    /// Asks a job to end; whether there is one of that number.
    pub fn stop(&self, id: u32) -> bool {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Full: it was asked already.
        jobs.get(&id).is_some_and(|job| job.stop.try_send(()).is_ok() || job.lock().end.is_none())
    }

    /// Number and line of every job that still runs.
    pub fn running(&self) -> Vec<(u32, String)> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().filter(|(_, job)| job.lock().end.is_none()).map(|(id, job)| (*id, job.line.clone())).collect()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        for job in self.0.get_mut().unwrap_or_else(PoisonError::into_inner).values() {
            job.task.abort();
        }
    }
}

impl Job {
    fn lock(&self) -> std::sync::MutexGuard<'_, JobState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn attend(
    mut running: Running,
    tunnel: Option<Tunnel>,
    shared: Arc<Mutex<JobState>>,
    mut stopped: mpsc::Receiver<()>,
) {
    loop {
        tokio::select! {
            Some(()) = stopped.recv() => running.kill(),
            chunk = running.chunk() => match chunk {
                Some(bytes) => push(&shared, &String::from_utf8_lossy(&bytes), refused(tunnel.as_ref())),
                None => break,
            },
        }
    }
    let ended = running.wait().await;
    let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
    state.refused = refused(tunnel.as_ref());
    state.end = Some(end_words(&ended));
}

fn push(shared: &Mutex<JobState>, text: &str, refused: Vec<String>) {
    let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
    state.refused = refused;
    state.output.push_str(text);
    if state.output.len() > JOB_OUTPUT * 2 {
        let from = state.output.ceil_char_boundary(state.output.len() - JOB_OUTPUT);
        state.output.drain(..from);
        state.dropped += from;
    }
}
