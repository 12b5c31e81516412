//! Answers to what was asked of the engine.

use crate::domain::op::PullSource;
use crate::domain::{Fault, FaultClass, Op, Reply, SessionSummary};
use crate::tui::back;
use crate::tui::cmd::Cmd;
use crate::tui::model::{Leaving, Model, Opening};
use crate::tui::msg::{After, Ask};
use crate::tui::overlays::{Choice, Overlay, Pick, Question};
use crate::tui::panes::format::{bytes, plural};
use crate::tui::text::sanitize::single_line;

use super::{completion, dialogs, engine};

/// Takes an answer in.
pub fn answered(model: &mut Model, ask: Ask, result: Result<Reply, Fault>) -> Vec<Cmd> {
    if let Ask::Settings(purpose) = ask {
        return super::settings::answered(model, purpose, result);
    }
    match result {
        Ok(reply) => taken(model, ask, reply),
        Err(fault) => refused(model, ask, &fault),
    }
}

fn taken(model: &mut Model, ask: Ask, reply: Reply) -> Vec<Cmd> {
    match (ask, reply) {
        (Ask::Describe, Reply::Described { description }) => {
            if let Some(trouble) = description.troubles.first() {
                model.fail(trouble);
            }
            model.description = Some(*description);
            model.release_prompt()
        }
        (Ask::Start { after }, Reply::Session { session }) => {
            model.starting_prompt = None;
            engine::adopt(model, session);
            let mut commands = engine::resync(model);
            commands.extend(model.tell_wishes());
            commands.extend(model.release_prompt());
            if after == After::Commands {
                commands.push(Cmd::Ask { op: Op::ListCommands { session }, ask: Ask::Commands });
            }
            if after == After::Files {
                commands.push(Cmd::Ask { op: Op::ListFiles { session }, ask: Ask::Files });
            }
            commands
        }
        (Ask::Open(wished), Reply::Session { session }) if model.opening == Opening::Stored(wished) => {
            engine::adopt(model, session);
            let mut commands = engine::resync(model);
            commands.extend(model.release_prompt());
            commands
        }
        (Ask::Back(way), reply) => back::taken(model, way, reply),
        (Ask::Revoke, _) => {
            model.tell("taken back; it asks again from now on");
            model.with_session(|session| Cmd::Ask { op: Op::ListPermissions { session }, ask: Ask::Permissions })
        }
        (Ask::StopJob, _) => {
            model.tell("asked to end; what it does not heed is ended two seconds later");
            model.with_session(|session| Cmd::Ask { op: Op::ListJobs { session }, ask: Ask::Jobs })
        }
        (Ask::File(_), Reply::File { file }) => {
            model.code.answered(&file);
            model.ask_for_file()
        }
        (Ask::Export(_), Reply::Exported { path, files, bytes: size, renamed }) => {
            let mut text =
                format!("exported {}, {}, to {}", plural(files, "file"), bytes(size), path.to_string_lossy());
            if !renamed.is_empty() {
                text.push_str(&format!("; {} renamed for other systems", plural(renamed.len(), "name")));
            }
            model.tell(&single_line(&text));
            Vec::new()
        }
        (ask @ (Ask::OpenReview | Ask::Review), Reply::Review { review, refused }) => {
            model.show_review(review, ask == Ask::OpenReview);
            if let Some(fault) = refused {
                model.fail(&fault);
            }
            Vec::new()
        }
        (Ask::Pull(_), _) => {
            model.pulling = None;
            vec![Cmd::Ask { op: Op::Describe, ask: Ask::Describe }]
        }
        (Ask::SelectModel(wished), _) => {
            model.tell(&format!("`{wished}` answers from the next message on"));
            Vec::new()
        }
        (Ask::Compact, _) => {
            model.tell(
                "the oldest part is a summary now; `/context` shows what is in it, `/compact undo` takes it back",
            );
            Vec::new()
        }
        (ask, reply) => listed(model, &ask, reply),
    }
}

/// Answers that fill a list.
fn listed(model: &mut Model, ask: &Ask, reply: Reply) -> Vec<Cmd> {
    match (ask, reply) {
        (Ask::Checkpoints, Reply::Checkpoints { checkpoints }) => {
            fill_picker(model, checkpoints.iter().map(back::entry).collect());
            Vec::new()
        }
        (Ask::Sessions, Reply::Sessions { sessions }) => {
            fill_picker(model, sessions.iter().map(session_entry).collect());
            Vec::new()
        }
        (Ask::Connections, Reply::Connections { connections }) => {
            fill_picker(model, crate::tui::commands::connection_entries(&connections));
            Vec::new()
        }
        (Ask::Permissions, Reply::Permissions { grants, .. }) => {
            fill_picker(model, crate::tui::commands::permission_entries(&grants));
            Vec::new()
        }
        (Ask::Jobs, Reply::Jobs { jobs }) => {
            fill_picker(model, crate::tui::commands::job_entries(&jobs));
            Vec::new()
        }
        (Ask::Models, Reply::Models { models }) => {
            model.known_models = models;
            let entries = model.model_entries();
            fill_picker(model, entries);
            Vec::new()
        }
        (Ask::Files, Reply::Files { files }) => {
            model.files = Some(files);
            completion::refresh(model)
        }
        (Ask::Context, Reply::Context { context }) => {
            fill_picker(model, crate::tui::commands::context_entries(&context));
            Vec::new()
        }
        (Ask::Notes, Reply::Notes { path, notes }) => {
            fill_picker(model, crate::tui::commands::note_entries(path.as_deref(), &notes));
            Vec::new()
        }
        (Ask::Commands, Reply::Commands { commands }) => {
            model.custom = Some(commands);
            completion::refresh(model)
        }
        _ => Vec::new(),
    }
}

fn refused(model: &mut Model, ask: Ask, fault: &Fault) -> Vec<Cmd> {
    match ask {
        Ask::Start { .. } => {
            model.opening = Opening::None;
            give_back(model);
        }
        Ask::Open(_) => model.opening = Opening::None,
        Ask::Send { text } if model.composer.is_empty() => model.composer.set(&text),
        Ask::Pull(_) => {
            model.pulling = None;
            give_back(model);
        }
        Ask::Export(target) if fault.class == FaultClass::Exists => {
            model.overlay = Some(Overlay::Ask(Question::Replace(target)));
            return Vec::new();
        }
        Ask::File(path) => {
            model.code.unanswered(&path);
        }
        Ask::Decision => dialogs::refused(model),
        Ask::Cancel if model.leaving == Leaving::Stopping => return vec![Cmd::Quit],
        Ask::Describe => give_back(model),
        _ => {}
    }
    model.fail(fault);
    Vec::new()
}

/// A prompt that could not be sent goes back to where it can be sent again.
fn give_back(model: &mut Model) {
    if let Some(text) = model.starting_prompt.take().or_else(|| model.waiting_prompt.take())
        && model.composer.is_empty()
    {
        model.composer.set(&text);
    }
}

fn fill_picker(model: &mut Model, entries: Vec<(Choice, Pick)>) {
    if let Some(Overlay::Picker(picker)) = &mut model.overlay {
        picker.fill(entries);
    }
}

fn session_entry(summary: &SessionSummary) -> (Choice, Pick) {
    let updated = summary.updated.strftime("%Y-%m-%d %H:%M");
    let detail = format!("{updated} · {} · {}", single_line(&summary.project.name()), summary.session.short());
    (Choice::new(&single_line(&summary.title), &detail), Pick::Session(summary.session))
}

/// Fetches the weights that were offered.
pub fn pull(model: &mut Model, name: &str) -> Vec<Cmd> {
    model.pulling = Some(crate::tui::panes::status::Pulling {
        name: name.to_owned(),
        stage: "fetching".to_owned(),
        received: 0,
        total: None,
    });
    let op = Op::PullModel { name: name.to_owned(), from: PullSource::Catalogue };
    vec![Cmd::Ask { op, ask: Ask::Pull(name.to_owned()) }]
}
