//! From a policy to a specification: what can be written, what cannot, what is blanked out.
//!
//! Every path is resolved here, before the command exists that could move anything.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::audit::Baseline;
use super::linux::mounts::PRIVATE;
use super::policy::{Command, HomeView, Network, Policy, SandboxError, Writable};
use super::stage::{Spec, StageLimits};
use super::tier::Tier;

/// Bytes of a file that names a folder.
const LONGEST_LINE: u64 = 8 * 1024;

/// Beneath the home folder: what holds secrets, or speaks in the person's name.
const SECRETS: &[&str] = &[
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".docker",
    ".netrc",
    ".authinfo",
    ".authinfo.gpg",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".vault-token",
    ".password-store",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".terraform.d",
    ".terraformrc",
    ".s3cfg",
    ".boto",
    ".rclone.conf",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/doctl",
    ".config/rclone",
    ".config/op",
    ".config/sops",
    ".config/age",
    ".config/pip",
    ".config/containers/auth.json",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
    ".config/vivaldi",
    ".config/Slack",
    ".config/discord",
    ".config/Signal",
    ".mozilla",
    ".thunderbird",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".local/share/TelegramDesktop",
    ".var/app",
    "snap",
    ".electrum",
    ".bitcoin",
    ".ethereum",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".config/kiln",
    ".local/share/kiln",
    ".cache/kiln",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".config/fish/fish_variables",
    ".local/share/fish/fish_history",
    "Library/Keychains",
];

/// Of the system: what only root could read anyway, for when Kiln is root.
const SYSTEM_SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/krb5.keytab",
    "/etc/machine-id",
    "/var/lib/sss",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/spool/cron",
    "/var/log/journal",
];

/// Beneath the home folder: toolchains, which stay visible when the rest is not.
const TOOLCHAINS: &[&str] = &[
    ".cargo",
    ".rustup",
    ".pyenv",
    ".nvm",
    ".volta",
    ".rbenv",
    ".asdf",
    ".sdkman",
    ".deno",
    ".bun",
    ".local/bin",
    ".local/lib",
    ".local/share/mise",
    ".local/share/pnpm",
    ".local/share/uv",
    "go",
    ".nix-profile",
    ".gitconfig",
    ".config/git/config",
    ".config/git/ignore",
];

/// Works out all of it, and what the control files are like before.
pub(super) fn plan(tier: Tier, policy: &Policy, command: &Command) -> Result<(Spec, Baseline), SandboxError> {
    let root = project(&policy.root)?;
    let mut writable = match policy.writable {
        Writable::Project => vec![root.clone()],
        Writable::Nothing => Vec::new(),
    };
    for more in &policy.extra_writable {
        writable.push(project(more)?);
    }
    let home =
        policy.home.as_deref().and_then(|home| fs::canonicalize(home).ok()).filter(|home| home != Path::new("/"));
    let baseline = Baseline::take(&writable);
    let mut protected: Vec<PathBuf> = baseline.repositories().map(Path::to_owned).collect();
    for folder in &writable {
        protected.extend(git_folders(folder));
        protected.push(folder.join(".kiln"));
    }
    protected.retain(|path| path.symlink_metadata().is_ok_and(|found| !found.is_symlink()));
    protected.retain(|path| writable.iter().any(|folder| path.starts_with(folder) && path != folder));
    protected.sort();
    protected.dedup();
    let ghosts: Vec<PathBuf> = writable
        .iter()
        .flat_map(|folder| [folder.join(".git"), folder.join(".kiln")])
        .filter(|path| tier == Tier::Strict && is_missing_or_empty(path))
        .collect();
    protected.retain(|path| !ghosts.contains(path));
    let mut visible = visible(policy, home.as_deref(), command);
    if policy.writable == Writable::Nothing {
        // It may lie in a folder that is private to the command, or blanked out.
        visible.push(root.clone());
    }
    let (masked, covered) = hidden(policy, home.as_deref(), &writable, &root, &visible);
    let private_home = match policy.home_view {
        HomeView::Private => home.filter(|home| *home != root),
        HomeView::Masked => None,
    };
    let directory = fs::canonicalize(&command.directory).unwrap_or_else(|_| command.directory.clone());
    let spec = Spec {
        tier,
        argv: command.argv.clone(),
        directory: directory.into(),
        environment: command.environment.clone(),
        limits: StageLimits {
            processes: command.limits.processes,
            memory: command.limits.memory,
            file_size: command.limits.file_size,
        },
        writable: texts(writable),
        protected: texts(protected),
        ghosts: texts(ghosts),
        masked: texts(masked),
        covered: texts(covered),
        visible: texts(visible),
        private_home: private_home.map(OsString::from),
        temporary: (tier < Tier::Strict).then(temporary_name).map(OsString::from),
        user: owner(&root),
        proxied: match &policy.network {
            Network::Off => None,
            Network::Hosts(hosts) => Some(own_loopback(hosts)),
        },
        kernel: kernel(),
    };
    Ok((spec, baseline))
}

/// The names of the loopback interface that mean the command's own: all that were not granted as the host's.
fn own_loopback(granted: &[String]) -> String {
    let names = ["localhost", "127.0.0.1", "::1"];
    let is_granted = |name: &str| {
        granted.iter().any(|host| {
            let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
            host.trim_matches(['[', ']']) == name
        })
    };
    names.into_iter().filter(|name| !is_granted(name)).collect::<Vec<_>>().join(",")
}

fn texts(paths: Vec<PathBuf>) -> Vec<OsString> {
    paths.into_iter().map(OsString::from).collect()
}

/// A folder that may be handed to a command, resolved.
fn project(folder: &Path) -> Result<PathBuf, SandboxError> {
    let refuse = |why: String| SandboxError::Folder { path: folder.to_owned(), why };
    let real = fs::canonicalize(folder).map_err(|error| refuse(error.to_string()))?;
    if !real.is_dir() {
        return Err(refuse("it is not a folder".to_owned()));
    }
    let system = ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/run", "/var"];
    if real == Path::new("/") || system.iter().any(|folder| real == Path::new(folder)) {
        return Err(refuse("it belongs to the system".to_owned()));
    }
    if ["/dev", "/proc", "/sys"].iter().any(|folder| real.starts_with(folder)) {
        return Err(refuse("it is no place for files".to_owned()));
    }
    Ok(real)
}

/// The repository of a folder: its `.git`, and where that leads.
fn git_folders(folder: &Path) -> Vec<PathBuf> {
    let git = folder.join(".git");
    let mut found = vec![git.clone()];
    let target = if git.is_dir() { fs::canonicalize(&git).ok() } else { pointed(&git, "gitdir: ") };
    if let Some(target) = target {
        found.extend(pointed(&target.join("commondir"), ""));
        found.push(target);
    }
    found
}

/// The beginning of a file, which may be anything that a project holds: pipes and devices are not read.
fn one_line(file: &Path) -> Option<String> {
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut options = fs::OpenOptions::new();
    options.read(true);
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let mut bytes = Vec::new();
    options.open(file).ok()?.take(LONGEST_LINE).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// The folder that a one-line file names, relative to its own.
fn pointed(file: &Path, prefix: &str) -> Option<PathBuf> {
    let text = one_line(file)?;
    let named = text.strip_prefix(prefix)?.trim();
    fs::canonicalize(file.parent()?.join(named)).ok()
}

fn is_missing_or_empty(path: &Path) -> bool {
    match path.symlink_metadata() {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(found) => found.is_dir() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
    }
}

/// What stays visible inside private and blanked-out folders.
fn visible(policy: &Policy, home: Option<&Path>, command: &Command) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let value = |name: &str| command.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let named = ["CARGO_HOME", "RUSTUP_HOME", "GOROOT", "JAVA_HOME", "VIRTUAL_ENV", "NVM_DIR", "PYENV_ROOT"];
    let in_private =
        |path: &Path| PRIVATE.iter().any(|private| path.starts_with(private) && path != Path::new(private));
    let mut candidates: Vec<PathBuf> = named.iter().filter_map(|name| value(name)).map(PathBuf::from).collect();
    candidates.push("/run/current-system".into());
    found.extend(candidates.iter().filter_map(|path| fs::canonicalize(path).ok()).filter(|path| in_private(path)));
    if let (HomeView::Private, Some(home)) = (policy.home_view, home) {
        let toolchains = TOOLCHAINS.iter().map(|name| home.join(name));
        found.extend(toolchains.chain(candidates).filter(|path| path.starts_with(home) && path.exists()));
    }
    found.sort();
    found.dedup();
    found
}

/// What is blanked out: plainly, or with something visible inside.
fn hidden(
    policy: &Policy,
    home: Option<&Path>,
    writable: &[PathBuf],
    root: &Path,
    visible: &[PathBuf],
) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut all: Vec<PathBuf> = policy.hidden.clone();
    all.extend(home.iter().flat_map(|home| SECRETS.iter().map(|name| home.join(name))));
    all.extend(SYSTEM_SECRETS.iter().map(PathBuf::from));
    all.extend(listening_sockets());
    let mut all: Vec<PathBuf> = all.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    all.sort();
    all.dedup();
    // The person opened this very folder as a project; blanking it out would help nobody.
    all.retain(|path| path != root && !writable.contains(path));
    let shown = |path: &PathBuf| {
        let inside = |other: &Path| other.starts_with(path);
        inside(root) || writable.iter().chain(visible).any(|other| inside(other))
    };
    let (covered, masked) = all.into_iter().partition(shown);
    (masked, covered)
}

/// Unix sockets of other programs that have a name in the file system now. A read-only mount does not
/// keep anybody from connecting; one that is made later can be reached until Landlock can say no.
fn listening_sockets() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut found: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.find(" /").and_then(|at| line.get(at + 1..)))
        .map(PathBuf::from)
        .filter(|path| !PRIVATE.iter().any(|private| path.starts_with(private)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Root working in somebody else's folder becomes that somebody for the command.
fn owner(root: &Path) -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let found = fs::metadata(root).ok()?;
    (found.uid() != 0).then(|| (found.uid(), found.gid()))
}

fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn temporary_name() -> PathBuf {
    std::env::temp_dir().join(format!("kiln-{}", uuid::Uuid::now_v7().simple()))
}
