//! The list of every request that leaves this program, and of every one that was refused.
//!
//! A request is entered before its socket opens and again at its end, so that a program that dies
//! in between leaves its line. Entries hold host, port, purpose and sizes; never a path, a query, a
//! header or a body.

mod file;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use url::Url;
use uuid::Uuid;

use super::reach;
use crate::domain::{Connection, ConnectionState, Purpose};

pub use file::{clear, read};

/// Entries of this run that are kept in memory.
const KEPT: usize = 512;

/// The list; cheap to clone, all clones are the same list.
#[derive(Clone, Debug)]
pub(super) struct Egress {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    recent: Mutex<VecDeque<Connection>>,
    writer: Option<file::Writer>,
}

impl Egress {
    /// A list that is also written to a file; nothing is opened before the first entry.
    pub(super) fn new(file: Option<&Path>) -> Self {
        let writer = file.map(|path| file::Writer::new(path.to_owned()));
        Self { inner: Arc::new(Inner { recent: Mutex::default(), writer }) }
    }

    /// The entries of this run, oldest first.
    pub(super) fn recent(&self) -> Vec<Connection> {
        self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until everything entered so far is in the file.
    pub(super) async fn flush(&self) {
        if let Some(writer) = &self.inner.writer {
            writer.flush().await;
        }
    }

    /// Enters a request that is about to be sent.
    pub(super) fn begin(&self, purpose: Purpose, url: &Url, via: Option<String>, sent: u64) -> Exchange {
        self.enter(entry(purpose, reach::canonical(url), url.port_or_known_default().unwrap_or(0), via, sent))
    }

    /// Enters a helper program that is about to be started and goes to the network by itself.
    pub(super) fn begin_helper(&self, purpose: Purpose, name: &str) -> Exchange {
        self.enter(entry(purpose, name.to_owned(), 0, None, 0))
    }

    /// Enters a request that is not sent.
    pub(super) fn refused(&self, purpose: Purpose, host: String, port: u16) {
        self.put(Connection { state: ConnectionState::Refused, ..entry(purpose, host, port, None, 0) });
    }

    fn enter(&self, connection: Connection) -> Exchange {
        self.put(connection.clone());
        Exchange { egress: self.clone(), connection, began: Instant::now() }
    }

    fn put(&self, connection: Connection) {
        if let Some(writer) = &self.inner.writer {
            writer.append(&connection);
        }
        let mut recent = self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = recent.iter_mut().rev().find(|earlier| earlier.id == connection.id) {
            *earlier = connection;
            return;
        }
        if recent.len() >= KEPT {
            recent.pop_front();
        }
        recent.push_back(connection);
    }
}

fn entry(purpose: Purpose, host: String, port: u16, via: Option<String>, sent: u64) -> Connection {
    Connection {
        id: Uuid::now_v7(),
        began: Timestamp::now(),
        purpose,
        host,
        port,
        via,
        state: ConnectionState::Open,
        status: None,
        sent,
        received: 0,
        milliseconds: 0,
    }
}

/// A request under way; its end is entered when this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    egress: Egress,
    connection: Connection,
    began: Instant,
}

impl Exchange {
    /// The head of the answer came.
    pub(super) fn answered(&mut self, status: u16, head: u64) {
        self.connection.status = Some(status);
        self.connection.state = ConnectionState::Done;
        self.connection.received += head;
    }

    /// How much went each way in the end, where somebody else counts.
    pub(super) fn carried(&mut self, sent: u64, received: u64) {
        (self.connection.sent, self.connection.received) = (sent, received);
    }

    /// More of the body came.
    pub(super) fn received(&mut self, bytes: usize) {
        self.connection.received += bytes as u64;
    }

    /// It came to nothing, or broke off.
    pub(super) fn failed(&mut self) {
        self.connection.state = ConnectionState::Failed;
    }

    /// A helper program ended well, or a command's connection was made.
    pub(super) fn done(&mut self) {
        self.connection.state = ConnectionState::Done;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.connection.state == ConnectionState::Open {
            // Given up before an answer came.
            self.connection.state = ConnectionState::Failed;
        }
        self.connection.milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.egress.put(self.connection.clone());
    }
}

/// A helper program under way, as whoever starts it sees it; dropped without [`Self::succeeded`] it failed.
#[derive(Debug)]
pub struct HelperRun(Exchange);

impl HelperRun {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self(exchange)
    }

    /// It ended well.
    pub fn succeeded(mut self) {
        self.0.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_entry_has_one_line_from_its_beginning_to_its_end() {
        let egress = Egress::new(None);
        let mut exchange = egress.begin(Purpose::Chat, &url("https://API.example.org./v1?key=hidden"), None, 10);
        assert_eq!(egress.recent()[0].outcome(), "open");
        exchange.answered(200, 5);
        exchange.received(7);
        drop(exchange);
        egress.refused(Purpose::Models, "elsewhere.test".into(), 443);
        drop(egress.begin(Purpose::Probe, &url("http://127.0.0.1:9"), None, 0));
        let all = egress.recent();
        let told: Vec<_> = all.iter().map(|one| (one.place(), one.outcome(), one.received)).collect();
        let expected = [("api.example.org:443", "200", 12), ("elsewhere.test:443", "refused", 0)];
        for (one, (place, outcome, received)) in told.iter().zip(expected) {
            assert_eq!(one, &(place.to_owned(), outcome.to_owned(), received));
        }
        assert_eq!(told[2].1, "failed");
        assert!(!serde_json::to_string(&all).unwrap().contains("hidden"));
    }

    #[test]
    fn memory_holds_only_the_newest() {
        let egress = Egress::new(None);
        for _ in 0..KEPT + 9 {
            egress.refused(Purpose::Chat, "a.test".into(), 1);
        }
        assert_eq!(egress.recent().len(), KEPT);
    }

    #[tokio::test]
    async fn the_file_holds_the_same_and_is_cut_to_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/network.jsonl");
        let egress = Egress::new(Some(&path));
        assert!(!path.exists(), "nothing is written before the first request");
        drop(egress.begin(Purpose::Chat, &url("https://a.test/v1?key=hidden"), None, 1));
        egress.refused(Purpose::Models, "b.test".into(), 443);
        egress.flush().await;
        assert_eq!(read(&path).unwrap(), egress.recent());
        let mut text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hidden") && text.lines().count() == 3, "{text}");
        // A line that was torn by a crash is left out.
        text.push_str("{\"id\":\"0190");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
        for _ in 0..12_000 {
            egress.refused(Purpose::Chat, "c.test".into(), 443);
        }
        egress.flush().await;
        let size: u64 = std::fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size < 2_200_000, "{size}");
        assert!(read(&path).unwrap().len() > 4000);
        clear(&path).unwrap();
        assert!(read(&path).unwrap().is_empty() && !path.exists());
    }
}
