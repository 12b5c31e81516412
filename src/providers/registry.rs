//! Who can be asked: providers out of the catalogue, the settings and the keys at hand.
//!
//! Built once by the composition root; opens no connection until somebody is asked or looked for.
//! Environment, files and keychain are read elsewhere and come in as data or as a closure.

mod choice;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use secrecy::SecretString;

use super::catalogue::{Catalogue, ProviderRow};
use super::http::{Endpoint, HttpProvider};
pub use super::shelf::{PullProgress, Shelf};
use super::wire::{self, Quirks};
use super::{Provider, address};
use crate::domain::catalog::{ProviderStatus, Readiness, WeightsStatus};
use crate::domain::op::PullSource;
use crate::domain::{Connection, Effort, Fault, FaultClass, ModelInfo, ModelName, ModelRef, ProviderId};
use crate::net::Client;

/// The id of the embedded model among the providers.
pub const EMBEDDED: &str = "embedded";

/// Finds a provider's key: stored under its id, or in one of the variables. May block.
pub type KeySource = Arc<dyn Fn(&ProviderId, &[String]) -> Result<Option<SecretString>, Fault> + Send + Sync>;

/// What the person's settings say about providers.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Rows that add to the catalogue or replace one of its own.
    pub rows: Vec<ProviderRow>,
    /// Base URLs from settings and variables (see [`Catalogue::base_urls`]).
    pub base_urls: BTreeMap<ProviderId, String>,
    /// Models used when none is named, by provider.
    pub default_models: BTreeMap<ProviderId, ModelName>,
    pub keys: KeySource,
    /// The provider to use when it is not chosen by what is ready.
    pub preferred: Option<ProviderId>,
    /// The model to use there; without one, its default.
    pub preferred_model: Option<ModelName>,
    /// How hard models should think; `None` leaves it to them.
    pub effort: Option<Effort>,
    pub own_questions: OwnQuestions,
}

/// Whether Kiln may ask models small questions of its own, such as for a session's title.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnQuestions {
    #[default]
    Never,
    /// Of providers over the network, never of the embedded model or a recording.
    Asked,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            base_urls: BTreeMap::new(),
            default_models: BTreeMap::new(),
            keys: Arc::new(|_, _| Ok(None)),
            preferred: None,
            preferred_model: None,
            effort: None,
            own_questions: OwnQuestions::Never,
        }
    }
}

/// Providers by id.
pub struct Registry {
    catalogue: Arc<Catalogue>,
    settings: ProviderSettings,
    net: Client,
    /// Providers that were put in as they are: the embedded one, recordings, tests.
    given: BTreeMap<ProviderId, Arc<dyn Provider>>,
    shelf: Option<Arc<dyn Shelf>>,
    built: Mutex<BTreeMap<ProviderId, Arc<dyn Provider>>>,
}

impl Registry {
    /// A registry over a catalogue; nothing is connected.
    pub fn new(mut catalogue: Catalogue, settings: ProviderSettings, net: Client) -> Self {
        for row in &settings.rows {
            catalogue.put(row.clone());
        }
        Self {
            catalogue: Arc::new(catalogue),
            settings,
            net,
            given: BTreeMap::new(),
            shelf: None,
            built: Mutex::default(),
        }
    }

    /// Puts a provider in as it is, before any row of the same id.
    #[must_use]
    pub fn with_provider(mut self, id: ProviderId, provider: Arc<dyn Provider>) -> Self {
        self.given.insert(id, provider);
        self
    }

    /// Puts the embedded model in, with the weights that it runs on.
    #[must_use]
    pub fn with_embedded(mut self, provider: Arc<dyn Provider>, shelf: Arc<dyn Shelf>) -> Self {
        self.given.insert(EMBEDDED.into(), provider);
        self.shelf = Some(shelf);
        self
    }

    /// The rows that this registry goes by.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Someone to ask. Fails when nobody has this id, the key is missing or cannot be read.
    pub async fn provider(&self, id: &ProviderId) -> Result<Arc<dyn Provider>, Fault> {
        if let Some(given) = self.given.get(id) {
            return Ok(Arc::clone(given));
        }
        if let Some(built) = self.built.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(built));
        }
        let row = self.catalogue.provider(id).ok_or_else(|| self.unknown(id))?;
        let key = if self.base_url(row).is_some() { self.key(row).await? } else { None };
        let provider = self.build(row, key)?;
        self.built.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::clone(&provider));
        Ok(provider)
    }

    fn build(&self, row: &ProviderRow, key: Option<SecretString>) -> Result<Arc<dyn Provider>, Fault> {
        let id = &row.id;
        let wire = wire::by_name(&row.wire).ok_or_else(|| {
            let names: Vec<_> = wire::WIRES.iter().map(|wire| wire.name()).collect();
            Fault::new(FaultClass::Invalid, format!("provider `{id}` speaks `{}`, which Kiln does not know", row.wire))
                .hint(format!("set its `wire` to one of {}", names.join(", ")))
        })?;
        let base_url = self.base_url(row).ok_or_else(|| no_address(row))?;
        if key.is_none() && row.needs_key() {
            return Err(no_key(row));
        }
        Ok(Arc::new(HttpProvider::new(
            (row.id.clone(), row.title.clone()),
            wire,
            self.net.clone(),
            Endpoint { base_url, key },
            Quirks { effort: self.settings.effort, ..row.quirks.clone() },
            Arc::clone(&self.catalogue),
        )))
    }

    /// Someone to ask a question of Kiln's own, if that is allowed.
    pub async fn for_own_question(&self, id: &ProviderId) -> Option<Arc<dyn Provider>> {
        let asked = self.settings.own_questions == OwnQuestions::Asked && !self.given.contains_key(id);
        if asked { self.provider(id).await.ok() } else { None }
    }

    /// Forgets what was built for a provider, after its key changed.
    pub fn forget(&self, id: &ProviderId) {
        self.built.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// What is known of a model; a provider that was put in knows its own best.
    pub async fn info(&self, reference: &ModelRef) -> ModelInfo {
        self.described(&reference.provider, reference).await
    }

    /// What is known of a model without asking anybody.
    fn model(&self, reference: &ModelRef) -> ModelInfo {
        let embedded = self.shelf.as_ref().filter(|_| reference.provider.as_str() == EMBEDDED);
        embedded
            .and_then(|shelf| shelf.model(reference.model.as_str()))
            .unwrap_or_else(|| self.catalogue.model(reference))
    }

    /// Every provider and its state; asks no server but the embedded model's folder.
    pub async fn statuses(&self) -> Vec<ProviderStatus> {
        let mut statuses = Vec::new();
        for row in self.catalogue.providers().iter().filter(|row| !self.given.contains_key(&row.id)) {
            statuses.push(ProviderStatus {
                id: row.id.clone(),
                title: row.title.clone(),
                readiness: self.readiness(row).await,
                default_model: self.default_of(row),
            });
        }
        for (id, provider) in &self.given {
            let is_embedded = id.as_str() == EMBEDDED && self.shelf.is_some();
            let (model, readiness) = if is_embedded {
                self.embedded()
            } else {
                (self.model(&ModelRef::new(id.as_str(), "")), Readiness::Ready)
            };
            statuses.push(ProviderStatus {
                id: id.clone(),
                title: provider.title().to_owned(),
                readiness,
                default_model: is_embedded.then_some(model.reference),
            });
        }
        statuses
    }

    /// The models of one provider as it lists them; or those of all that are ready, leaving out
    /// providers that do not answer.
    pub async fn list_models(&self, id: Option<&ProviderId>) -> Result<Vec<ModelInfo>, Fault> {
        if let Some(id) = id {
            let provider = self.provider(id).await?;
            return provider.list_models().await.map_err(|error| error.to_fault(provider.title()));
        }
        let ids = self.given.keys().chain(self.catalogue.providers().iter().map(|row| &row.id));
        let lists = join_all(ids.map(|id| async move {
            let provider = self.provider(id).await.ok()?;
            provider.list_models().await.ok()
        }));
        Ok(lists.await.into_iter().flatten().flatten().collect())
    }

    /// The client that everybody sends through.
    pub fn net(&self) -> &Client {
        &self.net
    }

    /// The requests of this run and those that were refused, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        self.net.connections()
    }

    /// The models of one provider as it lists them with this key; without one, with the key at hand.
    /// What is built for it is not kept.
    pub async fn list_models_with(&self, id: &ProviderId, key: Option<SecretString>) -> Result<Vec<ModelInfo>, Fault> {
        let (Some(key), None) = (key, self.given.get(id)) else { return self.list_models(Some(id)).await };
        let row = self.catalogue.provider(id).ok_or_else(|| self.unknown(id))?;
        let provider = self.build(row, Some(key))?;
        provider.list_models().await.map_err(|error| error.to_fault(provider.title()))
    }

    /// Where a provider's API is, as far as that is known.
    pub fn address(&self, id: &ProviderId) -> Option<String> {
        self.base_url(self.catalogue.provider(id)?)
    }

    /// The embedded model's weights.
    pub fn weights(&self) -> Vec<WeightsStatus> {
        self.shelf.as_ref().map(|shelf| shelf.statuses()).unwrap_or_default()
    }

    /// Fetches weights of the embedded model. Dropping the future stops.
    pub async fn pull(&self, name: &str, from: PullSource, progress: PullProgress) -> Result<PathBuf, Fault> {
        match &self.shelf {
            Some(shelf) => shelf.pull(name, from, progress).await,
            None => Err(Fault::new(FaultClass::Invalid, "this Kiln holds no embedded model")
                .hint("build it with the feature `local`")),
        }
    }

    async fn key(&self, row: &ProviderRow) -> Result<Option<SecretString>, Fault> {
        let (keys, id, variables) = (Arc::clone(&self.settings.keys), row.id.clone(), row.key_env.clone());
        // A keychain may take its time.
        tokio::task::spawn_blocking(move || keys(&id, &variables))
            .await
            .map_err(|_| Fault::new(FaultClass::Internal, "reading the key failed"))?
    }

    fn base_url(&self, row: &ProviderRow) -> Option<String> {
        match self.settings.base_urls.get(&row.id) {
            Some(url) => Some(address::tidy(url, row.quirks.base_path.as_deref(), row.quirks.base_port)),
            None => row.base_url.clone(),
        }
    }

    fn default_of(&self, row: &ProviderRow) -> Option<ModelRef> {
        let chosen = self.settings.default_models.get(&row.id).map(ModelName::as_str).or(row.default_model.as_deref());
        chosen.map(|name| ModelRef::new(row.id.as_str(), name))
    }

    async fn readiness(&self, row: &ProviderRow) -> Readiness {
        if self.base_url(row).is_none() {
            return Readiness::Unavailable("its base URL is not set".to_owned());
        }
        if !row.needs_key() {
            return Readiness::Ready;
        }
        match self.key(row).await {
            Ok(Some(_)) => Readiness::Ready,
            Ok(None) => Readiness::NeedsKey(row.key_env.first().cloned().unwrap_or_default()),
            Err(fault) => Readiness::Unavailable(with_hint(&fault)),
        }
    }

    fn unknown(&self, id: &ProviderId) -> Fault {
        let ids = self
            .catalogue
            .providers()
            .iter()
            .map(|row| row.id.as_str())
            .chain(self.given.keys().map(ProviderId::as_str));
        let scored = ids.map(|name| (strsim::jaro_winkler(name, id.as_str()), name));
        let nearest = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.8);
        let hint = match nearest {
            Some((_, name)) => format!("did you mean `{name}`?"),
            None => "`kiln models list` names all providers".to_owned(),
        };
        Fault::new(FaultClass::Invalid, format!("no provider is called `{id}`")).hint(hint)
    }
}

/// What is wrong and the way out, where only one text can be told.
fn with_hint(fault: &Fault) -> String {
    fault.hint.as_ref().map_or_else(|| fault.to_string(), |hint| format!("{fault}; {hint}"))
}

fn no_key(row: &ProviderRow) -> Fault {
    let variable = row.key_env.first().map(String::as_str).unwrap_or_default();
    Fault::new(FaultClass::Auth, format!("there is no key for {}", row.title))
        .hint(format!("set {variable}, or store it with `kiln keys set {}`", row.id))
}

fn no_address(row: &ProviderRow) -> Fault {
    let variable = row.base_url_env.first().map(String::as_str).unwrap_or_default();
    Fault::new(FaultClass::Invalid, format!("the address of {} is not set", row.title))
        .hint(format!("set {variable}, or `providers.{}.base_url` in the configuration", row.id))
}
