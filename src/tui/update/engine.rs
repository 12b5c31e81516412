//! Events of the engine: folded into the view, and handed to the panes that keep more.

use crate::domain::{Event, Fact, FactBody, Glimpse, Op, SessionId, TurnOutcome};
use crate::tui::cmd::Cmd;
use crate::tui::model::{FrontBy, Leaving, Model, Opening};
use crate::tui::msg::Ask;
use crate::tui::panes::status::Pulling;
use crate::tui::view::layout::Focus;

/// Takes an event in.
pub fn event(model: &mut Model, event: &Event) -> Vec<Cmd> {
    match event {
        Event::Fact(fact) => {
            let ours = model.session == Some(fact.session);
            let begins = model.opening == Opening::Starting && matches!(fact.body, FactBody::SessionStarted { .. });
            if begins {
                adopt(model, fact.session);
            } else if !ours {
                return Vec::new();
            }
            fold(model, fact)
        }
        Event::Glimpse { session, glimpse } if model.session == Some(*session) => {
            see(model, glimpse);
            Vec::new()
        }
        Event::Snapshot { session, view } => {
            if model.opening == Opening::Stored(*session) {
                adopt(model, *session);
            }
            if model.session == Some(*session) && view.state.seq >= model.view.state.seq {
                model.show_view((**view).clone());
                let ring = model.sync_dialog();
                return ring.into_iter().chain(model.ask_for_file()).collect();
            }
            Vec::new()
        }
        Event::Glimpse { .. } | Event::Reply { .. } | Event::Found { .. } => Vec::new(),
        Event::Pull { name, stage, received, total } => {
            let (name, stage) = (name.clone(), stage.clone());
            model.pulling = Some(Pulling { name, stage, received: *received, total: *total });
            Vec::new()
        }
        Event::Saving { saving } => {
            model.saving = saving.clone();
            Vec::new()
        }
        Event::Lagged => resync(model),
    }
}

/// The session that the engine made or loaded becomes the one on the screen.
pub fn adopt(model: &mut Model, session: SessionId) {
    model.opening = Opening::None;
    if model.session != Some(session) {
        model.session = Some(session);
        model.show_view(crate::domain::SessionView::empty());
    }
}

/// Asks for the whole view anew.
pub fn resync(model: &Model) -> Vec<Cmd> {
    let ask = |session| Cmd::Ask { op: Op::Snapshot { session }, ask: Ask::Snapshot };
    model.session.map(ask).into_iter().collect()
}

fn fold(model: &mut Model, fact: &Fact) -> Vec<Cmd> {
    let known = fact.seq <= model.view.state.seq;
    if !model.view.apply(fact) {
        return resync(model);
    }
    if known {
        return Vec::new();
    }
    let ring = model.sync_dialog();
    let commands = fold_further(model, fact);
    ring.into_iter().chain(commands).collect()
}

/// What a fact is to the panes.
fn fold_further(model: &mut Model, fact: &Fact) -> Vec<Cmd> {
    model.chat.fact(&fact.body, &model.view.state);
    match &fact.body {
        FactBody::TurnStarted { .. } => {
            model.phase_since = Some(fact.at);
            model.code.turn_started();
            model.front_by = FrontBy::Course;
            model.steps.to_start();
            model.close_review();
        }
        FactBody::MessageQueued { .. }
        | FactBody::QueuedTaken { .. }
        | FactBody::QueuedEdited { .. }
        | FactBody::QueuedMoved { .. }
        | FactBody::QueueHeld { .. }
        | FactBody::Steered { .. } => super::overlays::refresh_queue(model),
        FactBody::FileChanged { change } => model.code.changed(change),
        FactBody::Undone { .. } | FactBody::Redone { .. } | FactBody::Rewound { .. } => {
            model.code.settle(&model.view);
            model.close_review();
        }
        FactBody::TurnEnded { outcome, .. } => return turn_ended(model, outcome),
        _ => {}
    }
    if model.code.is_empty() && model.focus == Focus::Code {
        model.focus = Focus::Composer;
    }
    model.ask_for_file()
}

fn turn_ended(model: &mut Model, outcome: &TurnOutcome) -> Vec<Cmd> {
    model.phase_since = None;
    model.code.settle(&model.view);
    model.follow_course(false);
    if model.leaving == Leaving::Stopping {
        return vec![Cmd::Quit];
    }
    if *outcome == TurnOutcome::Cancelled && model.leaving == Leaving::No {
        model.note = None;
    }
    model.ask_for_file()
}

/// A passing sight: the panes keep what is growing.
fn see(model: &mut Model, glimpse: &Glimpse) {
    match glimpse {
        Glimpse::Phase { phase } => {
            let same = model.view.live.phase.as_ref().is_some_and(|before| {
                std::mem::discriminant(before) == std::mem::discriminant(phase)
                    && !matches!(phase, crate::domain::Phase::Retrying { .. })
            });
            if !same {
                model.phase_since = Some(model.now);
            }
        }
        Glimpse::FileOpened { path } => {
            model.code.opened(path);
            model.follow_course(true);
        }
        Glimpse::FileText { path, text } => model.code.grown(path, text),
        Glimpse::FileDropped { path } => model.code.dropped(path),
        Glimpse::Text { .. } | Glimpse::Reasoning { .. } | Glimpse::Output { .. } => {}
    }
    model.chat.glimpse(glimpse, &model.view.state);
    model.view.live.apply(glimpse);
}
