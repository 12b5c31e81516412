//! `kiln mcp test`: starts or reaches a server, lists what it offers and makes a call, with nobody asked.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{failed, find, here, ledger, may_not_run};
use crate::cli::assemble::{self, Inputs};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::domain::Content;
use crate::mcp::consent::Standing;
use crate::mcp::oauth::{Session, SignIn};
use crate::mcp::{Ask, Definition, Launch, Link, Listener, McpError, Reply, Spec, SpecOrigin, Surroundings};

/// `kiln mcp test`.
#[derive(Args, Debug)]
pub struct McpTestVerb {
    /// A server's name, or an address
    #[arg(value_name = "NAME|URL", conflicts_with_all = ["url", "command"])]
    pub server: Option<String>,

    /// Where the server is
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub url: Option<String>,

    /// The variable that carries the token for the address
    #[arg(long, value_name = "VARIABLE")]
    pub token_env: Option<String>,

    /// The tool to call, in place of `echo` or the first that takes no arguments
    #[arg(long, value_name = "TOOL")]
    pub call: Option<String>,

    /// The call's arguments, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub arguments: Option<String>,

    /// Call every tool once, with arguments made up from its schema
    #[arg(long, conflicts_with_all = ["call", "arguments"])]
    pub every: bool,

    /// The program and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How often one trial signs in at most: once, and again for more rights.
const SIGN_INS: u32 = 3;

/// How a trial went that got through to its call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    Good,
    /// The server calls the outcome an error.
    CallFailed,
}

/// Runs the verb `test`.
pub(super) fn run(
    inputs: &Inputs,
    root: Option<&Path>,
    verb: &McpTestVerb,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let spec = asked(inputs, root, verb)?;
    let arguments = match verb.arguments.as_deref().map(serde_json::from_str::<Map<String, Value>>) {
        None => None,
        Some(Ok(arguments)) => Some(arguments),
        Some(Err(error)) => {
            return Err(Failure::usage(format!("the arguments are no JSON object: {error}"), "such as `{\"a\": 1}`"));
        }
    };
    let mut lines = Vec::new();
    let outcome = tried(inputs, root, &spec, verb, arguments.as_ref(), &mut lines);
    for line in &lines {
        console.line(line)?;
    }
    match outcome? {
        Trial::Good => Ok(Exit::Done),
        Trial::CallFailed => {
            console.note("the server calls the outcome of the call an error");
            Ok(Exit::Failed)
        }
    }
}

/// A trial, signed in where the server wants that and needs nobody's word for it; such tokens are not kept.
fn tried(
    inputs: &Inputs,
    root: Option<&Path>,
    spec: &Spec,
    verb: &McpTestVerb,
    arguments: Option<&Map<String, Value>>,
    lines: &mut Vec<String>,
) -> Result<Trial, Failure> {
    let around = here(inputs, root)?;
    let runtime = assemble::runtime()?;
    let outcome = runtime.block_on(async {
        let mut session = None;
        let mut signed = 0;
        let outcome = loop {
            let outcome = once(spec, &around, session.clone(), (verb, arguments), lines).await;
            let (Err(McpError::Authorization { challenge, .. }), Launch::Address { url, .. }) =
                (&outcome, &spec.launch)
            else {
                break outcome;
            };
            signed += 1;
            let fresh = session.get_or_insert_with(|| Session::new(&spec.name, url, None)).clone();
            if signed > SIGN_INS || !signed_in_alone(spec, url, challenge, &around, &fresh, lines).await? {
                break outcome;
            }
        };
        around.net.flush().await;
        outcome
    });
    runtime.shutdown_background();
    outcome.map_err(|error| failed(&error))
}

async fn once(
    spec: &Spec,
    around: &Surroundings,
    session: Option<Session>,
    (verb, arguments): (&McpTestVerb, Option<&Map<String, Value>>),
    lines: &mut Vec<String>,
) -> Result<Trial, McpError> {
    let link = match session {
        Some(session) => Link::open_as(spec, around, Some(session)).await?,
        None => Link::open(spec, around).await?,
    };
    let outcome = trial(&link, spec, verb, arguments, lines).await;
    link.close().await;
    outcome
}

/// Signs in where the server leads straight back; `false` where it wants a person's word.
async fn signed_in_alone(
    spec: &Spec,
    url: &str,
    challenge: &str,
    around: &Surroundings,
    session: &Session,
    lines: &mut Vec<String>,
) -> Result<bool, McpError> {
    let redirect = "http://127.0.0.1:8734/callback";
    let sign_in = SignIn::begin(&spec.name, url, challenge, redirect, &around.net, session).await?;
    let Some(back) = sign_in.without_person().await else { return Ok(false) };
    sign_in.finish(&back).await?;
    lines.push("signed in".to_owned());
    Ok(true)
}

/// The server that the arguments mean.
fn asked(inputs: &Inputs, root: Option<&Path>, verb: &McpTestVerb) -> Result<Spec, Failure> {
    let one =
        |launch| Spec { name: "server".to_owned(), launch, origin: SpecOrigin::Asked, enabled: true, place: None };
    let at = |url: &str| one(Launch::Address { url: url.to_owned(), token: verb.token_env.clone() });
    match (&verb.server, &verb.url, verb.command.as_slice()) {
        (_, Some(url), _) => Ok(at(url)),
        (Some(server), ..) if server.contains("://") => Ok(at(server)),
        (Some(name), ..) => {
            let spec = find(inputs, root, name)?;
            if let Standing::Allowed(_) = ledger(inputs).standing(&spec)? {
                return Ok(spec);
            }
            Err(may_not_run(name))
        }
        (None, None, command @ [_, ..]) => {
            Ok(one(Launch::Command { argv: command.to_vec(), passed: Vec::new(), set: Vec::new() }))
        }
        _ => Err(Failure::usage("there is no server to try", "name one, or give its command after `--`")),
    }
}

async fn trial(
    link: &Link,
    spec: &Spec,
    verb: &McpTestVerb,
    arguments: Option<&Map<String, Value>>,
    lines: &mut Vec<String>,
) -> Result<Trial, McpError> {
    let about = link.about();
    lines.push(format!("server: {} {}, protocol {}", about.name, about.version, about.protocol));
    let tools = link.tools().await?;
    for tool in &tools {
        lines.push(format!("tool: {}  {}", tool.full_name(&spec.name), tool.summary()));
    }
    for resource in link.resources().await? {
        lines.push(format!("resource: {}  {}", resource.uri, resource.name));
    }
    for prompt in link.prompts().await? {
        lines.push(format!("prompt: {}  {}", prompt.name, prompt.description.unwrap_or_default()));
    }
    let chosen: Vec<&Definition> = match &verb.call {
        Some(name) => match tools.iter().find(|tool| tool.name == *name || tool.full_name(&spec.name) == *name) {
            Some(tool) => vec![tool],
            None => return Err(McpError::Unknown(format!("there is no tool `{name}`"))),
        },
        None if verb.every => tools.iter().collect(),
        None => {
            let echo = tools.iter().find(|tool| tool.name == "echo");
            echo.or_else(|| tools.iter().find(|tool| tool.takes_nothing())).or(tools.first()).into_iter().collect()
        }
    };
    let mut trial = Trial::Good;
    for tool in chosen {
        let arguments = arguments.cloned().unwrap_or_else(|| made_up(&tool.schema));
        lines.push(format!("call: {} {}", tool.name, Value::Object(arguments.clone())));
        let (listener, answering) = suggesting();
        let reply = link.call(&tool.name, arguments, &listener).await;
        answering.abort();
        let reply = reply?;
        lines.extend(told(&reply));
        if reply.failed {
            trial = Trial::CallFailed;
        }
    }
    Ok(trial)
}

/// Answers questions of the server with its own suggestions: nobody sits before a test.
fn suggesting() -> (Listener, tokio::task::JoinHandle<()>) {
    let (asks, mut asked) = mpsc::channel::<Ask>(4);
    let (progress, mut news) = mpsc::channel(4);
    let answering = tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(ask) = asked.recv() => {
                    let first = ask.choices.first().cloned().unwrap_or_default();
                    ask.answer.send(first).ok();
                }
                Some(_) = news.recv() => {}
                else => return,
            }
        }
    });
    (Listener { asks, progress }, answering)
}

/// Arguments that fit a schema's required properties.
fn made_up(schema: &Value) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let names = required.filter_map(Value::as_str);
    names.map(|name| (name.to_owned(), example(schema.pointer(&format!("/properties/{name}"))))).collect()
}

fn example(about: Option<&Value>) -> Value {
    let Some(about) = about else { return json!("hello") };
    let first = about.get("enum").and_then(Value::as_array).and_then(|list| list.first());
    if let Some(known) = about.get("default").or(about.get("const")).or(first) {
        return known.clone();
    }
    match about.get("type").and_then(Value::as_str) {
        Some("number" | "integer") => about.get("minimum").cloned().unwrap_or(json!(2)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => Value::Object(made_up(about)),
        _ => json!("hello"),
    }
}

/// An answer, in lines.
fn told(reply: &Reply) -> Vec<String> {
    let words = |content: &Content| match content {
        Content::Text { text }
        | Content::Diff { text, .. }
        | Content::Terminal { text }
        | Content::Code { text, .. } => text.clone(),
        Content::File { path } => path.to_string(),
        Content::Image { media_type, data } => format!("({media_type}, {} bytes)", data.len() / 4 * 3),
    };
    let mark = if reply.failed { "error: " } else { "answer: " };
    reply.content.iter().map(|content| format!("{mark}{}", words(content))).collect()
}
