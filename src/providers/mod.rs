//! Everyone who can answer, behind one trait.
//!
//! Wires translate and do no I/O; `http` joins a wire to the network; `local` is the embedded
//! model; `scripted` plays a recording. This room never decides who is asked and never touches
//! files of a project.

pub mod cassette;
pub mod catalogue;
pub mod chat;
pub mod error;
pub mod http;
pub mod local;
pub mod registry;
pub mod scripted;
pub mod scrub;
pub mod shelf;
pub mod wire;

use futures::future::BoxFuture;

pub use chat::{
    AnswerStream, ChatRequest, Message, OpaqueReasoning, Part, Role, Shape, StopReason, StreamEvent, ToolSpec,
};
pub use error::ProviderError;

use crate::domain::ModelInfo;

/// Someone who answers.
pub trait Provider: Send + Sync {
    /// The display name, for messages.
    fn title(&self) -> &str;

    /// Begins an answer. Errors before the first event come as the stream's first item; dropping
    /// the stream cancels.
    fn stream(&self, request: ChatRequest) -> AnswerStream;

    /// The models that can be asked for, as the provider lists them.
    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>>;
}
