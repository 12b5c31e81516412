//! Kiln's own folders, and the space where they are.

use std::path::Path;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::Bench;
use crate::config::Lasting;
use crate::domain::Finding;

/// Below this the next downloads and sessions are in danger, in bytes.
const LITTLE: u64 = 1024 * 1024 * 1024;
/// Below this facts may not be stored.
const NEXT_TO_NOTHING: u64 = 64 * 1024 * 1024;

pub(super) fn check(bench: Arc<Bench>) -> BoxFuture<'static, Vec<Finding>> {
    async move {
        let paths = &bench.workplace.paths;
        let data = paths.data();
        let folders = if paths.lasting() == Lasting::Kept {
            Finding::ok("folders", format!("data in `{}`", data.display()))
        } else {
            Finding::fail("folders", "none of Kiln's own can be written to, so nothing of this run is kept")
                .hint("set `HOME`, or `KILN_HOME` to a folder that can be written to")
        };
        vec![folders, space(data)]
    }
    .boxed()
}

fn space(folder: &Path) -> Finding {
    let Some(free) = free(folder) else {
        return Finding::ok("disk", "the free space cannot be told here");
    };
    let text = format!("{} free for `{}`", super::size(free), folder.display());
    if free < NEXT_TO_NOTHING {
        Finding::fail("disk", text).hint("make room, or move Kiln's files with `KILN_HOME`")
    } else if free < LITTLE {
        Finding::warn("disk", text).hint("weights and long sessions need more")
    } else {
        Finding::ok("disk", text)
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}
