//! Draws the settings screen: two tabs, rows, and what there is to say of the chosen one.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::settings::{Mode, SettingsScreen, Tab, Trial};
use crate::domain::survey::{KeyPlace, KeyState, ProviderKind, SettingKind, SettingRow, SurveyedProvider};
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::{truncate, width as width_of, wrap_hanging};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{ListState, Scroll, hints, list, popup, scrollbar};

/// From this width on, the chosen row's words stand beside the rows, not below them.
const SIDE_BY_SIDE: u16 = 120;
/// Rows of words below the list.
const WORDS: u16 = 6;

/// Draws the screen; returns where the cursor belongs.
pub fn draw(screen: &mut SettingsScreen, model: &Model, buffer: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let whole = buffer.area;
    let (width, height) = (whole.width.saturating_sub(2).clamp(1, 150), whole.height.saturating_sub(2).clamp(1, 44));
    let area = popup(buffer, whole, width, height, "settings", theme);
    if area.width < 20 || area.height < 6 {
        return None;
    }
    let inner = Rect { x: area.x + 1, width: area.width - 2, ..area };
    tabs(screen.tab, model, Rect { height: 1, ..inner }, buffer);
    let body = Rect { y: inner.y + 2, height: inner.height - 3, ..inner };
    let (rows, words) = if body.width >= SIDE_BY_SIDE - 4 {
        let left = body.width * 3 / 5;
        let side = Rect { x: body.x + left + 2, width: body.width - left - 2, ..body };
        for y in body.top()..body.bottom() {
            buffer.set_string(body.x + left, y, "│", theme.style(Role::Border));
        }
        (Rect { width: left.saturating_sub(1), ..body }, side)
    } else {
        let words = WORDS.min(body.height / 2);
        let rows = Rect { height: body.height - words, ..body };
        let rule = "─".repeat(usize::from(body.width));
        buffer.set_string(body.x, rows.bottom(), rule, theme.style(Role::Border));
        (rows, Rect { y: rows.bottom() + 1, height: words.saturating_sub(1), ..body })
    };
    keys(screen, model, Rect { y: inner.bottom() - 1, height: 1, ..inner }, buffer);
    if screen.survey.is_none() {
        buffer.set_stringn(rows.x, rows.y, "looking around…", usize::from(rows.width), theme.style(Role::Dim));
        return None;
    }
    if let Mode::Model { picker, .. } = &screen.mode {
        return models(picker, theme, rows, buffer);
    }
    screen.rows_at = rows;
    draw_rows(screen, theme, rows, buffer);
    let mut lines = match (screen.tab, screen.provider(), screen.setting()) {
        (Tab::Providers, Some(provider), _) => about_provider(screen, provider, theme),
        (Tab::Settings, _, Some(row)) => about_setting(row, theme),
        _ => Vec::new(),
    };
    told(screen, theme, &mut lines);
    if let Some((prompt, shown)) = field(screen) {
        return Some(draw_field((&prompt, &shown), screen, theme, words, buffer));
    }
    let wrapped = lines.iter().flat_map(|line| wrap_hanging(line, words.width, 0));
    for (y, line) in (words.top()..words.bottom()).zip(wrapped) {
        buffer.set_line(words.x, y, &line, words.width);
    }
    None
}

fn tabs(tab: Tab, model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.theme;
    let style = |this: Tab| theme.style(if this == tab { Role::Selection } else { Role::Dim });
    let key = model.key_of(Context::Settings, Action::NextTab);
    let line = Line::from(vec![
        Span::styled(" providers ", style(Tab::Providers)),
        Span::raw(" "),
        Span::styled(" settings ", style(Tab::Settings)),
        Span::styled(format!("   {key} "), theme.style(Role::Key)),
        Span::styled("the other half", theme.style(Role::Dim)),
    ]);
    buffer.set_line(area.x, area.y, &line, area.width);
}

/// Columns of a row: text, its width, its role.
type Cells = Vec<(String, usize, Role)>;

fn draw_rows(screen: &mut SettingsScreen, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(4);
    let rows: Vec<Cells> = match (screen.tab, &screen.survey) {
        (Tab::Providers, _) => {
            screen.rows().into_iter().map(|provider| provider_cells(screen, provider, width)).collect()
        }
        (Tab::Settings, Some(survey)) => survey.settings.iter().map(|row| setting_cells(row, width)).collect(),
        (Tab::Settings, None) => Vec::new(),
    };
    let visible = usize::from(area.height);
    let (state, _) = screen.list();
    keep_in_sight(state, rows.len(), visible);
    let (selected, offset) = (state.selected, state.offset);
    for ((index, cells), y) in rows.iter().enumerate().skip(offset).zip(area.top()..area.bottom()) {
        let chosen = index == selected;
        if chosen {
            buffer.set_style(Rect { y, height: 1, ..area }, theme.style(Role::Selection));
            buffer.set_string(area.x, y, "›", theme.style(Role::Selection));
        }
        let mut x = area.x + 2;
        for (text, columns, role) in cells {
            let style = theme.style(if chosen { Role::Selection } else { *role });
            buffer.set_stringn(x, y, truncate(text, *columns), *columns, style);
            x = x.saturating_add(u16::try_from(*columns + 1).unwrap_or(0)).min(area.right());
        }
    }
    let bar = Rect { x: area.right().saturating_sub(1), width: 1, ..area };
    scrollbar(buffer, bar, Scroll { offset, visible, total: rows.len() }, theme);
}

fn keep_in_sight(state: &mut ListState, count: usize, visible: usize) {
    state.selected = state.selected.min(count.saturating_sub(1));
    state.offset = state.offset.max((state.selected + 1).saturating_sub(visible)).min(state.selected);
}

fn provider_cells(screen: &SettingsScreen, provider: &SurveyedProvider, width: usize) -> Cells {
    let (mark, mark_role) = match (screen.is_active(&provider.id), provider.ready()) {
        (true, _) => ("●", Role::Accent),
        (false, true) => ("○", Role::Success),
        (false, false) => ("·", Role::Dim),
    };
    let title = 20.min(width / 3);
    let key = (width.saturating_sub(title + 4) / 2).min(34);
    let model = width.saturating_sub(title + key + 5);
    let (state, state_role) = match screen.trials.get(&provider.id) {
        Some(Trial::Running) => ("asking…".to_owned(), Role::Info),
        Some(Trial::Answered(count)) => (format!("✓ answers, {count} models"), Role::Success),
        Some(Trial::Failed(_)) => ("✗ failed".to_owned(), Role::Error),
        None => (key_words(provider), if provider.ready() { Role::Text } else { Role::Dim }),
    };
    let name = provider.model.as_ref().map(|model| single_line(model.as_str())).unwrap_or_default();
    vec![
        (mark.to_owned(), 1, mark_role),
        (single_line(&provider.title), title, if provider.ready() { Role::Text } else { Role::Dim }),
        (state, key, state_role),
        (name, model, Role::Dim),
    ]
}

fn key_words(provider: &SurveyedProvider) -> String {
    match (provider.kind, &provider.key) {
        (ProviderKind::Embedded, _) if provider.models.is_empty() => "weights not here".to_owned(),
        (ProviderKind::Embedded, _) => "weights here".to_owned(),
        (_, KeyState::Environment { tail, .. }) => format!("key {tail}, environment"),
        (_, KeyState::Stored { place: KeyPlace::Keychain }) => "key ***, keychain".to_owned(),
        (_, KeyState::Stored { place: KeyPlace::File }) => "key ***, encrypted file".to_owned(),
        (ProviderKind::Local { answers: Some(true) }, _) => "answers".to_owned(),
        (ProviderKind::Local { answers: Some(false) }, _) => "does not answer".to_owned(),
        (ProviderKind::Local { answers: None }, _) => "a server of your own".to_owned(),
        (ProviderKind::Cloud, KeyState::Missing) => "no key".to_owned(),
    }
}

fn setting_cells(row: &SettingRow, width: usize) -> Cells {
    let name = 28.min(width / 2);
    let value = width.saturating_sub(name + 1).min(24);
    let origin = width.saturating_sub(name + value + 2);
    let shown = match (&row.kind, row.value.as_deref()) {
        (SettingKind::Switch, Some("true")) => "[x] on".to_owned(),
        (SettingKind::Switch, _) => "[ ] off".to_owned(),
        (_, Some(value)) => single_line(value),
        (_, None) => "not set".to_owned(),
    };
    let role = match (&row.overridden, row.origin.as_str()) {
        (Some(_), _) => Role::Warning,
        (None, "default") => Role::Dim,
        _ => Role::Accent,
    };
    vec![
        (row.key.clone(), name, if row.overridden.is_some() { Role::Dim } else { Role::Text }),
        (shown, value, role),
        (single_line(&row.origin), origin, Role::Dim),
    ]
}

fn about_provider(screen: &SettingsScreen, provider: &SurveyedProvider, theme: &Theme) -> Vec<Line<'static>> {
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::Dim));
    let active = if screen.is_active(&provider.id) { ", answers unless told otherwise" } else { "" };
    let mut lines = vec![Line::from(vec![
        Span::styled(single_line(&provider.title), theme.style(Role::Heading)),
        Span::styled(format!("  {}{active}", provider.id), dim),
    ])];
    let key = match &provider.key {
        KeyState::Environment { variable, tail } => format!("key {tail} in the environment variable `{variable}`"),
        KeyState::Stored { place: KeyPlace::Keychain } => "key stored in the system's keychain".to_owned(),
        KeyState::Stored { place: KeyPlace::File } => "key stored in the encrypted file".to_owned(),
        KeyState::Missing => match (provider.kind, provider.variables.first()) {
            (ProviderKind::Cloud, Some(variable)) => format!("no key: set one here, or `{variable}`"),
            (ProviderKind::Embedded, _) => "runs inside Kiln; needs no key".to_owned(),
            _ => "needs no key".to_owned(),
        },
    };
    lines.push(Line::styled(key, text));
    if let Some(model) = &provider.model {
        lines.push(Line::styled(format!("model {}", single_line(model.as_str())), text));
    }
    if let Some(Trial::Failed(fault)) = screen.trials.get(&provider.id) {
        lines.push(Line::styled(format!("✗ {}", single_line(&fault.to_string())), theme.style(Role::Error)));
        lines.extend(fault.hint.iter().map(|hint| Line::styled(format!("  hint: {}", single_line(hint)), dim)));
    }
    lines
}

fn about_setting(row: &SettingRow, theme: &Theme) -> Vec<Line<'static>> {
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::Dim));
    let mut lines = vec![
        Line::from(vec![
            Span::styled(row.key.clone(), theme.style(Role::Heading)),
            Span::styled(format!("  from: {}", single_line(&row.origin)), dim),
        ]),
        Line::styled(row.about.clone(), text),
    ];
    if let Some(who) = &row.overridden {
        let words = format!("! the {} decides; it cannot be changed here", single_line(who));
        lines.push(Line::styled(words, theme.style(Role::Warning)));
    } else if let SettingKind::Choice { words } = &row.kind {
        lines.push(Line::styled(format!("one of {}", words.join(", ")), dim));
    }
    lines
}

fn told(screen: &SettingsScreen, theme: &Theme, lines: &mut Vec<Line<'static>>) {
    match (&screen.mode, &screen.told) {
        (Mode::Remove { provider }, _) => {
            let text = format!("delete the stored key of {provider}?");
            lines.insert(0, Line::styled(text, theme.style(Role::Warning)));
        }
        (_, Some(Ok(text))) => {
            lines.insert(0, Line::styled(format!("· {}", single_line(text)), theme.style(Role::Info)));
        }
        (_, Some(Err(fault))) => {
            let hint = fault
                .hint
                .iter()
                .map(|hint| Line::styled(format!("  hint: {}", single_line(hint)), theme.style(Role::Dim)));
            let sentence = Line::styled(format!("✗ {}", single_line(&fault.to_string())), theme.style(Role::Error));
            lines.splice(0..0, std::iter::once(sentence).chain(hint));
        }
        (_, None) => {}
    }
}

/// What is being typed, and how much of it is shown.
fn field(screen: &SettingsScreen) -> Option<(String, String)> {
    let dots = |text: &str| "•".repeat(text.chars().count());
    match &screen.mode {
        Mode::Key { provider, typed, .. } => Some((format!("key of {provider}"), dots(&typed.0))),
        Mode::Passphrase { typed, first, .. } => {
            let prompt = if first.is_some() { "the same once more" } else { "passphrase of the encrypted file" };
            Some((prompt.to_owned(), dots(&typed.0)))
        }
        Mode::Value { key, text } => Some((key.clone(), single_line(text))),
        _ => None,
    }
}

fn draw_field(
    (prompt, shown): (&str, &str),
    screen: &SettingsScreen,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Position {
    let dim = theme.style(Role::Dim);
    buffer.set_stringn(area.x, area.y, prompt, usize::from(area.width), theme.style(Role::Heading));
    let room = usize::from(area.width).saturating_sub(3);
    // The end of a long text is what one is typing.
    let skip = shown.chars().count().saturating_sub(room);
    let tail: String = shown.chars().skip(skip).collect();
    buffer.set_string(area.x, area.y + 1, "❯ ", theme.style(Role::Accent));
    buffer.set_stringn(area.x + 2, area.y + 1, &tail, room, theme.style(Role::Text));
    let words = match &screen.mode {
        Mode::Key { place: KeyPlace::Keychain, .. } => {
            match screen.survey.as_ref().and_then(|s| s.keychain_trouble.as_ref()) {
                Some(fault) => format!("goes into the keychain, but {}; tab: the encrypted file", fault.sentence),
                None => "goes into the system's keychain; tab: the encrypted file".to_owned(),
            }
        }
        Mode::Key { place: KeyPlace::File, .. } => {
            "goes into the encrypted file; tab: the system's keychain".to_owned()
        }
        Mode::Value { .. } => "nothing typed goes back to the default".to_owned(),
        Mode::Passphrase { .. } => "without it the key cannot be read again".to_owned(),
        _ => String::new(),
    };
    let wrapped = wrap_hanging(&Line::styled(words, dim), area.width, 0);
    for (y, line) in (area.y + 2..area.bottom()).zip(&wrapped) {
        buffer.set_line(area.x, y, line, area.width);
    }
    let x = area.x + 2 + u16::try_from(width_of(&tail)).unwrap_or(0);
    Position::new(x.min(area.right().saturating_sub(1)), area.y + 1)
}

fn models(picker: &super::Picker, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    buffer.set_string(area.x, area.y, "❯ ", theme.style(Role::Accent));
    let room = usize::from(area.width).saturating_sub(3);
    let query = truncate(&picker.query, room);
    buffer.set_stringn(area.x + 2, area.y, &query, room, theme.style(Role::Text));
    let items = picker.items();
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if items.is_empty() {
        let text = if picker.query.is_empty() { picker.empty } else { "nothing fits" };
        if !rows.is_empty() {
            buffer.set_stringn(rows.x, rows.y, text, usize::from(rows.width), theme.style(Role::Dim));
        }
    } else {
        let mut state = ListState { selected: picker.selected(), offset: 0 };
        list(buffer, rows, &items, &mut state, theme);
    }
    Some(Position::new(area.x + 2 + u16::try_from(width_of(&query)).unwrap_or(0), area.y))
}

fn keys(screen: &SettingsScreen, model: &Model, area: Rect, buffer: &mut Buffer) {
    let key = |context, action, about| (model.key_of(context, action), about);
    let browse = Context::Settings;
    let shown = match (&screen.mode, screen.tab) {
        (Mode::Browse, Tab::Providers) => vec![
            key(browse, Action::Accept, "model"),
            key(browse, Action::MakeActive, "use it"),
            key(browse, Action::SetKey, "set key"),
            key(browse, Action::TestKey, "test"),
            key(browse, Action::RemoveKey, "delete key"),
            key(browse, Action::Dismiss, "close"),
        ],
        (Mode::Browse, Tab::Settings) => vec![
            key(browse, Action::Accept, "change"),
            key(browse, Action::ResetSetting, "default"),
            key(browse, Action::Dismiss, "close"),
        ],
        (Mode::Remove { .. }, _) => {
            vec![key(Context::Confirm, Action::Confirm, "yes"), key(Context::Confirm, Action::Deny, "no")]
        }
        _ => vec![key(Context::List, Action::Accept, "take"), key(Context::List, Action::Dismiss, "back")],
    };
    hints(buffer, area, &shown, &model.theme);
}
