//! Servers of tools: programs of the person's choice that Kiln talks with over pipes.
//!
//! They see only the variables that they are given, have a process group of their own, and end with
//! the guard that is held for them. On Linux the kernel ends them when Kiln itself is killed. They are
//! not confined: what they may do was the person's consent.

use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use super::helper::HelperError;

/// The pipes to a running server.
#[derive(Debug)]
pub struct ServerPipes {
    pub input: ChildStdin,
    pub output: ChildStdout,
    /// What it says about itself; for the log, never for the terminal.
    pub errors: ChildStderr,
}

/// Holds a server; dropping it kills the server and all of its process group.
#[derive(Debug)]
pub struct ServerGuard {
    child: Child,
    /// Closing it lets the thread go that the server's life hangs on.
    _thread: mpsc::Sender<()>,
}

impl Drop for ServerGuard {
    fn drop(&mut self) {
        // Not reaped yet, so the number is still this group's.
        #[cfg(unix)]
        if let Some(group) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
            && let Err(error) = rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
        {
            tracing::debug!(%error, "a server's group was gone already");
        }
        self.child.start_kill().ok();
    }
}

/// Starts a server: a program and its arguments, never a shell, with these variables and no others.
pub async fn spawn_server(
    argv: &[String],
    directory: &Path,
    environment: &[(String, String)],
) -> Result<(ServerPipes, ServerGuard), HelperError> {
    let [program, arguments @ ..] = argv else {
        return Err(HelperError::Missing { program: String::new() });
    };
    let program = program.clone();
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(target_os = "linux")]
    super::linux::sys::die_with_starter(&mut command);
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => HelperError::Missing { program: program.clone() },
        _ => HelperError::Failed { program: program.clone(), source },
    };
    let (mut child, thread) = start(command).await.map_err(failed)?;
    let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
    };
    Ok((ServerPipes { input, output, errors }, ServerGuard { child, _thread: thread }))
}

/// Starts it from a thread of its own: the kernel ties the child's life to the thread that started
/// it, and threads of the runtime come and go.
async fn start(mut command: Command) -> std::io::Result<(Child, mpsc::Sender<()>)> {
    let runtime = tokio::runtime::Handle::current();
    let (told, started) = oneshot::channel();
    let (hold, held) = mpsc::channel::<()>();
    std::thread::Builder::new().name("mcp-server".to_owned()).spawn(move || {
        let _inside = runtime.enter();
        if told.send(command.spawn()).is_ok() {
            held.recv().ok();
        }
    })?;
    let child = started.await.map_err(std::io::Error::other)??;
    Ok((child, hold))
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn it_sees_only_what_it_is_given_and_talks_over_pipes() {
        let environment = [("GREETING".to_owned(), "hello".to_owned())];
        let (mut pipes, _guard) = spawn_server(&shell("env; cat"), Path::new("/"), &environment).await.unwrap();
        pipes.input.write_all(b"END\n").await.unwrap();
        let mut lines = BufReader::new(pipes.output).lines();
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line == "END" {
                break;
            }
            seen.push(line);
        }
        // The shell itself adds where it is.
        seen.retain(|line| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own)));
        assert_eq!(seen, ["GREETING=hello"]);
    }

    #[tokio::test]
    async fn dropping_the_guard_ends_the_whole_group() {
        let (mut pipes, guard) = spawn_server(&shell("sleep 600 & sleep 600"), Path::new("/"), &[]).await.unwrap();
        drop(guard);
        // Every holder of the pipe has to be gone before this ends.
        let mut rest = Vec::new();
        pipes.output.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = spawn_server(&["kiln-no-such-server".to_owned()], Path::new("/"), &[]).await.unwrap_err();
        assert!(matches!(error, HelperError::Missing { program } if program == "kiln-no-such-server"));
    }
}
