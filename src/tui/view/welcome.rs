//! What an empty session shows: where files go, who answers, and three ways to begin.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::catalog::Readiness;
use crate::domain::op::NewProject;
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::panes::format::bytes;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, wrap_hanging};
use crate::tui::theme::Role;

/// The name, in three rows.
pub const BANNER: [&str; 3] = ["█ █ ▀ █   █▀▀▄", "█▀▄ █ █   █  █", "▀ ▀ ▀ ▀▀▀ ▀  ▀"];

const EXAMPLES: [&str; 3] = [
    "a command-line tool in Rust that counts words by language",
    "a one-page site for a bakery, with opening hours and a map",
    "a Python script that renames photos by the date they were taken",
];

/// The folder that files go to.
pub fn folder(model: &Model) -> String {
    match (&model.view.state.project, &model.project) {
        (Some(project), _) => single_line(&project.root().to_string_lossy()),
        (None, NewProject::Directory { root }) => single_line(&root.to_string_lossy()),
        (None, NewProject::Scratch) => "a scratch project of this session".to_owned(),
    }
}

/// Draws the welcome, as much of it as there is room for.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4);
    if width < 12 || area.height < 3 {
        return;
    }
    let lines = lines(model, width, area.height);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = area.y.saturating_add(area.height.saturating_sub(height) / 3);
    for (y, line) in (top..area.bottom()).zip(&lines) {
        buffer.set_line(area.x.saturating_add(2), y, line, width);
    }
}

fn lines(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let dim = theme.style(Role::Dim);
    let mut out = Vec::new();
    if height >= 22 {
        out.extend(BANNER.iter().map(|row| Line::styled(*row, theme.style(Role::Accent))));
        out.push(Line::default());
    }
    let fact = |name: &str, text: String| {
        let spans = vec![Span::styled(format!("{name:<7}"), dim), Span::styled(text, theme.style(Role::Text))];
        wrap_hanging(&Line::from(spans), width, 7)
    };
    out.extend(fact("files", folder(model)));
    match model.model_info() {
        Some(info) => {
            out.extend(fact("model", single_line(&info.reference.to_string())));
            out.extend(readiness(model, width));
            if let Some(note) = &info.note {
                out.extend(wrap_hanging(&Line::styled(format!("       {}", single_line(note)), dim), width, 7));
            }
        }
        None => out.extend(fact("model", "looking what is here…".to_owned())),
    }
    if height >= 13 {
        out.push(Line::default());
        out.push(Line::styled("say what you want, such as", dim));
        for example in EXAMPLES {
            let text = truncate(example, usize::from(width).saturating_sub(2));
            out.push(Line::from(vec![Span::styled("  ", dim), Span::styled(text, theme.style(Role::Info))]));
        }
    }
    if height >= 11 {
        out.push(Line::default());
        out.push(hints(model));
    }
    out
}

fn readiness(model: &Model, width: u16) -> Vec<Line<'static>> {
    let text = match model.readiness() {
        None | Some(Readiness::Ready) => return Vec::new(),
        Some(Readiness::NeedsKey(variable)) => format!("needs a key: set `{variable}`, or run `kiln keys set`"),
        Some(Readiness::NeedsDownload(size)) => {
            format!("its weights are not here yet: {} to fetch, asked before it begins", bytes(size))
        }
        Some(Readiness::Unavailable(why)) => single_line(&why),
    };
    let style = model.theme.style(Role::Warning);
    wrap_hanging(&Line::styled(format!("       {text}"), style), width, 7)
}

fn hints(model: &Model) -> Line<'static> {
    let theme = &model.theme;
    let keys = [
        (model.key_of(Context::Composer, Action::Send), "send"),
        (model.key_of(Context::Composer, Action::Newline), "new line"),
        ("/".to_owned(), "commands"),
        ("@".to_owned(), "files"),
        (model.key_of(Context::Composer, Action::HelpWhenEmpty), "all keys"),
    ];
    let mut spans = Vec::new();
    for (key, about) in keys {
        spans.push(Span::styled(key, theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {about}   "), theme.style(Role::Dim)));
    }
    Line::from(spans)
}
