//! Effects that take time or touch the outside, off the task that draws.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use tokio::sync::mpsc;

use crate::domain::{Fault, FaultClass, Op};
use crate::engine::Engine;
use crate::tui::msg::{Ask, Msg};
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
    done: mpsc::Sender<Outcome>,
}

impl Effects {
    /// Effects on an engine; outcomes of the slow ones come out of the receiver.
    pub fn new(engine: Engine, place: Place) -> (Self, mpsc::Receiver<Outcome>) {
        let (done, outcomes) = mpsc::channel(16);
        let clipboard = Arc::new(Mutex::new(Clipboard::new(place)));
        (Self { engine, clipboard, done }, outcomes)
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
