//! `kiln [PROMPT]`, `kiln new`, `kiln tour`, `kiln sessions resume`: the terminal interface where
//! there is a terminal, else the same as `kiln exec`.

use std::time::Duration;

use super::assemble::{self, Colour, Inputs, Replay};
use super::console::{Console, Stream};
use super::exec::{ExecRequest, Start, exec, read_prompt};
use super::exit::{Exit, Failure};
use super::flags::Common;
use super::interrupt::Interrupts;
use super::progress::Format;
use super::{keys, sessions};
use crate::config::TerminalHints;
use crate::domain::Fault;
use crate::domain::op::NewProject;
use crate::providers::scrub::Scrubber;
use crate::tui;

/// What the recording that Kiln carries was made with.
const TOUR_PROMPT: &str = "a focus timer for the browser: 25 minutes of work, 5 of rest, with a ring that burns down";

/// Where to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where the flags say, else the current folder.
    Here,
    /// A scratch project.
    Scratch,
    /// A stored session, as the person named it.
    Session(String),
}

/// What the terminal interface begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    pub begin: Begin,
    /// Sent at once.
    pub prompt: Option<String>,
    /// A theme's name, or `auto`.
    pub theme: String,
    pub mouse: bool,
    pub frame_rate: u32,
    pub colour: Colour,
    pub terminal: TerminalHints,
    /// Shown when the first frame stands.
    pub troubles: Vec<Fault>,
}

/// A fresh session or a stored one.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    New(NewProject),
    /// As the person named it; [`super::find_session`] resolves it.
    Stored(String),
}

pub(super) fn open(
    inputs: Inputs,
    common: &Common,
    place: Place,
    prompt: Option<String>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let begin = match place {
        Place::Here => Begin::New(assemble::project(common)?),
        Place::Scratch => Begin::New(NewProject::Scratch),
        Place::Session(session) => Begin::Stored(session),
    };
    let terminal = console.input() == Stream::Terminal && console.output() == Stream::Terminal;
    if terminal && !inputs.environment.terminal().is_dumb() {
        keys::unlock_where_needed(&inputs, console)?;
        let launch = Launch {
            begin,
            prompt,
            theme: inputs.settings.ui.theme.clone(),
            mouse: inputs.settings.ui.mouse,
            frame_rate: inputs.settings.ui.frame_rate,
            colour: inputs.colour,
            terminal: inputs.environment.terminal(),
            troubles: inputs.troubles.clone(),
        };
        return interface(inputs, launch, console);
    }
    headless(inputs, begin, prompt, console)
}

/// Runs the terminal interface. Nothing slow happens before its first frame: the engine looks at
/// databases and keychains on a task of its own.
fn interface(inputs: Inputs, launch: Launch, console: &mut Console) -> Result<Exit, Failure> {
    let settings = ui_settings(&inputs, &launch)?;
    tui::terminal::crash::install(inputs.paths.crashes(), |text| Scrubber::default().scrub(text).into_owned());
    let banner = inputs.replay.as_ref().map(|replay| match replay {
        Replay::Tour => "a recorded session: no model is asked".to_owned(),
        Replay::File(path) => format!("replaying {}", path.display()),
    });
    let touring = inputs.replay == Some(Replay::Tour);
    assemble::with_engine(inputs, console, async |engine, _| {
        let (project, open) = match launch.begin {
            Begin::New(project) => (project, None),
            Begin::Stored(session) => (NewProject::Scratch, Some(sessions::find(engine, &session).await?)),
        };
        let start = tui::Start {
            engine: engine.clone(),
            project,
            model: None,
            prompt: launch.prompt.or_else(|| touring.then(|| TOUR_PROMPT.to_owned())),
            open,
            settings,
            replay_banner: banner,
        };
        tui::run(start).await?;
        Ok(Exit::Done)
    })
}

fn ui_settings(inputs: &Inputs, launch: &Launch) -> Result<tui::UiSettings, Failure> {
    let bindings = inputs.paths.bindings_file();
    let keys = match std::fs::read_to_string(&bindings) {
        Ok(text) => tui::Keymap::standard().with_overrides(&text, &bindings.display().to_string())?,
        Err(_) => tui::Keymap::standard(),
    };
    let hints = &launch.terminal;
    let no_color = (launch.colour == Colour::Never).then_some("1");
    Ok(tui::UiSettings {
        theme: Some(launch.theme.clone()).filter(|theme| theme != "auto"),
        frame: Duration::from_millis(u64::from(1000 / launch.frame_rate.clamp(1, 60))),
        mouse: if launch.mouse { tui::Mouse::On } else { tui::Mouse::Off },
        user_dir: Some(inputs.paths.config().to_owned()),
        history: Some(inputs.paths.history()),
        depth: tui::ColorDepth::detect(hints.term.as_deref(), hints.colorterm.as_deref(), no_color),
        keys,
        place: tui::Place { remote: hints.ssh, tmux: hints.tmux },
        editor: None,
        mode: inputs.settings.agent.mode,
        planning: inputs.settings.agent.plan,
        bell: if inputs.settings.ui.bell { tui::Bell::On } else { tui::Bell::Off },
        review: inputs.settings.agent.review,
    })
}

fn headless(mut inputs: Inputs, begin: Begin, prompt: Option<String>, console: &mut Console) -> Result<Exit, Failure> {
    let prompt = match prompt {
        Some(prompt) => prompt,
        // The recording answers whatever it is asked.
        None if inputs.replay == Some(Replay::Tour) => TOUR_PROMPT.to_owned(),
        None if console.input() == Stream::Plain => read_prompt()?,
        None => String::new(),
    };
    if prompt.trim().is_empty() {
        return Err(Failure::usage(
            "there is no terminal to open and no prompt to run",
            "give a prompt, such as `kiln \"a page with a clock\"`, or start Kiln in a terminal",
        ));
    }
    keys::unlock_where_needed(&inputs, console)?;
    console.troubles(&inputs.troubles);
    let mode = inputs.settings.agent.mode;
    // Nobody waits for a title here.
    inputs.settings.agent.titles = false;
    assemble::with_engine(inputs, console, async |engine, console| {
        let start = match begin {
            Begin::New(project) => Start::New(project),
            Begin::Stored(session) => Start::Stored(sessions::find(engine, &session).await?),
        };
        let request = ExecRequest { start, prompt, format: Format::Text, mode, export: None };
        exec(engine, request, console, &mut Interrupts::system()).await
    })
}
