//! Tool calls in the transcript: what was called, the last lines that a running command prints, and
//! what came out, folded to a few lines.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::domain::session::CallAnswer;
use crate::domain::{CallId, Content, Display};
use crate::tui::panes::items::{Around, MOST_LINES};
use crate::tui::text::ansi::plain;
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::text::wrap::{truncate, wrap_hanging};
use crate::tui::theme::Role;

/// Lines of a running command in sight; whole when it is unfolded.
const LIVE_LINES: usize = 6;
/// Lines of a command's output that stay in sight when it has ended.
const ENDED_LINES: usize = 3;
/// As before, when it failed.
const FAILED_LINES: usize = 8;
/// Lines of another answer that stay in sight when the call failed.
const REFUSED_LINES: usize = 3;

/// The lines of a call.
pub fn lines(
    call: &CallId,
    name: &str,
    arguments: &serde_json::Value,
    answer: Option<&CallAnswer>,
    around: Around<'_>,
) -> Vec<Line<'static>> {
    let theme = around.theme;
    let brief = brief(arguments, usize::from(around.width));
    let head = if brief.is_empty() { single_line(name) } else { format!("{}  {brief}", single_line(name)) };
    let room = usize::from(around.width).saturating_sub(2);
    let Some(answer) = answer else {
        return if around.state.is_running() { running(call, &head, around) } else { unanswered(&head, around) };
    };
    if answer.display == Display::Quiet {
        return Vec::new();
    }
    let (mark, role) = if answer.failed { ("✗ ", Role::Error) } else { ("✓ ", Role::Success) };
    let mut out = vec![Line::from(vec![
        Span::styled(mark, theme.style(role)),
        Span::styled(truncate(&head, room), theme.style(Role::Dim)),
    ])];
    let role = if answer.failed { Role::Warning } else { Role::Dim };
    for content in &answer.content {
        match content {
            Content::Terminal { text } => {
                let most = match (around.expanded, answer.failed) {
                    (true, _) => MOST_LINES,
                    (false, true) => FAILED_LINES,
                    (false, false) => ENDED_LINES,
                };
                out.extend(tail(text, most, Role::Dim, around));
            }
            other => {
                let has_output = answer.content.iter().any(|c| matches!(c, Content::Terminal { .. }));
                // A command that runs on in the background has only begun.
                let goes_on = arguments.get("background").is_some_and(|value| value == true);
                let most = match (around.expanded, answer.failed || has_output || goes_on) {
                    (true, _) => MOST_LINES,
                    (false, true) => REFUSED_LINES,
                    (false, false) => 0,
                };
                for line in content_text(other).lines().take(most) {
                    let line = Line::styled(format!("  {}", clean(line)), theme.style(role));
                    out.extend(wrap_hanging(&line, around.width, 2));
                }
            }
        }
    }
    out
}

/// A call without an answer yet, with the end of what it prints.
fn running(call: &CallId, head: &str, around: Around<'_>) -> Vec<Line<'static>> {
    let head = truncate(&format!("… {head}"), usize::from(around.width));
    let mut out = vec![Line::styled(head, around.theme.style(Role::Dim))];
    if let Some(text) = around.live.output.get(call) {
        out.extend(tail(text, if around.expanded { MOST_LINES } else { LIVE_LINES }, Role::Text, around));
    }
    out
}

/// A call whose turn ended before it did.
fn unanswered(head: &str, around: Around<'_>) -> Vec<Line<'static>> {
    let room = usize::from(around.width).saturating_sub(2);
    vec![Line::from(vec![
        Span::styled("■ ", around.theme.style(Role::Warning)),
        Span::styled(truncate(head, room), around.theme.style(Role::Dim)),
    ])]
}

/// The last lines of a program's output, one row each, with a word about those before.
fn tail(text: &str, most: usize, role: Role, around: Around<'_>) -> Vec<Line<'static>> {
    let theme = around.theme;
    let text = plain(text);
    let text = clean(text.trim_end());
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(most);
    let bar = || Span::styled("  │ ", theme.style(Role::Border));
    let mut out = Vec::new();
    if hidden > 0 {
        let words = format!("{} above", crate::tui::panes::format::plural(hidden, "line"));
        let style = theme.style(Role::Dim).add_modifier(Modifier::ITALIC);
        out.push(Line::from(vec![bar(), Span::styled(words, style)]));
    }
    let room = usize::from(around.width).saturating_sub(4);
    for line in lines.iter().skip(hidden) {
        let line = truncate(&crate::tui::text::wrap::expand_tabs(line), room);
        out.push(Line::from(vec![bar(), Span::styled(line, theme.style(role))]));
    }
    out
}

fn content_text(content: &Content) -> &str {
    match content {
        Content::Text { text }
        | Content::Code { text, .. }
        | Content::Diff { text, .. }
        | Content::Terminal { text } => text,
        Content::File { path } => path.as_str(),
        Content::Image { .. } => "(picture)",
    }
}

/// The first short text among a call's arguments.
fn brief(arguments: &serde_json::Value, most: usize) -> String {
    let value = |key: &str| arguments.get(key).and_then(serde_json::Value::as_str);
    let text = value("path")
        .or_else(|| value("title"))
        .or_else(|| value("command"))
        .or_else(|| arguments.as_object().and_then(|map| map.values().find_map(serde_json::Value::as_str)));
    text.map(|t| truncate(&single_line(t), most.clamp(20, 100))).unwrap_or_default()
}
