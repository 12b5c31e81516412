//! What a call of the model will touch, what a session may do unasked, and the person's answers.
//!
//! The language of permissions only: deciding is `tools/policy`'s, asking is the engine's.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::id::{CallId, TurnId};
use super::path::ProjectPath;

/// How much a session does without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Reads only, commands that do no more included; whatever writes, connects or runs anything else is refused.
    ReadOnly,
    /// Reads freely, writes files of the project freely, asks before commands and connections.
    #[default]
    Ask,
    /// Also runs sandboxed commands without asking; no network.
    Auto,
    /// Asks for nothing, and commands run without the sandbox: for machines that are thrown away.
    Full,
}

impl Mode {
    /// Every mode, from the least rights to the most.
    pub const ALL: [Self; 4] = [Self::ReadOnly, Self::Ask, Self::Auto, Self::Full];

    /// The word for it in settings, flags and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Ask => "ask",
            Self::Auto => "auto",
            Self::Full => "full",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that a call touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "touch", rename_all = "snake_case")]
pub enum Touch {
    /// Reads a file or a folder of the project.
    Read { path: ProjectPath },
    /// Creates, changes or deletes a file of the project.
    Write { path: ProjectPath },
    /// Runs a shell command line in a folder of the project.
    Command { line: String, directory: Option<ProjectPath> },
    /// Connects to a host, by its canonical name. What a command reaches may be a host with its port, or `*.host`.
    Host { host: String },
    /// Calls a tool of somebody else, by its full prefixed name.
    Foreign { tool: String },
}

/// What a standing permission covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case")]
pub enum Scope {
    /// This very command line.
    Command { line: String },
    /// Simple commands that begin with these words.
    Prefix { words: Vec<String> },
    /// Writing beneath a path of the project; the empty text stands for the whole project.
    Path { path: String },
    /// Connecting to a host.
    Host { host: String },
    /// Every call of a tool.
    Tool { name: String },
    /// All of these, for a call that needs more than one; each stands and is taken back by itself.
    Together { scopes: Vec<Scope> },
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { line } => write!(f, "run exactly `{line}`"),
            Self::Prefix { words } => write!(f, "run commands that begin with `{}`", words.join(" ")),
            Self::Path { path } if path.is_empty() => f.write_str("write any file of the project"),
            Self::Path { path } => write!(f, "write beneath `{path}`"),
            Self::Host { host } => write!(f, "connect to {host}"),
            Self::Tool { name } => write!(f, "use `{name}`"),
            Self::Together { scopes } => {
                for (index, scope) in scopes.iter().enumerate() {
                    let between = if index == 0 { "" } else { " and " };
                    write!(f, "{between}{scope}")?;
                }
                Ok(())
            }
        }
    }
}

/// How long a permission stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Until the session is closed.
    Session,
    /// For every session of this project, until it is revoked.
    Project,
}

/// A standing permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub scope: Scope,
    pub lifetime: Lifetime,
    /// When it was given, and in answer to which request, in the words that were asked.
    pub given: Timestamp,
    pub origin: String,
}

/// A call that waits for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    pub turn: TurnId,
    pub call: CallId,
    pub tool: String,
    /// What it wants to do, in one line.
    pub title: String,
    pub touches: Vec<Touch>,
    /// Why it asks: the rule that stopped it.
    pub reason: String,
    /// What would happen, to look at: a diff, a command.
    pub preview: Vec<Content>,
    /// Standing permissions that would cover this call, the narrowest first.
    pub offers: Vec<Scope>,
}

/// The person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// This once.
    Allow,
    /// This time, and whatever the scope covers from now on.
    AllowFurther { scope: Scope, lifetime: Lifetime },
    /// No; the comment is told to the model.
    Deny { comment: Option<String> },
}

/// A question of the model that waits for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub turn: TurnId,
    pub call: CallId,
    pub text: String,
    /// Answers to choose from; the person may always write another one.
    pub choices: Vec<String>,
}
