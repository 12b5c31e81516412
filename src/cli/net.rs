//! `kiln net log`: what went over the network, out of the file that every run writes.

use clap::Subcommand;

use super::assemble::Inputs;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::domain::{Connection, Fault, FaultClass};
use crate::net::egress;

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

/// Runs the verb; no engine is needed.
pub(super) fn run(inputs: &Inputs, verb: &NetVerb, console: &mut Console) -> Result<Exit, Failure> {
    console.troubles(&inputs.troubles);
    let path = inputs.paths.connections();
    let unusable = |error: std::io::Error| {
        Fault::new(FaultClass::Storage, format!("the list of connections `{}` cannot be used", path.display()))
            .hint("check the permissions of the file and its folder")
            .detail(error.to_string())
    };
    let NetVerb::Log { json, last, clear } = verb;
    if *clear {
        egress::clear(&path).map_err(unusable)?;
        console.note("the list of connections is empty");
        return Ok(Exit::Done);
    }
    let all = egress::read(&path).map_err(unusable)?;
    if all.is_empty() && !json {
        console.note("Kiln has not used the network yet");
    }
    let from = all.len().saturating_sub(last.unwrap_or(usize::MAX));
    for connection in all.get(from..).unwrap_or_default() {
        if *json {
            console.json(connection)?;
        } else {
            console.line(&line(connection))?;
        }
    }
    Ok(Exit::Done)
}

fn line(connection: &Connection) -> String {
    let began = connection.began.strftime("%Y-%m-%d %H:%M:%SZ");
    let via = connection.via.as_ref().map(|proxy| format!("  via {proxy}")).unwrap_or_default();
    format!(
        "{began}  {:<9}  {:<7}  {:>9} out  {:>9} in  {:>7} ms  {}{via}",
        connection.purpose.to_string(),
        connection.outcome(),
        connection.sent,
        connection.received,
        connection.milliseconds,
        connection.place(),
    )
}
