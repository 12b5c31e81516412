//! Kiln's side of a confined command on Linux: starts the stage, reads what it reports, keeps time.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use super::audit::Baseline;
use super::linux::{handover, sys};
use super::output::Collector;
use super::policy::{Command, Input, Network, Policy, Requirement, SandboxError};
use super::protect;
use super::running::{Ended, Finish, Running};
use super::stage::{STAGE, Spec, Told};
use super::tier::{Tier, probe};

/// Pieces of output that wait for a reader before it misses some.
const WAITING_CHUNKS: usize = 256;

/// Runs a command behind the walls of a policy.
///
/// Returns once the program itself runs; an error means that nothing of it ran. The tier is the best of
/// this machine, never a silent surprise: it stands in [`Running::tier`], and a required one that
/// cannot be had is an error.
pub async fn start(policy: &Policy, command: &Command) -> Result<Running, SandboxError> {
    let tier = match policy.required {
        Requirement::Strict if policy.ceiling == Tier::Strict => Tier::Strict,
        Requirement::Strict => {
            let why = format!("it is held to the tier `{}`", policy.ceiling.word());
            return Err(SandboxError::Unavailable { why });
        }
        Requirement::Any => {
            let standing = probe().await;
            let tier = policy.ceiling.min(standing.tier);
            if tier < Tier::Strict && policy.network != Network::Off {
                let held = || format!("it is held to the tier `{}`", policy.ceiling.word());
                return Err(SandboxError::Hosts { why: standing.why.unwrap_or_else(held) });
            }
            tier
        }
    };
    match start_at(tier, policy, command).await {
        Err(SandboxError::Setup { why }) if policy.required == Requirement::Strict => {
            Err(SandboxError::Unavailable { why })
        }
        other => other,
    }
}

/// As [`start`], at a tier.
pub(super) async fn start_at(tier: Tier, policy: &Policy, command: &Command) -> Result<Running, SandboxError> {
    let planned = {
        let (policy, command) = (policy.clone(), command.clone());
        tokio::task::spawn_blocking(move || protect::plan(tier, &policy, &command)).await
    };
    let (spec, baseline) = planned.map_err(SandboxError::setup)??;
    let mut stage = Stage::start(&spec, command.input)?;
    let told = stage.first_word().await;
    match told {
        Told::Ready => {
            let listener = stage.listener(&spec)?;
            let mut running = stage.attend(tier, command, baseline);
            running.listener = listener;
            Ok(running)
        }
        Told::Program { program, missing: true, .. } => Err(SandboxError::Missing { program }),
        Told::Program { program, why, .. } => Err(SandboxError::Program { program, why }),
        Told::Walls { why } => Err(SandboxError::Setup { why }),
        Told::Ended { .. } | Told::Silent => Err(SandboxError::setup("the stage ended without a word")),
    }
}

/// The stage's process and the ways to it.
struct Stage {
    child: Child,
    /// Its closing ends the command at once.
    control: Option<UnixStream>,
    report: BufReader<pipe::Receiver>,
    output: pipe::Receiver,
}

impl Stage {
    fn start(spec: &Spec, input: Input) -> Result<Self, SandboxError> {
        let memory = specification(spec)?;
        let (control_in, control) = UnixStream::pair().map_err(SandboxError::setup)?;
        let (report, report_out) = std::io::pipe().map_err(SandboxError::setup)?;
        let (output, output_in) = std::io::pipe().map_err(SandboxError::setup)?;
        let passed = [memory.as_raw_fd(), control_in.as_raw_fd(), report_out.as_raw_fd()];
        let mut command = tokio::process::Command::new(launcher());
        command
            .arg0("kiln-sandbox")
            .arg(STAGE)
            .args(passed.map(|fd| fd.to_string()))
            .env_clear()
            .stdin(match input {
                Input::Closed => Stdio::null(),
                Input::Piped => Stdio::piped(),
            })
            .stdout(Stdio::from(output_in.try_clone().map_err(SandboxError::setup)?))
            .stderr(Stdio::from(output_in));
        sys::pass_on(&mut command, passed);
        let child = command.spawn().map_err(SandboxError::setup)?;
        let reading = |pipe: std::io::PipeReader| pipe::Receiver::from_owned_fd(OwnedFd::from(pipe));
        Ok(Self {
            child,
            control: Some(control),
            report: BufReader::new(reading(report).map_err(SandboxError::setup)?),
            output: reading(output).map_err(SandboxError::setup)?,
        })
    }

    /// Whether the command runs.
    async fn first_word(&mut self) -> Told {
        let mut line = Vec::new();
        match self.report.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => Told::Silent,
            Ok(_) => Told::read(&line),
        }
    }

    /// The listener in the command's network, which was sent before the first word.
    fn listener(&self, spec: &Spec) -> Result<Option<TcpListener>, SandboxError> {
        let Some(control) = self.control.as_ref().filter(|_| spec.proxied.is_some()) else { return Ok(None) };
        let received = handover::receive(control.as_fd()).map_err(SandboxError::setup)?;
        Ok(Some(TcpListener::from(received)))
    }

    /// Hands the running command over to a task that stays with it to its end.
    fn attend(mut self, tier: Tier, command: &Command, baseline: Baseline) -> Running {
        let (chunk, chunks) = mpsc::channel(WAITING_CHUNKS);
        let (end, ended) = oneshot::channel();
        let (stop, stopped) = mpsc::channel(1);
        let input = self.child.stdin.take();
        let attendant = Attendant {
            stage: self,
            tier,
            kept: Collector::keeping(command.limits.output_kept),
            chunk: Some(chunk),
            stopped,
            started: Instant::now(),
            limit: command.limits.time,
            asked: None,
        };
        tokio::spawn(async move {
            let result = attendant.stay(baseline).await;
            // Nobody waits any more: then nobody wants to know.
            end.send(result).ok();
        });
        Running { chunks, ended, stop, input, tier, listener: None }
    }
}

/// Stays with a command to its end.
struct Attendant {
    stage: Stage,
    tier: Tier,
    kept: Collector,
    chunk: Option<mpsc::Sender<Vec<u8>>>,
    stopped: mpsc::Receiver<()>,
    started: Instant,
    limit: Option<Duration>,
    /// Why it was asked to end.
    asked: Option<Finish>,
}

impl Attendant {
    async fn stay(mut self, baseline: Baseline) -> Ended {
        let told = self.watch().await;
        let took = self.started.elapsed();
        self.chunk = None;
        // The stage removes what it made and goes; its namespace went before.
        self.stage.child.wait().await.ok();
        let control_changes = tokio::task::spawn_blocking(move || baseline.compare()).await.unwrap_or_default();
        let finish = match (self.asked, told) {
            (Some(asked), _) => asked,
            (None, Some(Told::Ended { code: Some(code), .. })) => Finish::Exited(code),
            (None, Some(Told::Ended { signal: Some(signal), .. })) => Finish::Signalled(signal),
            _ => Finish::Lost,
        };
        Ended { finish, output: self.kept.finish(), control_changes, tier: self.tier, took }
    }

    /// Reads until the stage has gone; its last word.
    async fn watch(&mut self) -> Option<Told> {
        let mut buffer = vec![0; 64 * 1024];
        let (mut line, mut told) = (Vec::new(), None);
        let (mut reading, mut reporting, mut dropped) = (true, true, false);
        let mut control = self.stage.control.take();
        let deadline = self.limit.and_then(|limit| self.started.checked_add(limit));
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        while reading || reporting {
            tokio::select! {
                count = self.stage.output.read(&mut buffer), if reading => match count {
                    Ok(0) | Err(_) => reading = false,
                    Ok(count) => self.take(buffer.get(..count).unwrap_or_default()),
                },
                count = self.stage.report.read_until(b'\n', &mut line), if reporting => match count {
                    Ok(0) | Err(_) => reporting = false,
                    Ok(_) => told = Some(Told::read(&std::mem::take(&mut line))),
                },
                word = self.stopped.recv(), if !dropped => {
                    if told.is_none() {
                        self.asked.get_or_insert(Finish::Killed);
                    }
                    match (word, &mut control) {
                        (Some(()), Some(socket)) => ask(socket),
                        _ => {
                            // Nobody holds the command any more: at once.
                            dropped = true;
                            control = None;
                        }
                    }
                },
                () = &mut over, if self.asked.is_none() && told.is_none() => {
                    self.asked = Some(Finish::TimedOut);
                    if let Some(socket) = &mut control {
                        ask(socket);
                    }
                },
            }
        }
        told
    }

    fn take(&mut self, bytes: &[u8]) {
        self.kept.push(bytes);
        if let Some(chunk) = &self.chunk {
            chunk.try_send(bytes.to_vec()).ok();
        }
    }
}

/// Asks the stage to end the command. If it is gone there is nothing to ask for.
fn ask(control: &mut UnixStream) {
    control.write_all(b"T").ok();
}

/// The specification in a memory file, which no other program can name.
fn specification(spec: &Spec) -> Result<File, SandboxError> {
    let memory =
        rustix::fs::memfd_create("kiln-sandbox", rustix::fs::MemfdFlags::CLOEXEC).map_err(SandboxError::setup)?;
    let mut file = File::from(memory);
    let text = serde_json::to_vec(spec).map_err(SandboxError::setup)?;
    file.write_all(&text).map_err(SandboxError::setup)?;
    Ok(file)
}

/// The program that knows how to be the stage: this one, or for a test program of Cargo's, Kiln beside it.
fn launcher() -> PathBuf {
    let own = Path::new("/proc/self/exe");
    let Ok(real) = std::env::current_exe() else { return own.to_owned() };
    let folder = real.parent();
    if folder.and_then(Path::file_name).is_some_and(|name| name == "deps")
        && let Some(kiln) = folder.and_then(Path::parent).map(|folder| folder.join("kiln"))
        && kiln.is_file()
    {
        return kiln;
    }
    own.to_owned()
}
