//! `kiln completions SHELL`.

use clap::CommandFactory as _;

use super::args::Arguments;
use super::console::Console;
use super::exit::{Exit, Failure};

/// Prints the script that the shell sources.
pub(super) fn print(shell: clap_complete::Shell, console: &mut Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "kiln", &mut script);
    console.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
