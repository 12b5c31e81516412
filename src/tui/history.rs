//! What was sent, kept from run to run: a file of JSON strings, one a line, oldest first.
//!
//! It only reads and writes the file; recall is the composer's. Several runs may append at once:
//! each line goes out in one write.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Entries kept at most.
pub const MOST: usize = 1000;
/// Longest entry that is kept, in bytes; a longer one would make every start slow.
const LONGEST: usize = 64 * 1024;
/// The file is written anew at a start that finds more lines than this.
const SLACK: usize = MOST + MOST / 4;
/// Most that is read, in bytes; a longer file loses its older part.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The file of what was sent.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
}

impl History {
    /// A history in a file, which need not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The newest entries, oldest first. Lines that cannot be read are left out; no file is an
    /// empty history.
    pub fn load(&self) -> Vec<String> {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "the history was not read");
                return Vec::new();
            }
        };
        let lines = text.lines().count();
        let mut entries: Vec<String> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        entries.drain(..entries.len().saturating_sub(MOST));
        if lines > SLACK
            && let Err(error) = self.rewrite(&entries)
        {
            tracing::warn!(%error, "the history was not shortened");
        }
        entries
    }

    /// Adds an entry at the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, entry: &str) -> io::Result<()> {
        if entry.trim().is_empty() || entry.len() > LONGEST {
            return Ok(());
        }
        private(OpenOptions::new().append(true).create(true)).open(&self.path)?.write_all(line(entry).as_bytes())
    }

    fn rewrite(&self, entries: &[String]) -> io::Result<()> {
        let fresh = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let all: String = entries.iter().map(|entry| line(entry)).collect();
        let written = private(OpenOptions::new().write(true).create_new(true))
            .open(&fresh)
            .and_then(|mut file| file.write_all(all.as_bytes()))
            .and_then(|()| std::fs::rename(&fresh, &self.path));
        if written.is_err() {
            drop(std::fs::remove_file(&fresh));
        }
        written
    }
}

fn line(entry: &str) -> String {
    format!("{}\n", serde_json::Value::from(entry))
}

/// The file is the person's alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn read(path: &Path) -> io::Result<String> {
    use std::io::Seek as _;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > MOST_BYTES {
        file.seek(io::SeekFrom::Start(length - MOST_BYTES))?;
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let history = History::at(path.clone());
        assert_eq!(history.load(), Vec::<String>::new());
        for text in ["one", "two\nlines \"quoted\"", "  "] {
            history.append(text).unwrap();
        }
        assert_eq!(history.load(), ["one", "two\nlines \"quoted\""]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_line_costs_only_itself_and_a_long_file_is_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let mut text = "{no json\n".to_owned();
        for number in 0..SLACK {
            text.push_str(&line(&number.to_string()));
        }
        std::fs::write(&path, text).unwrap();
        let history = History::at(path.clone());
        let entries = history.load();
        assert_eq!(entries.len(), MOST);
        assert_eq!(entries.last().map(String::as_str), Some((SLACK - 1).to_string().as_str()));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), MOST);
        assert_eq!(history.load(), entries);
    }
}
