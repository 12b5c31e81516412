//! `shell`: a command line in the project's folder, sandboxed, its output shown while it comes.

use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool, Wish};
use crate::domain::{Content, Mode, ProjectPath, Touch};
use crate::sandbox::{Ended, Running};
use crate::tools::ToolAnswer;
use crate::tools::commands::{Commands, Walls, end_words, succeeded};
use crate::tools::policy::{OUTSIDE_SANDBOX, only_reads};

const DEFAULT_SECONDS: u64 = 120;
const MOST_SECONDS: u64 = 3600;
/// Bytes of a command line; a system takes about as many as one argument.
const LONGEST_COMMAND: usize = 120 * 1024;

pub struct Shell(pub Commands);

/// Run a shell command line in the project's folder, in a sandbox: it can change files of the project
/// (not `.git`), has no network and gets no input. Use it to build, test and look around; use the file
/// tools to read and change files. Long output keeps its beginning and end.
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
    /// Run it without the sandbox, because it needs the network or files outside of the project. The
    /// person is asked.
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
        let outside = input.outside_sandbox.then(|| Touch::Foreign { tool: OUTSIDE_SANDBOX.to_owned() });
        std::iter::once(command).chain(outside).collect()
    }

    fn run(&self, input: Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let commands = self.0.clone();
        Box::pin(async move { run(&commands, input, &context).await.unwrap_or_else(ToolAnswer::refusal) })
    }
}

async fn run(commands: &Commands, input: Input, context: &LiveContext) -> Result<ToolAnswer, String> {
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
    let running = commands.start(&input.command, &directory, time, walls).await.map_err(|error| error.to_string())?;
    if input.background {
        let id = commands.jobs().adopt(&input.command, running)?;
        return Ok(ToolAnswer::text(format!("runs in the background as job {id}; read its output with `job`")));
    }
    Ok(report(&attend(running, context).await))
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

fn report(ended: &Ended) -> ToolAnswer {
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
    let output = ended.output.text();
    let mut content = vec![Content::Text { text: words }];
    if !output.trim().is_empty() {
        content.push(Content::Terminal { text: output });
    }
    ToolAnswer { failed: !succeeded(ended), content, ..ToolAnswer::default() }
}
