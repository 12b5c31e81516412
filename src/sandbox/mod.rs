//! The only place where programs are started.
//!
//! [`start`] runs a command that a model (or a person, by `kiln sandbox`) asked for: confined to the
//! project's folder, without network, without the person's secrets, with limits, and gone without a
//! trace of processes at its end. [`probe`] tells how much of that this machine can hold, in words.
//! [`run_helper`] runs trusted programs and confines nothing.
//!
//! What confines is made of three parts. `launch` is Kiln's side: it writes down what is to happen,
//! starts Kiln again as a hidden stage, reads output and keeps time. `stage` is that second process:
//! single-threaded, it builds namespaces, mounts and filters, and stands over the command. `audit`
//! compares the control files of the project before and after.
//!
//! This room decides nothing about whether a command may run; that is policy's.

mod audit;
mod environment;
#[cfg(target_os = "linux")]
mod ghosts;
mod helper;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod linux;
mod output;
#[cfg(not(target_os = "linux"))]
mod plain;
mod policy;
#[cfg(target_os = "linux")]
mod protect;
mod running;
#[cfg(target_os = "macos")]
mod seatbelt;
#[cfg(target_os = "linux")]
mod selftest;
mod server;
#[cfg(target_os = "linux")]
mod stage;
mod tier;

pub use audit::{Change, ControlChange, ControlKind};
pub use environment::environment;
pub use helper::{Helper, HelperError, Output, run_helper};
#[cfg(target_os = "linux")]
pub use launch::start;
pub use output::Kept;
#[cfg(not(target_os = "linux"))]
pub use plain::start;
pub use policy::{Command, HomeView, Input, Limits, Network, Policy, Requirement, SandboxError, Writable};
pub use running::{Ended, Finish, Running};
pub use server::{ServerGuard, ServerPipes, spawn_server};
pub use tier::{Standing, Tier, probe, probe_cached};

/// Runs the hidden stage if that is what these arguments (the program's name first) ask for.
///
/// To be called before anything else in `main`: the stage must be alone in its process.
pub fn stage(arguments: &[std::ffi::OsString]) -> Option<std::process::ExitCode> {
    #[cfg(target_os = "linux")]
    if let [_, first, rest @ ..] = arguments
        && first == stage::STAGE
    {
        return Some(stage::run(rest));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = arguments;
    None
}
