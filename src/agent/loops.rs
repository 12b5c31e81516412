//! Notices when a model goes in circles: the same call with the same answer, again and again.
//!
//! It only counts; what is done about it the turn decides, with the person.

use std::collections::{HashMap, VecDeque};

use crate::domain::ContentHash;

/// Calls that are looked back on.
const WINDOW: usize = 16;
/// Times the same thing may happen before it is called a circle.
const PATIENCE: usize = 3;

/// What has been called lately.
#[derive(Debug, Default)]
pub struct Circles {
    recent: VecDeque<ContentHash>,
    /// How often each circle was told.
    told: HashMap<ContentHash, u32>,
}

/// The same call with the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circle {
    /// How often within the window.
    pub times: usize,
    /// How often it was told before.
    pub told: u32,
}

impl Circles {
    /// Takes a call and its answer; a circle, if this closes one.
    pub fn record(&mut self, tool: &str, arguments: &str, answer: &str) -> Option<Circle> {
        let hash = ContentHash::of(format!("{tool}\0{arguments}\0{answer}").as_bytes());
        self.recent.push_back(hash.clone());
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
        let times = self.recent.iter().filter(|known| **known == hash).count();
        if times < PATIENCE {
            return None;
        }
        let told = self.told.entry(hash.clone()).or_default();
        let circle = Circle { times, told: *told };
        *told += 1;
        // Counting begins anew, so that going on is possible.
        self.recent.retain(|known| *known != hash);
        Some(circle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_call_with_the_same_answer_is_a_circle() {
        let mut circles = Circles::default();
        for n in 0..20 {
            assert_eq!(circles.record("grep", "{}", &n.to_string()), None, "answers differ");
        }
        assert_eq!(circles.record("read", "a", "x"), None);
        assert_eq!(circles.record("read", "b", "x"), None);
        assert_eq!(circles.record("read", "a", "x"), None);
        assert_eq!(circles.record("read", "a", "x"), Some(Circle { times: 3, told: 0 }));
        assert_eq!(circles.record("read", "a", "x"), None);
        assert_eq!(circles.record("read", "a", "x"), None);
        assert_eq!(circles.record("read", "a", "x"), Some(Circle { times: 3, told: 1 }));
    }
}
