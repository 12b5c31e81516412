//! `skill`: the text of a skill that the instructions list, or of another file in its folder.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool};
use crate::domain::Touch;
use crate::tools::ToolAnswer;

/// Somebody who knows skills by their names.
pub trait Library: Send + Sync {
    /// The text of a skill, or of a file in its folder; the error is worded for the model. Blocking.
    fn read(&self, name: &str, file: Option<&str>) -> Result<String, String>;
}

pub struct Skills(pub Arc<dyn Library>);

/// Read a skill before work that it is for: instructions that the person or the project keeps for it.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// Its name, as listed.
    name: String,
    /// Another file of the skill, by its path in the skill's folder.
    #[serde(default)]
    file: Option<String>,
}

impl TypedLiveTool for Skills {
    const NAME: &'static str = "skill";
    type Input = Input;

    fn touches(&self, _input: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, _context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let library = Arc::clone(&self.0);
        Box::pin(async move {
            let read = move || library.read(input.name.trim(), input.file.as_deref());
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(text)) => ToolAnswer::text(text),
                Ok(Err(refusal)) => ToolAnswer::refusal(refusal),
                Err(error) => ToolAnswer::refusal(format!("the skill was not read: {error}")),
            }
        })
    }
}
