//! Who is chosen when nobody is named, and what is said when nobody can be asked.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kiln::domain::catalog::{Readiness, WeightsStatus};
use kiln::domain::op::PullSource;
use kiln::domain::{Fault, FaultClass, ModelInfo, ModelName, ModelRef, ProviderId};
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::{Catalogue, Kind};
use kiln::providers::registry::{ProviderSettings, PullProgress, Registry, Shelf};
use kiln::providers::scripted::{Pace, Scripted};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Weights;

impl Shelf for Weights {
    fn statuses(&self) -> Vec<WeightsStatus> {
        let (name, title, licence, note) = ("tiny".into(), "Tiny".into(), "MIT".into(), String::new());
        let sources = Vec::new();
        vec![WeightsStatus {
            name,
            title,
            licence,
            download_bytes: 98,
            memory_bytes: 1,
            sources,
            installed: false,
            note,
        }]
    }

    fn model(&self, name: &str) -> Option<ModelInfo> {
        (name == "tiny")
            .then(|| ModelInfo { window: Some(8192), ..ModelInfo::unknown(ModelRef::new("embedded", name)) })
    }

    fn default_name(&self) -> String {
        "tiny".to_owned()
    }

    fn pull<'a>(&'a self, _: &'a str, _: PullSource, _: PullProgress) -> BoxFuture<'a, Result<PathBuf, Fault>> {
        async { Ok(PathBuf::new()) }.boxed()
    }
}

/// Settings under which every local server is where nobody listens, but for those given.
fn settings(key_for: &'static [&'static str], local: &[(&str, String)]) -> ProviderSettings {
    let mut settings = ProviderSettings {
        keys: Arc::new(|id, _| Ok(key_for.contains(&id.as_str()).then(|| "k".into()))),
        ..ProviderSettings::default()
    };
    for row in Catalogue::builtin().unwrap().providers().iter().filter(|row| row.kind == Kind::Local) {
        settings.base_urls.insert(row.id.clone(), "http://127.0.0.1:1".to_owned());
    }
    for (id, url) in local {
        settings.base_urls.insert(ProviderId::new(*id), url.clone());
    }
    settings
}

fn registry(settings: ProviderSettings) -> Registry {
    let embedded = Arc::new(Scripted::new(Weights.model("tiny").unwrap(), vec![], Pace::Instant));
    let net = Client::new(&NetSettings::default()).unwrap();
    Registry::new(Catalogue::builtin().unwrap(), settings, net).with_embedded(embedded, Arc::new(Weights))
}

async fn chosen(settings: ProviderSettings) -> (String, Readiness) {
    let (model, readiness) = registry(settings).default_model().await;
    (model.reference.to_string(), readiness)
}

#[tokio::test]
async fn a_key_goes_before_a_local_server_and_that_before_the_embedded_model() {
    let server = MockServer::start().await;
    let list = serde_json::json!({"data": [{"id": "nomic-embed-text"}, {"id": "qwen"}]});
    Mock::given(path("/v1/models")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    let local = [("lm-studio", server.uri())];
    let (model, readiness) = chosen(settings(&["groq", "openai"], &local)).await;
    assert!(model.starts_with("openai/") && readiness == Readiness::Ready, "{model}");
    assert_eq!(chosen(settings(&[], &local)).await, ("lm-studio/qwen".into(), Readiness::Ready));
    assert_eq!(chosen(settings(&[], &[])).await, ("embedded/tiny".into(), Readiness::NeedsDownload(98)));
}

#[tokio::test]
async fn a_preference_holds_even_when_it_is_not_ready() {
    let mut preferring = settings(&["openai"], &[]);
    preferring.preferred = Some("groq".into());
    preferring.preferred_model = Some(ModelName::new("x"));
    assert_eq!(chosen(preferring).await, ("groq/x".into(), Readiness::NeedsKey("GROQ_API_KEY".into())));
    let mut preferring = settings(&["openai"], &[]);
    preferring.preferred = Some("embedded".into());
    assert_eq!(chosen(preferring).await, ("embedded/tiny".into(), Readiness::NeedsDownload(98)));
    let mut unknown = settings(&[], &[]);
    unknown.preferred = Some("grok".into());
    assert!(matches!(chosen(unknown).await.1, Readiness::Unavailable(_)));
}

#[tokio::test]
async fn whoever_cannot_be_asked_says_what_to_do() {
    let registry = registry(settings(&["openai"], &[]));
    let fault = async |id: &str| registry.provider(&ProviderId::new(id)).await.err();
    let missing = fault("anthropic").await.unwrap();
    assert_eq!(missing.class, FaultClass::Auth);
    assert!(missing.hint.unwrap().contains("ANTHROPIC_API_KEY"));
    assert!(fault("antropic").await.unwrap().hint.unwrap().contains("`anthropic`"));
    assert!(fault("azure-openai").await.unwrap().hint.unwrap().contains("AZURE_OPENAI_BASE_URL"));
    assert!(fault("openai").await.is_none());
    let statuses = registry.statuses().await;
    let of = |id: &str| statuses.iter().find(|status| status.id.as_str() == id).unwrap().readiness.clone();
    assert_eq!(of("openai"), Readiness::Ready);
    assert_eq!(of("mistral"), Readiness::NeedsKey("MISTRAL_API_KEY".into()));
    assert_eq!(of("embedded"), Readiness::NeedsDownload(98));
    assert_eq!(registry.info(&ModelRef::new("embedded", "tiny")).await.window, Some(8192));
}
