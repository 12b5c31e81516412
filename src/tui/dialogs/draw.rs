//! Draws the dialog in front: what it is about at the top, the answers at the bottom, and between them
//! as much of the preview as there is room for.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{Dialog, Field, Purpose, Sight, Subject, approval};
use crate::domain::{ApprovalRequest, Content, Lifetime, Scope, SessionState, Touch};
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::text::highlight::{Highlighter, style_line};
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::text::wrap::{expand_tabs, width as width_of, wrap_hanging, wrap_hard};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::layout::Focus;
use crate::tui::widgets::{Focus as Lit, clear, pane};

/// Rows of the frame.
const FRAME: u16 = 2;
/// Lines of one preview that are looked at.
const MOST_LINES: usize = 2000;
/// Rows of the body that come before the offers.
const BODY_LEAST: u16 = 3;
/// Rows of a field at most.
const FIELD_ROWS: u16 = 3;

/// A dialog as rows, before it is known how many fit.
#[derive(Debug, Default)]
pub struct Sheet {
    title: String,
    head: Vec<Line<'static>>,
    body: Vec<Line<'static>>,
    /// The row of the body that has to stay in sight.
    kept: Option<usize>,
    /// What may be allowed further; left out before anything else where there is no room.
    offers: Vec<Line<'static>>,
    foot: Vec<Line<'static>>,
    /// The words before a field, and its rows.
    field: Option<(String, u16)>,
}

impl Sheet {
    /// Rows that it would like, the frame included.
    pub fn rows(&self) -> u16 {
        let field = self.field.as_ref().map_or(0, |(_, rows)| rows + 1);
        let lines = self.head.len() + self.body.len() + self.offers.len() + self.foot.len();
        u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(field).saturating_add(FRAME)
    }
}

/// Makes the rows of the dialog in front.
pub fn sheet(model: &mut Model, width: u16) -> Option<Sheet> {
    let mut dialog = model.dialog.take()?;
    let inner = width.saturating_sub(4).max(8);
    let mut sheet = match &dialog.subject {
        Subject::Approval(_) => approval_sheet(&dialog, model, inner),
        Subject::Question(_) => question_sheet(&dialog, model, inner),
        Subject::Plan(_) => plan_sheet(&dialog, model, inner),
    };
    if let Some(field) = &mut dialog.field {
        sheet.field = Some((label(field), field.text.rows(inner).min(FIELD_ROWS)));
    }
    model.dialog = Some(dialog);
    Some(sheet)
}

fn label(field: &Field) -> String {
    match field.purpose {
        Purpose::Refusal => "why not? the model reads it".to_owned(),
        Purpose::Answer => "your answer".to_owned(),
        Purpose::Comment => "what should be different? the model reads it".to_owned(),
        Purpose::Step(at) | Purpose::NewStep(at) => format!("step {}", at + 1),
    }
}

/// "2 of 3" while more than one thing waits.
fn numbered(what: &str, state: &SessionState) -> String {
    let waiting = state.approvals.len() + state.questions.len() + usize::from(state.proposed.is_some());
    if waiting > 1 { format!("{what} · 1 of {waiting}") } else { what.to_owned() }
}

fn approval_sheet(dialog: &Dialog, model: &Model, width: u16) -> Sheet {
    let (theme, state) = (&model.theme, &model.view.state);
    let mut sheet = Sheet { title: numbered("may it?", state), ..Sheet::default() };
    let Some(request) = dialog.request(state) else { return sheet };
    let bold = theme.style(Role::Text).add_modifier(Modifier::BOLD);
    // What stands whole in the preview is not said twice.
    let title = command_title(request).unwrap_or_else(|| single_line(&request.title));
    sheet.head.extend(wrap_hanging(&Line::styled(title, bold), width, 2).into_iter().take(2));
    let why = Line::from(vec![
        Span::styled("asks because ", theme.style(Role::Dim)),
        Span::styled(single_line(&request.reason), theme.style(Role::Warning)),
    ]);
    sheet.head.extend(wrap_hanging(&why, width, 2).into_iter().take(3));
    sheet.body = preview(dialog, request, model.highlighter.as_ref(), theme, width);
    if dialog.field.is_some() {
        sheet.foot =
            key_rows(model, Context::Field, &[(Action::Accept, "refuse with this"), (Action::Dismiss, "back")], width);
        return sheet;
    }
    sheet.offers = further(request, theme, width);
    let keys = [
        (Action::Allow, "allow this once"),
        (Action::Refuse, "do not allow"),
        (Action::RefuseWithComment, "do not allow, and say why"),
        (Action::Leave, "later"),
    ];
    sheet.foot = key_rows(model, Context::Approval, &keys, width);
    sheet
}

/// One row for each scope: the numbers, how long, and what would be covered.
fn further(request: &ApprovalRequest, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let (key, dim) = (theme.style(Role::Key), theme.style(Role::Dim));
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut spans: Vec<Span<'static>> = Vec::new();
    for offer in approval::offers(request) {
        spans.push(Span::styled(offer.number.to_string(), key));
        match offer.lifetime {
            Lifetime::Session => spans.push(Span::styled(" this session  ", dim)),
            Lifetime::Project => {
                spans.push(Span::styled(" this project  ", dim));
                spans.push(Span::styled(covered(request, offer.scope), theme.style(Role::Text)));
                rows.extend(wrap_hanging(&Line::from(std::mem::take(&mut spans)), width, 4).into_iter().take(3));
            }
        }
    }
    if !rows.is_empty() {
        rows.insert(0, Line::styled("or allow from now on, in", dim));
    }
    rows
}

/// The head of a request whose command stands in the preview.
fn command_title(request: &ApprovalRequest) -> Option<String> {
    let [Touch::Command { line, directory }, others @ ..] = request.touches.as_slice() else { return None };
    if !matches!(request.preview.as_slice(), [Content::Code { text, .. }] if text == line) {
        return None;
    }
    let mut title = "run this command line".to_owned();
    if let Some(directory) = directory {
        title.push_str(&format!(" in `{directory}`"));
    }
    for other in others {
        title.push_str(&match other {
            Touch::Foreign { tool } => format!(", {tool}"),
            Touch::Read { path } => format!(", read {path}"),
            Touch::Write { path } => format!(", write {path}"),
            Touch::Command { line, .. } => format!(", run `{line}`"),
            Touch::Host { host } => format!(", connect to {host}"),
        });
    }
    Some(single_line(&title))
}

/// What a scope covers; the line that stands in the preview is not written out again.
fn covered(request: &ApprovalRequest, scope: &Scope) -> String {
    let shown =
        |line: &str| request.touches.iter().any(|touch| matches!(touch, Touch::Command { line: l, .. } if l == line));
    match scope {
        Scope::Command { line } if request.touches.len() == 1 && shown(line) && line.len() > 40 => {
            "run exactly this command line".to_owned()
        }
        scope => single_line(&scope.to_string()),
    }
}

fn preview(
    dialog: &Dialog,
    request: &ApprovalRequest,
    highlighter: Option<&Highlighter>,
    theme: &Theme,
    width: u16,
) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for (index, content) in request.preview.iter().enumerate() {
        let feed = dialog.colours.get(index).and_then(Option::as_ref);
        match content {
            Content::Diff { path, text } => {
                rows.push(Line::styled(single_line(path.as_str()), theme.style(Role::Heading)));
                rows.extend(text.lines().take(MOST_LINES).flat_map(|line| wrap_hard(&diff_line(line, theme), width)));
            }
            Content::Code { text, .. } => {
                let ground = theme.style(Role::CodeBg);
                for (number, line) in text.lines().take(MOST_LINES).enumerate() {
                    let spans = feed.and_then(|feed| highlighter?.line(feed.doc(), number));
                    let line = Line::from(style_line(line, spans.as_deref(), theme)).style(ground);
                    rows.extend(wrap_hard(&line, width).into_iter().map(|row| row.style(ground)));
                }
            }
            Content::Text { text } | Content::Terminal { text } => {
                let text = crate::tui::text::ansi::plain(text);
                for line in clean(&text).lines().take(MOST_LINES) {
                    rows.extend(wrap_hanging(&Line::styled(line.to_owned(), theme.style(Role::Text)), width, 0));
                }
            }
            Content::File { path } => rows.push(Line::styled(single_line(path.as_str()), theme.style(Role::Text))),
            Content::Image { .. } => rows.push(Line::styled("(picture)", theme.style(Role::Dim))),
        }
    }
    rows
}

fn diff_line(line: &str, theme: &Theme) -> Line<'static> {
    let roles = match line.as_bytes().first() {
        Some(b'+') => Some((Role::Added, Role::AddedBg)),
        Some(b'-') => Some((Role::Removed, Role::RemovedBg)),
        _ => None,
    };
    let text = expand_tabs(&clean(line)).into_owned();
    match roles {
        Some((text_role, ground)) => {
            let ground = theme.style(ground);
            Line::styled(text, theme.style(text_role).patch(ground)).style(ground)
        }
        None => Line::styled(text, theme.style(Role::Dim)),
    }
}

fn question_sheet(dialog: &Dialog, model: &Model, width: u16) -> Sheet {
    let (theme, state) = (&model.theme, &model.view.state);
    let mut sheet = Sheet { title: numbered("a question", state), ..Sheet::default() };
    let Some(question) = dialog.question(state) else { return sheet };
    for line in clean(&question.text).trim().lines() {
        let style = theme.style(Role::Text).add_modifier(Modifier::BOLD);
        sheet.body.extend(wrap_hanging(&Line::styled(line.to_owned(), style), width, 0));
    }
    for (index, choice) in question.choices.iter().enumerate() {
        let chosen = dialog.chosen == Some(index) && dialog.field.is_none();
        let style = theme.style(if chosen { Role::Selection } else { Role::Text });
        let number = if index < 9 { format!("{} ", index + 1) } else { "  ".to_owned() };
        let line = Line::from(vec![
            Span::styled(if chosen { "› " } else { "  " }, theme.style(Role::Accent)),
            Span::styled(number, theme.style(Role::Key)),
            Span::styled(single_line(choice), style),
        ]);
        if chosen {
            sheet.kept = Some(sheet.body.len());
        }
        sheet.body.extend(wrap_hanging(&line, width, 4));
    }
    sheet.foot = match (&dialog.field, question.choices.is_empty()) {
        (Some(_), false) => key_rows(
            model,
            Context::Field,
            &[(Action::Accept, "answer"), (Action::Dismiss, "back to the choices")],
            width,
        ),
        (Some(_), true) => {
            key_rows(model, Context::Field, &[(Action::Accept, "answer"), (Action::Dismiss, "later")], width)
        }
        (None, _) => {
            let mut rows = vec![Line::styled("press a number, or write an answer of your own", theme.style(Role::Dim))];
            let keys = [(Action::Next, "choose"), (Action::Accept, "take it"), (Action::Leave, "later")];
            rows.extend(key_rows(model, Context::Question, &keys, width));
            rows
        }
    };
    sheet
}

fn plan_sheet(dialog: &Dialog, model: &Model, width: u16) -> Sheet {
    let theme = &model.theme;
    let mut sheet = Sheet { title: numbered("the plan", &model.view.state), ..Sheet::default() };
    sheet.head.push(Line::styled("nothing is changed before you approved it", theme.style(Role::Dim)));
    for (index, step) in dialog.steps.iter().enumerate() {
        let chosen = dialog.chosen == Some(index);
        let style = theme.style(if chosen { Role::Selection } else { Role::Text });
        let line = Line::from(vec![
            Span::styled(if chosen { "› " } else { "  " }, theme.style(Role::Accent)),
            Span::styled(format!("{:>2}. ", index + 1), theme.style(Role::Dim)),
            Span::styled(single_line(step), style),
        ]);
        if chosen {
            sheet.kept = Some(sheet.body.len());
        }
        sheet.body.extend(wrap_hanging(&line, width, 6));
    }
    sheet.foot = match dialog.field.as_ref().map(|field| field.purpose) {
        Some(Purpose::Comment) => {
            key_rows(model, Context::Field, &[(Action::Accept, "send the plan back"), (Action::Dismiss, "back")], width)
        }
        Some(_) => key_rows(model, Context::Field, &[(Action::Accept, "take it"), (Action::Dismiss, "back")], width),
        None => {
            let keys = [
                (Action::Approve, "approve"),
                (Action::EditEntry, "change"),
                (Action::AddStep, "add"),
                (Action::Remove, "take out"),
                (Action::MoveUp, "move up"),
                (Action::MoveDown, "move down"),
                (Action::SendBack, "send back"),
                (Action::Leave, "later"),
            ];
            key_rows(model, Context::Plan, &keys, width)
        }
    };
    sheet
}

/// Keys and what they do, over as many rows as they need.
fn key_rows(model: &Model, context: Context, keys: &[(Action, &'static str)], width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let lit = model.focus == Focus::Dialog;
    let (key_style, dim) = (theme.style(if lit { Role::Key } else { Role::Dim }), theme.style(Role::Dim));
    let mut rows: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    let mut used = 0;
    for (action, about) in keys {
        let key = model.key_of(context, *action);
        if key.is_empty() {
            continue;
        }
        let wide = width_of(&key) + width_of(about) + 4;
        if used > 0 && used + wide > usize::from(width) + 3 {
            rows.push(Vec::new());
            used = 0;
        }
        used += wide;
        if let Some(row) = rows.last_mut() {
            row.push(Span::styled(key, key_style));
            row.push(Span::styled(format!(" {about}   "), dim));
        }
    }
    rows.into_iter().map(Line::from).collect()
}

/// Draws a sheet; returns where the cursor belongs.
pub fn draw(model: &mut Model, sheet: &Sheet, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let lit = model.focus == Focus::Dialog;
    let mut dialog = model.dialog.take()?;
    if area.is_empty() {
        dialog.sight = Sight::TooLittle;
        model.dialog = Some(dialog);
        return None;
    }
    let theme = &model.theme;
    clear(buffer, area, Style::reset());
    let inner = pane(buffer, area, &sheet.title, if lit { Lit::Yes } else { Lit::No }, theme);
    draw_corner(model, &dialog, area, buffer);
    let inner = Rect { x: inner.x.saturating_add(1), width: inner.width.saturating_sub(2), ..inner };
    let cursor = draw_inside(&mut dialog, sheet, inner, buffer, theme);
    model.dialog = Some(dialog);
    cursor.filter(|_| lit)
}

/// What the frame says at its right end: how the keys get here, or that it listens in a moment.
fn draw_corner(model: &Model, dialog: &Dialog, area: Rect, buffer: &mut Buffer) {
    let text = if model.focus != Focus::Dialog {
        format!(" {} to answer ", model.key_of(Context::Global, Action::FocusDialog))
    } else if !dialog.listens(model.now) {
        " … ".to_owned()
    } else {
        return;
    };
    let wide = u16::try_from(width_of(&text)).unwrap_or(u16::MAX);
    if wide + 20 < area.width {
        buffer.set_string(area.right() - wide - 2, area.y, text, model.theme.style(Role::Warning));
    }
}

fn draw_inside(dialog: &mut Dialog, sheet: &Sheet, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
    let mut rest = area;
    let rows = |lines: &[Line<'_>]| u16::try_from(lines.len()).unwrap_or(u16::MAX);
    put(buffer, &mut rest, &sheet.head);
    let foot = rows(&sheet.foot).min(rest.height);
    let field_rows = sheet.field.as_ref().map_or(0, |(_, rows)| rows + 1).min(rest.height - foot);
    // What is asked about comes before what could be allowed further.
    let least = rows(&sheet.body).min(BODY_LEAST);
    let mut left = rest.height - foot - field_rows;
    let offers = Some(rows(&sheet.offers)).filter(|offers| offers + least <= left).unwrap_or(0);
    left -= offers;
    dialog.sight = match (left >= least.min(2) && foot == rows(&sheet.foot), offers == rows(&sheet.offers)) {
        (true, true) => Sight::Whole,
        (true, false) => Sight::WithoutOffers,
        (false, _) => Sight::TooLittle,
    };
    let body = Rect { height: left, ..rest };
    draw_body(dialog, sheet, body, buffer, theme);
    rest.y = body.bottom();
    rest.height = offers;
    put(buffer, &mut rest, &sheet.offers);
    rest.height = foot + field_rows;
    let mut cursor = None;
    if let (Some((label, _)), Some(field)) = (&sheet.field, &mut dialog.field)
        && field_rows > 0
    {
        let label = Line::styled(label.clone(), theme.style(Role::Accent));
        put(buffer, &mut rest, std::slice::from_ref(&label));
        let place = Rect { height: field_rows - 1, ..rest };
        let style = theme.style(Role::Text);
        cursor = field.text.draw(place, buffer, style, theme.style(Role::Accent), ("", style));
        rest.y = rest.y.saturating_add(place.height);
        rest.height -= place.height;
    }
    put(buffer, &mut rest, &sheet.foot);
    cursor
}

fn draw_body(dialog: &mut Dialog, sheet: &Sheet, mut area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = usize::from(area.height);
    if rows == 0 {
        return;
    }
    if let Some(kept) = sheet.kept {
        dialog.scroll = dialog.scroll.clamp((kept + 1).saturating_sub(rows), kept);
    }
    // One row tells what is out of sight, so that nobody allows half of a command for the whole.
    let over = sheet.body.len() > rows;
    let shown = if over { rows.saturating_sub(1) } else { rows };
    dialog.scroll = dialog.scroll.min(sheet.body.len().saturating_sub(shown));
    let lines = sheet.body.iter().skip(dialog.scroll).take(shown);
    for line in lines {
        if line.style != Style::default() {
            buffer.set_style(Rect { height: 1, ..area }, line.style);
        }
        buffer.set_line(area.x, area.y, line, area.width);
        area.y = area.y.saturating_add(1);
    }
    if over {
        let (above, below) = (dialog.scroll, sheet.body.len().saturating_sub(dialog.scroll + shown));
        let text = match (above, below) {
            (0, below) => format!("↓ {below} more"),
            (above, 0) => format!("↑ {above} more"),
            (above, below) => format!("↑ {above} more  ↓ {below} more"),
        };
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), theme.style(Role::Warning));
    }
}

fn put(buffer: &mut Buffer, rest: &mut Rect, lines: &[Line<'static>]) {
    for line in lines {
        if rest.height == 0 {
            return;
        }
        buffer.set_line(rest.x, rest.y, line, rest.width);
        rest.y = rest.y.saturating_add(1);
        rest.height -= 1;
    }
}
