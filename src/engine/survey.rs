//! What there is to work with: keys, local servers, weights, and every setting with its origin.
//! Asks nobody but servers on this machine, and looks at no value of a stored key.

use std::time::Duration;

use futures::future::join_all;

use super::actor::{Actor, Asker};
use super::settings::place;
use super::workplace::{Workplace, blocking, without};
use crate::config::{Loaded, Origin, Shown, describe};
use crate::domain::survey::{KeyState, ProviderKind, SettingKind, SettingRow, Survey, SurveyedProvider};
use crate::domain::{Fault, ModelName, Reply};
use crate::keychain::{StoredKey, masked};
use crate::providers::catalogue::{Kind, ProviderRow};
use crate::providers::registry::{EMBEDDED, Registry};

/// How long a server on this machine may take to name its models.
const PATIENCE: Duration = Duration::from_millis(800);

impl Actor {
    pub(super) fn survey(&self, asker: Asker) {
        let (registry, line, workplace) =
            (self.parts.registry.clone(), self.line.clone(), self.parts.workplace.clone());
        tokio::spawn(async move {
            let result = match workplace {
                Some(workplace) => survey(&registry, workplace).await,
                None => Err(without()),
            };
            asker.settle(&line, result.map(|survey| Reply::Surveyed { survey: Box::new(survey) })).await;
        });
    }
}

async fn survey(registry: &Registry, workplace: Workplace) -> Result<Survey, Fault> {
    let (loaded, stored, trouble) = {
        let workplace = workplace.clone();
        blocking(move || {
            let loaded = (workplace.settings)();
            // A list of keys that cannot be read is told by `kiln doctor`; here it means none.
            Ok((loaded, workplace.keys.list().unwrap_or_default(), workplace.keys.keychain().err()))
        })
        .await?
    };
    let rows = registry.catalogue().providers().iter().filter(|row| row.id.as_str() != EMBEDDED);
    let mut providers: Vec<SurveyedProvider> =
        join_all(rows.map(|row| surveyed(row, registry, &workplace, &loaded, &stored))).await;
    let weights = registry.weights();
    if !weights.is_empty() {
        providers.push(embedded(&weights, &loaded));
    }
    Ok(Survey {
        providers,
        weights,
        settings: loaded
            .shown
            .iter()
            .filter(|shown| !shown.key.starts_with("providers."))
            .map(|s| row(s, &workplace))
            .collect(),
        file: workplace.paths.settings_file().display().to_string(),
        storage: place(loaded.settings.keys.storage),
        keychain_trouble: trouble,
        key_file: workplace.keys.has_file(),
        locked: !workplace.keys.has_passphrase(),
    })
}

async fn surveyed(
    row: &ProviderRow,
    registry: &Registry,
    workplace: &Workplace,
    loaded: &Loaded,
    stored: &[StoredKey],
) -> SurveyedProvider {
    let variables = Workplace::variables(loaded, row.id.as_str(), &row.key_env);
    let key = key_state(row.id.as_str(), &variables, workplace, stored);
    let own = loaded.settings.providers.get(row.id.as_str()).and_then(|settings| settings.default_model.as_deref());
    let model = own.or(row.default_model.as_deref()).map(ModelName::from);
    let (kind, models) = match row.kind {
        Kind::Cloud => (ProviderKind::Cloud, Vec::new()),
        Kind::Local if row.probe => {
            let listed = tokio::time::timeout(PATIENCE, registry.list_models(Some(&row.id))).await;
            let models = listed.ok().and_then(Result::ok);
            let names = models.iter().flatten().map(|model| model.reference.model.clone()).collect();
            (ProviderKind::Local { answers: Some(models.is_some()) }, names)
        }
        Kind::Local => (ProviderKind::Local { answers: None }, Vec::new()),
    };
    SurveyedProvider { id: row.id.clone(), title: row.title.clone(), kind, key, variables, model, models }
}

fn key_state(id: &str, variables: &[String], workplace: &Workplace, stored: &[StoredKey]) -> KeyState {
    for variable in variables {
        if let Some(key) = workplace.environment.secret(variable) {
            return KeyState::Environment { variable: variable.clone(), tail: masked(&key) };
        }
    }
    match stored.iter().find(|key| key.provider == id) {
        Some(key) => KeyState::Stored { place: place(key.place) },
        None => KeyState::Missing,
    }
}

fn embedded(weights: &[crate::domain::catalog::WeightsStatus], loaded: &Loaded) -> SurveyedProvider {
    let own = loaded.settings.providers.get(EMBEDDED).and_then(|settings| settings.default_model.as_deref());
    let here: Vec<ModelName> =
        weights.iter().filter(|w| w.installed).map(|w| ModelName::from(w.name.as_str())).collect();
    let model = own.map(ModelName::from).or_else(|| here.last().cloned());
    SurveyedProvider {
        id: EMBEDDED.into(),
        title: "the embedded model".to_owned(),
        kind: ProviderKind::Embedded,
        key: KeyState::Missing,
        variables: Vec::new(),
        model: model.or_else(|| weights.first().map(|w| ModelName::from(w.name.as_str()))),
        models: here,
    }
}

/// A setting for people: what it may be, what it is for, and who decides.
fn row(shown: &Shown, workplace: &Workplace) -> SettingRow {
    let kind = match describe::kind(&shown.key) {
        describe::Kind::Switch => SettingKind::Switch,
        describe::Kind::Words(words) => SettingKind::Choice { words },
        describe::Kind::Number => SettingKind::Number,
        describe::Kind::Text => SettingKind::Text,
        describe::Kind::Other => SettingKind::Other,
    };
    let own = workplace.paths.settings_file();
    let overridden = match &shown.origin {
        Origin::Default => None,
        Origin::File { path, .. } if *path == own => None,
        other => Some(other.to_string()),
    };
    let value = shown.value.as_ref().map(|value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let origin = match &shown.origin {
        Origin::File { path, line } if *path == own => format!("your settings, line {line}"),
        other => other.to_string(),
    };
    SettingRow { key: shown.key.clone(), kind, value, about: describe::about(&shown.key), origin, overridden }
}
