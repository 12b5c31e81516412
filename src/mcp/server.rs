//! A server over time: not started yet, running, gone, started again, given up.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::consent::{Ledger, Standing};
use super::content::Reply;
use super::definition::{Definition, Difference};
use super::error::McpError;
use super::link::{Link, Listener, Surroundings};
use super::spec::Spec;

/// Starts that may fail or be followed by a death before a server is given up.
const STARTS: u32 = 3;

/// One server of this run.
#[derive(Debug)]
pub struct Server {
    pub(super) spec: Spec,
    around: Surroundings,
    ledger: Ledger,
    state: AsyncMutex<State>,
    known: Mutex<Known>,
}

/// What is known of its tools.
#[derive(Debug, Default)]
struct Known {
    /// As they were accepted.
    pinned: Option<Vec<Definition>>,
    /// Names of those that are others now.
    changed: Vec<String>,
    /// What the person should be told.
    notices: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    link: Option<Arc<Link>>,
    /// Starts since the last good answer.
    starts: u32,
    /// Not before this.
    rest: Option<Instant>,
    why: Option<McpError>,
}

impl Server {
    pub(super) fn new(spec: Spec, around: Surroundings, ledger: Ledger, pinned: Option<Vec<Definition>>) -> Self {
        let known = Mutex::new(Known { pinned, ..Known::default() });
        Self { spec, around, ledger, state: AsyncMutex::default(), known }
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its tools as they were accepted, without those that changed since.
    pub(super) fn tools(&self) -> Vec<Definition> {
        let known = self.known();
        let tools = known.pinned.iter().flatten();
        tools.filter(|tool| !known.changed.contains(&tool.name)).cloned().collect()
    }

    /// Whether its tools were never listed.
    pub(super) fn is_unlisted(&self) -> bool {
        self.known().pinned.is_none()
    }

    pub(super) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.known().notices)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, started if need be. Whoever comes while it starts waits for that start.
    pub(super) async fn link(&self) -> Result<Arc<Link>, McpError> {
        let mut state = self.state.lock().await;
        if let Some(link) = &state.link {
            if !link.is_closed() {
                let link = Arc::clone(link);
                if link.tools_changed() {
                    self.compare(&link.tools().await?);
                }
                return Ok(link);
            }
            state.link = None;
        }
        if state.starts >= STARTS {
            let why = state.why.as_ref().map_or_else(|| "it ended each time".to_owned(), ToString::to_string);
            return Err(McpError::Off(format!(
                "the server `{}` was started {STARTS} times in vain and is off until Kiln starts again: {why}",
                self.name()
            )));
        }
        if let Some(rest) = state.rest {
            tokio::time::sleep_until(rest).await;
        }
        state.starts += 1;
        state.rest = Some(Instant::now() + self.around.rest * (1 << (2 * (state.starts - 1))));
        match self.start().await {
            Ok(link) => {
                state.link = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                if state.starts == 1 || state.starts == STARTS {
                    self.known().notices.push(error.to_string());
                }
                state.why = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn start(&self) -> Result<Arc<Link>, McpError> {
        // Consent may have been taken back, or the list changed, since Kiln began.
        match self.ledger.standing(&self.spec) {
            Ok(Standing::Allowed(_)) => {}
            Ok(_) => return Err(McpError::Off(format!("the server `{}` is not allowed to run", self.name()))),
            Err(fault) => return Err(McpError::Off(fault.sentence)),
        }
        let link = Arc::new(Link::open(&self.spec, &self.around).await?);
        let listed = tokio::time::timeout(self.around.start, link.tools());
        let listed =
            listed.await.map_err(|_| McpError::Late { server: self.name().to_owned(), after: self.around.start })??;
        self.compare(&listed);
        Ok(link)
    }

    /// Holds what is listed now against what was accepted; what is listed first is.
    fn compare(&self, listed: &[Definition]) {
        let mut known = self.known();
        let Some(pinned) = &known.pinned else {
            if let Err(fault) = self.ledger.pin(&self.spec, listed) {
                known.notices.push(fault.to_string());
            }
            known.pinned = Some(listed.to_vec());
            return;
        };
        let difference = Difference::between(pinned, listed);
        let told = known.changed == difference.changed;
        if !difference.is_nothing() && (!told || known.changed.is_empty()) {
            let name = self.name();
            let words = difference.words();
            known.notices.push(format!(
                "tools of the server `{name}` are others now and stay off ({words}); look at them and accept them with `kiln mcp accept {name}`"
            ));
        }
        known.changed = difference.changed;
    }

    /// Calls an accepted tool by the server's own name for it.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: serde_json::Map<String, serde_json::Value>,
        to: &Listener,
    ) -> Result<Reply, McpError> {
        let link = self.link().await?;
        if !self.tools().iter().any(|known| known.name == tool) {
            let name = self.name();
            return Err(McpError::Off(format!(
                "the tool `{tool}` of the server `{name}` changed and is off until the person accepts it with `kiln mcp accept {name}`"
            )));
        }
        self.settle(link.call(tool, arguments, to).await).await
    }

    /// Reads a resource.
    pub(super) async fn read(&self, uri: &str, to: &Listener) -> Result<Reply, McpError> {
        let link = self.link().await?;
        self.settle(link.read(uri, to).await).await
    }

    /// A server that answered has earned its starts back.
    async fn settle(&self, outcome: Result<Reply, McpError>) -> Result<Reply, McpError> {
        match &outcome {
            Ok(_) | Err(McpError::Refused { .. }) => {
                let mut state = self.state.lock().await;
                (state.starts, state.rest) = (1, None);
            }
            Err(error) => self.state.lock().await.why = Some(error.clone()),
        }
        outcome
    }
}
