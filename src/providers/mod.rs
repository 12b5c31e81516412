//! Everyone who can answer, behind one trait.
//!
//! Wires translate and do no I/O; `http` joins a wire to the network; `local` is the embedded
//! model; `scripted` plays a recording. This room never decides who is asked and never touches
//! files of a project.

mod address;
pub mod cassette;
pub mod catalogue;
pub mod chat;
pub mod error;
pub mod http;
pub mod limits;
pub mod local;
pub mod refresh;
pub mod registry;
pub mod scripted;
pub mod scrub;
pub mod shelf;
pub mod structured;
pub mod wire;

use futures::FutureExt;
use futures::future::BoxFuture;

pub use chat::{
    AnswerStream, ChatRequest, Message, OpaqueReasoning, Part, Role, Shape, StopReason, StreamEvent, ToolSpec,
};
pub use error::ProviderError;
pub use limits::RateLimits;

use crate::domain::{ModelInfo, ModelName};

/// Someone who answers.
pub trait Provider: Send + Sync {
    /// The display name, for messages.
    fn title(&self) -> &str;

    /// Begins an answer. Errors before the first event come as the stream's first item; dropping
    /// the stream cancels.
    fn stream(&self, request: ChatRequest) -> AnswerStream;

    /// The models that can be asked for, as the provider lists them.
    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>>;

    /// The tokens of a request, where the provider counts them without answering.
    fn count_tokens<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Option<u64>> {
        let _ = request;
        std::future::ready(None).boxed()
    }

    /// The window that a model gets, in tokens, where only the server can tell.
    fn window<'a>(&'a self, model: &'a ModelName) -> BoxFuture<'a, Option<u64>> {
        let _ = model;
        std::future::ready(None).boxed()
    }

    /// What its last answer told of its limits.
    fn rate_limits(&self) -> Option<RateLimits> {
        None
    }
}
