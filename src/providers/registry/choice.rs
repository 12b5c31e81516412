//! Who answers when nobody is named: the preferred provider, else the first that is ready.
//!
//! Local servers are asked whether they are there; nobody else is asked anything but for a model's name.

use std::time::Duration;

use futures::future::join_all;

use super::{EMBEDDED, Registry};
use crate::domain::catalog::Readiness;
use crate::domain::{ModelInfo, ModelRef, ProviderId, Purpose};
use crate::net::HttpRequest;
use crate::providers::catalogue::ProviderRow;
use crate::providers::{address, wire};

/// How long a local server may take to say that it is there.
const PROBE: Duration = Duration::from_millis(300);

impl Registry {
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
    pub(super) async fn described(&self, id: &ProviderId, reference: &ModelRef) -> ModelInfo {
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
        let mut request = HttpRequest::get(address::join(&base, &models.path)).purpose(Purpose::Probe);
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

    /// The embedded model, and whether its weights are here.
    pub(super) fn embedded(&self) -> (ModelInfo, Readiness) {
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
}

/// Whether a listed model is likely one that answers, not one that only embeds texts.
fn answers(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !["embed", "whisper", "rerank", "tts", "bge-"].iter().any(|part| name.contains(part))
}
