//! Where a setting's value came from, and values that carry that with them.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// A line, counted from 1, of the person's settings file.
    File {
        path: PathBuf,
        line: usize,
    },
    /// A line of the project's `.kiln/config.toml`.
    ProjectFile {
        path: PathBuf,
        line: usize,
    },
    /// A line of the project's `.env`.
    ProjectVariable {
        path: PathBuf,
        line: usize,
        variable: String,
    },
    /// The safe value, because this settings file cannot be read.
    Unreadable {
        path: PathBuf,
    },
    Environment {
        variable: String,
    },
    Flag {
        flag: String,
    },
}

impl Origin {
    /// The layer's place in the order, the default's first.
    pub fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } | Self::Unreadable { .. } => 1,
            Self::ProjectFile { .. } => 2,
            Self::ProjectVariable { .. } => 3,
            Self::Environment { .. } => 4,
            Self::Flag { .. } => 5,
        }
    }

    /// File and line; nothing for what is in no file.
    pub(super) fn place(&self) -> (PathBuf, usize) {
        match self {
            Self::File { path, line } | Self::ProjectFile { path, line } | Self::ProjectVariable { path, line, .. } => {
                (path.clone(), *line)
            }
            Self::Unreadable { path } => (path.clone(), 1),
            Self::Default | Self::Environment { .. } | Self::Flag { .. } => (PathBuf::new(), 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } | Self::ProjectFile { path, line } => {
                write!(f, "{} line {line}", path.display())
            }
            Self::ProjectVariable { path, line, variable } => {
                write!(f, "{} line {line}, variable {variable}", path.display())
            }
            Self::Unreadable { path } => write!(f, "{} cannot be read", path.display()),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagValue {
    /// The setting, such as `model.name`.
    pub key: String,
    pub value: Value,
    /// The flag as typed, such as `--model`.
    pub flag: String,
}

impl FlagValue {
    /// A text given with a flag.
    pub fn text(key: &str, value: &str, flag: &str) -> Self {
        Self { key: key.to_owned(), value: Value::String(value.to_owned()), flag: flag.to_owned() }
    }
}

/// A setting as it stands after merging.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub key: String,
    /// `None` for an optional setting that nobody set.
    pub value: Option<Value>,
    pub origin: Origin,
}
