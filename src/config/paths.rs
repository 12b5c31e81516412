//! Where Kiln's own files are: `KILN_HOME` moves all of them, else the platform's folders.
//!
//! This file decides places; other rooms write what they own there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::environment::Environment;
use crate::domain::{Fault, FaultClass};

/// Whether what is written will be there at the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    Kept,
    /// The folders are temporary and go away with this process.
    Temporary,
}

/// Kiln's three folders, absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    config: PathBuf,
    data: PathBuf,
    cache: PathBuf,
    /// Removed when the last clone of these paths is dropped.
    temporary: Option<Arc<TempDir>>,
}

impl Paths {
    /// The folders by `KILN_HOME` or the platform's convention; nothing is made on disk.
    ///
    /// `None` when there is neither: no home folder.
    pub fn find(environment: &Environment) -> Option<Self> {
        if let Some(home) = environment.get("KILN_HOME") {
            return Some(Self::below(&std::path::absolute(home).unwrap_or_else(|_| PathBuf::from(home))));
        }
        let folders = directories::ProjectDirs::from("", "", "kiln")?;
        Some(Self {
            config: folders.config_dir().to_owned(),
            data: folders.data_dir().to_owned(),
            cache: folders.cache_dir().to_owned(),
            temporary: None,
        })
    }

    /// All three folders below one.
    pub fn below(home: &Path) -> Self {
        Self { config: home.join("config"), data: home.join("data"), cache: home.join("cache"), temporary: None }
    }

    /// The folders, made if need be. Where that is not possible, temporary ones and the reason.
    pub fn prepare(environment: &Environment) -> (Self, Option<Fault>) {
        let reason = match Self::find(environment) {
            Some(paths) => match paths.make() {
                Ok(()) => return (paths, None),
                Err((folder, error)) => Fault::new(
                    FaultClass::Storage,
                    format!("the folder `{}` cannot be used, so nothing will be saved", folder.display()),
                )
                .hint("make it writable, or set `KILN_HOME` to a folder that is")
                .detail(error.to_string()),
            },
            None => Fault::new(FaultClass::Storage, "there is no home folder, so nothing will be saved")
                .hint("set `KILN_HOME` to a folder that Kiln may write to"),
        };
        (Self::in_temporary_folder(), Some(reason))
    }

    fn in_temporary_folder() -> Self {
        match tempfile::Builder::new().prefix("kiln-").tempdir() {
            Ok(folder) => {
                let mut paths = Self::below(folder.path());
                paths.temporary = Some(Arc::new(folder));
                // A failure here shows itself, with its reason, when the first file is written.
                if paths.make().is_err() {
                    tracing::warn!("temporary folders could not be made");
                }
                paths
            }
            Err(_) => Self::below(&std::env::temp_dir().join(format!("kiln-{}", std::process::id()))),
        }
    }

    fn make(&self) -> Result<(), (PathBuf, std::io::Error)> {
        for folder in [&self.config, &self.data, &self.cache] {
            make_private_folder(folder).map_err(|error| (folder.clone(), error))?;
        }
        // A folder may exist and refuse new files all the same; ask before a session depends on it.
        writable(&self.data).map_err(|error| (self.data.clone(), error))
    }

    /// Whether these folders outlive the process.
    pub fn lasting(&self) -> Lasting {
        if self.temporary.is_some() { Lasting::Temporary } else { Lasting::Kept }
    }

    /// Folder of the settings, key bindings and the person's own themes.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Folder of sessions, projects and the index of keys.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Folder of what can be fetched again, such as weights.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The person's own key bindings.
    pub fn bindings_file(&self) -> PathBuf {
        self.config.join("keys.toml")
    }

    /// The person's own themes.
    pub fn themes(&self) -> PathBuf {
        self.config.join("themes")
    }

    /// The person's own data about models, in the form of Kiln's `assets/models.toml`.
    pub fn models_file(&self) -> PathBuf {
        self.config.join("models.toml")
    }

    /// Data about models that `kiln models refresh` brought.
    pub fn models_cache(&self) -> PathBuf {
        self.cache.join("models.json")
    }

    /// The database of sessions.
    pub fn database(&self) -> PathBuf {
        self.data.join("kiln.db")
    }

    /// Contents of files, by hash.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// States of projects to go back to.
    pub fn checkpoints(&self) -> PathBuf {
        self.data.join("checkpoints")
    }

    /// Folders of scratch projects.
    pub fn projects(&self) -> PathBuf {
        self.data.join("projects")
    }

    /// Standing permissions, a file for each project.
    pub fn grants(&self) -> PathBuf {
        self.data.join("grants")
    }

    /// What is remembered of projects, a file for each.
    pub fn notes(&self) -> PathBuf {
        self.data.join("notes")
    }

    /// Which servers of tools may run, and what their tools are.
    pub fn servers_file(&self) -> PathBuf {
        self.data.join("mcp.json")
    }

    /// Names (not values) of the keys that are stored.
    pub fn key_index(&self) -> PathBuf {
        self.data.join("keys.json")
    }

    /// The encrypted file of keys.
    pub fn key_file(&self) -> PathBuf {
        self.data.join("keys.sealed")
    }

    /// Which folders the person trusts.
    pub fn trust_file(&self) -> PathBuf {
        self.data.join("trust.json")
    }

    /// Log files, written only on demand.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// The list of connections, as JSON lines.
    pub fn connections(&self) -> PathBuf {
        self.logs().join("network.jsonl")
    }

    /// Reports of crashes.
    pub fn crashes(&self) -> PathBuf {
        self.data.join("crashes")
    }

    /// What was typed into the composer.
    pub fn history(&self) -> PathBuf {
        self.data.join("history")
    }

    /// Weights of embedded models.
    pub fn weights(&self) -> PathBuf {
        self.cache.join("weights")
    }
}

/// Makes a folder and its parents; folders that are made are the person's alone (mode 0700).
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(unix)]
fn writable(folder: &Path) -> std::io::Result<()> {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).map_err(Into::into)
}

#[cfg(not(unix))]
fn writable(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}
