//! Who can answer: each provider with a key is asked for its models once, all at the same time;
//! servers on this machine are looked for; the one that would answer is named.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use url::{Host, Url};

use super::Bench;
use crate::config::{Origin, Shown};
use crate::domain::catalog::Readiness;
use crate::domain::{Finding, ProviderId, Verdict};
use crate::engine::workplace::{Workplace, blocking};
use crate::providers::catalogue::{Kind, ProviderRow};
use crate::providers::registry::EMBEDDED;

/// How long a provider may take to name its models.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a server on this machine may take that nobody said is there.
const BRIEFLY: Duration = Duration::from_millis(800);

/// Servers on this machine that are looked for by themselves.
pub(super) fn local(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let rows = bench.registry.catalogue().providers().iter().filter(|row| row.probe && !chosen(row, &bench));
        let bench = &bench;
        let asked = join_all(rows.map(|row| async move {
            let listed = tokio::time::timeout(BRIEFLY, bench.registry.list_models(Some(&row.id))).await;
            (row, listed.ok().and_then(Result::ok).map(|models| models.len()))
        }))
        .await;
        let there: Vec<String> = asked
            .iter()
            .filter_map(|(row, count)| {
                let at = bench.registry.address(&row.id).unwrap_or_default();
                count.map(|count| format!("{} at {at} with {}", row.title, models(count)))
            })
            .collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let looked: Vec<&str> = asked.iter().map(|(row, _)| row.title.as_str()).collect();
        vec![if there.is_empty() {
            Finding::ok("local servers", format!("none answers; looked for {}", looked.join(", ")))
        } else {
            Finding::ok("local servers", there.join("; "))
        }]
    }
    .boxed()
}

/// Who would answer the next prompt.
pub(super) fn default(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let Ok((model, readiness)) = tokio::time::timeout(PATIENCE, bench.registry.default_model()).await else {
            return vec![
                Finding::warn("model", "who would answer is not known: the provider did not name its models in time")
                    .hint("choose one with `kiln init`"),
            ];
        };
        let name = &model.reference;
        vec![match readiness {
            Readiness::Ready => Finding::ok("model", format!("{name} answers")),
            Readiness::NeedsKey(variable) => Finding::fail("model", format!("{name} would answer, but has no key"))
                .hint(format!("`kiln init` stores one, or set `{variable}`")),
            Readiness::NeedsDownload(bytes) => Finding::warn(
                "model",
                format!("{name} would answer; its weights ({}) are not here yet", super::size(bytes)),
            )
            .hint("`kiln init` finds or chooses another, or fetches them"),
            Readiness::Unavailable(why) => Finding::fail("model", format!("{} cannot answer: {why}", name.provider))
                .hint("choose another with `kiln init`"),
        }]
    }
    .boxed()
}

/// One check for each provider that somebody set up.
pub(super) fn each(bench: &Arc<Bench>) -> Vec<BoxFuture<'static, Vec<Finding>>> {
    let rows = bench.registry.catalogue().providers().iter().filter(|row| row.id.as_str() != EMBEDDED);
    let set_up = rows.filter(|row| {
        let variables = Workplace::variables(&bench.loaded, row.id.as_str(), &row.key_env);
        let names: Vec<&str> = variables.iter().map(String::as_str).collect();
        chosen(row, bench) || bench.workplace.keys.exists(row.id.as_str(), &names)
    });
    set_up.map(|row| provider(Arc::clone(bench), row.clone()).boxed()).collect()
}

/// Whether settings or variables speak of the provider.
fn chosen(row: &ProviderRow, bench: &Bench) -> bool {
    let id = row.id.as_str();
    let named = |shown: &Shown| {
        shown.origin != Origin::Default
            && (shown.key.starts_with(&format!("providers.{id}."))
                || shown.key == "model.provider" && shown.value.as_ref().and_then(toml::Value::as_str) == Some(id))
    };
    bench.loaded.shown.iter().any(named)
        || row.base_url_env.iter().any(|variable| bench.workplace.environment.is_set(variable))
            && row.kind == Kind::Local
}

async fn provider(bench: Arc<Bench>, row: ProviderRow) -> Vec<Finding> {
    let name = format!("provider {}", row.id);
    let variables = Workplace::variables(&bench.loaded, row.id.as_str(), &row.key_env);
    let found = {
        let (bench, id) = (Arc::clone(&bench), row.id.clone());
        blocking(move || {
            let names: Vec<&str> = variables.iter().map(String::as_str).collect();
            bench.workplace.keys.find(id.as_str(), &names)
        })
        .await
    };
    let from = match found {
        Ok(Some((_, origin))) => format!("key from the {origin}"),
        Ok(None) if row.needs_key() => {
            let variable = row.key_env.first().map(String::as_str).unwrap_or_default();
            return vec![
                Finding::fail(name, "it is chosen, but has no key")
                    .hint(format!("`kiln keys set {}`, or set `{variable}`", row.id)),
            ];
        }
        Ok(None) => "no key, and needs none".to_owned(),
        Err(fault) => return vec![Finding::from_fault(name, Verdict::Fail, &fault)],
    };
    if bench.loaded.settings.network.offline && !on_this_machine(bench.registry.address(&row.id).as_deref()) {
        return vec![Finding::ok(name, format!("{from}; not asked, Kiln is offline"))];
    }
    vec![asked(&bench, &row.id, name, &from).await]
}

async fn asked(bench: &Bench, id: &ProviderId, name: String, from: &str) -> Finding {
    match tokio::time::timeout(PATIENCE, bench.registry.list_models(Some(id))).await {
        Ok(Ok(listed)) => Finding::ok(name, format!("answers with {}; {from}", models(listed.len()))),
        Ok(Err(fault)) => {
            let hint = fault.hint.clone();
            let finding = Finding::fail(name, format!("{fault}; {from}"));
            Finding { hint, ..finding }
        }
        Err(_) => Finding::fail(name, format!("no answer within {} s; {from}", PATIENCE.as_secs()))
            .hint("look at the network and the proxy, or try again later"),
    }
}

fn models(count: usize) -> String {
    if count == 1 { "1 model".to_owned() } else { format!("{count} models") }
}

fn on_this_machine(address: Option<&str>) -> bool {
    let Some(url) = address.and_then(|address| Url::parse(address).ok()) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
