//! Reading sessions back: facts in order, contents, and the list of sessions.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Storage;
use super::error::StorageError;
use crate::domain::{ContentHash, Fact, FactBody, ModelRef, Project, Seq, SessionId, SessionSummary};

/// The facts of a session as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// From number 1 without gaps. A fact that cannot be read is replaced by a notice with its number,
    /// so that the rest still folds.
    pub facts: Vec<Fact>,
    /// How many facts were replaced so.
    pub broken: usize,
    /// How many stored facts lie behind a gap in the numbers and were left out.
    pub cut: usize,
}

impl Storage {
    /// All facts of a session, oldest first; none when the session is not stored.
    pub async fn facts(&self, session: SessionId) -> Result<Loaded, StorageError> {
        let rows = sqlx::query("SELECT seq, at, body FROM fact WHERE session = $1 ORDER BY seq")
            .bind(session.to_string())
            .fetch_all(self.reader())
            .await
            .map_err(|error| self.sort(&error))?;
        let mut loaded = Loaded::default();
        let mut last = Seq(0);
        for (position, row) in rows.iter().enumerate() {
            let seq = row.try_get::<i64, _>(0).ok().and_then(|seq| u64::try_from(seq).ok()).map(Seq);
            if seq != Some(last.next()) {
                loaded.cut = rows.len() - position;
                break;
            }
            last = last.next();
            let fact = match read_fact(session, last, row) {
                Some(fact) => fact,
                None => {
                    loaded.broken += 1;
                    self.stand_in(session, last, row).await?
                }
            };
            loaded.facts.push(fact);
        }
        Ok(loaded)
    }

    /// What takes the place of a fact that cannot be read.
    async fn stand_in(&self, session: SessionId, seq: Seq, row: &SqliteRow) -> Result<Fact, StorageError> {
        let at = row.try_get::<String, _>(1).ok().and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut body = FactBody::Noticed { text: format!("fact {seq} of this session could not be read") };
        // The first fact names the project, without which nothing else makes sense; the list knows it too.
        if seq == Seq(1) {
            let summary = self.sessions().await?.into_iter().find(|summary| summary.session == session);
            if let Some(summary) = summary {
                body = FactBody::SessionStarted { project: summary.project, kiln: String::new() };
            }
        }
        Ok(Fact { session, seq, at, body })
    }

    /// The bytes that were stored under a hash.
    pub async fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StorageError> {
        sqlx::query("SELECT bytes FROM blob WHERE hash = $1")
            .bind(hash.as_str())
            .fetch_optional(self.reader())
            .await
            .and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(|error| self.sort(&error))
    }

    /// All sessions, the most recently changed first. Rows that cannot be read are left out.
    pub async fn sessions(&self) -> Result<Vec<SessionSummary>, StorageError> {
        let rows = sqlx::query("SELECT id, title, project, model, created, updated, facts FROM session")
            .fetch_all(self.reader())
            .await
            .map_err(|error| self.sort(&error))?;
        let mut sessions: Vec<SessionSummary> = rows.iter().filter_map(read_summary).collect();
        sessions.sort_by_key(|summary| std::cmp::Reverse((summary.updated, summary.session)));
        Ok(sessions)
    }

    /// The session that a person means: `last`, a full id, or the beginning of an id or of its short form.
    pub async fn find(&self, text: &str) -> Result<SessionSummary, StorageError> {
        let wanted = text.trim().to_ascii_lowercase();
        let mut sessions = self.sessions().await?;
        let not_found = || StorageError::NotFound { text: text.to_owned() };
        if wanted.is_empty() {
            return Err(not_found());
        }
        if wanted != "last" {
            sessions.retain(|summary| {
                let id = summary.session.to_string();
                id.starts_with(&wanted) || id.replace('-', "").starts_with(&wanted) || {
                    summary.session.short().starts_with(&wanted)
                }
            });
            if sessions.len() > 1 {
                return Err(StorageError::Ambiguous { text: text.to_owned(), count: sessions.len() });
            }
        }
        sessions.into_iter().next().ok_or_else(not_found)
    }
}

fn read_fact(session: SessionId, seq: Seq, row: &SqliteRow) -> Option<Fact> {
    let at = row.try_get::<String, _>(1).ok()?.parse().ok()?;
    let body = serde_json::from_str(row.try_get::<&str, _>(2).ok()?).ok()?;
    Some(Fact { session, seq, at, body })
}

fn read_summary(row: &SqliteRow) -> Option<SessionSummary> {
    let text = |index: usize| row.try_get::<Option<String>, _>(index).ok().flatten();
    let project = text(2).and_then(|json| serde_json::from_str(&json).ok());
    Some(SessionSummary {
        session: SessionId::parse(&text(0)?)?,
        title: text(1)?,
        // A session without a project is still listed, so that it can be removed.
        project: project.unwrap_or_else(|| Project::Directory { root: std::path::PathBuf::new() }),
        model: text(3).and_then(|json| serde_json::from_str::<ModelRef>(&json).ok()),
        created: text(4)?.parse().ok()?,
        updated: text(5)?.parse().ok()?,
        facts: u64::try_from(row.try_get::<i64, _>(6).ok()?).ok()?,
    })
}
