//! From the scopes of a syntax definition to the few roles of a theme.

use std::collections::HashMap;

use syntect::parsing::Scope;

use crate::tui::theme::SyntaxRole;

/// The longest fitting beginning decides; scopes without a fitting one say nothing.
const TABLE: &[(&str, SyntaxRole)] = &[
    ("comment", SyntaxRole::Comment),
    ("punctuation.definition.comment", SyntaxRole::Comment),
    ("string", SyntaxRole::String),
    ("punctuation.definition.string", SyntaxRole::String),
    ("constant", SyntaxRole::Constant),
    ("constant.numeric", SyntaxRole::Number),
    ("constant.character.escape", SyntaxRole::Constant),
    ("keyword", SyntaxRole::Keyword),
    ("keyword.operator", SyntaxRole::Operator),
    ("keyword.operator.word", SyntaxRole::Keyword),
    ("keyword.operator.logical.python", SyntaxRole::Keyword),
    ("storage", SyntaxRole::Keyword),
    ("entity.name.function", SyntaxRole::Function),
    ("entity.name.macro", SyntaxRole::Function),
    ("entity.name.type", SyntaxRole::Type),
    ("entity.name.class", SyntaxRole::Type),
    ("entity.name.struct", SyntaxRole::Type),
    ("entity.name.enum", SyntaxRole::Type),
    ("entity.name.trait", SyntaxRole::Type),
    ("entity.name.impl", SyntaxRole::Type),
    ("entity.name.interface", SyntaxRole::Type),
    ("entity.name.namespace", SyntaxRole::Type),
    ("entity.name.module", SyntaxRole::Type),
    ("entity.name.tag", SyntaxRole::Tag),
    ("entity.name.section", SyntaxRole::Markup),
    ("entity.name.label", SyntaxRole::Constant),
    ("entity.name.constant", SyntaxRole::Constant),
    ("entity.other.attribute-name", SyntaxRole::Attribute),
    ("entity.other.inherited-class", SyntaxRole::Type),
    ("entity.name.attribute-name", SyntaxRole::Attribute),
    ("support.function", SyntaxRole::Function),
    ("support.macro", SyntaxRole::Function),
    ("support.type", SyntaxRole::Type),
    ("support.type.property-name", SyntaxRole::Attribute),
    ("support.class", SyntaxRole::Type),
    ("support.constant", SyntaxRole::Constant),
    ("variable", SyntaxRole::Variable),
    ("variable.function", SyntaxRole::Function),
    ("variable.language", SyntaxRole::Keyword),
    ("variable.annotation", SyntaxRole::Attribute),
    ("meta.annotation", SyntaxRole::Attribute),
    ("meta.mapping.key string", SyntaxRole::Attribute),
    ("punctuation", SyntaxRole::Punctuation),
    ("punctuation.definition.tag", SyntaxRole::Tag),
    ("punctuation.definition.heading", SyntaxRole::Markup),
    ("markup.heading", SyntaxRole::Markup),
    ("markup.bold", SyntaxRole::Markup),
    ("markup.italic", SyntaxRole::Markup),
    ("markup.raw", SyntaxRole::String),
    ("markup.inserted", SyntaxRole::Inserted),
    ("markup.deleted", SyntaxRole::Deleted),
    ("markup.underline.link", SyntaxRole::Attribute),
    ("invalid", SyntaxRole::Invalid),
];

/// Roles of scopes, remembered.
#[derive(Debug)]
pub(super) struct Roles {
    table: Vec<(Scope, SyntaxRole)>,
    known: HashMap<Scope, Option<SyntaxRole>>,
}

impl Roles {
    pub(super) fn new() -> Self {
        let table = TABLE.iter().filter_map(|(name, role)| Some((Scope::new(name).ok()?, *role))).collect();
        Self { table, known: HashMap::new() }
    }

    /// The innermost scope that says something decides; a comment or a string keeps its colour
    /// for the punctuation that begins and ends it.
    pub(super) fn of(&mut self, stack: &[Scope]) -> SyntaxRole {
        stack.iter().rev().find_map(|scope| self.of_scope(*scope)).unwrap_or(SyntaxRole::Plain)
    }

    fn of_scope(&mut self, scope: Scope) -> Option<SyntaxRole> {
        let table = &self.table;
        *self.known.entry(scope).or_insert_with(|| {
            table
                .iter()
                .filter(|(prefix, _)| prefix.is_prefix_of(scope))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, role)| *role)
        })
    }
}
