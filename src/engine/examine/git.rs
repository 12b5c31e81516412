//! Whether git is here: projects and exports work without it, some commands of a turn do not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::domain::Finding;
use crate::sandbox::{Helper, HelperError, run_helper};

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let environment: Vec<(String, String)> = ["PATH", "HOME", "SYSTEMROOT"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), bench.workplace.environment.get(name)?.to_owned())))
            .collect();
        let helper = Helper {
            program: "git",
            arguments: &["--version"],
            directory: Path::new("."),
            environment: &environment,
            timeout: Duration::from_secs(3),
        };
        vec![match run_helper(helper).await {
            Ok(output) if output.status.success() => {
                let text = output.stdout.trim().trim_start_matches("git version ").to_owned();
                Finding::ok("git", text)
            }
            Ok(output) => Finding::warn("git", format!("it does not work: {}", output.stderr.trim())),
            Err(HelperError::Missing { .. }) => Finding::warn("git", "not on this machine")
                .hint("install it to keep a history of what Kiln writes; Kiln itself works without"),
            Err(error) => Finding::warn("git", error.to_string()),
        }]
    }
    .boxed()
}
