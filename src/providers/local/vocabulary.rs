//! Text to tokens and back, by the vocabulary inside the weights file.
//!
//! Bytes of tokens come from the file's own byte alphabet, not from a decoder, so that half a
//! character is simply half its bytes. What tokens mean for a conversation is the template's affair.

use std::collections::{BTreeSet, HashMap};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

/// A token's kind in the file that marks it as a control token.
const CONTROL: u32 = 3;

/// The vocabulary of a model.
pub(super) struct Vocabulary {
    tokenizer: Tokenizer,
    /// The bytes of each token; control tokens have their name.
    bytes: Vec<Vec<u8>>,
    /// Control tokens by id.
    control: BTreeSet<u32>,
    /// Tokens that end an answer.
    ends: BTreeSet<u32>,
    begin: Option<u32>,
}

impl Vocabulary {
    /// Reads the vocabulary out of a GGUF file; the error says what is not understood.
    pub(super) fn load(content: &Content) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_gguf(content).map_err(|error| error.to_string())?;
        if text(content, "tokenizer.ggml.pre") == Some("smollm") {
            // candle's default splits this family's text as GPT-2 does, which puts a space before
            // every segment; the family splits digits one by one and adds no space.
            let digits = Digits::new(true);
            let bytes = ByteLevel::new(false, true, true);
            tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![digits.into(), bytes.into()])));
        }
        let names = content
            .metadata
            .get("tokenizer.ggml.tokens")
            .and_then(|value| value.to_vec().ok())
            .ok_or("the weights file has no vocabulary")?;
        let kinds = content.metadata.get("tokenizer.ggml.token_type").and_then(|value| value.to_vec().ok());
        let alphabet = byte_alphabet();
        let mut bytes = Vec::with_capacity(names.len());
        let mut control = BTreeSet::new();
        let mut ends = BTreeSet::new();
        for (id, name) in (0u32..).zip(names) {
            let name = name.to_string().map_err(|error| error.to_string())?;
            let kind = kinds.and_then(|kinds| kinds.get(id as usize)).and_then(number).unwrap_or(1);
            if kind == CONTROL {
                control.insert(id);
                if matches!(name.as_str(), "<|im_end|>" | "<|endoftext|>" | "<|eot_id|>" | "<|end_of_text|>" | "</s>") {
                    ends.insert(id);
                }
                bytes.push(name.as_bytes().to_vec());
            } else {
                bytes.push(name.chars().filter_map(|c| alphabet.get(&c).copied()).collect());
            }
        }
        for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
            ends.extend(content.metadata.get(key).and_then(number));
        }
        let begin = content.metadata.get("tokenizer.ggml.bos_token_id").and_then(number);
        Ok(Self { tokenizer, bytes, control, ends, begin })
    }

    /// The tokens of a text; names of control tokens in it become these tokens.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What a token adds to an answer's text; control tokens add nothing.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        if self.control.contains(&token) {
            return &[];
        }
        self.bytes.get(token as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// The name of a token as a template writes it.
    pub(super) fn name(&self, token: u32) -> String {
        let bytes = self.bytes.get(token as usize).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Whether a token ends an answer.
    pub(super) fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The tokens that end an answer.
    pub(super) fn end_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.ends.iter().copied()
    }

    /// Whether a token is one of the conversation's marks and no text.
    pub(super) fn is_control(&self, token: u32) -> bool {
        self.control.contains(&token)
    }

    /// The token that begins a text, where the file names one.
    pub(super) fn begin(&self) -> Option<u32> {
        self.begin
    }

    /// A person's text with the names of control tokens broken up, so that it cannot end its own
    /// message.
    pub(super) fn disarmed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in &self.control {
            let name = self.name(*token);
            if name.len() > 1 && text.contains(&name) {
                let mut broken = name.clone();
                broken.insert(name.chars().next().map_or(0, char::len_utf8), '\u{200b}');
                text = text.replace(&name, &broken);
            }
        }
        text
    }
}

/// A text value of the file's header.
pub(super) fn text<'a>(content: &'a Content, key: &str) -> Option<&'a str> {
    content.metadata.get(key).and_then(|value| value.to_string().ok()).map(String::as_str)
}

/// A whole number of the file's header, whatever width it was written with.
pub(super) fn number(value: &Value) -> Option<u32> {
    match value {
        Value::U8(n) => Some(u32::from(*n)),
        Value::U16(n) => Some(u32::from(*n)),
        Value::U32(n) => Some(*n),
        Value::U64(n) => u32::try_from(*n).ok(),
        Value::I8(n) => u32::try_from(*n).ok(),
        Value::I16(n) => u32::try_from(*n).ok(),
        Value::I32(n) => u32::try_from(*n).ok(),
        Value::I64(n) => u32::try_from(*n).ok(),
        _ => None,
    }
}

/// The alphabet in which GPT-2 style vocabularies write bytes: printable ones stand for themselves,
/// the others follow from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut next = 0x100u32;
    let mut alphabet = HashMap::new();
    for byte in 0..=255u8 {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let letter = if printable {
            char::from(byte)
        } else {
            let letter = char::from_u32(next).unwrap_or('\u{fffd}');
            next += 1;
            letter
        };
        alphabet.insert(letter, byte);
    }
    alphabet
}
