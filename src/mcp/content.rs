//! What a server answers, as content that Kiln stores and shows, within bounds.

use rmcp::model::{CallToolResult, ContentBlock, ReadResourceResult, ResourceContents};

use crate::domain::Content;

/// Bytes of text of one answer at most; the rest is left out and said so.
const TEXT: usize = 1024 * 1024;
/// Bytes of one picture, in base64, and of all of an answer's.
const PICTURE: usize = 4 * 1024 * 1024;
const PICTURES: usize = 8 * 1024 * 1024;

/// A server's answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The server calls it an error.
    pub failed: bool,
    pub content: Vec<Content>,
}

pub(super) fn of_call(result: CallToolResult) -> Reply {
    let mut gathered = Gathered::default();
    for block in result.content {
        gathered.block(block);
    }
    if gathered.content.is_empty()
        && let Some(value) = result.structured_content
    {
        gathered.text(value.to_string());
    }
    gathered.finish(result.is_error == Some(true))
}

pub(super) fn of_resource(result: ReadResourceResult) -> Reply {
    let mut gathered = Gathered::default();
    for contents in result.contents {
        gathered.resource(contents);
    }
    gathered.finish(false)
}

#[derive(Default)]
struct Gathered {
    content: Vec<Content>,
    text: usize,
    pictures: usize,
    left_out: usize,
}

impl Gathered {
    fn block(&mut self, block: ContentBlock) {
        match block {
            ContentBlock::Text(text) => self.text(text.text),
            ContentBlock::Image(image) => self.picture(image.mime_type, image.data),
            ContentBlock::Audio(audio) => self.text(format!("({} of {} bytes)", audio.mime_type, audio.data.len())),
            ContentBlock::Resource(embedded) => self.resource(embedded.resource),
            ContentBlock::ResourceLink(link) => self.text(format!("{} ({})", link.uri, link.name)),
            // What the protocol may grow.
            _ => {}
        }
    }

    fn resource(&mut self, contents: ResourceContents) {
        match contents {
            ResourceContents::TextResourceContents { uri, text, .. } => self.text(format!("{uri}:\n{text}")),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => match mime_type {
                Some(kind) if kind.starts_with("image/") => self.picture(kind, blob),
                kind => {
                    let kind = kind.unwrap_or_else(|| "data".to_owned());
                    self.text(format!("{uri}: ({kind} of {} bytes)", blob.len() / 4 * 3));
                }
            },
            _ => {}
        }
    }

    fn text(&mut self, mut text: String) {
        let room = TEXT.saturating_sub(self.text);
        if text.len() > room {
            self.left_out += text.len() - room;
            text.truncate(text.floor_char_boundary(room));
        }
        self.text += text.len();
        if !text.is_empty() {
            self.content.push(Content::Text { text });
        }
    }

    fn picture(&mut self, media_type: String, data: String) {
        let is_picture = matches!(media_type.as_str(), "image/png" | "image/jpeg" | "image/gif" | "image/webp");
        if is_picture && data.len() <= PICTURE && self.pictures + data.len() <= PICTURES {
            self.pictures += data.len();
            self.content.push(Content::Image { media_type, data });
        } else {
            self.text(format!("(a picture of {} bytes, {media_type}, left out)", data.len() / 4 * 3));
        }
    }

    fn finish(mut self, failed: bool) -> Reply {
        if self.left_out > 0 {
            let text = format!("[… {} bytes left out …]", self.left_out);
            self.content.push(Content::Text { text });
        }
        if self.content.is_empty() {
            self.content.push(Content::Text { text: "(nothing)".to_owned() });
        }
        Reply { failed, content: self.content }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(value: serde_json::Value) -> Reply {
        of_call(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_flood_is_cut_and_said_so() {
        let piece = "é".repeat(400_000);
        let texts: Vec<_> = (0..3).map(|_| json!({"type": "text", "text": piece})).collect();
        let reply = reply(json!({ "content": texts }));
        let kept: usize = reply.content.iter().map(|c| matches!(c, Content::Text { .. }) as usize).sum();
        assert_eq!(kept, 3);
        assert!(matches!(reply.content.last(), Some(Content::Text { text }) if text.contains("bytes left out")));
    }

    #[test]
    fn pictures_stay_pictures_and_errors_stay_errors() {
        let picture = json!({"type": "image", "data": "iVBORw==", "mimeType": "image/png"});
        let odd = json!({"type": "image", "data": "AAAA", "mimeType": "image/x-evil"});
        let reply = reply(json!({ "content": [picture, odd], "isError": true }));
        assert!(reply.failed);
        assert!(matches!(reply.content.as_slice(), [Content::Image { .. }, Content::Text { .. }]));
    }
}
