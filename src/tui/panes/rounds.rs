//! The rounds of checking in the newest turn, each with what was changed for it, and the lines that the
//! session's edits came to. Gathered anew only when the transcript changed.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::text::{Line, Span};

use crate::domain::{CheckResult, CheckRun, ItemKind, ProjectPath, SessionId, SessionState};
use crate::tui::panes::format::plural;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::truncate;
use crate::tui::theme::{Role, Theme};

/// Rounds in sight at most; the newest count.
const MOST_ROUNDS: usize = 5;

/// What edits came to: lines added and removed, by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Edits(BTreeMap<ProjectPath, (u64, u64)>);

impl Edits {
    fn add(&mut self, path: &ProjectPath, (added, removed): (u64, u64)) {
        let lines = self.0.entry(path.clone()).or_default();
        *lines = (lines.0 + added, lines.1 + removed);
    }

    fn join(&mut self, before: &Self) {
        before.0.iter().for_each(|(path, lines)| self.add(path, *lines));
    }

    /// Takes out what a check looked at: these files, or all where it names none.
    fn take(&mut self, files: &BTreeSet<ProjectPath>) -> Self {
        if files.is_empty() {
            return std::mem::take(self);
        }
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(path, _)| files.contains(path));
        self.0 = left;
        Self(taken)
    }

    fn sums(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |sum, lines| (sum.0 + lines.0, sum.1 + lines.1))
    }
}

/// One run of a check, and the edits since the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Round {
    name: String,
    iteration: u32,
    result: CheckResult,
    edits: Edits,
}

/// What the transcript looked like when it was gathered.
type Seen = (Option<SessionId>, usize, usize);

/// The rounds of the newest turn.
#[derive(Debug, Default)]
pub struct Rounds {
    seen: Option<Seen>,
    rounds: Vec<Round>,
    all: (u64, u64),
}

impl Rounds {
    /// Takes a transcript in, when it is not the one known.
    pub fn follow(&mut self, state: &SessionState) {
        let seen = Some((state.session, state.items.len(), state.undone.len()));
        if self.seen == seen {
            return;
        }
        *self = Self { seen, ..Self::default() };
        let mut since = Edits::default();
        for item in &state.items {
            match &item.kind {
                ItemKind::Change { change } if !state.undone.contains(&change.turn) => {
                    let lines = (u64::from(change.added), u64::from(change.removed));
                    self.all = (self.all.0 + lines.0, self.all.1 + lines.1);
                    if change.turn == state.turn {
                        since.add(&change.path, lines);
                    }
                }
                ItemKind::Check { run } if run.turn == state.turn => self.push(run, since.take(&run.files)),
                _ => {}
            }
        }
    }

    /// Of rounds that passed only the last one matters.
    fn push(&mut self, run: &CheckRun, mut edits: Edits) {
        if let Some(before) = self.rounds.pop_if(|round| round.result == CheckResult::Passed) {
            edits.join(&before.edits);
        }
        let (name, result) = (run.name.clone(), run.result.clone());
        self.rounds.push(Round { name, iteration: run.iteration, result, edits });
    }

    /// Lines added and removed by every edit that stands.
    pub fn sums(&self) -> (u64, u64) {
        self.all
    }

    /// The rounds as lines, under a heading; none without a round.
    pub fn lines(&self, width: u16, theme: &Theme) -> Vec<Line<'static>> {
        let mut out = Vec::new();
        if !self.rounds.is_empty() {
            out.extend([Line::default(), Line::styled("checks", theme.style(Role::Heading))]);
        }
        let room = usize::from(width).saturating_sub(2);
        for round in self.rounds.iter().skip(self.rounds.len().saturating_sub(MOST_ROUNDS)) {
            let (mark, role) = match &round.result {
                CheckResult::Passed => ("✓ ", Role::Success),
                CheckResult::Failed => ("✗ ", Role::Error),
                CheckResult::Skipped { .. } => ("– ", Role::Warning),
            };
            let attempt = if round.iteration > 1 { format!("  attempt {}", round.iteration) } else { String::new() };
            let name = truncate(&single_line(&round.name), room.saturating_sub(attempt.len()));
            out.push(Line::from(vec![
                Span::styled(mark, theme.style(role)),
                Span::styled(name, theme.style(Role::Text)),
                Span::styled(attempt, theme.style(Role::Dim)),
            ]));
            out.extend(edits_line(&round.edits, room, theme));
        }
        out
    }
}

/// What was changed for a round: the one file by name, or how many.
fn edits_line(edits: &Edits, room: usize, theme: &Theme) -> Option<Line<'static>> {
    let (added, removed) = edits.sums();
    let counts = format!("+{added} −{removed} ");
    let (first, _) = edits.0.first_key_value()?;
    let what = if edits.0.len() == 1 {
        truncate(&single_line(first.as_str()), room.saturating_sub(counts.len()))
    } else {
        plural(edits.0.len(), "file")
    };
    Some(Line::styled(format!("  {counts} {what}"), theme.style(Role::Dim)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Author, Coverage, FileChange, Item, Seq, TurnId};

    fn change(path: &str, added: u32, removed: u32) -> ItemKind {
        let (path, turn) = (ProjectPath::parse(path).unwrap(), TurnId(1));
        let (before, after) = (None, None);
        let author = Author::Model;
        ItemKind::Change {
            change: FileChange { turn, step: None, path, before, after, bytes: 0, added, removed, author },
        }
    }

    fn check(iteration: u32, result: CheckResult) -> ItemKind {
        let (name, command) = ("make check".to_owned(), String::new());
        let (files, findings) = (BTreeSet::new(), String::new());
        let (turn, coverage) = (TurnId(1), Coverage::Whole);
        ItemKind::Check {
            run: CheckRun { turn, step: None, iteration, name, command, result, coverage, files, findings, millis: 0 },
        }
    }

    #[test]
    fn every_failed_round_and_the_last_are_told_with_their_edits() {
        let kinds = [
            check(1, CheckResult::Passed),
            change("calc.py", 9, 0),
            change("test.py", 16, 0),
            check(1, CheckResult::Failed),
            change("calc.py", 1, 1),
            check(2, CheckResult::Passed),
        ];
        let mut state = SessionState { turn: TurnId(1), ..SessionState::default() };
        state.items =
            (1..).zip(kinds).map(|(seq, kind)| Item { seq: Seq(seq), at: jiff::Timestamp::UNIX_EPOCH, kind }).collect();
        let mut rounds = Rounds::default();
        rounds.follow(&state);
        let lines: Vec<String> = rounds.lines(30, &Theme::fallback()).iter().map(ToString::to_string).collect();
        let wished = ["", "checks", "✗ make check", "  +25 −0  2 files", "✓ make check  attempt 2", "  +1 −1  calc.py"];
        assert_eq!(lines, wished);
        assert_eq!(rounds.sums(), (26, 1), "every edit counts, also a second one of the same file");
        state.turn = TurnId(2);
        state.items.push(Item { seq: Seq(99), at: jiff::Timestamp::UNIX_EPOCH, kind: change("a", 1, 0) });
        if let Some(ItemKind::Change { change }) = state.items.last_mut().map(|item| &mut item.kind) {
            change.turn = TurnId(2);
        }
        rounds.follow(&state);
        assert!(rounds.lines(30, &Theme::fallback()).is_empty(), "only the newest turn's rounds");
        let mut read = check(1, CheckResult::Passed);
        if let ItemKind::Check { run } = &mut read {
            (run.turn, run.coverage) = (TurnId(2), Coverage::Part);
            run.files.insert(ProjectPath::parse("b.py").unwrap());
        }
        for (seq, mut kind) in [(100, change("b.py", 2, 0)), (101, read)] {
            if let ItemKind::Change { change } = &mut kind {
                change.turn = TurnId(2);
            }
            state.items.push(Item { seq: Seq(seq), at: jiff::Timestamp::UNIX_EPOCH, kind });
        }
        rounds.follow(&state);
        let lines: Vec<String> = rounds.lines(30, &Theme::fallback()).iter().map(ToString::to_string).collect();
        assert_eq!(lines.last().unwrap(), "  +2 −0  b.py", "no file that the check did not look at");
    }
}
