//! The popup above the composer: slash commands, their arguments, and file mentions.

use super::Choice;
use crate::tui::widgets::fuzzy;

/// What is being completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The word after a slash.
    Command,
    /// The argument of a command.
    Argument,
    /// A file after `@`.
    File,
}

/// The open popup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub kind: Kind,
    /// What was typed of the word, without its mark.
    pub typed: String,
    choices: Vec<Choice>,
    selected: usize,
}

/// Choices shown at most; the rest is reached by typing on.
const MOST: usize = 50;

impl Completion {
    /// Narrows choices by what was typed; `None` when nothing fits.
    pub fn new(kind: Kind, typed: &str, all: &[Choice]) -> Option<Self> {
        let ranked = fuzzy(typed, all.iter().map(|choice| choice.label.as_str()));
        let mut choices: Vec<Choice> =
            ranked.into_iter().take(MOST).filter_map(|hit| all.get(hit.index).cloned()).collect();
        // A command typed from its start comes before one that merely holds the letters.
        choices.sort_by_key(|choice| !choice.label.starts_with(typed));
        (!choices.is_empty()).then(|| Self { kind, typed: typed.to_owned(), choices, selected: 0 })
    }

    /// The lines.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Which line is chosen.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// The chosen line.
    pub fn chosen(&self) -> Option<&Choice> {
        self.choices.get(self.selected)
    }

    /// Moves the choice, around the ends.
    pub fn step(&mut self, by: isize) {
        let count = self.choices.len();
        let next = isize::try_from(self.selected).unwrap_or(0) + by;
        self.selected = match next {
            next if next < 0 => count.saturating_sub(1),
            next => usize::try_from(next).unwrap_or(0) % count.max(1),
        };
    }

    /// Chooses a line by its position.
    pub fn select(&mut self, position: usize) -> bool {
        let known = position < self.choices.len();
        if known {
            self.selected = position;
        }
        known
    }

    /// Takes over the choice of the popup before, when the same line is still there.
    pub fn keep_choice(&mut self, before: &Self) {
        if before.typed == self.typed
            && let Some(chosen) = before.chosen()
            && let Some(at) = self.choices.iter().position(|choice| choice == chosen)
        {
            self.selected = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_first_and_the_choice_goes_round() {
        let all = ["undo", "model", "diff"].map(|n| Choice::new(n, ""));
        let mut popup = Completion::new(Kind::Command, "d", &all).unwrap();
        assert_eq!(popup.chosen().unwrap().label, "diff");
        popup.step(-1);
        assert_eq!(popup.selected(), popup.choices().len() - 1);
        popup.step(1);
        assert_eq!(popup.selected(), 0);
        assert_eq!(Completion::new(Kind::Command, "qqq", &[Choice::new("a", "")]), None);
    }
}
