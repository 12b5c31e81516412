//! The outline of one file: what it defines, in its order, and which names it uses.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tree_sitter::{Node, Parser};

use super::language::{Language, Meaning};

/// Symbols of one file at most.
const MOST_SYMBOLS: usize = 400;
/// Characters of a signature at most.
const MOST_OF_A_SIGNATURE: usize = 120;
/// Shorter names say nothing about who uses whom.
const SHORTEST_NAME: usize = 4;

/// Something that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// Counted from 1.
    pub line: usize,
    /// How many other symbols it lies within.
    pub depth: usize,
    /// Its first words up to the body, on one line.
    pub signature: String,
}

/// What a file defines and uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub symbols: Vec<Symbol>,
    /// Hashes of the names that occur in it.
    pub(super) names: BTreeSet<u64>,
}

/// Reads a file's outline. Broken code has the outline of what can be read of it.
pub fn outline(language: Language, source: &[u8]) -> Outline {
    let mut parser = Parser::new();
    if parser.set_language(&language.grammar()).is_err() {
        return Outline::default();
    }
    let Some(tree) = parser.parse(source, None) else { return Outline::default() };
    let mut symbols = Vec::new();
    // A stack of our own: how deep a file is nested is not ours to say.
    let mut open: Vec<(Node<'_>, usize)> = vec![(tree.root_node(), 0)];
    while let Some((node, depth)) = open.pop() {
        if symbols.len() >= MOST_SYMBOLS {
            break;
        }
        let mut within = depth;
        match language.meaning(node.kind()) {
            Meaning::Other => continue,
            Meaning::Wrapper => {}
            Meaning::Variable if !holds_function(node) => continue,
            Meaning::Definition | Meaning::Variable => {
                symbols.extend(symbol(node, source, depth));
                continue;
            }
            Meaning::Container => {
                symbols.extend(symbol(node, source, depth));
                within += 1;
            }
        }
        let mut cursor = node.walk();
        let children: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
        open.extend(children.into_iter().rev().map(|child| (child, within)));
    }
    Outline { symbols, names: names(source) }
}

fn holds_function(variable: Node<'_>) -> bool {
    variable.child_by_field_name("value").is_some_and(|value| {
        matches!(value.kind(), "arrow_function" | "function_expression" | "generator_function" | "class")
    })
}

fn symbol(node: Node<'_>, source: &[u8], depth: usize) -> Option<Symbol> {
    let named = node.child_by_field_name("name").or_else(|| node.child_by_field_name("type"))?;
    let name = named.utf8_text(source).ok()?.trim().to_owned();
    let body = node.child_by_field_name("body").or_else(|| node.child_by_field_name("value"));
    let end = match body {
        Some(body) if node.kind() == "variable_declarator" => {
            body.child_by_field_name("body").map_or(body.start_byte(), |inner| inner.start_byte())
        }
        Some(body) => body.start_byte(),
        None => node.end_byte(),
    };
    let text = String::from_utf8_lossy(source.get(node.start_byte()..end)?);
    let words: Vec<&str> = text.split_whitespace().collect();
    let whole = words.join(" ");
    let whole = whole.trim_end_matches("=>").trim_end_matches(['{', ':', '=', ';', ' ']);
    let mut signature: String = whole.chars().take(MOST_OF_A_SIGNATURE).collect();
    if whole.chars().count() > MOST_OF_A_SIGNATURE {
        signature.push('…');
    }
    (!name.is_empty()).then_some(Symbol { name, line: node.start_position().row + 1, depth, signature })
}

/// The hash that stands for a name.
pub(super) fn name_hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Whether a name is long enough to tell who uses whom.
pub(super) fn tells(name: &str) -> bool {
    name.len() >= SHORTEST_NAME
}

fn names(source: &[u8]) -> BTreeSet<u64> {
    let text = String::from_utf8_lossy(source);
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| tells(word) && !word.starts_with(|c: char| c.is_ascii_digit())).map(name_hash).collect()
}
