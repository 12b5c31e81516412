//! The tools that a turn offers: Kiln's own, and those of others.

use std::sync::Arc;

use serde_json::Value;

use super::commands::Commands;
use super::live::{LiveTool, TypedLive, ask_user::AskUser, fetch_url::FetchUrl, job::Job, shell::Shell};
use super::{TOOLS, Tool, ToolContext};
use crate::domain::{Content, Touch};
use crate::net::Client;

/// A tool by how it runs.
#[derive(Clone)]
pub enum AnyTool {
    /// Quick work on files, off the async threads.
    Blocking(&'static dyn Tool),
    /// Work that waits for something.
    Live(Arc<dyn LiveTool>),
}

impl AnyTool {
    pub fn name(&self) -> &str {
        match self {
            Self::Blocking(tool) => tool.name(),
            Self::Live(tool) => tool.name(),
        }
    }

    /// What the model is told it does.
    pub fn description(&self) -> String {
        match self {
            Self::Blocking(tool) => tool.description(),
            Self::Live(tool) => tool.description(),
        }
    }

    /// JSON Schema of its arguments.
    pub fn schema(&self) -> Value {
        match self {
            Self::Blocking(tool) => tool.schema(),
            Self::Live(tool) => tool.schema(),
        }
    }

    /// What a call would change, where the tool can say it; see [`Tool::preview`].
    ///
    /// # Errors
    /// The call would be refused; the words for the model.
    pub fn preview(&self, arguments: &Value, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        match self {
            Self::Blocking(tool) => tool.preview(arguments, context),
            Self::Live(_) => Ok(Vec::new()),
        }
    }

    /// Why a call would come to nothing whatever the person says.
    pub fn impossible(&self, arguments: &Value) -> Option<String> {
        match self {
            Self::Blocking(_) => None,
            Self::Live(tool) => tool.impossible(arguments),
        }
    }

    /// What a call would touch.
    pub fn touches(&self, arguments: &Value) -> Vec<Touch> {
        match self {
            Self::Blocking(tool) => tool.touches(arguments),
            Self::Live(tool) => tool.touches(arguments),
        }
    }
}

/// Every tool of a turn, in the order in which the model is told of them. The order is stable, so that
/// a provider's prompt cache holds.
#[derive(Clone)]
pub struct Toolbox {
    tools: Vec<AnyTool>,
}

impl Toolbox {
    /// Kiln's own tools; those that run commands only where commands can run.
    pub fn new(commands: Option<&Commands>, net: &Client) -> Self {
        let blocking = TOOLS.iter().copied().map(AnyTool::Blocking);
        let mut live: Vec<Arc<dyn LiveTool>> = vec![Arc::new(TypedLive(AskUser)), Arc::new(FetchUrl(net.clone()))];
        if let Some(commands) = commands {
            live.push(Arc::new(TypedLive(Shell { commands: commands.clone(), net: net.clone() })));
            live.push(Arc::new(TypedLive(Job(commands.clone()))));
        }
        Self { tools: blocking.chain(live.into_iter().map(AnyTool::Live)).collect() }
    }

    /// Adds a tool; one of the same name is replaced.
    pub fn add(&mut self, tool: Arc<dyn LiveTool>) {
        self.tools.retain(|known| known.name() != tool.name());
        self.tools.push(AnyTool::Live(tool));
    }

    /// Leaves out every tool whose name does not fit.
    pub fn keep(&mut self, fits: impl Fn(&str) -> bool) {
        self.tools.retain(|tool| fits(tool.name()));
    }

    /// The tool of that name.
    pub fn find(&self, name: &str) -> Option<AnyTool> {
        self.tools.iter().find(|tool| tool.name() == name).cloned()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &AnyTool> {
        self.tools.iter()
    }
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tools.iter().map(AnyTool::name)).finish()
    }
}
