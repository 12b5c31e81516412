//! Hooks: commands of the settings that run before and after tools and turns.
//!
//! A hook runs in the sandbox with what happens as JSON on its standard input. It never gives a right: all
//! that it can do to a call is to stop it.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::config::{HookEvent, HookSettings};
use crate::sandbox::Finish;
use crate::tools::commands::{Commands, end_words, succeeded};

/// The exit code that stops what is about to happen.
const STOP: i32 = 2;
/// How long a hook may take.
const TIME: Duration = Duration::from_secs(60);
/// Characters of what a hook says that are told.
const TOLD: usize = 2_000;

/// A hook, ready to run.
#[derive(Clone, Debug)]
pub struct Hook {
    event: HookEvent,
    /// The tools that it is for; `None` for all.
    tools: Option<Regex>,
    command: String,
}

/// What the hooks of one moment came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Why one of them stops what is about to happen, or what it has to say afterwards.
    pub stopped: Option<String>,
    /// Hooks that did not do what they are for, for the person.
    pub notices: Vec<String>,
}

impl Hook {
    /// Reads a row of the settings; the error says what is wrong with it.
    pub fn new(settings: &HookSettings) -> Result<Self, String> {
        let pattern = settings.tool.as_deref().filter(|pattern| !matches!(*pattern, "" | "*"));
        let tools = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose();
        let tools = tools
            .map_err(|error| format!("the hook `{}` has a `match` that is no pattern: {error}", settings.command))?;
        Ok(Self { event: settings.event, tools, command: settings.command.clone() })
    }

    fn is_for(&self, event: HookEvent, tool: Option<&str>) -> bool {
        let fits = match (&self.tools, tool) {
            (Some(pattern), Some(tool)) => pattern.is_match(tool),
            (Some(_), None) => false,
            (None, _) => true,
        };
        self.event == event && fits
    }
}

/// Runs every hook of a moment, one after the other; the first that stops is the last that runs.
pub async fn run(
    hooks: &[Hook],
    commands: Option<&Commands>,
    event: HookEvent,
    tool: Option<&str>,
    told: &Value,
) -> Outcome {
    let mut outcome = Outcome::default();
    for hook in hooks.iter().filter(|hook| hook.is_for(event, tool)) {
        let Some(commands) = commands else {
            outcome.notices.push(format!("the hook `{}` did not run: no commands can run here", hook.command));
            continue;
        };
        let ended = match commands.run_with_input(&hook.command, &told.to_string(), TIME).await {
            Ok(ended) => ended,
            Err(error) => {
                outcome.notices.push(format!("the hook `{}` did not run: {error}", hook.command));
                continue;
            }
        };
        let said = ended.output.text();
        let said = said.get(..said.floor_char_boundary(TOLD)).unwrap_or(&said).trim().to_owned();
        if ended.finish == Finish::Exited(STOP) {
            let reason = if said.is_empty() { "it gave no reason".to_owned() } else { said };
            outcome.stopped = Some(format!("the hook `{}` says: {reason}", hook.command));
            return outcome;
        }
        if !succeeded(&ended) {
            outcome.notices.push(format!("the hook `{}` failed: {}; {said}", hook.command, end_words(&ended)));
        }
    }
    outcome
}
