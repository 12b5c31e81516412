//! The moments of a turn at which hooks run, and what is made of what they say.

use serde_json::{Value, json};

use super::answer::Call;
use super::turn::{Stop, Turn};
use crate::config::HookEvent;
use crate::domain::{Content, FactBody, Fault, FaultClass};
use crate::skills::hooks;
use crate::tools::ToolAnswer;

async fn run(turn: &mut Turn, event: HookEvent, tool: Option<&str>, mut told: Value) -> Option<String> {
    if turn.input.memory.hooks.is_empty() {
        return None;
    }
    if let Some(object) = told.as_object_mut() {
        object.insert("event".to_owned(), json!(event));
        object.insert("session".to_owned(), json!(turn.input.before.session));
        object.insert("turn".to_owned(), json!(turn.input.turn));
        object.insert("directory".to_owned(), json!(turn.input.root.path()));
    }
    let (hooks, commands) = (turn.input.memory.hooks.clone(), turn.input.commands.clone());
    let work = hooks::run(&hooks, commands.as_ref(), event, tool, &told);
    let outcome = tokio::select! {
        () = turn.cancel.cancelled() => return None,
        outcome = work => outcome,
    };
    for text in outcome.notices {
        turn.out.fact(FactBody::Noticed { text }).await;
    }
    outcome.stopped
}

/// Before a call that may run: the refusal of a hook that stops it.
pub async fn before_tool(turn: &mut Turn, call: &Call, arguments: &Value) -> Option<ToolAnswer> {
    let told = json!({ "tool": call.name, "arguments": arguments });
    run(turn, HookEvent::BeforeTool, Some(&call.name), told).await.map(ToolAnswer::refusal)
}

/// After a call: what a hook has to say is told with the answer.
pub async fn after_tool(turn: &mut Turn, call: &Call, answer: &mut ToolAnswer) {
    let told = json!({ "tool": call.name, "failed": answer.failed, "answer": answer.for_model() });
    if let Some(said) = run(turn, HookEvent::AfterTool, Some(&call.name), told).await {
        answer.content.push(Content::Text { text: said });
    }
}

/// Before the first request: a hook may stop the turn.
pub async fn turn_starts(turn: &mut Turn) -> Result<(), Stop> {
    let told = json!({ "text": turn.input.text });
    match run(turn, HookEvent::TurnStart, None, told).await {
        None => Ok(()),
        Some(said) => Err(Stop::Failed(
            Fault::new(FaultClass::Refused, said).hint("change the message, or the hook in your settings"),
        )),
    }
}

/// When the turn is over; nothing can be stopped any more.
pub async fn turn_ends(turn: &mut Turn, completed: bool) {
    if let Some(text) = run(turn, HookEvent::TurnEnd, None, json!({ "completed": completed })).await {
        turn.out.fact(FactBody::Noticed { text }).await;
    }
}
