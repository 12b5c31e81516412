//! The grammar of the command line and its help. What a single verb takes stands beside its work.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::config::ConfigVerb;
use super::exec::ExecVerb;
use super::exit::{Exit, Failure};
use super::export::ExportVerb;
use super::flags::Common;
use super::keys::KeysVerb;
use super::mcp::McpVerb;
use super::models::ModelsVerb;
use super::net::NetVerb;
use super::sessions::SessionsVerb;
use super::trust::TrustVerb;
use crate::domain::{Fault, FaultClass};

const AFTER_HELP: &str = "\
Exit codes:
    0  done
    1  the turn, or what was asked, failed
    2  the command line was not understood
    3  the settings or keys need attention
    4  the session, model, key or file was not found
    5  the export was refused or failed
  130  cancelled with Ctrl-C
  141  whoever read the output went away

`KILN_HOME` moves all of Kiln's own files; `kiln config show --origin` lists every setting.
Without a terminal, `kiln PROMPT` does the same as `kiln exec PROMPT`.";

/// Say what you want; a plan and files appear.
#[derive(Debug, Parser)]
#[command(name = "kiln", version, after_help = AFTER_HELP, disable_help_subcommand = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,

    /// What to make; without it, Kiln waits for you to type
    pub prompt: Option<String>,

    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What to do, when it is not "open the terminal interface here".
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Open the terminal interface in a scratch project
    New {
        /// What to make
        prompt: Option<String>,
    },
    /// Run one prompt without the terminal interface
    Exec(ExecVerb),
    /// List, show, resume or delete sessions
    Sessions {
        #[command(subcommand)]
        verb: SessionsVerb,
    },
    /// Write a session's project to a folder or an archive
    Export(ExportVerb),
    /// List models, or fetch weights of the embedded one
    Models {
        #[command(subcommand)]
        verb: ModelsVerb,
    },
    /// Show, find or write the settings
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Store, list or delete API keys
    Keys {
        #[command(subcommand)]
        verb: KeysVerb,
    },
    /// Run a command in the sandbox, exactly as the agent would
    Sandbox(SandboxVerb),
    /// Trust this folder's own settings, after showing what they set
    Trust(TrustVerb),
    /// List what went over the network: where to and how much, never what
    Net {
        #[command(subcommand)]
        verb: NetVerb,
    },
    /// Add, list, allow or try out servers of tools (MCP)
    Mcp {
        #[command(subcommand)]
        verb: McpVerb,
    },
    /// Set Kiln up: who answers, a key, a test, a model
    ///
    /// Finds keys, local servers and the embedded model, and writes nothing before the last step.
    /// Without a terminal it asks on standard output and reads one answer a line; where the input
    /// ends, the choice in brackets is taken.
    Init,
    /// Look this machine over: what works, what does not, what to do
    ///
    /// One line for each matter, `ok`, `warn` or `fail`, as soon as it is known. Each provider that
    /// has a key is asked once for its models; nothing else leaves this machine and nothing is
    /// changed. The exit code is 1 when anything failed, else 0.
    Doctor {
        /// One JSON array of {name, state, text, hint}
        #[arg(long)]
        json: bool,
    },
    /// Watch a recorded session: no key, no network, one minute
    Tour,
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
}

const AFTER_SANDBOX: &str = "\
The exit code is the command's; 128 and the number of the signal that ended it; 124 when its time was
over; 125 when it could not be confined; 127 when there is no such program.";

/// `kiln sandbox`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_SANDBOX)]
pub struct SandboxVerb {
    /// One more folder that the command can write; may be repeated
    #[arg(long, value_name = "DIR")]
    pub write: Vec<PathBuf>,

    /// The project's folder cannot be written either
    #[arg(long)]
    pub read_only: bool,

    /// A host it can reach by HTTP and HTTPS, such as `registry.npmjs.org`, `*.example.org` or
    /// `localhost:8080`; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,

    /// Which other hosts it can reach: none
    #[arg(long, value_name = "WHICH", default_value = "off")]
    pub network: NetworkWord,

    /// Fail when not everything that the sandbox promises can be held here
    #[arg(long, value_name = "TIER")]
    pub require: Option<Required>,

    /// Show an empty home folder, with toolchains alone
    #[arg(long)]
    pub private_home: bool,

    /// End the command after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub time: Option<u64>,

    /// How many processes and threads it can have at a time
    #[arg(long, value_name = "COUNT")]
    pub processes: Option<u32>,

    /// How much memory each of its processes can take
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    pub memory: Option<u64>,

    /// The best tier to use, to try the fallbacks out
    #[arg(long, hide = true, value_parser = ["none", "surface", "partial", "strict"])]
    pub tier: Option<String>,

    /// The program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// What `--network` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NetworkWord {
    Off,
}

/// What `--require` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Required {
    Strict,
}

/// A word before a verb would be dropped unheard: `kiln help init` must not set anything up.
pub(super) fn stray_prompt(arguments: &Arguments) -> Option<Failure> {
    let (Some(word), Some(_)) = (&arguments.prompt, &arguments.verb) else { return None };
    Some(Failure::usage(
        format!("`{word}` stands before a command, where only options can"),
        "leave it out; `kiln COMMAND --help` tells what a command takes",
    ))
}

/// A single word that is almost a verb was hardly meant as a prompt: it would start a paid turn.
pub(super) fn mistyped_verb(arguments: &Arguments, raw: &[OsString]) -> Option<Failure> {
    let word = arguments.prompt.as_deref().filter(|_| arguments.verb.is_none())?;
    if raw.iter().any(|argument| argument == "--") || word.chars().any(char::is_whitespace) {
        return None;
    }
    let command = Arguments::command();
    let is_near = |verb: &&str| {
        let distance = strsim::damerau_levenshtein(verb, word);
        distance > 0 && distance <= if verb.len() > 4 { 2 } else { 1 }
    };
    let near = match word {
        "help" => "--help",
        _ => command.get_subcommands().map(clap::Command::get_name).find(is_near)?,
    };
    let fault = Fault::new(FaultClass::Invalid, format!("there is no command `{word}`"))
        .hint(format!("did you mean `kiln {near}`? to send it as a prompt: `kiln -- {word}`"));
    Some(Failure { exit: Exit::Usage, fault })
}
