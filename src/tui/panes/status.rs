//! The last line of the screen: who answers, what happens, what it took, and the keys that matter.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Mode, ModelInfo, Phase, Saving, SessionView};
use crate::tui::panes::format::{bytes, count, elapsed, plural};
use crate::tui::panes::steps::{cost, spin};
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of};
use crate::tui::theme::{Role, Theme};

/// Progress of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulling {
    pub name: String,
    pub stage: String,
    pub received: u64,
    pub total: Option<u64>,
}

/// What the line tells.
#[derive(Clone, Copy, Debug)]
pub struct StatusScene<'a> {
    pub view: &'a SessionView,
    pub model: Option<&'a ModelInfo>,
    /// When the present phase began.
    pub phase_since: Option<Timestamp>,
    pub saving: &'a Saving,
    pub pulling: Option<&'a Pulling>,
    /// Files whose changes wait for a review, if one is offered.
    pub to_review: Option<usize>,
    /// Keys with what they do, most important first.
    pub keys: &'a [(String, &'static str)],
    pub now: Timestamp,
    pub theme: &'a Theme,
    pub mode: Mode,
    /// How commands are confined, where that is less than a whole sandbox.
    pub sandbox: Option<&'a str>,
}

/// A piece of the line; the lowest rank goes first when room is short.
struct Piece {
    rank: u8,
    text: String,
    role: Role,
}

/// Keys for which other pieces give way.
const KEYS_KEPT: usize = 2;

fn key_width((key, about): &(String, &'static str)) -> usize {
    width_of(key) + width_of(about) + 3
}

/// Draws the line; parts go by rank when it is too narrow.
pub fn draw(area: Rect, buffer: &mut Buffer, scene: StatusScene<'_>) {
    if area.is_empty() {
        return;
    }
    let theme = scene.theme;
    buffer.set_style(area, theme.style(Role::Status));
    let mut pieces = pieces(scene);
    let room = usize::from(area.width).saturating_sub(1);
    // The keys that matter most are worth more than numbers.
    let keys: usize = scene.keys.iter().take(KEYS_KEPT).map(key_width).sum();
    let total = |pieces: &[Piece]| pieces.iter().map(|p| width_of(&p.text) + 3).sum::<usize>();
    while pieces.len() > 1 && total(&pieces) + keys > room {
        let Some(least) = pieces.iter().enumerate().min_by_key(|(_, p)| p.rank).map(|(i, _)| i) else { break };
        pieces.remove(least);
    }
    let mut spans = vec![Span::raw(" ")];
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            spans.push(Span::styled(" · ", theme.style(Role::Dim)));
        }
        let text = truncate(&piece.text, room);
        spans.push(Span::styled(text, theme.style(piece.role)));
    }
    let (end, _) = buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    draw_keys(area, end, buffer, scene);
}

fn draw_keys(area: Rect, from: u16, buffer: &mut Buffer, scene: StatusScene<'_>) {
    let room = usize::from(area.right().saturating_sub(from));
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 3;
    for entry in scene.keys {
        let (wide, (key, about)) = (key_width(entry), entry);
        if used + wide > room {
            break;
        }
        used += wide;
        spans.push(Span::styled(key.clone(), scene.theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {about}  "), scene.theme.style(Role::Dim)));
    }
    let line = Line::from(spans);
    let wide = u16::try_from(line.width()).unwrap_or(area.width);
    buffer.set_line(area.right().saturating_sub(wide), area.y, &line, wide);
}

fn pieces(scene: StatusScene<'_>) -> Vec<Piece> {
    let state = &scene.view.state;
    let mut out = Vec::new();
    if let Some(warning) = not_saved(scene.saving) {
        out.push(Piece { rank: 9, text: warning, role: Role::Warning });
    }
    if let Some(pulling) = scene.pulling {
        out.push(Piece { rank: 8, text: pull_text(pulling), role: Role::Accent });
    }
    if let Some((text, role)) = phase(scene) {
        out.push(Piece { rank: 7, text, role });
    }
    out.push(Piece { rank: 6, text: scene.mode.word().to_owned(), role: mode_role(scene.mode) });
    if let Some(sandbox) = scene.sandbox {
        out.push(Piece { rank: 5, text: single_line(sandbox), role: Role::Warning });
    }
    if !state.unverified.is_empty() {
        let text = format!("{} unverified", plural(state.unverified.len(), "edit"));
        out.push(Piece { rank: 5, text, role: Role::Warning });
    }
    let model = scene.model.map_or_else(|| "no model yet".to_owned(), |m| single_line(&m.reference.to_string()));
    out.push(Piece { rank: 4, text: model, role: Role::Text });
    if let Some(files) = scene.to_review {
        out.push(Piece { rank: 5, text: format!("{} to review", plural(files, "file")), role: Role::Info });
    }
    if state.usage.total() > 0 {
        let text = format!("↑{} ↓{}", count(state.usage.input()), count(state.usage.output()));
        out.push(Piece { rank: 2, text, role: Role::Dim });
        out.push(Piece { rank: 3, text: cost(state.cost), role: Role::Dim });
        if let Some((text, role)) = context_left(scene) {
            out.push(Piece { rank: 1, text, role });
        }
    }
    out
}

/// The more a session may do, the warmer its colour.
fn mode_role(mode: Mode) -> Role {
    match mode {
        Mode::ReadOnly => Role::Success,
        Mode::Ask => Role::Info,
        Mode::Auto => Role::Warning,
        Mode::Full => Role::Error,
    }
}

fn context_left(scene: StatusScene<'_>) -> Option<(String, Role)> {
    let window = scene.model?.window.filter(|w| *w > 0)?;
    let used = scene.view.state.context_tokens.min(window);
    let left = (window - used) * 100 / window;
    let role = if left < 15 { Role::Warning } else { Role::Dim };
    Some((format!("{left} % context left"), role))
}

fn not_saved(saving: &Saving) -> Option<String> {
    match saving {
        Saving::UpToDate => None,
        Saving::Behind { pending, .. } => Some(format!("{pending} not saved yet")),
        Saving::Off { .. } => Some("not saved".to_owned()),
    }
}

/// A fetch in words.
pub fn pull_text(pulling: &Pulling) -> String {
    let stage = single_line(&pulling.stage);
    match pulling.total {
        Some(total) if total > 0 => {
            let percent = pulling.received.min(total) * 100 / total;
            format!("{stage} {} {percent} % of {}", single_line(&pulling.name), bytes(total))
        }
        _ => format!("{stage} {} {}", single_line(&pulling.name), bytes(pulling.received)),
    }
}

/// What the running turn does, in words.
fn phase(scene: StatusScene<'_>) -> Option<(String, Role)> {
    let state = &scene.view.state;
    let since = state.running_since?;
    let began = scene.phase_since.unwrap_or(since);
    let seconds = u64::try_from(scene.now.as_second() - began.as_second()).unwrap_or(0);
    let time = elapsed(seconds);
    let mark = spin(scene.now);
    let mut role = Role::Accent;
    let text = match scene.view.live.phase.as_ref() {
        None | Some(Phase::Waiting) => format!("waiting {time}"),
        Some(Phase::LoadingModel) => format!("loading the model {time}"),
        Some(Phase::ReadingPrompt { done, total }) if *total > 0 => {
            format!("reading prompt {} %", done.min(total) * 100 / total)
        }
        Some(Phase::ReadingPrompt { .. }) => format!("reading prompt {time}"),
        Some(Phase::Thinking) => format!("thinking {time}"),
        Some(Phase::Answering) => format!("answering {time}"),
        Some(Phase::Writing { path }) => format!("writing {}", single_line(path.as_str())),
        Some(Phase::AwaitingPerson) => {
            role = Role::Warning;
            "waiting for you".to_owned()
        }
        Some(Phase::Checking { name }) => format!("checking with {} {time}", single_line(name)),
        Some(Phase::Running { tool }) => format!("running {} {time}", single_line(tool)),
        Some(Phase::Retrying { attempt, of, wait_ms, why }) => {
            role = Role::Warning;
            let left = wait_ms.div_ceil(1000).saturating_sub(seconds);
            format!("retrying in {left} s ({attempt} of {of}): {}", single_line(&why.sentence))
        }
    };
    Some((format!("{mark} {text}"), role))
}
