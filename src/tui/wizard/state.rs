//! What the wizard keeps between two frames: the machine, the choice, what is being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use zeroize::Zeroizing;

use crate::domain::{Event, Fault, Op, Reply, Secret};
use crate::engine::first_run::{Answer, Ask, Choice, End, FirstRun, Page};
use crate::tui::text::sanitize::single_line;
use crate::tui::widgets::{ListState, fuzzy};

/// Lists of at least this length can be narrowed by typing.
const LONG: usize = 9;

/// What follows from an input.
#[derive(Debug, PartialEq)]
pub enum Step {
    Stay,
    /// A wish for the engine.
    Ask(Op),
    End(End),
}

/// The wizard.
#[derive(Debug)]
pub struct Wizard {
    run: FirstRun,
    pub(super) page: Page,
    pub(super) list: ListState,
    /// What narrows the list.
    pub(super) query: String,
    /// Positions of the options in sight, best first.
    pub(super) ranked: Vec<usize>,
    typed: Typed,
    /// Where the options stood in the last frame.
    pub(super) options_at: Rect,
}

/// A secret being typed; it is wiped when it goes.
#[derive(Default)]
struct Typed(Zeroizing<String>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Wizard {
    /// The first page, and the first wish.
    pub fn begin() -> (Self, Op) {
        let (run, first) = FirstRun::begin();
        let page = run.page();
        let mut wizard = Self {
            run,
            page,
            list: ListState::default(),
            query: String::new(),
            ranked: Vec::new(),
            typed: Typed::default(),
            options_at: Rect::default(),
        };
        wizard.turn();
        (wizard, first)
    }

    /// Whether the engine is at work.
    pub fn waits(&self) -> bool {
        matches!(self.page.ask, Ask::Wait | Ask::Progress { .. })
    }

    /// How it ends when the terminal goes away.
    pub fn abandoned(&mut self) -> End {
        self.run.answer(Answer::Leave);
        self.run.end().cloned().unwrap_or(End::Left(None))
    }

    /// Characters typed so far, shown as dots.
    pub(super) fn dots(&self) -> usize {
        self.typed.0.chars().count()
    }

    /// Whether typing narrows the list.
    pub(super) fn narrows(&self) -> bool {
        self.options().len() >= LONG
    }

    pub(super) fn options(&self) -> &[Choice] {
        match &self.page.ask {
            Ask::Choose { options, .. } => options,
            _ => &[],
        }
    }

    /// Takes the engine's answer in.
    pub fn reply(&mut self, reply: Result<Reply, Fault>) -> Step {
        let wish = self.run.reply(reply);
        self.after(wish)
    }

    /// Takes an event of the engine in.
    pub fn event(&mut self, event: &Event) {
        if let Event::Pull { received, total, .. } = event {
            self.run.progress(*received, *total);
            self.page = self.run.page();
        }
    }

    /// Takes a key in.
    pub fn key(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return self.say(Answer::Leave),
            KeyCode::Char('c' | 'q') if control => return self.say(Answer::Leave),
            _ => {}
        }
        match &self.page.ask {
            Ask::Choose { .. } => self.choosing(key),
            Ask::Secret { .. } => self.typing(key),
            Ask::End if matches!(key.code, KeyCode::Enter | KeyCode::Char('q' | ' ')) => self.say(Answer::Leave),
            _ => Step::Stay,
        }
    }

    fn choosing(&mut self, key: KeyEvent) -> Step {
        let count = self.ranked.len();
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Up | KeyCode::BackTab => self.list.previous(count),
            KeyCode::Down | KeyCode::Tab => self.list.next(count),
            KeyCode::Char('p') if control => self.list.previous(count),
            KeyCode::Char('n') if control => self.list.next(count),
            KeyCode::PageUp => self.list.selected = self.list.selected.saturating_sub(8),
            KeyCode::PageDown => self.list.selected = (self.list.selected + 8).min(count.saturating_sub(1)),
            KeyCode::Home => self.list.selected = 0,
            KeyCode::End => self.list.selected = count.saturating_sub(1),
            KeyCode::Enter => return self.choose(),
            KeyCode::Left => return self.say(Answer::Back),
            KeyCode::Backspace if self.query.is_empty() => return self.say(Answer::Back),
            KeyCode::Backspace => {
                self.query.pop();
                self.rank();
            }
            KeyCode::Char(c) if !control && self.narrows() && !c.is_control() => {
                self.query.push(c);
                self.rank();
            }
            KeyCode::Char('k') if !control => self.list.previous(count),
            KeyCode::Char('j') if !control => self.list.next(count),
            _ => {}
        }
        Step::Stay
    }

    fn typing(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => {
                let typed = std::mem::take(&mut self.typed);
                let text = typed.0.trim();
                if text.is_empty() {
                    return Step::Stay;
                }
                return self.say(Answer::Secret(Some(Secret::new(text))));
            }
            KeyCode::Char('u') if control => self.typed = Typed::default(),
            KeyCode::Left => return self.say(Answer::Back),
            KeyCode::Backspace if self.typed.0.is_empty() => return self.say(Answer::Back),
            KeyCode::Backspace => {
                self.typed.0.pop();
            }
            KeyCode::Char(c) if !control && !c.is_control() => self.typed.0.push(c),
            _ => {}
        }
        Step::Stay
    }

    /// Takes pasted text in.
    pub fn paste(&mut self, text: &str) {
        match &self.page.ask {
            Ask::Secret { .. } => self.typed.0.push_str(text.trim()),
            Ask::Choose { .. } if self.narrows() => {
                self.query.push_str(&single_line(text));
                self.rank();
            }
            _ => {}
        }
    }

    /// Takes the mouse in: a click chooses, the wheel moves.
    pub fn mouse(&mut self, event: MouseEvent) -> Step {
        let count = self.ranked.len();
        match event.kind {
            MouseEventKind::ScrollDown => self.list.selected = (self.list.selected + 1).min(count.saturating_sub(1)),
            MouseEventKind::ScrollUp => self.list.selected = self.list.selected.saturating_sub(1),
            MouseEventKind::Down(MouseButton::Left) => {
                let at = self.options_at;
                if at.contains((event.column, event.row).into()) {
                    let position = usize::from(event.row - at.y) + self.list.offset;
                    if position < count {
                        // The first click chooses, the second takes.
                        if self.list.selected == position {
                            return self.choose();
                        }
                        self.list.selected = position;
                    }
                }
            }
            _ => {}
        }
        Step::Stay
    }

    fn choose(&mut self) -> Step {
        match self.ranked.get(self.list.selected) {
            Some(position) => self.say(Answer::Choice(*position)),
            None => Step::Stay,
        }
    }

    fn say(&mut self, answer: Answer) -> Step {
        let wish = self.run.answer(answer);
        self.after(wish)
    }

    fn after(&mut self, wish: Option<Op>) -> Step {
        self.turn();
        match (wish, self.run.end()) {
            (Some(op), _) => Step::Ask(op),
            (None, Some(end)) => Step::End(end.clone()),
            (None, None) => Step::Stay,
        }
    }

    /// Shows the machine's page; a new one begins with its own choice.
    fn turn(&mut self) {
        let page = self.run.page();
        if page.title != self.page.title || page.ask != self.page.ask || self.ranked.is_empty() {
            self.query.clear();
            self.typed = Typed::default();
            let chosen = if let Ask::Choose { chosen, .. } = &page.ask { *chosen } else { 0 };
            self.page = page;
            self.rank();
            self.list = ListState { selected: chosen, offset: 0 };
        } else {
            self.page = page;
        }
    }

    fn rank(&mut self) {
        let labels: Vec<String> = self.options().iter().map(|option| option.label.clone()).collect();
        self.ranked = if self.query.is_empty() {
            (0..labels.len()).collect()
        } else {
            fuzzy(&self.query, labels.iter().map(String::as_str)).into_iter().map(|hit| hit.index).collect()
        };
        self.list = ListState::default();
    }
}
