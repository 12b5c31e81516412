//! All servers of this run, and what of them the model is offered.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::consent::{Ledger, Standing};
use super::content::Reply;
use super::definition::{Definition, visible};
use super::error::McpError;
use super::link::{Listener, Surroundings};
use super::server::Server;
use super::spec::{Spec, SpecOrigin};

/// Every server that may run here.
#[derive(Debug)]
pub struct Mcp {
    servers: Vec<Arc<Server>>,
    /// What the person should be told once.
    notices: Mutex<Vec<String>>,
}

/// A tool as the model may call it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignTool {
    /// With the server's name before it.
    pub full_name: String,
    pub server: String,
    pub definition: Definition,
}

/// How the tools of all servers are offered.
#[derive(Clone, Debug, PartialEq)]
pub enum Offered {
    /// There is no server.
    Nothing,
    /// Each by itself.
    Each(Vec<ForeignTool>),
    /// By names, since there are too many, or none was ever listed.
    ByName,
}

/// Tools that are offered each by itself at most.
const EACH: usize = 20;

impl Mcp {
    /// The servers that may run. Those that may not are told of, once.
    pub fn new(specs: Vec<Spec>, ledger: &Ledger, around: &Surroundings) -> Self {
        let (mut servers, mut notices) = (Vec::new(), Vec::new());
        for spec in specs.into_iter().filter(|spec| spec.enabled) {
            let (name, words) = (spec.name.clone(), visible(&spec.words(), 400));
            match ledger.standing(&spec) {
                Ok(Standing::Allowed(tools)) => {
                    servers.push(Arc::new(Server::new(spec, around.clone(), ledger.clone(), tools)));
                }
                Ok(Standing::New) => {
                    let who = match &spec.origin {
                        SpecOrigin::Project(_) => "this project offers",
                        SpecOrigin::Settings | SpecOrigin::Asked => "the settings name",
                    };
                    notices.push(format!(
                        "{who} the server of tools `{name}`, which is off until you allow it: `kiln mcp allow {name}` lets it run `{words}`"
                    ));
                }
                Ok(Standing::Changed(before)) if before == spec.words() => notices.push(format!(
                    "the server of tools `{name}` is off: a file of the project that `{words}` names is another now; look at it, and `kiln mcp allow {name}` allows it"
                )),
                Ok(Standing::Changed(before)) => notices.push(format!(
                    "the server of tools `{name}` is off: it was allowed as `{}` and is now `{words}`; `kiln mcp allow {name}` allows that",
                    visible(&before, 400)
                )),
                Err(fault) => notices.push(fault.to_string()),
            }
        }
        Self { servers, notices: Mutex::new(notices) }
    }

    /// Starts what does not run yet, in the background; nothing waits for it.
    pub fn wake(&self) {
        for server in &self.servers {
            let server = Arc::clone(server);
            tokio::spawn(async move {
                if let Err(error) = server.link().await {
                    tracing::debug!(%error, "a server of tools is not there");
                }
            });
        }
    }

    /// What the person should be told since it was last asked.
    pub fn take_notices(&self) -> Vec<String> {
        let mut all = std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner));
        all.extend(self.servers.iter().flat_map(|server| server.take_notices()));
        all
    }

    /// What the model is offered, from what is known without waiting.
    pub fn offered(&self) -> Offered {
        let tools = self.tools();
        if self.servers.is_empty() {
            Offered::Nothing
        } else if tools.len() > EACH || self.servers.iter().any(|server| server.is_unlisted()) {
            Offered::ByName
        } else {
            Offered::Each(tools)
        }
    }

    /// Names of the servers.
    pub fn names(&self) -> Vec<&str> {
        self.servers.iter().map(|server| server.name()).collect()
    }

    /// Every tool that is accepted, as far as it is known.
    pub fn tools(&self) -> Vec<ForeignTool> {
        let of = |server: &Arc<Server>| {
            let name = server.name().to_owned();
            let tools = server.tools().into_iter();
            tools.map(move |definition| ForeignTool {
                full_name: definition.full_name(&name),
                server: name.clone(),
                definition,
            })
        };
        self.servers.iter().flat_map(of).collect()
    }

    /// Waits for those servers whose tools were never listed; what went wrong, in words.
    pub async fn settled(&self) -> Vec<String> {
        let waiting = self.servers.iter().filter(|server| server.is_unlisted()).map(|server| server.link());
        let outcomes = futures::future::join_all(waiting).await;
        outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect()
    }

    /// Calls a tool by its full name.
    pub async fn call(&self, full_name: &str, arguments: Map<String, Value>, to: &Listener) -> Result<Reply, McpError> {
        let mut tool = self.tools().into_iter().find(|tool| tool.full_name == full_name);
        if tool.is_none() {
            self.settled().await;
            tool = self.tools().into_iter().find(|tool| tool.full_name == full_name);
        }
        let Some(tool) = tool else {
            return Err(McpError::Unknown(format!("there is no tool `{}`", visible(full_name, 100))));
        };
        self.server(&tool.server)?.call(&tool.definition.name, arguments, to).await
    }

    /// Reads a resource of a server.
    pub async fn read(&self, server: &str, uri: &str, to: &Listener) -> Result<Reply, McpError> {
        self.server(server)?.read(uri, to).await
    }

    /// The resources that a server names, a line each.
    pub async fn resources(&self, server: &str) -> Result<Vec<String>, McpError> {
        let resources = self.server(server)?.link().await?.resources().await?;
        Ok(resources.iter().map(|one| visible(&format!("{}  {}", one.uri, one.name), 300)).collect())
    }

    fn server(&self, name: &str) -> Result<&Arc<Server>, McpError> {
        self.servers.iter().find(|server| server.name() == name).ok_or_else(|| {
            let names = self.names().join(", ");
            McpError::Unknown(format!("there is no server `{}`; there are: {names}", visible(name, 100)))
        })
    }
}
