//! The last steps before a command: limits, Landlock, the filter, and then it is the command.

use std::ffi::{CString, OsStr};
use std::io::{self, PipeWriter, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use landlock::RulesetStatus;

use super::filter::{self, Sockets};
use super::{landlock as rules, mounts, sys};
use crate::sandbox::stage::{Spec, Told, path_of};
use crate::sandbox::tier::Tier;

/// Turns this process into the command. Returns only when that failed, after telling why.
pub(in crate::sandbox) fn become_it(spec: &Spec, mut teller: PipeWriter) -> Told {
    let told = match attempt(spec, &teller) {
        Ok(never) => match never {},
        Err(told) => told,
    };
    // If even this fails, the starter sees an end without a word and says so.
    teller.write_all(&told.line()).ok();
    Told::Silent
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> Told {
    move |error| Told::Walls { why: format!("{what}: {error}") }
}

fn attempt(spec: &Spec, teller: &PipeWriter) -> Result<std::convert::Infallible, Told> {
    rustix::process::setsid().map_err(io::Error::from).map_err(failed("could not start a session"))?;
    sys::default_signals();
    let directory = path_of(&spec.directory);
    std::env::set_current_dir(&directory).map_err(|error| Told::Program {
        program: directory.display().to_string(),
        missing: false,
        why: format!("the folder cannot be entered: {error}"),
    })?;
    limits(spec).map_err(failed("could not set limits"))?;
    if spec.tier < Tier::Strict {
        sys::drop_capabilities().map_err(failed("could not give up capabilities"))?;
        sys::process_control(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(failed("could not forbid new privileges"))?;
    }
    confine_files(spec)?;
    // What Kiln or its starter left open is no business of the command.
    sys::close_all_from(3, &[teller.as_raw_fd()]).map_err(failed("could not close descriptors"))?;
    let arguments: Vec<CString> = texts(spec.argv.iter().map(|text| text.as_os_str()))?;
    let environment: Vec<CString> =
        spec.environment.iter().filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect();
    let program = find(spec)?;
    if spec.tier > Tier::None {
        let sockets = if spec.tier == Tier::Strict { Sockets::Namespaced } else { Sockets::None };
        let programs = filter::programs(sockets).map_err(|why| Told::Walls { why })?;
        for program in &programs {
            seccompiler::apply_filter(program).map_err(|error| Told::Walls { why: error.to_string() })?;
        }
    }
    let error = sys::execute(&program, &arguments, &environment);
    Err(Told::Program {
        program: program.to_string_lossy().into_owned(),
        missing: error.kind() == io::ErrorKind::NotFound,
        why: error.to_string(),
    })
}

fn limits(spec: &Spec) -> io::Result<()> {
    let limits = &spec.limits;
    sys::limit(libc::RLIMIT_CORE, 0)?;
    sys::limit(libc::RLIMIT_FSIZE, limits.file_size)?;
    // Not the address space: runtimes reserve far more of it than they ever use.
    sys::limit(libc::RLIMIT_DATA, limits.memory)?;
    sys::limit(libc::RLIMIT_MEMLOCK, 64 << 10)?;
    sys::limit(libc::RLIMIT_MSGQUEUE, 0)?;
    // Without a namespace of users all the person's processes count together.
    let others = if spec.tier == Tier::Strict { 0 } else { crate::sandbox::stage::processes_of_user() };
    sys::limit(libc::RLIMIT_NPROC, u64::from(limits.processes) + others)
}

fn confine_files(spec: &Spec) -> Result<(), Told> {
    if spec.tier < Tier::Partial {
        return Ok(());
    }
    let mut writable: Vec<PathBuf> = spec.writable.iter().chain(&spec.covered).map(path_of).collect();
    let (listable, readable) = if spec.tier == Tier::Strict {
        writable.extend(mounts::PRIVATE.iter().map(PathBuf::from));
        writable.extend(spec.private_home.as_ref().map(path_of));
        writable.push("/dev".into());
        (Vec::new(), rules::everything())
    } else {
        writable.extend(spec.temporary.as_ref().map(path_of));
        writable.extend(["null", "zero", "full", "random", "urandom"].map(|name| Path::new("/dev").join(name)));
        let masked: Vec<PathBuf> = spec.masked.iter().chain(&spec.covered).map(path_of).collect();
        writable.retain(|path| !masked.contains(path));
        rules::all_but(&masked)
    };
    let status = rules::confine(&listable, &readable, &writable).map_err(|why| Told::Walls { why })?;
    if status == RulesetStatus::NotEnforced && spec.tier == Tier::Partial {
        return Err(Told::Walls { why: "the kernel has no Landlock".to_owned() });
    }
    Ok(())
}

fn texts<'a>(texts: impl Iterator<Item = &'a OsStr>) -> Result<Vec<CString>, Told> {
    texts
        .map(|text| {
            sys::name(text).map_err(|_| Told::Program {
                program: text.to_string_lossy().into_owned(),
                missing: false,
                why: "an argument holds a zero byte".to_owned(),
            })
        })
        .collect()
}

/// The program's path: as named when it has a slash, else the first on the search path.
fn find(spec: &Spec) -> Result<CString, Told> {
    let named = spec.argv.first().map(|text| text.as_os_str()).unwrap_or_default();
    let missing = || Told::Program {
        program: named.to_string_lossy().into_owned(),
        missing: true,
        why: "it is not on the search path".to_owned(),
    };
    if named.is_empty() {
        return Err(missing());
    }
    if named.as_bytes().contains(&b'/') {
        return sys::name(named).map_err(|_| missing());
    }
    let path = spec.environment.iter().find(|(name, _)| name == "PATH").map_or("/usr/bin:/bin", |(_, path)| path);
    path.split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(|folder| Path::new(folder).join(named))
        .find(|candidate| candidate.is_file() && rustix::fs::access(candidate, rustix::fs::Access::EXEC_OK).is_ok())
        .and_then(|found| sys::name(found).ok())
        .ok_or_else(missing)
}
