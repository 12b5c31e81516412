//! The settings screen: what its keys do, and what the engine's answers change in it.

use crate::domain::survey::{KeyPlace, KeyState, SettingKind, SettingRow};
use crate::domain::{Fault, ModelName, Op, ProviderId, Reply, Secret};
use crate::tui::cmd::Cmd;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::settings::{Hidden, Mode, SettingsAsk, SettingsScreen, Tab, Trial};
use crate::tui::overlays::{Choice, Overlay, Pick, Picker};
use crate::tui::text::sanitize::single_line;

impl Model {
    /// Opens the settings screen.
    pub fn open_settings(&mut self) -> Vec<Cmd> {
        self.completion = None;
        self.overlay = Some(Overlay::Settings(Box::default()));
        vec![ask(Op::Survey, SettingsAsk::Survey)]
    }
}

fn ask(op: Op, purpose: SettingsAsk) -> Cmd {
    Cmd::Ask { op, ask: Ask::Settings(purpose) }
}

/// A key on the settings screen.
pub fn key(model: &mut Model, action: Option<Action>, typed: Option<char>, erase: bool) -> Vec<Cmd> {
    let themes = if action == Some(Action::Accept) { model.theme_names() } else { Vec::new() };
    let Some(Overlay::Settings(screen)) = &mut model.overlay else { return Vec::new() };
    match &mut screen.mode {
        Mode::Browse => match action {
            Some(Action::Dismiss) => {
                model.overlay = None;
                Vec::new()
            }
            action => browse(screen, action, &themes),
        },
        Mode::Remove { provider } => {
            let provider = provider.clone();
            match action {
                Some(Action::Confirm | Action::Accept) => {
                    screen.mode = Mode::Browse;
                    vec![ask(Op::RemoveKey { provider: provider.clone() }, SettingsAsk::Remove(provider))]
                }
                Some(Action::Deny | Action::Dismiss | Action::Cancel) => {
                    screen.mode = Mode::Browse;
                    Vec::new()
                }
                _ => Vec::new(),
            }
        }
        Mode::Model { provider, picker } => {
            match action {
                Some(Action::Dismiss) => screen.mode = Mode::Browse,
                Some(Action::Accept) => {
                    let provider = provider.clone();
                    let picked = picker.picked().cloned();
                    screen.mode = Mode::Browse;
                    if let Some(Pick::Model(reference)) = picked {
                        return change(&format!("providers.{provider}.default_model"), Some(reference.model.as_str()));
                    }
                }
                Some(Action::Next) => picker.step(1),
                Some(Action::Previous) => picker.step(-1),
                Some(Action::PageDown) => picker.step(8),
                Some(Action::PageUp) => picker.step(-8),
                _ => match (typed, erase) {
                    (Some(c), _) => picker.push(c),
                    (None, true) => picker.pop(),
                    (None, false) => {}
                },
            }
            Vec::new()
        }
        Mode::Key { .. } | Mode::Passphrase { .. } | Mode::Value { .. } => typing(screen, action, typed, erase),
    }
}

fn browse(screen: &mut SettingsScreen, action: Option<Action>, themes: &[String]) -> Vec<Cmd> {
    match action {
        Some(Action::Next) => screen.step(1),
        Some(Action::Previous) => screen.step(-1),
        Some(Action::PageDown) => screen.step(8),
        Some(Action::PageUp) => screen.step(-8),
        Some(Action::Top) => screen.step(isize::MIN / 2),
        Some(Action::Bottom) => screen.step(isize::MAX / 2),
        Some(Action::NextTab) => {
            screen.tab = if screen.tab == Tab::Providers { Tab::Settings } else { Tab::Providers };
        }
        Some(Action::Accept) => return accept(screen, themes),
        Some(Action::ResetSetting) if screen.tab == Tab::Settings => return reset(screen),
        Some(action) if screen.tab == Tab::Providers => return provider_key(screen, action),
        _ => {}
    }
    Vec::new()
}

/// Enter: the model of a provider, or the next value of a setting.
pub fn accept(screen: &mut SettingsScreen, themes: &[String]) -> Vec<Cmd> {
    screen.told = None;
    if screen.tab == Tab::Providers {
        let Some(provider) = screen.provider().map(|provider| provider.id.clone()) else { return Vec::new() };
        let picker = Picker::new("which model?", "asking the provider…", Vec::new());
        screen.mode = Mode::Model { provider: provider.clone(), picker };
        let op = Op::TryProvider { provider: provider.clone(), key: None };
        return vec![ask(op, SettingsAsk::Models(provider))];
    }
    let Some(row) = screen.setting().cloned() else { return Vec::new() };
    if refused(screen, &row) {
        return Vec::new();
    }
    let value = row.value.clone().unwrap_or_default();
    let words = match &row.kind {
        SettingKind::Switch => vec!["true".to_owned(), "false".to_owned()],
        SettingKind::Choice { words } => words.clone(),
        _ if row.key == "ui.theme" => std::iter::once("auto".to_owned()).chain(themes.iter().cloned()).collect(),
        SettingKind::Number | SettingKind::Text => {
            screen.mode = Mode::Value { key: row.key, text: value };
            return Vec::new();
        }
        SettingKind::Other => {
            let file = screen.survey.as_ref().map(|survey| survey.file.clone()).unwrap_or_default();
            screen.told = Some(Ok(format!("`{}` is a list; change it in `{file}`", row.key)));
            return Vec::new();
        }
    };
    let at = words.iter().position(|word| *word == value).map_or(0, |at| at + 1) % words.len().max(1);
    change(&row.key, words.get(at).map(String::as_str))
}

/// Says who decides, where the person's file does not.
fn refused(screen: &mut SettingsScreen, row: &SettingRow) -> bool {
    let Some(who) = &row.overridden else { return false };
    screen.told = Some(Ok(format!("the {who} decides over `{}`; unset it to change the setting here", row.key)));
    true
}

fn reset(screen: &mut SettingsScreen) -> Vec<Cmd> {
    screen.told = None;
    let Some(row) = screen.setting().cloned() else { return Vec::new() };
    if refused(screen, &row) { Vec::new() } else { change(&row.key, None) }
}

fn change(key: &str, value: Option<&str>) -> Vec<Cmd> {
    let value = value.map(str::to_owned);
    let changes = vec![(key.to_owned(), value.clone())];
    vec![ask(Op::ChangeSettings { changes }, SettingsAsk::Change { key: key.to_owned(), value })]
}

fn provider_key(screen: &mut SettingsScreen, action: Action) -> Vec<Cmd> {
    screen.told = None;
    let Some(provider) = screen.provider().cloned() else { return Vec::new() };
    let id = provider.id.clone();
    match action {
        Action::TestKey => {
            screen.trials.insert(id.clone(), Trial::Running);
            let op = Op::TryProvider { provider: id.clone(), key: None };
            return vec![ask(op, SettingsAsk::Trial(id))];
        }
        Action::SetKey => {
            if let KeyState::Environment { variable, .. } = &provider.key {
                screen.told = Some(Ok(format!("`{variable}` is set and wins over a stored key; unset it first")));
                return Vec::new();
            }
            let place = screen.survey.as_ref().map(|survey| survey.storage).unwrap_or_default();
            screen.mode = Mode::Key { provider: id, typed: Hidden::default(), place };
        }
        Action::RemoveKey => match &provider.key {
            KeyState::Stored { .. } => screen.mode = Mode::Remove { provider: id },
            KeyState::Environment { variable, .. } => {
                screen.told = Some(Ok(format!("the key is in `{variable}`; unset it where you set it")));
            }
            KeyState::Missing => screen.told = Some(Ok(format!("no key is stored for {}", provider.title))),
        },
        Action::MakeActive => {
            let rows = screen.survey.iter().flat_map(|survey| &survey.settings);
            let over = rows.filter(|row| row.key == "model.provider").find(|row| row.overridden.is_some()).cloned();
            if let Some(row) = over {
                refused(screen, &row);
                return Vec::new();
            }
            let value = Some(id.as_str().to_owned());
            let mut changes = vec![("model.provider".to_owned(), value.clone())];
            if screen.survey.as_ref().is_some_and(|survey| survey.value("model.name").is_some()) {
                // The name belongs to whoever answered before.
                changes.push(("model.name".to_owned(), None));
            }
            let purpose = SettingsAsk::Change { key: "model.provider".to_owned(), value };
            return vec![ask(Op::ChangeSettings { changes }, purpose)];
        }
        _ => {}
    }
    Vec::new()
}

fn typing(screen: &mut SettingsScreen, action: Option<Action>, typed: Option<char>, erase: bool) -> Vec<Cmd> {
    match action {
        Some(Action::Dismiss) => {
            screen.mode = Mode::Browse;
            return Vec::new();
        }
        Some(Action::Accept) => return entered(screen),
        Some(Action::Next | Action::Previous) => {
            if let Mode::Key { place, .. } = &mut screen.mode {
                *place = if *place == KeyPlace::Keychain { KeyPlace::File } else { KeyPlace::Keychain };
            }
            return Vec::new();
        }
        _ => {}
    }
    let text: &mut String = match &mut screen.mode {
        Mode::Key { typed, .. } | Mode::Passphrase { typed, .. } => &mut typed.0,
        Mode::Value { text, .. } => text,
        _ => return Vec::new(),
    };
    match (typed, erase) {
        (Some(c), _) if !c.is_control() => text.push(c),
        (None, true) => {
            text.pop();
        }
        _ => {}
    }
    Vec::new()
}

/// Takes pasted text into what is being typed.
pub fn paste(screen: &mut SettingsScreen, text: &str) {
    let text = single_line(text);
    match &mut screen.mode {
        Mode::Key { typed, .. } | Mode::Passphrase { typed, .. } => typed.0.push_str(text.trim()),
        Mode::Value { text: value, .. } => value.push_str(text.trim()),
        Mode::Model { picker, .. } => {
            let query = format!("{}{text}", picker.query);
            picker.search(&query);
        }
        Mode::Browse | Mode::Remove { .. } => {}
    }
}

/// Enter at the end of what was typed.
fn entered(screen: &mut SettingsScreen) -> Vec<Cmd> {
    let (locked, new) = screen.survey.as_ref().map_or((false, false), |s| (s.locked, !s.key_file));
    match std::mem::replace(&mut screen.mode, Mode::Browse) {
        Mode::Value { key, text } => {
            let text = text.trim();
            change(&key, (!text.is_empty()).then_some(text))
        }
        Mode::Key { provider, typed, place } => {
            let text = typed.0.trim();
            if text.is_empty() {
                return Vec::new();
            }
            let key = Secret::new(text);
            if place == KeyPlace::File && locked {
                screen.mode = Mode::Passphrase { provider, key, typed: Hidden::default(), first: None };
                return Vec::new();
            }
            let op = Op::StoreKey { provider: provider.clone(), key, place };
            vec![ask(op, SettingsAsk::Store(provider))]
        }
        Mode::Passphrase { provider, key, typed, first } => {
            let passphrase = Secret::new(&typed.0);
            match first {
                _ if typed.0.is_empty() => return Vec::new(),
                None if new => {
                    let (typed, first) = (Hidden::default(), Some(passphrase));
                    screen.mode = Mode::Passphrase { provider, key, typed, first };
                    return Vec::new();
                }
                Some(first) if first != passphrase => {
                    screen.told = Some(Ok("the two passphrases differ; nothing was stored".to_owned()));
                    return Vec::new();
                }
                _ => {}
            }
            vec![ask(Op::UnlockKeys { passphrase }, SettingsAsk::Unlock { provider, key })]
        }
        other => {
            screen.mode = other;
            Vec::new()
        }
    }
}

/// Takes an answer in. The screen may be closed by now; then only what counts beyond it is done.
pub fn answered(model: &mut Model, purpose: SettingsAsk, result: Result<Reply, Fault>) -> Vec<Cmd> {
    let again = || vec![ask(Op::Survey, SettingsAsk::Survey), Cmd::Ask { op: Op::Describe, ask: Ask::Describe }];
    let mut commands = Vec::new();
    let mut told = None;
    match (purpose, result) {
        (SettingsAsk::Survey, Ok(Reply::Surveyed { survey })) => {
            if let Some(Overlay::Settings(screen)) = &mut model.overlay {
                screen.fill(*survey);
            }
        }
        (SettingsAsk::Change { key, value }, Ok(_)) => {
            told = Some(Ok(format!("`{key}` {}", changed(model, &key, value.as_deref(), &mut commands))));
            commands.extend(again());
        }
        (SettingsAsk::Trial(id), result) => trial(model, id, result),
        (SettingsAsk::Models(id), result) => models(model, &id, result),
        (SettingsAsk::Store(id), Ok(_)) => {
            told = Some(Ok(format!("the key of {id} is stored; `t` tests it")));
            trial_over(model, &id);
            commands = again();
        }
        (SettingsAsk::Remove(id), Ok(_)) => {
            told = Some(Ok(format!("the key of {id} is deleted")));
            trial_over(model, &id);
            commands = again();
        }
        (SettingsAsk::Unlock { provider, key }, Ok(_)) => {
            let op = Op::StoreKey { provider: provider.clone(), key, place: KeyPlace::File };
            commands = vec![ask(op, SettingsAsk::Store(provider))];
        }
        (_, Err(fault)) => told = Some(Err(fault)),
        (_, Ok(_)) => {}
    }
    match (&mut model.overlay, told) {
        (Some(Overlay::Settings(screen)), Some(told)) => screen.told = Some(told),
        (_, Some(Err(fault))) => model.fail(&fault),
        _ => {}
    }
    commands
}

/// What of a change counts at once in this screen; the words say when the rest does.
fn changed(model: &mut Model, key: &str, value: Option<&str>, commands: &mut Vec<Cmd>) -> &'static str {
    match (key, value) {
        ("ui.theme", Some(name)) if name != "auto" => model.choose_theme(name),
        ("ui.theme", _) => return "is written; it counts from the next start",
        ("ui.mouse", Some(value)) => commands.push(Cmd::Mouse(value == "true")),
        _ if ["model.", "providers.", "network.", "local.", "keys."].iter().any(|s| key.starts_with(s)) => {}
        _ => return "is written; it counts from the next start",
    }
    "is written"
}

fn trial_over(model: &mut Model, id: &ProviderId) {
    if let Some(Overlay::Settings(screen)) = &mut model.overlay {
        screen.trials.remove(id);
    }
}

fn trial(model: &mut Model, id: ProviderId, result: Result<Reply, Fault>) {
    let Some(Overlay::Settings(screen)) = &mut model.overlay else { return };
    let trial = match result {
        Ok(Reply::Models { models }) => Trial::Answered(models.len()),
        Ok(_) => Trial::Answered(0),
        Err(fault) => Trial::Failed(fault),
    };
    screen.trials.insert(id, trial);
}

fn models(model: &mut Model, id: &ProviderId, result: Result<Reply, Fault>) {
    let Some(Overlay::Settings(screen)) = &mut model.overlay else { return };
    let now = screen.survey.as_ref().and_then(|s| s.provider(id)).and_then(|provider| provider.model.clone());
    let Mode::Model { provider, picker } = &mut screen.mode else { return };
    if provider != id {
        return;
    }
    match result {
        Ok(Reply::Models { models }) => {
            let entries = models.iter().map(|info| {
                let choice = Choice::new(&single_line(info.reference.model.as_str()), &single_line(&info.title));
                (choice, Pick::Model(info.reference.clone()))
            });
            picker.fill(entries.collect());
            if let Some(name) = now.as_ref().map(ModelName::as_str) {
                picker.select_pick(&Pick::Model(crate::domain::ModelRef::new(id.as_str(), name)));
            }
        }
        Ok(_) => screen.mode = Mode::Browse,
        Err(fault) => {
            screen.mode = Mode::Browse;
            screen.told = Some(Err(fault));
        }
    }
}
