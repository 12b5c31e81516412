//! Where a session's files are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder that a session works in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Project {
    /// A folder of the person's own: the current directory, or the one named with `--cd`.
    Directory { root: PathBuf },
    /// A folder that Kiln made for this session alone, among its own data.
    Scratch { root: PathBuf },
}

impl Project {
    /// The absolute path of the folder.
    pub fn root(&self) -> &Path {
        match self {
            Self::Directory { root } | Self::Scratch { root } => root,
        }
    }

    /// The folder's own name, for titles and archive names.
    pub fn name(&self) -> String {
        match self.root().file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "project".to_owned(),
        }
    }
}
