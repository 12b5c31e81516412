//! The languages whose syntax is known, each with the nodes that define something.

use crate::domain::ProjectPath;

/// A language with a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Tsx,
    Go,
}

/// What a kind of node means for an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It defines a name; what lies within is its own affair.
    Definition,
    /// It defines a name and holds others.
    Container,
    /// Only what lies within counts.
    Wrapper,
    /// A variable: counts when it holds a function.
    Variable,
    /// Nothing of interest.
    Other,
}

impl Language {
    /// The language of a file by the end of its name.
    pub fn of(path: &ProjectPath) -> Option<Self> {
        let (_, ending) = path.file_name().rsplit_once('.')?;
        Some(match ending {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" => Self::JavaScript,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            "go" => Self::Go,
            _ => return None,
        })
    }

    pub(super) fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
        }
    }

    pub(super) fn meaning(self, kind: &str) -> Meaning {
        use Meaning::{Container, Definition, Other, Variable, Wrapper};
        match self {
            Self::Rust => match kind {
                "function_item"
                | "function_signature_item"
                | "struct_item"
                | "enum_item"
                | "union_item"
                | "type_item"
                | "const_item"
                | "static_item"
                | "macro_definition" => Definition,
                "trait_item" | "impl_item" | "mod_item" => Container,
                "source_file" | "declaration_list" => Wrapper,
                _ => Other,
            },
            Self::Python => match kind {
                "function_definition" => Definition,
                "class_definition" => Container,
                "module" | "decorated_definition" | "block" => Wrapper,
                _ => Other,
            },
            Self::JavaScript | Self::TypeScript | Self::Tsx => match kind {
                "function_declaration"
                | "generator_function_declaration"
                | "method_definition"
                | "function_signature"
                | "abstract_method_signature"
                | "method_signature"
                | "interface_declaration"
                | "type_alias_declaration"
                | "enum_declaration" => Definition,
                "class_declaration" | "abstract_class_declaration" | "internal_module" | "module" => Container,
                "program"
                | "export_statement"
                | "class_body"
                | "statement_block"
                | "lexical_declaration"
                | "variable_declaration"
                | "ambient_declaration"
                | "expression_statement" => Wrapper,
                "variable_declarator" => Variable,
                _ => Other,
            },
            Self::Go => match kind {
                "function_declaration" | "method_declaration" | "type_spec" | "type_alias" => Definition,
                "source_file" | "type_declaration" | "type_spec_list" => Wrapper,
                _ => Other,
            },
        }
    }
}
