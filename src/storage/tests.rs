//! What only the inside can stage: a disk that fills up, rows that rot.

use std::sync::atomic::Ordering;

use super::*;
use crate::domain::{Fact, FactBody, Project, Seq};

fn fact(session: SessionId, seq: u64, body: FactBody) -> Fact {
    Fact { session, seq: Seq(seq), at: jiff::Timestamp::from_second(1_700_000_000).unwrap(), body }
}

fn started(session: SessionId) -> Fact {
    fact(session, 1, FactBody::SessionStarted { project: Project::Scratch { root: "/p".into() }, kiln: "t".into() })
}

fn notice(session: SessionId, seq: u64) -> Fact {
    fact(session, seq, FactBody::Noticed { text: format!("note {seq}") })
}

async fn execute(storage: &Storage, sql: &'static str) {
    let mut connection = storage.inner.options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_says_so_and_the_same_append_works_once_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&folder.path().join("kiln.db")).await.unwrap();
    let session = SessionId::generate();
    storage.append(&[started(session)], &[]).await.unwrap();

    storage.inner.page_cap.store(1, Ordering::Relaxed);
    let blob = Blob { hash: crate::domain::ContentHash::new("big"), bytes: vec![7; 1_000_000] };
    let facts = [notice(session, 2), notice(session, 3)];
    for _ in 0..3 {
        let error = storage.append(&facts, std::slice::from_ref(&blob)).await.unwrap_err();
        assert!(matches!(error, StorageError::Full { .. }), "{error:?}");
        assert_eq!(error.to_fault().retry, crate::domain::Retry::MayHelp);
        assert_eq!(storage.facts(session).await.unwrap().facts.len(), 1, "nothing of a failed append is seen");
    }

    storage.inner.page_cap.store(u32::MAX - 1, Ordering::Relaxed);
    storage.append(&facts, std::slice::from_ref(&blob)).await.unwrap();
    assert_eq!(storage.facts(session).await.unwrap().facts.len(), 3);
    assert_eq!(storage.blob(&blob.hash).await.unwrap(), Some(blob.bytes));
}

#[tokio::test]
async fn a_fact_that_cannot_be_read_costs_only_itself() {
    let storage = Storage::in_memory().await.unwrap();
    let session = SessionId::generate();
    let facts = [started(session), notice(session, 2), notice(session, 3)];
    storage.append(&facts, &[]).await.unwrap();
    execute(&storage, "UPDATE fact SET body = '{\"type\":\"from_the_future\"}' WHERE seq < 3").await;

    let loaded = storage.facts(session).await.unwrap();
    assert_eq!((loaded.broken, loaded.cut), (2, 0));
    let mut state = crate::domain::SessionState::empty();
    assert!(loaded.facts.iter().all(|fact| state.apply(fact)), "the rest still folds");
    assert_eq!(state.project, Some(Project::Scratch { root: "/p".into() }), "the list remembers the project");
    assert_eq!(loaded.facts.last(), facts.last());
}

#[tokio::test]
async fn facts_behind_a_gap_are_left_out_and_counted() {
    let storage = Storage::in_memory().await.unwrap();
    let session = SessionId::generate();
    let facts: Vec<Fact> = std::iter::once(started(session)).chain((2..=5).map(|seq| notice(session, seq))).collect();
    storage.append(&facts, &[]).await.unwrap();
    execute(&storage, "DELETE FROM fact WHERE seq = 3").await;

    let loaded = storage.facts(session).await.unwrap();
    assert_eq!(loaded.facts, facts[..2]);
    assert_eq!((loaded.broken, loaded.cut), (0, 2));
}

#[tokio::test]
async fn a_newer_layout_is_neither_opened_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiln.db");
    let storage = Storage::open(&path).await.unwrap();
    let session = SessionId::generate();
    storage.append(&[started(session)], &[]).await.unwrap();
    execute(&storage, "PRAGMA user_version = 99").await;

    let error = storage.append(&[notice(session, 2)], &[]).await.unwrap_err();
    assert!(matches!(error, StorageError::Newer { found: 99, .. }), "the older Kiln stops writing: {error:?}");
    let error = Storage::open(&path).await.unwrap_err();
    assert!(matches!(error, StorageError::Newer { found: 99, .. }), "{error:?}");
    assert_eq!(storage.facts(session).await.unwrap().facts.len(), 1);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut connection = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
    let error = Storage::open(&path).await.unwrap_err();
    assert!(matches!(error, StorageError::Broken { .. }), "{error:?}");
    let tables = sqlx::query("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await.unwrap();
    assert_eq!(tables.len(), 1);
}

#[tokio::test]
async fn the_file_is_opened_as_promised() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&folder.path().join("kiln.db")).await.unwrap();
    let mut connection = storage.inner.options.connect().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA trusted_schema", "0"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        let row = sqlx::query(pragma).fetch_one(&mut connection).await.unwrap();
        let found = sqlx::Row::try_get_unchecked::<String, _>(&row, 0).unwrap();
        assert_eq!(found, expected, "{pragma}");
    }
}
