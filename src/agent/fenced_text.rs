//! What happens to answer text in which plan, calls and files are fenced blocks: shown while it comes,
//! written when a file is whole. Calls, and edits of files that exist, are only gathered here: they run
//! when the answer is over.

use serde_json::json;

use super::answer::{Call, TextSink};
use super::fenced::{FencedReader, Piece};
use super::turn::Turn;
use crate::domain::{FactBody, Glimpse, Phase, PlannedStep, ProjectPath, StepId};
use crate::workspace::edit::blocks;

/// Steps, and bytes of one, that are taken as a plan without a second look.
const STEPS: usize = 12;
const STEP_BYTES: usize = 300;

/// Whether this is too much for a plan.
fn is_no_plan(steps: &[String]) -> bool {
    steps.len() > STEPS || steps.iter().any(|step| step.len() > STEP_BYTES)
}

/// Publishes a stretch of the answer, unless it is blank.
pub async fn publish_text(turn: &mut Turn, text: String, whole: bool) {
    if !text.trim().is_empty() {
        turn.out.fact(FactBody::Answered { turn: turn.input.turn, text, whole }).await;
    }
}

/// Text in which plan and files are fenced blocks.
#[derive(Default)]
pub struct FencedText {
    reader: FencedReader,
    /// Everything the model wrote.
    pub all: String,
    /// Prose that is not published yet.
    prose: String,
    file: Option<OpenFile>,
    /// Files that were written.
    pub files: usize,
    /// Why other files were not, in words for the model.
    pub refusals: Vec<String>,
    /// Calls of tools that the answer holds, in its order.
    pub calls: Vec<Call>,
    cut: CutFile,
}

/// What becomes of a file whose closing fence never came although the answer ended properly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CutFile {
    /// It is not written: half a file is worse than none.
    #[default]
    Drop,
    /// It is written: the answer was cut at a length of our own choosing.
    Keep,
}

struct OpenFile {
    /// `None` when the path was refused: the text is passed over.
    path: Option<ProjectPath>,
    text: String,
    form: Form,
}

/// What the text of a file's block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Too little has come to tell.
    Open,
    /// The file's whole content, on the screen.
    Whole,
    /// SEARCH/REPLACE blocks.
    Edits,
}

impl Form {
    fn of(text: &str) -> Self {
        const HEAD: &str = "<<<<<<< SEARCH";
        let begin = text.trim_start();
        if begin.starts_with(HEAD) {
            Self::Edits
        } else if HEAD.starts_with(begin) {
            Self::Open
        } else {
            Self::Whole
        }
    }
}

impl TextSink for FencedText {
    async fn text(&mut self, turn: &mut Turn, text: String) {
        self.all.push_str(&text);
        let pieces = self.reader.push(&text);
        self.take(turn, pieces).await;
    }

    async fn end(&mut self, turn: &mut Turn, whole: bool) {
        let mut pieces = self.reader.finish();
        if whole && self.cut == CutFile::Keep {
            for piece in &mut pieces {
                if let Piece::FileClosed { whole } = piece {
                    *whole = true;
                }
            }
        }
        self.take(turn, pieces).await;
        publish_text(turn, std::mem::take(&mut self.prose), whole).await;
    }
}

impl FencedText {
    /// A sink at the beginning of an answer.
    pub fn new(cut: CutFile) -> Self {
        Self { cut, ..Self::default() }
    }

    async fn take(&mut self, turn: &mut Turn, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Prose(text) => {
                    turn.out.phase(Phase::Answering);
                    self.prose.push_str(&text);
                    turn.out.glimpse(Glimpse::Text { text });
                }
                // The person sees a plan before it holds; one that is none is refused as that of other models.
                Piece::Plan(steps) if turn.awaits_plan() || is_no_plan(&steps) => {
                    self.call(turn, "set_plan".to_owned(), json!({ "steps": steps }).to_string());
                }
                Piece::Plan(steps) => {
                    let steps = (1..).zip(steps).map(|(n, title)| PlannedStep { id: StepId(n), title }).collect();
                    publish_text(turn, std::mem::take(&mut self.prose), true).await;
                    turn.set_plan(steps).await;
                }
                Piece::Call { name, json } => {
                    publish_text(turn, std::mem::take(&mut self.prose), true).await;
                    self.call(turn, name, json);
                }
                Piece::FileOpened { path, step } => self.open(turn, &path, step).await,
                Piece::FileText(text) => self.file_text(turn, text),
                Piece::FileClosed { whole } => self.close(turn, whole).await,
            }
        }
    }

    async fn open(&mut self, turn: &mut Turn, path: &str, step: Option<u64>) {
        publish_text(turn, std::mem::take(&mut self.prose), true).await;
        let path = match ProjectPath::parse(path) {
            Ok(path) => Some(path),
            Err(refusal) => {
                self.refusals.push(refusal.to_string());
                None
            }
        };
        if let Some(path) = &path {
            if let Some(step) = step_of(turn, path, step) {
                turn.run_step(step).await;
            }
            turn.out.phase(Phase::Writing { path: path.clone() });
        }
        self.file = Some(OpenFile { path, text: String::new(), form: Form::Open });
    }

    fn call(&mut self, turn: &mut Turn, name: String, json: String) {
        self.calls.push(Call::written(turn.call_id(), name, json));
    }

    fn file_text(&mut self, turn: &mut Turn, text: String) {
        let Some(file) = &mut self.file else { return };
        file.text.push_str(&text);
        let Some(path) = &file.path else { return };
        match file.form {
            Form::Whole => turn.out.glimpse(Glimpse::FileText { path: path.clone(), text }),
            Form::Open => {
                file.form = Form::of(&file.text);
                if file.form == Form::Whole {
                    turn.out.glimpse(Glimpse::FileOpened { path: path.clone() });
                    turn.out.glimpse(Glimpse::FileText { path: path.clone(), text: file.text.clone() });
                }
            }
            Form::Edits => {}
        }
    }

    async fn close(&mut self, turn: &mut Turn, whole: bool) {
        let Some(OpenFile { path: Some(path), text, form }) = self.file.take() else { return };
        if form == Form::Edits {
            if whole {
                self.edits(turn, &path, &text);
            }
            return;
        }
        if !whole {
            turn.out.glimpse(Glimpse::FileDropped { path });
            return;
        }
        match turn.write_file(path.clone(), text).await {
            Ok(()) => self.files += 1,
            Err(refusal) => {
                turn.out.glimpse(Glimpse::FileDropped { path });
                self.refusals.push(refusal);
            }
        }
    }
}

impl FencedText {
    /// Edits of one file become one call, so that they are looked at and answered like those of other models.
    fn edits(&mut self, turn: &mut Turn, path: &ProjectPath, text: &str) {
        match blocks::parse(&format!("{path}\n```\n{text}```\n")) {
            Ok(blocks) => {
                let edits: Vec<_> = blocks
                    .into_iter()
                    .map(|block| json!({ "search": block.search, "replace": block.replace }))
                    .collect();
                self.call(turn, "edit_file".to_owned(), json!({ "path": path.as_str(), "edits": edits }).to_string());
            }
            Err(broken) => self.refusals.push(format!("`{path}`: {}", broken.reason)),
        }
    }
}

/// The step that a file belongs to: the one the model named, else one that names the file.
fn step_of(turn: &Turn, path: &ProjectPath, named: Option<u64>) -> Option<StepId> {
    let named = named.map(StepId).filter(|id| turn.plan.iter().any(|step| step.id == *id));
    named.or_else(|| {
        let mentions = |title: &str| title.contains(path.as_str()) || title.contains(path.file_name());
        turn.plan.iter().find(|step| !step.state.is_over() && mentions(&step.title)).map(|step| step.id)
    })
}
