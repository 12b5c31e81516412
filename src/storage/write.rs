//! Writing: every change is one immediate transaction on the one writing connection.

use std::collections::BTreeMap;

use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::sync::MutexGuard;

use super::error::StorageError;
use super::{Blob, Storage, schema};
use crate::domain::session::title_from;
use crate::domain::{ContentHash, Fact, FactBody, Seq, SessionId};

/// A transaction that holds the writing connection.
///
/// The connection goes back to its slot only after COMMIT. On any error, and when the caller's future is
/// dropped half-way, it is closed instead, which rolls back and leaves no doubtful state behind; the next
/// writer opens a fresh one.
struct Writing<'a> {
    storage: &'a Storage,
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl<'a> Writing<'a> {
    async fn begin(storage: &'a Storage) -> Result<Self, StorageError> {
        let mut slot = storage.inner.writer.lock().await;
        // An open connection would go on writing into a file that no longer has a name.
        if let Some(path) = storage.place()
            && !path.exists()
        {
            *slot = None;
            let detail = "the file was removed while Kiln ran".to_owned();
            return Err(StorageError::Unavailable { place: Some(path.to_path_buf()), detail });
        }
        let connection = match slot.take() {
            Some(connection) => connection,
            None => storage.inner.options.connect().await.map_err(|error| storage.sort(&error))?,
        };
        let mut writing = Self { storage, slot, connection };
        writing.run("BEGIN IMMEDIATE").await?;
        let found = schema::layout(&mut writing.connection).await.map_err(|error| storage.sort(&error))?;
        if found != schema::LAYOUT {
            return Err(storage.other_layout(found));
        }
        #[cfg(test)]
        writing.cap_pages().await?;
        Ok(writing)
    }

    async fn commit(mut self) -> Result<(), StorageError> {
        self.run("COMMIT").await?;
        *self.slot = Some(self.connection);
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StorageError> {
        match sqlx::query(sql).execute(&mut self.connection).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.storage.sort(&error)),
        }
    }

    /// Stands in for a disk of limited size.
    #[cfg(test)]
    async fn cap_pages(&mut self) -> Result<(), StorageError> {
        let cap = self.storage.inner.page_cap.load(std::sync::atomic::Ordering::Relaxed);
        let sql = format!("PRAGMA max_page_count = {cap}");
        match sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut self.connection).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.storage.sort(&error)),
        }
    }
}

/// The session row while its facts are being appended.
struct Listing {
    title: String,
    titled: bool,
    project: Option<String>,
    model: Option<String>,
    created: String,
    updated: String,
    facts: u64,
}

impl Storage {
    /// Stores contents and facts together; they are on disk when this returns, or none of them is.
    ///
    /// Facts of a session must follow its stored ones without a gap. A fact that is stored already with
    /// the same content is passed over, so an append whose outcome is unknown can simply be repeated.
    /// Pass the blobs that facts name in the same call as the facts.
    pub async fn append(&self, facts: &[Fact], blobs: &[Blob]) -> Result<(), StorageError> {
        if facts.is_empty() && blobs.is_empty() {
            return Ok(());
        }
        let mut writing = Writing::begin(self).await?;
        for blob in blobs {
            insert_blob(&mut writing.connection, blob).await.map_err(|error| self.sort(&error))?;
        }
        let mut rows: BTreeMap<SessionId, Listing> = BTreeMap::new();
        for fact in facts {
            if let std::collections::btree_map::Entry::Vacant(place) = rows.entry(fact.session) {
                let row = load_row(&mut writing.connection, fact).await.map_err(|error| self.sort(&error))?;
                place.insert(row);
            }
            let Some(row) = rows.get_mut(&fact.session) else { continue };
            append_fact(&mut writing.connection, row, fact).await.map_err(|refusal| match refusal {
                Refusal::Conflict => StorageError::Conflict { session: fact.session, seq: fact.seq },
                Refusal::Database(error) => self.sort(&error),
                Refusal::Encoding(error) => StorageError::Failed { detail: error.to_string() },
            })?;
        }
        for (session, row) in &rows {
            save_row(&mut writing.connection, *session, row).await.map_err(|error| self.sort(&error))?;
        }
        writing.commit().await
    }

    /// Deletes a session, its facts, and the contents that no other session names. Hold its lock, so that
    /// no other Kiln is writing it. A session that is not stored is no error.
    pub async fn remove(&self, session: SessionId) -> Result<(), StorageError> {
        let mut writing = Writing::begin(self).await?;
        for sql in [
            "DELETE FROM blob WHERE hash IN (SELECT hash FROM session_blob WHERE session = $1)
               AND hash NOT IN (SELECT hash FROM session_blob WHERE session <> $1)",
            "DELETE FROM session WHERE id = $1",
        ] {
            sqlx::query(sql)
                .bind(session.to_string())
                .execute(&mut writing.connection)
                .await
                .map_err(|error| self.sort(&error))?;
        }
        writing.commit().await
    }
}

enum Refusal {
    Conflict,
    Database(sqlx::Error),
    Encoding(serde_json::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

async fn insert_blob(connection: &mut SqliteConnection, blob: &Blob) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR IGNORE INTO blob (hash, bytes) VALUES ($1, $2)")
        .bind(blob.hash.as_str())
        .bind(blob.bytes.as_slice())
        .execute(connection)
        .await
        .map(|_| ())
}

async fn load_row(connection: &mut SqliteConnection, fact: &Fact) -> Result<Listing, sqlx::Error> {
    let row = sqlx::query("SELECT title, titled, project, model, created, updated, facts FROM session WHERE id = $1")
        .bind(fact.session.to_string())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(Listing {
            title: "new session".to_owned(),
            titled: false,
            project: None,
            model: None,
            created: fact.at.to_string(),
            updated: fact.at.to_string(),
            facts: 0,
        });
    };
    Ok(Listing {
        title: row.try_get(0)?,
        titled: row.try_get(1)?,
        project: row.try_get(2)?,
        model: row.try_get(3)?,
        created: row.try_get(4)?,
        updated: row.try_get(5)?,
        facts: u64::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0),
    })
}

async fn append_fact(connection: &mut SqliteConnection, row: &mut Listing, fact: &Fact) -> Result<(), Refusal> {
    let session = fact.session.to_string();
    let body = serde_json::to_string(&fact.body).map_err(Refusal::Encoding)?;
    let seq = i64::try_from(fact.seq.0).map_err(|_| Refusal::Conflict)?;
    if fact.seq.0 <= row.facts {
        let stored = sqlx::query("SELECT 1 FROM fact WHERE session = $1 AND seq = $2 AND at = $3 AND body = $4")
            .bind(session)
            .bind(seq)
            .bind(fact.at.to_string())
            .bind(body)
            .fetch_optional(connection)
            .await?;
        return stored.map(|_| ()).ok_or(Refusal::Conflict);
    }
    if fact.seq != Seq(row.facts).next() {
        return Err(Refusal::Conflict);
    }
    sqlx::query("INSERT INTO fact (session, seq, at, body) VALUES ($1, $2, $3, $4)")
        .bind(&session)
        .bind(seq)
        .bind(fact.at.to_string())
        .bind(body)
        .execute(&mut *connection)
        .await?;
    for hash in named_blobs(&fact.body) {
        sqlx::query("INSERT OR IGNORE INTO session_blob (session, hash) VALUES ($1, $2)")
            .bind(&session)
            .bind(hash.as_str())
            .execute(&mut *connection)
            .await?;
    }
    summarise(row, fact).map_err(Refusal::Encoding)
}

fn named_blobs(body: &FactBody) -> impl Iterator<Item = &ContentHash> {
    let hashes = match body {
        FactBody::FileChanged { change } => [change.before.as_ref(), change.after.as_ref()],
        _ => [None, None],
    };
    hashes.into_iter().flatten()
}

/// Folds a new fact into what the list of sessions shows.
fn summarise(row: &mut Listing, fact: &Fact) -> Result<(), serde_json::Error> {
    row.facts = fact.seq.0;
    row.updated = fact.at.to_string();
    match &fact.body {
        FactBody::SessionStarted { project, .. } => row.project = Some(serde_json::to_string(project)?),
        FactBody::TitleChanged { title } => {
            row.title.clone_from(title);
            row.titled = true;
        }
        FactBody::ModelSelected { model } => row.model = Some(serde_json::to_string(&model.reference)?),
        FactBody::TurnStarted { text, model, .. } => {
            if !row.titled {
                row.title = title_from(text);
                row.titled = true;
            }
            row.model = Some(serde_json::to_string(model)?);
        }
        _ => {}
    }
    Ok(())
}

async fn save_row(connection: &mut SqliteConnection, session: SessionId, row: &Listing) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO session (id, title, titled, project, model, created, updated, facts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, titled = excluded.titled,
           project = excluded.project, model = excluded.model, updated = excluded.updated, facts = excluded.facts",
    )
    .bind(session.to_string())
    .bind(&row.title)
    .bind(row.titled)
    .bind(row.project.as_deref())
    .bind(row.model.as_deref())
    .bind(&row.created)
    .bind(&row.updated)
    .bind(i64::try_from(row.facts).unwrap_or(i64::MAX))
    .execute(connection)
    .await
    .map(|_| ())
}
