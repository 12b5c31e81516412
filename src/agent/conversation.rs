//! A turn with a model that keeps a protocol by itself: tools, or fenced blocks in its text.

use serde_json::Value;

use super::answer::{Call, TextSink, ask};
use super::checking::{self, Verified};
use super::fenced_text::{FencedText, publish_text};
use super::loops::Circle;
use super::memory;
use super::person::Word;
use super::request;
use super::room;
use super::runner;
use super::turn::{Stop, Turn};
use crate::domain::{CallId, Display, FactBody, Fault, FaultClass, Glimpse, Phase, StepState, TurnProtocol};
use crate::providers::{ChatRequest, Message, Part, Role, Shape, StopReason};
use crate::tools::{Effect, ToolAnswer};

/// Times a fenced answer with refused paths is asked for again.
const REPAIRS: u32 = 2;
/// The answer that ends a turn which goes in circles.
const STOP: &str = "stop the turn";
/// Calls of one message that are run; each of the others is refused.
const MOST_CALLS: usize = 100;
/// Times a model that stops is reminded of steps that it left open.
const REMINDERS: u32 = 1;

/// Runs the turn until the model has nothing more to do.
pub async fn run(turn: &mut Turn, protocol: TurnProtocol) -> Result<(), Stop> {
    let newest = memory::prepare(turn, protocol).await?;
    let mut messages = room::history(turn, protocol, &newest).await?;
    messages.push(newest);
    match protocol {
        TurnProtocol::Tools => with_tools(turn, messages).await,
        TurnProtocol::Fenced | TurnProtocol::Guided => with_fences(turn, messages).await,
    }
}

fn chat_request(turn: &Turn, protocol: TurnProtocol, messages: &[Message]) -> ChatRequest {
    ChatRequest {
        model: turn.input.model.reference.model.clone(),
        system: turn.system.clone(),
        messages: messages.to_vec(),
        tools: if protocol == TurnProtocol::Tools { request::tool_specs(&turn.toolbox) } else { Vec::new() },
        max_output: turn.input.limits.output_tokens.or_else(|| {
            let limit = turn.input.model.max_output?;
            u32::try_from(limit).ok()
        }),
        temperature: None,
        shape: Shape::Free,
        effort: None,
        cache_key: turn.input.before.session.map(|session| session.to_string()),
    }
}

async fn with_tools(turn: &mut Turn, mut messages: Vec<Message>) -> Result<(), Stop> {
    let mut reminders = 0;
    for _ in 0..turn.input.limits.requests {
        turn.within_limits()?;
        hear(turn, &mut messages).await;
        let mut sink = PlainText::default();
        let request = chat_request(turn, TurnProtocol::Tools, &messages);
        let answer = match ask(turn, &request, &mut sink).await {
            Err(stop) if room::helps(turn, &stop, &mut messages).await? => continue,
            answer => answer?,
        };
        if answer.calls.is_empty() {
            let stopped = answer.stop == Some(StopReason::Finished);
            if stopped && !turn.person.words.is_empty() {
                // The person has said more meanwhile.
                messages.push(Message::text(Role::Assistant, sink.all));
                continue;
            }
            if stopped
                && reminders < REMINDERS
                && let Some(reminder) = open_steps(turn)
            {
                reminders += 1;
                messages.push(Message::text(Role::Assistant, sink.all));
                messages.push(Message::text(Role::User, reminder));
                continue;
            }
            if stopped && let Some(findings) = still_wrong(turn).await? {
                messages.push(Message::text(Role::Assistant, sink.all));
                messages.push(Message::text(Role::User, findings));
                continue;
            }
            return finish(turn, answer.stop, &sink.all).await;
        }
        let mut parts = Vec::new();
        request::push_reasoning(&mut parts, &answer.reasoning, answer.opaque.clone());
        if !sink.all.trim().is_empty() {
            parts.push(Part::Text { text: sink.all });
        }
        let results = run_calls(turn, &answer.calls, answer.stop, &mut parts).await?;
        messages.push(Message { role: Role::Assistant, parts });
        messages.push(Message { role: Role::User, parts: results });
        room::keep(turn, answer.usage, &mut messages).await?;
    }
    Err(limit_reached(turn))
}

/// Takes what the person said since the last request.
async fn hear(turn: &mut Turn, messages: &mut Vec<Message>) {
    while let Ok(word) = turn.person.words.try_recv() {
        let text = match word {
            Word::Steer(text) => {
                turn.out.fact(FactBody::Steered { turn: turn.input.turn, text: text.clone() }).await;
                text
            }
            Word::Step(step, mark) => {
                let Some(text) = turn.mark_step(step, mark).await else { continue };
                turn.out.fact(FactBody::Steered { turn: turn.input.turn, text: text.clone() }).await;
                text
            }
        };
        messages.push(Message::text(Role::User, text));
    }
}

/// What the model is told when it stops before it came to steps of its plan. The step that runs is
/// taken as done: models forget to say so.
fn open_steps(turn: &Turn) -> Option<String> {
    let pending = turn.plan.iter().filter(|step| step.state == StepState::Pending);
    let open: Vec<String> = pending.map(|step| format!("{}. {}", step.id, step.title)).collect();
    (!open.is_empty()).then(|| {
        format!(
            "These steps of the plan are still open:\n{}\nDo them, or end each with `finish_step` and say why it failed.",
            open.join("\n")
        )
    })
}

/// What checks find at the end of an answer, for the model to mend. When there is no use in going on, the
/// step that runs has failed.
async fn still_wrong(turn: &mut Turn) -> Result<Option<String>, Stop> {
    match checking::verify(turn, None).await? {
        Verified::GoOn => {}
        Verified::Findings(run) => return Ok(request::findings(&run)),
        Verified::GaveUp => {
            if let Some(running) = turn.running_step() {
                turn.change_step(running, StepState::Failed).await;
            }
        }
    }
    Ok(None)
}

fn limit_reached(turn: &Turn) -> Stop {
    let sentence = format!("the turn used all of its {} requests", turn.input.limits.requests);
    Stop::Failed(
        Fault::new(FaultClass::Invalid, sentence)
            .hint("say `go on` to continue, or raise `agent.max_requests`")
            .retryable(),
    )
}

/// Ends a turn after an answer without calls.
async fn finish(turn: &mut Turn, stop: Option<StopReason>, text: &str) -> Result<(), Stop> {
    let fault = match stop {
        Some(StopReason::Refused) => Fault::new(FaultClass::Refused, "the model declined to go on")
            .hint("say it differently, or choose another model"),
        Some(StopReason::Length) => {
            Fault::new(FaultClass::TooLong, "the answer reached the limit of its length and was cut there")
                .hint("say `go on`, or raise `agent.max_output_tokens`")
                .retryable()
        }
        Some(StopReason::WindowFull) => {
            Fault::new(FaultClass::TooLong, "the conversation filled the model's window").hint("start afresh with /new")
        }
        _ if text.trim().is_empty() && turn.plan.is_empty() => {
            Fault::new(FaultClass::Broken, "the model answered nothing")
                .hint("retry, or choose another model")
                .retryable()
        }
        _ => return Ok(()),
    };
    Err(Stop::Failed(fault))
}

/// Publishes all calls, then runs one after the other.
async fn run_calls(
    turn: &mut Turn,
    calls: &[Call],
    stop: Option<StopReason>,
    parts: &mut Vec<Part>,
) -> Result<Vec<Part>, Stop> {
    let (mut results, mut pictures) = (Vec::new(), Vec::new());
    let mut called = Vec::new();
    for call in calls {
        let shown = parse_arguments(call).unwrap_or_else(|_| Value::String(call.json.clone()));
        called.push(FactBody::ToolCalled {
            turn: turn.input.turn,
            call: CallId::new(call.id.clone()),
            name: call.name.clone(),
            arguments: shown.clone(),
        });
        let sent = if shown.is_object() { shown } else { Value::Object(serde_json::Map::new()) };
        parts.push(Part::ToolCall { id: call.id.clone(), name: call.name.clone(), arguments: sent });
    }
    turn.out.facts(called, Vec::new()).await;
    for (number, call) in calls.iter().enumerate() {
        if turn.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let tool_answer = match parse_arguments(call) {
            _ if number >= MOST_CALLS => ToolAnswer::refusal(format!(
                "not run: only the first {MOST_CALLS} calls of one message are; make this one again if it is needed"
            )),
            Ok(arguments) => runner::run(turn, call, arguments).await?,
            Err(_) if stop == Some(StopReason::Length) => ToolAnswer::refusal(
                "the answer reached the limit of its length in the middle of this call; write less in one call",
            ),
            Err(error) => ToolAnswer::refusal(format!("the arguments are not valid JSON: {error}")),
        };
        let said = runner::words(&tool_answer);
        pictures.extend(request::pictures(&tool_answer.content));
        results.push(publish_answer(turn, call, tool_answer).await);
        if let Some(circle) = turn.circles.record(&call.name, &call.json, &said) {
            break_circle(turn, call, circle, &mut results).await?;
        }
    }
    results.append(&mut pictures);
    Ok(results)
}

/// The model does the same again and again: the person says what becomes of it.
async fn break_circle(turn: &mut Turn, call: &Call, circle: Circle, results: &mut [Part]) -> Result<(), Stop> {
    let brief: String = call.json.chars().take(120).collect();
    let text = format!(
        "the model has called `{}` {} times with the same arguments and the same answer: {brief}",
        call.name, circle.times
    );
    let choices = [STOP, "let it go on", "tell it to try another way"];
    let id = format!("{}-circle-{}", call.id, circle.told);
    match runner::ask_person(turn, id, text.clone(), choices.map(str::to_owned).to_vec()).await? {
        Some(answer) if answer == choices[1] => return Ok(()),
        Some(answer) if answer == STOP => {
            return Err(Stop::Failed(
                Fault::new(FaultClass::Invalid, text).hint("say it differently, or choose another model"),
            ));
        }
        // Nobody stopped it the first time, and it did not help.
        _ if circle.told > 0 => {
            return Err(Stop::Failed(
                Fault::new(FaultClass::Invalid, text).hint("say it differently, or choose another model"),
            ));
        }
        Some(_) | None => {}
    }
    let hint = format!(
        "[You have called `{}` {} times with the same arguments and got the same answer. Try another way.]",
        call.name, circle.times
    );
    if let Some(Part::ToolResult { text, .. }) = results.last_mut() {
        text.push_str("\n\n");
        text.push_str(&hint);
    }
    Ok(())
}

fn parse_arguments(call: &Call) -> Result<Value, serde_json::Error> {
    if call.json.trim().is_empty() {
        Ok(Value::Object(serde_json::Map::new()))
    } else {
        serde_json::from_str(&call.json)
    }
}

async fn publish_answer(turn: &mut Turn, call: &Call, answer: ToolAnswer) -> Part {
    let text = runner::words(&answer);
    let told = !answer.failed && !answer.effects.is_empty() || answer.display == Display::Quiet;
    for effect in answer.effects {
        match effect {
            Effect::PlanSet(steps) => turn.set_plan(steps).await,
            Effect::StepChanged(step, state) => turn.change_step(step, state).await,
            Effect::Wrote(written) => turn.publish_change(written).await,
            Effect::Removed(removed) => turn.publish_removal(removed).await,
        }
    }
    let fact = FactBody::ToolAnswered {
        turn: turn.input.turn,
        call: CallId::new(call.id.clone()),
        failed: answer.failed,
        content: answer.content,
        display: if told { Display::Quiet } else { Display::Line },
    };
    turn.out.fact(fact).await;
    Part::ToolResult { id: call.id.clone(), name: call.name.clone(), text, failed: answer.failed }
}

/// Text that is simply shown.
#[derive(Default)]
struct PlainText {
    all: String,
}

impl TextSink for PlainText {
    async fn text(&mut self, turn: &mut Turn, text: String) {
        turn.out.phase(Phase::Answering);
        self.all.push_str(&text);
        turn.out.glimpse(Glimpse::Text { text });
    }

    async fn end(&mut self, turn: &mut Turn, whole: bool) {
        publish_text(turn, self.all.clone(), whole).await;
    }
}

async fn with_fences(turn: &mut Turn, mut messages: Vec<Message>) -> Result<(), Stop> {
    let (mut repairs, mut reminders, mut wrote, mut called) = (0, 0, false, false);
    for _ in 0..turn.input.limits.requests {
        turn.within_limits()?;
        hear(turn, &mut messages).await;
        let mut sink = FencedText::default();
        let request = chat_request(turn, TurnProtocol::Fenced, &messages);
        let awaited = turn.awaits_plan();
        let answer = match ask(turn, &request, &mut sink).await {
            Err(stop) if room::helps(turn, &stop, &mut messages).await? => continue,
            answer => answer?,
        };
        let FencedText { all, files, refusals, calls, .. } = sink;
        wrote |= files > 0;
        called |= !calls.is_empty();
        messages.push(Message::text(Role::Assistant, all.clone()));
        let results = run_calls(turn, &calls, answer.stop, &mut Vec::new()).await?;
        let mut reply = request::results_in_text(&results, turn.input.model.window);
        if refusals.is_empty() && results.is_empty() {
            if !turn.person.words.is_empty() {
                // The person has said more meanwhile.
                continue;
            }
            // A model that never called a tool does not know how to end a step.
            if called
                && reminders < REMINDERS
                && let Some(reminder) = open_steps(turn)
            {
                reminders += 1;
                messages.push(Message::text(Role::User, reminder));
                continue;
            }
            if let Some(findings) = still_wrong(turn).await? {
                messages.push(Message::text(Role::User, findings));
                continue;
            }
            skip_open_steps(turn).await;
            return finish(turn, answer.stop, if wrote { "files" } else { &all }).await;
        }
        if !refusals.is_empty() {
            if awaited && !turn.awaits_plan() {
                // Files that came along with the plan that is approved by now.
                repairs = 0;
            }
            if repairs == REPAIRS {
                return Err(Stop::Failed(
                    Fault::new(FaultClass::Invalid, "the model kept naming files that may not be written")
                        .hint("say which files you want, or choose another model"),
                ));
            }
            repairs += 1;
            let refusals = refusals.join("\n");
            turn.out.fact(FactBody::Noticed { text: format!("told the model: {refusals}") }).await;
            reply.push_str(&if turn.awaits_plan() {
                format!("{refusals}\nGive a plan first, as you were told to write one, and then the files.")
            } else {
                format!(
                    "These files were not written:\n{refusals}\nGive only these files again, with paths that are allowed."
                )
            });
        }
        messages.push(Message::text(Role::User, reply));
        room::keep(turn, answer.usage, &mut messages).await?;
    }
    Err(limit_reached(turn))
}

/// A plan that the answer did not follow to its end is not shown as done.
async fn skip_open_steps(turn: &mut Turn) {
    if let Some(running) = turn.running_step() {
        turn.change_step(running, StepState::Done).await;
    }
    while let Some(step) = turn.plan.iter().find(|s| !s.state.is_over()).map(|s| s.id) {
        turn.change_step(step, StepState::Skipped).await;
    }
}
