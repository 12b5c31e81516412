//! What families of models take and refuse, as data: rows of `assets/models.toml`.
//!
//! A rule only saves the refusal that would teach the same: what no rule knows is sent, and left
//! out once the server has named it.

use serde::{Deserialize, Serialize};

use crate::domain::Effort;

/// How a model is asked to reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// It decides itself how long; an effort may be named beside.
    Adaptive,
    /// By a number of tokens.
    Budget,
    /// By the name of a level.
    Level,
    /// It does not.
    Never,
}

/// Whether temperature and its like are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    #[default]
    Taken,
    /// Only while no effort is named, or none at all.
    UnlessReasoning,
    Refused,
}

/// Whether pictures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    Taken,
    Refused,
}

/// What one family of models takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRules {
    pub thinking: Thinking,
    /// Efforts that it takes, the lowest first; without any, none is sent.
    pub effort: Vec<Effort>,
    pub sampling: Sampling,
}

impl ModelRules {
    /// The effort to send for a wish: the wish itself, else the nearest above it, else the highest.
    pub fn effort(&self, wish: Option<Effort>) -> Option<Effort> {
        let wish = wish?;
        self.effort.iter().copied().find(|level| *level >= wish).or_else(|| self.effort.last().copied())
    }

    /// The temperature to send, if the model takes one.
    pub fn temperature(&self, wish: Option<f32>, effort: Option<Effort>) -> Option<f32> {
        let reasons = effort.is_some_and(|effort| effort != Effort::None);
        match self.sampling {
            Sampling::Taken => wish,
            Sampling::UnlessReasoning => wish.filter(|_| !reasons),
            Sampling::Refused => None,
        }
    }
}

/// A rule with the models that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    /// The protocols that it holds for.
    pub wires: Vec<String>,
    /// Beginnings of names, without an owner before a slash.
    pub models: Vec<String>,
    pub takes: ModelRules,
    pub source: String,
    /// The day it was read.
    pub date: String,
}

impl RuleRow {
    /// Whether it is about this model over this protocol.
    pub fn covers(&self, wire: &str, model: &str) -> bool {
        let name = model.rsplit_once('/').map_or(model, |(_, name)| name);
        self.wires.iter().any(|have| have == wire) && self.models.iter().any(|start| name.starts_with(start.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_becomes_what_the_model_takes() {
        let rules = ModelRules { effort: vec![Effort::Low, Effort::High], ..ModelRules::default() };
        assert_eq!(rules.effort(Some(Effort::None)), Some(Effort::Low));
        assert_eq!(rules.effort(Some(Effort::Medium)), Some(Effort::High));
        assert_eq!(rules.effort(Some(Effort::Max)), Some(Effort::High));
        assert_eq!(rules.effort(None), None);
        assert_eq!(ModelRules::default().effort(Some(Effort::Low)), None);
    }

    #[test]
    fn names_may_have_an_owner() {
        let row = RuleRow {
            wires: vec!["chat".into()],
            models: vec!["gpt-oss".into()],
            takes: ModelRules::default(),
            source: "s".into(),
            date: "2026-01-01".into(),
        };
        assert!(row.covers("chat", "gpt-oss-20b") && row.covers("chat", "openai/gpt-oss-20b"));
        assert!(!row.covers("ollama", "gpt-oss:20b") && !row.covers("chat", "my-gpt-oss"));
    }
}
