//! Servers of tools from outside: calls, consent, pinned definitions, and servers that misbehave. The
//! server is a script of our own (it needs `python3`); `KILN_TEST_MCP_STDIO` and `KILN_TEST_MCP_URL`
//! name a real one to try as well.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

#[path = "mcp/cases.rs"]
mod cases;
#[path = "mcp/programs.rs"]
mod programs;
#[allow(dead_code, reason = "shared with the tests of the seam")]
#[path = "seam/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kiln::config::Environment;
use kiln::domain::Content;
use kiln::mcp::consent::Ledger;
use kiln::mcp::{Ask, Launch, Listener, Mcp, McpError, Reply, Spec, SpecOrigin, Surroundings};
use kiln::net::{Client, NetSettings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Whether the script can run here; says so where it cannot.
fn python() -> bool {
    let there = ["/usr/bin/python3", "/usr/local/bin/python3"].iter().any(|place| Path::new(place).exists());
    if !there {
        eprintln!("skipped: there is no python3");
    }
    there
}

fn script() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/server.py").to_owned()
}

/// A folder with a list of consents, and servers beside it.
struct Place {
    folder: TempDir,
    around: Surroundings,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let environment = Environment::from_pairs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("SECRET_TOKEN", "s3cret"),
            ("WANTED_TOKEN", "w"),
            ("OTHER", "o"),
        ]);
        let around = Surroundings {
            net: Client::new(&NetSettings::default()).unwrap(),
            environment,
            directory: folder.path().to_owned(),
            start: Duration::from_secs(10),
            call: Duration::from_secs(10),
            rest: Duration::from_millis(1),
            tokens: None,
        };
        Self { folder, around }
    }

    fn ledger(&self) -> Ledger {
        Ledger::at(&self.folder.path().join("mcp.json"))
    }

    fn spec(&self, name: &str, mode: &str) -> Spec {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let argv = ["python3", &script(), folder.to_str().unwrap(), mode].map(str::to_owned).to_vec();
        let launch = Launch::Command { argv, passed: vec!["WANTED_TOKEN".to_owned()], set: Vec::new() };
        Spec { name: name.to_owned(), launch, origin: SpecOrigin::Settings, enabled: true, place: None }
    }

    /// These servers, with consent.
    fn allowed(&self, specs: &[Spec]) -> Arc<Mcp> {
        for spec in specs {
            self.ledger().allow(spec).unwrap();
        }
        self.mcp(specs)
    }

    fn mcp(&self, specs: &[Spec]) -> Arc<Mcp> {
        Arc::new(Mcp::new(specs.to_vec(), &self.ledger(), &self.around))
    }

    fn file(&self, name: &str, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name).join(file)).unwrap_or_default()
    }
}

/// Nobody to ask.
fn alone() -> Listener {
    listener().0
}

fn listener() -> (Listener, mpsc::Receiver<Ask>) {
    let (asks, asked) = mpsc::channel(4);
    let (progress, _) = mpsc::channel(4);
    (Listener { asks, progress }, asked)
}

async fn call(mcp: &Mcp, tool: &str, arguments: Value) -> Result<Reply, McpError> {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    mcp.call(tool, arguments, &alone()).await
}

fn words(reply: &Reply) -> String {
    let text = |content: &Content| match content {
        Content::Text { text } => text.clone(),
        other => format!("{other:?}"),
    };
    reply.content.iter().map(text).collect::<Vec<_>>().join("\n")
}

async fn echo(mcp: &Mcp, server: &str) -> String {
    words(&call(mcp, &format!("{server}__echo"), json!({"text": "hi"})).await.unwrap())
}
