//! A headless turn told in lines: the answer to standard output, everything else to standard error.

use super::console::Console;
use super::exit::{Exit, Failure};
use super::words::check_words;
use crate::domain::{
    Cost, Fact, FactBody, Fault, FaultClass, Glimpse, ItemKind, Phase, Saving, Seq, SessionId, SessionState,
    SessionView, StepState, TurnId, TurnOutcome,
};

/// What standard output carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The answer's text.
    Text,
    /// The session's facts, one JSON object a line.
    Json,
}

/// Folds a session's events and tells them.
#[derive(Debug)]
pub(super) struct Teller {
    format: Format,
    state: SessionState,
    /// The turn that is told; `None` before it begins.
    turn: Option<TurnId>,
    /// The newest fact on standard output.
    printed: Seq,
    /// Answer text on standard output that no fact has confirmed yet.
    shown: String,
    /// What was told last of the turn's phase, so that it is told once.
    phase: String,
    saving_told: bool,
}

impl Teller {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            state: SessionState::empty(),
            turn: None,
            printed: Seq(0),
            shown: String::new(),
            phase: String::new(),
            saving_told: false,
        }
    }

    pub(super) fn fact(&mut self, fact: &Fact, console: &mut Console) -> Result<(), Failure> {
        if fact.seq <= self.state.seq {
            return Ok(());
        }
        if self.state.session.is_none() && fact.seq.0 > 1 {
            // A stored session goes on; the facts before are not asked for.
            self.state.seq = Seq(fact.seq.0 - 1);
        }
        if !self.state.apply(fact) && self.format == Format::Json {
            return Err(lost());
        }
        if self.format == Format::Json {
            self.printed = fact.seq;
            console.json(fact)?;
        }
        self.tell(&fact.body, console)
    }

    fn tell(&mut self, body: &FactBody, console: &mut Console) -> Result<(), Failure> {
        match body {
            FactBody::TurnStarted { turn, model, .. } => {
                self.turn = Some(*turn);
                console.note(&format!("asking {model}"));
            }
            FactBody::PlanSet { steps, .. } => {
                console.note("plan:");
                for step in steps {
                    console.note(&format!("  {}. {}", step.id, step.title));
                }
            }
            FactBody::StepChanged { step, state } => self.step(*step, *state, console),
            FactBody::Answered { text, whole, .. } => {
                self.answered(text, console)?;
                if !whole {
                    console.note("the answer was cut off here");
                }
            }
            FactBody::ToolAnswered { failed: true, content, .. } => {
                let why = content.iter().find_map(|content| match content {
                    crate::domain::Content::Text { text } => text.lines().next(),
                    _ => None,
                });
                console.note(&format!("a tool refused: {}", why.unwrap_or("no reason given")));
            }
            FactBody::FileChanged { change } => console.note(&format!("wrote {}", change.path)),
            FactBody::Noticed { text } => console.note(text),
            FactBody::Checked { run } => {
                console.note(&check_words(run));
                for line in run.findings.lines().take(12) {
                    console.note(&format!("  {line}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&self, id: crate::domain::StepId, state: StepState, console: &mut Console) {
        let Some(step) = self.state.plan.iter().find(|step| step.id == id) else { return };
        let word = match state {
            StepState::Running => "step",
            StepState::Failed => "failed: step",
            StepState::Skipped => "skipped: step",
            StepState::Pending | StepState::Done => return,
        };
        console.note(&format!("{word} {id}/{}: {}", self.state.plan.len(), step.title));
    }

    /// The fact holds the whole stretch; only what was not streamed already is printed.
    fn answered(&mut self, text: &str, console: &mut Console) -> Result<(), Failure> {
        let shown = std::mem::take(&mut self.shown);
        if self.format == Format::Json {
            return Ok(());
        }
        if let Some(rest) = text.strip_prefix(shown.as_str()) {
            console.text(rest)?;
        } else if text.trim() != shown.trim() {
            console.end_line()?;
            console.text(text)?;
        }
        console.end_line()
    }

    pub(super) fn glimpse(&mut self, glimpse: &Glimpse, console: &mut Console) -> Result<(), Failure> {
        match glimpse {
            Glimpse::Text { text } if self.format == Format::Text => {
                self.shown.push_str(text);
                console.text(text)?;
            }
            Glimpse::Phase { phase } => {
                let told = match phase {
                    Phase::LoadingModel => "loading the model".to_owned(),
                    Phase::ReadingPrompt { .. } => "reading the prompt".to_owned(),
                    Phase::Retrying { attempt, of, wait_ms, why } => {
                        let seconds = wait_ms.div_ceil(1000);
                        format!("{}; trying again in {seconds} s ({attempt} of {of})", why.sentence)
                    }
                    _ => return Ok(()),
                };
                if told != self.phase {
                    console.note(&told);
                    self.phase = told;
                }
            }
            Glimpse::FileOpened { path } => console.note(&format!("writing {path}")),
            Glimpse::FileDropped { path } => console.note(&format!("{path} was not completed and not written")),
            _ => {}
        }
        Ok(())
    }

    /// Takes the whole state after facts were missed; the outcome if the turn has ended meanwhile.
    pub(super) fn snapshot(
        &mut self,
        view: &SessionView,
        console: &mut Console,
    ) -> Result<Option<TurnOutcome>, Failure> {
        let told_before = self.turn.is_some();
        let first_missed = self.state.seq;
        if view.state.seq <= first_missed {
            return Ok(None);
        }
        self.state = view.state.clone();
        if !told_before {
            // Opening a stored session; nothing of it is new.
            return Ok(None);
        }
        if self.format == Format::Json {
            return Err(lost());
        }
        let mut outcome = None;
        for item in self.state.items.clone().iter().filter(|item| item.seq > first_missed) {
            match &item.kind {
                ItemKind::Answer { text, .. } => self.answered(text, console)?,
                ItemKind::Ended { outcome: ended, .. } => outcome = Some(ended.clone()),
                _ => {}
            }
        }
        Ok(outcome)
    }

    pub(super) fn saving(&mut self, saving: &Saving, console: &mut Console) {
        match saving {
            Saving::UpToDate => self.saving_told = false,
            Saving::Behind { fault, .. } | Saving::Off { fault } if !self.saving_told => {
                self.saving_told = true;
                console.fault(fault);
            }
            Saving::Behind { .. } | Saving::Off { .. } => {}
        }
    }

    /// Ends what is open on standard output.
    pub(super) fn finish(&mut self, console: &mut Console) -> Result<(), Failure> {
        self.shown.clear();
        console.end_line()
    }

    /// What the turn leaves behind, for the person.
    pub(super) fn summary(&self, session: SessionId, console: &mut Console) {
        let changes = self.turn.map(|turn| self.state.changes_of(turn)).unwrap_or_default();
        if !changes.is_empty() {
            console.note("files:");
        }
        for change in changes {
            let deleted = if change.after.is_none() { " (deleted)" } else { "" };
            let removed = if change.removed == 0 { String::new() } else { format!(" -{}", change.removed) };
            console.note(&format!("  {} +{}{removed}{deleted}", change.path, change.added));
        }
        if let Some(project) = &self.state.project {
            console.note(&format!("project: {}", project.root().display()));
        }
        let usage = self.state.usage;
        let cost = match self.state.cost {
            Cost::Known(money) => money.display(),
            Cost::Unknown => "cost unknown".to_owned(),
        };
        console.note(&format!("tokens: {} in, {} out; {cost}", usage.input(), usage.output()));
        console.note(&format!("session: {}", session.short()));
    }
}

fn lost() -> Failure {
    let fault = Fault::new(FaultClass::Internal, "facts were missed, so the JSON lines end here")
        .hint("`kiln sessions show last --json` prints the whole state");
    Failure::new(Exit::Failed, fault)
}
