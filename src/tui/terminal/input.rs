//! What the person does, and what the terminal answers. Key releases are left out, pasted text is
//! made harmless, and the answer about the background never shows up as typed text.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEvent, KeyEventKind, MouseEvent};
use futures::{Stream, StreamExt};

use super::background::{Seen, Watch};
use crate::tui::text::sanitize;
use crate::tui::theme::Background;

/// One thing that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed or repeats.
    Key(KeyEvent),
    /// A text was pasted; harmless already, with `\n` as line end.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The terminal gained or lost the keyboard.
    Focus(bool),
    /// The terminal told its background.
    Background(Background),
}

/// An answer comes in one piece; a key that looks like its begin is held no longer than this.
const HOLD: Duration = Duration::from_millis(30);

/// The stream of what comes in. Drop it before another program gets the terminal.
#[derive(Debug)]
pub struct Inputs<S = EventStream> {
    events: S,
    watch: Watch,
    ready: VecDeque<Input>,
}

impl Inputs<EventStream> {
    /// Starts to read the terminal.
    pub fn new() -> Self {
        Self::over(EventStream::new())
    }
}

impl Default for Inputs<EventStream> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Stream<Item = io::Result<Event>> + Unpin> Inputs<S> {
    /// Reads another source of events.
    pub fn over(events: S) -> Self {
        Self { events, watch: Watch::default(), ready: VecDeque::new() }
    }

    /// Call it after [`super::background::QUERY`] was written.
    pub fn expect_background(&mut self) {
        self.watch.expect();
    }

    /// The next thing; nothing when the terminal is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<io::Result<Input>> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(Ok(input));
            }
            let event = if self.watch.is_holding() {
                match tokio::time::timeout(HOLD, self.events.next()).await {
                    Ok(event) => event,
                    Err(_) => {
                        self.give_back();
                        continue;
                    }
                }
            } else {
                self.events.next().await
            };
            match event {
                Some(Ok(event)) => self.sort(event),
                Some(Err(error)) => return Some(Err(error)),
                None if self.watch.is_holding() => self.give_back(),
                None => return None,
            }
        }
    }

    fn give_back(&mut self) {
        let held = self.watch.release();
        self.ready.extend(held.into_iter().map(Input::Key));
    }

    fn sort(&mut self, event: Event) {
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => match self.watch.key(key) {
                Seen::Held => {}
                Seen::Keys(keys) => self.ready.extend(keys.into_iter().map(Input::Key)),
                Seen::Answer(background) => self.ready.push_back(Input::Background(background)),
            },
            other => {
                self.give_back();
                self.ready.push_back(match other {
                    Event::Paste(text) => Input::Paste(pasted(&text)),
                    Event::Mouse(mouse) => Input::Mouse(mouse),
                    Event::Resize(columns, rows) => Input::Resize(columns, rows),
                    Event::FocusGained => Input::Focus(true),
                    Event::FocusLost => Input::Focus(false),
                    Event::Key(key) => Input::Key(key),
                });
            }
        }
    }
}

/// Terminals send line ends of pasted text as a lone carriage return.
fn pasted(text: &str) -> String {
    sanitize::clean(&text.replace("\r\n", "\n").replace('\r', "\n")).into_owned()
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};
    use futures::stream;

    use super::*;

    fn key(char: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(char), modifiers))
    }

    async fn all(events: Vec<Event>) -> Vec<Input> {
        let mut inputs = Inputs::over(stream::iter(events.into_iter().map(Ok)));
        inputs.expect_background();
        let mut out = Vec::new();
        while let Some(input) = inputs.next().await {
            out.push(input.unwrap());
        }
        out
    }

    #[tokio::test]
    async fn releases_are_dropped_and_pastes_are_harmless() {
        let release = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE) };
        let got = all(vec![Event::Key(release), Event::Paste("a\rb\r\nc\u{1b}[2J".to_owned())]).await;
        assert_eq!(got, [Input::Paste("a\nb\nc␛[2J".to_owned())]);
    }

    #[tokio::test]
    async fn a_held_key_comes_back_before_what_follows() {
        let got = all(vec![key(']', KeyModifiers::ALT), Event::Resize(80, 24)]).await;
        let held = KeyEvent::new(KeyCode::Char(']'), KeyModifiers::ALT);
        assert_eq!(got, [Input::Key(held), Input::Resize(80, 24)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_key_is_not_held_for_long() {
        let events = stream::iter([Ok(key(']', KeyModifiers::ALT))]).chain(stream::pending());
        let mut inputs = Inputs::over(Box::pin(events));
        inputs.expect_background();
        assert!(matches!(inputs.next().await, Some(Ok(Input::Key(_)))));
    }

    #[tokio::test]
    async fn an_answer_becomes_a_background() {
        let mut events = vec![key(']', KeyModifiers::ALT)];
        events.extend("11;rgb:ffff/ffff/ffff".chars().map(|char| key(char, KeyModifiers::NONE)));
        events.push(key('\\', KeyModifiers::ALT));
        assert_eq!(all(events).await, [Input::Background(Background::Light)]);
    }
}
