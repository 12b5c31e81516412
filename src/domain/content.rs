//! Kinds of content that tool answers carry. Front ends draw kinds, never tool names.

use serde::{Deserialize, Serialize};

use super::path::ProjectPath;

/// A piece of an answer, by how it wants to be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Plain words.
    Text { text: String },
    /// Source text in a language.
    Code { language: String, text: String },
    /// A file of the project that was written or read.
    File { path: ProjectPath },
    /// A picture: its media type such as `image/png`, and its bytes in base64.
    Image { media_type: String, data: String },
    /// What a file would become, or became: hunks in the form of a unified diff.
    Diff { path: ProjectPath, text: String },
    /// Output of a program, control characters included.
    Terminal { text: String },
}

/// How a tool's answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// As a line of the transcript.
    #[default]
    Line,
    /// Not at all: what the call did is told by facts of its own, such as a changed file.
    Quiet,
}
