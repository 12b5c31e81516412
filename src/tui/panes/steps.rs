//! The plan beside the chat: each step with its state and time, then what the session came to.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::domain::{Cost, SessionState, Step, StepId, StepState};
use crate::tui::panes::format::{count, elapsed, plural};
use crate::tui::panes::items::letter;
use crate::tui::panes::rounds::Rounds;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hanging};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::spinner;

/// What the pane shows.
#[derive(Clone, Copy, Debug)]
pub struct StepsScene<'a> {
    pub state: &'a SessionState,
    pub now: Timestamp,
    pub theme: &'a Theme,
    /// Whether it has the keys: then the step under the hand is marked.
    pub lit: bool,
}

/// The steps pane: how far it is scrolled, and the step under the hand.
#[derive(Debug, Default)]
pub struct Steps {
    top: usize,
    most: usize,
    chosen: usize,
    rounds: Rounds,
}

impl Steps {
    /// Scrolls by rows.
    pub fn scroll_by(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows).min(self.most);
    }

    /// Goes to the first row.
    pub fn to_start(&mut self) {
        self.top = 0;
        self.chosen = 0;
    }

    /// Chooses another step.
    pub fn choose(&mut self, by: isize, state: &SessionState) {
        self.chosen = self.chosen.saturating_add_signed(by).min(state.plan.len().saturating_sub(1));
    }

    /// The step under the hand.
    pub fn chosen(&self, state: &SessionState) -> Option<StepId> {
        state.plan.get(self.chosen).map(|step| step.id)
    }

    /// Draws the plan and the totals.
    pub fn draw(&mut self, area: Rect, buffer: &mut Buffer, scene: StepsScene<'_>) {
        let StepsScene { state, now, theme, lit } = scene;
        if area.is_empty() {
            return;
        }
        let mut lines = vec![Line::styled("plan", theme.style(Role::Heading))];
        let mut running = None;
        for (index, step) in state.plan.iter().enumerate() {
            let chosen = lit && index == self.chosen;
            if chosen || !lit && step.state == StepState::Running {
                running = Some(lines.len());
            }
            let mut rows = step_lines(step, now, area.width, theme);
            if let Some(first) = rows.first_mut().filter(|_| chosen) {
                *first = std::mem::take(first).patch_style(theme.style(Role::Selection));
            }
            lines.extend(rows);
        }
        self.rounds.follow(state);
        lines.extend(self.rounds.lines(area.width, theme));
        lines.push(Line::default());
        lines.extend(totals(state, self.rounds.sums(), now, theme));
        let room = usize::from(area.height);
        if !state.changes.is_empty() && lines.len() + 3 < room {
            lines.push(Line::default());
            lines.push(Line::styled("files", theme.style(Role::Heading)));
            for change in state.changes.values() {
                let (mark, role) = letter(change.kind());
                let name = truncate(&single_line(change.path.as_str()), usize::from(area.width).saturating_sub(2));
                lines.push(Line::from(vec![
                    Span::styled(format!("{mark} "), theme.style(role)),
                    Span::styled(name, theme.style(Role::Text)),
                ]));
            }
        }
        self.most = lines.len().saturating_sub(room);
        let top = match running {
            // The running step stays in sight of a short pane.
            Some(at) if self.top == 0 && at + 2 > room => (at + 2 - room).min(self.most),
            _ => self.top.min(self.most),
        };
        for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(top)) {
            buffer.set_line(area.x, y, line, area.width);
        }
    }
}

/// The mark of a step and its role.
pub fn mark(step: &Step, now: Timestamp) -> (&'static str, Role) {
    match step.state {
        StepState::Pending => ("○", Role::Dim),
        StepState::Running => (spin(now), Role::Spinner),
        StepState::Done => ("✓", Role::Success),
        StepState::Failed => ("✗", Role::Error),
        StepState::Skipped => ("–", Role::Dim),
    }
}

/// The picture of the spinner at a time.
pub fn spin(now: Timestamp) -> &'static str {
    spinner(Duration::from_millis(u64::try_from(now.as_millisecond()).unwrap_or(0)))
}

fn step_lines(step: &Step, now: Timestamp, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let (mark, role) = mark(step, now);
    let title = match step.state {
        StepState::Running => theme.style(Role::Text).add_modifier(Modifier::BOLD),
        StepState::Pending | StepState::Skipped => theme.style(Role::Dim),
        StepState::Done | StepState::Failed => theme.style(Role::Text),
    };
    let time = step.elapsed_seconds(now).map(elapsed).unwrap_or_default();
    let aside = u16::try_from(width_of(&time)).unwrap_or(0);
    let room = width.saturating_sub(aside + 1).max(4);
    let spans =
        vec![Span::styled(format!("{mark} "), theme.style(role)), Span::styled(single_line(&step.title), title)];
    let mut lines = wrap_hanging(&Line::from(spans), room, 2);
    if let Some(first) = lines.first_mut()
        && !time.is_empty()
    {
        let pad = usize::from(width).saturating_sub(first.width() + usize::from(aside));
        first.push_span(Span::styled(format!("{}{time}", " ".repeat(pad)), theme.style(Role::Dim)));
    }
    if step.usage.total() > 0 {
        let text = format!("  ↑{} ↓{} · {}", count(step.usage.input()), count(step.usage.output()), cost(step.cost));
        lines.push(Line::styled(truncate(&text, usize::from(width)), theme.style(Role::Dim)));
    }
    lines
}

fn totals(state: &SessionState, (added, removed): (u64, u64), now: Timestamp, theme: &Theme) -> Vec<Line<'static>> {
    let mut texts = Vec::new();
    if let Some(since) = state.running_since {
        let seconds = u64::try_from(now.as_second() - since.as_second()).unwrap_or(0);
        texts.push(format!("{} in this turn", elapsed(seconds)));
    }
    if !state.changes.is_empty() {
        texts.push(format!("{}  +{added} −{removed}", plural(state.changes.len(), "file")));
    }
    if state.usage.total() > 0 {
        texts.push(format!("↑{} ↓{} tokens", count(state.usage.input()), count(state.usage.output())));
        texts.push(cost(state.cost));
    }
    texts.into_iter().map(|text| Line::styled(text, theme.style(Role::Dim))).collect()
}

/// What was spent, in words.
pub fn cost(cost: Cost) -> String {
    match cost {
        Cost::Known(money) => money.display(),
        Cost::Unknown => "cost unknown".to_owned(),
    }
}

/// The plan on one line: how many are done, and the one that runs.
pub fn summary(state: &SessionState, now: Timestamp, theme: &Theme) -> Option<Line<'static>> {
    if state.plan.is_empty() {
        return None;
    }
    let over = state.plan.iter().filter(|s| s.state.is_over()).count();
    let mut spans = vec![Span::styled(format!("{over}/{} ", state.plan.len()), theme.style(Role::Dim))];
    let next = state.plan.iter().find(|s| s.state == StepState::Running).or_else(|| {
        state
            .plan
            .iter()
            .find(|s| s.state == StepState::Failed)
            .or_else(|| state.plan.iter().find(|s| !s.state.is_over()))
    });
    match next {
        Some(step) => {
            let (mark, role) = mark(step, now);
            spans.push(Span::styled(format!("{mark} "), theme.style(role)));
            spans.push(Span::styled(single_line(&step.title), theme.style(Role::Text)));
            if let Some(seconds) = step.elapsed_seconds(now) {
                spans.push(Span::styled(format!("  {}", elapsed(seconds)), theme.style(Role::Dim)));
            }
        }
        None => spans.push(Span::styled("✓ every step is done", theme.style(Role::Success))),
    }
    Some(Line::from(spans))
}
