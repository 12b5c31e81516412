//! Room in the model's window: when the conversation is compacted, and what helps when a provider says
//! that it is too long.

use super::compact::{self, compact};
use super::request;
use super::turn::{Room, Stop, Turn};
use crate::domain::memory::estimate;
use crate::domain::{FactBody, FaultClass, TurnProtocol, Usage};
use crate::providers::Message;

/// The turns before this one, compacted first where the window is nearly full with them.
pub async fn history(turn: &mut Turn, protocol: TurnProtocol, newest: &Message) -> Result<Vec<Message>, Stop> {
    let messages = request::history(&turn.input.before, protocol);
    turn.history = messages.len();
    let guess = estimate(turn.system.len()) + compact::size(&messages) + compact::size(std::slice::from_ref(newest));
    // What the provider counted includes tools and framing; what was said since is not in it.
    let tokens = guess.max(turn.input.before.context_tokens);
    if !is_tight(turn, tokens) {
        return Ok(messages);
    }
    // A summary that cannot be made is no reason not to try the turn.
    if summarize(turn).await? { Ok(rebuilt(turn, protocol)) } else { Ok(messages) }
}

/// Makes room when a request came back as too long; whether it is worth another one.
pub async fn helps(turn: &mut Turn, stop: &Stop, messages: &mut Vec<Message>) -> Result<bool, Stop> {
    match stop {
        Stop::Failed(fault) if fault.class == FaultClass::TooLong => make(turn, messages).await,
        Stop::Failed(_) | Stop::Cancelled => Ok(false),
    }
}

/// Makes room within a turn before the window is full.
pub async fn keep(turn: &mut Turn, usage: Option<Usage>, messages: &mut Vec<Message>) -> Result<(), Stop> {
    if let Some(usage) = usage
        && is_tight(turn, usage.total())
    {
        make(turn, messages).await?;
    }
    Ok(())
}

async fn make(turn: &mut Turn, messages: &mut Vec<Message>) -> Result<bool, Stop> {
    let mut made = false;
    // One summary a turn is enough; what a turn itself gathers can be shortened again and again.
    if std::mem::replace(&mut turn.room, Room::Made) == Room::AsItWas && summarize(turn).await? {
        let own = messages.split_off(turn.history.min(messages.len()));
        *messages = rebuilt(turn, TurnProtocol::Tools);
        messages.extend(own);
        made = true;
    }
    if compact::shorten(messages, turn.history) {
        made = true;
        let text = "older answers of tools in this turn were shortened, to make room in the model's window".to_owned();
        turn.out.fact(FactBody::Noticed { text }).await;
    }
    Ok(made)
}

/// The turns before this one, as they are told now.
fn rebuilt(turn: &mut Turn, protocol: TurnProtocol) -> Vec<Message> {
    let messages = request::history(&turn.input.before, protocol);
    turn.history = messages.len();
    messages
}

fn is_tight(turn: &Turn, tokens: u64) -> bool {
    let (share, window) = (turn.input.memory.compact_at, turn.input.model.window);
    window.is_some_and(|window| share > 0 && tokens.saturating_mul(100) >= window.saturating_mul(share))
}

/// Puts the turns before this one into a summary; whether that was done.
async fn summarize(turn: &mut Turn) -> Result<bool, Stop> {
    if compact::candidate(&turn.input.before, turn.input.model.window).is_none() {
        return Ok(false);
    }
    let text = "the model's window is nearly full: putting the oldest part into a summary".to_owned();
    turn.out.fact(FactBody::Noticed { text }).await;
    let (state, model, provider) = (&turn.input.before, &turn.input.model, &turn.input.provider);
    let made = compact(state, turn.input.turn, model, provider, &turn.cancel).await;
    if turn.cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    match made {
        Ok(made) => {
            turn.input.before.compactions.push(made.compaction);
            turn.out.facts(made.facts, Vec::new()).await;
            Ok(true)
        }
        Err(fault) => {
            turn.out.fact(FactBody::Noticed { text: fault.sentence }).await;
            Ok(false)
        }
    }
}
