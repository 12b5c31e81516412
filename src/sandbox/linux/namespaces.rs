//! The first process of a strictly confined command's namespaces.
//!
//! It builds the view of files, starts the command, takes in orphans, and ends with the command; the
//! kernel then ends whatever else is left in the namespace.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use super::{command, handover, mounts, sys};
use crate::sandbox::stage::{Report, Spec, Told};

/// Everything there is a namespace for, but time.
pub(in crate::sandbox) const ALL: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Lives as process 1. What goes wrong before the command runs is told in the report.
pub(in crate::sandbox) fn live(spec: &Spec, control: &File, report: &Report, ids: (u32, u32)) -> ExitCode {
    let lived = prepare(spec, ids).and_then(|()| with_proxy(spec.clone(), control)).and_then(|spec| run(&spec, report));
    match lived {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            report.tell(&told);
            ExitCode::FAILURE
        }
    }
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> Told {
    move |error| Told::Walls { why: format!("{what}: {error}") }
}

fn prepare(spec: &Spec, ids: (u32, u32)) -> Result<(), Told> {
    map_ids(ids).map_err(failed("could not map the user"))?;
    mounts::enter(spec).map_err(|why| Told::Walls { why })?;
    sys::loopback_up().map_err(failed("could not bring up the loopback interface"))?;
    sys::drop_capabilities().map_err(failed("could not give up capabilities"))?;
    sys::process_control(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(failed("could not forbid new privileges"))?;
    // Kiln's stage ends by a signal if it is killed; so does this process, and with it all others.
    sys::process_control(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong).map_err(failed("no death signal"))?;
    sys::process_control(libc::PR_SET_DUMPABLE, 0).map_err(failed("could not hide memory"))
}

/// Opens a listener on this namespace's loopback, hands it over to Kiln and tells the command of it.
///
/// A socket belongs to the network that it was made in, so that Kiln, outside of it, serves connections that are
/// made in here. This process keeps no copy.
fn with_proxy(mut spec: Spec, control: &File) -> Result<Spec, Told> {
    let Some(own) = spec.proxied.take() else { return Ok(spec) };
    let open = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        handover::send(control.as_fd(), listener.as_fd())?;
        listener.local_addr()
    };
    let address = open().map_err(failed("could not open the way to the granted hosts"))?;
    let proxy = format!("http://{address}");
    let ours = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
    // Set by Kiln for commands without a network.
    spec.environment.retain(|(name, _)| name != "CARGO_NET_OFFLINE" && !ours.contains(&name.to_uppercase().as_str()));
    for name in ours {
        let value = if name == "NO_PROXY" { &own } else { &proxy };
        spec.environment.extend([name.to_owned(), name.to_lowercase()].map(|name| (name, value.clone())));
    }
    // Node's own `fetch` looks at the variables only when told to.
    spec.environment.push(("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned()));
    Ok(spec)
}

/// The same user and group inside as outside, and nobody else.
fn map_ids((user, group): (u32, u32)) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn run(spec: &Spec, report: &Report) -> Result<(), Told> {
    let (mut outcome, teller) = io::pipe().map_err(failed("no pipe"))?;
    let child = match sys::fork_into(0).map_err(failed("could not fork"))? {
        sys::Forked::Child => return Err(command::become_it(spec, teller)),
        sys::Forked::Parent(child) => child,
    };
    drop(teller);
    sys::pass_term_to_all();
    // The command alone holds its input and output.
    if let Ok(null) = fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        for standard in 0..3 {
            sys::redirect(&null, standard).map_err(failed("could not let go of the output"))?;
        }
    }
    let mut trouble = Vec::new();
    outcome.read_to_end(&mut trouble).map_err(failed("could not hear from the command"))?;
    if trouble.is_empty() {
        report.tell(&Told::Ready);
    } else {
        return Err(Told::read(&trouble));
    }
    while let Some((id, status)) = sys::wait_any().map_err(failed("could not wait"))? {
        if id == child {
            report.tell(&Told::of_status(status));
            break;
        }
    }
    Ok(())
}
