//! A grammar that an answer is held to, token by token.

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use super::vocabulary::Vocabulary;
use crate::providers::Shape;

/// The vocabulary in the form that the grammar engine walks.
struct Trie {
    vocabulary: Arc<Vocabulary>,
    trie: TokTrie,
}

impl TokenizerEnv for Trie {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            self.vocabulary.encode(text).unwrap_or_else(|_| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }
}

/// Makes constraints for one vocabulary.
pub(super) struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    /// Prepares a vocabulary; takes some tens of milliseconds, once.
    pub(super) fn new(vocabulary: &Arc<Vocabulary>) -> Result<Self, String> {
        let size = u32::try_from(vocabulary.len()).map_err(|error| error.to_string())?;
        let words: Vec<Vec<u8>> = (0..size)
            .map(|token| {
                if vocabulary.is_control(token) {
                    let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
                    word.extend(vocabulary.name(token).as_bytes());
                    word
                } else {
                    vocabulary.bytes(token).to_vec()
                }
            })
            .collect();
        let ends: Vec<TokenId> = vocabulary.end_tokens().collect();
        let first_end = ends.first().copied().ok_or("the weights file names no token that ends an answer")?;
        let trie = TokTrie::from(&TokRxInfo::new(size, first_end), &words).with_eos_tokens(&ends);
        let environment: TokEnv = Arc::new(Trie { vocabulary: vocabulary.clone(), trie });
        let abilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&environment, abilities, &slices).map_err(|error| error.to_string())?;
        factory.quiet();
        Ok(Self { factory })
    }

    /// Compiles the form that an answer is held to; the error is the compiler's.
    pub(super) fn constraint(&self, shape: &Shape) -> Result<Constraint, String> {
        let grammar = match shape {
            Shape::Lark(lark) => TopLevelGrammar::from_lark(lark.clone()),
            Shape::Json { schema, .. } => TopLevelGrammar::from_json_schema(schema.clone()),
            Shape::Free => return Err("no form is asked for".to_owned()),
        };
        let parser = self.factory.create_parser(grammar).map_err(|error| format!("{error:#}"))?;
        let matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(error) => Err(error),
            None => Ok(Constraint { matcher }),
        }
    }
}

/// How far an answer has come within its grammar.
pub(super) struct Constraint {
    matcher: Matcher,
}

impl Constraint {
    /// The tokens that may come next; the end tokens alone once the grammar is complete.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob, String> {
        self.matcher.compute_mask_or_eos().map_err(|error| first_line(&error.to_string()))
    }

    /// Takes the token that was chosen.
    pub(super) fn take(&mut self, token: u32) -> Result<(), String> {
        self.matcher.consume_token(token).map_err(|error| first_line(&error.to_string()))
    }

    /// Takes and names the tokens that the grammar forces now, if any.
    pub(super) fn forced(&mut self) -> Vec<u32> {
        if self.matcher.is_stopped() { Vec::new() } else { self.matcher.consume_ff_tokens() }
    }

    /// Whether nothing but the end can follow.
    pub(super) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

/// The engine appends its whole state to an error; the first line says what went wrong.
fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().to_owned()
}
