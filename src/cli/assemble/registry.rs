//! The providers' part of the assembly: catalogue, settings, keys, embedded model, recordings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Inputs, Replay};
use crate::config::Paths;
use crate::domain::{Fault, FaultClass, ModelName, ProviderId};
use crate::net::Client;
use crate::providers;
use crate::providers::cassette::Recorder;
use crate::providers::catalogue::{Catalogue, ProviderRow};
use crate::providers::local::{LocalProvider, PullSettings, Weights};
use crate::providers::registry::{KeySource, OwnQuestions, ProviderSettings, Registry};
use crate::providers::scripted::{Pace, Scripted};
use crate::providers::scrub::Scrubber;
use crate::providers::shelf::WeightsFolder;

/// The recording behind `kiln tour`.
const TOUR: &str = include_str!("../../../assets/tour.jsonl");
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

/// Everyone who can be asked; behind `--replay`, the recording alone.
pub(super) async fn registry(inputs: &Inputs, net: Client, troubles: &mut Vec<Fault>) -> Result<Registry, Fault> {
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
pub(in crate::cli) fn catalogue(paths: &Paths, troubles: &mut Vec<Fault>) -> Result<Catalogue, Fault> {
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
    let settings = ProviderSettings {
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

fn provider_settings(inputs: &Inputs, catalogue: &Catalogue) -> ProviderSettings {
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
    ProviderSettings {
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
