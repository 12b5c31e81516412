//! `kiln sandbox`: runs a command exactly as the agent would, so that anyone can try to get out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::args::{Required, SandboxVerb};
use super::assemble::{self, Inputs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::flags::Common;
use crate::config::{Environment, Paths};
use crate::domain::{Fault, FaultClass};
use crate::net::tunnel::Barred;
use crate::net::{Client, Destination, Refusal, Tunnel};
use crate::sandbox::{
    self, Command, Finish, HomeView, Network, Policy, Requirement, Running, SandboxError, Standing, Tier, Writable,
};

/// Runs the command; the exit code is the command's, 128 and the signal, 124 when its time was over,
/// 125 when it could not be confined, 127 when there is no such program.
pub(super) fn run(verb: SandboxVerb, common: &Common, console: &mut Console) -> ExitCode {
    match prepared(verb, common, console) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let exit = console.failure(&failure);
            if exit == Exit::Failed { ExitCode::from(125) } else { exit.into() }
        }
    }
}

fn prepared(verb: SandboxVerb, common: &Common, console: &mut Console) -> Result<u8, Failure> {
    let environment = Environment::capture();
    // Where there is no folder to prepare there is none to hide either.
    let paths = Paths::find(&environment).unwrap_or_else(|| Paths::below(&PathBuf::from("/nonexistent")));
    let root = match &common.cd {
        Some(folder) => folder.clone(),
        None => std::env::current_dir().map_err(|error| {
            Failure::not_found(format!("the current folder is gone: {error}"), "name another with `--cd`")
        })?,
    };
    let mut policy = Policy::new(&root, &environment, &paths);
    policy.extra_writable = verb.write;
    policy.ceiling = verb.tier.as_deref().and_then(Tier::parse).unwrap_or(Tier::Strict);
    if verb.require == Some(Required::Strict) {
        policy.required = Requirement::Strict;
    }
    if verb.private_home {
        policy.home_view = HomeView::Private;
    }
    if verb.read_only {
        policy.writable = Writable::Nothing;
    }
    let granted = granted(&verb.allow_host)?;
    let net = if granted.is_empty() { None } else { Some(network(common, console)?) };
    if net.is_some() {
        policy.network = Network::Hosts(granted.iter().map(Destination::to_string).collect());
    }
    let mut command = Command::new(verb.command, &root, sandbox::environment(&environment, &root));
    command.limits.time = verb.time.map(Duration::from_secs);
    if let Some(processes) = verb.processes {
        command.limits.processes = processes;
    }
    if let Some(mebibytes) = verb.memory {
        command.limits.memory = mebibytes << 20;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::from(Fault::new(FaultClass::Internal, "the sandbox could not be watched").detail(error.to_string()))
    })?;
    runtime.block_on(async {
        if let Some(net) = &net {
            within_reach(net, &granted).await?;
        }
        match sandbox::start(&policy, &command).await {
            Ok(mut running) => {
                let tunnel = tunnel(net.as_ref(), granted, &mut running)?;
                let ended = attend(running, console).await;
                if let (Some(tunnel), Some(net)) = (tunnel, &net) {
                    for refusal in tunnel.refusals() {
                        console.note(&format!("note: {refusal}{}", hint(&refusal)));
                    }
                    drop(tunnel);
                    net.flush().await;
                }
                ended
            }
            Err(SandboxError::Missing { program }) => {
                console.note(&format!("error: there is no program `{program}` in the sandbox"));
                Ok(127)
            }
            Err(error) => Err(Failure::from(refused(&error))),
        }
    })
}

/// The hosts that the person names, who answers for where they lead.
fn granted(hosts: &[String]) -> Result<Vec<Destination>, Failure> {
    let parse = |host: &String| {
        Destination::parse(host)
            .map(Destination::into_private_networks)
            .map_err(|error| Failure::usage(error.to_string(), "give `--allow-host` once for each host"))
    };
    hosts.iter().map(parse).collect()
}

/// The network by the person's settings.
fn network(common: &Common, console: &mut Console) -> Result<Client, Failure> {
    let inputs = Inputs::read(common)?;
    console.troubles(&inputs.troubles);
    Ok(assemble::net(&inputs)?)
}

/// Refuses hosts that are out of reach by those settings, whoever grants them.
async fn within_reach(net: &Client, granted: &[Destination]) -> Result<(), Failure> {
    if let Err(error) = granted.iter().try_for_each(|host| net.may_grant(host)) {
        net.flush().await;
        let fault = Fault::new(FaultClass::Invalid, error.to_string());
        return Err(fault.hint("leave `--offline` out, or see `network` in `kiln config show --origin`").into());
    }
    Ok(())
}

/// Serves the command's way to the granted hosts.
fn tunnel(net: Option<&Client>, granted: Vec<Destination>, running: &mut Running) -> Result<Option<Tunnel>, Failure> {
    let (Some(net), Some(listener)) = (net, running.take_listener()) else { return Ok(None) };
    Tunnel::open(net, listener, granted).map(Some).map_err(|error| {
        Failure::from(Fault::new(FaultClass::Internal, "the granted hosts cannot be served").detail(error.to_string()))
    })
}

/// What to do about a refusal.
fn hint(refusal: &Refusal) -> String {
    match refusal.why {
        Barred::NotGranted => format!("; `--allow-host {}` grants it", refusal.destination),
        Barred::Otherwise(_) => String::new(),
    }
}

fn refused(error: &SandboxError) -> Fault {
    let hint = match error {
        SandboxError::Hosts { .. } => "leave `--allow-host` out; without it the command has no network",
        SandboxError::Unavailable { .. } => "leave `--require strict` out to run with the best that there is",
        SandboxError::Folder { .. } => "name a folder of your own with `--cd`",
        _ => "`kiln sandbox -- true` tells whether any command can be confined here",
    };
    Fault::new(FaultClass::Invalid, error.to_string()).hint(hint)
}

async fn attend(mut running: Running, console: &mut Console) -> Result<u8, Failure> {
    if running.tier() < Tier::Strict {
        let why = match sandbox::probe().await {
            Standing { tier, why } if tier == running.tier() => why,
            _ => Some("held to a lower tier".to_owned()),
        };
        console.note(&Standing { tier: running.tier(), why }.words());
    }
    loop {
        tokio::select! {
            chunk = running.chunk() => match chunk {
                Some(bytes) => console.bytes(&bytes)?,
                None => break,
            },
            _ = tokio::signal::ctrl_c() => running.kill(),
        }
    }
    let ended = running.wait().await;
    for change in &ended.control_changes {
        let path = change.path.display();
        console.note(&match &change.quarantined {
            Some(to) => format!("note: the new repository `{path}` was put out of action as `{}`", to.display()),
            None => format!("note: the control file `{path}` was {}", change.change.word()),
        });
    }
    Ok(match ended.finish {
        Finish::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        Finish::Signalled(signal) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(127)),
        Finish::TimedOut => {
            console.note("error: the command's time was over");
            124
        }
        Finish::Killed => 130,
        Finish::Lost => {
            console.note("error: what stood over the command was killed, and the command with it");
            137
        }
    })
}
