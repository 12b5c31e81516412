//! What the model is told: standing instructions, the conversation so far, the newest words.
//!
//! The instructions never change within a session and history is only appended to, so a provider's
//! prompt cache holds; what changes (the project's files) goes last, with the newest message.

use serde_json::Value;

use super::runner;
use crate::domain::{
    CheckResult, CheckRun, Content, Item, ItemKind, Picture, ProjectPath, Seq, SessionState, TurnProtocol,
};
use crate::providers::{Message, OpaqueReasoning, Part, Role, ToolSpec};
use crate::tools::{self, Toolbox};

/// Paths of the project that a message names at most.
const LISTED_FILES: usize = 200;

/// Bytes of one tool's answer that go into a text at most.
const RESULT_IN_TEXT: usize = 16 * 1024;

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

/// Tools that a model without tool calling has no use for: files and plan are blocks of their own, and a
/// sub-agent would need calling too.
const NOT_IN_TEXT: [&str; 5] = ["set_plan", "write_file", "edit_file", "apply_patch", "task"];

/// The tools as a model without tool calling is told of them: one a line, with what its arguments are.
pub fn tools_in_text(toolbox: &Toolbox) -> String {
    let told = toolbox.iter().filter(|tool| !NOT_IN_TEXT.contains(&tool.name()));
    told.map(|tool| {
        let description = tool.description();
        let brief = description.split_once(". ").map_or(description.trim_end_matches('.'), |(first, _)| first);
        format!("- {} {} {}\n", tool.name(), signature(&tool.schema()), brief.replace('\n', " "))
    })
    .collect()
}

/// The arguments of a tool in short: `{"pattern": string, "limit"?: integer}`.
fn signature(schema: &Value) -> String {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let arguments: Vec<String> = properties
        .map(|(name, about)| {
            let mark = if required.contains(&name.as_str()) { "" } else { "?" };
            format!("\"{name}\"{mark}: {}", kind(about))
        })
        .collect();
    format!("{{{}}}", arguments.join(", "))
}

fn kind(about: &Value) -> &str {
    match about.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any")
        }
        _ => "string",
    }
}

/// What tools answered to calls that were written as text; a window of tokens bounds each of them.
pub fn results_in_text(results: &[Part], window: Option<u64>) -> String {
    let limit = window.map_or(RESULT_IN_TEXT, |window| usize::try_from(window / 2).unwrap_or(RESULT_IN_TEXT));
    let limit = limit.clamp(1024, RESULT_IN_TEXT);
    let told = results.iter().filter_map(|part| match part {
        Part::ToolResult { name, text, failed, .. } => Some(result_in_text(name, text, *failed, limit)),
        _ => None,
    });
    told.collect()
}

fn result_in_text(name: &str, text: &str, failed: bool, limit: usize) -> String {
    let verb = if failed { "did not do it" } else { "answered" };
    format!("The tool `{name}` {verb}:\n`````\n{}\n`````\n\n", runner::shortened(text, limit))
}

/// The turns before this one, as messages.
///
/// What was compacted is told as its summary, and what of it is pinned word for word.
pub fn history(state: &SessionState, protocol: TurnProtocol) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some(compaction) = state.compactions.last() {
        let mut text = format!(
            "<summary>\nThe conversation before this point, as a summary:\n\n{}\n</summary>",
            compaction.summary
        );
        let pinned = pinned(state, compaction.up_to);
        if !pinned.is_empty() {
            text.push_str("\n\nOf it, these were kept word for word:\n\n");
            text.push_str(&pinned.join("\n\n"));
        }
        messages.push(Message::text(Role::User, text));
    }
    messages.extend(recent(state, protocol));
    messages
}

/// The turns that are told word for word, as messages.
pub fn recent(state: &SessionState, protocol: TurnProtocol) -> Vec<Message> {
    let from = state.compactions.last().map(|compaction| compaction.up_to);
    let mut conversation = Conversation::default();
    for item in state.items.iter().filter(|item| Some(item.seq) > from) {
        conversation.take(item, protocol);
    }
    conversation.close();
    conversation.messages
}

/// The pinned items up to a fact, in words.
pub fn pinned(state: &SessionState, up_to: Seq) -> Vec<String> {
    let items = state.items.iter().filter(|item| item.seq <= up_to && state.pins.contains(&item.seq));
    let words = items.filter_map(|item| match &item.kind {
        ItemKind::User { text, .. } | ItemKind::Steered { text, .. } => Some(("the person", text.clone())),
        ItemKind::Answer { text, .. } => Some(("the assistant", text.clone())),
        ItemKind::Attached { name, text, .. } => Some((name.as_str(), text.clone())),
        ItemKind::Call { name, answer: Some(answer), .. } => Some((name.as_str(), tools::words(&answer.content))),
        _ => None,
    });
    words.map(|(who, text)| format!("<pinned from=\"{who}\">\n{text}\n</pinned>")).collect()
}

/// A picture as a part of a message.
pub fn picture(picture: Picture) -> Part {
    Part::Image { media_type: picture.media_type, data: picture.data }
}

/// Puts something behind the words that it belongs to.
pub fn attach(text: &mut String, attached: &str) {
    text.push_str("\n\n");
    text.push_str(attached);
}

/// The newest message of the person, with what it may need to know of the project behind it.
///
/// A large project is told by its map alone, one without a map by the names of its files.
pub fn prompt(text: &str, files: &[ProjectPath], map: &str, contents: &[(ProjectPath, String)]) -> Message {
    let mut full = text.to_owned();
    if !files.is_empty() && (map.is_empty() || files.len() <= LISTED_FILES) {
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
    if !map.is_empty() {
        let head = "Line numbers and what is defined there; the most telling files come first.";
        full.push_str(&format!("\n\n<project_map>\n{head}\n{map}</project_map>"));
    }
    for (path, content) in contents {
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

/// The pictures of an answer, for a model that can see; whether it can is the provider's to know.
pub fn pictures(content: &[Content]) -> impl Iterator<Item = Part> + '_ {
    content.iter().filter_map(|piece| match piece {
        Content::Image { media_type, data } => Some(Part::Image { media_type: media_type.clone(), data: data.clone() }),
        _ => None,
    })
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
    /// What the results show; it stands behind all of them, where every protocol takes it.
    pictures: Vec<Part>,
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
                self.say(text.clone());
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
                    self.pictures.extend(pictures(&answer.content));
                    self.answered = self.answered.max(Some(answer.seq));
                }
                self.results.push(Part::ToolResult { id, name: name.clone(), text, failed });
            }
            // The parts that hold the conversation together stand in its words.
            ItemKind::Call { name, arguments, answer: Some(answer), .. } if protocol == TurnProtocol::Fenced => {
                self.assistant.push(Part::Text { text: format!("```tool {name}\n{arguments}\n```") });
                let text = result_in_text(name, &tools::words(&answer.content), answer.failed, RESULT_IN_TEXT);
                self.answered = self.answered.max(Some(answer.seq));
                self.results.push(Part::Text { text });
            }
            ItemKind::Change { change } if protocol != TurnProtocol::Tools => {
                self.assistant.push(Part::Text { text: format!("(wrote {})", change.path) });
            }
            ItemKind::Undone { paths, .. } => {
                let paths = paths.iter().map(ProjectPath::as_str).collect::<Vec<_>>().join(", ");
                self.say(format!("(I took your last changes back: {paths} are as they were before.)"));
            }
            ItemKind::Redone { paths, .. } | ItemKind::Rewound { paths, .. } if !paths.is_empty() => {
                let paths = paths.iter().map(ProjectPath::as_str).collect::<Vec<_>>().join(", ");
                self.say(format!(
                    "(I brought other versions of these files back: {paths}. Read them before you rely on them.)"
                ));
            }
            ItemKind::Attached { text, picture, .. } => self.attached(text, picture.as_ref()),
            // A check that belongs to a step is told in the answer of the call that ended the step.
            ItemKind::Check { run } if run.step.is_none() => {
                if let Some(text) = findings(run) {
                    self.say(text);
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
            | ItemKind::Compacted { .. }
            | ItemKind::Ended { .. }
            | ItemKind::Exported { .. } => {}
        }
    }

    /// Words on the person's side, as a message of their own.
    fn say(&mut self, text: String) {
        self.close();
        self.messages.push(Message::text(Role::User, text));
    }

    /// What goes with the message before it.
    fn attached(&mut self, text: &str, shown: Option<&Picture>) {
        match self.messages.last_mut() {
            Some(Message { role: Role::User, parts }) => match parts.first_mut() {
                Some(Part::Text { text: words }) => attach(words, text),
                _ => parts.push(Part::Text { text: text.to_owned() }),
            },
            _ => self.messages.push(Message::text(Role::User, text.to_owned())),
        }
        if let (Some(shown), Some(message)) = (shown, self.messages.last_mut()) {
            message.parts.push(picture(shown.clone()));
        }
    }

    fn close(&mut self) {
        self.answered = None;
        let assistant = std::mem::take(&mut self.assistant);
        let speaks = assistant.iter().any(|part| !matches!(part, Part::Reasoning { .. }));
        if speaks {
            self.messages.push(Message { role: Role::Assistant, parts: assistant });
        }
        let mut results = std::mem::take(&mut self.results);
        results.append(&mut self.pictures);
        if !results.is_empty() {
            self.messages.push(Message { role: Role::User, parts: results });
        }
    }
}
