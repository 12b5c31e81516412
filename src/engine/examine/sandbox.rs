//! How well commands can be confined here, in the words that the person is told everywhere.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::domain::Finding;
use crate::sandbox::{self, Tier};

pub(super) fn check(_bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        // Asked of the machine itself, not of what was remembered.
        let standing = sandbox::probe().await;
        let words = standing.words();
        vec![match standing.tier {
            Tier::Strict => Finding::ok("sandbox", words),
            Tier::Partial => {
                Finding::warn("sandbox", words).hint("allow unprivileged user namespaces to get the strict sandbox")
            }
            Tier::Surface | Tier::None => Finding::warn("sandbox", words)
                .hint("a Linux kernel with user namespaces, seccomp and Landlock confines commands"),
        }]
    }
    .boxed()
}
