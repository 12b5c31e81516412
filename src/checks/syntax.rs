//! Whether a file can be read as what its name says: by tree-sitter, or by a parser of its format.
//!
//! Says nothing of meaning; a file in an unknown language has no slips.

use tree_sitter::{Language, Node, Parser};

/// Slips told of one file at most: the first ones cause the rest.
const MOST_SLIPS: usize = 5;
/// Larger files are not looked at, in bytes.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// A place where a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    pub what: String,
}

/// The first places where a file is not what its name says.
///
/// `None` where nothing can be said: an unknown language, a very large file.
pub fn slips(path: &str, text: &str) -> Option<Vec<Slip>> {
    let extension =
        path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension);
    if text.len() > MOST_BYTES {
        return None;
    }
    match extension {
        "json" => Some(json(text).into_iter().collect()),
        "toml" => Some(toml(text).into_iter().collect()),
        _ => language(extension).map(|language| parsed(&language, text)),
    }
}

fn language(extension: &str) -> Option<Language> {
    Some(match extension {
        "rs" => tree_sitter_rust::LANGUAGE.into(),
        "py" => tree_sitter_python::LANGUAGE.into(),
        "js" | "mjs" | "cjs" | "jsx" => tree_sitter_javascript::LANGUAGE.into(),
        "ts" | "mts" | "cts" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        "tsx" => tree_sitter_typescript::LANGUAGE_TSX.into(),
        "go" => tree_sitter_go::LANGUAGE.into(),
        "sh" | "bash" => tree_sitter_bash::LANGUAGE.into(),
        _ => return None,
    })
}

fn json(text: &str) -> Option<Slip> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    Some(Slip { line: error.line(), column: error.column().max(1), what: error.to_string() })
}

fn toml(text: &str) -> Option<Slip> {
    let error = text.parse::<toml::Table>().err()?;
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(1, |rest| rest.len() + 1);
    Some(Slip { line, column, what: error.message().to_owned() })
}

fn parsed(language: &Language, text: &str) -> Vec<Slip> {
    let mut parser = Parser::new();
    let tree = parser.set_language(language).ok().and_then(|()| parser.parse(text, None));
    let Some(tree) = tree else { return Vec::new() };
    let mut slips = Vec::new();
    collect(tree.root_node(), text, &mut slips);
    slips
}

/// Walks to the innermost errors. Depth is bounded by the walk's own stack, not by recursion.
fn collect(root: Node<'_>, text: &str, slips: &mut Vec<Slip>) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if slips.len() >= MOST_SLIPS || !node.has_error() && !node.is_missing() {
            continue;
        }
        if node.is_missing() {
            slips.push(slip(node, format!("`{}` is missing", node.kind())));
        } else if node.is_error() {
            let shown: String = text.get(node.byte_range()).unwrap_or_default().chars().take(40).collect();
            let shown = shown.lines().next().unwrap_or_default().trim().to_owned();
            slips.push(slip(node, format!("unexpected `{shown}`")));
        } else {
            let mut cursor = node.walk();
            let mut children: Vec<Node<'_>> = node.children(&mut cursor).collect();
            children.reverse();
            open.extend(children);
        }
    }
}

fn slip(node: Node<'_>, what: String) -> Slip {
    let at = node.start_position();
    Slip { line: at.row + 1, column: at.column + 1, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_has_no_slips() {
        for (path, text) in [
            ("a.rs", "fn main() { println!(\"hi\"); }\n"),
            ("a.py", "def f(x):\n    return x\n"),
            ("a.js", "const f = async () => { await g?.(); };\n"),
            ("a.ts", "const x: Map<string, number> = new Map();\n"),
            ("a.tsx", "const A = () => <p>{1}</p>;\n"),
            ("a.go", "package a\n\nfunc f() {}\n"),
            ("a.json", "{\"a\": [1, 2]}"),
            ("a.toml", "[a]\nb = 1\n"),
        ] {
            assert_eq!(slips(path, text), Some(Vec::new()), "{path}");
        }
        for (path, text) in [("a.unknown", "%%%"), ("json", "{"), ("README.md", "# read me\n")] {
            assert_eq!(slips(path, text), None, "{path}: nobody can say");
        }
    }

    #[test]
    fn a_slip_names_its_line() {
        for (path, text, line) in [
            ("a.rs", "fn main() {\n    let x = ;\n}\n", 2),
            ("a.py", "def f(:\n    pass\n", 1),
            ("a.js", "function f( {\n}\n", 1),
            ("a.go", "package a\n\nfunc f( {}\n", 3),
            ("a.json", "{\n  \"a\": 1,\n}", 3),
            ("a.toml", "a = 1\nb = \n", 2),
        ] {
            let found = slips(path, text).unwrap();
            assert!(found.iter().any(|slip| slip.line == line), "{path}: {found:?}");
            assert!(found.len() <= MOST_SLIPS);
        }
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let text = "(".repeat(100_000);
        assert!(slips("a.py", &text).unwrap().len() <= MOST_SLIPS);
    }
}
