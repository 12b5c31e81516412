//! What the rooms are made from: environment, folders, settings and flags, read and merged.
//!
//! Nothing slow happens here: no keychain, no network, no database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::network;
use crate::cli::exit::{Exit, Failure};
use crate::cli::flags::Common;
use crate::config::{self, Environment, FlagValue, Loaded, Paths, Project, Settings, Shown, Trust};
use crate::domain::op::NewProject;
use crate::domain::{Fault, FaultClass, ModelName, ProviderId};
use crate::keychain::Keys;
use crate::providers::catalogue::Catalogue;

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
        troubles.extend(network::settings(&loaded.settings, &environment, &paths).1);
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
pub(super) fn load(paths: &Paths, environment: &Environment, flags: &[FlagValue], project: Option<&Path>) -> Loaded {
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
pub(in crate::cli) fn project_root(common: &Common) -> Option<PathBuf> {
    let folder = common.cd.as_deref().unwrap_or(Path::new("."));
    if common.scratch { None } else { std::fs::canonicalize(folder).ok() }
}

/// The vendors' key variables, for a project's `.env`.
pub(in crate::cli) fn key_variables() -> Vec<String> {
    // A catalogue that cannot be read is told where it is needed.
    let catalogue = Catalogue::builtin().ok();
    catalogue.iter().flat_map(Catalogue::providers).flat_map(|row| row.key_env.iter().cloned()).collect()
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
pub(super) fn preferred(settings: &Settings, shown: &[Shown]) -> Preferred {
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
