//! A turn: from the person's words to plan, files and an answer.
//!
//! Talks to a provider, runs tools, and reports; it never numbers or stores a fact (the engine
//! does), never prints, and keeps nothing between turns.

mod answer;
mod checking;
mod checkpoints;
mod compact;
mod conversation;
mod fenced;
mod fenced_text;
mod guidance;
mod guided;
mod hooking;
mod instructions;
mod live_arguments;
mod loops;
mod memory;
mod mentions;
mod person;
mod quiet;
mod report;
mod request;
mod retry;
mod room;
mod runner;
mod subagent;
mod turn;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use checking::CheckLimits;
pub use compact::{Compacted, candidate, compact};
pub use memory::{Memory, context};
pub use person::{Asking, Person, PersonLine, Rights, Word, line};
pub use report::{Report, Reporter};
pub use turn::{Limits, TurnInput};

use crate::domain::{SessionId, TurnOutcome, TurnProtocol};
use checkpoints::Checkpoints;
use turn::{Stop, Turn};

/// Runs a turn to its end and reports it.
pub async fn run(
    session: SessionId,
    input: TurnInput,
    person: Person,
    reports: mpsc::Sender<Report>,
    cancel: CancellationToken,
) {
    let (number, protocol) = (input.turn, input.model.protocol);
    let checkpoints = Checkpoints::begin(session, &input);
    let mut turn = Turn::new(input, person, Reporter::new(session, reports), cancel, checkpoints);
    let work = async {
        match (hooking::turn_starts(&mut turn).await, protocol) {
            (Err(stop), _) => Err(stop),
            (Ok(()), TurnProtocol::Guided) => guided::run(&mut turn).await,
            (Ok(()), TurnProtocol::Tools | TurnProtocol::Fenced) => conversation::run(&mut turn, protocol).await,
        }
    };
    // A defect of ours ends the turn, and is told: nobody waits for a turn that is gone.
    let result = AssertUnwindSafe(work).catch_unwind().await;
    let result = result.unwrap_or_else(|_| Err(turn::internal("the turn broke off")));
    let outcome = match result {
        Ok(()) => TurnOutcome::Completed,
        Err(Stop::Cancelled) => TurnOutcome::Cancelled,
        Err(Stop::Failed(fault)) => TurnOutcome::Failed { fault },
    };
    hooking::turn_ends(&mut turn, outcome == TurnOutcome::Completed).await;
    let kept = turn.checkpoints.after_turn().await;
    turn.out.facts(kept, Vec::new()).await;
    turn.out.ended(number, outcome).await;
}
