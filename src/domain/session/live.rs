//! What can be seen of the running turn: the fold of its glimpses, until facts take their place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::event::{FactBody, Glimpse, Phase};
use crate::domain::id::CallId;
use crate::domain::path::ProjectPath;

/// What can be seen of the running turn beyond its facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    pub phase: Option<Phase>,
    /// Answer text that is not a fact yet.
    pub answer: String,
    /// Reasoning that is not a fact yet.
    pub reasoning: String,
    /// Files being written, with their text so far.
    pub files: BTreeMap<ProjectPath, String>,
    /// The file that was written to last.
    pub current_file: Option<ProjectPath>,
    /// The end of what running calls have printed, by call.
    pub output: BTreeMap<CallId, String>,
}

/// Characters of a running call's output that are kept to look at.
const LIVE_OUTPUT: usize = 8 * 1024;

impl Live {
    /// Folds a glimpse in.
    pub fn apply(&mut self, glimpse: &Glimpse) {
        match glimpse {
            Glimpse::Phase { phase } => self.phase = Some(phase.clone()),
            Glimpse::Text { text } => self.answer.push_str(text),
            Glimpse::Reasoning { text } => self.reasoning.push_str(text),
            Glimpse::FileOpened { path } => {
                self.files.insert(path.clone(), String::new());
                self.current_file = Some(path.clone());
            }
            Glimpse::FileText { path, text } => {
                self.files.entry(path.clone()).or_default().push_str(text);
                self.current_file = Some(path.clone());
            }
            Glimpse::Output { call, text } => {
                let shown = self.output.entry(call.clone()).or_default();
                shown.push_str(text);
                if shown.len() > LIVE_OUTPUT * 2 {
                    let from = shown.ceil_char_boundary(shown.len() - LIVE_OUTPUT);
                    shown.drain(..from);
                }
            }
            Glimpse::FileDropped { path } => self.drop_file(path),
        }
    }

    /// A fact takes the place of the glimpses that announced it.
    pub(super) fn settle(&mut self, body: &FactBody) {
        match body {
            FactBody::TurnStarted { .. } | FactBody::TurnEnded { .. } => *self = Self::default(),
            FactBody::Answered { .. } => self.answer.clear(),
            FactBody::Reasoned { .. } => self.reasoning.clear(),
            FactBody::FileChanged { change } => self.drop_file(&change.path),
            FactBody::ToolAnswered { call, .. } => {
                self.output.remove(call);
            }
            _ => {}
        }
    }

    fn drop_file(&mut self, path: &ProjectPath) {
        self.files.remove(path);
        if self.current_file.as_ref() == Some(path) {
            self.current_file = None;
        }
    }
}
