//! The first-run wizard: one page after the other of `engine/first_run`, in the look of the program.
//!
//! Keyboard only if one likes: arrows and Enter choose, letters narrow a long list, Backspace goes
//! back, Esc leaves. It decides nothing itself; what is written is the machine's matter.

mod draw;
mod state;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use crate::domain::{Event, Fault, FaultClass, Op, Reply};
use crate::engine::first_run::End;
use crate::engine::{Engine, Events};
use crate::tui::model::Mouse;
use crate::tui::terminal::modes::{Keys, Mouse as MouseMode};
use crate::tui::terminal::{
    self, Input, Inputs, ModeOptions, Modes, Output, Screen, Signal, Synchronized, background, signals,
};
use crate::tui::theme::{Background, ColorDepth, Theme};
use crate::tui::widgets::SPINNER_STEP;

pub use draw::draw;
pub use state::{Step, Wizard};

/// How it looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// A theme's name; `None` follows the terminal's background.
    pub theme: Option<String>,
    /// The folder whose `themes/` holds the person's own themes.
    pub user_dir: Option<PathBuf>,
    pub depth: ColorDepth,
    pub mouse: Mouse,
    /// A tmux stands between us and the terminal.
    pub tmux: bool,
    /// The shortest time between two frames.
    pub frame: Duration,
}

/// Runs the wizard until it ends. Needs a tokio runtime and a terminal.
///
/// # Errors
/// The terminal cannot be used or is gone.
pub async fn run(engine: Engine, look: Look) -> Result<End, Fault> {
    let mut app = App::begin(engine, look)?;
    let result = app.serve().await;
    app.modes.restore();
    result
}

enum Wake {
    Input(Option<io::Result<Input>>),
    Event(Option<Arc<Event>>),
    Reply(Result<Reply, Fault>),
    Signal(Signal),
    Timer,
}

/// Answers of the engine, from the tasks that wait for them.
type Replies = (mpsc::Sender<Result<Reply, Fault>>, mpsc::Receiver<Result<Reply, Fault>>);

struct App {
    wizard: Wizard,
    theme: Theme,
    look: Look,
    engine: Engine,
    events: Events,
    screen: Screen<Output>,
    modes: Modes,
    inputs: Inputs,
    signals: Option<mpsc::Receiver<Signal>>,
    replies: Replies,
    begun: Instant,
}

impl App {
    fn begin(engine: Engine, look: Look) -> Result<Self, Fault> {
        let (width, height) = crossterm::terminal::size().map_err(|error| gone(&error))?;
        let mouse = if look.mouse == Mouse::On { MouseMode::Captured } else { MouseMode::Free };
        let modes = Modes::enter(ModeOptions { mouse, keys: Keys::Told }).map_err(|error| gone(&error))?;
        let synchronized = if look.tmux { Synchronized::Off } else { Synchronized::On };
        let mut screen = Screen::new(terminal::output(), width, height, synchronized);
        let chosen = look.theme.as_deref().and_then(|name| Theme::load(name, look.user_dir.as_deref()).ok());
        let theme = match &chosen {
            Some(theme) => theme.clone().with_depth(look.depth),
            None => Theme::for_background(Background::Unknown, look.depth),
        };
        let mut inputs = Inputs::new();
        if chosen.is_none() {
            screen.write_raw(background::QUERY).map_err(|error| gone(&error))?;
            inputs.expect_background();
        }
        let (wizard, first) = Wizard::begin();
        let events = engine.subscribe();
        let mut app = Self {
            wizard,
            theme,
            look,
            engine,
            events,
            screen,
            modes,
            inputs,
            signals: signals::spawn().ok(),
            replies: mpsc::channel(4),
            begun: Instant::now(),
        };
        app.draw()?;
        app.send(first);
        Ok(app)
    }

    async fn serve(&mut self) -> Result<End, Fault> {
        loop {
            let wake = self.wait().await;
            let step = match wake {
                Wake::Input(Some(Err(error))) => return Err(gone(&error)),
                Wake::Input(Some(Ok(input))) => self.input(input),
                Wake::Event(None) => return Err(Fault::new(FaultClass::Internal, "the engine has ended")),
                Wake::Event(Some(event)) => {
                    self.wizard.event(&event);
                    Step::Stay
                }
                Wake::Reply(reply) => self.wizard.reply(reply),
                Wake::Signal(Signal::Continue) => {
                    self.screen.force_redraw();
                    Step::Stay
                }
                Wake::Signal(Signal::Suspend) => {
                    self.modes.suspend().map_err(|error| gone(&error))?;
                    self.screen.force_redraw();
                    Step::Stay
                }
                Wake::Signal(_) | Wake::Input(None) => return Ok(self.wizard.abandoned()),
                Wake::Timer => Step::Stay,
            };
            match step {
                Step::Stay => {}
                Step::Ask(op) => self.send(op),
                Step::End(end) => return Ok(end),
            }
            self.draw()?;
        }
    }

    async fn wait(&mut self) -> Wake {
        // Only a page that waits has something that moves.
        let timer = self.wizard.waits().then_some(SPINNER_STEP.max(self.look.frame));
        let signals = &mut self.signals;
        tokio::select! {
            biased;
            input = self.inputs.next() => Wake::Input(input),
            Some(signal) = async { match signals { Some(signals) => signals.recv().await, None => std::future::pending().await } } => Wake::Signal(signal),
            Some(reply) = self.replies.1.recv() => Wake::Reply(reply),
            event = self.events.next() => Wake::Event(event),
            () = async { match timer { Some(time) => tokio::time::sleep(time).await, None => std::future::pending().await } } => Wake::Timer,
        }
    }

    fn input(&mut self, input: Input) -> Step {
        match input {
            Input::Key(key) => self.wizard.key(key),
            Input::Paste(text) => {
                self.wizard.paste(&text);
                Step::Stay
            }
            Input::Mouse(mouse) => self.wizard.mouse(mouse),
            Input::Resize(width, height) => {
                self.screen.resize(width, height);
                Step::Stay
            }
            Input::Background(background) => {
                if self.look.theme.is_none() {
                    self.theme = Theme::for_background(background, self.look.depth);
                }
                Step::Stay
            }
            Input::Focus(_) => Step::Stay,
        }
    }

    /// Sends a wish; the answer comes back through the channel.
    fn send(&self, op: Op) {
        let (engine, replies) = (self.engine.clone(), self.replies.0.clone());
        tokio::spawn(async move {
            let reply = engine.ask(op).await;
            // The wizard may have been left meanwhile; then nobody waits for the answer.
            replies.send(reply).await.ok();
        });
    }

    fn draw(&mut self) -> Result<(), Fault> {
        let (width, height) = self.screen.size();
        let mut frame = Buffer::empty(Rect::new(0, 0, width, height));
        let cursor = draw(&mut self.wizard, &self.theme, self.begun.elapsed(), &mut frame);
        self.screen
            .draw(|buffer| {
                std::mem::swap(buffer, &mut frame);
                cursor
            })
            .map(drop)
            .map_err(|error| gone(&error))
    }
}

fn gone(error: &io::Error) -> Fault {
    Fault::new(FaultClass::Storage, "the terminal cannot be used")
        .detail(error.to_string())
        .hint("run `kiln init` in an interactive terminal, or pipe the answers in")
}
