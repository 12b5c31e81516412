//! `kiln mcp`: the servers of tools in the settings, and the person's consent to them.
//!
//! Signing in is in `sign_in`, trying a server out in `trial`.

mod sign_in;
mod trial;

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::assemble::{self, Inputs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::flags::Common;
use crate::config::write::{Edit, edit};
use crate::mcp::consent::{Ledger, Standing};
use crate::mcp::{self, Definition, Difference, Launch, Link, McpError, Spec, SpecOrigin, Surroundings};

/// `kiln mcp`.
#[derive(Debug, Subcommand)]
pub enum McpVerb {
    /// Put a server into the settings, and let it run
    Add {
        /// What to call it: letters, digits, `-` and single `_`
        name: String,
        /// Where it is, in place of a command
        #[arg(long, value_name = "URL", conflicts_with = "command", required_unless_present = "command")]
        url: Option<String>,
        /// A variable that the command sees; may be repeated
        #[arg(long, value_name = "VARIABLE")]
        env: Vec<String>,
        /// The variable that carries the token for the address
        #[arg(long, value_name = "VARIABLE", requires = "url")]
        token_env: Option<String>,
        /// The program and its arguments, after `--`
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// List the servers of the settings and those that this project offers
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let a server run as it is written now, after showing its command
    Allow {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
        /// Allow without asking
        #[arg(long)]
        yes: bool,
    },
    /// Accept a server's tools as they are now
    Accept {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Sign in to a server that wants to know who asks (OAuth)
    Login {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Take a server out of the settings, and take back that it may run
    Rm {
        /// The server's name, as `kiln mcp list` shows it
        name: String,
    },
    /// Start or reach a server, list what it offers and make one call
    Test(trial::McpTestVerb),
}

/// How long a server may take to start while the person waits for it; a first start may download it.
const START: Duration = Duration::from_secs(60);

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
        McpVerb::Login { name } => sign_in::run(inputs, root, name, console),
        McpVerb::Test(verb) => trial::run(inputs, root, verb, console),
    }
}

fn ledger(inputs: &Inputs) -> Ledger {
    Ledger::at(&inputs.paths.servers_file())
}

fn here(inputs: &Inputs, root: Option<&Path>) -> Result<Surroundings, Failure> {
    let directory = root.map_or_else(|| inputs.paths.data().to_owned(), Path::to_owned);
    Ok(assemble::surroundings(inputs, assemble::net(inputs)?, directory, START))
}

fn find(inputs: &Inputs, root: Option<&Path>, name: &str) -> Result<Spec, Failure> {
    let mut troubles = Vec::new();
    let specs = mcp::specs(&inputs.settings.mcp, root, &mut troubles);
    specs.into_iter().find(|spec| spec.name == name).ok_or_else(|| {
        Failure::not_found(format!("there is no server `{name}`"), "`kiln mcp list` names those that are known")
    })
}

fn may_not_run(name: &str) -> Failure {
    Failure::usage(format!("the server `{name}` may not run"), format!("allow it first with `kiln mcp allow {name}`"))
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
    if !yes {
        let nobody = Failure::usage(
            "nobody is there to say whether this may run",
            format!("look at the command above; `kiln mcp allow {name} --yes` allows it without asking"),
        );
        if !console.agreed("let it run, until its command changes?", nobody)? {
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
        return Err(may_not_run(name));
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
    if assemble::tokens(inputs).exist(name) {
        assemble::tokens(inputs).forget(name);
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
