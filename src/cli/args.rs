//! The grammar of the command line and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
        /// Store it in the encrypted file, not in the keychain
        #[arg(long)]
        file: bool,
    },
    /// List the stored keys: names and places, never values
    List,
    /// Delete a stored key
    Rm {
        /// The provider's id, such as `openai`
        provider: String,
    },
}

const VERBS: &[&str] = &["new", "exec", "sessions", "export", "models", "config", "keys", "tour", "completions"];

/// A single word that is almost a verb was hardly meant as a prompt: it would start a paid turn.
pub(super) fn mistyped_verb(arguments: &Arguments, raw: &[OsString]) -> Option<Failure> {
    let word = arguments.prompt.as_deref().filter(|_| arguments.verb.is_none())?;
    if raw.iter().any(|argument| argument == "--") || word.chars().any(char::is_whitespace) {
        return None;
    }
    let near = VERBS.iter().find(|verb| {
        let distance = strsim::damerau_levenshtein(verb, word);
        distance > 0 && distance <= if verb.len() > 4 { 2 } else { 1 }
    })?;
    let fault = Fault::new(FaultClass::Invalid, format!("there is no command `{word}`"))
        .hint(format!("did you mean `kiln {near}`? to send it as a prompt: `kiln -- {word}`"));
    Some(Failure { exit: Exit::Usage, fault })
}
