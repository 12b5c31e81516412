//! Signals as messages. They are only reported; what follows is for the one who draws.

use std::io;

use tokio::sync::mpsc;

/// What the system asks of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End now (SIGTERM).
    Terminate,
    /// The terminal is gone (SIGHUP): end, and do not write to it.
    HangUp,
    /// SIGINT from outside; the key comes as a key.
    Interrupt,
    /// Stop (SIGTSTP from outside): call [`super::Modes::suspend`].
    Suspend,
    /// Continued (SIGCONT): draw everything anew.
    Continue,
}

/// Signals that may wait unread; more of them say nothing new.
const WAITING: usize = 8;

/// Starts to listen.
///
/// # Errors
/// The system refuses a handler.
#[cfg(unix)]
pub fn spawn() -> io::Result<mpsc::Receiver<Signal>> {
    use tokio::signal::unix::{SignalKind, signal};

    let kinds = [
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::hangup(), Signal::HangUp),
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), Signal::Suspend),
        (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), Signal::Continue),
    ];
    let (sender, receiver) = mpsc::channel(WAITING);
    for (kind, meaning) in kinds {
        let mut source = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while source.recv().await.is_some() {
                if sender.send(meaning).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// Starts to listen.
///
/// # Errors
/// None here: only the interrupt of the console is known.
#[cfg(not(unix))]
pub fn spawn() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(Signal::Interrupt).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
