//! A project's own files, `.kiln/config.toml` and `.env`: read whole once, so that what is hashed
//! for trust is what is used. No link is followed and nothing but a regular file is opened.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::domain::{Fault, FaultClass};

/// A project whose own files are two of the layers.
#[derive(Clone, Copy)]
pub struct Project<'a> {
    /// Its folder, canonical.
    pub root: &'a Path,
    /// The vendors' key variables that a `.env` may carry, such as `OPENAI_API_KEY`; asked for only
    /// when there is a `.env`.
    pub key_variables: &'a dyn Fn() -> Vec<String>,
}

/// The project's settings, below its root.
pub const SETTINGS_FILE: &str = ".kiln/config.toml";
/// The project's variables, below its root.
pub const VARIABLES_FILE: &str = ".env";

/// Longest file that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// A file's place and text.
#[derive(Clone)]
pub(super) struct Text {
    pub path: PathBuf,
    pub text: String,
}

/// What is there of the two files.
pub(super) struct Files {
    pub settings: Option<Text>,
    pub variables: Option<Text>,
    /// The settings file is there and could not be read.
    pub unreadable: Option<PathBuf>,
}

impl Files {
    pub(super) fn read(root: &Path, troubles: &mut Vec<Fault>) -> Self {
        let mut files = Self { settings: None, variables: None, unreadable: None };
        let settings = root.join(SETTINGS_FILE);
        match read(&settings, settings.parent()) {
            Ok(text) => files.settings = text.map(|text| Text { path: settings, text }),
            Err(error) => {
                troubles.push(unreadable(&settings, &error));
                files.unreadable = Some(settings);
            }
        }
        let variables = root.join(VARIABLES_FILE);
        match read(&variables, None) {
            Ok(text) => files.variables = text.map(|text| Text { path: variables, text }),
            // Other programs have other uses for this name, such as a folder with an interpreter.
            Err(error) => tracing::debug!(%error, "the project's variables are not read"),
        }
        files
    }

    /// A hash of both files: name, whether it is there, length and content of each.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (name, file) in [(SETTINGS_FILE, &self.settings), (VARIABLES_FILE, &self.variables)] {
            hash.update(name);
            match file {
                None => hash.update([0_u8]),
                Some(file) => {
                    hash.update([1_u8]);
                    hash.update((file.text.len() as u64).to_le_bytes());
                    hash.update(&file.text);
                }
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The text of a file that lies in the project's folder itself; `None` when there is none. As with
/// the settings, no link is followed and nothing but a regular file of at most 1 MiB is read.
pub fn text(root: &Path, name: &str) -> io::Result<Option<String>> {
    read(&root.join(name), None)
}

/// A file's text; `None` when there is none. `folder` has to be a folder and no link to one.
fn read(path: &Path, folder: Option<&Path>) -> io::Result<Option<String>> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let missing = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    for (path, is_folder) in folder.map(|folder| (folder, true)).into_iter().chain([(path, false)]) {
        match fs::symlink_metadata(path) {
            Ok(about) if about.is_symlink() => return refused("it is a symbolic link, which Kiln does not follow"),
            Ok(about) if is_folder && about.is_dir() || !is_folder && about.is_file() => {}
            // A file named `.kiln` has nothing in it for us.
            Ok(_) if is_folder => return Ok(None),
            Ok(_) => return refused("it is no regular file"),
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return refused("it is no regular file");
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return refused("it is longer than 1 MiB");
    }
    String::from_utf8(bytes).map(Some).or_else(|_| refused("it is not UTF-8"))
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(
        FaultClass::Storage,
        format!("the project's settings `{}` cannot be read, so every connection is refused", path.display()),
    )
    .hint("mend or remove the file; `KILN_NETWORK__OFFLINE=false` allows connections for one run")
    .detail(error.to_string())
}
