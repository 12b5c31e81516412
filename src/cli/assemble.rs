//! The composition root: from settings, flags and environment to a running engine.
//!
//! [`Inputs`] is everything that the rooms are made from; [`assemble`] puts them together. Nothing
//! else in the program knows every room.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinHandle;

use super::args::Common;
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use super::keys;
use crate::agent::{CheckLimits, Limits, Memory};
use crate::config::{self, Environment, FlagValue, Lasting, Loaded, Paths, Project, Settings, Shown, Trust};
use crate::domain::op::NewProject;
use crate::domain::{Fault, FaultClass, ModelName, Money, ProviderId, Saving};
use crate::engine::{self, Defaults, Engine, Parts, Pending, Walls, Workplace};
use crate::keychain::Keys;
use crate::mcp::consent::Ledger;
use crate::mcp::{self, Mcp};
use crate::net::{Client, NetSettings, Proxies, Reach};
use crate::providers;
use crate::providers::cassette::Recorder;
use crate::providers::catalogue::{Catalogue, ProviderRow};
use crate::providers::local::{LocalProvider, PullSettings, Weights};
use crate::providers::registry::{KeySource, OwnQuestions, Registry};
use crate::providers::scripted::{Pace, Scripted};
use crate::providers::scrub::Scrubber;
use crate::providers::shelf::WeightsFolder;
use crate::sandbox::{self, Standing};
use crate::skills::hooks::Hook;
use crate::storage::Storage;
use crate::tools::policy;
use crate::workspace::checkpoint;

/// How long the engine may take to put its last facts away when the program ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a server of tools may take to say who it is.
const SERVER_START: Duration = Duration::from_secs(10);

/// The recording behind `kiln tour`.
const TOUR: &str = include_str!("../../assets/tour.jsonl");
/// What the person's own `pip` may see of the environment: enough for their mirrors and proxies.
const PIP_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "USERPROFILE",
    "SYSTEMROOT",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_CONFIG_FILE",
    "PIP_CERT",
    "PIP_PROXY",
    "PIP_TRUSTED_HOST",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_CACHE_DIR",
];

/// Where recorded answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// A recording of the person's own.
    File(PathBuf),
    /// The recording that Kiln carries.
    Tour,
}

/// Who should answer; `None` leaves that part to the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferred {
    pub provider: Option<ProviderId>,
    pub model: Option<ModelName>,
}

/// Whether colour may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Auto,
    /// `--no-color`, `NO_COLOR` or a dumb terminal.
    Never,
}

/// What the rooms are made from.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub paths: Paths,
    /// All settings, flags and environment already merged in. Providers' base URLs, key variables and
    /// default models are in `settings.providers`, by id; network times in `settings.network`.
    pub settings: Settings,
    /// Every setting with its origin, for `kiln config show`.
    pub shown: Vec<Shown>,
    /// What was given on the command line, so that the settings can be read again.
    pub flags: Vec<FlagValue>,
    /// The folder whose own files were read.
    pub project: Option<PathBuf>,
    /// The captured environment: vendors' variables are asked for by the registry, by name.
    pub environment: Environment,
    /// Keys by provider; `find` takes the variables that the catalogue's row names. Blocking.
    pub keys: Arc<Keys>,
    pub preferred: Preferred,
    /// Answers come from here, and no provider is asked.
    pub replay: Option<Replay>,
    /// Answers are written here, without secrets.
    pub record: Option<PathBuf>,
    pub colour: Colour,
    /// How the project's folder stands; what an untrusted one would set is in the troubles already.
    pub trust: Trust,
    /// What was wrong so far. Front ends tell these themselves: `Description::troubles` holds only what
    /// the engine found, so that nothing is told twice.
    pub troubles: Vec<Fault>,
}

impl Inputs {
    /// Reads environment, folders, settings and flags. Nothing slow: no keychain, network, database.
    ///
    /// Fails only when a flag cannot be used; everything else that is wrong is in `troubles`.
    pub fn read(common: &Common) -> Result<Self, Failure> {
        let environment = Environment::capture();
        let (paths, fault) = Paths::prepare(&environment);
        let flags = flags(common);
        for flag in &flags {
            // A flag was typed just now: better to stop than to go on without it.
            if flag.value.as_str().is_some_and(|text| text.trim().is_empty()) {
                return Err(Failure::usage(format!("`{}` is empty", flag.flag), "name what you want, or leave it out"));
            }
        }
        let project = project_root(common);
        let loaded = load(&paths, &environment, &flags, project.as_deref());
        let environment = environment.with_project_keys(loaded.project_keys);
        let mut troubles: Vec<Fault> = fault.into_iter().collect();
        troubles.extend(loaded.troubles);
        troubles.extend(network(&loaded.settings, &environment, &paths).1);
        let terminal = environment.terminal();
        let never = common.no_color || terminal.no_color || terminal.is_dumb();
        Ok(Self {
            preferred: preferred(&loaded.settings, &loaded.shown),
            keys: Arc::new(Keys::new(&paths, environment.clone())),
            paths,
            settings: loaded.settings,
            shown: loaded.shown,
            flags,
            project,
            environment,
            replay: common.replay.clone().map(readable).transpose()?.map(Replay::File),
            record: common.record.clone(),
            colour: if never { Colour::Never } else { Colour::Auto },
            trust: loaded.trust,
            troubles,
        })
    }
}

/// All layers of settings, with those of a project where there is one.
fn load(paths: &Paths, environment: &Environment, flags: &[FlagValue], project: Option<&Path>) -> Loaded {
    match project {
        Some(root) => {
            let project = Project { root, key_variables: &key_variables };
            config::load_with_project(paths, environment, flags, &project)
        }
        None => config::load(paths, environment, flags),
    }
}

/// The folder whose own files are read: the one that the flags name, else the current one. A folder
/// that cannot be used is told when the project is wanted.
pub(super) fn project_root(common: &Common) -> Option<PathBuf> {
    let folder = common.cd.as_deref().unwrap_or(Path::new("."));
    if common.scratch { None } else { std::fs::canonicalize(folder).ok() }
}

/// The vendors' key variables, for a project's `.env`.
pub(super) fn key_variables() -> Vec<String> {
    // A catalogue that cannot be read is told where it is needed.
    let catalogue = Catalogue::builtin().ok();
    catalogue.iter().flat_map(Catalogue::providers).flat_map(|row| row.key_env.iter().cloned()).collect()
}

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

fn readable(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::not_found(
        format!("there is no recording `{}`", path.display()),
        "name a file that `--record` wrote, or watch `kiln tour`",
    ))
}

fn flags(common: &Common) -> Vec<FlagValue> {
    let mut flags = Vec::new();
    let texts = [
        ("model.provider", common.provider.as_deref(), "--provider"),
        ("model.name", common.model.as_deref(), "--model"),
        ("agent.mode", common.mode.as_deref(), "--mode"),
        ("agent.plan", common.plan.as_deref(), "--plan"),
        ("ui.theme", common.theme.as_deref(), "--theme"),
    ];
    for (key, value, flag) in texts {
        flags.extend(value.map(|value| FlagValue::text(key, value, flag)));
    }
    if common.offline {
        let value = toml::Value::Boolean(true);
        flags.push(FlagValue { key: "network.offline".to_owned(), value, flag: "--offline".to_owned() });
    }
    flags
}

/// A model's name belongs to the provider it was written beside: a provider from a later layer,
/// such as a flag, does not inherit the name from the file.
fn preferred(settings: &Settings, shown: &[Shown]) -> Preferred {
    let rank = |key: &str| shown.iter().find(|shown| shown.key == key).map_or(0, |shown| shown.origin.layer());
    let stale = settings.model.provider.is_some() && rank("model.name") < rank("model.provider");
    Preferred {
        provider: settings.model.provider.as_deref().map(ProviderId::from),
        model: settings.model.name.as_deref().filter(|_| !stale).map(ModelName::from),
    }
}

/// The project that the flags ask for.
pub fn project(common: &Common) -> Result<NewProject, Failure> {
    if common.scratch {
        return Ok(NewProject::Scratch);
    }
    let folder = common.cd.clone().unwrap_or_else(|| PathBuf::from("."));
    let unusable = |why: String| {
        let fault = Fault::new(FaultClass::Invalid, format!("the folder `{}` cannot be used", folder.display()))
            .hint("name a folder that exists with `--cd`, or use `--scratch`")
            .detail(why);
        Failure::new(Exit::NotFound, fault)
    };
    let root = std::fs::canonicalize(&folder).map_err(|error| unusable(error.to_string()))?;
    if root.is_dir() { Ok(NewProject::Directory { root }) } else { Err(unusable("it is no folder".to_owned())) }
}

/// Asks for the passphrase of the encrypted file where keys lie in it and somebody can answer.
pub fn unlock_keys(inputs: &Inputs, console: &Console) -> Result<(), Failure> {
    let asked = inputs.replay.is_none() && console.input() == Stream::Terminal && inputs.keys.needs_passphrase();
    if asked { keys::unlock(&inputs.keys) } else { Ok(()) }
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
    let around = super::mcp::surroundings(inputs, net.clone(), directory, SERVER_START);
    Some(Arc::new(Mcp::new(specs, &Ledger::at(&inputs.paths.servers_file()), &around)))
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

async fn registry(inputs: &Inputs, net: Client, troubles: &mut Vec<Fault>) -> Result<Registry, Fault> {
    if let Some(replay) = &inputs.replay {
        return replaying(replay, net);
    }
    let catalogue = catalogue(&inputs.paths, troubles)?;
    let settings = provider_settings(inputs, &catalogue);
    let keys = Arc::clone(&settings.keys);
    let weights = Weights::new(inputs.paths.weights());
    let shelf = WeightsFolder { weights: weights.clone(), settings: pull_settings(inputs, net.clone()) };
    let registry =
        Registry::new(catalogue, settings, net).with_embedded(Arc::new(local(inputs, weights)), Arc::new(shelf));
    match &inputs.record {
        Some(path) => recording(registry, path, &keys).await,
        None => Ok(registry),
    }
}

/// What is known of models: Kiln's own data, behind what was refreshed, behind the person's.
pub(super) fn catalogue(paths: &Paths, troubles: &mut Vec<Fault>) -> Result<Catalogue, Fault> {
    let mut catalogue = Catalogue::builtin()?;
    catalogue.put_model_rows(providers::refresh::kept(&paths.models_cache()));
    let file = paths.models_file();
    if let Ok(text) = std::fs::read_to_string(&file)
        && let Err(error) = catalogue.put_models(&text)
    {
        let fault = Fault::new(FaultClass::Invalid, format!("`{}` is left out: it cannot be read", file.display()));
        troubles.push(fault.hint("correct it, or move it away").detail(error));
    }
    Ok(catalogue)
}

/// A registry in which only the recording answers.
fn replaying(replay: &Replay, net: Client) -> Result<Registry, Fault> {
    let scripted = match replay {
        Replay::File(path) => Scripted::open(path, Pace::Recorded)?,
        Replay::Tour => Scripted::parse(TOUR, "the tour", Pace::Recorded)?,
    };
    let model = scripted.model().reference.clone();
    let settings = providers::registry::ProviderSettings {
        preferred: Some(model.provider.clone()),
        preferred_model: Some(model.model),
        ..Default::default()
    };
    Ok(Registry::new(Catalogue::builtin()?, settings, net).with_provider(model.provider, Arc::new(scripted)))
}

/// Puts a recorder before the provider that will be asked.
async fn recording(registry: Registry, path: &Path, keys: &KeySource) -> Result<Registry, Fault> {
    let (model, _) = registry.default_model().await;
    let id = model.reference.provider.clone();
    let provider = registry.provider(&id).await?;
    let variables = registry.catalogue().provider(&id).map(|row| row.key_env.clone()).unwrap_or_default();
    let known = keys(&id, &variables)?;
    let recorder = Recorder::create(path, provider, model, Scrubber::new(known.into_iter().collect()))?;
    Ok(registry.with_provider(id, Arc::new(recorder)))
}

fn provider_settings(inputs: &Inputs, catalogue: &Catalogue) -> providers::registry::ProviderSettings {
    let own = &inputs.settings.providers;
    let mut base_urls: BTreeMap<ProviderId, String> =
        own.iter().filter_map(|(id, row)| Some((id.as_str().into(), row.base_url.clone()?))).collect();
    // The vendors' own variables stand above the file, as the environment does everywhere.
    base_urls.extend(catalogue.base_urls(|name| inputs.environment.get(name).map(str::to_owned)));
    let rows = own.iter().filter_map(|(id, row)| {
        let known = catalogue.provider(&id.as_str().into()).is_some();
        let url = row.base_url.clone()?;
        (!known)
            .then(|| ProviderRow::custom(id.as_str().into(), row.wire.clone().unwrap_or_else(|| "chat".into()), url))
    });
    let (keys, key_names) = (Arc::clone(&inputs.keys), own.clone());
    let source = move |id: &ProviderId, variables: &[String]| {
        let row = key_names.get(id.as_str());
        let mine = row.and_then(|row| row.key_env.as_deref());
        let names: Vec<&str> = mine.into_iter().chain(variables.iter().map(String::as_str)).collect();
        let chosen = row.and_then(|row| row.key_name.as_deref());
        Ok(keys.find_named(id.as_str(), chosen, &names)?.map(|(key, _)| key))
    };
    providers::registry::ProviderSettings {
        rows: rows.collect(),
        base_urls,
        default_models: own
            .iter()
            .filter_map(|(id, row)| Some((id.as_str().into(), ModelName::from(row.default_model.as_deref()?))))
            .collect(),
        keys: Arc::new(source),
        preferred: inputs.preferred.provider.clone(),
        preferred_model: inputs.preferred.model.clone(),
        effort: inputs.settings.agent.effort,
        own_questions: if inputs.settings.agent.titles { OwnQuestions::Asked } else { OwnQuestions::Never },
    }
}

pub(super) fn net(inputs: &Inputs) -> Result<Client, Fault> {
    let (settings, _told_before) = network(&inputs.settings, &inputs.environment, &inputs.paths);
    Client::new(&settings).map_err(|error| {
        Fault::new(FaultClass::Offline, "the network settings cannot be used")
            .detail(error.to_string())
            .hint("see `kiln config show`")
    })
}

/// What the network goes by. Where a limit or a proxy cannot be used, only this machine is within
/// reach: going out without it is what somebody wanted to prevent.
fn network(settings: &Settings, environment: &Environment, paths: &Paths) -> (NetSettings, Option<Fault>) {
    let network = &settings.network;
    let reach = match &network.allow {
        _ if network.offline => Ok(Reach::Offline),
        None => Ok(Reach::Anywhere),
        Some(hosts) => Reach::only(&hosts.0),
    };
    let proxies = Proxies::from_variables(|name| environment.get(name).map(str::to_owned));
    let (reach, proxies, fault) = match (reach, proxies) {
        (Ok(reach), Ok(proxies)) => (reach, proxies, None),
        (Err(error), _) | (_, Err(error)) => {
            let fault = Fault::new(
                FaultClass::Invalid,
                "the network settings cannot be used, so only this machine is spoken to",
            )
            .detail(error.to_string())
            .hint("correct or remove what is named here; `kiln config show --origin` tells where settings are");
            (Reach::Only(Vec::new()), None, Some(fault))
        }
    };
    let settings = NetSettings {
        connect: Duration::from_secs(network.connect_timeout_s),
        first_byte: Duration::from_secs(network.first_byte_timeout_s),
        idle: Duration::from_secs(network.idle_timeout_s),
        total: (network.total_timeout_s > 0).then(|| Duration::from_secs(network.total_timeout_s)),
        extra_ca: network.ca_file.clone(),
        reach,
        proxies,
        log: Some(paths.connections()),
        ..NetSettings::default()
    };
    (settings, fault)
}

fn pull_settings(inputs: &Inputs, client: Client) -> PullSettings {
    let environment = PIP_VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), inputs.environment.get(name)?.to_owned())))
        .collect();
    PullSettings { client, hub: inputs.settings.local.weights_url.clone(), environment }
}

#[cfg(feature = "local")]
fn local(inputs: &Inputs, weights: Weights) -> LocalProvider {
    use crate::providers::local::Sampling;

    #[expect(clippy::cast_possible_truncation, reason = "0 to 2, and half the digits are more than enough")]
    let temperature = inputs.settings.local.temperature as f32;
    let sampling = Sampling { temperature, ..Sampling::default() };
    LocalProvider::new(weights).with_sampling(sampling)
}

#[cfg(not(feature = "local"))]
fn local(_inputs: &Inputs, weights: Weights) -> LocalProvider {
    LocalProvider::new(weights)
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
