//! `kiln config`: show, path, init, set, unset.

use clap::Subcommand;

use super::assemble::Inputs;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::config::check::read_text;
use crate::config::write::{self, Edit};

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

/// Runs the verb; no engine is needed, so it works when everything else is broken.
pub(super) fn run(inputs: &Inputs, verb: &ConfigVerb, console: &mut Console) -> Result<Exit, Failure> {
    let path = inputs.paths.settings_file();
    let config = |fault| Failure::new(Exit::Config, fault);
    match verb {
        ConfigVerb::Show { origin } => return show(inputs, *origin, console),
        ConfigVerb::Path => console.line(&path.display().to_string())?,
        ConfigVerb::Init { force } => {
            let path = write::init(&path, *force).map_err(config)?;
            console.line(&path.display().to_string())?;
        }
        ConfigVerb::Set { setting, value } => {
            let value = read_text(setting, value);
            write::edit(&path, setting, &Edit::Set(value)).map_err(config)?;
        }
        ConfigVerb::Unset { setting } => write::edit(&path, setting, &Edit::Unset).map_err(config)?,
    }
    Ok(Exit::Done)
}

/// Values on standard output, what is wrong on standard error: code 3 tells a script.
fn show(inputs: &Inputs, origin: bool, console: &mut Console) -> Result<Exit, Failure> {
    for shown in &inputs.shown {
        // An unset optional setting is shown as it would stand in the file.
        let line = match &shown.value {
            Some(value) => format!("{} = {value}", shown.key),
            None => format!("# {} is not set", shown.key),
        };
        if origin { console.line(&format!("{line}    # {}", shown.origin))? } else { console.line(&line)? }
    }
    console.troubles(&inputs.troubles);
    Ok(if inputs.troubles.is_empty() { Exit::Done } else { Exit::Config })
}
