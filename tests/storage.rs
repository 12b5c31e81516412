//! Stored sessions, from outside: what is acknowledged comes back, and two Kilns on one file get along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use kiln::domain::{
    ContentHash, Fact, FactBody, FileChange, ModelInfo, ModelRef, Project, ProjectPath, Seq, SessionId, TurnId,
    TurnProtocol,
};
use kiln::storage::{Blob, Storage, StorageError};

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::new(1_700_000_000 + second, 123_456_789).unwrap()
}

fn fact(session: SessionId, seq: u64, body: FactBody) -> Fact {
    Fact { session, seq: Seq(seq), at: at(i64::try_from(seq).unwrap()), body }
}

fn started(session: SessionId) -> Fact {
    let project = Project::Directory { root: "/home/someone/project".into() };
    fact(session, 1, FactBody::SessionStarted { project, kiln: "0.1.0".into() })
}

fn notice(session: SessionId, seq: u64) -> Fact {
    fact(session, seq, FactBody::Noticed { text: format!("n° {seq} \u{0} \u{1f980}") })
}

fn change(session: SessionId, seq: u64, before: Option<&str>, after: Option<&str>) -> Fact {
    let change = FileChange {
        turn: TurnId(1),
        step: None,
        path: ProjectPath::parse("src/main.rs").unwrap(),
        before: before.map(ContentHash::from),
        after: after.map(ContentHash::from),
        bytes: 3,
        added: 1,
        removed: 0,
        author: kiln::domain::Author::Model,
    };
    fact(session, seq, FactBody::FileChanged { change })
}

fn turn(session: SessionId, seq: u64, text: &str) -> Fact {
    let model = ModelRef::new("embedded", "tiny");
    let body = FactBody::TurnStarted { turn: TurnId(1), text: text.into(), model, protocol: TurnProtocol::Guided };
    fact(session, seq, body)
}

fn blob(hash: &str, bytes: &[u8]) -> Blob {
    Blob { hash: hash.into(), bytes: bytes.to_vec() }
}

fn file_in(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("deep/er/kiln.db")
}

#[tokio::test]
async fn what_was_appended_comes_back_equal_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let session = SessionId::generate();
    let facts = vec![
        started(session),
        turn(session, 2, "make a snake game\nplease"),
        change(session, 3, None, Some("h1")),
        notice(session, 4),
    ];
    let every_byte: Vec<u8> = (0..=255).collect();
    let storage = Storage::open(&file_in(&folder)).await.unwrap();
    storage.append(&facts[..2], &[]).await.unwrap();
    storage.append(&facts[2..], &[blob("h1", &every_byte), blob("empty", b"")]).await.unwrap();
    storage.close().await;
    drop(storage);

    let storage = Storage::open(&file_in(&folder)).await.unwrap();
    let loaded = storage.facts(session).await.unwrap();
    assert_eq!(loaded.facts, facts);
    assert_eq!((loaded.broken, loaded.cut), (0, 0));
    assert_eq!(storage.blob(&"h1".into()).await.unwrap(), Some(every_byte));
    assert_eq!(storage.blob(&"empty".into()).await.unwrap(), Some(Vec::new()));
    assert_eq!(storage.blob(&"absent".into()).await.unwrap(), None);
    assert!(storage.facts(SessionId::generate()).await.unwrap().facts.is_empty());
}

#[tokio::test]
async fn the_list_shows_title_model_and_number_newest_first() {
    let storage = Storage::in_memory().await.unwrap();
    let (old, new) = (SessionId::generate(), SessionId::generate());
    storage.append(&[started(old), turn(old, 2, "make a snake game\nplease"), notice(old, 3)], &[]).await.unwrap();
    let facts = [started(new), notice(new, 2), notice(new, 3), turn(new, 4, "first"), turn(new, 5, "second")];
    storage.append(&facts, &[]).await.unwrap();
    let titled = FactBody::TitleChanged { title: "Snake".into() };
    let model = FactBody::ModelSelected { model: ModelInfo::unknown(ModelRef::new("anthropic", "big")) };
    storage.append(&[fact(old, 4, titled), fact(old, 5, model)], &[]).await.unwrap();
    storage.append(&[notice(new, 6)], &[]).await.unwrap();

    let list = storage.sessions().await.unwrap();
    let shown: Vec<_> = list.iter().map(|s| (s.session, s.title.as_str(), s.facts)).collect();
    assert_eq!(shown, [(new, "first", 6), (old, "Snake", 5)]);
    assert_eq!(list[1].model, Some(ModelRef::new("anthropic", "big")));
    assert_eq!(list[1].project.root(), Path::new("/home/someone/project"));
    assert_eq!((list[1].created, list[1].updated), (at(1), at(5)));

    assert_eq!(storage.find("last").await.unwrap().session, new);
    assert_eq!(storage.find(&old.short()).await.unwrap().session, old);
    assert_eq!(storage.find(&old.to_string().to_uppercase()).await.unwrap().session, old);
    assert!(matches!(storage.find("zz").await, Err(StorageError::NotFound { .. })));
    assert!(matches!(storage.find(" ").await, Err(StorageError::NotFound { .. })));
    let shared = &old.to_string()[..1];
    assert!(matches!(storage.find(shared).await, Err(StorageError::Ambiguous { count: 2, .. })));
}

#[tokio::test]
async fn removing_a_session_keeps_contents_that_another_needs() {
    let storage = Storage::in_memory().await.unwrap();
    let (gone, kept) = (SessionId::generate(), SessionId::generate());
    let facts = [started(gone), change(gone, 2, Some("only"), Some("both"))];
    storage.append(&facts, &[blob("only", b"1"), blob("both", b"2")]).await.unwrap();
    storage.append(&[started(kept), change(kept, 2, Some("both"), None)], &[blob("both", b"2")]).await.unwrap();

    storage.remove(gone).await.unwrap();
    storage.remove(gone).await.unwrap();
    assert!(storage.facts(gone).await.unwrap().facts.is_empty());
    assert_eq!(storage.sessions().await.unwrap().len(), 1);
    assert_eq!(storage.blob(&"only".into()).await.unwrap(), None);
    assert_eq!(storage.blob(&"both".into()).await.unwrap(), Some(b"2".to_vec()));
    assert_eq!(storage.facts(kept).await.unwrap().facts.len(), 2);
}

#[tokio::test]
async fn a_number_that_does_not_follow_is_refused_and_stores_nothing() {
    let storage = Storage::in_memory().await.unwrap();
    let session = SessionId::generate();
    let facts = [started(session), notice(session, 2)];
    storage.append(&facts, &[]).await.unwrap();

    let other = fact(session, 2, FactBody::Noticed { text: "something else".into() });
    for wrong in [vec![other], vec![notice(session, 4)], vec![notice(session, 3), notice(session, 5)]] {
        let error = storage.append(&wrong, &[blob("with it", b"x")]).await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict { .. }), "{error:?}");
    }
    assert_eq!(storage.facts(session).await.unwrap().facts, facts);
    assert_eq!(storage.blob(&"with it".into()).await.unwrap(), None);

    let again = [facts[1].clone(), notice(session, 3)];
    storage.append(&again, &[]).await.expect("an append of unknown outcome can be repeated");
    assert_eq!(storage.facts(session).await.unwrap().facts.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_kilns_start_and_write_on_one_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let kilns: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let storage = Storage::open(&path).await.expect("opens while others make the file");
                let session = SessionId::generate();
                storage.append(&[started(session)], &[]).await.unwrap();
                for seq in 2..=30 {
                    storage.append(&[notice(session, seq)], &[blob("shared", b"same")]).await.expect("no busy error");
                }
                session
            })
        })
        .collect();
    let mut sessions = Vec::new();
    for kiln in kilns {
        sessions.push(kiln.await.unwrap());
    }
    let storage = Storage::open(&path).await.unwrap();
    assert_eq!(storage.sessions().await.unwrap().len(), sessions.len());
    for session in sessions {
        let seqs: Vec<u64> = storage.facts(session).await.unwrap().facts.iter().map(|fact| fact.seq.0).collect();
        assert_eq!(seqs, (1..=30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_append_that_is_dropped_half_way_leaves_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&file_in(&folder)).await.unwrap();
    let session = SessionId::generate();
    storage.append(&[started(session)], &[]).await.unwrap();
    let facts: Vec<Fact> = (2..=50).map(|seq| notice(session, seq)).collect();
    for polls in 0..40 {
        let mut append = Box::pin(storage.append(&facts, &[]));
        for _ in 0..polls {
            if futures::poll!(&mut append).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(append);
        let count = storage.facts(session).await.unwrap().facts.len();
        assert!(count == 1 || count == 50, "{count} facts after {polls} polls");
    }
    storage.append(&facts, &[]).await.expect("the store works on");
    assert_eq!(storage.facts(session).await.unwrap().facts.len(), 50);
}

#[tokio::test]
async fn a_session_is_written_by_one_kiln_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let one = Storage::open(&file_in(&folder)).await.unwrap();
    let two = Storage::open(&file_in(&folder)).await.unwrap();
    let session = SessionId::generate();
    let held = one.lock(session).await.unwrap();
    assert_eq!(held.session(), session);
    let refusal = two.lock(session).await.unwrap_err();
    assert!(matches!(refusal, StorageError::InUse { .. }), "{refusal:?}");
    assert!(refusal.to_fault().hint.is_some());
    two.lock(SessionId::generate()).await.expect("another session is free");
    drop(held);
    two.lock(session).await.expect("free again");
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiln.db");
    let rubbish = b"this was never a database, but somebody named it like one\n".repeat(100);
    std::fs::write(&path, &rubbish).unwrap();
    let error = Storage::open(&path).await.unwrap_err();
    let StorageError::Broken { place, .. } = &error else { panic!("{error:?}") };
    assert_eq!(place.as_deref(), Some(path.as_path()));
    assert_eq!(std::fs::read(&path).unwrap(), rubbish);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was put beside it");
}

#[tokio::test]
async fn damage_inside_a_file_that_was_not_closed_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiln.db");
    let storage = Storage::open(&path).await.unwrap();
    let session = SessionId::generate();
    let facts: Vec<Fact> = std::iter::once(started(session)).chain((2..400).map(|s| notice(session, s))).collect();
    storage.append(&facts, &[]).await.unwrap();
    storage.close().await;
    drop(storage);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x55);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(folder.path().join("kiln.db-wal"), b"torn").unwrap();
    let error = Storage::open(&path).await.unwrap_err();
    assert!(matches!(error, StorageError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_place_that_cannot_hold_a_file_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let error = Storage::open(&folder.path().join("file/kiln.db")).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "{error:?}");
    let error = Storage::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "a folder is no database: {error:?}");
}

#[tokio::test]
async fn a_database_that_vanishes_while_kiln_runs_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let storage = Storage::open(&path).await.unwrap();
    let session = SessionId::generate();
    storage.append(&[started(session)], &[]).await.unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let error = storage.append(&[notice(session, 2)], &[]).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "an append into nowhere is not acknowledged: {error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_can_read_neither_the_file_nor_its_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let storage = Storage::open(&path).await.unwrap();
    let session = SessionId::generate();
    storage.append(&[started(session)], &[]).await.unwrap();
    let _lock = storage.lock(session).await.unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _again = Storage::open(&path).await.unwrap();
    let parent = path.parent().unwrap();
    assert_eq!(parent.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let mut seen = 0;
    for entry in std::fs::read_dir(parent).unwrap() {
        let entry = entry.unwrap();
        seen += 1;
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
    assert!(seen >= 3, "database, log and locks");
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_folder_is_unavailable() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(folder.path().join("probe"), b"").is_ok() {
        // The administrator may write anywhere: nothing to see.
        return;
    }
    let error = Storage::open(&folder.path().join("kiln.db")).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn every_error_says_what_to_do() {
    let session = SessionId::generate();
    let errors = [
        StorageError::Full { place: None },
        StorageError::Locked { place: Some("/x".into()) },
        StorageError::InUse { session },
        StorageError::Broken { place: None, detail: "d".into() },
        StorageError::Newer { place: None, found: 2, known: 1 },
        StorageError::Unavailable { place: None, detail: "d".into() },
        StorageError::Conflict { session, seq: Seq(1) },
        StorageError::NotFound { text: "t".into() },
        StorageError::Ambiguous { text: "t".into(), count: 2 },
        StorageError::Failed { detail: "d".into() },
    ];
    for error in errors {
        let fault = error.to_fault();
        assert!(fault.hint.is_some_and(|hint| !hint.is_empty()), "{error:?}");
        assert!(!fault.sentence.ends_with('.'), "{error:?}");
    }
}
