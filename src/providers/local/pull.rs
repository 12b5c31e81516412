//! Weights from the model hub or from disk: resumed, checked, and named only when whole.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::catalogue::Entry;
use crate::domain::{Fault, FaultClass};
use crate::net::{Client, NetError};

/// Bytes between two reports of progress.
const REPORT_STEP: u64 = 1 << 20;

/// A report of progress: what is done, bytes so far, bytes in all.
pub(super) type Progress<'a> = dyn FnMut(&str, u64, Option<u64>) + Send + 'a;

/// What fetching goes by; filled from the configuration.
#[derive(Clone, Debug)]
pub struct PullSettings {
    pub client: Client,
    /// The base address of the model hub.
    pub hub: String,
    /// The variables that `pip` may see (search path, home, proxy and index settings).
    pub environment: Vec<(String, String)>,
}

/// Fetches a file from the hub.
pub(super) async fn from_hub(
    entry: &Entry,
    target: &Path,
    settings: &PullSettings,
    progress: &mut Progress<'_>,
) -> Result<(), Fault> {
    let part = beside(target, "part");
    let have = tokio::fs::metadata(&part).await.map_or(0, |data| data.len());
    let url = entry.address(&settings.hub);
    let download = settings.client.download(&url, have).await.map_err(|error| network(entry, settings, &error))?;
    let total = download.total;
    let mut received = download.start;
    let mut file = tokio::fs::OpenOptions::new();
    let file = file.create(true).write(true).truncate(download.start == 0).append(download.start > 0);
    // `truncate` and `append` exclude each other: a fresh start overwrites, a resumed one appends.
    let mut file = file.open(&part).await.map_err(|error| storage(&part, &error))?;
    let mut reported = received;
    progress("downloading", received, total);
    let mut stream = download.stream;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| network(entry, settings, &error))?;
        file.write_all(&bytes).await.map_err(|error| storage(&part, &error))?;
        received += bytes.len() as u64;
        if received - reported >= REPORT_STEP {
            reported = received;
            progress("downloading", received, total);
        }
    }
    file.sync_all().await.map_err(|error| storage(&part, &error))?;
    drop(file);
    progress("checking", received, total);
    if total.is_some_and(|total| total != received) {
        let sentence = format!("the download of `{}` ended after {received} bytes", entry.name);
        return Err(Fault::new(FaultClass::Broken, sentence)
            .hint("pull again; it goes on where it stopped")
            .retryable());
    }
    let (expected, target) = (entry.sha256.clone(), target.to_owned());
    off_thread(move || finish(&part, &target, expected.as_deref())).await
}

/// Checks a fetched file and gives it its name; a file that is wrong is deleted.
pub(super) fn finish(part: &Path, target: &Path, sha256: Option<&str>) -> Result<(), Fault> {
    let checked = check(part).and_then(|()| match sha256 {
        Some(expected) => check_hash(part, expected),
        None => Ok(()),
    });
    if let Err(fault) = checked {
        if let Err(error) = std::fs::remove_file(part) {
            tracing::warn!(%error, "a wrong download could not be deleted");
        }
        return Err(fault);
    }
    std::fs::rename(part, target).map_err(|error| storage(target, &error))
}

/// Copies a GGUF file from this machine.
pub(super) fn copy(source: &Path, target: &Path) -> Result<(), Fault> {
    check(source)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(|error| storage(folder, &error))?;
    let mut reader = File::open(source).map_err(|error| storage(source, &error))?;
    // On Linux this becomes a reflink or an in-kernel copy.
    std::io::copy(&mut reader, temporary.as_file_mut()).map_err(|error| storage(target, &error))?;
    persist(temporary, target)
}

/// Makes a temporary file durable and gives it its name.
pub(super) fn persist(mut temporary: tempfile::NamedTempFile, target: &Path) -> Result<(), Fault> {
    temporary.flush().map_err(|error| storage(target, &error))?;
    temporary.as_file().sync_all().map_err(|error| storage(target, &error))?;
    temporary.persist(target).map_err(|error| storage(target, &error.error))?;
    Ok(())
}

/// Whether a file has the shape of GGUF: mark, a version that is known, sane counts.
fn check(path: &Path) -> Result<(), Fault> {
    let mut file = File::open(path).map_err(|error| storage(path, &error))?;
    let mut header = Vec::with_capacity(24);
    Read::take(&mut file, 24).read_to_end(&mut header).map_err(|error| storage(path, &error))?;
    let number = |from: usize, to: usize| {
        header
            .get(from..to)
            .map_or(u64::MAX, |bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let sane = header.starts_with(b"GGUF")
        && matches!(number(4, 8), 2 | 3)
        && (1..100_000).contains(&number(8, 16))
        && (1..100_000).contains(&number(16, 24));
    if sane {
        Ok(())
    } else {
        Err(Fault::new(FaultClass::Invalid, format!("`{}` is not a GGUF file", path.display()))
            .hint("name a file that ends in `.gguf` and was fetched whole"))
    }
}

fn check_hash(path: &Path, expected: &str) -> Result<(), Fault> {
    let file = File::open(path).map_err(|error| storage(path, &error))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer).map_err(|error| storage(path, &error))?;
        if count == 0 {
            break;
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == expected {
        Ok(())
    } else {
        Err(Fault::new(FaultClass::Broken, "the fetched weights are not the ones that the catalogue names")
            .hint("pull again; if it stays, take the file elsewhere and use `--from FILE`")
            .detail(format!("SHA-256 is {found}, expected {expected}"))
            .retryable())
    }
}

/// `NAME.SUFFIX` in the same folder.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    target.with_file_name(name)
}

/// Runs file work where it may block.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::new(FaultClass::Internal, "handling the weights failed").detail(error.to_string())),
    }
}

/// A file operation that failed.
pub(super) fn storage(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(FaultClass::Storage, format!("`{}` cannot be used", path.display()))
        .hint("check that the file is there, the folder writable and the disk not full")
        .detail(error.to_string())
}

fn network(entry: &Entry, settings: &PullSettings, error: &NetError) -> Fault {
    let name = &entry.name;
    let hint = "check the network and the proxy, or fetch the file elsewhere and use `--from FILE`";
    match error {
        NetError::Offline { .. } | NetError::Timeout { .. } => {
            Fault::new(FaultClass::Offline, format!("the weights of {name} cannot be fetched from `{}`", settings.hub))
                .hint(hint)
                .retryable()
        }
        // Some proxies answer for hosts that they do not let anyone reach.
        NetError::Status { status: 403 | 407 | 502 | 503 | 504, .. } => {
            Fault::new(FaultClass::Offline, format!("`{}` does not give out the weights of {name}", settings.hub))
                .hint(hint)
                .retryable()
        }
        NetError::Barred { hint, .. } => {
            Fault::new(FaultClass::Offline, format!("the weights of {name} cannot be fetched from `{}`", settings.hub))
                .hint(hint.as_str())
        }
        NetError::Status { .. } => {
            Fault::new(FaultClass::ModelGone, format!("`{}` does not have the weights of {name}", settings.hub))
                .hint(hint)
        }
        NetError::Cut { .. } | NetError::TooLarge { .. } => {
            Fault::new(FaultClass::Broken, format!("the download of {name} broke off"))
                .hint("pull again; it goes on where it stopped")
                .retryable()
        }
        NetError::Refused { .. } | NetError::Invalid { .. } => {
            Fault::new(FaultClass::Invalid, format!("the weights of {name} may not be fetched from `{}`", settings.hub))
                .hint(
                    "see `kiln config show` for the hub's address and the hosts that are allowed, or use `--from FILE`",
                )
        }
    }
    .detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(5u64.to_le_bytes());
        bytes.extend(7u64.to_le_bytes());
        bytes
    }

    #[test]
    fn only_gguf_files_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a.gguf"), folder.path().join("b.gguf"));
        std::fs::write(&source, "<html>not found</html>").unwrap();
        assert_eq!(copy(&source, &target).unwrap_err().class, FaultClass::Invalid);
        assert!(!target.exists());
        std::fs::write(&source, header()).unwrap();
        copy(&source, &target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), header());
    }

    #[test]
    fn a_wrong_download_gets_no_name_and_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (part, target) = (folder.path().join("a.part"), folder.path().join("a"));
        std::fs::write(&part, header()).unwrap();
        assert_eq!(finish(&part, &target, Some("00")).unwrap_err().class, FaultClass::Broken);
        assert!(!target.exists() && !part.exists());
    }
}
