//! What a command may do, and what it is: plain data, and the reasons not to run it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tier::Tier;

/// Whether the project's folder can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writable {
    /// Everything in it but `.git`, `.kiln` and nested repositories.
    #[default]
    Project,
    /// Nothing but private temporary folders.
    Nothing,
}

/// Which hosts a command can reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// None; its own loopback works where there are namespaces.
    #[default]
    Off,
    /// These, as `host` or `host:port`, through a proxy on the command's own loopback. Whoever starts the command
    /// serves it, at [`super::Running::take_listener`], and holds it to the list; here the names only decide what
    /// the command does not ask the proxy for. Needs [`Tier::Strict`].
    Hosts(Vec<String>),
}

/// What must hold for the command to run at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requirement {
    /// The best that this machine can do.
    #[default]
    Any,
    /// [`Tier::Strict`], or an error before anything runs.
    Strict,
}

/// What of the home folder is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HomeView {
    /// All of it, read-only, with folders and files of secrets blanked out.
    #[default]
    Masked,
    /// Nothing but toolchains, read-only, in an empty private folder.
    Private,
}

/// The walls around a command.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The project's folder. It comes from the person, never from a model.
    pub root: PathBuf,
    pub writable: Writable,
    /// More folders that can be written, also named by the person.
    pub extra_writable: Vec<PathBuf>,
    pub network: Network,
    pub required: Requirement,
    pub home_view: HomeView,
    /// The person's home folder, where secrets are looked for.
    pub home: Option<PathBuf>,
    /// Kiln's own folders and whatever else must not be seen.
    pub hidden: Vec<PathBuf>,
    /// The best tier to use; lower than [`Tier::Strict`] only to try the fallbacks out.
    pub ceiling: Tier,
}

impl Policy {
    /// The default walls around a project: it alone can be written, no network, secrets blanked out.
    pub fn new(
        root: impl Into<PathBuf>,
        environment: &crate::config::Environment,
        paths: &crate::config::Paths,
    ) -> Self {
        Self {
            root: root.into(),
            writable: Writable::default(),
            extra_writable: Vec::new(),
            network: Network::default(),
            required: Requirement::default(),
            home_view: HomeView::default(),
            home: environment.get("HOME").map(PathBuf::from).filter(|home| home.is_absolute()),
            hidden: vec![paths.config().to_owned(), paths.data().to_owned(), paths.cache().to_owned()],
            ceiling: Tier::Strict,
        }
    }
}

/// Where a command's input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Nowhere: a read ends at once.
    #[default]
    Closed,
    /// From [`super::Running::write_stdin`].
    Piped,
}

/// What a command may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// When it is ended. `None` for as long as it takes, for background jobs.
    pub time: Option<Duration>,
    /// Bytes of output kept, half from its beginning and half from its end.
    pub output_kept: usize,
    /// Processes and threads at a time.
    pub processes: u32,
    /// Bytes of memory each process may take for its data, and all private temporary folders together.
    pub memory: u64,
    /// Bytes that one file may grow to.
    pub file_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Some(Duration::from_secs(120)),
            output_kept: 1024 * 1024,
            processes: 512,
            memory: 8 << 30,
            file_size: 4 << 30,
        }
    }
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program (a path, or a name on the `PATH` of `environment`) and its arguments.
    pub argv: Vec<OsString>,
    /// Where it runs.
    pub directory: PathBuf,
    /// All of its variables; see [`super::environment`].
    pub environment: Vec<(String, String)>,
    pub input: Input,
    pub limits: Limits,
}

impl Command {
    /// A program with its arguments and the default limits.
    pub fn new(argv: Vec<OsString>, directory: impl Into<PathBuf>, environment: Vec<(String, String)>) -> Self {
        Self { argv, directory: directory.into(), environment, input: Input::default(), limits: Limits::default() }
    }

    /// A line for a shell: `bash` where there is one, else `sh`; no start-up files are read.
    pub fn shell(line: &str, directory: impl Into<PathBuf>, environment: Vec<(String, String)>) -> Self {
        let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|shell| Path::new(shell).is_file());
        let argv = vec![bash.unwrap_or("/bin/sh").into(), "-c".into(), line.into()];
        Self::new(argv, directory, environment)
    }
}

/// Why a command did not start. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The required tier cannot be had on this machine.
    #[error("this command must run strictly sandboxed, which this machine cannot do: {why}")]
    Unavailable { why: String },
    /// The folder is none that can be a project.
    #[error("`{}` cannot be sandboxed as a project: {why}", path.display())]
    Folder { path: PathBuf, why: String },
    /// There is no such program.
    #[error("`{program}` was not found in the sandbox")]
    Missing { program: String },
    /// Single hosts cannot be granted without namespaces.
    #[error("single hosts can be granted only where the sandbox is whole, and here it is not: {why}")]
    Hosts { why: String },
    /// The program cannot be run.
    #[error("`{program}` could not be run: {why}")]
    Program { program: String, why: String },
    /// The walls could not be put up.
    #[error("the sandbox could not be set up: {why}")]
    Setup { why: String },
}

impl SandboxError {
    pub(super) fn setup(why: impl std::fmt::Display) -> Self {
        Self::Setup { why: why.to_string() }
    }
}
