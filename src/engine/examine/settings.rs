//! The version and the settings: which file, and what in it, in variables or flags is wrong.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::config::Origin;
use crate::domain::{Finding, Verdict};

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let version = format!("{}, {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
        let mut found = vec![Finding::ok("kiln", version)];
        let path = bench.workplace.paths.settings_file();
        let set = bench.loaded.shown.iter().filter(|shown| shown.origin != Origin::Default).count();
        let own = bench.loaded.shown.iter().filter(|shown| matches!(shown.origin, Origin::File { .. })).count();
        for trouble in &bench.loaded.troubles {
            // Kiln runs with the default in place of what is wrong, but not as the person meant.
            found.push(Finding::from_fault("settings", Verdict::Fail, trouble));
        }
        if bench.loaded.troubles.is_empty() {
            let from_file = if path.exists() {
                format!("`{}`, {own} set", path.display())
            } else {
                "the defaults; there is no settings file yet".to_owned()
            };
            let others = set - own;
            let text = if others == 0 { from_file } else { format!("{from_file}; {others} from variables or flags") };
            found.push(Finding::ok("settings", text));
        }
        found
    }
    .boxed()
}
