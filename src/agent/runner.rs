//! One way for every call: what it touches, whether it may, the person's word where it must ask, the
//! run, and its answer trimmed and published.
//!
//! Nothing runs that did not pass [`permit`]; a call that waits for the person is on screen as a fact.
//! What a tool does is the tool's; what is allowed is the policy's.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::answer::Call;
use super::checking::{self, Verified};
use super::person::{Asking, Rights};
use super::request;
use super::turn::{Stop, Turn, blocking, internal};
use super::{hooking, instructions, subagent};
use crate::domain::{
    ApprovalRequest, CallId, Content, Decision, Display, FactBody, Glimpse, Mode, Phase, PlanDecision, PlannedStep,
    Planning, ProjectPath, Question, Review, StepId, StepState, Touch,
};
use crate::tools::live::{LiveContext, LiveTool, Wish};
use crate::tools::policy::{self, Circumstances, Verdict};
use crate::tools::{self, AnyTool, Effect, ToolAnswer, ToolContext};

/// Characters of one answer that the model is given at most; the middle is left out.
const ANSWER_LIMIT: usize = 48 * 1024;
/// Bytes of a call's arguments that the person is shown at most.
const PREVIEW: usize = 16 * 1024;
/// Wishes of a running tool that wait at most.
const WISHES: usize = 64;

/// Runs one call to its answer. Refusals are answers; only a cancelled turn stops here.
pub async fn run(turn: &mut Turn, call: &Call, arguments: Value) -> Result<ToolAnswer, Stop> {
    let Some(tool) = turn.toolbox.find(&call.name) else {
        let names: Vec<&str> = turn.toolbox.iter().map(AnyTool::name).collect();
        return Ok(ToolAnswer::refusal(format!("there is no tool `{}`; there are {}", call.name, names.join(", "))));
    };
    if let Some(why) = tool.impossible(&arguments) {
        return Ok(ToolAnswer::refusal(why));
    }
    let touches = tool.touches(&arguments);
    // Who else may change files: commands, and tools of others.
    let may_write = touches.iter().any(|touch| !matches!(touch, Touch::Read { .. } | Touch::Host { .. }));
    let touches_commands = touches.iter().any(|touch| matches!(touch, Touch::Command { .. }));
    if let Some(refusal) = permit(turn, call, &arguments, touches.clone()).await? {
        return Ok(refusal);
    }
    if let Some(refusal) = hooking::before_tool(turn, call, &arguments).await {
        return Ok(refusal);
    }
    turn.out.phase(Phase::Running { tool: call.name.clone() });
    if may_write {
        turn.before_write(Some(CallId::new(call.id.clone()))).await;
    }
    let answer = match tool {
        AnyTool::Blocking(tool) => {
            let (root, seen, plan) = (Arc::clone(&turn.input.root), Arc::clone(&turn.input.seen), turn.plan.clone());
            let work = move || tool.run(&arguments, &ToolContext { root: &root, plan: &plan, seen: &seen });
            // A defect of one tool is not the end of the turn.
            blocking(work).await.unwrap_or_else(|why| ToolAnswer::refusal(format!("`{}` failed: {why}", call.name)))
        }
        AnyTool::Live(tool) => run_live(turn, call, tool, arguments).await?,
    };
    let mut answer = trimmed(settle_plan(turn, answer).await?);
    if touches_commands {
        turn.checking.stirred();
    }
    instructions::tell_nested(turn, &touches, &mut answer).await;
    hooking::after_tool(turn, call, &mut answer).await;
    settle_step(turn, answer).await
}

/// Asks the policy, and the person where the policy says so. `Some` is the answer of a call that does
/// not run.
pub async fn permit(
    turn: &mut Turn,
    call: &Call,
    arguments: &Value,
    touches: Vec<Touch>,
) -> Result<Option<ToolAnswer>, Stop> {
    let (reason, offers) = match judge(turn, &touches) {
        Verdict::Allow { .. } => return Ok(None),
        Verdict::Deny { .. } if turn.awaits_plan() => {
            let text = "nothing is changed before the person approved the plan; look around, then call `set_plan`";
            return Ok(Some(ToolAnswer::refusal(text)));
        }
        Verdict::Deny { reason } => return Ok(Some(ToolAnswer::refusal(format!("not allowed: {reason}")))),
        Verdict::Ask { reason, offers } => (reason, offers),
    };
    let preview = match changes(turn, call, arguments, &touches).await? {
        // A call that would come to nothing is not worth the person's time.
        Err(refusal) => return Ok(Some(ToolAnswer::refusal(refusal))),
        Ok(changes) if changes.is_empty() => preview(arguments, &touches),
        Ok(changes) => changes,
    };
    let request = ApprovalRequest {
        turn: turn.input.turn,
        call: CallId::new(call.id.clone()),
        tool: call.name.clone(),
        title: title(&call.name, &touches),
        preview,
        touches,
        reason,
        offers,
    };
    Ok(approved(turn, request).await?.err().map(ToolAnswer::refusal))
}

/// Asks the policy, and the person where the policy says so, for a file that a model gives in its text. The inner
/// error is in words for the model.
pub async fn permit_file(turn: &mut Turn, path: &ProjectPath, content: &str) -> Result<Result<(), String>, Stop> {
    let touches = vec![Touch::Write { path: path.clone() }];
    let (reason, offers) = match judge(turn, &touches) {
        Verdict::Allow { .. } => return Ok(Ok(())),
        Verdict::Deny { .. } if turn.awaits_plan() => {
            return Ok(Err(format!("`{path}` was not written: nothing is changed before the person approved a plan")));
        }
        Verdict::Deny { reason } => return Ok(Err(format!("`{path}` was not written: {reason}"))),
        Verdict::Ask { reason, offers } => (reason, offers),
    };
    let (root, wished) = (Arc::clone(&turn.input.root), path.clone());
    let before = match blocking(move || root.read(&wished)).await.map_err(internal)? {
        Ok(before) => before,
        Err(error) => return Ok(Err(format!("`{path}` was not written: {error}"))),
    };
    let request = ApprovalRequest {
        turn: turn.input.turn,
        call: CallId::new(turn.call_id()),
        tool: "write_file".to_owned(),
        title: title("write_file", &touches),
        preview: vec![tools::preview::diff(path, before.as_deref(), Some(content.as_bytes()))],
        touches,
        reason,
        offers,
    };
    Ok(approved(turn, request).await?.map_err(|refusal| format!("`{path}`: {refusal}")))
}

/// The policy's word, and that of a person who looks at changes before they are written.
fn judge(turn: &Turn, touches: &[Touch]) -> Verdict {
    let rights = turn.person.rights.borrow();
    let circumstances = Circumstances {
        mode: turn.mode(),
        grants: &rights.grants,
        trust: rights.trust,
        confinement: rights.confinement,
        root: Some(turn.input.root.path()),
    };
    let own = touches.iter().find_map(|touch| match touch {
        Touch::Read { path } | Touch::Write { path } => Some(path).filter(|path| is_kilns(turn, path)),
        _ => None,
    });
    if let Some(path) = own {
        return Verdict::Deny { reason: format!("`{path}` is one of Kiln's own files") };
    }
    let writes = touches.iter().any(|touch| matches!(touch, Touch::Write { .. }));
    match policy::verdict(touches, &circumstances) {
        Verdict::Allow { .. } if writes && rights.review == Review::Before => {
            Verdict::Ask { reason: "you review changes before they are written".to_owned(), offers: Vec::new() }
        }
        verdict => verdict,
    }
}

/// Whether a file is Kiln's own: its settings, permissions and sessions, in a project that reaches that far.
fn is_kilns(turn: &Turn, path: &ProjectPath) -> bool {
    let file = turn.input.root.path().join(path.as_str());
    turn.input.commands.as_ref().is_some_and(|commands| commands.hides(&file))
}

/// What a call that writes files would make of them; the inner error is its refusal.
async fn changes(
    turn: &Turn,
    call: &Call,
    arguments: &Value,
    touches: &[Touch],
) -> Result<Result<Vec<Content>, String>, Stop> {
    let writes = touches.iter().any(|touch| matches!(touch, Touch::Write { .. }));
    let Some(tool) = turn.toolbox.find(&call.name).filter(|_| writes) else { return Ok(Ok(Vec::new())) };
    let (root, seen, plan) = (Arc::clone(&turn.input.root), Arc::clone(&turn.input.seen), turn.plan.clone());
    let arguments = arguments.clone();
    let work = move || tool.preview(&arguments, &ToolContext { root: &root, plan: &plan, seen: &seen });
    blocking(work).await.map_err(internal)
}

/// Waits for the person's word; the inner error is what the model hears of a refusal.
async fn approved(turn: &mut Turn, mut request: ApprovalRequest) -> Result<Result<(), String>, Stop> {
    // Numbers of calls are the model's, and those of a sub-agent's calls are all the same: an answer that was
    // given twice must not count for the next call.
    turn.asked += 1;
    if !turn.asked_for.insert(request.call.clone()) {
        request.call = CallId::new(format!("{}#{}", request.call.as_str(), turn.asked));
        turn.asked_for.insert(request.call.clone());
    }
    let (answer, decided) = oneshot::channel();
    turn.out.phase(Phase::AwaitingPerson);
    turn.out.ask(Asking::Approval { request, answer }).await;
    Ok(match wait(turn, decided).await? {
        Some(Decision::Allow | Decision::AllowFurther { .. }) => Ok(()),
        Some(Decision::Deny { comment: Some(comment) }) => {
            Err(format!("the person did not allow this and says: {comment}"))
        }
        Some(Decision::Deny { comment: None }) | None => {
            Err("the person did not allow this; find another way, or ask what they want".to_owned())
        }
    })
}

/// Waits for the person, or for the end of the turn.
async fn wait<T>(turn: &mut Turn, answer: oneshot::Receiver<T>) -> Result<Option<T>, Stop> {
    let began = Instant::now();
    let answered = tokio::select! {
        () = turn.cancel.cancelled() => Err(Stop::Cancelled),
        answer = answer => Ok(answer.ok()),
    };
    turn.spent.waited += began.elapsed();
    answered
}

/// Asks the person a question of Kiln's own. `None` when nobody answers.
pub async fn ask_person(
    turn: &mut Turn,
    id: String,
    text: String,
    choices: Vec<String>,
) -> Result<Option<String>, Stop> {
    let question = Question { turn: turn.input.turn, call: CallId::new(id), text, choices };
    let (answer, answered) = oneshot::channel();
    turn.out.phase(Phase::AwaitingPerson);
    turn.out.ask(Asking::Question { question, answer }).await;
    wait(turn, answered).await
}

/// What the call wants to do, in one line.
fn title(tool: &str, touches: &[Touch]) -> String {
    let first = touches.iter().find(|touch| !matches!(touch, Touch::Read { .. })).or_else(|| touches.first());
    let more = touches.len().saturating_sub(1);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    match first {
        Some(Touch::Command { line, .. }) => {
            let hosts: Vec<&str> = touches
                .iter()
                .filter_map(|touch| match touch {
                    Touch::Host { host } => Some(host.as_str()),
                    _ => None,
                })
                .collect();
            let reaching =
                if hosts.is_empty() { String::new() } else { format!(" with a connection to {}", hosts.join(", ")) };
            format!("run `{}`{reaching}", line.lines().next().unwrap_or_default())
        }
        Some(Touch::Write { path }) => format!("write {path}{rest}"),
        Some(Touch::Read { path }) => format!("read {path}{rest}"),
        Some(Touch::Host { host }) => format!("connect to {host}"),
        Some(Touch::Foreign { tool }) => format!("use `{tool}`"),
        None => format!("use `{tool}`"),
    }
}

/// What would happen, for the person to look at.
fn preview(arguments: &Value, touches: &[Touch]) -> Vec<Content> {
    let commands: Vec<Content> = touches
        .iter()
        .filter_map(|touch| match touch {
            Touch::Command { line, directory } => {
                let folder = directory.as_ref().map(|folder| format!("# in {folder}\n")).unwrap_or_default();
                Some(Content::Code { language: "sh".to_owned(), text: format!("{folder}{line}") })
            }
            _ => None,
        })
        .collect();
    if !commands.is_empty() {
        return commands;
    }
    let text = serde_json::to_string_pretty(arguments).unwrap_or_default();
    let shown = head(&text, PREVIEW);
    let rest = match text.len() - shown.len() {
        0 => String::new(),
        more => format!("\n… and {more} bytes that are not shown"),
    };
    vec![Content::Code { language: "json".to_owned(), text: format!("{shown}{rest}") }]
}

fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

fn end(text: &str, limit: usize) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(limit))..).unwrap_or_default()
}

/// Runs a live tool, passing its wishes on. A cancelled turn drops it.
async fn run_live(turn: &mut Turn, call: &Call, tool: Arc<dyn LiveTool>, arguments: Value) -> Result<ToolAnswer, Stop> {
    let (wishes, mut wished) = mpsc::channel(WISHES);
    let Rights { grants, .. } = turn.person.rights.borrow().clone();
    let context = LiveContext { root: Arc::clone(&turn.input.root), wishes, mode: turn.mode(), grants };
    let mut work = tool.run(arguments, context);
    let id = CallId::new(call.id.clone());
    let mut printed = String::new();
    loop {
        let wish = tokio::select! {
            biased;
            () = turn.cancel.cancelled() => {
                drop(work);
                stopped(turn, id, printed).await;
                return Err(Stop::Cancelled);
            }
            Some(wish) = wished.recv() => wish,
            answer = &mut work => return Ok(answer),
        };
        match wish {
            Wish::Output(text) => {
                printed.push_str(&text);
                if printed.len() > 2 * ANSWER_LIMIT {
                    printed = end(&printed, ANSWER_LIMIT).to_owned();
                }
                turn.out.glimpse(Glimpse::Output { call: id.clone(), text });
                turn.out.flush().await;
            }
            Wish::Task { prompt, tools, answer } => {
                let report = Box::pin(subagent::run(turn, &id, prompt, tools)).await?;
                answer.send(report).ok();
            }
            Wish::Question { text, choices, answer } => {
                let question = Question { turn: turn.input.turn, call: id.clone(), text, choices };
                turn.out.phase(Phase::AwaitingPerson);
                turn.out.ask(Asking::Question { question, answer }).await;
            }
        }
    }
}

/// A call that the person stopped keeps what it had printed.
async fn stopped(turn: &mut Turn, call: CallId, printed: String) {
    let mut content = vec![Content::Text { text: "stopped before it ended".to_owned() }];
    if !printed.trim().is_empty() {
        content.push(Content::Terminal { text: end(&printed, ANSWER_LIMIT).to_owned() });
    }
    let turn_id = turn.input.turn;
    turn.out.fact(FactBody::ToolAnswered { turn: turn_id, call, failed: true, content, display: Display::Line }).await;
}

/// A plan that has to be approved waits here; what the person made of it takes the proposal's place.
async fn settle_plan(turn: &mut Turn, mut answer: ToolAnswer) -> Result<ToolAnswer, Stop> {
    let proposed = answer.effects.iter().find_map(|effect| match effect {
        Effect::PlanSet(steps) => Some(steps.clone()),
        _ => None,
    });
    let Some(steps) = proposed else { return Ok(answer) };
    if !turn.awaits_plan() {
        return Ok(answer);
    }
    answer.effects.retain(|effect| !matches!(effect, Effect::PlanSet(_)));
    match propose(turn, steps.clone()).await? {
        Some(PlanDecision::Approve { steps: titles }) => {
            let approved = numbered(titles);
            let same = approved.iter().map(|step| &step.title).eq(steps.iter().map(|step| &step.title));
            let said = if same { "the person approved the plan" } else { "the person changed and approved the plan" };
            let list: Vec<String> = approved.iter().map(|step| format!("{}. {}", step.id, step.title)).collect();
            answer.content = vec![Content::Text { text: format!("{said}:\n{}\nGo on with step 1.", list.join("\n")) }];
            answer.effects.push(Effect::PlanSet(approved));
            Ok(answer)
        }
        Some(PlanDecision::Reject { comment }) => Ok(ToolAnswer::refusal(format!(
            "the person sent the plan back: {comment}\nMake a better plan with `set_plan`."
        ))),
        None => Ok(ToolAnswer::refusal("nobody answered; the plan is not approved")),
    }
}

/// Waits for the person's word on a plan.
async fn propose(turn: &mut Turn, steps: Vec<PlannedStep>) -> Result<Option<PlanDecision>, Stop> {
    let (line, decided) = oneshot::channel();
    turn.out.phase(Phase::AwaitingPerson);
    turn.out.ask(Asking::Plan { steps, answer: line }).await;
    let decision = wait(turn, decided).await?;
    turn.plan_approved = matches!(decision, Some(PlanDecision::Approve { .. }));
    Ok(decision)
}

/// The plan of a model that gives it in its text: as it stands, or what the person made of it. The inner error
/// is in words for the model.
pub async fn permit_plan(turn: &mut Turn, steps: Vec<PlannedStep>) -> Result<Result<Vec<PlannedStep>, String>, Stop> {
    if !turn.awaits_plan() {
        return Ok(Ok(steps));
    }
    Ok(match propose(turn, steps).await? {
        Some(PlanDecision::Approve { steps }) => Ok(numbered(steps)),
        Some(PlanDecision::Reject { comment }) => Err(format!("the person sent the plan back: {comment}")),
        None => Err("nobody answered; the plan is not approved".to_owned()),
    })
}

/// A step that changed files is over when the project's checks say so; else the model hears what they
/// found, and the step goes on.
async fn settle_step(turn: &mut Turn, mut answer: ToolAnswer) -> Result<ToolAnswer, Stop> {
    let ended = answer.effects.iter().find_map(|effect| match effect {
        Effect::StepChanged(step, StepState::Done) => Some(*step),
        _ => None,
    });
    let Some(step) = ended else { return Ok(answer) };
    match checking::verify(turn, Some(step)).await? {
        Verified::GoOn => Ok(answer),
        Verified::GaveUp => {
            for effect in &mut answer.effects {
                if let Effect::StepChanged(_, state) = effect {
                    *state = StepState::Failed;
                }
            }
            let text = format!("Step {step} has failed: its checks still find something. Stop mending it.");
            answer.content = vec![Content::Text { text }];
            Ok(answer)
        }
        Verified::Findings(run) => {
            let text = request::findings(&run).unwrap_or_default();
            Ok(ToolAnswer::refusal(format!(
                "Step {step} is not done yet. {text}\nMend this, then call `finish_step` again."
            ))
            .quiet())
        }
    }
}

fn numbered(titles: Vec<String>) -> Vec<PlannedStep> {
    let titles = titles.into_iter().map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    titles.zip(1..).map(|(title, number)| PlannedStep { id: StepId(number), title }).collect()
}

/// Keeps an answer within what a model can use: the beginning and the end of a long one.
fn trimmed(mut answer: ToolAnswer) -> ToolAnswer {
    for content in &mut answer.content {
        if let Content::Text { text } | Content::Terminal { text } | Content::Code { text, .. } = content
            && text.len() > ANSWER_LIMIT
        {
            *text = shortened(text, ANSWER_LIMIT);
        }
    }
    answer
}

/// The beginning and the end of a text that is longer than so many bytes.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let begin = text.get(..text.floor_char_boundary(limit / 2)).unwrap_or_default();
    let end = text.get(text.ceil_char_boundary(text.len().saturating_sub(limit / 2))..).unwrap_or_default();
    let left_out = text.len().saturating_sub(begin.len() + end.len());
    format!("{begin}\n\n[… {left_out} bytes left out …]\n\n{end}")
}

impl Turn {
    /// What may be done unasked now: nothing that changes anything while a plan waits to be approved.
    pub fn mode(&self) -> Mode {
        if self.awaits_plan() { Mode::ReadOnly } else { self.person.rights.borrow().mode }
    }

    /// Whether nothing may be changed yet, since the person wants to see a plan first.
    pub fn awaits_plan(&self) -> bool {
        self.person.rights.borrow().planning == Planning::Always && !self.plan_approved
    }
}

/// The words that the model reads of an answer.
pub fn words(answer: &ToolAnswer) -> String {
    tools::words(&answer.content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_keeps_its_beginning_and_its_end() {
        let text = format!("begin {} end", "é".repeat(ANSWER_LIMIT));
        let answer = trimmed(ToolAnswer::text(text));
        let words = words(&answer);
        assert!(words.len() < ANSWER_LIMIT + 100);
        assert!(words.starts_with("begin ") && words.ends_with(" end") && words.contains("left out"));
    }

    #[test]
    fn the_title_tells_what_matters_most() {
        let read = Touch::Read { path: crate::domain::ProjectPath::parse("a").unwrap() };
        let run = Touch::Command { line: "make\nevil".to_owned(), directory: None };
        assert_eq!(title("shell", &[read, run]), "run `make`");
    }
}
