//! The hidden stage: Kiln started again, with one thread, to put up the walls and stand over a command.
//!
//! `kiln __sandbox SPEC CONTROL REPORT` takes three descriptor numbers and nothing else from its
//! arguments. The specification is JSON in a memory file; a byte on the control socket asks for an
//! end, its closing means that Kiln is gone, and a listener in the command's network goes back over it; the report pipe carries one JSON line for each thing that
//! happened. The stage reads no settings and no environment.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ghosts::Ghosts;
use super::linux::{command, namespaces, sys};
use super::tier::Tier;

/// The first argument that makes a process the stage.
pub const STAGE: &str = "__sandbox";

/// How long a command may take to end by itself once asked.
const GRACE: Duration = Duration::from_millis(1000);

/// What is to be done, with every decision taken. All paths are absolute and resolved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) tier: Tier,
    pub(super) argv: Vec<OsString>,
    pub(super) directory: OsString,
    pub(super) environment: Vec<(String, String)>,
    pub(super) limits: StageLimits,
    /// Folders that can be written.
    pub(super) writable: Vec<OsString>,
    /// What is read-only inside of those.
    pub(super) protected: Vec<OsString>,
    /// Folders that are made, blanked out and removed again, so that nobody makes them.
    pub(super) ghosts: Vec<OsString>,
    /// Files and folders that are blanked out.
    pub(super) masked: Vec<OsString>,
    /// Folders that are blanked out although something visible lies inside.
    pub(super) covered: Vec<OsString>,
    /// Read-only folders that stay visible inside blanked-out ones.
    pub(super) visible: Vec<OsString>,
    /// The home folder, when it is to be empty.
    pub(super) private_home: Option<OsString>,
    /// A folder for temporary files, made and removed by the stage, where there are no namespaces.
    pub(super) temporary: Option<OsString>,
    /// Who to become, when Kiln runs as root in somebody else's folder.
    pub(super) user: Option<(u32, u32)>,
    /// What is not asked of the proxy, where there is one: the value of `NO_PROXY`.
    pub(super) proxied: Option<String>,
    /// The kernel's version.
    pub(super) kernel: (u32, u32),
}

/// The limits that the stage holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct StageLimits {
    pub(super) processes: u32,
    pub(super) memory: u64,
    pub(super) file_size: u64,
}

impl Spec {
    pub(super) fn kernel_at_least(&self, major: u32, minor: u32) -> bool {
        self.kernel >= (major, minor)
    }
}

/// A path of the specification.
pub(super) fn path_of(text: impl AsRef<OsStr>) -> PathBuf {
    PathBuf::from(text.as_ref())
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    /// The command runs.
    Ready,
    /// The walls could not be put up; nothing ran.
    Walls { why: String },
    /// The program could not be started; nothing ran.
    Program { program: String, missing: bool, why: String },
    /// The command ended.
    Ended { code: Option<i32>, signal: Option<i32> },
    /// Somebody else has told already.
    Silent,
}

impl Told {
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(super) fn read(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_else(|_| Self::Walls { why: "the stage was not understood".to_owned() })
    }

    /// From a wait status.
    pub(super) fn of_status(status: i32) -> Self {
        if libc::WIFEXITED(status) {
            Self::Ended { code: Some(libc::WEXITSTATUS(status)), signal: None }
        } else {
            Self::Ended { code: None, signal: Some(libc::WTERMSIG(status)) }
        }
    }
}

/// The write end of the report pipe.
pub(super) struct Report(File);

impl Report {
    pub(super) fn tell(&self, told: &Told) {
        if *told != Told::Silent {
            // Nobody listens any more: then the control socket is closed too, and that is acted on.
            (&self.0).write_all(&told.line()).ok();
        }
    }
}

/// The stage's `main`, on the descriptor numbers.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let numbers: Vec<i32> =
        arguments.iter().filter_map(|text| text.to_str()?.parse().ok()).filter(|number| *number > 2).collect();
    let [spec, control, report] = numbers.as_slice() else {
        return ExitCode::from(2);
    };
    let (Ok(spec), Ok(control), Ok(report)) =
        (sys::inherited(*spec), sys::inherited(*control), sys::inherited(*report))
    else {
        return ExitCode::from(2);
    };
    let report = Report(File::from(report));
    match read(spec) {
        Ok(spec) => stand(spec, &File::from(control), &report),
        Err(why) => {
            report.tell(&Told::Walls { why });
            ExitCode::FAILURE
        }
    }
}

fn read(memory: OwnedFd) -> Result<Spec, String> {
    let mut file = File::from(memory);
    let mut text = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut text)).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

fn stand(mut spec: Spec, control: &File, report: &Report) -> ExitCode {
    let mut open = [control.as_raw_fd(), report.0.as_raw_fd()];
    open.sort_unstable();
    let told = |error: std::io::Error| Told::Walls { why: error.to_string() };
    let prepared = sys::close_all_from(3, &open).and_then(|()| {
        rustix::process::setsid().ok();
        std::env::set_current_dir("/")?;
        if let Some((user, group)) = spec.user {
            sys::become_user(user, group)?;
        }
        Ok(())
    });
    if let Err(error) = prepared {
        report.tell(&told(error));
        return ExitCode::FAILURE;
    }
    let ghosts = Ghosts::make(spec.ghosts.iter().map(path_of));
    spec.ghosts.retain(|path| path_of(path).exists());
    let temporary = temporary(&mut spec);
    let outcome =
        if spec.tier == Tier::Strict { strict(&spec, control, report) } else { plain(&spec, control, report) };
    let code = match outcome {
        Ok(Some(code)) => return code,
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            report.tell(&told(error));
            ExitCode::FAILURE
        }
    };
    ghosts.remove();
    if let Some(folder) = temporary {
        fs::remove_dir_all(folder).ok();
    }
    code
}

/// Makes the folder for temporary files, and tells the command about it.
fn temporary(spec: &mut Spec) -> Option<PathBuf> {
    let folder = spec.temporary.as_ref().map(path_of)?;
    use std::os::unix::fs::DirBuilderExt as _;
    if fs::DirBuilder::new().mode(0o700).create(&folder).is_err() {
        // Something else has the name: then the command has no such folder.
        spec.temporary = None;
        return None;
    }
    spec.environment.retain(|(name, _)| !matches!(name.as_str(), "TMPDIR" | "TMP" | "TEMP"));
    if let Some(text) = folder.to_str() {
        spec.environment.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.to_owned(), text.to_owned())));
    }
    Some(folder)
}

/// In namespaces: stands over their first process. `Some` is the exit of that process itself.
fn strict(spec: &Spec, control: &File, report: &Report) -> std::io::Result<Option<ExitCode>> {
    let ids = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let refused =
        |error: std::io::Error| std::io::Error::new(error.kind(), format!("namespaces are refused here: {error}"));
    let first = match sys::fork_into(namespaces::ALL).map_err(refused)? {
        sys::Forked::Child => return Ok(Some(namespaces::live(spec, control, report, ids))),
        sys::Forked::Parent(first) => first,
    };
    let_go_of_output();
    let mut watch = Watch::over(first, control)?;
    loop {
        match watch.next()? {
            Seen::Ended => break,
            Seen::AskedToEnd => sys::signal(first, libc::SIGTERM),
            Seen::MustEnd => sys::signal(first, libc::SIGKILL),
        }
    }
    while sys::wait_any()?.is_some() {}
    Ok(None)
}

/// Without namespaces: takes in the command's orphans and ends them one by one.
fn plain(spec: &Spec, control: &File, report: &Report) -> std::io::Result<Option<ExitCode>> {
    sys::process_control(libc::PR_SET_CHILD_SUBREAPER, 1)?;
    let (mut outcome, teller) = std::io::pipe()?;
    let child = match sys::fork_into(0)? {
        sys::Forked::Child => {
            sys::process_control(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
            report.tell(&command::become_it(spec, teller));
            return Ok(Some(ExitCode::FAILURE));
        }
        sys::Forked::Parent(child) => child,
    };
    drop(teller);
    let_go_of_output();
    let mut trouble = Vec::new();
    outcome.read_to_end(&mut trouble)?;
    report.tell(&if trouble.is_empty() { Told::Ready } else { Told::read(&trouble) });
    let mut watch = Watch::over(child, control)?;
    loop {
        match watch.next()? {
            Seen::Ended => break,
            Seen::AskedToEnd => signal_descendants(libc::SIGTERM),
            Seen::MustEnd => signal_descendants(libc::SIGKILL),
        }
    }
    let deadline = Instant::now() + GRACE;
    let mut status = None;
    loop {
        signal_descendants(libc::SIGKILL);
        while let Some((id, ended)) = sys::reap_any() {
            if id == child {
                status = Some(ended);
            }
        }
        if descendants().is_empty() || Instant::now() > deadline {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if trouble.is_empty() {
        report.tell(&Told::of_status(status.unwrap_or(libc::SIGKILL)));
    }
    Ok(None)
}

/// The stage keeps no end of the command's pipes, so that they close with the command.
fn let_go_of_output() {
    if let Ok(null) = fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        for standard in 0..3 {
            sys::redirect(&null, standard).ok();
        }
    }
}

/// What the stage waits for.
enum Seen {
    Ended,
    AskedToEnd,
    MustEnd,
}

struct Watch<'a> {
    process: OwnedFd,
    control: Option<&'a File>,
    deadline: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn over(process: i32, control: &'a File) -> std::io::Result<Self> {
        let id = rustix::process::Pid::from_raw(process).ok_or(std::io::ErrorKind::InvalidInput)?;
        let process = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty())?;
        Ok(Self { process, control: Some(control), deadline: None })
    }

    fn next(&mut self) -> std::io::Result<Seen> {
        loop {
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let ready = sys::poll(self.process.as_raw_fd(), self.control.map(|file| file.as_raw_fd()), left)?;
            if ready.first {
                return Ok(Seen::Ended);
            }
            if ready.second
                && let Some(mut control) = self.control
            {
                let mut byte = [0];
                if control.read(&mut byte).unwrap_or(0) == 0 {
                    self.control = None;
                    return Ok(Seen::MustEnd);
                }
                self.deadline.get_or_insert_with(|| Instant::now() + GRACE);
                return Ok(Seen::AskedToEnd);
            }
            if left == Some(Duration::ZERO) {
                self.deadline = Some(Instant::now() + GRACE);
                return Ok(Seen::MustEnd);
            }
        }
    }
}

/// Every process of the system with its parent.
fn parents() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |folder: &Path| -> Option<i32> {
        let line = fs::read_to_string(folder.join("stat")).ok()?;
        // The name in parentheses may hold anything; what follows the last one is numbers.
        line.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, parent(&entry.path())?))).collect()
}

/// The living descendants of this process.
fn descendants() -> Vec<i32> {
    let all = parents();
    let mut found = vec![i32::try_from(std::process::id()).unwrap_or(i32::MAX)];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.remove(0);
    found
}

fn signal_descendants(signal: libc::c_int) {
    for id in descendants() {
        sys::signal(id, signal);
    }
}

/// How many processes this user has, for a limit that counts them all.
pub(super) fn processes_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::getuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == user))
        .filter_map(|entry| Some(fs::read_dir(entry.path().join("task")).ok()?.count() as u64))
        .sum()
}
