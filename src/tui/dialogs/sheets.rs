//! The rows of each kind of dialog: what is asked, what it is about, and the keys that answer.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::draw::Sheet;
use super::{Dialog, Field, Purpose, Subject, approval};
use crate::domain::{ApprovalRequest, Content, Lifetime, Scope, SessionState, Touch};
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::text::highlight::{Highlighter, style_line};
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::text::wrap::{expand_tabs, width as width_of, wrap_hanging, wrap_hard};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::layout::Focus;

/// Lines of one preview that are looked at.
const MOST_LINES: usize = 2000;
/// Rows of a field at most.
const FIELD_ROWS: u16 = 3;

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
    let commands = request.touches.iter().filter(|touch| !matches!(touch, Touch::Host { .. })).count();
    match scope {
        Scope::Command { line } if commands == 1 && shown(line) && line.len() > 40 => {
            "run exactly this command line".to_owned()
        }
        Scope::Together { scopes } => {
            let parts: Vec<String> = scopes.iter().map(|scope| covered(request, scope)).collect();
            parts.join(" and ")
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
