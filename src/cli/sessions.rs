//! `kiln sessions`: list, show, rm. `resume` opens the terminal interface and is in `open`.

use clap::Subcommand;

use super::console::Console;
use super::exit::{Exit, Failure};
use super::feed::{ended, unexpected};
use super::words::{check_words, one_line};
use crate::domain::{
    Content, Decision, Event, ItemKind, Op, Project, Reply, SessionId, SessionState, SessionSummary, SessionView,
    TurnOutcome,
};
use crate::engine::Engine;

/// `kiln sessions`.
#[derive(Debug, Subcommand)]
pub enum SessionsVerb {
    /// List all sessions, newest first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print a session's transcript
    Show {
        /// A session's id, its short id, or `last`
        session: String,
        /// The folded state as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Open a session in the terminal interface
    Resume {
        /// A session's id, its short id, or `last`
        #[arg(default_value = "last")]
        session: String,
        /// What to say next
        prompt: Option<String>,
    },
    /// Delete a session, and the folder of its scratch project
    Rm {
        /// A session's id, its short id, or `last`
        session: String,
    },
}

pub(super) async fn run(engine: &Engine, verb: &SessionsVerb, console: &mut Console) -> Result<Exit, Failure> {
    match verb {
        SessionsVerb::List { json } => list(engine, *json, console).await,
        SessionsVerb::Show { session, json } => show(engine, session, *json, console).await,
        SessionsVerb::Resume { session, .. } => show(engine, session, false, console).await,
        SessionsVerb::Rm { session } => remove(engine, session, console).await,
    }
}

async fn summaries(engine: &Engine) -> Result<Vec<SessionSummary>, Failure> {
    match engine.ask(Op::ListSessions).await? {
        Reply::Sessions { sessions } => Ok(sessions),
        _ => Err(unexpected()),
    }
}

/// The session that the person means: a full id, a short id or the start of one, or `last`.
pub async fn find(engine: &Engine, text: &str) -> Result<SessionId, Failure> {
    let sessions = summaries(engine).await?;
    let hint = "`kiln sessions list` names the stored sessions";
    if text == "last" {
        let newest = sessions.iter().max_by_key(|summary| summary.updated);
        return newest
            .map(|summary| summary.session)
            .ok_or_else(|| Failure::not_found("there is no stored session", "start one with `kiln`"));
    }
    let wanted = text.trim().to_ascii_lowercase();
    let full = SessionId::parse(&wanted);
    let mut matching = sessions
        .iter()
        .map(|summary| summary.session)
        .filter(|session| full == Some(*session) || (wanted.len() >= 4 && session.short().starts_with(&wanted)));
    match (matching.next(), matching.next()) {
        (Some(session), None) => Ok(session),
        (None, _) => Err(Failure::not_found(format!("there is no session `{text}`"), hint)),
        (Some(_), Some(_)) => Err(Failure::not_found(
            format!("more than one session begins with `{text}`"),
            "give all eight characters of the short id, or the full id",
        )),
    }
}

/// All stored sessions, newest first.
pub async fn list(engine: &Engine, json: bool, console: &mut Console) -> Result<Exit, Failure> {
    let sessions = summaries(engine).await?;
    if sessions.is_empty() && !json {
        console.note("no session is stored yet; start one with `kiln`");
    }
    for summary in sessions {
        if json {
            console.json(&summary)?;
            continue;
        }
        let updated = summary.updated.strftime("%Y-%m-%d %H:%M");
        let title = one_line(&summary.title);
        console.line(&format!("{}  {updated}  {title}  ({})", summary.session.short(), place(&summary.project)))?;
    }
    Ok(Exit::Done)
}

fn place(project: &Project) -> String {
    match project {
        Project::Directory { root } => root.display().to_string(),
        Project::Scratch { .. } => "scratch".to_owned(),
    }
}

/// A session's transcript, or its whole folded state as JSON.
pub async fn show(engine: &Engine, session: &str, json: bool, console: &mut Console) -> Result<Exit, Failure> {
    let session = find(engine, session).await?;
    let view = view(engine, session).await?;
    if json {
        console.json(&view.state)?;
    } else {
        transcript(&view.state, session, console)?;
    }
    Ok(Exit::Done)
}

/// Opens a session and looks at it. Opening may add facts, such as the end of a turn that was
/// killed, so what is looked at is a second snapshot behind them. A session that another Kiln has
/// open is shown as it stands.
async fn view(engine: &Engine, session: SessionId) -> Result<SessionView, Failure> {
    let opened = engine.ask(Op::OpenSession { session }).await;
    let mut events = engine.subscribe();
    engine.ask(Op::Snapshot { session }).await.map_err(|fault| opened.err().unwrap_or(fault))?;
    let mut newest: Option<SessionView> = None;
    loop {
        // A snapshot precedes the reply to its question, so one is here already, unless too much came.
        let event = match (events.try_next(), newest.take()) {
            (None, Some(view)) => return Ok(view),
            (None, None) => events.next().await.ok_or_else(ended)?,
            (Some(event), before) => {
                newest = before;
                event
            }
        };
        match &*event {
            Event::Snapshot { session: of, view } if *of == session => newest = Some((**view).clone()),
            Event::Lagged => {
                engine.ask(Op::Snapshot { session }).await?;
            }
            _ => {}
        }
    }
}

fn transcript(state: &SessionState, session: SessionId, console: &mut Console) -> Result<(), Failure> {
    console.line(&format!("session {}  {}", session.short(), one_line(&state.display_title())))?;
    if let Some(project) = &state.project {
        console.line(&format!("project {}", project.root().display()))?;
    }
    for item in &state.items {
        let text = match &item.kind {
            ItemKind::User { text, .. } => format!("\n> {}", text.trim_end().replace('\n', "\n> ")),
            ItemKind::Steered { text, .. } => format!("> {}", text.trim_end().replace('\n', "\n> ")),
            ItemKind::Reasoning { .. } | ItemKind::PlanDecided { .. } => continue,
            ItemKind::Decided { title, decision, .. } => match decision {
                Decision::Deny { .. } => format!("[not allowed: {}]", one_line(title)),
                Decision::Allow | Decision::AllowFurther { .. } => continue,
            },
            ItemKind::Asked { question, answer, .. } => {
                format!("[asked: {}]\n> {}", one_line(question), one_line(answer))
            }
            ItemKind::Check { run } => format!("[{}]", check_words(run)),
            ItemKind::Answer { text, whole, .. } => {
                format!("\n{}{}", text.trim_end(), if *whole { "" } else { " [cut off]" })
            }
            ItemKind::Call { name, answer, .. } => match answer {
                Some(answer) if answer.failed => format!("[{name} refused: {}]", first_line(&answer.content)),
                _ => continue,
            },
            ItemKind::Change { change } => format!("[{} +{} -{}]", change.path, change.added, change.removed),
            ItemKind::Attached { name, .. } => format!("[gave the model {name}]"),
            ItemKind::Compacted { dropped, .. } => {
                format!("[compacted about {} tokens]", dropped.iter().map(|one| one.tokens).sum::<u64>())
            }
            ItemKind::Notice { text } => format!("[{text}]"),
            ItemKind::Ended { outcome, .. } => match outcome {
                TurnOutcome::Completed => continue,
                TurnOutcome::Cancelled => "[cancelled]".to_owned(),
                TurnOutcome::Interrupted => "[interrupted]".to_owned(),
                TurnOutcome::Failed { fault } => format!("[failed: {fault}]"),
            },
            ItemKind::Undone { turn, paths, .. } => format!("[turn {turn} undone, {} files]", paths.len()),
            ItemKind::Redone { paths, .. } => format!("[done again, {} files]", paths.len()),
            ItemKind::Rewound { checkpoint, paths, .. } => {
                format!("[back to checkpoint {checkpoint}, {} files]", paths.len())
            }
            ItemKind::Exported { path, files, .. } => format!("[exported {files} files to {path}]"),
        };
        console.line(&text)?;
    }
    Ok(())
}

fn first_line(content: &[Content]) -> &str {
    content
        .iter()
        .find_map(|content| match content {
            Content::Text { text } => text.lines().next(),
            _ => None,
        })
        .unwrap_or("no reason given")
}

/// Deletes a session and, for a scratch project, its folder.
pub async fn remove(engine: &Engine, session: &str, console: &mut Console) -> Result<Exit, Failure> {
    let session = find(engine, session).await?;
    engine.ask(Op::RemoveSession { session }).await?;
    console.note(&format!("session {} is deleted", session.short()));
    Ok(Exit::Done)
}
