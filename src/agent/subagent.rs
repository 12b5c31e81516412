//! A sub-agent: a piece of work done in a conversation of its own, by the same model, under the same
//! policy, with a budget; only its report comes back.
//!
//! Its calls go through the same runner as the turn's. It has no plan, asks nobody and starts no further
//! sub-agents.

use serde_json::{Map, Value};

use super::answer::{Answer, Call};
use super::quiet::{NoAnswer, ask_quietly};
use super::turn::{Stop, Turn};
use super::{request, runner};
use crate::domain::{CallId, Glimpse, TurnProtocol};
use crate::providers::{ChatRequest, Message, Part, Role, Shape};
use crate::tools::live::task::TaskTools;
use crate::tools::{Effect, ToolAnswer, Toolbox};

const TASK_PROMPT: &str = include_str!("../../assets/prompts/task.md");
/// Requests of one sub-agent at most.
const REQUESTS: u32 = 20;
/// Tokens of all its requests together at most; then it has to report.
const TOKENS: u64 = 400_000;
/// Characters of its report that come back.
const REPORT: usize = 4_000;
/// Tools that only look.
const READING: [&str; 5] = ["list_files", "glob", "grep", "read_file", "skill"];
/// Tools that belong to the turn, or to the person.
const WITHHELD: [&str; 5] = ["task", "set_plan", "finish_step", "ask_user", "remember"];

/// Does the work. The inner error is a refusal for the model that asked.
pub async fn run(
    turn: &mut Turn,
    call: &CallId,
    prompt: String,
    tools: TaskTools,
) -> Result<Result<String, String>, Stop> {
    let toolbox = toolbox(&turn.toolbox, tools);
    let toolbox = std::mem::replace(&mut turn.toolbox, toolbox);
    // What it reads, the turn's own conversation does not know.
    let seen = std::mem::take(&mut turn.input.seen);
    let result = work(turn, call, prompt).await;
    turn.toolbox = toolbox;
    turn.input.seen = seen;
    result
}

fn toolbox(all: &Toolbox, tools: TaskTools) -> Toolbox {
    let mut own = all.clone();
    own.keep(|name| match tools {
        TaskTools::ReadOnly => READING.contains(&name),
        TaskTools::All => !WITHHELD.contains(&name),
    });
    own
}

async fn work(turn: &mut Turn, call: &CallId, prompt: String) -> Result<Result<String, String>, Stop> {
    let own = request::system(TurnProtocol::Tools).trim_end();
    let system = format!("{}{}", TASK_PROMPT.trim_end(), turn.system.strip_prefix(own).unwrap_or_default());
    let mut messages = vec![Message::text(Role::User, prompt)];
    let (mut spent, mut last) = (0, String::new());
    for number in 1..=REQUESTS {
        turn.within_limits()?;
        let closing = number == REQUESTS || spent >= TOKENS;
        if closing {
            messages
                .push(Message::text(Role::User, "Your budget is used up. Report now what you have, without tools."));
        }
        let request = ChatRequest {
            model: turn.input.model.reference.model.clone(),
            system: system.clone(),
            messages: messages.clone(),
            tools: request::tool_specs(&turn.toolbox),
            max_output: turn.input.limits.output_tokens,
            temperature: None,
            shape: Shape::Free,
            effort: None,
            cache_key: None,
        };
        let provider = turn.input.provider.clone();
        let (text, answer) = match ask_quietly(provider.as_ref(), &request, &turn.cancel).await {
            Ok(answer) => answer,
            Err(NoAnswer::Cancelled) => return Err(Stop::Cancelled),
            Err(NoAnswer::Failed(error)) => {
                let why = error.to_fault(turn.input.provider.title()).sentence;
                return Ok(Err(format!("the task was broken off: {why}{}", so_far(&last))));
            }
        };
        if let Some(usage) = answer.usage {
            spent += usage.total();
            turn.record_usage(usage).await;
        }
        if answer.calls.is_empty() || closing {
            let report = if text.trim().is_empty() { last } else { text };
            return Ok(if report.trim().is_empty() {
                Err("the task ended without a report".to_owned())
            } else {
                Ok(cut(&report))
            });
        }
        if !text.trim().is_empty() {
            last.clone_from(&text);
            show(turn, call, &format!("{}\n", text.trim())).await;
        }
        exchange(turn, call, answer, text, &mut messages).await?;
    }
    Ok(Err(format!("the task used all of its {REQUESTS} requests{}", so_far(&last))))
}

fn so_far(last: &str) -> String {
    if last.trim().is_empty() { String::new() } else { format!("; it had said: {}", cut(last)) }
}

fn cut(report: &str) -> String {
    let report = report.trim();
    match report.char_indices().nth(REPORT) {
        Some((end, _)) => format!("{}\n[… cut at {REPORT} characters]", report.get(..end).unwrap_or(report)),
        None => report.to_owned(),
    }
}

/// Runs the calls of one answer and puts both sides into the conversation.
async fn exchange(
    turn: &mut Turn,
    call: &CallId,
    answer: Answer,
    text: String,
    messages: &mut Vec<Message>,
) -> Result<(), Stop> {
    let mut parts = Vec::new();
    request::push_reasoning(&mut parts, &answer.reasoning, answer.opaque);
    if !text.trim().is_empty() {
        parts.push(Part::Text { text });
    }
    let (mut results, mut pictures) = (Vec::new(), Vec::new());
    for mut inner in answer.calls {
        if turn.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let arguments = if inner.json.trim().is_empty() {
            Ok(Value::Object(Map::new()))
        } else {
            serde_json::from_str(&inner.json)
        };
        let (id, name) = (inner.id.clone(), inner.name.clone());
        let sent = arguments.as_ref().ok().filter(|value: &&Value| value.is_object()).cloned();
        parts.push(Part::ToolCall {
            id: id.clone(),
            name: name.clone(),
            arguments: sent.unwrap_or_else(|| Value::Object(Map::new())),
        });
        show(turn, call, &format!("→ {name} {}\n", head(&inner.json, 100))).await;
        // What it prints and asks is shown with the call that began all this.
        inner.id = call.as_str().to_owned();
        let answer = match arguments {
            Ok(arguments) => run_inner(turn, &inner, arguments).await?,
            Err(error) => ToolAnswer::refusal(format!("the arguments are not valid JSON: {error}")),
        };
        let text = runner::words(&answer);
        let failed = answer.failed;
        pictures.extend(request::pictures(&answer.content));
        for effect in answer.effects {
            match effect {
                Effect::Wrote(written) => turn.publish_change(written).await,
                Effect::Removed(removed) => turn.publish_removal(removed).await,
                Effect::PlanSet(_) | Effect::StepChanged(..) => {}
            }
        }
        results.push(Part::ToolResult { id, name, text, failed });
    }
    messages.push(Message { role: Role::Assistant, parts });
    results.append(&mut pictures);
    messages.push(Message { role: Role::User, parts: results });
    Ok(())
}

/// The runner runs sub-agents, and they run the runner.
fn run_inner<'t>(
    turn: &'t mut Turn,
    call: &'t Call,
    arguments: Value,
) -> futures::future::BoxFuture<'t, Result<ToolAnswer, Stop>> {
    Box::pin(runner::run(turn, call, arguments))
}

async fn show(turn: &mut Turn, call: &CallId, text: &str) {
    turn.out.glimpse(Glimpse::Output { call: call.clone(), text: text.to_owned() });
    turn.out.flush().await;
}

fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
