//! Effects that take time or touch the outside, off the task that draws.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use tokio::sync::mpsc;

use crate::domain::{Fault, FaultClass, Op};
use crate::engine::Engine;
use crate::tui::history::History;
use crate::tui::msg::{Ask, Msg};
use crate::tui::panes::difference::Comparison;
use crate::tui::terminal::clipboard::{Clipboard, How, Place};

/// What an effect brought back: a message, and bytes that the terminal has to get.
#[derive(Debug)]
pub struct Outcome {
    pub msg: Msg,
    pub bytes: Vec<u8>,
}

/// Effects under way.
#[derive(Debug)]
pub struct Effects {
    engine: Engine,
    clipboard: Arc<Mutex<Clipboard>>,
    history: Option<Arc<Mutex<History>>>,
    done: mpsc::Sender<Outcome>,
}

impl Effects {
    /// Effects on an engine; outcomes of the slow ones come out of the receiver.
    pub fn new(engine: Engine, place: Place, history: Option<PathBuf>) -> (Self, mpsc::Receiver<Outcome>) {
        let (done, outcomes) = mpsc::channel(16);
        let clipboard = Arc::new(Mutex::new(Clipboard::new(place)));
        let history = history.map(|path| Arc::new(Mutex::new(History::at(path))));
        (Self { engine, clipboard, history, done }, outcomes)
    }

    /// Sends a wish at once, so that wishes arrive in the order they were made; the answer comes
    /// later, or now when there is one already.
    pub fn ask(&self, op: Op, ask: Ask) -> Option<Msg> {
        let engine = self.engine.clone();
        let mut future = async move {
            let result = engine.ask(op).await;
            Msg::Answered { ask, result: Box::new(result) }
        }
        .boxed();
        let answer = future.as_mut().now_or_never();
        if answer.is_none() {
            let done = self.done.clone();
            tokio::spawn(async move {
                let outcome = Outcome { msg: future.await, bytes: Vec::new() };
                drop(done.send(outcome).await);
            });
        }
        answer
    }

    /// Compares two texts.
    pub fn compare(&self, comparison: Comparison) {
        let done = self.done.clone();
        tokio::task::spawn_blocking(move || {
            let rows = comparison.rows();
            let msg = Msg::Compared { path: comparison.path, revision: comparison.revision, rows };
            drop(done.blocking_send(Outcome { msg, bytes: Vec::new() }));
        });
    }

    /// Reads what was sent in earlier runs, and shortens the file when it has grown too long.
    pub fn load_history(&self) {
        let Some(history) = self.history.clone() else { return };
        let done = self.done.clone();
        tokio::task::spawn_blocking(move || {
            // Recall is a comfort: without it everything else works, so a failure is only logged.
            let older = history.lock().map(|history| history.load()).unwrap_or_default();
            drop(done.blocking_send(Outcome { msg: Msg::History(older), bytes: Vec::new() }));
        });
    }

    /// Keeps a text that was sent.
    pub fn remember(&self, text: String) {
        let Some(history) = self.history.clone() else { return };
        tokio::task::spawn_blocking(move || {
            if let Ok(history) = history.lock()
                && let Err(error) = history.append(&text)
            {
                tracing::warn!(%error, "the history was not written");
            }
        });
    }

    /// Puts text on the clipboard.
    pub fn copy(&self, text: String) {
        let (clipboard, done) = (Arc::clone(&self.clipboard), self.done.clone());
        tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            let result = match clipboard.lock() {
                Ok(mut clipboard) => clipboard.copy(&text, &mut bytes),
                Err(_) => Err(Fault::new(FaultClass::Internal, "the clipboard broke").hint("start Kiln again")),
            };
            let msg = Msg::Copied(result.map(|how| match how {
                How::System => "to the clipboard",
                How::Terminal => "through the terminal",
            }));
            // The app may have ended meanwhile; then nobody waits for the outcome.
            drop(done.blocking_send(Outcome { msg, bytes }));
        });
    }
}
