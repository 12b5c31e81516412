//! `shell`: a command line in the project's folder, sandboxed, its output shown while it comes.

use std::net::TcpListener;
use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool, Wish};
use crate::domain::{Content, Mode, ProjectPath, Touch};
use crate::net::{Client, Destination, NetError, Tunnel};
use crate::sandbox::{Ended, Network, Running, SandboxError};
use crate::tools::ToolAnswer;
use crate::tools::commands::{Commands, Walls, end_words, refused, succeeded};
use crate::tools::policy::{OUTSIDE_SANDBOX, only_reads};

const DEFAULT_SECONDS: u64 = 120;
const MOST_SECONDS: u64 = 3600;
/// Bytes of a command line; a system takes about as many as one argument.
const LONGEST_COMMAND: usize = 120 * 1024;
/// Hosts of one call.
const MOST_HOSTS: usize = 20;

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
        // A folder that is refused runs nothing.
        let Ok(directory) = folder(input.directory.as_deref()) else { return Vec::new() };
        let command = Touch::Command { line: input.command.clone(), directory };
        if input.outside_sandbox {
            return vec![command, Touch::Foreign { tool: OUTSIDE_SANDBOX.to_owned() }];
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
    if input.command.len() > LONGEST_COMMAND {
        let bytes = input.command.len();
        return Err(format!(
            "the command has {bytes} bytes; write what it needs to a file, and give at most {LONGEST_COMMAND}"
        ));
    }
    let directory = match folder(input.directory.as_deref())? {
        None => commands.root().to_owned(),
        Some(path) => commands.root().join(path.as_str()),
    };
    // What was judged is a folder of the project, not what a link in it leads to.
    let inside = match (directory.canonicalize(), commands.root().canonicalize()) {
        (Ok(real), Ok(root)) => real.is_dir() && real.starts_with(root),
        _ => false,
    };
    if !inside {
        return Err(format!("there is no folder `{}` in the project", input.directory.unwrap_or_default()));
    }
    let seconds = input.timeout_seconds.unwrap_or(DEFAULT_SECONDS).clamp(1, MOST_SECONDS);
    let time = (!input.background).then(|| Duration::from_secs(seconds));
    let walls = match context.mode {
        Mode::Full => Walls::Open,
        _ if input.outside_sandbox => Walls::Open,
        Mode::ReadOnly => Walls::Reading,
        // What runs unasked because it only reads has no need to write: a reader that is not what it
        // seems changes nothing.
        _ if only_reads(&input.command) => Walls::Reading,
        Mode::Ask | Mode::Auto => Walls::Sandboxed,
    };
    let hosts = destinations(&input.hosts).map_err(|error| error.to_string())?;
    let network = match walls {
        Walls::Sandboxed | Walls::Reading if !hosts.is_empty() => {
            Network::Hosts(hosts.iter().map(Destination::to_string).collect())
        }
        _ => Network::Off,
    };
    let started = commands.start(&input.command, &directory, time, walls, network).await;
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

/// The folder that a call names; `None` for the project's own.
fn folder(named: Option<&str>) -> Result<Option<ProjectPath>, String> {
    match named.map(|path| path.trim().trim_end_matches('/')) {
        None | Some("" | ".") => Ok(None),
        Some(path) => ProjectPath::parse(path).map(Some).map_err(|refusal| refusal.to_string()),
    }
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
    ToolAnswer { failed: !succeeded(ended), content, ..ToolAnswer::default() }
}
