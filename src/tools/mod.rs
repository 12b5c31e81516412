//! What a model can do: one tool a file under `builtin`, registered in [`TOOLS`].
//!
//! A tool reads and writes through `workspace` only. It publishes nothing: what it did comes back
//! as [`Effect`]s, which the turn turns into facts. Bad arguments are an answer to the model, not
//! an error.

mod builtin;
mod changes;
pub mod commands;
pub mod live;
mod looking;
pub mod notes;
pub mod policy;
pub mod preview;
mod toolbox;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use toolbox::{AnyTool, Toolbox};

use crate::domain::{Content, ContentHash, Display, PlannedStep, ProjectPath, Step, StepId, StepState, Touch};
use crate::workspace::seen::Seen;
use crate::workspace::{Root, WorkspaceError};

/// Every tool there is.
pub static TOOLS: &[&dyn Tool] = &[
    &Typed(builtin::set_plan::SetPlan),
    &Typed(builtin::finish_step::FinishStep),
    &Typed(builtin::list_files::ListFiles),
    &Typed(builtin::glob::Glob),
    &Typed(builtin::grep::Grep),
    &Typed(builtin::read_file::ReadFile),
    &Typed(builtin::write_file::WriteFile),
    &Typed(builtin::edit_file::EditFile),
    &Typed(builtin::apply_patch::ApplyPatch),
];

pub use builtin::fetch_url::{PrivateHosts, fetch};

/// `fetch_url` waits for the network: it is done by [`fetch`], not by [`Tool::run`], and so not in [`TOOLS`].
pub static FETCH_URL: &dyn Tool = &Typed(builtin::fetch_url::FetchUrl);

/// The tool of that name.
pub fn find(name: &str) -> Option<&'static dyn Tool> {
    TOOLS.iter().copied().find(|tool| tool.name() == name)
}

/// What a tool works with.
#[derive(Debug)]
pub struct ToolContext<'a> {
    pub root: &'a Root,
    pub plan: &'a [Step],
    /// What the model knows of the files; kept over the session.
    pub seen: &'a Seen,
}

/// What a tool did, for the turn to publish.
#[derive(Debug, PartialEq)]
pub enum Effect {
    PlanSet(Vec<PlannedStep>),
    StepChanged(StepId, StepState),
    Wrote(Written),
    Removed(Removed),
}

/// A file that was written, with both contents.
#[derive(Debug, PartialEq)]
pub struct Written {
    pub path: ProjectPath,
    /// The content before; `None` when the file did not exist.
    pub before: Option<Vec<u8>>,
    pub after: Vec<u8>,
}

/// A file that was removed, with what it held.
#[derive(Debug, PartialEq)]
pub struct Removed {
    pub path: ProjectPath,
    pub before: Vec<u8>,
}

/// The answer to a call.
#[derive(Debug, Default, PartialEq)]
pub struct ToolAnswer {
    /// Told to the model as an error.
    pub failed: bool,
    pub content: Vec<Content>,
    pub effects: Vec<Effect>,
    /// Whether the transcript tells of it; what has effects is told by them in any case.
    pub display: Display,
}

impl ToolAnswer {
    /// A good answer in words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { failed: false, content: vec![Content::Text { text: text.into() }], ..Self::default() }
    }

    /// A refusal in words that the model can act on.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { failed: true, ..Self::text(text) }
    }

    /// The words for the model.
    pub fn for_model(&self) -> String {
        words(&self.content)
    }

    /// The same, told by facts of its own: not a line of the transcript.
    pub fn quiet(self) -> Self {
        Self { display: Display::Quiet, ..self }
    }

    fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// Content as the model reads it.
pub fn words(content: &[Content]) -> String {
    let mut text = String::new();
    for piece in content {
        if !text.is_empty() {
            text.push('\n');
        }
        match piece {
            Content::Text { text: t } | Content::Terminal { text: t } | Content::Code { text: t, .. } => {
                text.push_str(t);
            }
            Content::Diff { path, text: t } => text.push_str(&format!("{path}\n{t}")),
            Content::File { path } => text.push_str(path.as_str()),
            Content::Image { .. } => text.push_str("(picture)"),
        }
    }
    text
}

/// A tool, whatever its arguments.
pub trait Tool: Sync {
    fn name(&self) -> &'static str;
    /// What the model is told it does.
    fn description(&self) -> String;
    /// JSON Schema of its arguments.
    fn schema(&self) -> Value;
    /// What a call with these arguments would touch, for the policy. Arguments that [`Tool::run`] refuses
    /// touch nothing.
    ///
    /// A tool that does not say is one that has to be asked for by its name.
    fn touches(&self, arguments: &Value) -> Vec<Touch> {
        let _ = arguments;
        unspoken(self.name())
    }
    /// What a call with these arguments would change, for the person to look at; empty where there is nothing to show.
    /// Blocking file work, as [`Tool::run`].
    ///
    /// # Errors
    /// The call would be refused; the words are those that the model gets.
    fn preview(&self, arguments: &Value, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        let _ = (arguments, context);
        Ok(Vec::new())
    }
    /// Does it. Blocking file work; call off the async threads.
    fn run(&self, arguments: &Value, context: &ToolContext<'_>) -> ToolAnswer;
}

/// A tool with typed arguments; its description is the doc comment of the arguments' type.
trait TypedTool: Sync {
    const NAME: &'static str;
    type Input: DeserializeOwned + JsonSchema;
    /// See [`Tool::touches`].
    fn touches(&self, input: &Self::Input) -> Vec<Touch> {
        let _ = input;
        unspoken(Self::NAME)
    }
    /// See [`Tool::preview`].
    fn preview(&self, input: Self::Input, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        let _ = (input, context);
        Ok(Vec::new())
    }
    fn run(&self, input: Self::Input, context: &ToolContext<'_>) -> ToolAnswer;
}

struct Typed<T>(T);

impl<T: TypedTool> Tool for Typed<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn description(&self) -> String {
        described::<T::Input>()
    }

    fn schema(&self) -> Value {
        bare_schema::<T::Input>()
    }

    fn touches(&self, arguments: &Value) -> Vec<Touch> {
        serde_json::from_value(arguments.clone()).map(|input| self.0.touches(&input)).unwrap_or_default()
    }

    fn preview(&self, arguments: &Value, context: &ToolContext<'_>) -> Result<Vec<Content>, String> {
        match serde_json::from_value(arguments.clone()) {
            Ok(input) => self.0.preview(input, context),
            Err(error) => Err(unfitting(T::NAME, &error).for_model()),
        }
    }

    fn run(&self, arguments: &Value, context: &ToolContext<'_>) -> ToolAnswer {
        match serde_json::from_value(arguments.clone()) {
            Ok(input) => self.0.run(input, context),
            Err(error) => unfitting(T::NAME, &error),
        }
    }
}

/// What a tool touches that does not say so itself.
fn unspoken(name: &str) -> Vec<Touch> {
    vec![Touch::Foreign { tool: name.to_owned() }]
}

/// Reading a path that a call names; a path that is refused later touches nothing.
fn reads(path: &str) -> Vec<Touch> {
    ProjectPath::parse(path).map(|path| Touch::Read { path }).into_iter().collect()
}

/// A folder or a file to begin at: nothing, `.` and `/` at the end are all right here.
fn place(path: Option<&str>) -> Result<Option<ProjectPath>, String> {
    match path.map(|path| path.trim().trim_end_matches(['/', '\\'])) {
        None | Some("" | ".") => Ok(None),
        Some(path) => ProjectPath::parse(path).map(Some).map_err(|refusal| refusal.to_string()),
    }
}

/// Writing a path that a call names; a path that is refused later touches nothing.
fn writes(path: &str) -> Vec<Touch> {
    ProjectPath::parse(path).map(|path| Touch::Write { path }).into_iter().collect()
}

/// The doc comment of an arguments' type: what the model is told of the tool.
fn described<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The schema of an arguments' type, without what the description says already.
fn bare_schema<T: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(object) = schema.as_object_mut() {
        for key in ["$schema", "title", "description"] {
            object.remove(key);
        }
    }
    schema
}

fn unfitting(tool: &str, error: &serde_json::Error) -> ToolAnswer {
    ToolAnswer::refusal(format!("the arguments of `{tool}` do not fit its schema: {error}"))
}

/// Writes a file of the project, keeping what was there.
pub fn write(root: &Root, path: &str, content: &str) -> Result<Written, String> {
    let path = ProjectPath::parse(path).map_err(|refusal| refusal.to_string())?;
    let fail = |error: WorkspaceError| format!("`{path}` was not written: {error}");
    let before = root.read(&path).map_err(fail)?;
    let expected = before.as_deref().map(ContentHash::of);
    root.write_if(&path, expected.as_ref(), content.as_bytes(), None).map_err(fail)?;
    Ok(Written { path, before, after: content.as_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_says_what_it_touches() {
        let touches = |tool: &str, arguments: Value| find(tool).unwrap().touches(&arguments);
        let path = |text: &str| ProjectPath::parse(text).unwrap();
        assert_eq!(touches("read_file", json!({"path": "./a"})), [Touch::Read { path: path("a") }]);
        assert_eq!(touches("write_file", json!({"path": "a", "content": ""})), [Touch::Write { path: path("a") }]);
        // These are refused when they run.
        assert_eq!(touches("write_file", json!({"path": "../a", "content": ""})), []);
        assert_eq!(touches("write_file", json!({"path": 7})), []);
        for tool in TOOLS {
            let foreign = tool.touches(&json!({"path": "a", "content": "", "steps": [], "step": 1}));
            assert!(!foreign.iter().any(|t| matches!(t, Touch::Foreign { .. })), "{} does not say", tool.name());
        }
    }

    #[test]
    fn every_tool_has_a_name_words_and_an_object_schema() {
        let mut names = Vec::new();
        for tool in TOOLS {
            assert!(tool.description().len() > 20, "{} has no description", tool.name());
            assert_eq!(tool.schema()["type"], "object", "{}", tool.name());
            assert!(find(tool.name()).is_some());
            names.push(tool.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TOOLS.len(), "two tools share a name");
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/builtin")).unwrap();
        let count = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            // The readable text of a page is `fetch_url`'s, which waits for the network.
            .filter(|name| !["mod.rs", "page.rs", "fetch_url.rs"].contains(&name.as_str()))
            .count();
        assert_eq!(count, TOOLS.len(), "a file in builtin/ is not registered");
    }
}
