//! What waits for the person, between the transcript and the composer: a call to approve, a question
//! of the model, a plan. The state of the one in front; what an answer does is decided in `update`.
//!
//! A dialog never takes keys from a message that is being written, and no key decides before the
//! dialog was in sight for a moment without anything being pressed: see [`Dialog::armed`].

pub mod approval;
pub mod draw;
pub mod plan;
mod sheets;

pub use sheets::sheet;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{ApprovalRequest, CallId, Content, PlannedStep, Question, SessionState};
use crate::tui::keymap::Context;
use crate::tui::panes::composer::Composer;
use crate::tui::text::highlight::{Feed, Highlighter, Language};

/// Milliseconds without a key after which a dialog takes the keys of an empty composer.
pub const QUIET: i64 = 1000;
/// Milliseconds that a dialog is in sight before its keys count.
const GUARD: i64 = 800;
/// Milliseconds without a key that are needed after one that came too early.
const PAUSE: i64 = 400;

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Approval(CallId),
    Question(CallId),
    Plan(Vec<PlannedStep>),
}

impl Subject {
    /// What the person is asked first.
    pub fn of(state: &SessionState) -> Option<Self> {
        let approval = state.approvals.first().map(|request| Self::Approval(request.call.clone()));
        let question = || state.questions.first().map(|question| Self::Question(question.call.clone()));
        approval.or_else(question).or_else(|| state.proposed.clone().map(Self::Plan))
    }
}

/// How things stand between the person and the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may take the keys when the composer is empty and nothing is pressed.
    Waiting,
    /// The person went away from it; it waits for the key that leads to it.
    Left,
    /// An answer is on its way.
    Answered,
}

/// How much of a dialog the last frame showed. What was not in sight is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Whole,
    /// Not what may be allowed further.
    WithoutOffers,
    /// Not what it is about, or not the keys.
    TooLittle,
}

/// What is written into a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Why a call is not allowed.
    Refusal,
    /// An answer of the person's own.
    Answer,
    /// Why a plan is sent back.
    Comment,
    /// Other words for the step at this position.
    Step(usize),
    /// A step that is not there yet, for this position.
    NewStep(usize),
}

/// Words that are being written.
#[derive(Debug)]
pub struct Field {
    pub purpose: Purpose,
    pub text: Composer,
}

impl Field {
    /// A field that holds a text already.
    pub fn new(purpose: Purpose, text: &str) -> Self {
        let mut composer = Composer::new();
        if !text.is_empty() {
            composer.set(text);
        }
        Self { purpose, text: composer }
    }
}

/// The dialog in front.
#[derive(Debug)]
pub struct Dialog {
    pub subject: Subject,
    pub standing: Standing,
    pub sight: Sight,
    /// From when on its keys count.
    armed: Timestamp,
    /// The choice or step under the hand; for a question, none at first.
    pub chosen: Option<usize>,
    /// The steps as the person changed them.
    pub steps: Vec<String>,
    pub field: Option<Field>,
    /// Rows of the preview above the view.
    pub scroll: usize,
    /// Colours of the preview's pieces, where there is a highlighter.
    colours: Vec<Option<Feed>>,
}

impl Dialog {
    /// The dialog for what waits.
    pub fn new(subject: Subject, state: &SessionState, now: Timestamp, highlighter: Option<&Highlighter>) -> Self {
        let mut dialog = Self {
            standing: Standing::Waiting,
            sight: Sight::TooLittle,
            armed: plus(now, GUARD),
            chosen: None,
            steps: Vec::new(),
            field: None,
            scroll: 0,
            colours: Vec::new(),
            subject,
        };
        match &dialog.subject {
            Subject::Approval(_) => {
                let preview = dialog.request(state).map(|request| request.preview.as_slice()).unwrap_or_default();
                dialog.colours = preview.iter().map(|content| colours(content, highlighter)).collect();
            }
            Subject::Question(_) => {
                if dialog.question(state).is_some_and(|question| question.choices.is_empty()) {
                    dialog.field = Some(Field::new(Purpose::Answer, ""));
                }
            }
            Subject::Plan(steps) => {
                dialog.steps = steps.iter().map(|step| step.title.clone()).collect();
                dialog.chosen = Some(0);
            }
        }
        dialog
    }

    /// The call that it is about.
    pub fn request<'s>(&self, state: &'s SessionState) -> Option<&'s ApprovalRequest> {
        let Subject::Approval(call) = &self.subject else { return None };
        state.approvals.iter().find(|request| request.call == *call)
    }

    /// The question that it is about.
    pub fn question<'s>(&self, state: &'s SessionState) -> Option<&'s Question> {
        let Subject::Question(call) = &self.subject else { return None };
        state.questions.iter().find(|question| question.call == *call)
    }

    /// The table of keys that counts in it.
    pub fn context(&self) -> Context {
        match (&self.field, &self.subject) {
            (Some(_), _) => Context::Field,
            (None, Subject::Approval(_)) => Context::Approval,
            (None, Subject::Question(_)) => Context::Question,
            (None, Subject::Plan(_)) => Context::Plan,
        }
    }

    /// Whether a key that is pressed now decides. A key that comes too early was probably meant for
    /// something else, and so is the next one: only a pause ends that.
    pub fn armed(&mut self, now: Timestamp) -> bool {
        if now >= self.armed {
            return true;
        }
        self.armed = self.armed.max(plus(now, PAUSE));
        false
    }

    /// Whether it would listen now.
    pub fn listens(&self, now: Timestamp) -> bool {
        now >= self.armed && self.standing != Standing::Answered
    }

    /// The keys come to it now.
    pub fn focused(&mut self, now: Timestamp, by: FocusedBy) {
        let wait = match by {
            FocusedBy::Itself => GUARD,
            FocusedBy::Person => PAUSE,
        };
        self.armed = self.armed.max(plus(now, wait));
    }

    /// When it changes by itself.
    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        (self.armed > now).then_some(self.armed)
    }
}

/// Who brought the keys to a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FocusedBy {
    /// Nobody: the composer was empty and nothing was pressed.
    Itself,
    Person,
}

fn colours(content: &Content, highlighter: Option<&Highlighter>) -> Option<Feed> {
    let Content::Code { language, text } = content else { return None };
    let mut feed = Feed::new(highlighter?, Language::from_fence(language));
    feed.push(text);
    feed.finish();
    Some(feed)
}

/// A time some milliseconds after another.
pub fn plus(now: Timestamp, milliseconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(milliseconds)).unwrap_or(now)
}
