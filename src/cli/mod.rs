//! The command line: one verb a file, and `assemble`, the only place that knows every room.
//!
//! Verbs speak to an [`Engine`](crate::engine::Engine) and a [`Console`], so tests put a scripted
//! end behind the first and read the second. Nothing outside this room prints.

mod args;
pub mod assemble;
mod completions;
mod config;
mod console;
mod doctor;
mod exec;
mod exit;
mod export;
mod feed;
mod flags;
mod init;
mod interrupt;
mod keys;
mod logging;
mod mcp;
mod models;
mod net;
mod open;
mod progress;
mod pull;
mod sandbox;
mod sessions;
mod trust;
mod unattended;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

pub use args::Arguments;
pub use console::{Console, clean};
pub use doctor::{Style as DoctorStyle, doctor};
pub use exec::{ExecRequest, Start, exec};
pub use exit::{Exit, Failure};
pub use export::{export, parse_target};
pub use init::questions as init_questions;
pub use interrupt::Interrupts;
pub use models::{list as list_models, pull as pull_model};
pub use progress::Format;
pub use sessions::{find as find_session, list as list_sessions, remove as remove_session, show as show_session};

use args::Verb;
use assemble::{Inputs, Replay};
use models::ModelsVerb;
use open::Place;
use sessions::SessionsVerb;

/// Runs the program on its arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = crate::sandbox::stage(&arguments) {
        return code;
    }
    if let [_, only] = arguments.as_slice()
        && (only == "--version" || only == "-V")
    {
        // Asked by scripts at every prompt: nothing is parsed, read or started for it.
        let text = concat!("kiln ", env!("CARGO_PKG_VERSION"), "\n");
        return match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Exit::Done.into(),
            Err(_) => Exit::PipeClosed.into(),
        };
    }
    let mut console = Console::system();
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return console.usage(&error).into(),
    };
    if let Some(failure) = args::mistyped_verb(&parsed, &arguments).or_else(|| args::stray_prompt(&parsed)) {
        return console.failure(&failure).into();
    }
    if let Arguments { common, verb: Some(Verb::Sandbox(verb)), .. } = parsed {
        return sandbox::run(verb, &common, &mut console);
    }
    match dispatch(parsed, &mut console) {
        Ok(exit) => exit.into(),
        Err(failure) => console.failure(&failure).into(),
    }
}

fn dispatch(arguments: Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let Arguments { mut common, prompt, verb } = arguments;
    if let Some(Verb::Completions { shell }) = verb {
        return completions::print(shell, console);
    }
    if matches!(verb, Some(Verb::New { .. } | Verb::Tour)) {
        // What lies in the current folder has no say in another project.
        common.scratch = true;
    }
    let mut inputs = Inputs::read(&common)?;
    let _log = logging::start(&inputs, console);
    match verb {
        None => open::open(inputs, &common, Place::Here, prompt, console),
        Some(Verb::New { prompt }) => open::open(inputs, &common, Place::Scratch, prompt, console),
        Some(Verb::Tour) => {
            inputs.replay = Some(Replay::Tour);
            open::open(inputs, &common, Place::Scratch, None, console)
        }
        Some(Verb::Exec(verb)) => {
            let request = exec::request(&verb, &common, &inputs)?;
            // Nobody waits for a title here.
            inputs.settings.agent.titles = false;
            console.troubles(&inputs.troubles);
            assemble::with_engine(inputs, console, async |engine, console| {
                exec(engine, request, console, &mut Interrupts::system()).await
            })
        }
        Some(Verb::Sessions { verb }) => {
            if let SessionsVerb::Resume { session, prompt } = verb {
                return open::open(inputs, &common, Place::Session(session), prompt, console);
            }
            console.troubles(&inputs.troubles);
            assemble::with_engine(inputs, console, async |engine, console| sessions::run(engine, &verb, console).await)
        }
        Some(Verb::Export(verb)) => {
            let target = parse_target(&verb.to)?;
            console.troubles(&inputs.troubles);
            assemble::with_engine(inputs, console, async |engine, console| {
                let session = find_session(engine, &verb.session).await?;
                export(engine, session, target, verb.existing(), console).await
            })
        }
        Some(Verb::Models { verb: ModelsVerb::Refresh }) => models::refresh(&inputs, console),
        Some(Verb::Models { verb }) => {
            keys::unlock_where_needed(&inputs, console)?;
            console.troubles(&inputs.troubles);
            assemble::with_engine(inputs, console, async |engine, console| {
                models::run(engine, &verb, common.provider.as_deref(), console).await
            })
        }
        Some(Verb::Init) => init::run(inputs, console),
        Some(Verb::Doctor { json }) => {
            keys::unlock_where_needed(&inputs, console)?;
            let doctor = doctor::Doctor::new(&inputs, json, console);
            assemble::with_engine(inputs, console, async |engine, console| {
                doctor.run(engine, console, &mut Interrupts::system()).await
            })
        }
        Some(Verb::Config { verb }) => config::run(&inputs, &verb, console),
        Some(Verb::Keys { verb }) => keys::run(&inputs, &verb, console),
        // Its exit code is the command's, so it was taken care of before.
        Some(Verb::Sandbox(_)) => Ok(Exit::Done),
        Some(Verb::Trust(verb)) => trust::run(&inputs, &common, &verb, console),
        Some(Verb::Mcp { verb }) => mcp::run(&inputs, &common, &verb, console),
        Some(Verb::Net { verb }) => net::run(&inputs, &verb, console),
        Some(Verb::Completions { shell }) => completions::print(shell, console),
    }
}
