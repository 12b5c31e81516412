//! Who can be asked: providers out of the catalogue, the settings and the keys at hand.
//!
//! Built once by the composition root; opens no connection until somebody is asked or looked for.
//! Environment, files and keychain are read elsewhere and come in as data or as a closure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use secrecy::SecretString;

use super::Provider;
use super::catalogue::{Catalogue, ProviderRow};
use super::http::{Endpoint, HttpProvider};
pub use super::shelf::{PullProgress, Shelf};
use super::wire::{self, Quirks};
use crate::domain::catalog::{ProviderStatus, Readiness, WeightsStatus};
use crate::domain::op::PullSource;
use crate::domain::{Connection, Effort, Fault, FaultClass, ModelInfo, ModelName, ModelRef, ProviderId, Purpose};
use crate::net::{Client, HttpRequest};

/// The id of the embedded model among the providers.
pub const EMBEDDED: &str = "embedded";

/// How long a local server may take to say that it is there.
const PROBE: Duration = Duration::from_millis(300);

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

    /// The model for a new session and whether it can be asked: the preferred one; else the first
    /// cloud provider with a key; else a local server that answers; else the embedded model.
    pub async fn default_model(&self) -> (ModelInfo, Readiness) {
        if let Some(id) = &self.settings.preferred {
            return self.preferred(id).await;
        }
        for row in self.catalogue.providers().iter().filter(|row| row.needs_key()) {
            if self.base_url(row).is_none() || !matches!(self.key(row).await, Ok(Some(_))) {
                continue;
            }
            if let Some(reference) = self.default_of(row) {
                return (self.model(&reference), Readiness::Ready);
            }
            // No model is named for it: the first that it lists, if it answers.
            if let Some(model) = self.first_listed(&row.id).await {
                return (model, Readiness::Ready);
            }
        }
        if let Some(model) = self.local_server().await {
            return (model, Readiness::Ready);
        }
        self.embedded()
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
            Some(url) => Some(tidy(url, row.quirks.base_path.as_deref(), row.quirks.base_port)),
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

    async fn preferred(&self, id: &ProviderId) -> (ModelInfo, Readiness) {
        if id.as_str() == EMBEDDED && self.shelf.is_some() {
            return self.embedded();
        }
        let named = self.settings.preferred_model.as_ref().map(|name| ModelRef::new(id.as_str(), name.as_str()));
        let row = self.catalogue.provider(id);
        let readiness = match row {
            _ if self.given.contains_key(id) => Readiness::Ready,
            Some(row) => self.readiness(row).await,
            None => Readiness::Unavailable(self.unknown(id).to_string()),
        };
        if let Some(reference) = named.or_else(|| self.default_of(row?)) {
            return (self.described(id, &reference).await, readiness);
        }
        // No model is named anywhere: the first that the provider lists.
        let listed = match self.provider(id).await {
            Ok(provider) => provider.list_models().await.map_err(|error| error.to_fault(provider.title())),
            Err(fault) => Err(fault),
        };
        let none = || ModelInfo::unknown(ModelRef::new(id.as_str(), ""));
        match listed {
            Ok(models) => match models.into_iter().next() {
                Some(model) => (model, readiness),
                None => (none(), Readiness::Unavailable("it lists no models".to_owned())),
            },
            Err(_) if readiness != Readiness::Ready => (none(), readiness),
            Err(fault) => (none(), Readiness::Unavailable(fault.to_string())),
        }
    }

    async fn first_listed(&self, id: &ProviderId) -> Option<ModelInfo> {
        let models = self.provider(id).await.ok()?.list_models().await.ok()?;
        models.into_iter().find(|model| answers(model.reference.model.as_str()))
    }

    /// A provider that was put in knows its models best.
    async fn described(&self, id: &ProviderId, reference: &ModelRef) -> ModelInfo {
        let listed = match self.given.get(id) {
            Some(given) => given.list_models().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let listed = listed.into_iter().find(|model| model.reference == *reference);
        match listed {
            Some(info) => info,
            None => self.with_window(id, self.model(reference)).await,
        }
    }

    /// Adds the window that only the server can tell, if it tells soon.
    async fn with_window(&self, id: &ProviderId, info: ModelInfo) -> ModelInfo {
        // Only local servers set the window up for us; others are not asked just for this.
        let local = self.catalogue.provider(id).is_some_and(|row| !row.needs_key());
        let Some(provider) = (if local { self.provider(id).await.ok() } else { None }) else { return info };
        let window = tokio::time::timeout(PROBE, provider.window(&info.reference.model)).await.ok().flatten();
        ModelInfo { window: window.or(info.window), ..info }
    }

    /// The first local server that answers and has a model.
    async fn local_server(&self) -> Option<ModelInfo> {
        let rows = self.catalogue.providers().iter().filter(|row| row.probe && !self.given.contains_key(&row.id));
        join_all(rows.map(|row| self.probe(row))).await.into_iter().flatten().next()
    }

    async fn probe(&self, row: &ProviderRow) -> Option<ModelInfo> {
        let wire = wire::by_name(&row.wire)?;
        let base = self.base_url(row)?;
        let models = wire.models_request();
        let mut request = HttpRequest::get(super::http::join(&base, &models.path)).purpose(Purpose::Probe);
        if let Some(key) = self.key(row).await.ok().flatten() {
            let (name, value) = wire.authorize(&key);
            request = request.secret_header(name, value, &base);
        }
        let answer = async {
            let response = self.net.send(request).await.ok().filter(|response| response.status == 200)?;
            response.whole(crate::net::limit::WHOLE_ANSWER).await.ok()
        };
        let body = tokio::time::timeout(PROBE, answer).await.ok().flatten()?;
        let listed = wire.decode_models(&body).ok()?;
        let wanted = self.default_of(row);
        let has = |name: &ModelRef| listed.iter().any(|model| model.id == name.model.as_str());
        let reference = match wanted.filter(has) {
            Some(reference) => reference,
            None => ModelRef::new(row.id.as_str(), listed.iter().find(|model| answers(&model.id))?.id.as_str()),
        };
        let mut info = self.model(&reference);
        if let Some(model) = listed.iter().find(|model| model.id == reference.model.as_str()) {
            info.window = model.window.or(info.window);
            info.max_output = model.max_output.or(info.max_output);
        }
        Some(self.with_window(&row.id, info).await)
    }

    fn embedded(&self) -> (ModelInfo, Readiness) {
        let Some(shelf) = &self.shelf else {
            let missing = "no key, no local server and no embedded model was found".to_owned();
            return (ModelInfo::unknown(ModelRef::new(EMBEDDED, "")), Readiness::Unavailable(missing));
        };
        let mine = self.settings.preferred.as_ref().is_some_and(|id| id.as_str() == EMBEDDED);
        let named = self.settings.preferred_model.as_ref().filter(|_| mine).map(|name| name.as_str().to_owned());
        let chosen =
            named.or_else(|| self.settings.default_models.get(&EMBEDDED.into()).map(|name| name.as_str().to_owned()));
        let name = chosen.unwrap_or_else(|| shelf.default_name());
        let info = self.model(&ModelRef::new(EMBEDDED, name.as_str()));
        let readiness = match shelf.statuses().into_iter().find(|status| status.name == name) {
            Some(status) if status.installed => Readiness::Ready,
            Some(status) => Readiness::NeedsDownload(status.download_bytes),
            None => Readiness::Unavailable(format!("no embedded model is called `{name}`")),
        };
        (info, readiness)
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

/// Whether a listed model is likely one that answers, not one that only embeds texts.
fn answers(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !["embed", "whisper", "rerank", "tts", "bge-"].iter().any(|part| name.contains(part))
}

/// Base URLs as people write them: without a scheme, or with the address a server listens on; a
/// local server's also without the path of its API.
///
/// `base_port` is for addresses without a scheme: one with a scheme means that scheme's own port.
fn tidy(url: &str, base_path: Option<&str>, base_port: Option<u16>) -> String {
    let url = url.trim().trim_end_matches('/');
    let bare = !url.contains("://");
    let mut url = if bare { format!("http://{url}") } else { url.to_owned() };
    if bare
        && let Some(port) = base_port
        && let Ok(mut parsed) = url::Url::parse(&url)
        && !url.ends_with(":80")
        && parsed.port().is_none()
        && parsed.set_port(Some(port)).is_ok()
    {
        parsed.to_string().trim_end_matches('/').clone_into(&mut url);
    }
    if let Some(path) = base_path
        && let Ok(mut parsed) = url::Url::parse(&url)
    {
        if parsed.host_str() == Some("0.0.0.0") && parsed.set_host(Some("127.0.0.1")).is_err() {
            return url;
        }
        if parsed.path() == "/" {
            parsed.set_path(path);
        }
        parsed.to_string().trim_end_matches('/').clone_into(&mut url);
    }
    url
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_tidied() {
        let path = Some("/v1");
        assert_eq!(tidy("0.0.0.0:11434", path, None), "http://127.0.0.1:11434/v1");
        assert_eq!(tidy("http://box:11434/", path, None), "http://box:11434/v1");
        assert_eq!(tidy("http://box/api/v1", path, None), "http://box/api/v1");
        assert_eq!(tidy("https://api.example.org/", None, None), "https://api.example.org");
        assert_eq!(tidy("0.0.0.0", Some("/"), Some(11434)), "http://127.0.0.1:11434");
        assert_eq!(tidy("box:80", Some("/"), Some(11434)), "http://box");
        assert_eq!(tidy("https://box", Some("/"), Some(11434)), "https://box");
    }
}
