//! `kiln mcp`: the servers of tools in the settings, the person's consent to them, and a try of one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::args::{Common, McpTestVerb, McpVerb};
use super::assemble::{self, Inputs};
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use crate::config::write::{Edit, edit};
use crate::domain::{Content, Fault, FaultClass};
use crate::mcp::consent::{Ledger, Standing};
use crate::mcp::oauth::{Session, SignIn, Tokens};
use crate::mcp::{
    self, Ask, Definition, Difference, Launch, Link, Listener, McpError, Reply, Spec, SpecOrigin, Surroundings,
};

/// How long a server may take to start while the person waits for it; a first start may download it.
const START: Duration = Duration::from_secs(60);
/// How long a sign-in waits for the person.
const SIGN_IN: Duration = Duration::from_secs(600);
/// How often one trial signs in at most: once, and again for more rights.
const SIGN_INS: u32 = 3;

/// Runs the verb; no engine is needed.
pub(super) fn run(inputs: &Inputs, common: &Common, verb: &McpVerb, console: &mut Console) -> Result<Exit, Failure> {
    let root = assemble::project_root(common);
    let root = root.as_deref();
    match verb {
        McpVerb::Add { name, url, env, token_env, command } => {
            let launch = match url {
                Some(url) => Launch::Address { url: url.clone(), token: token_env.clone() },
                None => Launch::Command { argv: command.clone(), passed: env.clone(), set: Vec::new() },
            };
            let place = root.map(Path::to_owned);
            let spec = Spec { name: name.clone(), launch, origin: SpecOrigin::Settings, enabled: true, place };
            add(inputs, root, &spec, console)
        }
        McpVerb::List { json } => list(inputs, root, *json, console),
        McpVerb::Allow { name, yes } => allow(inputs, root, name, *yes, console),
        McpVerb::Accept { name } => accept(inputs, root, name, console),
        McpVerb::Rm { name } => remove(inputs, root, name, console),
        McpVerb::Login { name } => login(inputs, root, name, console),
        McpVerb::Test(verb) => test(inputs, root, verb, console),
    }
}

fn ledger(inputs: &Inputs) -> Ledger {
    Ledger::at(&inputs.paths.servers_file())
}

/// What servers are started and asked with.
pub(super) fn surroundings(
    inputs: &Inputs,
    net: crate::net::Client,
    directory: PathBuf,
    start: Duration,
) -> Surroundings {
    Surroundings {
        net,
        environment: inputs.environment.clone(),
        directory,
        start,
        call: Duration::from_secs(inputs.settings.mcp.call_timeout_s),
        rest: Duration::from_secs(1),
        tokens: Some(tokens(inputs)),
    }
}

fn tokens(inputs: &Inputs) -> Tokens {
    Tokens { keys: Arc::clone(&inputs.keys), place: inputs.settings.keys.storage }
}

fn here(inputs: &Inputs, root: Option<&Path>) -> Result<Surroundings, Failure> {
    let directory = root.map_or_else(|| inputs.paths.data().to_owned(), Path::to_owned);
    Ok(surroundings(inputs, assemble::net(inputs)?, directory, START))
}

fn find(inputs: &Inputs, root: Option<&Path>, name: &str) -> Result<Spec, Failure> {
    let mut troubles = Vec::new();
    let specs = mcp::specs(&inputs.settings.mcp, root, &mut troubles);
    specs.into_iter().find(|spec| spec.name == name).ok_or_else(|| {
        Failure::not_found(format!("there is no server `{name}`"), "`kiln mcp list` names those that are known")
    })
}

fn failed(error: &McpError) -> Failure {
    let exit = if matches!(error, McpError::Authorization { .. }) { Exit::Config } else { Exit::Failed };
    Failure::new(exit, error.to_fault())
}

fn add(inputs: &Inputs, root: Option<&Path>, spec: &Spec, console: &mut Console) -> Result<Exit, Failure> {
    let name = &spec.name;
    if !mcp::is_name(name) {
        return Err(Failure::usage(
            format!("`{name}` is no name for a server"),
            "use up to 32 letters, digits, `-` and single `_`",
        ));
    }
    if inputs.settings.mcp.servers.contains_key(name) {
        return Err(Failure::usage(
            format!("there is a server `{name}` already"),
            format!("choose another name, or take that one out with `kiln mcp rm {name}`"),
        ));
    }
    let texts = |list: &[String]| toml::Value::Array(list.iter().cloned().map(toml::Value::String).collect());
    let values = match &spec.launch {
        Launch::Command { argv, passed, .. } => {
            let env = (!passed.is_empty()).then(|| ("env", texts(passed)));
            [Some(("command", texts(argv))), env]
        }
        Launch::Address { url, token } => {
            let token = token.clone().map(|token| ("token_env", toml::Value::String(token)));
            [Some(("url", toml::Value::String(url.clone()))), token]
        }
    };
    for (leaf, value) in values.into_iter().flatten() {
        edit(&inputs.paths.settings_file(), &format!("mcp.servers.{name}.{leaf}"), &Edit::Set(value))
            .map_err(|fault| Failure::new(Exit::Config, fault))?;
    }
    ledger(inputs).allow(spec)?;
    console.note(&format!("`{name}` is in the settings and may run `{}`", spec.words()));
    // Its tools are accepted as they are now, while the person looks on.
    match with_link(inputs, root, spec, async |link| link.tools().await) {
        Ok(tools) => {
            ledger(inputs).pin(spec, &tools)?;
            print_tools(spec, &tools, console)
        }
        Err(failure) => {
            console.fault(&failure.fault);
            console.note(&format!("try again with `kiln mcp test {name}`"));
            Ok(failure.exit)
        }
    }
}

fn print_tools(spec: &Spec, tools: &[Definition], console: &mut Console) -> Result<Exit, Failure> {
    for tool in tools {
        console.line(&format!("{}  {}", tool.full_name(&spec.name), tool.summary()))?;
    }
    console.note(&format!("{} tools", tools.len()));
    Ok(Exit::Done)
}

fn list(inputs: &Inputs, root: Option<&Path>, json: bool, console: &mut Console) -> Result<Exit, Failure> {
    let mut troubles = Vec::new();
    let specs = mcp::specs(&inputs.settings.mcp, root, &mut troubles);
    console.troubles(&troubles);
    if specs.is_empty() && !json {
        console.note("there are no servers of tools; `kiln mcp add` adds one");
    }
    for spec in specs {
        let standing = ledger(inputs).standing(&spec)?;
        let (word, tools) = match &standing {
            _ if !spec.enabled => ("off", None),
            Standing::Allowed(tools) => ("allowed", tools.as_ref()),
            Standing::New => ("asks", None),
            Standing::Changed(_) => ("changed", None),
        };
        let origin = if matches!(spec.origin, SpecOrigin::Project(_)) { "project" } else { "settings" };
        if json {
            let tools = tools.map(|tools| tools.iter().map(|tool| tool.full_name(&spec.name)).collect::<Vec<_>>());
            let row =
                json!({"name": spec.name, "standing": word, "origin": origin, "runs": spec.words(), "tools": tools});
            console.line(&row.to_string())?;
            continue;
        }
        let count = tools.map_or_else(String::new, |tools| format!(", {} tools", tools.len()));
        console.line(&format!("{}  {word}{count}  {origin}  {}", spec.name, spec.words()))?;
        if matches!(word, "asks" | "changed") {
            console.note(&format!("hint: `kiln mcp allow {}` lets it run", spec.name));
        }
    }
    Ok(Exit::Done)
}

fn allow(inputs: &Inputs, root: Option<&Path>, name: &str, yes: bool, console: &mut Console) -> Result<Exit, Failure> {
    let spec = find(inputs, root, name)?;
    match ledger(inputs).standing(&spec)? {
        Standing::Allowed(_) => {
            console.note(&format!("`{name}` is allowed already"));
            return Ok(Exit::Done);
        }
        Standing::New => console.line(&format!("`{name}` would run: {}", spec.words()))?,
        Standing::Changed(before) => {
            console.line(&format!("`{name}` was allowed to run: {before}"))?;
            console.line(&format!("`{name}` would run now:      {}", spec.words()))?;
        }
    }
    console.note("it runs with your rights, outside of the sandbox");
    if console.input() != Stream::Terminal && !yes {
        return Err(Failure::usage(
            "nobody is there to say whether this may run",
            format!("look at the command above; `kiln mcp allow {name} --yes` allows it without asking"),
        ));
    }
    if !yes {
        console.note("let it run, until its command changes? [y/N]");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim(), "y" | "Y" | "yes") {
            console.note("nothing was allowed");
            return Ok(Exit::Failed);
        }
    }
    ledger(inputs).allow(&spec)?;
    console.note(&format!("`{name}` may run until its command changes"));
    Ok(Exit::Done)
}

fn accept(inputs: &Inputs, root: Option<&Path>, name: &str, console: &mut Console) -> Result<Exit, Failure> {
    let spec = find(inputs, root, name)?;
    let Standing::Allowed(before) = ledger(inputs).standing(&spec)? else {
        return Err(Failure::usage(
            format!("the server `{name}` may not run"),
            format!("allow it first with `kiln mcp allow {name}`"),
        ));
    };
    let tools = with_link(inputs, root, &spec, async |link| link.tools().await)?;
    let before = before.unwrap_or_default();
    let difference = Difference::between(&before, &tools);
    for tool in &tools {
        let old = before.iter().find(|known| known.name == tool.name);
        if old.is_none_or(|old| old.hash != tool.hash) {
            console.line(&format!("{}: {}", tool.full_name(name), tool.description))?;
            console.line(&format!("  arguments: {}", tool.schema))?;
        }
    }
    ledger(inputs).pin(&spec, &tools)?;
    let words = difference.words();
    console.note(&if words.is_empty() { "nothing changed".to_owned() } else { format!("accepted ({words})") });
    Ok(Exit::Done)
}

fn remove(inputs: &Inputs, root: Option<&Path>, name: &str, console: &mut Console) -> Result<Exit, Failure> {
    let spec = find(inputs, root, name)?;
    if spec.origin == SpecOrigin::Settings {
        for leaf in ["command", "url", "env", "token_env", "enabled"] {
            edit(&inputs.paths.settings_file(), &format!("mcp.servers.{name}.{leaf}"), &Edit::Unset)
                .map_err(|fault| Failure::new(Exit::Config, fault))?;
        }
    }
    ledger(inputs).forget(&spec.key())?;
    if tokens(inputs).exist(name) {
        tokens(inputs).forget(name);
    }
    console.note(&format!("`{name}` may not run any more"));
    Ok(Exit::Done)
}

/// Opens a connection for one piece of work, and takes leave of the server.
fn with_link<T>(
    inputs: &Inputs,
    root: Option<&Path>,
    spec: &Spec,
    work: impl AsyncFnOnce(&Link) -> Result<T, McpError>,
) -> Result<T, Failure> {
    let around = here(inputs, root)?;
    let net = around.net.clone();
    let runtime = assemble::runtime()?;
    let outcome = runtime.block_on(async {
        let link = Link::open(spec, &around).await?;
        let outcome = work(&link).await;
        link.close().await;
        outcome
    });
    runtime.block_on(net.flush());
    runtime.shutdown_background();
    outcome.map_err(|error| failed(&error))
}

fn test(inputs: &Inputs, root: Option<&Path>, verb: &McpTestVerb, console: &mut Console) -> Result<Exit, Failure> {
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

fn login(inputs: &Inputs, root: Option<&Path>, name: &str, console: &mut Console) -> Result<Exit, Failure> {
    let spec = find(inputs, root, name)?;
    let Launch::Address { url, .. } = &spec.launch else {
        return Err(Failure::usage(format!("the server `{name}` is a command"), "only addresses are signed in to"));
    };
    if !matches!(ledger(inputs).standing(&spec)?, Standing::Allowed(_)) {
        return Err(Failure::usage(
            format!("the server `{name}` may not run"),
            format!("allow it first with `kiln mcp allow {name}`"),
        ));
    }
    let around = Surroundings { tokens: None, ..here(inputs, root)? };
    let runtime = assemble::runtime()?;
    let outcome = runtime.block_on(async {
        let challenge = match Link::open(&spec, &around).await {
            Ok(link) => {
                link.close().await;
                return Ok(None);
            }
            Err(McpError::Authorization { challenge, .. }) => challenge,
            Err(error) => return Err(failed(&error)),
        };
        let (listener, redirect) = listen().await?;
        let session = Session::new(name, url, Some(tokens(inputs)));
        let begun = SignIn::begin(name, url, &challenge, &redirect, &around.net, &session).await;
        let sign_in = begun.map_err(|error| failed(&error))?;
        console.line(&sign_in.address)?;
        console.note("open this address in a browser on this machine, and say yes there; Kiln waits for ten minutes");
        let back = tokio::time::timeout(SIGN_IN, came_back(&listener, &redirect)).await.map_err(|_| {
            Failure::new(Exit::Failed, Fault::new(FaultClass::Auth, "nobody signed in within ten minutes"))
        })?;
        sign_in.finish(&back?).await.map_err(|error| failed(&error))?;
        Ok(Some(()))
    });
    runtime.block_on(around.net.flush());
    runtime.shutdown_background();
    let words = match outcome? {
        Some(()) => "signed in; the token lies with your keys",
        None => "it answers without a sign-in",
    };
    console.note(&format!("`{name}`: {words}"));
    Ok(Exit::Done)
}

/// Where the person's browser comes back to: a port of this machine, for this once.
async fn listen() -> Result<(TcpListener, String), Failure> {
    let closed = |error: std::io::Error| {
        Failure::from(
            Fault::new(FaultClass::Internal, "no port of this machine could be opened for the sign-in")
                .detail(error.to_string()),
        )
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(closed)?;
    let port = listener.local_addr().map_err(closed)?.port();
    Ok((listener, format!("http://127.0.0.1:{port}/callback")))
}

/// Waits for the browser; whatever else knocks is told that there is nothing here.
async fn came_back(listener: &TcpListener, redirect: &str) -> Result<String, Failure> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let mut request = vec![0; 8192];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut request)).await;
        let Ok(Ok(length)) = read else { continue };
        let text = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
        let target = text.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let query = target.strip_prefix("/callback?");
        let (status, words) = match query {
            Some(_) => ("200 OK", "Kiln has what it needs. You can close this page."),
            None => ("404 Not Found", "There is nothing here."),
        };
        let page = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{words}",
            words.len()
        );
        stream.write_all(page.as_bytes()).await.ok();
        if let Some(query) = query {
            return Ok(format!("{redirect}?{query}"));
        }
    }
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
            let sentence = format!("the server `{name}` may not run");
            Err(Failure::usage(sentence, format!("allow it first with `kiln mcp allow {name}`")))
        }
        (None, None, command @ [_, ..]) => {
            Ok(one(Launch::Command { argv: command.to_vec(), passed: Vec::new(), set: Vec::new() }))
        }
        _ => Err(Failure::usage("there is no server to try", "name one, or give its command after `--`")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    Good,
    CallFailed,
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
