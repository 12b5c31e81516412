//! Trusted helpers such as `pip`: programs that Kiln itself starts, not a model.
//!
//! They get an argument list (never a shell), an environment that carries only what is named, no
//! input, and an end: a timeout, and death with the caller. They are not confined; see [`super::start`].

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Output kept of each stream, in bytes; the rest is read and dropped.
const KEPT_OUTPUT: usize = 256 * 1024;

/// A trusted program to run.
#[derive(Clone, Copy, Debug)]
pub struct Helper<'a> {
    /// Its name on the search path, or its path.
    pub program: &'a str,
    pub arguments: &'a [&'a str],
    /// Where it runs.
    pub directory: &'a Path,
    /// The variables it sees, and no others.
    pub environment: &'a [(String, String)],
    /// When it is killed.
    pub timeout: Duration,
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// There is no such program.
    #[error("`{program}` is not on this machine")]
    Missing { program: String },
    /// It could not be started or waited for.
    #[error("`{program}` could not be run: {source}")]
    Failed { program: String, source: std::io::Error },
    /// It took too long and was killed.
    #[error("`{program}` did not end within {} s", after.as_secs())]
    TimedOut { program: String, after: Duration },
}

/// Runs a program to its end. Dropping the future kills it.
pub async fn run_helper(helper: Helper<'_>) -> Result<Output, HelperError> {
    let program = helper.program.to_owned();
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::NotFound {
            HelperError::Missing { program: program.clone() }
        } else {
            HelperError::Failed { program: program.clone(), source }
        }
    };
    let variables = helper.environment.iter().map(|(name, value)| match name.as_str() {
        "PATH" if cfg!(unix) => (name, absolute(value)),
        _ => (name, value.clone()),
    });
    let mut command = Command::new(helper.program);
    command
        .args(helper.arguments)
        .current_dir(helper.directory)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let run = async { tokio::join!(child.wait(), drained(stdout), drained(stderr)) };
    let Ok((status, stdout, stderr)) = tokio::time::timeout(helper.timeout, run).await else {
        return Err(HelperError::TimedOut { program: program.clone(), after: helper.timeout });
    };
    let status = status.map_err(failed)?;
    group.spare();
    Ok(Output { status, stdout, stderr })
}

/// A search path without relative folders: the project that Kiln stands in brings no program of that name.
fn absolute(path: &str) -> String {
    let kept: Vec<&str> = path.split(':').filter(|folder| folder.starts_with('/')).collect();
    if kept.is_empty() { "/usr/bin:/bin".to_owned() } else { kept.join(":") }
}

/// A program's process group, killed when this is dropped, so that no grandchild stays.
struct Group(Option<u32>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id())
    }

    /// The program ended by itself.
    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
            && let Err(error) = rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
        {
            tracing::debug!(%error, "a helper's group was gone already");
        }
    }
}

/// All of a stream, of which the beginning is kept.
async fn drained(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    // A read that fails ends the output; the exit status tells what happened.
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let room = KEPT_OUTPUT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn helper<'a>(program: &'a str, arguments: &'a [&'a str], environment: &'a [(String, String)]) -> Helper<'a> {
        Helper { program, arguments, directory: Path::new("/"), environment, timeout: Duration::from_secs(20) }
    }

    #[tokio::test]
    async fn it_sees_only_the_named_variables() {
        let environment = [("GREETING".to_owned(), "hello".to_owned())];
        let output = run_helper(helper("/usr/bin/env", &[], &environment)).await.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.trim(), "GREETING=hello");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = run_helper(helper("kiln-no-such-program", &[], &[])).await.unwrap_err();
        assert!(matches!(error, HelperError::Missing { program } if program == "kiln-no-such-program"));
    }

    #[tokio::test]
    async fn a_program_of_the_folder_it_runs_in_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("git");
        std::fs::write(&script, "#!/bin/sh\ntouch ran\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let environment = [("PATH".to_owned(), ".::bin:/nowhere".to_owned())];
        let wanted = Helper { directory: folder.path(), ..helper("git", &["--version"], &environment) };
        let found = run_helper(wanted).await;
        assert!(matches!(found, Err(HelperError::Missing { .. })), "{found:?}");
        assert!(!folder.path().join("ran").exists());
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed() {
        let mut hanging = helper("/bin/sleep", &["600"], &[]);
        hanging.timeout = Duration::from_millis(20);
        let error = run_helper(hanging).await.unwrap_err();
        assert!(matches!(error, HelperError::TimedOut { .. }));
    }
}
