//! The tools that a turn offers: Kiln's own, and those of others.

use std::sync::Arc;

use serde_json::Value;

use super::live::{LiveTool, TypedLive, ask_user::AskUser};
use super::{TOOLS, Tool};
use crate::domain::Touch;

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

impl Default for Toolbox {
    fn default() -> Self {
        let blocking = TOOLS.iter().copied().map(AnyTool::Blocking);
        let live: [Arc<dyn LiveTool>; 1] = [Arc::new(TypedLive(AskUser))];
        Self { tools: blocking.chain(live.into_iter().map(AnyTool::Live)).collect() }
    }
}

impl Toolbox {
    /// Adds a tool; one of the same name is replaced.
    pub fn add(&mut self, tool: Arc<dyn LiveTool>) {
        self.tools.retain(|known| known.name() != tool.name());
        self.tools.push(AnyTool::Live(tool));
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
