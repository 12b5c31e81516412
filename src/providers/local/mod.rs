//! The embedded model: weights from a file, computed inside this process, no key, no server.
//!
//! `catalogue` names the weights, `weights` fetches and finds them; with feature `local` the rest
//! loads and runs them on one thread. This room never decides what is asked of the model, and it
//! never fetches anything by itself.

pub mod catalogue;
mod pull;
pub mod weights;
mod wheel;

#[cfg(feature = "local")]
mod answer;
#[cfg(feature = "local")]
mod constraint;
#[cfg(feature = "local")]
mod lane;
#[cfg(feature = "local")]
mod loading;
#[cfg(feature = "local")]
mod network;
#[cfg(feature = "local")]
mod sampling;
#[cfg(feature = "local")]
mod template;
#[cfg(feature = "local")]
pub mod tokens;
#[cfg(feature = "local")]
mod vocabulary;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

#[cfg(feature = "local")]
pub use lane::{Activity, activity};
#[cfg(feature = "local")]
pub use loading::requantised_path;
pub use pull::PullSettings;
#[cfg(feature = "local")]
pub use sampling::Sampling;
pub use weights::Weights;

use super::{AnswerStream, ChatRequest, Provider, ProviderError};
use crate::domain::ModelInfo;

/// Events that may wait between the computing thread and the turn.
#[cfg(feature = "local")]
const WAITING_EVENTS: usize = 32;

/// The provider `embedded`.
pub struct LocalProvider {
    weights: Weights,
    #[cfg(feature = "local")]
    sampling: Sampling,
}

impl LocalProvider {
    /// A provider over the weights of a folder. Nothing is loaded before the first request.
    pub fn new(weights: Weights) -> Self {
        Self {
            weights,
            #[cfg(feature = "local")]
            sampling: Sampling::default(),
        }
    }

    /// Sets how tokens are chosen; a request's temperature goes before that of `sampling`.
    #[cfg(feature = "local")]
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    #[cfg(feature = "local")]
    fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let name = request.model.as_str().to_owned();
        let entry = catalogue::entry(&name)
            .ok_or_else(|| ProviderError::ModelGone { message: format!("no embedded model is called `{name}`") })?;
        let weights = self.weights.installed(&name).ok_or_else(|| ProviderError::WeightsMissing {
            message: format!("`{}` is not in `{}`", entry.file, self.weights.folder().display()),
            name,
        })?;
        let (events, stream) = tokio::sync::mpsc::channel(WAITING_EVENTS);
        let window = usize::try_from(entry.window).unwrap_or(usize::MAX);
        if !lane::submit(lane::Job { weights, window, request, sampling: self.sampling, events }) {
            return Err(ProviderError::Internal { message: "no thread for the embedded model".to_owned() });
        }
        Ok(futures::stream::unfold(stream, |mut stream| async { stream.recv().await.map(|event| (event, stream)) })
            .boxed())
    }

    #[cfg(not(feature = "local"))]
    fn start(&self, _: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let folder = self.weights.folder().display();
        let message = format!("this build of kiln has no embedded model (feature `local`); `{folder}` is not used");
        Err(ProviderError::Internal { message })
    }
}

impl Provider for LocalProvider {
    fn title(&self) -> &str {
        "embedded"
    }

    fn stream(&self, request: ChatRequest) -> AnswerStream {
        match self.start(request) {
            Ok(stream) => stream,
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>> {
        let models = catalogue::entries().iter().map(catalogue::Entry::model).collect();
        async { Ok(models) }.boxed()
    }
}
