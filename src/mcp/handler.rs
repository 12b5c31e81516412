//! Kiln's ears while it is a server's client: questions and news that belong to calls under way.
//!
//! A question of a server that no call of ours is waiting for is declined: nobody would know why it
//! is asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ErrorData, FormElicitationCapability, Implementation, ProgressNotificationParam, ProgressToken,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient};
use tokio::sync::{mpsc, oneshot};

use super::definition::visible;
use super::elicitation;

/// A server's question for the person.
#[derive(Debug)]
pub struct Ask {
    pub text: String,
    /// Answers to choose from; none for a free one.
    pub choices: Vec<String>,
    pub answer: oneshot::Sender<String>,
}

/// Something that concerns a call under way.
#[derive(Debug)]
pub(super) enum Signal {
    Ask(Ask),
    Progress(String),
}

/// The calls of one connection that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: Mutex<Vec<(ProgressToken, mpsc::Sender<Signal>)>>,
    /// The server says that its tools are others now.
    pub(super) tools_changed: AtomicBool,
}

impl Calls {
    /// Enters a call; it is taken out when the entry is dropped.
    pub(super) fn enter(self: &Arc<Self>, token: ProgressToken, signals: mpsc::Sender<Signal>) -> Entry {
        self.list().push((token.clone(), signals));
        Entry { calls: Arc::clone(self), token }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(ProgressToken, mpsc::Sender<Signal>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, token: &ProgressToken) -> Option<mpsc::Sender<Signal>> {
        self.list().iter().find(|(known, _)| known == token).map(|(_, signals)| signals.clone())
    }

    /// The newest call: whom a question is taken to belong to.
    fn newest(&self) -> Option<mpsc::Sender<Signal>> {
        self.list().last().map(|(_, signals)| signals.clone())
    }
}

/// A call on the list.
pub(super) struct Entry {
    calls: Arc<Calls>,
    token: ProgressToken,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.calls.list().retain(|(token, _)| *token != self.token);
    }
}

/// What the protocol's crate talks to.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: String,
    pub(super) calls: Arc<Calls>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let form = FormElicitationCapability::new();
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
        ClientConfig::new(capabilities, Implementation::new("kiln", env!("CARGO_PKG_VERSION")))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let (ElicitRequestParams::FormElicitationParams { message, requested_schema, .. }, Some(call)) =
            (request, self.calls.newest())
        else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let schema = serde_json::to_value(requested_schema).unwrap_or_default();
        let ask = move |text: String, choices: Vec<String>| {
            let call = call.clone();
            async move {
                let (answer, answered) = oneshot::channel();
                call.send(Signal::Ask(Ask { text, choices, answer })).await.ok()?;
                answered.await.ok()
            }
            .boxed()
        };
        Ok(match elicitation::form(&self.server, &message, &schema, &ask).await {
            Some(content) => ElicitResult::new(ElicitationAction::Accept).with_content(content),
            None => ElicitResult::new(ElicitationAction::Decline),
        })
    }

    async fn on_progress(&self, news: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        if let Some(call) = self.calls.of(&news.progress_token) {
            let share = news.total.filter(|total| *total > 0.0).map(|total| format!("{}/{total}", news.progress));
            let words = [share, news.message.map(|message| visible(&message, 200))];
            let text = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
            // A server that tells more than is read is not waited for.
            call.try_send(Signal::Progress(text)).ok();
        }
    }

    #[expect(deprecated, reason = "servers of today send it")]
    async fn on_logging_message(
        &self,
        said: rmcp::model::LoggingMessageNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        tracing::debug!(server = %self.server, "{}", visible(&said.data.to_string(), 2000));
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.calls.tools_changed.store(true, Ordering::Relaxed);
    }
}
