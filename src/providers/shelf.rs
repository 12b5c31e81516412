//! The embedded model's weights as the registry needs them, so that tests can put others in.

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::local::{PullSettings, Weights, catalogue};
use crate::domain::catalog::WeightsStatus;
use crate::domain::op::PullSource;
use crate::domain::{Fault, ModelInfo};

/// Hears how a pull goes: what is being done, bytes so far, bytes in all.
pub type PullProgress = Box<dyn FnMut(&str, u64, Option<u64>) + Send>;

/// The embedded model's weights on this machine.
pub trait Shelf: Send + Sync {
    /// All weights of the catalogue, the smallest first.
    fn statuses(&self) -> Vec<WeightsStatus>;

    /// What is known of the model with these weights.
    fn model(&self, name: &str) -> Option<ModelInfo>;

    /// The weights that are used when none are named.
    fn default_name(&self) -> String;

    /// Fetches weights. Dropping the future stops.
    fn pull<'a>(
        &'a self,
        name: &'a str,
        from: PullSource,
        progress: PullProgress,
    ) -> BoxFuture<'a, Result<PathBuf, Fault>>;
}

/// The folder of weights with what fetching needs.
#[derive(Clone, Debug)]
pub struct WeightsFolder {
    pub weights: Weights,
    pub settings: PullSettings,
}

impl Shelf for WeightsFolder {
    fn statuses(&self) -> Vec<WeightsStatus> {
        self.weights.statuses()
    }

    fn model(&self, name: &str) -> Option<ModelInfo> {
        catalogue::entry(name).map(catalogue::Entry::model)
    }

    /// The most able weights that are here; without any, the smallest, which are soon fetched.
    fn default_name(&self) -> String {
        let entries = catalogue::entries();
        let here = entries.iter().rev().find(|entry| self.weights.installed(&entry.name).is_some());
        here.map_or_else(|| catalogue::DEFAULT_WEIGHTS.to_owned(), |entry| entry.name.clone())
    }

    fn pull<'a>(
        &'a self,
        name: &'a str,
        from: PullSource,
        progress: PullProgress,
    ) -> BoxFuture<'a, Result<PathBuf, Fault>> {
        async move { self.weights.pull(name, &from, &self.settings, progress).await }.boxed()
    }
}
