//! A list that narrows while one types.

use super::{Choice, Pick};
use crate::tui::widgets::{Hit, ListItem, fuzzy};

/// What is listed, where the lines can be changed by keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    #[default]
    Other,
    Permissions,
    Queue,
    Jobs,
}

/// A fuzzy list.
#[derive(Clone, Debug)]
pub struct Picker {
    pub title: &'static str,
    /// What was typed.
    pub query: String,
    /// Shown when nothing is in the list yet.
    pub empty: &'static str,
    entries: Vec<(Choice, Pick)>,
    ranked: Vec<Hit>,
    selected: usize,
    /// The theme to go back to when a theme list is left without a choice.
    pub revert: Option<String>,
    pub listed: Listed,
}

impl Picker {
    /// A list under a title.
    pub fn new(title: &'static str, empty: &'static str, entries: Vec<(Choice, Pick)>) -> Self {
        let mut picker = Self {
            title,
            query: String::new(),
            empty,
            entries,
            ranked: Vec::new(),
            selected: 0,
            revert: None,
            listed: Listed::Other,
        };
        picker.rank();
        picker
    }

    /// Replaces the lines, keeping what was typed.
    pub fn fill(&mut self, entries: Vec<(Choice, Pick)>) {
        self.entries = entries;
        self.rank();
    }

    /// Replaces the lines, the choice staying at its position.
    pub fn refresh(&mut self, entries: Vec<(Choice, Pick)>) {
        let selected = self.selected;
        self.fill(entries);
        self.selected = selected.min(self.ranked.len().saturating_sub(1));
    }

    /// Sets what was typed.
    pub fn search(&mut self, query: &str) {
        query.clone_into(&mut self.query);
        self.rank();
    }

    /// Adds a character to the search.
    pub fn push(&mut self, c: char) {
        if !c.is_control() {
            self.query.push(c);
            self.rank();
        }
    }

    /// Takes the last character of the search back.
    pub fn pop(&mut self) {
        self.query.pop();
        self.rank();
    }

    /// Moves the choice; stops at the ends.
    pub fn step(&mut self, by: isize) {
        self.selected = self.selected.saturating_add_signed(by).min(self.ranked.len().saturating_sub(1));
    }

    /// Chooses the line at a position of the ranked list.
    pub fn select(&mut self, position: usize) -> bool {
        let known = position < self.ranked.len();
        if known {
            self.selected = position;
        }
        known
    }

    /// Chooses the line that stands for something.
    pub fn select_pick(&mut self, pick: &Pick) {
        if let Some(at) = self.ranked.iter().position(|hit| self.entries.get(hit.index).is_some_and(|(_, p)| p == pick))
        {
            self.selected = at;
        }
    }

    /// The position of the choice in the ranked list.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// What the choice stands for.
    pub fn picked(&self) -> Option<&Pick> {
        self.ranked.get(self.selected).and_then(|hit| self.entries.get(hit.index)).map(|(_, pick)| pick)
    }

    /// The lines that match, best first, ready to be drawn.
    pub fn items(&self) -> Vec<ListItem> {
        let item = |hit: &Hit| {
            let (choice, _) = self.entries.get(hit.index)?;
            Some(ListItem { matches: hit.matches.clone(), ..ListItem::new(&choice.label, &choice.detail) })
        };
        self.ranked.iter().filter_map(item).collect()
    }

    fn rank(&mut self) {
        self.ranked = fuzzy(&self.query, self.entries.iter().map(|(choice, _)| choice.label.as_str()));
        if self.ranked.is_empty() && !self.query.is_empty() {
            self.ranked = fuzzy(&self.query, self.entries.iter().map(|(choice, _)| choice.detail.as_str()));
            for hit in &mut self.ranked {
                hit.matches.clear();
            }
        }
        self.selected = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_narrows_and_moving_stays_inside() {
        let entries = ["kiln-dark", "kiln-light"]
            .iter()
            .map(|name| (Choice::new(name, ""), Pick::Theme((*name).to_owned())))
            .collect();
        let mut picker = Picker::new("theme", "none", entries);
        picker.step(9);
        assert_eq!(picker.picked(), Some(&Pick::Theme("kiln-light".into())));
        picker.push('d');
        assert_eq!(picker.picked(), Some(&Pick::Theme("kiln-dark".into())));
        picker.search("zzz");
        picker.step(-3);
        assert_eq!(picker.picked(), None);
    }
}
