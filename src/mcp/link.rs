//! One connection to one server, from its first word to its last.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientRequest, PaginatedRequestParams, Prompt,
    ReadResourceRequest, ReadResourceRequestParams, RequestId, Resource, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, Peer, PeerRequestOptions, RequestHandle, RoleClient, RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::auth::AuthClient;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, InsufficientScopeError, StreamableHttpClientTransportConfig,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::content::{self, Reply};
use super::definition::{Definition, TOOLS, visible};
use super::error::McpError;
use super::handler::{Ask, Calls, Handler, Signal};
use super::http::Wire;
use super::oauth::{self, Session, Tokens};
use super::spec::{Launch, Spec, expanded};
use crate::config::Environment;
use crate::net::Client;
use crate::sandbox::{self, ServerGuard};

/// Bytes of one line of a server on pipes.
const LINE: usize = 8 * 1024 * 1024;
/// Pages of a list at most.
const PAGES: usize = 32;
/// How often progress may put the end of a call off: times its time.
const PROGRESS: u32 = 10;
/// Variables of a confined command that do not hold for a server.
const NOT_FOR_SERVERS: &[&str] = &["KILN_SANDBOX", "CARGO_NET_OFFLINE"];

/// What servers are started and asked with.
#[derive(Clone)]
pub struct Surroundings {
    pub net: Client,
    /// Kiln's own environment, of which servers see a part.
    pub environment: Environment,
    /// Where commands run.
    pub directory: PathBuf,
    /// How long a start may take.
    pub start: Duration,
    /// How long a call may take without a word.
    pub call: Duration,
    /// Where the tokens of sign-ins are kept; `None` keeps none.
    pub tokens: Option<Tokens>,
    /// The rest before a second start; four times as long before the third.
    pub rest: Duration,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// Where the words of a call under way go.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Questions for the person.
    pub asks: mpsc::Sender<Ask>,
    /// Words on how far it is.
    pub progress: mpsc::Sender<String>,
}

/// A connection.
pub struct Link {
    server: String,
    service: RunningService<RoleClient, Handler>,
    calls: Arc<Calls>,
    call_time: Duration,
    /// The server's process; it ends with the connection.
    _guard: Option<ServerGuard>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Who a server says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub name: String,
    pub version: String,
    /// The protocol's version that both agreed on.
    pub protocol: String,
}

impl Link {
    /// Starts or reaches a server and agrees with it on a protocol.
    pub async fn open(spec: &Spec, around: &Surroundings) -> Result<Self, McpError> {
        let tokens = around.tokens.clone().filter(|tokens| tokens.exist(&spec.name));
        let session = match &spec.launch {
            Launch::Address { url, .. } => tokens.map(|tokens| Session::new(&spec.name, url, Some(tokens))),
            Launch::Command { .. } => None,
        };
        Self::open_as(spec, around, session).await
    }

    /// As [`Self::open`], with these credentials.
    pub async fn open_as(spec: &Spec, around: &Surroundings, session: Option<Session>) -> Result<Self, McpError> {
        let calls = Arc::new(Calls::default());
        let handler = Handler { server: spec.name.clone(), calls: Arc::clone(&calls) };
        let late = |_| McpError::Late { server: spec.name.clone(), after: around.start };
        let (service, guard) = match &spec.launch {
            Launch::Command { argv, passed, set } => {
                let environment = variables(&around.environment, &around.directory, passed, set);
                let argv: Vec<String> = argv.iter().map(|word| spec.filled_in(word, &around.environment)).collect();
                let home = around.environment.get("HOME").map(PathBuf::from).filter(|home| home.is_dir());
                let directory = home.filter(|_| spec.stands_apart()).unwrap_or_else(|| around.directory.clone());
                let (pipes, guard) = sandbox::spawn_server(&argv, &directory, &environment)
                    .await
                    .map_err(|error| McpError::Down(format!("the server `{}` did not start: {error}", spec.name)))?;
                tokio::spawn(log(spec.name.clone(), pipes.errors));
                let transport = AsyncRwTransport::new_client(pipes.output, pipes.input).with_max_line_length(LINE);
                let begun = timeout(around.start, handler.serve(transport)).await.map_err(late)?;
                (begun, Some(guard))
            }
            Launch::Address { url, token } => {
                let token = token.as_ref().and_then(|name| around.environment.secret(name));
                let url = spec.filled_in(url, &around.environment);
                let (wire, config) = (Wire { net: around.net.clone() }, config(&url, token.as_ref()));
                let begun = async {
                    let signed_in = match &session {
                        Some(session) if token.is_none() => {
                            oauth::known(&spec.name, &url, &around.net, session).await?
                        }
                        _ => None,
                    };
                    Ok(match signed_in {
                        Some(manager) => {
                            let wire = AuthClient::new(wire, manager);
                            handler.serve(StreamableHttpClientTransport::with_client(wire, config)).await
                        }
                        None => handler.serve(StreamableHttpClientTransport::with_client(wire, config)).await,
                    })
                };
                (timeout(around.start, begun).await.map_err(late)??, None)
            }
        };
        let service = service.map_err(|error| unreachable_server(&spec.name, &error))?;
        Ok(Self { server: spec.name.clone(), service, calls, call_time: around.call, _guard: guard })
    }

    /// Who the server says it is.
    pub fn about(&self) -> About {
        let Some(info) = self.service.peer_info() else { return About::default() };
        let (name, version) = match &info.server_info {
            Some(about) => (visible(&about.name, 60), visible(&about.version, 30)),
            None => Default::default(),
        };
        About { name, version, protocol: info.protocol_version.to_string() }
    }

    /// Whether the server has gone.
    pub fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.is_transport_closed()
    }

    /// Whether the server said since that its tools are others now; asked once.
    pub fn tools_changed(&self) -> bool {
        self.calls.tools_changed.swap(false, Ordering::Relaxed)
    }

    /// Every tool that it offers.
    pub async fn tools(&self) -> Result<Vec<Definition>, McpError> {
        if self.service.peer_info().is_none_or(|info| info.capabilities.tools.is_none()) {
            return Ok(Vec::new());
        }
        let (mut tools, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = self.list(self.service.list_tools(page(cursor))).await?;
            tools.extend(page.tools.iter().map(Definition::of));
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= TOOLS {
                break;
            }
        }
        tools.truncate(TOOLS);
        Ok(tools)
    }

    /// Every resource that it names.
    pub async fn resources(&self) -> Result<Vec<Resource>, McpError> {
        if self.service.peer_info().is_none_or(|info| info.capabilities.resources.is_none()) {
            return Ok(Vec::new());
        }
        let (mut resources, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = self.list(self.service.list_resources(page(cursor))).await?;
            resources.extend(page.resources);
            cursor = page.next_cursor;
            if cursor.is_none() || resources.len() >= TOOLS {
                break;
            }
        }
        Ok(resources)
    }

    /// Every prompt that it offers.
    pub async fn prompts(&self) -> Result<Vec<Prompt>, McpError> {
        if self.service.peer_info().is_none_or(|info| info.capabilities.prompts.is_none()) {
            return Ok(Vec::new());
        }
        self.list(self.service.list_prompts(None)).await.map(|page| page.prompts)
    }

    async fn list<T>(&self, asked: impl Future<Output = Result<T, ServiceError>>) -> Result<T, McpError> {
        match timeout(self.call_time, asked).await {
            Ok(answer) => answer.map_err(|error| self.failure(&error)),
            Err(_) => Err(McpError::Late { server: self.server.clone(), after: self.call_time }),
        }
    }

    /// Calls a tool. Dropping the future tells the server that nobody waits any more.
    pub async fn call(&self, tool: &str, arguments: Map<String, Value>, to: &Listener) -> Result<Reply, McpError> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match self.ask(ClientRequest::CallToolRequest(CallToolRequest::new(params)), to).await? {
            ServerResult::CallToolResult(result) => Ok(content::of_call(result)),
            _ => Err(McpError::Down(format!("the server `{}` answered a call with something else", self.server))),
        }
    }

    /// Reads a resource.
    pub async fn read(&self, uri: &str, to: &Listener) -> Result<Reply, McpError> {
        let params = ReadResourceRequestParams::new(uri);
        match self.ask(ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params)), to).await? {
            ServerResult::ReadResourceResult(result) => Ok(content::of_resource(result)),
            _ => Err(McpError::Down(format!("the server `{}` answered with something else", self.server))),
        }
    }

    /// Asks, and passes on what the server says in between. Time that the person takes to answer is not
    /// the server's.
    async fn ask(&self, request: ClientRequest, to: &Listener) -> Result<ServerResult, McpError> {
        let peer = self.service.peer();
        let handle = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
        let handle: RequestHandle<RoleClient> = handle.map_err(|error| self.failure(&error))?;
        let (signals, mut signalled) = mpsc::channel(16);
        let _entry = self.calls.enter(handle.progress_token.clone(), signals);
        let mut unanswered = Unanswered { peer: peer.clone(), id: Some(handle.id.clone()) };
        let answer = handle.await_response();
        tokio::pin!(answer);
        let last = Instant::now() + self.call_time * PROGRESS;
        let mut deadline = Instant::now() + self.call_time;
        let late = || McpError::Late { server: self.server.clone(), after: self.call_time };
        loop {
            let signal = tokio::select! {
                answered = &mut answer => {
                    unanswered.id = None;
                    return answered.map_err(|error| self.failure(&error));
                }
                Some(signal) = signalled.recv() => signal,
                () = sleep_until(deadline) => return Err(late()),
            };
            match signal {
                Signal::Progress(text) => {
                    to.progress.try_send(text).ok();
                    deadline = (Instant::now() + self.call_time).min(last);
                }
                Signal::Ask(ask) => {
                    let mut ask = ask;
                    let (told, answered) = tokio::sync::oneshot::channel();
                    let back = std::mem::replace(&mut ask.answer, told);
                    if to.asks.send(ask).await.is_ok()
                        && let Ok(text) = answered.await
                    {
                        back.send(text).ok();
                    }
                    deadline = Instant::now() + self.call_time;
                }
            }
        }
    }

    /// Takes leave, so that the server can put its things in order; not for long.
    pub async fn close(mut self) {
        self.service.close_with_timeout(Duration::from_secs(1)).await.ok();
    }

    fn failure(&self, error: &ServiceError) -> McpError {
        let server = self.server.clone();
        match error {
            ServiceError::McpError(data) => McpError::Refused { server, message: visible(&data.message, 2000) },
            ServiceError::TransportSend(error) if challenge(error.error.as_ref()).is_some() => {
                let challenge = challenge(error.error.as_ref()).unwrap_or_default();
                McpError::Authorization { server, challenge }
            }
            ServiceError::TransportClosed => McpError::Down(format!("the server `{server}` has gone")),
            other => McpError::Down(format!("the server `{server}`: {}", visible(&other.to_string(), 500))),
        }
    }
}

/// The challenge of a server that wants to know more of who asks.
fn challenge(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(required) = error.downcast_ref::<AuthRequiredError>() {
            return Some(required.www_authenticate_header.clone());
        }
        if let Some(scope) = error.downcast_ref::<InsufficientScopeError>() {
            return Some(scope.www_authenticate_header.clone());
        }
        current = error.source();
    }
    None
}

/// Tells the server when a request is given up.
struct Unanswered {
    peer: Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(id) = self.id.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let peer = self.peer.clone();
            runtime.spawn(async move {
                let reason = Some("nobody waits for it any more".to_owned());
                peer.notify_cancelled(CancelledNotificationParam::new(Some(id), reason)).await.ok();
            });
        }
    }
}

fn page(cursor: Option<String>) -> Option<PaginatedRequestParams> {
    cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)))
}

fn config(url: &str, token: Option<&SecretString>) -> StreamableHttpClientTransportConfig {
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    match token {
        Some(token) => config.auth_header(token.expose_secret().trim()),
        None => config,
    }
}

/// What a command sees: what a confined one would, those that the person named, those that the
/// project's file sets.
fn variables(
    own: &Environment,
    directory: &std::path::Path,
    passed: &[String],
    set: &[(String, String)],
) -> Vec<(String, String)> {
    let mut variables = sandbox::environment(own, directory);
    variables.retain(|(name, _)| !NOT_FOR_SERVERS.contains(&name.as_str()));
    for name in passed {
        if let Some(value) = own.secret(name) {
            variables.push((name.clone(), value.expose_secret().to_owned()));
        }
    }
    variables.extend(set.iter().map(|(name, value)| (name.clone(), expanded(value, own))));
    variables
}

fn unreachable_server(server: &str, error: &ClientInitializeError) -> McpError {
    if let Some(challenge) = error.auth_challenge() {
        return McpError::Authorization { server: server.to_owned(), challenge: challenge.to_owned() };
    }
    let why = match error {
        ClientInitializeError::ConnectionClosed(_) => "it ended before it said who it is".to_owned(),
        ClientInitializeError::TransportError { error, .. } => error.error.to_string(),
        ClientInitializeError::JsonRpcError(error) => error.message.to_string(),
        other => other.to_string(),
    };
    McpError::Down(format!("the server `{server}` cannot be used: {}", visible(&why, 500)))
}

/// Puts what a server says about itself into the log, a bounded line at a time.
async fn log(server: String, errors: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(4096).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => tracing::debug!(server, "{}", visible(String::from_utf8_lossy(&line).trim_end(), 2000)),
        }
    }
}
