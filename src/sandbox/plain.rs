//! Systems other than Linux: macOS through `sandbox-exec`, elsewhere nothing but an end.
//!
//! Untested: Kiln is built and tried out on Linux. No tier here hides processes; a command's
//! descendants that leave its process group survive it.

use std::process::Stdio;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{mpsc, oneshot};

use super::audit::Baseline;
use super::output::Collector;
use super::policy::{Command, Input, Network, Policy, Requirement, SandboxError, Writable};
use super::running::{Ended, Finish, Running};
use super::tier::{Tier, probe};

/// Runs a command as well confined as this system allows; see [`super::probe`] for what that means.
pub async fn start(policy: &Policy, command: &Command) -> Result<Running, SandboxError> {
    let standing = probe().await;
    if policy.required == Requirement::Strict {
        return Err(SandboxError::Unavailable { why: standing.why.unwrap_or_default() });
    }
    let tier = policy.ceiling.min(standing.tier);
    // A profile could let one port through, but that port would be on the loopback of everybody.
    if policy.network != Network::Off {
        return Err(SandboxError::Hosts { why: standing.why.unwrap_or_default() });
    }
    let [program, arguments @ ..] = command.argv.as_slice() else {
        return Err(SandboxError::Missing { program: String::new() });
    };
    let mut started = confined(tier, policy, program)?;
    started
        .args(arguments)
        .current_dir(&command.directory)
        .env_clear()
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .stdin(match command.input {
            Input::Closed => Stdio::null(),
            Input::Piped => Stdio::piped(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    started.process_group(0);
    let baseline = match policy.writable {
        Writable::Project => Baseline::take(std::slice::from_ref(&policy.root)),
        Writable::Nothing => Baseline::take(&[]),
    };
    let child = started.spawn().map_err(|error| {
        let program = program.to_string_lossy().into_owned();
        match error.kind() {
            std::io::ErrorKind::NotFound => SandboxError::Missing { program },
            _ => SandboxError::Program { program, why: error.to_string() },
        }
    })?;
    Ok(attend(child, tier, command, baseline))
}

#[cfg(target_os = "macos")]
fn confined(tier: Tier, policy: &Policy, program: &std::ffi::OsStr) -> Result<tokio::process::Command, SandboxError> {
    if tier == Tier::None {
        return Ok(tokio::process::Command::new(program));
    }
    let mut command = tokio::process::Command::new("/usr/bin/sandbox-exec");
    command.arg("-p").arg(super::seatbelt::profile(policy)?).arg(program);
    Ok(command)
}

#[cfg(not(target_os = "macos"))]
fn confined(_: Tier, _: &Policy, program: &std::ffi::OsStr) -> Result<tokio::process::Command, SandboxError> {
    Ok(tokio::process::Command::new(program))
}

fn attend(mut child: tokio::process::Child, tier: Tier, command: &Command, baseline: Baseline) -> Running {
    let (chunk, chunks) = mpsc::channel(256);
    let (end, ended) = oneshot::channel();
    let (stop, mut stopped) = mpsc::channel(1);
    let input = child.stdin.take();
    let (piece, mut pieces) = mpsc::channel::<Vec<u8>>(16);
    tokio::spawn(pass(child.stdout.take(), piece.clone()));
    tokio::spawn(pass(child.stderr.take(), piece));
    let (limit, mut kept) = (command.limits.time, Collector::keeping(command.limits.output_kept));
    let started = Instant::now();
    tokio::spawn(async move {
        let group = child.id();
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        let finish = loop {
            tokio::select! {
                Some(bytes) = pieces.recv() => {
                    kept.push(&bytes);
                    chunk.try_send(bytes).ok();
                }
                status = child.wait() => break finish_of(status.ok()),
                _ = stopped.recv() => break Finish::Killed,
                () = &mut over => break Finish::TimedOut,
            }
        };
        end_group(group);
        child.kill().await.ok();
        while let Ok(Some(bytes)) = tokio::time::timeout(std::time::Duration::from_millis(200), pieces.recv()).await {
            kept.push(&bytes);
        }
        drop(chunk);
        let control_changes = tokio::task::spawn_blocking(move || baseline.compare()).await.unwrap_or_default();
        end.send(Ended { finish, output: kept.finish(), control_changes, tier, took: started.elapsed() }).ok();
    });
    Running { chunks, ended, stop, input, tier, listener: None }
}

async fn pass(stream: Option<impl AsyncRead + Unpin>, to: mpsc::Sender<Vec<u8>>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if to.send(buffer.get(..count).unwrap_or_default().to_vec()).await.is_err() {
            return;
        }
    }
}

fn finish_of(status: Option<std::process::ExitStatus>) -> Finish {
    #[cfg(unix)]
    if let Some(signal) = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status)) {
        return Finish::Signalled(signal);
    }
    status.and_then(|status| status.code()).map_or(Finish::Lost, Finish::Exited)
}

fn end_group(group: Option<u32>) {
    #[cfg(unix)]
    if let Some(group) = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    #[cfg(not(unix))]
    let _ = group;
}
