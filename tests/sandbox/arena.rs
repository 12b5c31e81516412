//! A place to break out of: a project, a home with secrets, a canary outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const SECRET: &str = "SECRET-3f9a";

/// A folder for arenas that is neither in a private folder of the sandbox nor closed to other users.
pub fn base(name: &str) -> tempfile::TempDir {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let open = target.ancestors().all(|at| at.metadata().is_ok_and(|found| found.mode() & 0o001 != 0));
    let writable = tempfile::tempdir_in(&target).is_ok();
    let at = match std::env::var_os("KILN_PROBE_BASE") {
        Some(at) => PathBuf::from(at),
        None if (open || !is_root()) && writable => target,
        None => PathBuf::from("/srv"),
    };
    let folder = tempfile::Builder::new().prefix(name).tempdir_in(at).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The system's own Python, which every user can run.
pub fn python() -> Option<PathBuf> {
    ["/usr/bin/python3", "/usr/local/bin/python3"].iter().map(PathBuf::from).find(|path| path.is_file())
}

pub struct Arena {
    pub project: PathBuf,
    pub outside: PathBuf,
    pub home: PathBuf,
    pub kiln_home: PathBuf,
}

impl Arena {
    pub fn new(at: &Path) -> Self {
        let arena = Self {
            project: at.join("project"),
            outside: at.join("outside"),
            home: at.join("home"),
            kiln_home: at.join("kiln"),
        };
        for folder in [&arena.project.join(".kiln"), &arena.outside.join("mnt"), &arena.home, &arena.kiln_home] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(arena.outside.join("canary"), "canary").unwrap();
        for name in [
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".netrc",
            ".config/gh/hosts.yml",
            ".git-credentials",
            ".mozilla/firefox/cookies.sqlite",
            ".bash_history",
        ] {
            write(&arena.home.join(name));
        }
        write(&arena.kiln_home.join("data/keys.sealed"));
        write(&arena.kiln_home.join("config/config.toml"));
        arena.repository(".");
        arena.repository("vendored");
        arena
    }

    /// A repository as `git init` makes it, without needing git.
    pub fn repository(&self, below: &str) {
        let git = self.project.join(below).join(".git");
        for folder in ["objects", "refs/heads", "hooks"] {
            fs::create_dir_all(git.join(folder)).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = false\n").unwrap();
    }

    /// Everything outside that a probe could have changed.
    pub fn traces(&self) -> BTreeMap<PathBuf, String> {
        let mut traces = BTreeMap::new();
        collect(&self.outside, &mut traces);
        traces
    }

    /// The variables of somebody who has keys.
    pub fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("KILN_HOME", &self.kiln_home)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("OPENAI_API_KEY", SECRET)
            .env("SSH_AUTH_SOCK", "/nonexistent/agent");
    }

    pub fn kiln(&self, arguments: &[&str], command: &[&str]) -> Command {
        let mut kiln = Command::new(KILN);
        self.dress(&mut kiln);
        kiln.current_dir(&self.project)
            .args(["sandbox", "--require", "strict"])
            .args(arguments)
            .arg("--")
            .args(command);
        kiln
    }
}

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, SECRET).unwrap();
}

fn collect(at: &Path, traces: &mut BTreeMap<PathBuf, String>) {
    let Ok(found) = at.symlink_metadata() else { return };
    let text = if found.is_file() { fs::read_to_string(at).unwrap_or_default() } else { String::new() };
    let times = if found.is_file() { found.mtime() } else { 0 };
    traces.insert(at.to_owned(), format!("{:o} {times} {text}", found.mode()));
    if found.is_dir() {
        for entry in fs::read_dir(at).unwrap() {
            collect(&entry.unwrap().path(), traces);
        }
    }
}
