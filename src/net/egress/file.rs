//! The list on disk: JSON lines, appended by a thread of its own, cut to size by renaming.
//!
//! The thread begins with the first entry, so a program that stays off the network writes nothing.
//! Several programs may append at once: each line is one write.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::config::paths::make_private_folder;
use crate::domain::Connection;

/// Bytes at which a file is put aside; one that was put aside before it goes.
const CAP: u64 = 1024 * 1024;
/// Bytes of one file that are read at most; somebody else may have written it.
const READ_CAP: u64 = 8 * CAP;
/// How long the end of the program waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Message {
    Line(String),
    /// Answered when everything before it is written.
    Mark(oneshot::Sender<()>),
}

/// The writing end; its thread ends when it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    queue: OnceLock<Option<Sender<Message>>>,
}

impl Writer {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, queue: OnceLock::new() }
    }

    /// Hands an entry over; returns at once.
    pub(super) fn append(&self, connection: &Connection) {
        let queue = self.queue.get_or_init(|| start(self.path.clone()));
        if let (Some(queue), Ok(mut line)) = (queue, serde_json::to_string(connection)) {
            line.push('\n');
            // The thread lives as long as this end.
            queue.send(Message::Line(line)).ok();
        }
    }

    /// Waits until what was handed over is written.
    pub(super) async fn flush(&self) {
        let Some(Some(queue)) = self.queue.get() else { return };
        let (mark, reached) = oneshot::channel();
        if queue.send(Message::Mark(mark)).is_ok() && tokio::time::timeout(PATIENCE, reached).await.is_err() {
            tracing::warn!("the list of connections was not written in time");
        }
    }
}

fn start(path: PathBuf) -> Option<Sender<Message>> {
    let (queue, messages) = channel();
    let spawned = std::thread::Builder::new().name("kiln-egress".to_owned()).spawn(move || write(&path, &messages));
    match spawned {
        Ok(_) => Some(queue),
        Err(error) => {
            tracing::warn!(%error, "the list of connections is not written");
            None
        }
    }
}

fn write(path: &Path, messages: &Receiver<Message>) {
    let mut told = false;
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line(line) => {
                if let Err(error) = append(path, line.as_bytes())
                    && !std::mem::replace(&mut told, true)
                {
                    tracing::warn!(%error, "the list of connections cannot be written");
                }
            }
            Message::Mark(mark) => {
                mark.send(()).ok();
            }
        }
    }
}

/// Appends one line in one write; opened anew each time, because another program may have put the
/// file aside.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_private_folder(path.parent().unwrap_or(Path::new(".")))?;
            open(path)?
        }
        opened => opened?,
    };
    if file.metadata()?.len() >= CAP {
        file.lock()?;
        // By its name: another program may have been quicker, and the file is small again.
        if std::fs::metadata(path).is_ok_and(|data| data.len() >= CAP) {
            std::fs::rename(path, aside(path))?;
        }
        file = open(path)?;
    }
    file.write_all(line)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

/// The entries of all runs, oldest first; lines that are none are left out. No file is no entry.
pub fn read(path: &Path) -> io::Result<Vec<Connection>> {
    let mut all: Vec<Connection> = Vec::new();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    for path in [aside(path), path.to_owned()] {
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        for line in BufReader::new(file.take(READ_CAP)).split(b'\n') {
            let Ok(connection) = serde_json::from_slice::<Connection>(&line?) else { continue };
            match places.get(&connection.id).and_then(|place| all.get_mut(*place)) {
                Some(earlier) => *earlier = connection,
                None => {
                    places.insert(connection.id, all.len());
                    all.push(connection);
                }
            }
        }
    }
    all.sort_by_key(|connection| connection.began);
    Ok(all)
}

/// Deletes the list.
pub fn clear(path: &Path) -> io::Result<()> {
    for path in [aside(path), path.to_owned()] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}
