//! Newer data about models from models.dev: sizes, prices, what they take.
//!
//! What is fetched is kept in one file of Kiln's cache folder; the catalogue's own rows stand
//! behind it and the person's before it. A provider that the catalogue does not have is left out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::catalogue::{Catalogue, ModelRow};
use super::wire::Images;
use crate::config::write::{atomic, unwritable};
use crate::domain::{Fault, FaultClass};
use crate::net::limit::WHOLE_ANSWER;
use crate::net::{Client, HttpRequest};

/// The document at `…/api.json`: providers by their names there.
type Document = BTreeMap<String, Vendor>;

#[derive(Deserialize)]
struct Vendor {
    #[serde(default)]
    models: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Listed {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    cost: Cost,
    #[serde(default)]
    limit: Limit,
    modalities: Option<Modalities>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cost {
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limit {
    context: Option<u64>,
    output: Option<u64>,
}

#[derive(Deserialize)]
struct Modalities {
    #[serde(default)]
    input: Vec<String>,
}

/// Fetches the data of the catalogue's providers and keeps it in `file`; says how many models.
pub async fn refresh(client: &Client, base: &str, catalogue: &Catalogue, file: &Path) -> Result<usize, Fault> {
    let url = format!("{}/api.json", base.trim_end_matches('/'));
    let failed = |detail: String| {
        Fault::new(FaultClass::Offline, format!("no newer data about models could be fetched from {base}"))
            .hint("check the network and `models.refresh_url`; the data that Kiln has stays in use")
            .detail(detail)
    };
    let request = HttpRequest::get(url).header("accept", "application/json");
    let response = client.send(request).await.map_err(|error| failed(error.to_string()))?;
    if response.status != 200 {
        return Err(failed(format!("the server answered with status {}", response.status)));
    }
    let body = response.whole(WHOLE_ANSWER).await.map_err(|error| failed(error.to_string()))?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let rows = rows(&body, catalogue, base, &date).map_err(failed)?;
    if rows.is_empty() {
        return Err(failed("it names no model of a provider that Kiln knows".to_owned()));
    }
    let text = serde_json::to_vec(&rows).map_err(|error| failed(error.to_string()))?;
    atomic(file, &text).map_err(|error| unwritable(file, &error))?;
    Ok(rows.len())
}

/// What an earlier refresh kept; nothing when there was none or the file cannot be read.
pub fn kept(file: &Path) -> Vec<ModelRow> {
    let Ok(bytes) = std::fs::read(file) else { return Vec::new() };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "the refreshed data about models cannot be read and is left out");
        Vec::new()
    })
}

fn rows(body: &[u8], catalogue: &Catalogue, source: &str, date: &str) -> Result<Vec<ModelRow>, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for provider in catalogue.providers().iter().filter(|row| row.models_of.is_none()) {
        let name = provider.models_dev.as_deref().unwrap_or(provider.id.as_str());
        let Some(vendor) = document.get(name) else { continue };
        for (key, value) in &vendor.models {
            // One odd entry must not cost the rest.
            let Ok(listed) = Listed::deserialize(value) else { continue };
            let name = listed.id.unwrap_or_else(|| key.clone());
            let price = |price: Option<f64>| price.filter(|price| price.is_finite() && *price >= 0.0);
            let size = |size: Option<u64>| size.filter(|size| *size > 0);
            rows.push(ModelRow {
                provider: provider.id.clone(),
                title: listed.name.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| name.clone()),
                name,
                window: size(listed.limit.context),
                max_output: size(listed.limit.output),
                images: listed.modalities.map(|modalities| {
                    if modalities.input.iter().any(|kind| kind == "image") { Images::Taken } else { Images::Refused }
                }),
                input: price(listed.cost.input),
                output: price(listed.cost.output),
                cache_read: price(listed.cost.cache_read),
                cache_write: price(listed.cost.cache_write),
                cache_write_long: None,
                source: source.to_owned(),
                date: date.to_owned(),
            });
        }
    }
    Ok(rows)
}
