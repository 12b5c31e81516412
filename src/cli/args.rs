//! The grammar of the command line and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::exit::{Exit, Failure};
use crate::domain::{ExistingFiles, Fault, FaultClass};

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

/// Flags that every verb takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Who answers, such as `anthropic`, `ollama` or `embedded`
    #[arg(long, global = true, value_name = "ID")]
    pub provider: Option<String>,

    /// The model, as its provider spells it
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,

    /// The project's folder, in place of the current one
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "scratch")]
    pub cd: Option<PathBuf>,

    /// Work in a fresh folder among Kiln's own files
    #[arg(long, global = true)]
    pub scratch: bool,

    /// Play answers from a recording, with no network
    #[arg(long, global = true, value_name = "FILE")]
    pub replay: Option<PathBuf>,

    /// Write answers to a recording, without keys
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,

    /// What happens without asking: `read-only`, `ask`, `auto` or `full`
    #[arg(long, global = true, value_name = "MODE")]
    pub mode: Option<String>,

    /// Whether to begin with a plan to approve: `auto`, `always` or `never`
    #[arg(long, global = true, value_name = "WHEN")]
    pub plan: Option<String>,

    /// The theme's name, or `auto`
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,

    /// Refuse every connection that leaves this machine
    #[arg(long, global = true)]
    pub offline: bool,

    /// No colour, as with the variable `NO_COLOR`
    #[arg(long, global = true)]
    pub no_color: bool,
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

/// `kiln exec`.
#[derive(Args, Debug)]
pub struct ExecVerb {
    /// What to make, or `-` to read it from standard input
    pub prompt: String,

    /// A picture to show the model: PNG, JPEG, GIF or WebP; may be repeated
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,

    /// Print the session's facts as JSON, one a line, in place of the answer
    #[arg(long)]
    pub json: bool,

    /// Then write the project to `folder:PATH` or `zip:PATH`
    #[arg(long, value_name = "TARGET")]
    pub export: Option<String>,

    /// Let the export replace what is there
    #[arg(long, requires = "export")]
    pub force: bool,
}

/// `kiln sessions`.
#[derive(Debug, Subcommand)]
pub enum SessionsVerb {
    /// List all sessions, newest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print a session's transcript
    Show {
        /// A session's id, its short id, or `last`
        session: String,
        /// The folded state as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Open a session in the terminal interface
    Resume {
        /// A session's id, its short id, or `last`
        #[arg(default_value = "last")]
        session: String,
        /// What to say next
        prompt: Option<String>,
    },
    /// Delete a session, and the folder of its scratch project
    Rm {
        /// A session's id, its short id, or `last`
        session: String,
    },
}

/// `kiln export`.
#[derive(Args, Debug)]
pub struct ExportVerb {
    /// A session's id, its short id, or `last`
    pub session: String,

    /// Where to: `folder:PATH` or `zip:PATH`
    #[arg(long, value_name = "TARGET")]
    pub to: String,

    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

impl ExportVerb {
    /// What to do with files that exist.
    pub fn existing(&self) -> ExistingFiles {
        existing(self.force)
    }
}

/// `--force` as data.
pub fn existing(force: bool) -> ExistingFiles {
    if force { ExistingFiles::Replace } else { ExistingFiles::Keep }
}

/// `kiln models`.
#[derive(Debug, Subcommand)]
pub enum ModelsVerb {
    /// List providers and embedded weights; with --provider, that provider's models
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Fetch newer sizes and prices of models from models.dev
    Refresh,
    /// Fetch weights of the embedded model
    Pull {
        /// A name that `kiln models list` prints
        name: String,
        /// Take a GGUF file from this machine
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
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

    /// Which hosts it can reach: none, for now
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

/// `kiln config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print every setting and its value
    Show {
        /// And where the value came from
        #[arg(long)]
        origin: bool,
    },
    /// Print where the settings file is
    Path,
    /// Write a commented settings file with all defaults
    Init {
        /// Replace the one that is there
        #[arg(long)]
        force: bool,
    },
    /// Change one setting in the settings file
    Set {
        /// The setting's name, such as `ui.theme`
        setting: String,
        /// Its value
        value: String,
    },
    /// Take one setting out of the settings file
    Unset {
        /// The setting's name, such as `ui.theme`
        setting: String,
    },
}

/// `kiln keys`. No argument ever carries a key: arguments can be seen by everybody on the machine.
#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// Store a key, read from a hidden prompt or from standard input
    Set {
        /// The provider's id, such as `openai`
        provider: String,
        /// A name for it, where the provider has several
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Store it in the encrypted file, not in the keychain
        #[arg(long)]
        file: bool,
    },
    /// List the stored keys: names and places, never values
    List,
    /// Choose which of a provider's keys is used
    Use {
        /// The provider's id, such as `openai`
        provider: String,
        /// The key's name, as `kiln keys list` shows it
        name: String,
    },
    /// Delete a stored key
    Rm {
        /// The provider's id, such as `openai`
        provider: String,
        /// The key's name, where the provider has several
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

/// `kiln trust`.
#[derive(Args, Debug)]
pub struct TrustVerb {
    /// Take trust back
    #[arg(long, conflicts_with = "list")]
    pub revoke: bool,

    /// List the trusted folders
    #[arg(long)]
    pub list: bool,

    /// Trust without asking
    #[arg(long, conflicts_with_all = ["list", "revoke"])]
    pub yes: bool,
}

/// `kiln mcp`.
#[derive(Debug, Subcommand)]
pub enum McpVerb {
    /// Put a server into the settings, and let it run
    Add {
        /// What to call it: letters, digits, `-` and single `_`
        name: String,
        /// Where it is, in place of a command
        #[arg(long, value_name = "URL", conflicts_with = "command", required_unless_present = "command")]
        url: Option<String>,
        /// A variable that the command sees; may be repeated
        #[arg(long, value_name = "VARIABLE")]
        env: Vec<String>,
        /// The variable that carries the token for the address
        #[arg(long, value_name = "VARIABLE", requires = "url")]
        token_env: Option<String>,
        /// The program and its arguments, after `--`
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// List the servers of the settings and those that this project offers
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let a server run as it is written now, after showing its command
    Allow {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
        /// Allow without asking
        #[arg(long)]
        yes: bool,
    },
    /// Accept a server's tools as they are now
    Accept {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Sign in to a server that wants to know who asks (OAuth)
    Login {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Take a server out of the settings, and take back that it may run
    Rm {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Start or reach a server, list what it offers and make one call
    Test(McpTestVerb),
}

/// `kiln mcp test`.
#[derive(Args, Debug)]
pub struct McpTestVerb {
    /// A server's name, or an address
    #[arg(value_name = "NAME|URL", conflicts_with_all = ["url", "command"])]
    pub server: Option<String>,

    /// Where the server is
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub url: Option<String>,

    /// The variable that carries the token for the address
    #[arg(long, value_name = "VARIABLE")]
    pub token_env: Option<String>,

    /// The tool to call, in place of `echo` or the first that takes no arguments
    #[arg(long, value_name = "TOOL")]
    pub call: Option<String>,

    /// The call's arguments, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub arguments: Option<String>,

    /// Call every tool once, with arguments made up from its schema
    #[arg(long, conflicts_with_all = ["call", "arguments"])]
    pub every: bool,

    /// The program and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `kiln net`.
#[derive(Debug, Subcommand)]
pub enum NetVerb {
    /// Print every connection that Kiln made or refused, oldest first
    Log {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// Only the newest so many
        #[arg(long, value_name = "N")]
        last: Option<usize>,
        /// Delete the list
        #[arg(long, conflicts_with_all = ["json", "last"])]
        clear: bool,
    },
}

/// A single word that is almost a verb was hardly meant as a prompt: it would start a paid turn.
pub(super) fn mistyped_verb(arguments: &Arguments, raw: &[OsString]) -> Option<Failure> {
    let word = arguments.prompt.as_deref().filter(|_| arguments.verb.is_none())?;
    if raw.iter().any(|argument| argument == "--") || word.chars().any(char::is_whitespace) {
        return None;
    }
    let command = Arguments::command();
    let near = command.get_subcommands().map(clap::Command::get_name).find(|verb| {
        let distance = strsim::damerau_levenshtein(verb, word);
        distance > 0 && distance <= if verb.len() > 4 { 2 } else { 1 }
    })?;
    let fault = Fault::new(FaultClass::Invalid, format!("there is no command `{word}`"))
        .hint(format!("did you mean `kiln {near}`? to send it as a prompt: `kiln -- {word}`"));
    Some(Failure { exit: Exit::Usage, fault })
}
