//! The loop: wait for one thing, take whatever else is ready, update for each, draw once.
//!
//! The only file of this room that awaits. Keys are drawn at once, everything else at most once
//! in a frame's time; with nothing moving there is no timer at all.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use crate::domain::op::NewProject;
use crate::domain::{Fault, FaultClass, ModelRef, Op, SessionId};
use crate::engine::{Engine, Events};
use crate::tui::cmd::Cmd;
use crate::tui::effects::{Effects, Outcome};
use crate::tui::model::{Model, Mouse, UiSettings};
use crate::tui::msg::{Ask, Msg};
use crate::tui::terminal::modes::{Keys, Mouse as MouseMode};
use crate::tui::terminal::{
    self, Input, Inputs, ModeOptions, Modes, Output, Screen, ScrollHint, Signal, Synchronized, background, signals,
};
use crate::tui::text::highlight::{HighlightDone, Highlighter};
use crate::tui::theme::{Background, Theme};
use crate::tui::update::update;
use crate::tui::view::view;
use crate::tui::widgets::SPINNER_STEP;

/// Events taken in before keys are looked at again.
const DRAIN: usize = 512;

/// What the app begins with.
#[derive(Debug)]
pub struct Start {
    pub engine: Engine,
    pub project: NewProject,
    /// The model asked for, if not the default.
    pub model: Option<ModelRef>,
    /// A first message, sent as soon as there is a model.
    pub prompt: Option<String>,
    /// A stored session to open.
    pub open: Option<SessionId>,
    pub settings: UiSettings,
    /// Words beside the header while a recording plays.
    pub replay_banner: Option<String>,
}

/// Runs the app until the person leaves it. Needs a tokio runtime and a terminal.
///
/// # Errors
/// The terminal cannot be used or is gone.
pub async fn run(start: Start) -> Result<(), Fault> {
    let mut app = App::begin(start)?;
    let result = app.serve().await;
    app.modes.restore();
    result
}

/// What can wake the loop.
enum Wake {
    Input(Option<io::Result<Input>>),
    Event(Option<std::sync::Arc<crate::domain::Event>>),
    Highlight(HighlightDone),
    Signal(Signal),
    Outcome(Outcome),
    Timer,
}

/// Whether the next frame may wait for the frame clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Nothing,
    Soon,
    Now,
}

struct App {
    model: Model,
    screen: Screen<Output>,
    scratch: Buffer,
    modes: Modes,
    inputs: Option<Inputs>,
    events: Events,
    effects: Effects,
    outcomes: mpsc::Receiver<Outcome>,
    highlights: mpsc::Receiver<HighlightDone>,
    signals: Option<mpsc::Receiver<Signal>>,
    due: Due,
    drawn: Instant,
    /// The shortest time between two frames that no key asked for.
    frame: Duration,
    ended: bool,
}

impl App {
    /// Enters the full screen and draws the first frame, before anything is asked of anyone.
    fn begin(start: Start) -> Result<Self, Fault> {
        let settings = start.settings;
        let place = settings.place;
        let frame = settings.frame;
        let theme = first_theme(&settings);
        let mouse = if settings.mouse == Mouse::On { MouseMode::Captured } else { MouseMode::Free };
        let (width, height) = crossterm::terminal::size().map_err(|error| gone(&error))?;
        let modes = Modes::enter(ModeOptions { mouse, keys: Keys::Told }).map_err(|error| gone(&error))?;
        let synchronized = if place.tmux { Synchronized::Off } else { Synchronized::On };
        let screen = Screen::new(terminal::output(), width, height, synchronized);
        let (highlighter, highlights) = Highlighter::spawn();
        let mut model = Model::new(settings, start.project, theme, Some(highlighter));
        model.banner = start.replay_banner;
        model.chosen = start.model;
        model.size = (width, height);
        model.now = Timestamp::now();
        let events = start.engine.subscribe();
        let (effects, outcomes) = Effects::new(start.engine, place, model.settings.history.clone());
        let scratch = Buffer::empty(Rect::new(0, 0, width, height));
        let mut app = Self {
            model,
            screen,
            scratch,
            modes,
            inputs: None,
            events,
            effects,
            outcomes,
            highlights,
            signals: None,
            due: Due::Now,
            drawn: Instant::now(),
            frame,
            ended: false,
        };
        app.draw()?;
        app.effects.load_history();
        app.signals = signals::spawn().ok();
        app.open_inputs();
        if app.model.settings.theme.is_none() {
            app.screen.write_raw(background::QUERY).map_err(|error| gone(&error))?;
            if let Some(inputs) = &mut app.inputs {
                inputs.expect_background();
            }
        }
        app.perform(vec![Cmd::Ask { op: Op::Describe, ask: Ask::Describe }])?;
        if let Some(session) = start.open {
            let commands = app.model.open_session(session);
            app.perform(commands)?;
        }
        if let Some(prompt) = start.prompt {
            let commands = app.model.send_prompt(prompt);
            app.due = Due::Now;
            app.perform(commands)?;
        }
        Ok(app)
    }

    async fn serve(&mut self) -> Result<(), Fault> {
        while !self.ended {
            let timer = self.timer();
            let wake = self.wait(timer).await;
            self.message(Msg::Now(Timestamp::now()))?;
            self.take(wake)?;
            self.drain().await?;
            let waited = self.drawn.elapsed() >= self.frame;
            if self.due == Due::Now || (self.due == Due::Soon && waited) {
                self.draw()?;
            }
        }
        Ok(())
    }

    /// When to wake without anything happening; `None` sleeps for good.
    fn timer(&self) -> Option<Duration> {
        if self.due > Due::Nothing {
            return Some(self.frame.saturating_sub(self.drawn.elapsed()));
        }
        let step = self.model.moves().then(|| SPINNER_STEP.saturating_sub(self.drawn.elapsed()));
        let deadline = self.model.deadline().map(|at| {
            let left = at.duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or(Duration::ZERO) + Duration::from_millis(10)
        });
        step.into_iter().chain(deadline).min()
    }

    async fn wait(&mut self, timer: Option<Duration>) -> Wake {
        let inputs = &mut self.inputs;
        let signals = &mut self.signals;
        tokio::select! {
            biased;
            input = async { match inputs { Some(inputs) => inputs.next().await, None => std::future::pending().await } } => Wake::Input(input),
            Some(signal) = async { match signals { Some(signals) => signals.recv().await, None => std::future::pending().await } } => Wake::Signal(signal),
            event = self.events.next() => Wake::Event(event),
            Some(outcome) = self.outcomes.recv() => Wake::Outcome(outcome),
            Some(done) = self.highlights.recv() => Wake::Highlight(done),
            () = async { match timer { Some(time) => tokio::time::sleep(time).await, None => std::future::pending().await } } => Wake::Timer,
        }
    }

    /// Takes whatever else is ready, keys first.
    async fn drain(&mut self) -> Result<(), Fault> {
        // The input stream keeps the first waker it sees, so it must be polled with this task's own.
        while !self.ended {
            let Some(inputs) = &mut self.inputs else { break };
            let ready = std::future::poll_fn(|context| {
                let mut next = std::pin::pin!(inputs.next());
                std::task::Poll::Ready(match next.as_mut().poll(context) {
                    std::task::Poll::Ready(input) => Some(input),
                    std::task::Poll::Pending => None,
                })
            })
            .await;
            let Some(input) = ready else { break };
            self.take(Wake::Input(input))?;
        }
        for _ in 0..DRAIN {
            let Some(event) = self.events.try_next() else { break };
            self.take(Wake::Event(Some(event)))?;
        }
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.take(Wake::Outcome(outcome))?;
        }
        while let Ok(done) = self.highlights.try_recv() {
            self.take(Wake::Highlight(done))?;
        }
        Ok(())
    }

    fn take(&mut self, wake: Wake) -> Result<(), Fault> {
        match wake {
            Wake::Input(None) => self.ended = true,
            Wake::Input(Some(Err(error))) => return Err(gone(&error)),
            Wake::Input(Some(Ok(input))) => {
                self.due = Due::Now;
                let msg = match input {
                    Input::Key(key) => Msg::Key(key),
                    Input::Paste(text) => Msg::Paste(text),
                    Input::Mouse(mouse) => Msg::Mouse(mouse),
                    Input::Background(background) => Msg::Background(background),
                    Input::Focus(_) => return Ok(()),
                    Input::Resize(width, height) => {
                        self.screen.resize(width, height);
                        Msg::Resize { width, height }
                    }
                };
                return self.message(msg);
            }
            Wake::Event(Some(event)) => {
                self.due = self.due.max(Due::Soon);
                return self.message(Msg::Event(event));
            }
            Wake::Event(None) => return self.message(Msg::EngineGone),
            Wake::Highlight(done) => {
                self.due = self.due.max(Due::Soon);
                return self.message(Msg::Highlighted(done));
            }
            Wake::Signal(signal) => return self.signal(signal),
            Wake::Outcome(outcome) => {
                self.due = self.due.max(Due::Soon);
                if !outcome.bytes.is_empty() {
                    self.screen.write_raw(&outcome.bytes).map_err(|error| gone(&error))?;
                }
                return self.message(outcome.msg);
            }
            Wake::Timer => self.due = self.due.max(Due::Soon),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Fault> {
        self.due = Due::Now;
        match signal {
            Signal::Terminate | Signal::HangUp | Signal::Interrupt => self.message(Msg::Terminate),
            Signal::Suspend => self.perform(vec![Cmd::Suspend]),
            Signal::Continue => self.perform(vec![Cmd::Repaint]),
        }
    }

    fn message(&mut self, msg: Msg) -> Result<(), Fault> {
        let commands = update(&mut self.model, msg);
        self.perform(commands)
    }

    fn perform(&mut self, commands: Vec<Cmd>) -> Result<(), Fault> {
        for command in commands {
            match command {
                Cmd::Ask { op, ask } => {
                    if let Some(answer) = self.effects.ask(op, ask) {
                        self.due = self.due.max(Due::Soon);
                        self.message(answer)?;
                    }
                }
                Cmd::Compare(comparison) => self.effects.compare(comparison),
                Cmd::Remember(text) => self.effects.remember(text),
                Cmd::Copy(text) => self.effects.copy(text),
                Cmd::Edit(text) => self.edit(&text)?,
                Cmd::Suspend => self.hand_over(|modes| modes.suspend())?,
                Cmd::Repaint => {
                    self.screen.force_redraw();
                    self.due = Due::Now;
                }
                Cmd::Mouse(on) => {
                    let mouse = if on { MouseMode::Captured } else { MouseMode::Free };
                    self.modes.set_mouse(mouse).map_err(|error| gone(&error))?;
                }
                Cmd::Bell => self.screen.write_raw(b"\x07").map_err(|error| gone(&error))?,
                Cmd::Quit => self.ended = true,
            }
        }
        Ok(())
    }

    fn edit(&mut self, text: &str) -> Result<(), Fault> {
        let Some(editor) = self.model.settings.editor else {
            let fault = Fault::new(FaultClass::Invalid, "no editor is set").hint("set `EDITOR` and start Kiln again");
            return self.message(Msg::Edited(Err(fault)));
        };
        let text = text.to_owned();
        let result = self.hand_over(|modes| modes.leave_for(|| editor(&text)))?;
        self.message(Msg::Edited(result))
    }

    /// Gives the terminal away for a while; the input stream must be gone meanwhile.
    fn hand_over<T>(&mut self, work: impl FnOnce(&mut Modes) -> io::Result<T>) -> Result<T, Fault> {
        self.inputs = None;
        let result = work(&mut self.modes).map_err(|error| gone(&error))?;
        self.open_inputs();
        self.screen.force_redraw();
        self.due = Due::Now;
        let (width, height) = crossterm::terminal::size().map_err(|error| gone(&error))?;
        self.screen.resize(width, height);
        self.message(Msg::Resize { width, height })?;
        Ok(result)
    }

    fn open_inputs(&mut self) {
        self.inputs = Some(Inputs::new());
    }

    fn draw(&mut self) -> Result<(), Fault> {
        let (width, height) = self.screen.size();
        let area = Rect::new(0, 0, width, height);
        if self.scratch.area == area {
            self.scratch.reset();
        } else {
            self.scratch = Buffer::empty(area);
        }
        let frame = view(&mut self.model, &mut self.scratch);
        if let Some(moved) = frame.moved {
            self.screen.hint_scroll(ScrollHint { top: moved.top, bottom: moved.bottom, lines: moved.lines });
        }
        let scratch = &mut self.scratch;
        self.screen
            .draw(|buffer| {
                std::mem::swap(buffer, scratch);
                frame.cursor
            })
            .map_err(|error| gone(&error))?;
        self.drawn = Instant::now();
        self.due = Due::Nothing;
        Ok(())
    }
}

fn first_theme(settings: &UiSettings) -> Theme {
    settings
        .theme
        .as_deref()
        .and_then(|name| Theme::load(name, settings.user_dir.as_deref()).ok())
        .map_or_else(|| Theme::for_background(Background::Unknown, settings.depth), |t| t.with_depth(settings.depth))
}

fn gone(error: &io::Error) -> Fault {
    Fault::new(FaultClass::Storage, "the terminal cannot be used")
        .detail(error.to_string())
        .hint("run Kiln in an interactive terminal, or use `kiln exec`")
}
