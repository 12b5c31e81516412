//! A look at a weights file's own text forms, for whoever wants to check them: token ids of a
//! text, and the prompt that messages become.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::gguf_file::Content;

use super::template::{self, Marks, Turn};
use super::vocabulary::{self, Vocabulary};

fn content(path: &Path) -> Result<Content, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    Content::read(&mut BufReader::new(file)).map_err(|error| error.to_string())
}

/// The token ids of a text.
pub fn encode(path: &Path, texts: &[&str]) -> Result<Vec<Vec<u32>>, String> {
    let vocabulary = Vocabulary::load(&content(path)?)?;
    texts.iter().map(|text| vocabulary.encode(text)).collect()
}

/// The prompt that a system text and one message become.
pub fn render(path: &Path, system: &str, user: &str) -> Result<String, String> {
    let content = content(path)?;
    let turns = [Turn { role: "system", content: system.to_owned() }, Turn { role: "user", content: user.to_owned() }];
    let marks = Marks { begin: String::new(), end: String::new() };
    Ok(template::render(vocabulary::text(&content, "tokenizer.chat_template"), &turns, &marks))
}
