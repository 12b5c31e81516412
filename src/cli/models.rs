//! `kiln models`: list, refresh, pull.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::assemble::{self, Inputs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::feed::unexpected;
use super::interrupt::Interrupts;
use super::pull;
use super::words::size;
use crate::domain::catalog::{Description, Readiness};
use crate::domain::op::PullSource;
use crate::domain::{Op, ProviderId, Reply};
use crate::engine::Engine;
use crate::providers::refresh;

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

pub(super) async fn run(
    engine: &Engine,
    verb: &ModelsVerb,
    provider: Option<&str>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    match verb {
        ModelsVerb::List { json } => list(engine, provider, *json, console).await,
        // Needs no engine, and came here only if somebody forgot that.
        ModelsVerb::Refresh => Err(unexpected()),
        ModelsVerb::Pull { name, from } => {
            pull(engine, name, from.as_deref(), console, &mut Interrupts::system()).await
        }
    }
}

/// Providers and weights; with a provider, the models it lists.
pub async fn list(engine: &Engine, provider: Option<&str>, json: bool, console: &mut Console) -> Result<Exit, Failure> {
    if let Some(provider) = provider {
        let Reply::Models { models } =
            engine.ask(Op::ListModels { provider: Some(ProviderId::from(provider)) }).await?
        else {
            return Err(unexpected());
        };
        for model in models {
            if json {
                console.json(&model)?;
            } else {
                console.line(model.reference.model.as_str())?;
            }
        }
        return Ok(Exit::Done);
    }
    let Reply::Described { description } = engine.ask(Op::Describe).await? else { return Err(unexpected()) };
    if json {
        console.json(&description)?;
    } else {
        describe(&description, console)?;
    }
    Ok(Exit::Done)
}

/// Brings newer data about models into the cache folder.
pub(super) fn refresh(inputs: &Inputs, console: &mut Console) -> Result<Exit, Failure> {
    let (client, catalogue) = (assemble::net(inputs)?, assemble::catalogue(&inputs.paths, &mut Vec::new())?);
    let (base, file) = (&inputs.settings.models.refresh_url, inputs.paths.models_cache());
    let count = assemble::runtime()?.block_on(refresh::refresh(&client, base, &catalogue, &file))?;
    console.line(&format!("{count} models in `{}`", file.display()))?;
    Ok(Exit::Done)
}

fn describe(description: &Description, console: &mut Console) -> Result<(), Failure> {
    console.line(&format!("in use: {}  {}", description.model.reference, ready(&description.readiness)))?;
    console.line("")?;
    console.line("providers:")?;
    for provider in &description.providers {
        let model = provider.default_model.as_ref().map(|m| m.model.to_string()).unwrap_or_default();
        console.line(&format!("  {:<16} {:<28} {}", provider.id, ready(&provider.readiness), model))?;
    }
    console.line("")?;
    console.line("embedded weights:")?;
    for weights in &description.weights {
        let state =
            if weights.installed { "here".to_owned() } else { format!("{} to fetch", size(weights.download_bytes)) };
        console.line(&format!("  {:<28} {state:<20} {}", weights.name, weights.licence))?;
        console.line(&format!("      {}", weights.note))?;
    }
    Ok(())
}

fn ready(readiness: &Readiness) -> String {
    match readiness {
        Readiness::Ready => "ready".to_owned(),
        Readiness::NeedsKey(variable) => format!("needs {variable}"),
        Readiness::NeedsDownload(bytes) => format!("needs {} of weights", size(*bytes)),
        Readiness::Unavailable(why) => why.clone(),
    }
}

/// Fetches weights, or takes them from a file of this machine.
pub async fn pull(
    engine: &Engine,
    name: &str,
    from: Option<&Path>,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    let source = match from {
        None => PullSource::Catalogue,
        Some(path) if path.is_file() => PullSource::File(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        Some(path) => {
            return Err(Failure::not_found(
                format!("there is no file `{}`", path.display()),
                "name a GGUF file with `--from`",
            ));
        }
    };
    pull::pull(engine, name.to_owned(), source, console, interrupts).await
}
