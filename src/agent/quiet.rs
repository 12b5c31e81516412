//! An answer that is not shown as the turn's own: a summary, or a sub-agent's.
//!
//! It is asked for and retried like any other; what it comes to is the caller's to tell.

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::report::Reporter;
use super::retry::Waits;
use crate::domain::SessionId;
use crate::providers::{ChatRequest, Provider, ProviderError, StreamEvent};

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    Cancelled,
    Failed(ProviderError),
}

/// Asks until there is an answer or no hope of one. The text comes beside the rest of the answer.
pub async fn ask_quietly(
    provider: &dyn Provider,
    request: &ChatRequest,
    cancel: &CancellationToken,
) -> Result<(String, Answer), NoAnswer> {
    let mut waits = Waits::default();
    loop {
        let error = tokio::select! {
            () = cancel.cancelled() => return Err(NoAnswer::Cancelled),
            end = receive(provider, request) => match end {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            },
        };
        let Some(wait) = waits.next(&error) else { return Err(NoAnswer::Failed(error)) };
        tokio::select! {
            () = cancel.cancelled() => return Err(NoAnswer::Cancelled),
            () = sleep(wait) => {}
        }
    }
}

async fn receive(provider: &dyn Provider, request: &ChatRequest) -> Result<(String, Answer), ProviderError> {
    let mut stream = provider.stream(request.clone());
    // Nobody listens: phases and glimpses of this answer are nobody's.
    let (nobody, _) = mpsc::channel(1);
    let mut nowhere = Reporter::new(SessionId::generate(), nobody);
    let (mut text, mut answer) = (String::new(), Answer::default());
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Text { text: more } => text.push_str(&more),
            event => answer.take(event, &mut nowhere),
        }
        nowhere.flush().await;
    }
    match answer.stop {
        Some(_) => Ok((text, answer)),
        None => Err(ProviderError::Broken { message: "the stream ended before the answer did".to_owned() }),
    }
}
