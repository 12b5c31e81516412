//! Ctrl-C in the headless verbs: the first cancels the turn, the second ends the program.

use tokio::sync::mpsc;

use super::exit::Exit;

/// Wishes of the person to stop.
#[derive(Debug)]
pub struct Interrupts {
    receiver: mpsc::UnboundedReceiver<()>,
}

impl Interrupts {
    /// The process's own: SIGINT, and SIGTERM where there is one. Needs a running runtime.
    pub fn system() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            wait().await;
            // When nobody listens the program is ending anyway.
            sender.send(()).ok();
            wait().await;
            leave();
        });
        Self { receiver }
    }

    /// Wishes that a test sends.
    pub fn scripted(receiver: mpsc::UnboundedReceiver<()>) -> Self {
        Self { receiver }
    }

    /// Waits for the next wish; for ever when there will be none.
    pub async fn next(&mut self) {
        if self.receiver.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[expect(clippy::exit, reason = "the second Ctrl-C must end the program even when its output is blocked")]
fn leave() {
    std::process::exit(Exit::Cancelled as i32)
}

#[cfg(unix)]
async fn wait() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return interrupt().await;
    };
    tokio::select! {
        () = interrupt() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn wait() {
    interrupt().await;
}

/// Without a signal handler Ctrl-C ends the program at once, which is what is left to do.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
