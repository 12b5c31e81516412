//! The same line read by tree-sitter's grammar of bash: both must find the same commands.
//!
//! That grammar forgives mistakes and knows far more than ours, so it decides nothing by itself. A line on
//! which the two differ is not understood.

use tree_sitter::{Node, Parser};

use super::simple_command::{CommandLine, Doubt};

/// Kinds of nodes that an understood line is made of.
const KNOWN: &[&str] = &[
    "program",
    "list",
    "pipeline",
    "negated_command",
    "redirected_statement",
    "command",
    "command_name",
    "test_command",
    "word",
    "number",
    "string",
    "string_content",
    "raw_string",
    "concatenation",
    "file_redirect",
    "file_descriptor",
    "comment",
    "simple_expansion",
    "special_variable_name",
    "unary_expression",
    "binary_expression",
    "test_operator",
    "regex",
    "extglob_pattern",
    "arithmetic_expansion",
];

/// Refuses a line on which the two differ.
pub(super) fn agrees(line: &str, ours: &CommandLine) -> Result<(), Doubt> {
    let differs = |at| Doubt { why: "two ways of reading it do not agree", at };
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).map_err(|_| differs(0))?;
    let tree = parser.parse(line, None).ok_or_else(|| differs(0))?;
    let mut expected = ours.commands.iter();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let at = node.start_byte();
        if node.is_error() || node.is_missing() || node.is_named() && !KNOWN.contains(&node.kind()) {
            return Err(differs(at));
        }
        let is_test = node.kind() == "test_command";
        if is_test || node.kind() == "command" {
            let command = expected.next().ok_or_else(|| differs(at))?;
            let same_words = is_test || words(node) == command.words.len();
            if !same_words || name_start(node) != command.start {
                return Err(differs(at));
            }
        }
        // What stands within `[ ]` is words to us.
        if !is_test && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return match expected.next() {
                    None => Ok(()),
                    Some(command) => Err(differs(command.start)),
                };
            }
        }
    }
}

/// The name and the arguments of a command.
fn words(node: Node<'_>) -> usize {
    let mut cursor = node.walk();
    1 + node.children_by_field_name("argument", &mut cursor).count()
}

/// Where the program's name begins; redirections may stand before it.
fn name_start(node: Node<'_>) -> usize {
    node.child_by_field_name("name").unwrap_or(node).start_byte()
}
