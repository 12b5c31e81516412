//! The composition root: from settings, flags and environment to a running engine.
//!
//! [`Inputs`] is everything that the rooms are made from; [`assemble`] puts them together. Nothing
//! else in the program knows every room.

mod inputs;
mod network;
mod registry;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinHandle;

pub use inputs::{Colour, Inputs, Preferred, Replay, project};
pub(super) use inputs::{key_variables, project_root};
pub(super) use network::net;
pub(super) use registry::catalogue;

use super::console::Console;
use super::exit::{Exit, Failure};
use crate::agent::{CheckLimits, Limits, Memory};
use crate::config::{Lasting, Paths, Settings, Trust};
use crate::domain::{Fault, FaultClass, Money, Saving};
use crate::engine::{self, Defaults, Engine, Parts, Pending, Walls, Workplace};
use crate::mcp::consent::Ledger;
use crate::mcp::oauth::Tokens;
use crate::mcp::{self, Mcp, Surroundings};
use crate::net::Client;
use crate::sandbox::{self, Standing};
use crate::skills::hooks::Hook;
use crate::storage::Storage;
use crate::tools::policy;
use crate::workspace::checkpoint;
use inputs::{load, preferred};
use registry::registry;

/// How long the engine may take to put its last facts away when the program ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a server of tools may take to say who it is.
const SERVER_START: Duration = Duration::from_secs(10);

/// What the engine may look at and change of this machine.
fn workplace(inputs: &Inputs) -> Workplace {
    let again = {
        let inputs = inputs.clone();
        move || load(&inputs.paths, &inputs.environment, &inputs.flags, inputs.project.as_deref())
    };
    let (read, before) = (again.clone(), inputs.clone());
    Workplace {
        paths: inputs.paths.clone(),
        environment: inputs.environment.clone(),
        keys: Arc::clone(&inputs.keys),
        settings: Arc::new(again),
        registry: Arc::new(move || {
            let (read, mut inputs) = (read.clone(), before.clone());
            let work = async move {
                // A recording answers, or is being written: both outlive a change of settings.
                if inputs.replay.is_some() || inputs.record.is_some() {
                    return Ok(None);
                }
                let loaded = read();
                inputs.preferred = preferred(&loaded.settings, &loaded.shown);
                (inputs.settings, inputs.shown) = (loaded.settings, loaded.shown);
                registry(&inputs, net(&inputs)?, &mut Vec::new()).await.map(|registry| Some(Arc::new(registry)))
            };
            Box::pin(work)
        }),
    }
}

/// A running engine.
#[derive(Debug)]
pub struct Running {
    pub engine: Engine,
    /// The actor's task; it ends when the last handle is dropped.
    pub actor: JoinHandle<()>,
    /// Its list of connections is written out at the end.
    net: Option<Client>,
    /// Temporary folders live as long as these.
    paths: Paths,
}

impl Running {
    /// Lets the engine end, its last facts stored.
    pub async fn close(self) {
        let Self { engine, actor, net, paths: _until_the_end } = self;
        drop(engine);
        if tokio::time::timeout(FAREWELL, actor).await.is_err() {
            tracing::warn!("the engine did not end in time");
        }
        if let Some(net) = net {
            net.flush().await;
        }
    }
}

/// Puts the rooms together. Called inside the runtime; what is slow happens on the engine's task.
pub fn assemble(inputs: Inputs) -> Running {
    let paths = inputs.paths.clone();
    let net = net(&inputs);
    let listed = net.clone().ok();
    let (engine, actor) = engine::start(parts(inputs, net));
    Running { engine, actor, net: listed, paths }
}

async fn parts(inputs: Inputs, net: Result<Client, Fault>) -> Result<Parts, Fault> {
    let mut troubles = inputs.troubles.clone();
    let (storage, saving) = storage(&inputs.paths, &mut troubles).await?;
    let net = net?;
    let mcp = servers(&inputs, &net, &mut troubles);
    let registry = registry(&inputs, net, &mut troubles).await?;
    Ok(Parts {
        storage,
        saving,
        registry: Arc::new(registry),
        scratch: inputs.paths.projects(),
        limits: Limits {
            requests: inputs.settings.agent.max_requests,
            output_tokens: inputs.settings.agent.max_output_tokens,
            time: minutes(inputs.settings.agent.max_minutes),
            tokens: Some(inputs.settings.agent.max_tokens).filter(|limit| *limit > 0),
            cost: dollars(inputs.settings.agent.max_cost),
            checks: CheckLimits {
                iterations: inputs.settings.agent.max_iterations,
                commands: inputs.settings.agent.check_commands.clone(),
                time: Duration::from_secs(inputs.settings.agent.check_timeout_s),
            },
        },
        place: inputs.project.clone(),
        defaults: Defaults {
            mode: inputs.settings.agent.mode,
            planning: inputs.settings.agent.plan,
            review: inputs.settings.agent.review,
            trust: match inputs.trust {
                Trust::Trusted | Trust::NothingToTrust => policy::Trust::Trusted,
                Trust::Untrusted(_) => policy::Trust::Untrusted,
            },
        },
        walls: Some(Walls {
            policy: sandbox::Policy::new(inputs.paths.data(), &inputs.environment, &inputs.paths),
            environment: inputs.environment.clone(),
        }),
        standing: standing(inputs.paths.cache().to_owned()),
        memory: memory(&inputs, &mut troubles),
        grants: inputs.paths.grants(),
        checkpoints: Some((inputs.paths.checkpoints(), checkpoint_limits(&inputs.settings))),
        mcp,
        troubles,
        workplace: Some(workplace(&inputs)),
    })
}

/// Where turns find what they are told beside the conversation. A hook that cannot be used is told.
fn memory(inputs: &Inputs, troubles: &mut Vec<Fault>) -> Memory {
    let mut hooks = Vec::new();
    for settings in &inputs.settings.hooks {
        match Hook::new(settings) {
            Ok(hook) => hooks.push(hook),
            Err(sentence) => {
                troubles.push(
                    Fault::new(FaultClass::Invalid, sentence).hint("correct it in the settings; it does not run"),
                );
            }
        }
    }
    Memory {
        user: Some(inputs.paths.config().to_owned()),
        notes: Some(inputs.paths.notes()),
        map_tokens: inputs.settings.agent.repo_map_tokens,
        compact_at: inputs.settings.agent.compact_at,
        hooks,
        ..Memory::default()
    }
}

fn minutes(limit: u64) -> Option<Duration> {
    (limit > 0).then(|| Duration::from_secs(limit.saturating_mul(60)))
}

fn dollars(limit: f64) -> Option<Money> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100,000 dollars, in billionths")]
    let billionths = (limit * 1e9) as u64;
    (billionths > 0).then_some(Money(billionths))
}

/// The servers of tools that may run here; the tour needs none.
fn servers(inputs: &Inputs, net: &Client, troubles: &mut Vec<Fault>) -> Option<Arc<Mcp>> {
    if inputs.replay == Some(Replay::Tour) {
        return None;
    }
    let specs = mcp::specs(&inputs.settings.mcp, inputs.project.as_deref(), troubles);
    if specs.is_empty() {
        return None;
    }
    let directory = inputs.project.clone().unwrap_or_else(|| inputs.paths.data().to_owned());
    let around = surroundings(inputs, net.clone(), directory, SERVER_START);
    Some(Arc::new(Mcp::new(specs, &Ledger::at(&inputs.paths.servers_file()), &around)))
}

/// What servers are started and asked with.
pub(super) fn surroundings(inputs: &Inputs, net: Client, directory: PathBuf, start: Duration) -> Surroundings {
    Surroundings {
        net,
        environment: inputs.environment.clone(),
        directory,
        start,
        call: Duration::from_secs(inputs.settings.mcp.call_timeout_s),
        rest: Duration::from_secs(1),
        tokens: Some(tokens(inputs)),
    }
}

/// Where servers' tokens are kept: with the person's keys.
pub(super) fn tokens(inputs: &Inputs) -> Tokens {
    Tokens { keys: Arc::clone(&inputs.keys), place: inputs.settings.keys.storage }
}

/// Finds out in the background how well commands can be confined here.
fn standing(cache: PathBuf) -> Pending<Standing> {
    let found = async move { sandbox::probe_cached(&cache).await }.boxed().shared();
    tokio::spawn(found.clone());
    found
}

fn checkpoint_limits(settings: &Settings) -> checkpoint::Limits {
    checkpoint::Limits {
        max_bytes: settings.checkpoints.max_bytes,
        max_age: Duration::from_secs(u64::from(settings.checkpoints.max_age_days) * 24 * 3600),
        ..checkpoint::Limits::default()
    }
}

/// The database, or memory where there is none to be had: Kiln works, and says what is off.
async fn storage(paths: &Paths, troubles: &mut Vec<Fault>) -> Result<(Storage, Saving), Fault> {
    let fault = match (paths.lasting(), Storage::open(&paths.database()).await) {
        (Lasting::Kept, Ok(storage)) => return Ok((storage, Saving::UpToDate)),
        (Lasting::Temporary, Ok(storage)) => {
            let fault = Fault::new(FaultClass::Storage, "there is no home folder, so nothing of this run is kept")
                .hint("set `HOME`, or `KILN_HOME` to a folder that can be written to");
            return Ok((storage, Saving::Off { fault }));
        }
        (_, Err(error)) => error.to_fault(),
    };
    troubles.push(fault.clone());
    let storage = Storage::in_memory().await.map_err(|error| error.to_fault())?;
    Ok((storage, Saving::Off { fault }))
}

/// The runtime of the headless verbs: one thread to work, one to keep reading events.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Fault::new(FaultClass::Internal, "the program's threads could not be started")
            .hint("close other programs and try again")
            .detail(error.to_string())
            .into()
    })
}

/// Runs `work` with an engine made from `inputs`, and lets the engine end properly.
pub fn with_engine<W>(inputs: Inputs, console: &mut Console, work: W) -> Result<Exit, Failure>
where
    W: AsyncFnOnce(&Engine, &mut Console) -> Result<Exit, Failure>,
{
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let running = assemble(inputs);
        let outcome = work(&running.engine, console).await;
        running.close().await;
        outcome
    });
    // Blocking tasks, such as a keychain that waits for the person, must not hold the end up.
    runtime.shutdown_background();
    outcome
}
