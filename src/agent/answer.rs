//! One answer of the model: asked for, retried where that helps, shown while it comes.
//!
//! What the text means is up to the [`TextSink`]; tools are run by the caller when the answer is
//! whole.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep};

use super::live_arguments::{FilePiece, LiveArguments};
use super::report::Reporter;
use super::retry::{ATTEMPTS, Waits};
use super::turn::{Stop, Turn};
use crate::domain::{FactBody, Glimpse, Phase, ProjectPath, Usage};
use crate::providers::{ChatRequest, OpaqueReasoning, ProviderError, StopReason, StreamEvent};

/// Stream events that are looked at together: what came while the last batch was worked on.
const BATCH: usize = 512;
/// What comes within a frame of the screen travels on together: every step on the way to the screen
/// costs the same for one token as for a hundred. The screen draws at once what comes this rarely.
const TOGETHER: Duration = Duration::from_millis(16);

/// Calls of one answer that are held.
const MOST_CALLS: usize = 4096;
/// Bytes of a tool's name and of a call's id that are held; providers take no longer ones.
const LONGEST_NAME: usize = 64;
const LONGEST_ID: usize = 256;

/// A tool call as it came.
#[derive(Debug, Default)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub json: String,
    live: LiveFile,
}

impl Call {
    /// A call that the model wrote as text.
    pub fn written(id: String, name: String, json: String) -> Self {
        Self { id, name, json, live: LiveFile::default() }
    }

    /// A call that Kiln makes for itself: the person is asked as for the model's.
    pub fn of_kiln(id: String, name: &str) -> Self {
        Self { id, name: name.to_owned(), ..Self::default() }
    }
}

/// A `write_file` call's file on the screen.
#[derive(Debug, Default)]
struct LiveFile {
    arguments: LiveArguments,
    path: Option<ProjectPath>,
}

/// All of one answer that is not text.
#[derive(Debug, Default)]
pub struct Answer {
    pub reasoning: String,
    /// Sealed pieces, in the order in which they came.
    pub opaque: Vec<OpaqueReasoning>,
    pub calls: Vec<Call>,
    pub usage: Option<Usage>,
    /// What the person should know about it.
    notices: Vec<String>,
    pub stop: Option<StopReason>,
    /// Whether anything was shown: from then on the request is never sent again by itself.
    shown: bool,
}

/// What happens to the answer's text.
pub trait TextSink {
    /// More text; shows it, and publishes what it completes.
    fn text(&mut self, turn: &mut Turn, text: String) -> impl Future<Output = ()>;
    /// The answer has ended, whole or not; publishes what is left.
    fn end(&mut self, turn: &mut Turn, whole: bool) -> impl Future<Output = ()>;
}

/// Asks until there is an answer or no hope of one.
///
/// When it fails or is cancelled midway, what arrived is published as partial before the error is
/// returned.
pub async fn ask(turn: &mut Turn, request: &ChatRequest, sink: &mut impl TextSink) -> Result<Answer, Stop> {
    let mut waits = Waits::default();
    loop {
        turn.out.phase(Phase::Waiting);
        turn.out.flush().await;
        let mut answer = Answer::default();
        let end = receive(turn, request, &mut answer, sink).await;
        let error = match end {
            End::Whole => {
                publish_reasoning(turn, &answer).await;
                sink.end(turn, true).await;
                record_usage(turn, &answer).await;
                return Ok(answer);
            }
            End::Cancelled => {
                give_up(turn, &answer, sink).await;
                return Err(Stop::Cancelled);
            }
            End::Failed(error) => error,
        };
        if !answer.shown
            && let Some(wait) = waits.next(&error)
        {
            wait_to_retry(turn, &waits, wait, &error).await?;
            continue;
        }
        give_up(turn, &answer, sink).await;
        return Err(Stop::Failed(error.to_fault(turn.input.provider.title())));
    }
}

enum End {
    Whole,
    Cancelled,
    Failed(ProviderError),
}

async fn receive(turn: &mut Turn, request: &ChatRequest, answer: &mut Answer, sink: &mut impl TextSink) -> End {
    let mut stream = turn.input.provider.stream(request.clone()).ready_chunks(BATCH);
    let mut pause = pin!(sleep(Duration::ZERO));
    let mut held = Held::Nothing;
    loop {
        let batch = tokio::select! {
            biased;
            () = turn.cancel.cancelled() => return End::Cancelled,
            () = pause.as_mut(), if held == Held::Glimpses => {
                turn.out.flush().await;
                pause.as_mut().reset(Instant::now() + TOGETHER);
                held = Held::Nothing;
                continue;
            }
            batch = stream.next() => batch,
        };
        let Some(batch) = batch else {
            turn.out.flush().await;
            return match answer.stop {
                Some(_) => End::Whole,
                None => {
                    End::Failed(ProviderError::Broken { message: "the stream ended before the answer did".to_owned() })
                }
            };
        };
        let mut text = String::new();
        for event in batch {
            match event {
                Ok(StreamEvent::Text { text: more }) => {
                    if text.is_empty() {
                        text = more;
                    } else {
                        text.push_str(&more);
                    }
                }
                Ok(event) => {
                    pass_text(turn, answer, sink, &mut text).await;
                    answer.take(event, &mut turn.out);
                }
                Err(error) => {
                    pass_text(turn, answer, sink, &mut text).await;
                    turn.out.flush().await;
                    return End::Failed(error);
                }
            }
        }
        pass_text(turn, answer, sink, &mut text).await;
        held = Held::Glimpses;
    }
}

/// What was shown to nobody yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Glimpses,
}

async fn pass_text(turn: &mut Turn, answer: &mut Answer, sink: &mut impl TextSink, text: &mut String) {
    if !text.is_empty() {
        answer.shown = true;
        sink.text(turn, std::mem::take(text)).await;
    }
}

async fn wait_to_retry(turn: &mut Turn, waits: &Waits, wait: Duration, error: &ProviderError) -> Result<(), Stop> {
    let why = error.to_fault(turn.input.provider.title());
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    turn.out.phase(Phase::Retrying { attempt: waits.attempt() + 1, of: ATTEMPTS, wait_ms, why });
    turn.out.flush().await;
    tokio::select! {
        () = turn.cancel.cancelled() => Err(Stop::Cancelled),
        () = sleep(wait) => Ok(()),
    }
}

async fn give_up(turn: &mut Turn, answer: &Answer, sink: &mut impl TextSink) {
    for call in &answer.calls {
        if let Some(path) = &call.live.path {
            turn.out.glimpse(Glimpse::FileDropped { path: path.clone() });
        }
    }
    publish_reasoning(turn, answer).await;
    sink.end(turn, false).await;
    record_usage(turn, answer).await;
}

async fn publish_reasoning(turn: &mut Turn, answer: &Answer) {
    if answer.reasoning.is_empty() && answer.opaque.is_empty() {
        return;
    }
    let sealed = Some(&answer.opaque).filter(|opaque| !opaque.is_empty());
    let opaque = sealed.and_then(|opaque| serde_json::to_value(opaque).ok());
    let (number, text) = (turn.input.turn, answer.reasoning.clone());
    turn.out.fact(FactBody::Reasoned { turn: number, text, opaque }).await;
}

async fn record_usage(turn: &mut Turn, answer: &Answer) {
    match answer.usage {
        Some(usage) => turn.record_usage(usage).await,
        // Tokens that nobody counted are not none: what the session cost is unknown from here on.
        None if answer.shown || answer.stop.is_some() => turn.record_uncounted().await,
        None => {}
    }
    for text in &answer.notices {
        turn.out.fact(FactBody::Noticed { text: text.clone() }).await;
    }
}

/// A tool's name as every provider takes it back: a name with other characters is no tool's, but goes back with
/// the history, and would be refused with every later request.
fn callable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = name.trim().chars().take(LONGEST_NAME).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

impl Answer {
    /// An id that no other call of this answer has.
    fn own_id(&self, id: String, index: usize) -> String {
        let taken = self.calls.iter().enumerate().any(|(other, call)| other != index && call.id == id);
        if id.is_empty() || id.len() > LONGEST_ID || taken { format!("call-{index}-of-answer") } else { id }
    }

    /// Takes in what is no text.
    pub(super) fn take(&mut self, event: StreamEvent, out: &mut Reporter) {
        match event {
            StreamEvent::Started { .. } | StreamEvent::Text { .. } | StreamEvent::ToolEnded { .. } => {}
            StreamEvent::Reasoning { text } => {
                self.shown = true;
                out.phase(Phase::Thinking);
                self.reasoning.push_str(&text);
                out.glimpse(Glimpse::Reasoning { text });
            }
            StreamEvent::ReasoningOpaque { opaque } => self.opaque.push(opaque),
            StreamEvent::ToolStarted { index, id, name } => {
                self.shown = true;
                if index >= MOST_CALLS {
                    return;
                }
                if self.calls.len() <= index {
                    self.calls.resize_with(index + 1, Call::default);
                }
                let (id, name) = (self.own_id(id, index), callable(&name));
                if let Some(call) = self.calls.get_mut(index) {
                    call.id = id;
                    call.name = name;
                    if call.name != "write_file" {
                        out.phase(Phase::Running { tool: call.name.clone() });
                    }
                }
            }
            StreamEvent::ToolArguments { index, json } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.json.push_str(&json);
                    if call.name == "write_file" {
                        call.live.show(&json, out);
                    }
                }
            }
            StreamEvent::Usage { usage } => self.usage = Some(usage),
            StreamEvent::ReadingPrompt { done, total } => out.phase(Phase::ReadingPrompt { done, total }),
            StreamEvent::LoadingModel => out.phase(Phase::LoadingModel),
            StreamEvent::Notice { text } => self.notices.push(text),
            StreamEvent::Stopped { reason } => self.stop = Some(reason),
        }
    }
}

impl LiveFile {
    fn show(&mut self, json: &str, out: &mut Reporter) {
        for piece in self.arguments.push(json) {
            match piece {
                FilePiece::Opened(path) => {
                    // A path that is refused later is not shown at all.
                    if let Ok(path) = ProjectPath::parse(&path) {
                        out.phase(Phase::Writing { path: path.clone() });
                        out.glimpse(Glimpse::FileOpened { path: path.clone() });
                        self.path = Some(path);
                    }
                }
                FilePiece::Text(text) => {
                    if let Some(path) = &self.path {
                        out.glimpse(Glimpse::FileText { path: path.clone(), text });
                    }
                }
            }
        }
    }
}
