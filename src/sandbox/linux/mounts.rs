//! What a strictly confined command sees of the file system.
//!
//! All of it read-only, the project writable, `.git` and its like read-only inside of that, secrets
//! blanked out, and fresh `/dev`, `/proc`, `/tmp`, `/run`, `/var/tmp`. Runs as the first process of the
//! new namespaces; nothing of it is seen outside of them.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::sys;
use crate::sandbox::stage::{Spec, path_of};

/// Folders that are private and empty.
pub(in crate::sandbox) const PRIVATE: &[&str] = &["/tmp", "/run", "/var/tmp"];

/// Devices that every program may use.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// A step that failed, in words.
fn told(what: &str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{what} `{}`: {error}", path.display())
}

/// A copy of mounts that waits for its place.
struct Waiting {
    tree: OwnedFd,
    at: PathBuf,
}

impl Waiting {
    fn copy(at: &Path, flags: u64) -> Result<Self, String> {
        let tree = sys::copy_mounts(at).map_err(told("could not copy", at))?;
        sys::set_mount_flags(tree.as_fd(), flags).map_err(told("could not protect", at))?;
        Ok(Self { tree, at: at.to_owned() })
    }

    /// Puts it in its place; what lies in a private folder gets its parents made first.
    fn attach(&self, kind: Kind) -> Result<(), String> {
        if self.at.symlink_metadata().is_err() {
            match kind {
                Kind::Folder => fs::create_dir_all(&self.at),
                Kind::File => self.at.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
                    fs::File::create(&self.at)?;
                    Ok(())
                }),
            }
            .map_err(told("could not make", &self.at))?;
        }
        sys::attach(self.tree.as_fd(), &self.at).map_err(told("could not mount", &self.at))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Folder,
}

fn kind_of(path: &Path) -> Kind {
    if path.is_dir() { Kind::Folder } else { Kind::File }
}

/// Builds the view and enters it.
pub(in crate::sandbox) fn enter(spec: &Spec) -> Result<(), String> {
    sys::make_mounts_private().map_err(|error| format!("could not make mounts private: {error}"))?;
    const READ: u64 = sys::READ_ONLY | sys::NO_SETUID | sys::NO_DEVICES;
    const WRITE: u64 = sys::NO_SETUID | sys::NO_DEVICES;
    let root = Waiting::copy(Path::new("/"), READ)?;
    let copies = |paths: &[std::ffi::OsString], flags: u64| -> Result<Vec<(Waiting, Kind)>, String> {
        let mut found: Vec<PathBuf> = paths.iter().map(path_of).filter(|path| path.exists()).collect();
        found.sort();
        found.iter().map(|path| Ok((Waiting::copy(path, flags)?, kind_of(path)))).collect()
    };
    let writable = copies(&spec.writable, WRITE)?;
    let protected = copies(&spec.protected, READ)?;
    let visible = copies(&spec.visible, READ)?;
    let devices: Vec<Waiting> = DEVICES
        .iter()
        .map(|device| Path::new("/dev").join(device))
        .filter(|path| path.exists())
        .map(|path| Waiting::copy(&path, sys::NO_SETUID))
        .collect::<Result<_, _>>()?;
    let nothing = Waiting::copy(Path::new("/dev/null"), sys::NO_SETUID)?;

    // Any folder serves as the place to stand on; this one exists wherever there is `/proc/self`.
    let stand = Path::new("/proc");
    sys::attach(root.tree.as_fd(), stand).map_err(told("could not mount over", stand))?;
    // The path still leads beneath the new mount; its descriptor leads to it.
    rustix::process::fchdir(&root.tree).map_err(|error| format!("could not enter the new root: {error}"))?;
    sys::pivot_to_current().map_err(|error| format!("could not change the root: {error}"))?;

    proc(spec)?;
    dev(&devices)?;
    private(spec)?;
    for (waiting, kind) in visible.iter().chain(&writable).chain(&protected) {
        waiting.attach(*kind)?;
    }
    let ghosts = spec.ghosts.iter().map(path_of);
    for path in ghosts.chain(spec.masked.iter().map(path_of)) {
        mask(&path, &nothing)?;
    }
    Ok(())
}

/// A fresh `/proc`: of this namespace's processes, read-only, since an unmapped root could write the
/// kernel's settings through it.
fn proc(spec: &Spec) -> Result<(), String> {
    let at = Path::new("/proc");
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    sys::mount_new(c"proc", at, flags, "").map_err(told("could not mount", at))?;
    // No further namespaces of users; the filter refuses them as well.
    fs::write("/proc/sys/user/max_user_namespaces", "0").ok();
    // Since Linux 6.14 this counts for the namespace alone. It holds for root too, whom the limit on
    // processes does not bind; the kernel takes no number below 301.
    if spec.kernel_at_least(6, 14) {
        fs::write("/proc/sys/kernel/pid_max", spec.limits.processes.saturating_add(3).max(301).to_string()).ok();
    }
    sys::mount_new(c"proc", at, flags | libc::MS_REMOUNT | libc::MS_RDONLY | libc::MS_BIND, "")
        .map_err(told("could not protect", at))
}

fn tmpfs(at: &Path, flags: libc::c_ulong, options: &str) -> Result<(), String> {
    sys::mount_new(c"tmpfs", at, flags | libc::MS_NOSUID | libc::MS_NODEV, options).map_err(told("could not mount", at))
}

fn folder(path: &Path, mode: u32) -> Result<(), String> {
    fs::DirBuilder::new()
        .mode(mode)
        .create(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(told("could not make", path))
}

fn dev(devices: &[Waiting]) -> Result<(), String> {
    let at = Path::new("/dev");
    tmpfs(at, libc::MS_NOEXEC, "mode=755,size=64m")?;
    for device in devices {
        fs::File::create(&device.at).map_err(told("could not make", &device.at))?;
        sys::attach(device.tree.as_fd(), &device.at).map_err(told("could not mount", &device.at))?;
    }
    folder(&at.join("shm"), 0o1777)?;
    tmpfs(&at.join("shm"), 0, "mode=1777")?;
    folder(&at.join("pts"), 0o755)?;
    sys::mount_new(c"devpts", &at.join("pts"), libc::MS_NOSUID | libc::MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
        .map_err(told("could not mount", &at.join("pts")))?;
    for (link, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, at.join(link)).map_err(told("could not make", &at.join(link)))?;
    }
    Ok(())
}

fn private(spec: &Spec) -> Result<(), String> {
    let size = spec.limits.memory / 4;
    for at in PRIVATE.iter().map(Path::new) {
        // `/var/tmp` may lead somewhere else; what is no folder of its own is read-only already.
        if at.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            let mode = if at == Path::new("/run") { "755" } else { "1777" };
            tmpfs(at, 0, &format!("mode={mode},size={size}"))?;
        }
    }
    for at in spec.covered.iter().map(path_of).filter(|at| at.is_dir()) {
        tmpfs(&at, 0, &format!("mode=700,size={size}"))?;
    }
    if let Some(home) = spec.private_home.as_ref().map(path_of)
        && home.is_dir()
    {
        tmpfs(&home, 0, &format!("mode=700,size={size}"))?;
    }
    Ok(())
}

/// Blanks a path out: an empty read-only folder, or a file that reads as empty.
fn mask(path: &Path, nothing: &Waiting) -> Result<(), String> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if found.is_dir() {
        tmpfs(path, libc::MS_RDONLY | libc::MS_NOEXEC, "mode=555,nr_inodes=4,size=4k")
    } else if found.is_symlink() {
        // What it leads to is masked by its own name.
        Ok(())
    } else {
        // A copy of mounts can be put in one place only.
        let copy = sys::copy_mounts(Path::new("/dev/null")).map_err(told("could not copy", &nothing.at))?;
        sys::attach(copy.as_fd(), path).map_err(told("could not blank out", path))
    }
}
