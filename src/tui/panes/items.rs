//! Transcript items as wrapped lines: everything but answers, which are Markdown documents.

use std::collections::BTreeSet;

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::domain::memory::estimate;
use crate::domain::review;
use crate::domain::{
    Author, ChangeKind, CheckResult, CheckRun, Decision, Display, Dropped, Fault, FileChange, Item, ItemKind, Lifetime,
    Live, PlanDecision, Retry, SessionState, TurnId, TurnOutcome,
};
use crate::tui::panes::calls;
use crate::tui::panes::format::{bytes, count, elapsed, plural};
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hanging, wrap_line};
use crate::tui::theme::{Role, Theme};

/// Lines of an expanded call or of a failure's own words, at most.
pub const MOST_LINES: usize = 200;

/// What drawing an item needs to know beside it.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub state: &'a SessionState,
    pub live: &'a Live,
    /// Where the item stands in the transcript.
    pub index: usize,
    pub width: u16,
    pub theme: &'a Theme,
    /// Whether reasoning and tool answers are shown whole.
    pub expanded: bool,
    /// How the key that runs the last prompt again is written.
    pub retry_key: &'a str,
}

/// Whether an item hides more than it shows.
pub fn foldable(kind: &ItemKind) -> bool {
    match kind {
        ItemKind::Reasoning { .. } | ItemKind::Compacted { .. } => true,
        ItemKind::User { text, .. } => review::apart(text).1.is_some(),
        ItemKind::Call { answer, .. } => answer.as_ref().is_none_or(|answer| answer.display == Display::Line),
        ItemKind::Check { run } => !run.findings.is_empty(),
        _ => false,
    }
}

/// Whether a call is told by other items, such as the file lines beside it.
pub fn silent(kind: &ItemKind) -> bool {
    match kind {
        ItemKind::Call { answer: Some(answer), .. } => answer.display == Display::Quiet,
        // What was allowed once is told by the call that then ran, and a refusal by its answer.
        ItemKind::Decided { decision, .. } => !matches!(decision, Decision::AllowFurther { .. }),
        _ => false,
    }
}

/// Whether an empty row stands between two items that follow each other.
pub fn spaced(before: &ItemKind, item: &ItemKind) -> bool {
    let compact = |kind: &ItemKind| {
        matches!(
            kind,
            ItemKind::Call { .. } | ItemKind::Change { .. } | ItemKind::Decided { .. } | ItemKind::Check { .. }
        )
    };
    !(silent(item) || compact(before) && compact(item))
}

/// The lines of an item that is no answer.
pub fn lines(item: &Item, around: Around<'_>) -> Vec<Line<'static>> {
    match &item.kind {
        ItemKind::User { text, .. } | ItemKind::Steered { text, .. } => {
            let (words, review) = review::apart(text);
            let mut lines = if words.is_empty() && review.is_some() { Vec::new() } else { user(words, around) };
            lines.extend(review.into_iter().flat_map(|review| sent_review(review, around)));
            if around.state.is_hidden(item.seq) {
                lines.extend(marked(
                    "↶",
                    Role::Dim,
                    "taken back: the model is not told this any more",
                    Role::Dim,
                    around,
                ));
            }
            lines
        }
        ItemKind::Reasoning { text, .. } => {
            let began = around.index.checked_sub(1).and_then(|i| around.state.items.get(i)).map(|i| i.at);
            let seconds = began.map_or(0, |at| u64::try_from(item.at.as_second() - at.as_second()).unwrap_or(0));
            reasoning(text, Some(seconds), around)
        }
        ItemKind::Answer { .. } => Vec::new(),
        ItemKind::Call { call, name, arguments, answer, .. } => {
            calls::lines(call, name, arguments, answer.as_ref(), around)
        }
        ItemKind::Change { change } => vec![change_line(change, around)],
        ItemKind::Decided { decision, .. } => decided(decision, around),
        ItemKind::Asked { question, answer, .. } => {
            let mut out = marked("?", Role::Accent, &clean(question), Role::Text, around);
            out.extend(marked("→", Role::Accent, &clean(answer), Role::Text, around));
            out
        }
        ItemKind::PlanDecided { decision, .. } => plan_decided(decision, around),
        ItemKind::Check { run } => check(run, around),
        ItemKind::Attached { name, text, .. } => {
            let text = format!("gave the model {name}, about {} tokens", count(estimate(text.len())));
            marked("@", Role::Info, &single_line(&text), Role::Dim, around)
        }
        ItemKind::Compacted { summary, dropped } => compacted(summary, dropped, around),
        ItemKind::Notice { text } => marked("·", Role::Info, &clean(text), Role::Dim, around),
        ItemKind::Ended { turn, outcome } => ended(item, *turn, outcome, around),
        ItemKind::Undone { paths, more, .. } => {
            let text = format!("{} brought back{}", plural(paths.len(), "file"), names(paths, *more));
            marked("↶", Role::Warning, &single_line(&text), Role::Text, around)
        }
        ItemKind::Redone { paths, more } => {
            let text = format!("{} done again{}", plural(paths.len(), "file"), names(paths, *more));
            marked("↷", Role::Warning, &single_line(&text), Role::Text, around)
        }
        ItemKind::Rewound { checkpoint, scope, paths, more } => {
            let mut text = format!("back at checkpoint {checkpoint}");
            if scope.has_files() {
                text.push_str(&format!(" · {} brought back{}", plural(paths.len(), "file"), names(paths, *more)));
            }
            if scope.has_conversation() {
                text.push_str(" · the conversation goes on from before it; `/redo` takes this back");
            }
            marked("↶", Role::Warning, &single_line(&text), Role::Text, around)
        }
        ItemKind::Exported { target, path, files, bytes: size } => {
            let text = format!("exported {}, {}, as {target} to {path}", plural(*files, "file"), bytes(*size));
            marked("⇪", Role::Success, &single_line(&text), Role::Text, around)
        }
    }
}

/// The files, and how much else, in words.
fn names(paths: &[crate::domain::ProjectPath], more: u64) -> String {
    let mut parts: Vec<String> = paths.iter().map(ToString::to_string).collect();
    if more > 0 {
        parts.push(format!("{more} folders or links"));
    }
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// What a compaction left out, and, unfolded, what the model is told instead.
fn compacted(summary: &str, dropped: &[Dropped], around: Around<'_>) -> Vec<Line<'static>> {
    let tokens = dropped.iter().map(|one| one.tokens).sum();
    let head = format!("compacted about {} tokens into a summary; `/compact undo` takes it back", count(tokens));
    let mut out = marked(if around.expanded { "▾" } else { "▸" }, Role::Info, &head, Role::Dim, around);
    if around.expanded {
        for one in dropped.iter().take(MOST_LINES) {
            let line = format!("turn {}: {}, about {} tokens", one.turn, one.what, count(one.tokens));
            out.extend(marked("−", Role::Dim, &single_line(&line), Role::Dim, around));
        }
        for line in clean(summary).lines().take(MOST_LINES) {
            out.extend(marked(" ", Role::Dim, line, Role::Dim, around));
        }
    }
    out
}

fn user(text: &str, around: Around<'_>) -> Vec<Line<'static>> {
    let style = around.theme.style(Role::Text).add_modifier(Modifier::BOLD);
    let text = clean(text);
    text.trim_end().split('\n').flat_map(|l| wrap_line(&Line::styled(l.to_owned(), style), around.width)).collect()
}

/// A review that the model was sent: a line, or all of it.
fn sent_review(review: &str, around: Around<'_>) -> Vec<Line<'static>> {
    let mut out = marked("✎", Role::Accent, "your review of the changes", Role::Text, around);
    if around.expanded {
        let dim = around.theme.style(Role::Dim);
        let review = clean(review);
        out.extend(review.lines().flat_map(|line| wrap_line(&Line::styled(line.to_owned(), dim), around.width)));
    }
    out
}

/// Folded or whole reasoning; `seconds` is `None` while it goes on.
pub fn reasoning(text: &str, seconds: Option<u64>, around: Around<'_>) -> Vec<Line<'static>> {
    let dim = around.theme.style(Role::Dim).add_modifier(Modifier::ITALIC);
    let tokens = count(u64::try_from(text.len() / 4).unwrap_or(u64::MAX).max(1));
    let head = match seconds {
        Some(seconds) => format!("thought for {} · about {tokens} tokens", elapsed(seconds)),
        None => format!("thinking · about {tokens} tokens"),
    };
    let mark = if around.expanded { "▾ " } else { "▸ " };
    let mut out = vec![Line::styled(truncate(&format!("{mark}{head}"), usize::from(around.width)), dim)];
    if around.expanded {
        let text = clean(text);
        for line in text.trim().lines() {
            out.extend(wrap_hanging(&Line::styled(format!("  {line}"), dim), around.width, 2));
        }
    }
    out
}

/// A file change on one line: letter, path, lines.
pub fn change_line(change: &FileChange, around: Around<'_>) -> Line<'static> {
    let theme = around.theme;
    let (letter, role) = letter(change.kind());
    let counts = change_counts(change);
    let room = usize::from(around.width).saturating_sub(4 + width_of(&counts_text(&counts)));
    let path = truncate(&single_line(change.path.as_str()), room.max(8));
    let undone = around.state.undone.contains(&change.turn);
    let path_style =
        if undone { theme.style(Role::Dim).add_modifier(Modifier::CROSSED_OUT) } else { theme.style(Role::Text) };
    let mut spans = vec![Span::styled(format!("{letter} "), theme.style(role)), Span::styled(path, path_style)];
    for (text, role) in counts {
        spans.push(Span::styled(format!(" {text}"), theme.style(role)));
    }
    if change.author == Author::Person {
        spans.push(Span::styled("  by your review", theme.style(Role::Dim)));
    }
    Line::from(spans)
}

fn change_counts(change: &FileChange) -> Vec<(String, Role)> {
    let mut counts = Vec::new();
    if change.added > 0 {
        counts.push((format!(" +{}", change.added), Role::Added));
    }
    if change.removed > 0 {
        counts.push((format!("−{}", change.removed), Role::Removed));
    }
    counts
}

fn counts_text(counts: &[(String, Role)]) -> String {
    counts.iter().map(|(text, _)| format!(" {text}")).collect()
}

/// The letter of a change and its role.
pub fn letter(kind: ChangeKind) -> (&'static str, Role) {
    match kind {
        ChangeKind::Created => ("+", Role::Added),
        ChangeKind::Modified => ("~", Role::Warning),
        ChangeKind::Deleted => ("−", Role::Removed),
    }
}

fn decided(decision: &Decision, around: Around<'_>) -> Vec<Line<'static>> {
    let Decision::AllowFurther { scope, lifetime } = decision else { return Vec::new() };
    let until = match lifetime {
        Lifetime::Session => "in this session",
        Lifetime::Project => "in this project",
    };
    marked("✓", Role::Success, &single_line(&format!("allowed {until}: {scope}")), Role::Dim, around)
}

fn plan_decided(decision: &PlanDecision, around: Around<'_>) -> Vec<Line<'static>> {
    match decision {
        PlanDecision::Approve { steps } => {
            let text = format!("plan approved, {}", plural(steps.len(), "step"));
            marked("✓", Role::Success, &text, Role::Dim, around)
        }
        PlanDecision::Reject { comment } => {
            let text = format!("plan sent back: {}", clean(comment));
            marked("↺", Role::Warning, &text, Role::Text, around)
        }
    }
}

fn check(run: &CheckRun, around: Around<'_>) -> Vec<Line<'static>> {
    let took = elapsed(run.millis / 1000);
    let (mark, role, end) = match &run.result {
        CheckResult::Passed => ("✓", Role::Success, format!("passed in {took}")),
        CheckResult::Failed => ("✗", Role::Error, format!("failed in {took}")),
        CheckResult::Skipped { why } => ("–", Role::Warning, format!("did not run: {}", single_line(why))),
    };
    let again = if run.iteration > 1 { format!(" (attempt {})", run.iteration) } else { String::new() };
    let head = format!("check {}{again} {end}", single_line(&run.name));
    let mut out = marked(mark, role, &head, Role::Text, around);
    let limit = match (around.expanded, &run.result) {
        (true, _) => MOST_LINES,
        (false, CheckResult::Failed) => 6,
        (false, _) => 0,
    };
    for line in run.findings.lines().take(limit) {
        let line = Line::styled(format!("  {}", clean(line)), around.theme.style(Role::Dim));
        out.extend(wrap_hanging(&line, around.width, 2));
    }
    out
}

fn marked(mark: &str, mark_role: Role, text: &str, role: Role, around: Around<'_>) -> Vec<Line<'static>> {
    let theme = around.theme;
    let mut out = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mark = if index == 0 { format!("{mark} ") } else { "  ".to_owned() };
        let line = Line::from(vec![
            Span::styled(mark, theme.style(mark_role)),
            Span::styled(line.to_owned(), theme.style(role)),
        ]);
        out.extend(wrap_hanging(&line, around.width, 2));
    }
    out
}

fn ended(item: &Item, turn: TurnId, outcome: &TurnOutcome, around: Around<'_>) -> Vec<Line<'static>> {
    let state = around.state;
    let began = state.items.iter().take(around.index).rev().find_map(|i| match &i.kind {
        ItemKind::User { turn: t, .. } if *t == turn => Some(i.at),
        _ => None,
    });
    let took = began.map_or(0, |at| u64::try_from(item.at.as_second() - at.as_second()).unwrap_or(0));
    let retry = around.index + 1 == state.items.len() && !state.is_running();
    match outcome {
        TurnOutcome::Completed => {
            let mut text = format!("done in {}", elapsed(took));
            let changes = state.items.iter().take(around.index).rev().take_while(|i| Some(i.at) != began);
            let (mut files, mut added, mut removed) = (BTreeSet::new(), 0, 0);
            for change in changes.filter_map(|i| match &i.kind {
                ItemKind::Change { change } if change.turn == turn => Some(change),
                _ => None,
            }) {
                files.insert(&change.path);
                added += change.added;
                removed += change.removed;
            }
            if !files.is_empty() {
                text.push_str(&format!(" · {}  +{added} −{removed}", plural(files.len(), "file")));
            }
            marked("✓", Role::Success, &text, Role::Dim, around)
        }
        TurnOutcome::Cancelled => {
            let text = format!("stopped after {}; what was written stays", elapsed(took));
            marked("■", Role::Warning, &text, Role::Dim, around)
        }
        TurnOutcome::Failed { fault } => fault_lines(fault, retry, around),
        TurnOutcome::Interrupted => {
            let mut out = marked("■", Role::Warning, "Kiln ended while this turn ran", Role::Text, around);
            if retry {
                out.extend(retry_line(around));
            }
            out
        }
    }
}

/// A failure: the sentence, the other side's words, the hint, and the key that retries.
pub fn fault_lines(fault: &Fault, retry: bool, around: Around<'_>) -> Vec<Line<'static>> {
    let mut out = marked("✗", Role::Error, &clean(&fault.sentence), Role::Error, around);
    if let Some(detail) = &fault.detail {
        let lines: Vec<_> = marked(" ", Role::Dim, &clean(detail), Role::Dim, around);
        out.extend(lines.into_iter().take(6));
    }
    if let Some(hint) = &fault.hint {
        out.extend(marked(" ", Role::Info, &format!("hint: {}", clean(hint)), Role::Info, around));
    }
    if retry && fault.retry == Retry::MayHelp {
        out.extend(retry_line(around));
    }
    out
}

fn retry_line(around: Around<'_>) -> Vec<Line<'static>> {
    let line = Line::from(vec![
        Span::raw("  "),
        Span::styled(around.retry_key.to_owned(), around.theme.style(Role::Key)),
        Span::styled(" tries again", around.theme.style(Role::Dim)),
    ]);
    wrap_hanging(&line, around.width, 2)
}
