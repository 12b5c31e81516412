//! What is known of providers and models before anybody is asked: the rows of
//! `assets/providers.toml` and `assets/models.toml`, and the user's own on top.
//!
//! A row is data; nothing here opens a connection or knows a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire::{Images, ModelRules, Quirks, RuleRow};
use crate::domain::model::Prices;
use crate::domain::{Fault, FaultClass, ModelInfo, ModelRef, ProviderId};

/// Where a provider runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somewhere else; needs a key.
    Cloud,
    /// On this machine or in its network; a key is possible but not needed.
    Local,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    pub id: ProviderId,
    pub title: String,
    /// The protocol's name.
    pub wire: String,
    pub kind: Kind,
    /// Where its API is; without one, it must be set.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Variables that move the address; the first one set counts.
    #[serde(default)]
    pub base_url_env: Vec<String>,
    /// Variables that carry the key; the first one set counts.
    #[serde(default)]
    pub key_env: Vec<String>,
    /// The model that is used when none is named; without one, the first that it lists.
    #[serde(default)]
    pub default_model: Option<String>,
    /// Whether a local server is looked for when nothing else is there.
    #[serde(default)]
    pub probe: bool,
    /// The provider whose models these are too, where one vendor has two rows.
    #[serde(default)]
    pub models_of: Option<ProviderId>,
    /// Its name at models.dev, where that is another.
    #[serde(default)]
    pub models_dev: Option<String>,
    #[serde(default)]
    pub quirks: Quirks,
}

impl ProviderRow {
    /// A provider that only the user's settings know.
    pub fn custom(id: ProviderId, wire: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            title: id.as_str().to_owned(),
            id,
            wire: wire.into(),
            // Whether it needs a key is not known; asking without one shows.
            kind: Kind::Local,
            base_url: Some(base_url.into()),
            base_url_env: Vec::new(),
            key_env: Vec::new(),
            default_model: None,
            probe: false,
            models_of: None,
            models_dev: None,
            quirks: Quirks::default(),
        }
    }

    /// Whether nothing works without a key.
    pub fn needs_key(&self) -> bool {
        self.kind == Kind::Cloud
    }
}

/// A model; prices in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    pub provider: ProviderId,
    pub name: String,
    pub title: String,
    #[serde(default)]
    pub window: Option<u64>,
    #[serde(default)]
    pub max_output: Option<u64>,
    /// Whether it takes pictures; unknown without.
    #[serde(default)]
    pub images: Option<Images>,
    #[serde(default)]
    pub input: Option<f64>,
    #[serde(default)]
    pub output: Option<f64>,
    #[serde(default)]
    pub cache_read: Option<f64>,
    #[serde(default)]
    pub cache_write: Option<f64>,
    #[serde(default)]
    pub cache_write_long: Option<f64>,
    /// Where the figures come from.
    pub source: String,
    /// The day they were read.
    pub date: String,
}

impl ModelRow {
    fn prices(&self) -> Option<Prices> {
        let (input, output) = (nano(self.input?)?, nano(self.output?)?);
        let known = |price: Option<f64>| price.and_then(nano);
        Some(Prices {
            input,
            cache_read: known(self.cache_read),
            cache_write_short: known(self.cache_write),
            cache_write_long: known(self.cache_write_long),
            output,
        })
    }

    /// Whether the row is about a model of this name: the name itself, or a dated form of it.
    fn covers(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name.as_str()) else { return false };
        let date = rest.strip_prefix(['-', '@']).unwrap_or_default();
        rest.is_empty() || (date.len() >= 8 && date.chars().all(|c| c.is_ascii_digit() || c == '-'))
    }
}

/// Dollars per million tokens as billionths of a dollar per token.
fn nano(dollars: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (0.0..1e12).contains(&dollars).then(|| (dollars * 1000.0).round() as u64)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvidersFile {
    provider: Vec<ProviderRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelsFile {
    #[serde(default)]
    model: Vec<ModelRow>,
    #[serde(default)]
    rule: Vec<RuleRow>,
}

/// All rows, in the order of choice.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    providers: Vec<ProviderRow>,
    models: Vec<ModelRow>,
    rules: Vec<RuleRow>,
}

impl Catalogue {
    /// The rows that Kiln carries.
    pub fn builtin() -> Result<Self, Fault> {
        Self::parse(include_str!("../../assets/providers.toml"), include_str!("../../assets/models.toml"))
    }

    /// Rows from the text of two files.
    pub fn parse(providers: &str, models: &str) -> Result<Self, Fault> {
        let fault = |what: &str, error: toml::de::Error| {
            Fault::new(FaultClass::Internal, format!("the catalogue of {what} cannot be read"))
                .detail(error.to_string())
        };
        let providers: ProvidersFile = toml::from_str(providers).map_err(|error| fault("providers", error))?;
        let models: ModelsFile = toml::from_str(models).map_err(|error| fault("models", error))?;
        Ok(Self { providers: providers.provider, models: models.model, rules: models.rule })
    }

    /// Adds a row, or replaces the one of the same id in its place.
    pub fn put(&mut self, row: ProviderRow) {
        match self.providers.iter_mut().find(|have| have.id == row.id) {
            Some(have) => *have = row,
            None => self.providers.push(row),
        }
    }

    /// Adds models and rules out of the text of a file; they go before those that are there.
    pub fn put_models(&mut self, text: &str) -> Result<(), String> {
        let file: ModelsFile = toml::from_str(text).map_err(|error| error.to_string())?;
        self.models.splice(..0, file.model);
        self.rules.splice(..0, file.rule);
        Ok(())
    }

    /// Adds models that go before those that are there.
    pub fn put_model_rows(&mut self, rows: Vec<ModelRow>) {
        self.models.splice(..0, rows);
    }

    /// What a model takes over a protocol; nothing is known of most.
    pub fn rules(&self, wire: &str, model: &str) -> ModelRules {
        self.rules.iter().find(|rule| rule.covers(wire, model)).map(|rule| rule.takes.clone()).unwrap_or_default()
    }

    /// Whether a model takes pictures, where that is known.
    pub fn images(&self, reference: &ModelRef) -> Option<Images> {
        self.rows_of(reference).find_map(|row| row.images)
    }

    /// The rows about a model, the best first: of its very name, then of the name without a date.
    fn rows_of(&self, reference: &ModelRef) -> impl Iterator<Item = &ModelRow> {
        let name = reference.model.as_str().to_owned();
        let vendor = self.provider(&reference.provider).and_then(|row| row.models_of.as_ref());
        let vendor = vendor.unwrap_or(&reference.provider).clone();
        let exact = name.clone();
        let (ours, also_ours) = (vendor.clone(), vendor);
        let named = self.models.iter().filter(move |row| row.provider == ours && row.name == exact);
        named.chain(
            self.models.iter().filter(move |row| row.provider == also_ours && row.name != name && row.covers(&name)),
        )
    }

    /// All providers, in the order of choice.
    pub fn providers(&self) -> &[ProviderRow] {
        &self.providers
    }

    /// The row of an id.
    pub fn provider(&self, id: &ProviderId) -> Option<&ProviderRow> {
        self.providers.iter().find(|row| row.id == *id)
    }

    /// What is known of a model; of an unknown one, its name.
    pub fn model(&self, reference: &ModelRef) -> ModelInfo {
        let mut info = ModelInfo::unknown(reference.clone());
        if let Some(row) = self.rows_of(reference).next() {
            info.title.clone_from(&row.title);
        }
        // What a newer row leaves open, an older one may tell; prices belong together.
        info.window = self.rows_of(reference).find_map(|row| row.window);
        info.max_output = self.rows_of(reference).find_map(|row| row.max_output);
        info.prices = self.rows_of(reference).find_map(ModelRow::prices);
        info
    }

    /// The base URLs that variables set; `lookup` reads a variable.
    pub fn base_urls(&self, lookup: impl Fn(&str) -> Option<String>) -> BTreeMap<ProviderId, String> {
        let set = |row: &ProviderRow| {
            let url = row.base_url_env.iter().find_map(|name| lookup(name).filter(|url| !url.trim().is_empty()))?;
            Some((row.id.clone(), url))
        };
        self.providers.iter().filter_map(set).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;
    use crate::domain::{Cost, Money, Usage};

    #[test]
    fn every_row_is_whole_and_speaks_a_known_wire() {
        let catalogue = Catalogue::builtin().unwrap();
        for row in catalogue.providers() {
            assert!(wire::by_name(&row.wire).is_some(), "{}", row.id);
            assert_eq!(catalogue.providers().iter().filter(|other| other.id == row.id).count(), 1, "{}", row.id);
            assert!(row.base_url.is_some() || !row.base_url_env.is_empty(), "{}", row.id);
            assert!(!row.needs_key() || !row.key_env.is_empty(), "{}", row.id);
            assert!(!row.probe || row.kind == Kind::Local, "{}", row.id);
        }
        for row in &catalogue.models {
            assert!(catalogue.provider(&row.provider).is_some(), "{}", row.name);
            assert!(!row.source.is_empty() && row.date.parse::<jiff::civil::Date>().is_ok(), "{}", row.name);
        }
        for rule in &catalogue.rules {
            assert!(rule.wires.iter().all(|name| wire::by_name(name).is_some()), "{:?}", rule.models);
            assert!(rule.takes.effort.is_sorted(), "{:?}", rule.models);
            assert!(!rule.source.is_empty() && rule.date.parse::<jiff::civil::Date>().is_ok(), "{:?}", rule.models);
        }
    }

    #[test]
    fn prices_are_exact_and_unknown_ones_unknown() {
        let catalogue = Catalogue::builtin().unwrap();
        let prices = |model: &str| catalogue.model(&ModelRef::new("anthropic", model)).prices;
        let haiku = prices("claude-haiku-4-5-20251001").unwrap();
        assert_eq!(
            (haiku.input, haiku.output, haiku.cache_read, haiku.cache_write_short),
            (1000, 5000, Some(100), Some(1250))
        );
        assert_eq!(haiku.cache_write_long, None);
        let usage = Usage { cache_read: 10, output_visible: 1, ..Usage::default() };
        assert_eq!(haiku.cost(&usage), Cost::Known(Money(6000)));
        assert_eq!(haiku.cost(&Usage { cache_write_long: 1, ..usage }), Cost::Unknown);
        assert_eq!(prices("claude-haiku-4-5-turbo"), None);
        assert_eq!(prices("something-new"), None);
        let mini = catalogue.model(&ModelRef::new("openai", "gpt-5.4-mini"));
        assert_eq!(mini.window, Some(400_000));
    }

    #[test]
    fn a_users_row_goes_first() {
        let mut catalogue = Catalogue::builtin().unwrap();
        let count = catalogue.providers().len();
        catalogue.put(ProviderRow::custom("mine".into(), "chat", "http://10.0.0.1/v1"));
        catalogue.put(ProviderRow { title: "X".into(), ..catalogue.provider(&"groq".into()).unwrap().clone() });
        assert_eq!(catalogue.providers().len(), count + 1);
        assert_eq!(catalogue.provider(&"groq".into()).unwrap().title, "X");
    }
}
