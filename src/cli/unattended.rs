//! What a headless turn answers when it asks and nobody is there: no, and how to allow it.

use super::console::Console;
use super::exit::Failure;
use crate::domain::{ApprovalRequest, Decision, FactBody, Mode, Op, PlanDecision, SessionId, Touch};
use crate::engine::Engine;

/// How such a call can be allowed without anybody there.
fn hint(request: &ApprovalRequest) -> &'static str {
    let command = |touch: &Touch| matches!(touch, Touch::Command { .. });
    if request.touches.iter().all(command) {
        "hint: `--mode auto` runs sandboxed commands without asking"
    } else {
        "hint: allow it for this project once in the terminal, then it counts here too"
    }
}

/// Answers what the turn asks. Calls are refused, questions handed back, a plan is approved only where
/// the mode allows to go on unseen.
pub(super) async fn answer(
    engine: &Engine,
    session: SessionId,
    body: &FactBody,
    mode: Mode,
    console: &mut Console,
) -> Result<(), Failure> {
    let op = match body {
        FactBody::ApprovalAsked { request } => {
            console.note(&format!("not allowed, since nobody is there to ask: {}", request.title));
            console.note(hint(request));
            let comment = Some("nobody is there to ask; do what can be done without it".to_owned());
            Op::Decide { session, call: request.call.clone(), decision: Decision::Deny { comment } }
        }
        FactBody::QuestionAsked { question } => {
            console.note(&format!("a question that nobody is there to answer: {}", question.text));
            let answer = "nobody is there to answer; decide yourself and say what you assumed".to_owned();
            Op::Answer { session, call: question.call.clone(), answer }
        }
        FactBody::PlanProposed { steps, .. } if mode >= Mode::Auto => {
            let steps = steps.iter().map(|step| step.title.clone()).collect();
            Op::DecidePlan { session, decision: PlanDecision::Approve { steps } }
        }
        FactBody::PlanProposed { steps, .. } => {
            console.note("the plan would wait for approval, and nobody is there:");
            for step in steps {
                console.note(&format!("  {}. {}", step.id, step.title));
            }
            console.note("hint: `--plan auto` goes on without approval, `--mode auto` approves it");
            Op::Cancel { session }
        }
        _ => return Ok(()),
    };
    engine.ask(op).await?;
    Ok(())
}
