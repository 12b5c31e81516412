//! The popup of completions over the composer: when it opens, what is in it, what taking one does.

use crossterm::event::{KeyCode, KeyEvent};

use super::keys::send;
use crate::domain::{Op, ProjectPath};
use crate::tui::cmd::Cmd;
use crate::tui::commands;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::msg::{After, Ask};
use crate::tui::overlays::completion::Kind;
use crate::tui::overlays::{Choice, Completion};
use crate::tui::text::sanitize::single_line;
use crate::tui::widgets::fuzzy_best;

/// Files and folders that are offered at most.
const MOST_MENTIONED: usize = 100;

/// A key that the popup knows.
pub fn key(model: &mut Model, key: KeyEvent, action: Action) -> Vec<Cmd> {
    let Some(popup) = &mut model.completion else { return Vec::new() };
    match action {
        Action::Next => popup.step(1),
        Action::Previous => popup.step(-1),
        Action::Dismiss => model.completion = None,
        _ => return accept(model, key.code == KeyCode::Enter),
    }
    Vec::new()
}

/// Takes the chosen completion; Enter also sends a command that is complete with it.
pub fn accept(model: &mut Model, enter: bool) -> Vec<Cmd> {
    let Some(popup) = model.completion.take() else { return Vec::new() };
    let Some(choice) = popup.chosen() else { return Vec::new() };
    let characters = popup.typed.chars().count();
    match popup.kind {
        Kind::Command => {
            model.composer.complete(characters, &choice.label);
            let ready = commands::find(&choice.label).is_some_and(|c| !c.usage.contains(' ') || c.usage.contains('['));
            if enter && ready {
                return send(model);
            }
            model.composer.insert_char(' ');
        }
        Kind::Argument => {
            model.composer.complete(characters, &choice.label);
            if enter {
                return send(model);
            }
        }
        Kind::File => {
            model.composer.complete(characters, &choice.label);
            model.composer.insert_char(' ');
        }
    }
    refresh(model)
}

/// Opens, narrows or closes the popup by what stands before the caret.
pub fn refresh(model: &mut Model) -> Vec<Cmd> {
    let before = model.composer.before_caret();
    let old = model.completion.take();
    let mut commands_out = Vec::new();
    let popup = if let Some(rest) = before.strip_prefix('/').filter(|_| model.composer.caret_in_first_line()) {
        // A slash that was just typed: the project's own commands may have changed since the last one.
        if rest.is_empty() && old.is_none() {
            ask_for_commands(model, &mut commands_out);
        }
        slash(model, rest, &mut commands_out)
    } else {
        let word = before.rsplit(char::is_whitespace).next().unwrap_or("");
        match word.strip_prefix('@') {
            Some(typed) => mention(model, typed, &mut commands_out),
            None => None,
        }
    };
    model.completion = popup.map(|mut popup| {
        if let Some(old) = &old {
            popup.keep_choice(old);
        }
        popup
    });
    commands_out
}

fn slash(model: &mut Model, rest: &str, commands_out: &mut Vec<Cmd>) -> Option<Completion> {
    if model.custom.is_none() {
        ask_for_commands(model, commands_out);
    }
    let found = slash_choices(model, rest);
    let alone = rest.len() >= 2 && !rest.contains(['/', ' ']);
    // No word of Kiln's own: the project may have one, and only a session knows its project.
    if found.is_none() && alone && model.session.is_none() && model.opening == crate::tui::model::Opening::None {
        commands_out.push(model.start_session(After::Commands));
    }
    found
}

fn ask_for_commands(model: &mut Model, commands_out: &mut Vec<Cmd>) {
    if let Some(session) = model.session {
        model.custom.get_or_insert_default();
        commands_out.push(Cmd::Ask { op: Op::ListCommands { session }, ask: Ask::Commands });
    }
}

fn slash_choices(model: &Model, rest: &str) -> Option<Completion> {
    match rest.split_once(' ') {
        None if rest.contains('/') => None,
        None => {
            let own = model.custom.iter().flatten().map(|one| {
                let about = format!("{} · {}", one.about, one.origin);
                Choice::new(&single_line(&one.name), &single_line(&about))
            });
            let all = commands::COMMANDS.iter().map(|c| Choice::new(c.name, c.about));
            let all: Vec<Choice> = all.chain(own).collect();
            let exact = commands::find(rest).filter(|c| c.name != rest).map(|c| Choice::new(c.name, c.about));
            Completion::new(Kind::Command, rest, &all)
                .or_else(|| exact.and_then(|choice| Completion::new(Kind::Command, "", &[choice])))
        }
        Some((name, argument)) => {
            let command = commands::find(name)?;
            let popup = Completion::new(Kind::Argument, argument, &(command.complete)(model, argument))?;
            let done = popup.choices().len() == 1 && popup.chosen().is_some_and(|c| c.label == argument);
            (!done).then_some(popup)
        }
    }
}

fn mention(model: &mut Model, typed: &str, commands_out: &mut Vec<Cmd>) -> Option<Completion> {
    let Some(files) = &model.files else {
        match model.session {
            Some(session) => commands_out.push(Cmd::Ask { op: Op::ListFiles { session }, ask: Ask::Files }),
            None if model.opening == crate::tui::model::Opening::None => {
                commands_out.push(model.start_session(After::Files));
            }
            None => {}
        }
        return None;
    };
    let mut folders: Vec<String> = Vec::new();
    for path in files {
        let above = path.as_str().rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
        folders.extend(above.filter(|folder| folders.last() != Some(folder)));
    }
    folders.sort();
    folders.dedup();
    // A project may have a hundred thousand files: only what is offered becomes a choice.
    let names = files.iter().map(ProjectPath::as_str).chain(folders.iter().map(String::as_str));
    let places = fuzzy_best(typed, names, MOST_MENTIONED).into_iter();
    let choices = places.filter_map(|place| match files.get(place) {
        Some(path) => Some(Choice::new(path.as_str(), "")),
        None => Some(Choice::new(folders.get(place.checked_sub(files.len())?)?, "folder")),
    });
    Completion::new(Kind::File, typed, &choices.collect::<Vec<_>>())
}
