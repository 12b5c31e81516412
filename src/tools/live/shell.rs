//! `shell`: a command line in the project's folder, sandboxed, its output shown while it comes.

use std::net::TcpListener;
use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool, Wish};
use crate::domain::{Content, Mode, ProjectPath, Touch};
use crate::net::{Client, Destination, NetError, Tunnel};
use crate::sandbox::{Ended, Running, SandboxError};
use crate::tools::ToolAnswer;
use crate::tools::commands::{Commands, Walls, end_words, refused, succeeded};

const DEFAULT_SECONDS: u64 = 120;
const MOST_SECONDS: u64 = 3600;
/// Hosts of one call.
const MOST_HOSTS: usize = 20;
/// What a command outside of the sandbox is asked for and granted by.
const OUTSIDE: &str = "shell outside the sandbox";

/// Runs commands, and serves the hosts that the person granted them.
pub struct Shell {
    pub commands: Commands,
    pub net: Client,
}

/// Run a shell command line in the project's folder, in a sandbox: it can change files of the project
/// (not `.git`), reaches no network but the hosts named in `hosts`, and gets no input. Use it to build, test and
/// look around; use the file tools to read and change files. Long output keeps its beginning and end.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// The command line, for `bash` where there is one.
    command: String,
    /// A folder of the project to run it in, instead of the root.
    #[serde(default)]
    directory: Option<String>,
    /// Seconds until it is stopped; 120 without it, at most 3600.
    #[serde(default)]
    timeout_seconds: Option<u64>,
    /// Leave it running, for servers and watchers; read and stop it with `job`.
    #[serde(default)]
    background: bool,
    /// Hosts that the command must reach by HTTP or HTTPS, such as `registry.npmjs.org`, `*.example.org` or
    /// `localhost:8080` of the person's machine; everything else stays unreachable. The person is asked for each.
    #[serde(default)]
    hosts: Vec<String>,
    /// Run it without the sandbox, because it needs files outside of the project, or a network that `hosts` cannot
    /// give. The person is asked.
    #[serde(default)]
    outside_sandbox: bool,
}

impl TypedLiveTool for Shell {
    const NAME: &'static str = "shell";
    type Input = Input;

    fn touches(&self, input: &Input) -> Vec<Touch> {
        let directory = input.directory.as_deref().and_then(|path| ProjectPath::parse(path).ok());
        let command = Touch::Command { line: input.command.clone(), directory };
        if input.outside_sandbox {
            return vec![command, Touch::Foreign { tool: OUTSIDE.to_owned() }];
        }
        let hosts = destinations(&input.hosts).unwrap_or_default();
        let hosts = hosts.iter().map(|host| Touch::Host { host: host.to_string() });
        std::iter::once(command).chain(hosts).collect()
    }

    fn impossible(&self, input: &Input) -> Option<String> {
        let check = |hosts: Vec<Destination>| hosts.iter().try_for_each(|host| self.net.may_grant(host));
        destinations(&input.hosts).and_then(check).err().map(|error| format!("the command was not run: {error}"))
    }

    fn run(&self, input: Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let (commands, net) = (self.commands.clone(), self.net.clone());
        Box::pin(async move { run(&commands, &net, input, &context).await.unwrap_or_else(ToolAnswer::refusal) })
    }
}

/// The hosts of a call, each once; an empty list grants none.
fn destinations(hosts: &[String]) -> Result<Vec<Destination>, NetError> {
    if hosts.len() > MOST_HOSTS {
        return Err(NetError::Invalid { message: format!("`hosts` takes {MOST_HOSTS} at most; leave some out") });
    }
    let mut found: Vec<Destination> = Vec::new();
    for host in hosts {
        let host = Destination::parse(host.trim())?;
        if !found.contains(&host) {
            found.push(host);
        }
    }
    Ok(found)
}

async fn run(commands: &Commands, net: &Client, input: Input, context: &LiveContext) -> Result<ToolAnswer, String> {
    if input.command.trim().is_empty() {
        return Err("the command is empty; say what to run".to_owned());
    }
    let directory = match input.directory.as_deref().map(str::trim) {
        None | Some("" | "." | "./") => commands.root().to_owned(),
        Some(path) => {
            let path = ProjectPath::parse(path.trim_end_matches('/')).map_err(|refusal| refusal.to_string())?;
            commands.root().join(path.as_str())
        }
    };
    if !directory.is_dir() {
        return Err(format!("there is no folder `{}` in the project", input.directory.unwrap_or_default()));
    }
    let seconds = input.timeout_seconds.unwrap_or(DEFAULT_SECONDS).clamp(1, MOST_SECONDS);
    let time = (!input.background).then(|| Duration::from_secs(seconds));
    let hosts = destinations(&input.hosts).map_err(|error| error.to_string())?;
    let walls = if input.outside_sandbox || context.mode == Mode::Full {
        Walls::Open
    } else if hosts.is_empty() {
        Walls::Sandboxed
    } else {
        Walls::Reaching(hosts.iter().map(Destination::to_string).collect())
    };
    let started = commands.start(&input.command, &directory, time, walls).await;
    let mut running = started.map_err(|error| match error {
        SandboxError::Hosts { .. } => format!("{error}; with `outside_sandbox` the person is asked for all of it"),
        error => error.to_string(),
    })?;
    let tunnel = match running.take_listener() {
        Some(listener) => Some(tunnel(net, listener, hosts, context).map_err(|error| error.to_string())?),
        None => None,
    };
    if input.background {
        let id = commands.jobs().adopt(&input.command, running, tunnel)?;
        return Ok(ToolAnswer::text(format!("runs in the background as job {id}; read its output with `job`")));
    }
    let ended = attend(running, context).await;
    Ok(report(&ended, refused(tunnel.as_ref())))
}

/// Serves the command's way to its hosts. Those that the person granted for longer may be names of a private network.
fn tunnel(
    net: &Client,
    listener: TcpListener,
    hosts: Vec<Destination>,
    context: &LiveContext,
) -> std::io::Result<Tunnel> {
    let said = |host: Destination| match context.grants.for_host(&host.to_string()) {
        Some(_) => host.into_private_networks(),
        None => host,
    };
    Tunnel::open(net, listener, hosts.into_iter().map(said).collect())
}

/// Shows output while it comes, until the end.
async fn attend(mut running: Running, context: &LiveContext) -> Ended {
    while let Some(bytes) = running.chunk().await {
        let wish = Wish::Output(String::from_utf8_lossy(&bytes).into_owned());
        // A turn that does not listen any more drops this future.
        context.wishes.send(wish).await.ok();
    }
    running.wait().await
}

fn report(ended: &Ended, refused: Vec<String>) -> ToolAnswer {
    let mut words = end_words(ended);
    for change in &ended.control_changes {
        let path = change.path.display();
        match &change.quarantined {
            Some(to) => {
                words.push_str(&format!("\nthe new repository `{path}` was put out of action as `{}`", to.display()));
            }
            None => words.push_str(&format!("\nnote: the control file `{path}` was {}", change.change.word())),
        }
    }
    for refusal in refused {
        words.push_str(&format!("\n{refusal}"));
    }
    let output = ended.output.text();
    let mut content = vec![Content::Text { text: words }];
    if !output.trim().is_empty() {
        content.push(Content::Terminal { text: output });
    }
    ToolAnswer { failed: !succeeded(ended), content, effects: Vec::new() }
}
