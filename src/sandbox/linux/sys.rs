//! The system calls that no safe wrapper among our crates offers, each with the least surface.
//!
//! Only called in the hidden stage, which has one thread; nothing here decides anything.

#![expect(unsafe_code, reason = "raw system calls; every block tells why it is sound")]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

/// `struct mount_attr` of the kernel.
#[repr(C)]
#[derive(Default)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

pub(in crate::sandbox) const READ_ONLY: u64 = 1;
pub(in crate::sandbox) const NO_SETUID: u64 = 2;
pub(in crate::sandbox) const NO_DEVICES: u64 = 4;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const MOVE_MOUNT_FROM_EMPTY: libc::c_uint = 4;

/// A name for the kernel; a NUL byte inside is an error.
pub(in crate::sandbox) fn name(text: impl AsRef<OsStr>) -> io::Result<CString> {
    CString::new(text.as_ref().as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Which process of the two after a fork this is.
pub(in crate::sandbox) enum Forked {
    Child,
    Parent(i32),
}

/// Forks, the child in new namespaces (`CLONE_NEW…` flags, 0 for a plain fork).
pub(in crate::sandbox) fn fork_into(namespaces: libc::c_int) -> io::Result<Forked> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is a fork. The stage has one thread, so the
    // child finds no lock held by a thread that does not exist there.
    let id = check(unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) })?;
    if id == 0 { Ok(Forked::Child) } else { i32::try_from(id).map(Forked::Parent).map_err(io::Error::other) }
}

/// A detached copy of the mounts at a path.
pub(in crate::sandbox) fn copy_mounts(path: &Path) -> io::Result<OwnedFd> {
    let path = name(path)?;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC.cast_unsigned() | libc::AT_RECURSIVE.cast_unsigned();
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    let fd = check(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel just handed out this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets mount flags on a copied tree, on all mounts beneath too.
pub(in crate::sandbox) fn set_mount_flags(tree: BorrowedFd<'_>, set: u64) -> io::Result<()> {
    let attributes = MountAttributes { set, ..MountAttributes::default() };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the structure is the kernel's first version of it and its size is passed along.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    })
    .map(drop)
}

/// Puts a copied tree at a path.
pub(in crate::sandbox) fn attach(tree: BorrowedFd<'_>, at: &Path) -> io::Result<()> {
    let at = name(at)?;
    // SAFETY: both paths are NUL-terminated strings that outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            at.as_ptr(),
            MOVE_MOUNT_FROM_EMPTY,
        )
    })
    .map(drop)
}

/// Mounts a new file system of a kind, with the kind's own options.
pub(in crate::sandbox) fn mount_new(kind: &CStr, at: &Path, flags: libc::c_ulong, options: &str) -> io::Result<()> {
    let (at, options) = (name(at)?, name(options)?);
    // SAFETY: all strings are NUL-terminated and outlive the call.
    check(unsafe { libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) }.into())
        .map(drop)
}

/// Cuts the mounts of this namespace off from those of every other.
pub(in crate::sandbox) fn make_mounts_private() -> io::Result<()> {
    let none = std::ptr::null();
    // SAFETY: a change of propagation takes no source, kind or data; null stands for each.
    check(unsafe { libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()) }.into())
        .map(drop)
}

/// Makes the current folder the root and lets the old root go.
pub(in crate::sandbox) fn pivot_to_current() -> io::Result<()> {
    // SAFETY: both arguments are static strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) })?;
    // SAFETY: the argument is a static string; the old root lies over `.` now.
    check(unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) }.into())?;
    std::env::set_current_dir("/")
}

/// Closes every descriptor from `first` on, apart from those named (which must be sorted).
pub(in crate::sandbox) fn close_all_from(first: RawFd, but: &[RawFd]) -> io::Result<()> {
    let mut from = first.cast_unsigned();
    for keep in but.iter().map(|fd| fd.cast_unsigned()).filter(|fd| *fd >= first.cast_unsigned()) {
        if keep > from {
            close_between(from, keep - 1)?;
        }
        from = keep + 1;
    }
    close_between(from, u32::MAX)
}

fn close_between(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: only descriptors that no value of this process owns any more are closed: the caller
    // names all those in use.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Takes over a descriptor that was inherited under this number.
pub(in crate::sandbox) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: asks for the flags only; an unknown number is answered with an error.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: the descriptor exists, and by the stage's contract with its starter belongs to it alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Lets a descriptor pass to the program that a child executes. Called between fork and exec.
pub(in crate::sandbox) fn keep_at_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: fcntl is async-signal-safe and changes a flag of one descriptor.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }.into()).map(drop)
}

/// Points standard input, output or error of this process at a file.
pub(in crate::sandbox) fn redirect(fd: impl AsFd, standard: RawFd) -> io::Result<()> {
    // SAFETY: dup2 onto one of the three standard descriptors, which nobody owns as a value.
    check(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), standard) }.into()).map(drop)
}

/// `prctl` with one number.
pub(in crate::sandbox) fn process_control(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the options used here take plain numbers.
    check(unsafe { libc::prctl(option, value, 0_usize, 0_usize, 0_usize) }.into()).map(drop)
}

/// Gives up every capability, for this process and whatever it starts.
pub(in crate::sandbox) fn drop_capabilities() -> io::Result<()> {
    // Without the right to shrink the set (not root, no namespace) there is nothing to shrink.
    for capability in 0..64 {
        if process_control(libc::PR_CAPBSET_DROP, capability).is_err() {
            break;
        }
    }
    process_control(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)?;
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: version 3 of the interface: a header of two words, data of two times three.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// How this C library numbers limits.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Sets a limit, hard and soft; a lower hard limit that is there stays.
pub(in crate::sandbox) fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives until the call returns.
    check(unsafe { libc::getrlimit(resource, &raw mut now) }.into())?;
    let value = value.min(now.rlim_max);
    let new = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: as above.
    check(unsafe { libc::setrlimit(resource, &raw const new) }.into()).map(drop)
}

/// Brings the loopback interface of this network namespace up.
pub(in crate::sandbox) fn loopback_up() -> io::Result<()> {
    // SAFETY: plain numbers; the result is checked.
    let socket = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) }.into())?;
    let socket = RawFd::try_from(socket).map_err(io::Error::other)?;
    // SAFETY: the kernel just handed out this descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).map_err(io::Error::other)?;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which lives until the call returns.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) }.into()).map(drop)
}

/// Becomes another user for good, with that user's first group only.
pub(in crate::sandbox) fn become_user(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: an empty list of groups, then plain numbers; each result is checked.
    unsafe {
        check(libc::setgroups(0, std::ptr::null()).into())?;
        check(libc::setresgid(group, group, group).into())?;
        check(libc::setresuid(user, user, user).into())?;
    }
    // The change made this process's own `/proc` files root's; the maps are written there.
    process_control(libc::PR_SET_DUMPABLE, 1)
}

/// Replaces this process by a program; returns only what went wrong.
pub(in crate::sandbox) fn execute(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Gives every signal its default meaning again, and blocks none, as a fresh program expects.
pub(in crate::sandbox) fn default_signals() {
    for signal in 1..=64 {
        // SAFETY: sets the default disposition; the signals that refuse that answer with an error.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zeroes is a valid set, made empty by the next call; then it replaces the mask.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

extern "C" fn pass_term_on(_signal: libc::c_int) {
    // SAFETY: kill is async-signal-safe; -1 means every process this one may signal, which in a
    // process namespace of its own are its inhabitants.
    unsafe { libc::kill(-1, libc::SIGTERM) };
}

/// For the first process of a namespace: a SIGTERM goes to all others.
pub(in crate::sandbox) fn pass_term_to_all() {
    let handler = pass_term_on as extern "C" fn(libc::c_int);
    // SAFETY: the handler only calls an async-signal-safe function.
    unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) };
}

/// Waits for any child: its id and wait status; `None` when there is none left.
pub(in crate::sandbox) fn wait_any() -> io::Result<Option<(i32, i32)>> {
    loop {
        let mut status = 0;
        // SAFETY: the status lives until the call returns.
        let id = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if id > 0 {
            return Ok(Some((id, status)));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return Ok(None),
            _ => return Err(error),
        }
    }
}

/// As [`wait_any`], without waiting: `None` too when no child has ended.
pub(in crate::sandbox) fn reap_any() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: the status lives until the call returns.
    let id = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    (id > 0).then_some((id, status))
}

/// Sends a signal to a process, or with a negative id to a group. Being gone already is fine.
pub(in crate::sandbox) fn signal(id: i32, signal: libc::c_int) {
    // SAFETY: plain numbers.
    unsafe { libc::kill(id, signal) };
}

/// Which of two descriptors has something to read, or was closed at its other end.
pub(in crate::sandbox) struct ReadyToRead {
    pub(in crate::sandbox) first: bool,
    pub(in crate::sandbox) second: bool,
}

/// Waits until one of two descriptors is ready, or the time is over.
pub(in crate::sandbox) fn poll(first: RawFd, second: Option<RawFd>, left: Option<Duration>) -> io::Result<ReadyToRead> {
    // A negative descriptor is passed over.
    let entry = |fd: RawFd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut entries = [entry(first), entry(second.unwrap_or(-1))];
    let left = left.map_or(-1, |left| i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX));
    // SAFETY: the array of two lives until the call returns.
    let result = check(unsafe { libc::poll(entries.as_mut_ptr(), 2, left) }.into());
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(ReadyToRead { first: false, second: false }),
        Err(error) => Err(error),
        Ok(_) => {
            let [first, second] = entries.map(|entry| entry.revents != 0);
            Ok(ReadyToRead { first, second })
        }
    }
}

/// Lets the kernel kill a child when the thread that starts it has gone, however it went.
pub(in crate::sandbox) fn die_with_starter(command: &mut tokio::process::Command) {
    let starter = libc::pid_t::try_from(std::process::id()).unwrap_or_default();
    // SAFETY: between fork and exec only prctl and getppid are called, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            process_control(libc::PR_SET_PDEATHSIG, libc::SIGKILL.unsigned_abs().into())?;
            // It may have gone before it could be said.
            if libc::getppid() == starter { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

/// Lets a program that is about to be started inherit these descriptors.
pub(in crate::sandbox) fn pass_on(command: &mut tokio::process::Command, descriptors: [RawFd; 3]) {
    // SAFETY: between fork and exec only fcntl is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || descriptors.iter().try_for_each(|fd| keep_at_exec(*fd)));
    }
}
