//! The embedded model: which weights are here.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::domain::Finding;

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let weights = bench.registry.weights();
        let Some(smallest) = weights.first() else {
            return vec![Finding::ok("embedded", "this Kiln was built without the embedded model")];
        };
        let here: Vec<&str> = weights.iter().filter(|w| w.installed).map(|w| w.name.as_str()).collect();
        vec![if here.is_empty() {
            let text =
                format!("no weights yet; {} has {} to fetch", smallest.name, super::size(smallest.download_bytes));
            Finding::ok("embedded", text).hint(format!("`kiln models pull {}` fetches them", smallest.name))
        } else {
            Finding::ok("embedded", format!("{} here", here.join(", ")))
        }]
    }
    .boxed()
}
