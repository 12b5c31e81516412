//! A proposed plan under the person's hand: steps are changed, moved, added and taken away.

use super::Dialog;

impl Dialog {
    /// Chooses another step.
    pub fn step_chosen(&mut self, by: isize, count: usize) {
        let last = count.saturating_sub(1);
        self.chosen = Some(match self.chosen {
            Some(at) => at.saturating_add_signed(by).min(last),
            None if by > 0 => 0,
            None => last,
        });
    }

    /// Moves the chosen step up or down; it stays chosen.
    pub fn move_step(&mut self, by: isize) {
        let Some(from) = self.chosen.filter(|at| *at < self.steps.len()) else { return };
        let to = from.saturating_add_signed(by).min(self.steps.len().saturating_sub(1));
        self.steps.swap(from, to);
        self.chosen = Some(to);
    }

    /// Takes the chosen step out; the last one stays.
    pub fn remove_step(&mut self) -> bool {
        let Some(at) = self.chosen.filter(|at| *at < self.steps.len()) else { return false };
        if self.steps.len() == 1 {
            return false;
        }
        self.steps.remove(at);
        self.chosen = Some(at.min(self.steps.len().saturating_sub(1)));
        true
    }

    /// Puts words in the place of a step's own.
    pub fn reword_step(&mut self, at: usize, words: &str) {
        if let Some(step) = self.steps.get_mut(at) {
            words.clone_into(step);
        }
    }

    /// Puts a new step at a position.
    pub fn add_step(&mut self, at: usize, words: &str) {
        let at = at.min(self.steps.len());
        self.steps.insert(at, words.to_owned());
        self.chosen = Some(at);
    }
}
