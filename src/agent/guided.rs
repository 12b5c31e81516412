//! A turn with a model too small to keep a protocol by itself.
//!
//! The work is cut into small requests, one for the plan and one a file, each with a worked example
//! before it and each answer held to a grammar: plan and files are well-formed whatever the model
//! makes of the words. Their sense is the model's own affair, and the person is told so.

use super::answer::{TextSink, ask};
use super::fenced_text::{CutFile, FencedText};
use super::guidance::{Guidance, Kind, as_order, guidance};
use super::runner;
use super::turn::{Stop, Turn, internal};
use crate::domain::{FactBody, Fault, FaultClass, PlannedStep, ProjectPath, StepId, StepState};
use crate::providers::{ChatRequest, Message, Role, Shape};

/// Answer tokens of the plan and of one file at most; the grammars end before.
const PLAN_TOKENS: u32 = 120;
const FILE_TOKENS: u32 = 1_200;

/// Runs the turn: plan, the file, a page that says what it is.
pub async fn run(turn: &mut Turn) -> Result<(), Stop> {
    let guidance = guidance().ok_or_else(|| internal("the texts that lead small models are broken"))?;
    let wanted = turn.input.text.clone();
    let kind = guidance.kind(&wanted).ok_or_else(|| internal("no kind of file is known"))?;
    let path = plan(turn, guidance, kind, &wanted).await?;

    let mut lead = vec![(kind.example_request.as_str(), kind.example_answer.as_str())];
    let file = request(turn, &guidance.file.system, &lead, as_order(&wanted), kind.file_grammar(&path), FILE_TOKENS);
    write_step(turn, StepId(1), &file).await?;

    lead = vec![(guidance.readme.example_request.as_str(), guidance.readme.example_answer.as_str())];
    let order = format!("Describe this program in one sentence: {wanted}");
    let readme = request(turn, &guidance.file.system, &lead, order, guidance.readme_grammar(kind, &path), FILE_TOKENS);
    write_step(turn, StepId(2), &readme).await?;

    if let Some(note) = turn.input.model.note.clone() {
        turn.out.fact(FactBody::Noticed { text: note }).await;
    }
    Ok(())
}

/// Asks for the plan's line and states the plan.
async fn plan(turn: &mut Turn, guidance: &Guidance, kind: &Kind, wanted: &str) -> Result<ProjectPath, Stop> {
    let lead: Vec<(&str, &str)> =
        guidance.plan.examples.iter().map(|(request, answer)| (request.as_str(), answer.as_str())).collect();
    let order = format!("Request: {wanted}");
    let request = request(turn, &guidance.plan.system, &lead, order, guidance.plan_grammar(kind), PLAN_TOKENS);
    let mut line = Unshown::default();
    ask(turn, &request, &mut line).await?;
    let title = line.text.trim().to_owned();
    let path = title.split_once(':').and_then(|(path, _)| ProjectPath::parse(path).ok());
    let Some(path) = path else {
        let fault = Fault::new(FaultClass::Broken, "the model made no plan");
        return Err(Stop::Failed(fault.hint("say it differently, or choose another model").retryable()));
    };
    let steps = [title, guidance.readme.title.clone()];
    let steps = (1..).zip(steps).map(|(id, title)| PlannedStep { id: StepId(id), title }).collect();
    let steps = match runner::permit_plan(turn, steps).await? {
        Ok(steps) => steps,
        Err(refusal) => {
            let fault = Fault::new(FaultClass::Invalid, refusal);
            return Err(Stop::Failed(fault.hint("say it differently, or choose another model")));
        }
    };
    turn.set_plan(steps).await;
    Ok(path)
}

async fn write_step(turn: &mut Turn, step: StepId, request: &ChatRequest) -> Result<(), Stop> {
    turn.run_step(step).await;
    let mut sink = FencedText::new(CutFile::Keep);
    ask(turn, request, &mut sink).await?;
    if sink.files > 0 {
        turn.change_step(step, StepState::Done).await;
        return Ok(());
    }
    let fault = Fault::new(FaultClass::Broken, "the model wrote no file").detail(sink.refusals.join("; "));
    Err(Stop::Failed(fault.hint("say it differently, or choose another model").retryable()))
}

fn request(
    turn: &Turn,
    system: &str,
    lead: &[(&str, &str)],
    order: String,
    grammar: String,
    tokens: u32,
) -> ChatRequest {
    let mut messages = Vec::new();
    for (request, answer) in lead {
        messages.push(Message::text(Role::User, *request));
        messages.push(Message::text(Role::Assistant, *answer));
    }
    messages.push(Message::text(Role::User, order));
    ChatRequest {
        model: turn.input.model.reference.model.clone(),
        system: system.to_owned(),
        messages,
        tools: Vec::new(),
        max_output: Some(tokens),
        // Measured: at higher temperatures a model of this size loses the thread.
        temperature: Some(0.0),
        shape: Shape::Lark(grammar),
        effort: None,
        cache_key: None,
    }
}

/// Text that becomes something else before it is shown.
#[derive(Default)]
struct Unshown {
    text: String,
}

impl TextSink for Unshown {
    async fn text(&mut self, _turn: &mut Turn, text: String) {
        self.text.push_str(&text);
    }

    async fn end(&mut self, _turn: &mut Turn, _whole: bool) {}
}
