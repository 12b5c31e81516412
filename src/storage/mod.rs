//! Sessions on disk: facts in order, the contents of files before and after changes, and a list of sessions.
//!
//! One SQLite file (write-ahead log, `synchronous=FULL`), one writing connection per process, a few for
//! reading. What [`Storage::append`] has acknowledged survives the death of the process and of the machine.
//! This room folds nothing, numbers nothing and decides nothing about sessions: the engine does. It is the
//! only room that knows SQL.

mod error;
mod files;
mod lock;
mod read;
mod schema;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use crate::domain::Blob;
use crate::domain::SessionId;

pub use error::StorageError;
pub use lock::SessionLock;
pub use read::Loaded;

/// How long one statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between tries to open a database that another process is just making.
const PAUSE: Duration = Duration::from_millis(20);
/// Connections for reading.
const READERS: u32 = 3;
/// The write-ahead log is cut back to this size, in bytes, after each checkpoint.
const LOG_LIMIT: &str = "16777216";
/// A database that was not closed is looked over for damage up to this size, in bytes; beyond it the
/// start would take too long.
const CHECKED_SIZE: u64 = 32 * 1024 * 1024;

/// Stored sessions. Clones share the connections.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    /// The database file; `None` for memory.
    place: Option<PathBuf>,
    options: SqliteConnectOptions,
    writer: Mutex<Option<SqliteConnection>>,
    reader: SqlitePool,
    /// Keeps a database in memory alive, which ends with its last connection.
    _keeper: Option<Mutex<SqliteConnection>>,
    #[cfg(test)]
    page_cap: std::sync::atomic::AtomicU32,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

impl Storage {
    /// Opens the database, making file and folders where missing (closed to other users), and brings an
    /// older layout up to date. A file that is damaged, foreign or newer is left exactly as it is.
    pub async fn open(path: &Path) -> Result<Self, StorageError> {
        let unusable = |error: &std::io::Error| StorageError::from_io(error, Some(path.to_path_buf()));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::make_folder(folder).map_err(|error| unusable(&error))?;
        }
        let size = files::make_private(path).map_err(|error| unusable(&error))?;
        let doubtful = size <= CHECKED_SIZE && left_open(path);
        let options = base_options(SqliteConnectOptions::new().filename(path))
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("journal_size_limit", LOG_LIMIT);
        let connection = connect_patiently(&options, path).await?;
        let storage = Self::assemble(Some(path.to_path_buf()), options, connection, None);
        storage.prepare(doubtful).await?;
        Ok(storage)
    }

    /// Storage that ends with the process, for tests and for machines where nothing can be stored.
    pub async fn in_memory() -> Result<Self, StorageError> {
        let sort = |error: sqlx::Error| StorageError::sort(&error, None);
        let options = base_options(SqliteConnectOptions::from_str("sqlite::memory:").map_err(sort)?);
        let keeper = options.connect().await.map_err(sort)?;
        let connection = options.connect().await.map_err(sort)?;
        let storage = Self::assemble(None, options, connection, Some(Mutex::new(keeper)));
        storage.prepare(false).await?;
        Ok(storage)
    }

    fn assemble(
        place: Option<PathBuf>,
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        keeper: Option<Mutex<SqliteConnection>>,
    ) -> Self {
        // No lifetimes and no idle limit: both would wake a task again and again while nothing happens.
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let inner = Inner {
            place,
            options,
            writer: Mutex::new(Some(connection)),
            reader,
            _keeper: keeper,
            #[cfg(test)]
            page_cap: std::sync::atomic::AtomicU32::new(u32::MAX - 1),
        };
        Self { inner: Arc::new(inner) }
    }

    async fn prepare(&self, doubtful: bool) -> Result<(), StorageError> {
        let mut slot = self.inner.writer.lock().await;
        let Some(connection) = slot.as_mut() else { return Ok(()) };
        let broken = |detail: String| StorageError::Broken { place: self.inner.place.clone(), detail };
        match schema::prepare(connection).await.map_err(|error| self.sort(&error))? {
            schema::Found::Ready => {}
            schema::Found::Newer(found) => return Err(self.other_layout(found)),
            schema::Found::Foreign => return Err(broken("it belongs to another program".to_owned())),
        }
        if doubtful && let Some(damage) = schema::damage(connection).await.map_err(|error| self.sort(&error))? {
            return Err(broken(damage));
        }
        Ok(())
    }

    /// Takes the right to write a session, without waiting; another Kiln that has it is
    /// [`StorageError::InUse`]. Released when the lock is dropped.
    pub async fn lock(&self, session: SessionId) -> Result<SessionLock, StorageError> {
        match &self.inner.place {
            Some(path) => SessionLock::take(&path.with_file_name("locks"), session),
            None => Ok(SessionLock::in_memory(session)),
        }
    }

    /// The database file; `None` when sessions live in memory only.
    pub fn place(&self) -> Option<&Path> {
        self.inner.place.as_deref()
    }

    /// Looks the whole database over for damage; `None` when there is none. Takes time in proportion to
    /// its size.
    pub async fn damage(&self) -> Result<Option<String>, StorageError> {
        let mut slot = self.inner.writer.lock().await;
        match slot.as_mut() {
            Some(connection) => schema::damage(connection).await.map_err(|error| self.sort(&error)),
            None => Ok(None),
        }
    }

    /// Closes the connections in good order. Without it nothing is lost; the log is merged at the next start.
    pub async fn close(&self) {
        self.inner.reader.close().await;
        let connection = self.inner.writer.lock().await.take();
        if let Some(connection) = connection
            && let Err(error) = sqlx::Connection::close(connection).await
        {
            tracing::warn!(%error, "the session database did not close in good order");
        }
    }

    fn reader(&self) -> &SqlitePool {
        &self.inner.reader
    }

    fn sort(&self, error: &sqlx::Error) -> StorageError {
        StorageError::sort(error, self.place())
    }

    /// The file's layout is not ours: a newer Kiln changed it, or the file was taken away under us.
    fn other_layout(&self, found: i64) -> StorageError {
        let place = self.inner.place.clone();
        if found > schema::LAYOUT {
            StorageError::Newer { place, found, known: schema::LAYOUT }
        } else {
            StorageError::Unavailable { place, detail: "the file was replaced while Kiln ran".to_owned() }
        }
    }
}

fn base_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// Whether the write-ahead log holds anything: the last process did not close, or one is still at work.
fn left_open(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(Path::new(&log)).is_ok_and(|log| log.len() > 0)
}

/// Connects; turning on the write-ahead log of a fresh file needs the file for itself for a moment, and
/// SQLite does not wait for that, so we do.
async fn connect_patiently(options: &SqliteConnectOptions, path: &Path) -> Result<SqliteConnection, StorageError> {
    let begin = Instant::now();
    loop {
        match options.connect().await.map_err(|error| StorageError::sort(&error, Some(path))) {
            Err(StorageError::Locked { .. }) if begin.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
