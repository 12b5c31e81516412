//! What the model is told: standing instructions, the conversation so far, the newest words.
//!
//! The instructions never change within a session and history is only appended to, so a provider's
//! prompt cache holds; what changes (the project's files) goes last, with the newest message.

use crate::domain::{CheckResult, CheckRun, Item, ItemKind, ProjectPath, Seq, SessionState, TurnProtocol};
use crate::providers::{Message, OpaqueReasoning, Part, Role, ToolSpec};
use crate::tools::{self, Toolbox};

/// Paths of the project that a message names at most.
const LISTED_FILES: usize = 200;
/// Characters of present file contents that the fenced protocol sends along at most.
const SHOWN_CONTENT: usize = 24_000;

const TOOLS_PROMPT: &str = include_str!("../../assets/prompts/tools.md");
const FENCED_PROMPT: &str = include_str!("../../assets/prompts/fenced.md");

/// The standing instructions.
pub fn system(protocol: TurnProtocol) -> &'static str {
    match protocol {
        TurnProtocol::Tools => TOOLS_PROMPT,
        TurnProtocol::Fenced | TurnProtocol::Guided => FENCED_PROMPT,
    }
}

/// The tools that a model with tool calling is offered.
pub fn tool_specs(toolbox: &Toolbox) -> Vec<ToolSpec> {
    toolbox
        .iter()
        .map(|tool| ToolSpec { name: tool.name().to_owned(), description: tool.description(), schema: tool.schema() })
        .collect()
}

/// The turns before this one, as messages.
pub fn history(state: &SessionState, protocol: TurnProtocol) -> Vec<Message> {
    let mut conversation = Conversation::default();
    for item in &state.items {
        conversation.take(item, protocol);
    }
    conversation.close();
    conversation.messages
}

/// The newest message of the person, with what it may need to know of the project behind it.
pub fn prompt(text: &str, files: &[ProjectPath], contents: &[(ProjectPath, String)]) -> Message {
    let mut full = text.to_owned();
    if !files.is_empty() {
        full.push_str("\n\n<project_files>\n");
        for path in files.iter().take(LISTED_FILES) {
            full.push_str(path.as_str());
            full.push('\n');
        }
        if files.len() > LISTED_FILES {
            full.push_str(&format!("… and {} more\n", files.len() - LISTED_FILES));
        }
        full.push_str("</project_files>");
    }
    let mut left = SHOWN_CONTENT;
    for (path, content) in contents {
        if content.len() > left {
            continue;
        }
        left -= content.len();
        full.push_str(&format!("\n\nThe present content of {path}:\n````\n{content}\n````"));
    }
    Message::text(Role::User, full)
}

/// Adds an answer's reasoning: the words with the first sealed piece, then every other piece.
pub fn push_reasoning(parts: &mut Vec<Part>, text: &str, sealed: Vec<OpaqueReasoning>) {
    let mut sealed = sealed.into_iter();
    let first = sealed.next();
    if !text.is_empty() || first.is_some() {
        parts.push(Part::Reasoning { text: text.to_owned(), opaque: first });
    }
    parts.extend(sealed.map(|piece| Part::Reasoning { text: String::new(), opaque: Some(piece) }));
}

/// What the model is told of a check that found something.
pub fn findings(run: &CheckRun) -> Option<String> {
    (run.result == CheckResult::Failed)
        .then(|| format!("The check `{}` failed (attempt {}):\n{}", run.command, run.iteration, run.findings))
}

/// Builds messages out of items.
#[derive(Default)]
struct Conversation {
    messages: Vec<Message>,
    assistant: Vec<Part>,
    results: Vec<Part>,
    /// The newest fact that an answered call of the open message waits behind.
    answered: Option<Seq>,
}

impl Conversation {
    fn take(&mut self, item: &Item, protocol: TurnProtocol) {
        // What was said after a tool had answered belongs to the next request.
        if self.answered.is_some_and(|answered| item.seq > answered) {
            self.close();
        }
        match &item.kind {
            ItemKind::User { text, .. } | ItemKind::Steered { text, .. } => {
                self.close();
                self.messages.push(Message::text(Role::User, text.clone()));
            }
            ItemKind::Reasoning { text, opaque, .. } => {
                let sealed = opaque.clone().and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
                push_reasoning(&mut self.assistant, text, sealed);
            }
            ItemKind::Answer { text, .. } if !text.trim().is_empty() => {
                self.assistant.push(Part::Text { text: text.clone() });
            }
            ItemKind::Call { call, name, arguments, answer, .. } if protocol == TurnProtocol::Tools => {
                let id = call.as_str().to_owned();
                self.assistant.push(Part::ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: arguments.clone(),
                });
                let (text, failed) = match answer {
                    Some(answer) => (tools::words(&answer.content), answer.failed),
                    None => ("the outcome is unknown: Kiln ended while the tool ran".to_owned(), true),
                };
                if let Some(answer) = answer {
                    self.answered = self.answered.max(Some(answer.seq));
                }
                self.results.push(Part::ToolResult { id, name: name.clone(), text, failed });
            }
            ItemKind::Change { change } if protocol != TurnProtocol::Tools => {
                self.assistant.push(Part::Text { text: format!("(wrote {})", change.path) });
            }
            ItemKind::Undone { paths, .. } => {
                self.close();
                let paths = paths.iter().map(ProjectPath::as_str).collect::<Vec<_>>().join(", ");
                let note = format!("(I took your last changes back: {paths} are as they were before.)");
                self.messages.push(Message::text(Role::User, note));
            }
            ItemKind::Redone { paths, .. } | ItemKind::Rewound { paths, .. } if !paths.is_empty() => {
                self.close();
                let paths = paths.iter().map(ProjectPath::as_str).collect::<Vec<_>>().join(", ");
                let note = format!(
                    "(I brought other versions of these files back: {paths}. Read them before you rely on them.)"
                );
                self.messages.push(Message::text(Role::User, note));
            }
            // A check that belongs to a step is told in the answer of the call that ended the step.
            ItemKind::Check { run } if run.step.is_none() => {
                if let Some(text) = findings(run) {
                    self.close();
                    self.messages.push(Message::text(Role::User, text));
                }
            }
            ItemKind::Check { .. }
            | ItemKind::Decided { .. }
            | ItemKind::Asked { .. }
            | ItemKind::PlanDecided { .. }
            | ItemKind::Redone { .. }
            | ItemKind::Rewound { .. }
            | ItemKind::Answer { .. }
            | ItemKind::Call { .. }
            | ItemKind::Change { .. }
            | ItemKind::Notice { .. }
            | ItemKind::Ended { .. }
            | ItemKind::Exported { .. } => {}
        }
    }

    fn close(&mut self) {
        self.answered = None;
        let assistant = std::mem::take(&mut self.assistant);
        let speaks = assistant.iter().any(|part| !matches!(part, Part::Reasoning { .. }));
        if speaks {
            self.messages.push(Message { role: Role::Assistant, parts: assistant });
        }
        let results = std::mem::take(&mut self.results);
        if !results.is_empty() {
            self.messages.push(Message { role: Role::User, parts: results });
        }
    }
}
