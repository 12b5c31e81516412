//! Makes room in the model's window: the oldest part of a conversation becomes a summary that the model
//! itself writes.
//!
//! Nothing is deleted: a compaction is a fact beside the others, says what it stands for, and can be taken
//! back. Pinned items and the newest turns stay word for word.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::quiet::{NoAnswer, ask_quietly};
use super::request;
use crate::domain::memory::estimate;
use crate::domain::{
    Compaction, Cost, Dropped, FactBody, Fault, FaultClass, Item, ItemKind, ModelInfo, Seq, SessionState, TurnId, Usage,
};
use crate::providers::{ChatRequest, Message, Part, Provider, Role, Shape};
use crate::tools;

const COMPACT_PROMPT: &str = include_str!("../../assets/prompts/compact.md");
/// Turns that stay word for word.
const KEPT_TURNS: usize = 2;
/// The part of the window that turns may take that stay word for word, as a divisor.
const KEPT_SHARE: u64 = 4;
/// Bytes of the transcript that the summary is made from, where the window is not known.
const TRANSCRIPT: usize = 240_000;
/// Tokens of the summary at most.
const SUMMARY_TOKENS: u32 = 2_500;
/// Bytes of one answer of a tool in the transcript.
const TOLD_OF_AN_ANSWER: usize = 1_200;
/// Bytes of a call's arguments in the transcript.
const TOLD_OF_ARGUMENTS: usize = 600;
/// Bytes of an old answer of a tool that stay when room is made within a turn.
const LEFT_OF_AN_ANSWER: usize = 400;
/// Messages at the end of a turn that are never shortened.
const NEWEST_MESSAGES: usize = 4;

/// What would be put into a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub up_to: Seq,
    items: Vec<Item>,
    before: Option<String>,
}

/// The oldest part of a conversation: all but the newest turns, or, where there are no more than those, all
/// but fewer of them. Newest turns that would fill a good part of the window do not stay either. `None` where
/// nothing is left to put together.
pub fn candidate(state: &SessionState, window: Option<u64>) -> Option<Candidate> {
    let last = state.compactions.last();
    let from = last.map(|compaction| compaction.up_to);
    let items: Vec<&Item> = state.items.iter().filter(|item| Some(item.seq) > from).collect();
    let turns: Vec<usize> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| matches!(item.kind, ItemKind::User { .. }))
        .map(|(index, _)| index)
        .collect();
    let fits = |kept: usize| {
        let first = turns.get(turns.len() - kept).copied().unwrap_or(items.len());
        let bytes: usize = weighed(items.iter().skip(first).copied()).1;
        window.is_none_or(|window| estimate(bytes) * KEPT_SHARE <= window)
    };
    let most = KEPT_TURNS.min(turns.len().saturating_sub(1));
    let kept = (0..=most).rev().find(|kept| fits(*kept)).unwrap_or(0);
    let end = if kept == 0 { items.len() } else { *turns.get(turns.len() - kept)? };
    let chosen: Vec<Item> = items.get(..end)?.iter().map(|item| (*item).clone()).collect();
    let speaks = chosen.iter().any(|item| matches!(item.kind, ItemKind::Answer { .. } | ItemKind::Call { .. }));
    let up_to = chosen.last().filter(|_| speaks)?.seq;
    Some(Candidate { up_to, items: chosen, before: last.map(|compaction| compaction.summary.clone()) })
}

/// What a summary was made with.
#[derive(Debug)]
pub struct Compacted {
    /// To be published, in this order.
    pub facts: Vec<FactBody>,
    /// As the session's state will have it, but for its number.
    pub compaction: Compaction,
}

/// Has the model write the summary.
pub async fn compact(
    state: &SessionState,
    turn: TurnId,
    model: &ModelInfo,
    provider: &Arc<dyn Provider>,
    cancel: &CancellationToken,
) -> Result<Compacted, Fault> {
    let Some(candidate) = candidate(state, model.window) else {
        return Err(Fault::new(FaultClass::Invalid, "there is nothing to compact yet")
            .hint("compact after a turn has come to an answer, or start afresh with /new"));
    };
    let request = ChatRequest {
        model: model.reference.model.clone(),
        system: COMPACT_PROMPT.to_owned(),
        messages: vec![Message::text(Role::User, transcript(&candidate, model.window))],
        tools: Vec::new(),
        max_output: Some(SUMMARY_TOKENS),
        temperature: None,
        shape: Shape::Free,
        effort: None,
        cache_key: None,
    };
    let (summary, answer) = match ask_quietly(provider.as_ref(), &request, cancel).await {
        Ok(answer) => answer,
        Err(NoAnswer::Cancelled) => return Err(Fault::new(FaultClass::Invalid, "the compaction was cancelled")),
        Err(NoAnswer::Failed(error)) => {
            let mut fault = error.to_fault(provider.title());
            fault.sentence = format!("the conversation was not compacted: {}", fault.sentence);
            return Err(fault);
        }
    };
    if summary.trim().is_empty() {
        return Err(Fault::new(FaultClass::Broken, "the model wrote no summary, so nothing was compacted")
            .hint("try `/compact` again, or choose another model")
            .retryable());
    }
    Ok(compacted(state, turn, model, &candidate, summary.trim().to_owned(), answer.usage))
}

fn compacted(
    state: &SessionState,
    turn: TurnId,
    model: &ModelInfo,
    candidate: &Candidate,
    summary: String,
    usage: Option<Usage>,
) -> Compacted {
    let dropped = ledger(&candidate.items);
    let compaction = Compaction {
        seq: state.seq,
        up_to: candidate.up_to,
        summary: summary.clone(),
        dropped: dropped.clone(),
        tokens: 0,
    };
    let mut after = state.clone();
    after.compactions.push(compaction.clone());
    let tokens = size(&request::history(&after, model.protocol));
    let usage = usage.map(|usage| FactBody::UsageRecorded {
        turn,
        model: model.reference.clone(),
        usage,
        cost: model.prices.as_ref().map_or(Cost::Unknown, |prices| prices.cost(&usage)),
    });
    let fact = FactBody::Compacted { turn, up_to: candidate.up_to, summary, dropped, tokens };
    Compacted { facts: usage.into_iter().chain([fact]).collect(), compaction: Compaction { tokens, ..compaction } }
}

/// About how many tokens messages take.
pub fn size(messages: &[Message]) -> u64 {
    let bytes = messages.iter().flat_map(|message| &message.parts).map(|part| match part {
        Part::Text { text } | Part::ToolResult { text, .. } => text.len(),
        Part::ToolCall { name, arguments, .. } => name.len() + arguments.to_string().len(),
        Part::Reasoning { text, opaque } => {
            text.len() + opaque.as_ref().map_or(0, |sealed| sealed.blob.to_string().len())
        }
        // What pictures cost differs by model; this is the order of it.
        Part::Image { .. } => 4_000,
    });
    estimate(bytes.sum())
}

/// What is put together, a line a turn.
fn ledger(items: &[Item]) -> Vec<Dropped> {
    let mut all: Vec<Dropped> = Vec::new();
    let mut start = 0;
    while start < items.len() {
        let rest = items.get(start..).unwrap_or_default();
        let next = rest.iter().skip(1).position(|item| matches!(item.kind, ItemKind::User { .. }));
        let end = next.map_or(items.len(), |at| start + 1 + at);
        let part = items.get(start..end).unwrap_or_default();
        let turn = part.iter().find_map(|item| match &item.kind {
            ItemKind::User { turn, .. } | ItemKind::Answer { turn, .. } | ItemKind::Call { turn, .. } => Some(*turn),
            _ => None,
        });
        let (what, bytes) = weighed(part.iter());
        if bytes > 0 {
            all.push(Dropped { turn: turn.unwrap_or_default(), what, tokens: estimate(bytes) });
        }
        start = end;
    }
    all
}

fn weighed<'i>(items: impl Iterator<Item = &'i Item>) -> (String, usize) {
    let (mut said, mut answered, mut attached, mut bytes) = (0, 0, 0, 0);
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        bytes += match &item.kind {
            ItemKind::User { text, .. } | ItemKind::Steered { text, .. } => {
                said += 1;
                text.len()
            }
            ItemKind::Answer { text, .. } | ItemKind::Reasoning { text, .. } => {
                answered += usize::from(matches!(item.kind, ItemKind::Answer { .. }));
                text.len()
            }
            ItemKind::Attached { text, .. } => {
                attached += 1;
                text.len()
            }
            ItemKind::Call { name, arguments, answer, .. } => {
                *calls.entry(name.as_str()).or_default() += 1;
                arguments.to_string().len() + answer.as_ref().map_or(0, |answer| tools::words(&answer.content).len())
            }
            _ => 0,
        };
    }
    let mut parts = Vec::new();
    for (count, one, many) in
        [(said, "message", "messages"), (answered, "answer", "answers"), (attached, "attachment", "attachments")]
    {
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    parts.extend(calls.iter().map(|(name, count)| format!("{name} ×{count}")));
    (parts.join(", "), bytes)
}

/// The items as a text, the newest ones whole where not all fits.
fn transcript(candidate: &Candidate, window: Option<u64>) -> String {
    let room = window.and_then(|tokens| usize::try_from(tokens).ok()).map_or(TRANSCRIPT, |tokens| tokens * 2);
    let room = room.min(TRANSCRIPT);
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    let mut left_out = 0;
    for item in candidate.items.iter().rev() {
        let Some(line) = told(item) else { continue };
        if used + line.len() > room {
            left_out += 1;
            continue;
        }
        used += line.len();
        lines.push(line);
    }
    lines.reverse();
    let mut text = String::new();
    if let Some(before) = &candidate.before {
        text.push_str(&format!("<summary of what came before>\n{before}\n</summary>\n\n"));
    }
    if left_out > 0 {
        text.push_str(&format!("[{left_out} entries did not fit and are left out]\n\n"));
    }
    text.push_str(&lines.join("\n\n"));
    text.push_str("\n\nWrite the summary now.");
    text
}

fn told(item: &Item) -> Option<String> {
    Some(match &item.kind {
        ItemKind::User { text, .. } | ItemKind::Steered { text, .. } => format!("PERSON: {text}"),
        ItemKind::Attached { name, text, .. } => format!("ATTACHED {name}: {}", clipped(text, TOLD_OF_AN_ANSWER)),
        ItemKind::Answer { text, .. } => format!("ASSISTANT: {text}"),
        ItemKind::Call { name, arguments, answer, .. } => {
            let said = answer.as_ref().map(|answer| {
                let mark = if answer.failed { "failed: " } else { "" };
                format!("{mark}{}", clipped(&tools::words(&answer.content), TOLD_OF_AN_ANSWER))
            });
            let said = said.unwrap_or_else(|| "no answer".to_owned());
            format!("CALL {name} {} → {said}", clipped(&arguments.to_string(), TOLD_OF_ARGUMENTS))
        }
        ItemKind::Change { change } => format!("CHANGED {} +{} -{}", change.path, change.added, change.removed),
        ItemKind::Check { run } => format!("CHECK {}: {:?} {}", run.command, run.result, clipped(&run.findings, 600)),
        ItemKind::Undone { paths, .. } => format!("PERSON took the last changes back ({} files)", paths.len()),
        ItemKind::Asked { question, answer, .. } => format!("ASKED {question} → PERSON: {answer}"),
        _ => return None,
    })
}

/// The beginning and the end of a long text.
fn clipped(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let begin = text.get(..text.floor_char_boundary(limit / 2)).unwrap_or_default();
    let end = text.get(text.ceil_char_boundary(text.len() - limit / 2)..).unwrap_or_default();
    format!("{begin} [… {} bytes …] {end}", text.len() - begin.len() - end.len())
}

/// Shortens the older answers of tools in place, from `first` on; whether that made room.
pub fn shorten(messages: &mut [Message], first: usize) -> bool {
    let before = size(messages);
    let end = messages.len().saturating_sub(NEWEST_MESSAGES);
    for message in messages.iter_mut().take(end).skip(first) {
        for part in &mut message.parts {
            if let Part::ToolResult { text, .. } = part
                && text.len() > LEFT_OF_AN_ANSWER * 2
            {
                *text = clipped(text, LEFT_OF_AN_ANSWER);
            }
            if let Part::Image { .. } = part {
                *part = Part::Text { text: "(a picture, left out to make room)".to_owned() };
            }
        }
    }
    size(messages) + 100 < before
}
