//! Tools that take their time: they ask the person, run commands, connect. One tool a file.
//!
//! A live tool runs as a future that may be dropped at any moment: dropping it ends what it began.
//! While it runs it sends [`Wish`]es; what it comes to is a [`ToolAnswer`] like any other.

pub mod ask_user;
pub mod fetch_url;
pub mod foreign;
pub mod job;
pub mod remember;
pub mod shell;
pub mod skill;
pub mod task;

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::policy::Grants;
use super::{ToolAnswer, bare_schema, described, unfitting};
use crate::domain::{Mode, Touch};
use crate::workspace::Root;

/// Something that a running tool wants from the turn.
#[derive(Debug)]
pub enum Wish {
    /// More output to show while it comes.
    Output(String),
    /// A question for the person.
    Question { text: String, choices: Vec<String>, answer: oneshot::Sender<String> },
    /// A piece of work for a sub-agent; its report comes back, or why there is none.
    Task { prompt: String, tools: task::TaskTools, answer: oneshot::Sender<Result<String, String>> },
}

/// What a live tool works with.
#[derive(Clone, Debug)]
pub struct LiveContext {
    pub root: Arc<Root>,
    pub wishes: mpsc::Sender<Wish>,
    /// What the session does unasked; in the last one commands run without the sandbox.
    pub mode: Mode,
    /// What the person has permitted.
    pub grants: Grants,
}

/// A tool that takes its time, whatever its arguments.
pub trait LiveTool: Send + Sync {
    fn name(&self) -> &str;
    /// What the model is told it does.
    fn description(&self) -> String;
    /// JSON Schema of its arguments.
    fn schema(&self) -> Value;
    /// What a call with these arguments would touch, for the policy.
    fn touches(&self, arguments: &Value) -> Vec<Touch>;
    /// Why a call with these arguments would come to nothing whatever the person says, in words for the model. It is
    /// asked before the person is.
    fn impossible(&self, arguments: &Value) -> Option<String> {
        let _ = arguments;
        None
    }
    /// Does it.
    fn run(&self, arguments: Value, context: LiveContext) -> BoxFuture<'static, ToolAnswer>;
}

/// A live tool with typed arguments; its description is the doc comment of the arguments' type.
pub trait TypedLiveTool: Send + Sync + 'static {
    const NAME: &'static str;
    type Input: DeserializeOwned + JsonSchema + Send;
    /// See [`LiveTool::touches`].
    fn touches(&self, input: &Self::Input) -> Vec<Touch>;
    /// See [`LiveTool::impossible`].
    fn impossible(&self, input: &Self::Input) -> Option<String> {
        let _ = input;
        None
    }
    /// Does it.
    fn run(&self, input: Self::Input, context: LiveContext) -> BoxFuture<'static, ToolAnswer>;
}

/// Makes a [`LiveTool`] of a typed one.
pub struct TypedLive<T>(pub T);

impl<T: TypedLiveTool> LiveTool for TypedLive<T> {
    fn name(&self) -> &str {
        T::NAME
    }

    fn description(&self) -> String {
        described::<T::Input>()
    }

    fn schema(&self) -> Value {
        bare_schema::<T::Input>()
    }

    fn touches(&self, arguments: &Value) -> Vec<Touch> {
        serde_json::from_value(arguments.clone()).map(|input| self.0.touches(&input)).unwrap_or_default()
    }

    fn impossible(&self, arguments: &Value) -> Option<String> {
        serde_json::from_value(arguments.clone()).ok().and_then(|input| self.0.impossible(&input))
    }

    fn run(&self, arguments: Value, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        match serde_json::from_value(arguments) {
            Ok(input) => self.0.run(input, context),
            Err(error) => {
                let answer = unfitting(T::NAME, &error);
                Box::pin(async move { answer })
            }
        }
    }
}
