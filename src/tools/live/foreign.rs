//! Tools of servers that others run, as tools of Kiln. Each offered by itself where they are few, and
//! by name through `mcp_tools` and `mcp_call` where their schemas would fill the model's memory.
//!
//! Whether a call may happen is the policy's, as for every tool; what a server answers is content like
//! any other.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{LiveContext, LiveTool, TypedLive, TypedLiveTool, Wish};
use crate::domain::Touch;
use crate::mcp::{Ask, ForeignTool, Listener, Mcp, McpError, Offered, Reply};
use crate::tools::ToolAnswer;

/// Tools that one list names at most.
const LISTED: usize = 100;
/// With schemas, fewer.
const DETAILED: usize = 8;

/// What of the servers a turn offers, without waiting for any of them.
pub fn tools(mcp: &Arc<Mcp>) -> Vec<Arc<dyn LiveTool>> {
    let mut tools: Vec<Arc<dyn LiveTool>> = Vec::new();
    match mcp.offered() {
        Offered::Nothing => return tools,
        Offered::Each(each) => {
            for tool in each {
                tools.push(Arc::new(Direct { mcp: Arc::clone(mcp), tool }));
            }
        }
        Offered::ByName => {
            tools.push(Arc::new(TypedLive(Listing(Arc::clone(mcp)))));
            tools.push(Arc::new(TypedLive(Calling(Arc::clone(mcp)))));
        }
    }
    tools.push(Arc::new(TypedLive(Reading(Arc::clone(mcp)))));
    tools
}

/// One tool of one server.
struct Direct {
    mcp: Arc<Mcp>,
    tool: ForeignTool,
}

impl LiveTool for Direct {
    fn name(&self) -> &str {
        &self.tool.full_name
    }

    fn description(&self) -> String {
        let words = &self.tool.definition.description;
        format!("{words}\n(a tool of the server `{}`)", self.tool.server)
    }

    fn schema(&self) -> Value {
        self.tool.definition.schema.clone()
    }

    fn touches(&self, _arguments: &Value) -> Vec<Touch> {
        vec![Touch::Foreign { tool: self.tool.full_name.clone() }]
    }

    fn run(&self, arguments: Value, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let (mcp, name) = (Arc::clone(&self.mcp), self.tool.full_name.clone());
        Box::pin(async move {
            let arguments = match arguments {
                Value::Object(arguments) => arguments,
                Value::Null => Map::new(),
                _ => return ToolAnswer::refusal(format!("the arguments of `{name}` are an object")),
            };
            listening(context, async |to| mcp.call(&name, arguments, to).await).await
        })
    }
}

struct Listing(Arc<Mcp>);

/// List the tools of connected servers (MCP) by name, with a line on each. A query that leaves few of
/// them also gives the schemas of their arguments; read them before calling.
#[derive(Deserialize, JsonSchema)]
struct ListingInput {
    /// Only this server's.
    #[serde(default)]
    server: Option<String>,
    /// Words that the name or the description has.
    #[serde(default)]
    query: Option<String>,
}

impl TypedLiveTool for Listing {
    const NAME: &'static str = "mcp_tools";
    type Input = ListingInput;

    fn touches(&self, _input: &ListingInput) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: ListingInput, _context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let mcp = Arc::clone(&self.0);
        Box::pin(async move {
            let failures = mcp.settled().await;
            let words: Vec<String> =
                input.query.unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect();
            let fits = |tool: &ForeignTool| {
                let text = format!("{} {}", tool.full_name, tool.definition.description).to_lowercase();
                input.server.as_ref().is_none_or(|server| tool.server == *server)
                    && words.iter().all(|word| text.contains(word))
            };
            let found: Vec<ForeignTool> = mcp.tools().into_iter().filter(fits).collect();
            let mut lines: Vec<String> = Vec::new();
            for tool in found.iter().take(LISTED) {
                lines.push(format!("{}: {}", tool.full_name, tool.definition.summary()));
                if found.len() <= DETAILED {
                    lines.push(format!("  arguments: {}", tool.definition.schema));
                }
            }
            if found.len() > LISTED {
                lines.push(format!("… and {} more; narrow it down with `query`", found.len() - LISTED));
            }
            if found.is_empty() {
                lines.push(format!("no tool fits; the servers are: {}", mcp.names().join(", ")));
            }
            lines.extend(failures);
            ToolAnswer::text(lines.join("\n"))
        })
    }
}

struct Calling(Arc<Mcp>);

/// Call a tool that `mcp_tools` named.
#[derive(Deserialize, JsonSchema)]
struct CallingInput {
    /// The tool's full name.
    tool: String,
    /// Its arguments, as its schema wants them.
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl TypedLiveTool for Calling {
    const NAME: &'static str = "mcp_call";
    type Input = CallingInput;

    fn touches(&self, input: &CallingInput) -> Vec<Touch> {
        vec![Touch::Foreign { tool: input.tool.clone() }]
    }

    fn run(&self, input: CallingInput, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let mcp = Arc::clone(&self.0);
        Box::pin(listening(context, async move |to| mcp.call(&input.tool, input.arguments, to).await))
    }
}

struct Reading(Arc<Mcp>);

/// Read a resource of a connected server (MCP); without an address, list what it has.
#[derive(Deserialize, JsonSchema)]
struct ReadingInput {
    /// The server's name.
    server: String,
    /// The resource's address, as the list shows it.
    #[serde(default)]
    uri: Option<String>,
}

impl TypedLiveTool for Reading {
    const NAME: &'static str = "mcp_read";
    type Input = ReadingInput;

    fn touches(&self, input: &ReadingInput) -> Vec<Touch> {
        vec![Touch::Foreign { tool: format!("resources of {}", input.server) }]
    }

    fn run(&self, input: ReadingInput, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let mcp = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(uri) = input.uri.filter(|uri| !uri.is_empty()) else {
                return match mcp.resources(&input.server).await {
                    Ok(lines) if lines.is_empty() => ToolAnswer::text("it has no resources"),
                    Ok(lines) => ToolAnswer::text(lines.join("\n")),
                    Err(error) => ToolAnswer::refusal(error.to_string()),
                };
            };
            listening(context, async move |to| mcp.read(&input.server, &uri, to).await).await
        })
    }
}

/// Runs a call, its questions and its progress passed on to the turn meanwhile.
async fn listening(context: LiveContext, call: impl AsyncFnOnce(&Listener) -> Result<Reply, McpError>) -> ToolAnswer {
    let (asks, mut asked) = mpsc::channel::<Ask>(4);
    let (progress, mut news) = mpsc::channel::<String>(16);
    let to = Listener { asks, progress };
    let call = call(&to);
    tokio::pin!(call);
    loop {
        let wish = tokio::select! {
            biased;
            outcome = &mut call => return answered(outcome),
            Some(ask) = asked.recv() => {
                Wish::Question { text: ask.text, choices: ask.choices, answer: ask.answer }
            }
            Some(words) = news.recv() => Wish::Output(format!("{words}\n")),
        };
        if context.wishes.send(wish).await.is_err() {
            return ToolAnswer::refusal("the turn has ended");
        }
    }
}

fn answered(outcome: Result<Reply, McpError>) -> ToolAnswer {
    match outcome {
        Ok(Reply { failed, content }) => ToolAnswer { failed, content, ..ToolAnswer::default() },
        Err(error) => ToolAnswer::refusal(error.to_string()),
    }
}
