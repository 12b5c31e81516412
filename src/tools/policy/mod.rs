//! Whether a call may run, must be asked for, or is refused: from what it touches, the session's mode, the
//! standing permissions and how well commands are confined here.
//!
//! The verdict is advice to the runner; the sandbox is the wall. Everything that is not clearly allowed asks.
//! This room asks nobody and runs nothing.

pub mod command_line;
mod command_verdict;
pub mod commands;
pub mod control_files;
pub mod grants;
pub mod places;
mod second_opinion;
mod simple_command;

use std::path::Path;

use crate::domain::{Mode, Scope, Touch};
pub use command_verdict::only_reads;
pub use control_files::control_file;
pub use grants::Grants;

/// How well commands are confined on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confinement {
    /// Not, or not enough to keep writes inside: every command asks, and `auto` acts as `ask`.
    #[default]
    None,
    /// Writes and the network are limited, other things are not.
    Partial,
    /// Everything that Kiln knows to limit.
    Strict,
}

/// Whether the person has said that this folder may be worked in freely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    #[default]
    Untrusted,
    Trusted,
}

/// How a command without the sandbox is named among what a call touches. No server's tool can have this name.
pub const OUTSIDE_SANDBOX: &str = "shell outside the sandbox";

/// All that a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub mode: Mode,
    pub grants: &'a Grants,
    pub trust: Trust,
    pub confinement: Confinement,
    /// The project's folder, absolute, as commands see it.
    pub root: Option<&'a Path>,
}

/// What is to happen with a call. The reasons are one line, to be shown to the person and told to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow {
        reason: String,
    },
    /// `offers` would cover the call from now on, the narrowest first; empty when nothing single would.
    Ask {
        reason: String,
        offers: Vec<Scope>,
    },
    Deny {
        reason: String,
    },
}

impl Verdict {
    fn allow(reason: impl Into<String>) -> Self {
        Self::Allow { reason: reason.into() }
    }

    fn ask(reason: impl Into<String>, offers: Vec<Scope>) -> Self {
        Self::Ask { reason: reason.into(), offers }
    }

    fn deny(reason: impl Into<String>) -> Self {
        Self::Deny { reason: reason.into() }
    }
}

/// Judges everything that one call touches: refused when a part is, asked for when a part is.
pub fn verdict(touches: &[Touch], circumstances: &Circumstances<'_>) -> Verdict {
    let mut allowed: Option<String> = None;
    let mut asked: Vec<(String, Vec<Scope>)> = Vec::new();
    let mut hosts: Vec<Scope> = Vec::new();
    for touch in touches {
        match judge(touch, circumstances) {
            Verdict::Allow { reason } => {
                allowed.get_or_insert(reason);
            }
            Verdict::Ask { reason, offers } => {
                if let Touch::Host { .. } = touch {
                    hosts.extend(offers.iter().cloned());
                }
                asked.push((reason, offers));
            }
            denied @ Verdict::Deny { .. } => return denied,
        }
    }
    let combined = with_hosts(&asked, hosts);
    // One permission has to cover the call as a whole.
    let mut asked = asked.into_iter();
    let Some((mut reason, mut offers)) = asked.next() else {
        return Verdict::allow(allowed.unwrap_or_else(|| "it touches nothing".to_owned()));
    };
    for (further, others) in asked {
        offers.retain(|offer| others.contains(offer));
        if !reason.contains(&further) {
            reason = format!("{reason}; {further}");
        }
    }
    if offers.is_empty() {
        offers = combined;
    }
    Verdict::Ask { reason, offers }
}

/// Permissions for a call that asks for hosts and at most one thing besides: each for that thing with all of the hosts.
fn with_hosts(asked: &[(String, Vec<Scope>)], hosts: Vec<Scope>) -> Vec<Scope> {
    let mut others = asked.iter().filter(|(_, offers)| !offers.iter().all(|offer| hosts.contains(offer)));
    match (hosts.is_empty(), others.next(), others.next()) {
        (false, None, _) => vec![Scope::Together { scopes: hosts }],
        (false, Some((_, offers)), None) => offers
            .iter()
            .map(|offer| Scope::Together { scopes: std::iter::once(offer).chain(&hosts).cloned().collect() })
            .collect(),
        _ => Vec::new(),
    }
}

fn judge(touch: &Touch, circumstances: &Circumstances<'_>) -> Verdict {
    let (mode, grants) = (circumstances.mode, circumstances.grants);
    match touch {
        Touch::Read { .. } => Verdict::allow("it reads files of the project"),
        Touch::Write { .. } | Touch::Host { .. } | Touch::Foreign { .. } if mode == Mode::ReadOnly => {
            let what = match touch {
                Touch::Write { path } => format!("write `{path}`"),
                Touch::Host { host } => format!("connect to {}", shown(host)),
                _ => "use a tool that may change things".to_owned(),
            };
            Verdict::deny(format!("the session is read-only, so it may not {what}"))
        }
        Touch::Command { line, directory } => {
            command_verdict::judge(line, directory.as_ref().map(|path| path.as_str()), circumstances)
        }
        Touch::Write { .. } | Touch::Host { .. } | Touch::Foreign { .. } if mode == Mode::Full => {
            Verdict::allow("the session asks for nothing")
        }
        Touch::Write { path } => match control_file(path.as_str()) {
            None => Verdict::allow("files of the project are written freely and can be taken back"),
            Some(_) if grants.for_control_file(path.as_str()).is_some() => {
                Verdict::allow("you allowed writing this file")
            }
            Some(why) => {
                let offer = Scope::Path { path: path.as_str().to_owned() };
                Verdict::ask(format!("`{path}` is asked for apart: {why}"), vec![offer])
            }
        },
        Touch::Host { host } if !is_canonical_destination(host) => {
            Verdict::deny(format!("{} is not the canonical name of a host", shown(host)))
        }
        Touch::Host { host } if grants.for_host(host).is_some() => Verdict::allow("you allowed this host"),
        Touch::Host { host } => {
            Verdict::ask(format!("it connects to {host}"), vec![Scope::Host { host: host.clone() }])
        }
        // What one such command may, says nothing about the next.
        Touch::Foreign { tool } if tool == OUTSIDE_SANDBOX => Verdict::ask(
            "it would run without the sandbox: with your files, your network and all that you may do",
            Vec::new(),
        ),
        Touch::Foreign { tool } if grants.for_tool(tool).is_some() => Verdict::allow("you allowed this tool"),
        Touch::Foreign { tool } => {
            Verdict::ask("what this tool touches is not known", vec![Scope::Tool { name: tool.clone() }])
        }
    }
}

/// Lower case, no dot at the end, nothing that a resolver or a proxy could read otherwise.
pub fn is_canonical_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = address {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(name)
        && host.split('.').all(|label| !label.is_empty() && label.len() <= 63)
}

/// A canonical host, or one with its port, or all below one.
fn is_canonical_destination(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let name = match name.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let is_port = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
            if !is_port || port.parse::<u16>().is_err() {
                return false;
            }
            host
        }
        _ => name,
    };
    is_canonical_host(name)
}

fn shown(text: &str) -> String {
    let tame: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    format!("`{tame}`")
}
