//! Kinds of content that tool answers carry. Front ends draw kinds, never tool names.

use base64::Engine as _;
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

/// A picture that models can look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Such as `image/png`.
    pub media_type: String,
    /// Its bytes in base64.
    pub data: String,
}

impl Picture {
    /// Bytes of one picture that are sent at most: what every provider takes.
    pub const MOST_BYTES: u64 = 3 * 1024 * 1024;

    /// A picture out of a file's bytes; `None` where they are none that every provider takes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let media_type = media_type(bytes)?;
        Some(Self { media_type: media_type.to_owned(), data: base64::engine::general_purpose::STANDARD.encode(bytes) })
    }
}

/// The media type, told by how the bytes begin.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if bytes.starts_with(b"\xff\xd8\xff") => Some("image/jpeg"),
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Some("image/gif"),
        _ if riff => Some("image/webp"),
        _ => None,
    }
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
