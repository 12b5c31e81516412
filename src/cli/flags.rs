//! The flags that every verb takes.

use std::path::PathBuf;

use clap::Args;

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
