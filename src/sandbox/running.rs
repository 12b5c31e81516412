//! A command that runs, and what it leaves behind.

use std::net::TcpListener;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, oneshot};

use super::audit::ControlChange;
use super::output::Kept;
use super::tier::Tier;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which Kiln did not send.
    Signalled(i32),
    /// Its time was over.
    TimedOut,
    /// Kiln was asked to end it.
    Killed,
    /// What stood over it died; the kernel took the command along.
    Lost,
}

/// A command that has ended. Of its processes none is left.
#[derive(Clone, Debug)]
pub struct Ended {
    pub finish: Finish,
    /// Standard output and standard error, in the order written.
    pub output: Kept,
    /// Control files that are not as before; see [`ControlChange`].
    pub control_changes: Vec<ControlChange>,
    /// How it was confined.
    pub tier: Tier,
    /// From the start of the command to its end.
    pub took: Duration,
}

/// A command that runs. Dropping it kills the command and all that it started.
#[derive(Debug)]
pub struct Running {
    pub(super) chunks: mpsc::Receiver<Vec<u8>>,
    pub(super) ended: oneshot::Receiver<Ended>,
    pub(super) stop: mpsc::Sender<()>,
    pub(super) input: Option<ChildStdin>,
    pub(super) tier: Tier,
    pub(super) listener: Option<TcpListener>,
}

impl Running {
    /// Where the command's connections to the outside arrive, when its network is [`super::Network::Hosts`].
    ///
    /// It listens on the command's own loopback, where nothing else leads out: what is accepted here came from the
    /// command, and nobody else can connect to it. `None` otherwise, and from the second call on.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// The next piece of output, to show while the command runs; `None` at its end.
    ///
    /// A reader that is slow misses pieces; what is kept for [`Ended::output`] misses none.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        self.chunks.recv().await
    }

    /// Writes to the command's input, if that is [`super::Input::Piped`].
    pub async fn write_stdin(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.input {
            Some(input) => {
                input.write_all(bytes).await?;
                input.flush().await
            }
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Ends the command's input.
    pub fn close_stdin(&mut self) {
        self.input = None;
    }

    /// Asks the command to end; after a second it and all it started are killed. [`Self::wait`] tells when.
    pub fn kill(&self) {
        // Full or closed: it was asked already, or it has ended.
        self.stop.try_send(()).ok();
    }

    /// How it is confined.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Waits for the end.
    pub async fn wait(mut self) -> Ended {
        self.input = None;
        while self.chunks.recv().await.is_some() {}
        let tier = self.tier;
        self.ended.await.unwrap_or_else(|_| Ended {
            finish: Finish::Lost,
            output: Kept::default(),
            control_changes: Vec::new(),
            tier,
            took: Duration::ZERO,
        })
    }
}
