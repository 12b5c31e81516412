//! Opening overlays, and what their choices do.

use crate::domain::catalog::Readiness;
use crate::domain::{ExistingFiles, Op, ProviderId, QueueHold};
use crate::tui::back::Back;
use crate::tui::cmd::Cmd;
use crate::tui::keymap::{Action, Context};
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Listed, Overlay, Pick, Picker, Question};
use crate::tui::text::sanitize::single_line;
use crate::tui::theme::Theme;

use super::replies;

impl Model {
    /// Opens the list of keys and commands.
    pub fn open_help(&mut self) {
        self.completion = None;
        self.overlay = Some(Overlay::Help { scroll: 0 });
    }

    /// Opens the list of stored sessions.
    pub fn open_session_picker(&mut self, query: &str) -> Vec<Cmd> {
        let mut picker = Picker::new("sessions", "no stored session yet", Vec::new());
        picker.search(query);
        self.overlay = Some(Overlay::Picker(picker));
        vec![Cmd::Ask { op: Op::ListSessions, ask: Ask::Sessions }]
    }

    /// Opens the list of models.
    pub fn open_model_picker(&mut self) -> Vec<Cmd> {
        let entries = self.model_entries();
        let mut picker = Picker::new("who answers", "asking the providers…", entries);
        if let Some(info) = self.model_info() {
            picker.select_pick(&Pick::Model(info.reference.clone()));
        }
        self.overlay = Some(Overlay::Picker(picker));
        vec![Cmd::Ask { op: Op::ListModels { provider: None }, ask: Ask::Models }]
    }

    /// The models known so far, as lines of the list.
    pub fn model_entries(&self) -> Vec<(Choice, Pick)> {
        let mut entries = Vec::new();
        let own = self
            .description
            .iter()
            .map(|d| &d.model)
            .filter(|m| !self.known_models.iter().any(|k| k.reference == m.reference));
        let weights = self.description.iter().flat_map(|d| &d.weights);
        let missing: Vec<_> = weights.filter(|w| !w.installed).collect();
        for info in self.known_models.iter().chain(own) {
            let mut detail = single_line(&info.title);
            if let Some(window) = info.window {
                detail.push_str(&format!(" · {} window", crate::tui::panes::format::count(window)));
            }
            let to_fetch = missing.iter().find(|w| w.name == info.reference.model.as_str());
            if let Some(weights) = to_fetch {
                detail.push_str(&format!(" · {} to fetch", crate::tui::panes::format::bytes(weights.download_bytes)));
            }
            if info.prices.is_none() {
                detail.push_str(" · price unknown");
            }
            let choice = Choice::new(&single_line(&info.reference.to_string()), &detail);
            entries.push((choice, Pick::Model(info.reference.clone())));
        }
        for provider in self.description.iter().flat_map(|d| &d.providers) {
            let what = match &provider.readiness {
                Readiness::NeedsKey(variable) => format!("needs a key: `{}`", single_line(variable)),
                Readiness::Unavailable(why) => single_line(why),
                Readiness::Ready | Readiness::NeedsDownload(_) => continue,
            };
            let label = single_line(provider.id.as_str());
            let detail = format!("{} · {what}", single_line(&provider.title));
            entries.push((Choice::new(&label, &detail), Pick::Unready(provider.id.clone())));
        }
        entries
    }

    /// Opens the list of the session's files.
    pub fn open_file_picker(&mut self) -> Vec<Cmd> {
        let changes = &self.view.state.changes;
        let entries = self
            .code
            .paths()
            .map(|path| {
                let detail = changes.get(path).map(|c| format!("+{} −{}", c.added, c.removed)).unwrap_or_default();
                (Choice::new(&single_line(path.as_str()), &detail), Pick::File(path.clone()))
            })
            .collect();
        self.overlay = Some(Overlay::Picker(Picker::new("files of this session", "no file was written yet", entries)));
        Vec::new()
    }

    /// The names of all themes.
    pub fn theme_names(&self) -> Vec<String> {
        Theme::names(self.settings.user_dir.as_deref())
    }

    /// Opens the list of themes; the one under the choice is shown at once.
    pub fn open_theme_picker(&mut self) {
        let entries = self.theme_names().into_iter().map(|n| (Choice::new(&n, ""), Pick::Theme(n))).collect();
        let mut picker = Picker::new("theme", "no theme found", entries);
        picker.select_pick(&Pick::Theme(self.theme.name().to_owned()));
        picker.revert = Some(self.theme.name().to_owned());
        self.overlay = Some(Overlay::Picker(picker));
    }

    /// Takes a theme.
    pub fn choose_theme(&mut self, name: &str) {
        if self.show_theme(name) {
            self.settings.theme = Some(name.to_owned());
        }
    }

    fn show_theme(&mut self, name: &str) -> bool {
        match Theme::load(name, self.settings.user_dir.as_deref()) {
            Ok(theme) => {
                let theme = theme.with_depth(self.settings.depth);
                self.set_theme(theme);
                true
            }
            Err(fault) => {
                self.fail(&fault);
                false
            }
        }
    }

    /// Opens the list of export targets.
    pub fn open_export_picker(&mut self) {
        let name = self.project_name();
        let entry = |target: String, about: &str| (Choice::new(&target, about), Pick::Export(target));
        let entries = vec![
            entry(format!("zip:{name}.zip"), "one archive, the same bytes for the same files"),
            entry(format!("folder:{name}-export"), "a folder beside the current one"),
        ];
        self.overlay = Some(Overlay::Picker(Picker::new("export to", "", entries)));
    }
}

/// A key in an overlay that shows a list.
pub fn list_key(model: &mut Model, action: Option<Action>, typed: Option<char>, erase: bool) -> Vec<Cmd> {
    match &mut model.overlay {
        Some(Overlay::Help { scroll }) => {
            match action {
                Some(Action::Next | Action::LineDown) => *scroll += 1,
                Some(Action::Previous | Action::LineUp) => *scroll = scroll.saturating_sub(1),
                Some(Action::PageDown) => *scroll += 10,
                Some(Action::PageUp) => *scroll = scroll.saturating_sub(10),
                Some(Action::Top) => *scroll = 0,
                Some(Action::Bottom) => *scroll = usize::MAX / 2,
                Some(Action::Dismiss | Action::Accept | Action::Help) => model.overlay = None,
                _ if matches!(typed, Some('q' | '?')) => model.overlay = None,
                _ if typed == Some('j') => *scroll += 1,
                _ if typed == Some('k') => *scroll = scroll.saturating_sub(1),
                _ if typed == Some(' ') => *scroll += 10,
                _ => {}
            }
            Vec::new()
        }
        Some(Overlay::Picker(picker)) => {
            match action {
                Some(Action::Next) => picker.step(1),
                Some(Action::Previous) => picker.step(-1),
                Some(Action::PageDown) => picker.step(8),
                Some(Action::PageUp) => picker.step(-8),
                Some(Action::Top) => picker.step(isize::MIN / 2),
                Some(Action::Bottom) => picker.step(isize::MAX / 2),
                Some(Action::Accept) => return accept(model),
                Some(Action::Remove | Action::MoveUp | Action::MoveDown | Action::Hold)
                    if picker.listed != Listed::Other =>
                {
                    return change_entry(model, action.unwrap_or(Action::Dismiss));
                }
                Some(Action::Dismiss) => return dismiss(model),
                _ => match (typed, erase) {
                    (Some(c), _) => picker.push(c),
                    (None, true) => picker.pop(),
                    (None, false) => {}
                },
            }
            preview(model);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// A key that changes what the chosen line stands for.
fn change_entry(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return Vec::new() };
    let Some(session) = model.session else { return Vec::new() };
    let held = model.view.state.queue_hold;
    let pick = picker.picked().cloned();
    match (pick, action) {
        (Some(Pick::Grant(scope)), Action::Remove) => {
            vec![Cmd::Ask { op: Op::Revoke { session, scope }, ask: Ask::Revoke }]
        }
        (Some(Pick::Job(job)), Action::Remove) => {
            vec![Cmd::Ask { op: Op::StopJob { session, job }, ask: Ask::StopJob }]
        }
        (Some(Pick::Queued(index)), Action::Remove) => vec![Cmd::plain(Op::DropQueued { session, index })],
        (Some(Pick::Queued(from)), Action::MoveUp | Action::MoveDown) => {
            let by = if action == Action::MoveUp { -1 } else { 1 };
            let to = from.saturating_add_signed(by).min(model.view.state.queue.len().saturating_sub(1));
            if to == from {
                return Vec::new();
            }
            picker.step(by);
            vec![Cmd::plain(Op::MoveQueued { session, from, to })]
        }
        (_, Action::Hold) if picker.listed == Listed::Queue => model.hold_queue(match held {
            QueueHold::Held => QueueHold::Moving,
            QueueHold::Moving => QueueHold::Held,
        }),
        _ => Vec::new(),
    }
}

/// Brings an open list of waiting messages in line with the queue.
pub fn refresh_queue(model: &mut Model) {
    let entries = crate::tui::commands::queue_entries(model);
    if let Some(Overlay::Picker(picker)) = &mut model.overlay
        && picker.listed == Listed::Queue
    {
        picker.refresh(entries);
    }
}

/// Shows the theme under the choice.
pub fn preview(model: &mut Model) {
    if let Some(Overlay::Picker(picker)) = &model.overlay
        && let Some(Pick::Theme(name)) = picker.picked()
    {
        let name = name.clone();
        model.show_theme(&name);
    }
}

fn dismiss(model: &mut Model) -> Vec<Cmd> {
    if let Some(Overlay::Picker(picker)) = model.overlay.take()
        && let Some(name) = picker.revert
    {
        model.show_theme(&name);
    }
    Vec::new()
}

/// Does what the chosen line stands for.
pub fn accept(model: &mut Model) -> Vec<Cmd> {
    let Some(Overlay::Picker(picker)) = model.overlay.take() else { return Vec::new() };
    match picker.picked().cloned() {
        Some(Pick::Model(reference)) => model.select_model(reference),
        Some(Pick::Unready(provider)) => {
            tell_what_is_needed(model, &provider);
            Vec::new()
        }
        Some(Pick::Session(session)) => model.open_session(session),
        Some(Pick::Theme(name)) => {
            model.choose_theme(&name);
            Vec::new()
        }
        Some(Pick::Checkpoint(checkpoint)) => {
            model.open_rewind_picker(checkpoint);
            Vec::new()
        }
        Some(Pick::Rewind(checkpoint, scope)) => model.go_back(Back::Rewind(checkpoint, scope), ExistingFiles::Keep),
        Some(Pick::File(path)) => model.show_file(&path),
        Some(Pick::Export(target)) => {
            model.composer.set(&format!("/export {target}"));
            model.focus_on(crate::tui::view::layout::Focus::Composer);
            model.tell("change the name if you like, then press enter");
            Vec::new()
        }
        Some(Pick::Grant(_)) => {
            let key = model.key_of(Context::List, Action::Remove);
            model.tell(&format!("`/permissions` and then {key} takes it back"));
            Vec::new()
        }
        Some(Pick::Job(_)) => {
            let key = model.key_of(Context::List, Action::Remove);
            model.tell(&format!("`/jobs` and then {key} stops it"));
            Vec::new()
        }
        Some(Pick::Queued(index)) => {
            model.rewrite_queued(index);
            Vec::new()
        }
        Some(Pick::Nothing) | None => Vec::new(),
    }
}

/// Says how a provider that cannot be asked now becomes one that can.
fn tell_what_is_needed(model: &mut Model, provider: &ProviderId) {
    let readiness = model
        .description
        .as_ref()
        .and_then(|d| d.providers.iter().find(|p| p.id == *provider))
        .map(|p| p.readiness.clone());
    let id = single_line(provider.as_str());
    match readiness {
        Some(Readiness::NeedsKey(variable)) => model.warn(
            &format!("`{id}` needs a key"),
            Some(&format!("run `kiln keys set {id}`, or set `{variable}`, and start Kiln again")),
        ),
        Some(Readiness::Unavailable(why)) => model.warn(&format!("`{id}` cannot be asked: {why}"), None),
        _ => {}
    }
}

/// A key in a question.
pub fn confirm_key(model: &mut Model, action: Option<Action>) -> Vec<Cmd> {
    match action {
        Some(Action::Confirm | Action::Accept) => match model.overlay.take() {
            Some(Overlay::Ask(Question::Replace(target))) => model.export(target, ExistingFiles::Replace),
            Some(Overlay::Ask(Question::GoBack(back, _))) => model.go_back(back, ExistingFiles::Replace),
            Some(Overlay::Offer(offer)) => replies::pull(model, &offer.name),
            other => {
                model.overlay = other;
                Vec::new()
            }
        },
        Some(Action::Deny | Action::Dismiss | Action::Cancel) => {
            if let Some(Overlay::Offer(_)) = model.overlay.take() {
                if let Some(text) = model.waiting_prompt.take()
                    && model.composer.is_empty()
                {
                    model.composer.set(&text);
                }
                model.warn(
                    "there is no model to ask; your message is kept",
                    Some("`kiln keys set` gives a provider's key, `/model` chooses another model, enter offers again"),
                );
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}
