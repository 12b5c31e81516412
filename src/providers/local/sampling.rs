//! Choosing the next token.
//!
//! Small models fall into loops. Two brakes hold them back: words said lately get a little less
//! likely, and continuing a passage that already stands in the answer gets the less likely the
//! longer the repeated passage is.

use std::hash::{BuildHasher, RandomState};

use toktrie::SimpleVob;

/// Best tokens that are considered at all.
const CONSIDERED: usize = 40;
/// Share of the likelihood that the considered tokens must cover.
const COVERAGE: f32 = 0.95;
/// Tokens of the answer that count as said lately.
const LATELY: usize = 96;
/// A repeated passage up to this many tokens is no loop.
const HARMLESS_PASSAGE: usize = 8;
/// Passages are compared this far back at most.
const LONGEST_PASSAGE: usize = 48;
/// Growth of the brake per further repeated token.
const PASSAGE_GROWTH: f32 = 1.75;

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token always.
    pub temperature: f32,
    /// Scores of words said lately are divided by this; 1 switches it off.
    pub repetition: f32,
    /// Makes answers repeatable; `None` draws a seed for each answer.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.2, repetition: 1.05, seed: None }
    }
}

/// Chooses tokens for one answer.
pub(super) struct Sampler {
    sampling: Sampling,
    state: u64,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        // The standard library's hasher is keyed from the system's random source.
        let seed = sampling.seed.unwrap_or_else(|| RandomState::new().hash_one(0u8));
        Self { sampling, state: seed }
    }

    /// The next token. `answer` is what was chosen so far; `is_word` tells which tokens count as
    /// words; `allowed` is the grammar's say.
    pub(super) fn choose(
        &mut self,
        mut scores: Vec<f32>,
        answer: &[u32],
        is_word: impl Fn(u32) -> bool,
        allowed: Option<&SimpleVob>,
    ) -> Option<u32> {
        if let Some(allowed) = allowed {
            forbid(&mut scores, allowed);
        }
        self.brake_words(&mut scores, answer, is_word);
        brake_passages(&mut scores, answer);
        let best = best(&scores);
        if self.sampling.temperature <= 0.0 {
            return best.first().map(|(token, _)| *token);
        }
        self.draw(&best)
    }

    fn brake_words(&self, scores: &mut [f32], answer: &[u32], is_word: impl Fn(u32) -> bool) {
        if (self.sampling.repetition - 1.0).abs() < f32::EPSILON {
            return;
        }
        let recent = answer.get(answer.len().saturating_sub(LATELY)..).unwrap_or_default();
        let mut seen: Vec<u32> = recent.iter().copied().filter(|token| is_word(*token)).collect();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(score) = scores.get_mut(token as usize) {
                *score =
                    if *score > 0.0 { *score / self.sampling.repetition } else { *score * self.sampling.repetition };
            }
        }
    }

    fn draw(&mut self, best: &[(u32, f32)]) -> Option<u32> {
        let (_, top) = best.first()?;
        let weights: Vec<(u32, f32)> =
            best.iter().map(|(token, score)| (*token, ((score - top) / self.sampling.temperature).exp())).collect();
        let total: f32 = weights.iter().map(|(_, weight)| weight).sum();
        let mut covered = 0.0;
        let mut kept = Vec::with_capacity(weights.len());
        for (token, weight) in weights {
            kept.push((token, weight));
            covered += weight;
            if covered >= total * COVERAGE {
                break;
            }
        }
        let mut mark = self.random() * covered;
        for (token, weight) in &kept {
            mark -= weight;
            if mark <= 0.0 {
                return Some(*token);
            }
        }
        kept.last().map(|(token, _)| *token)
    }

    /// The next random number from 0 to 1 (splitmix64).
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit a float exactly")]
        let number = (mixed >> 40) as f32;
        number / 16_777_216.0
    }
}

/// Rules out what a mask does not allow, and the matrix's padding rows, which have no token.
fn forbid(scores: &mut Vec<f32>, allowed: &SimpleVob) {
    scores.truncate(allowed.len());
    for (word, scores) in allowed.as_slice().iter().zip(scores.chunks_mut(32)) {
        for (bit, score) in scores.iter_mut().enumerate() {
            if word & (1 << bit) == 0 {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}

/// Lowers each token that would continue a passage which already stands in the answer.
fn brake_passages(scores: &mut [f32], answer: &[u32]) {
    let Some((last, before)) = answer.split_last() else {
        return;
    };
    for (end, token) in before.iter().enumerate() {
        if token != last {
            continue;
        }
        let earlier = before.get(..=end).unwrap_or_default();
        let same = earlier.iter().rev().zip(answer.iter().rev()).take(LONGEST_PASSAGE).take_while(|(a, b)| a == b);
        let length = same.count();
        if length > HARMLESS_PASSAGE
            && let Some(score) = answer.get(end + 1).and_then(|next| scores.get_mut(*next as usize))
        {
            let excess = i32::try_from(length - HARMLESS_PASSAGE).unwrap_or(i32::MAX);
            *score -= 0.5 * PASSAGE_GROWTH.powi(excess);
        }
    }
}

/// The best tokens, best first.
fn best(scores: &[f32]) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(CONSIDERED + 1);
    let mut least = f32::NEG_INFINITY;
    for (token, score) in (0u32..).zip(scores) {
        if *score > least {
            let place = best.partition_point(|(_, other)| other >= score);
            best.insert(place, (token, *score));
            if best.len() > CONSIDERED {
                best.pop();
            }
            if best.len() == CONSIDERED {
                least = best.last().map_or(least, |(_, score)| *score);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greedy() -> Sampler {
        Sampler::new(Sampling { temperature: 0.0, repetition: 1.0, seed: Some(1) })
    }

    #[test]
    fn without_temperature_the_best_token_wins() {
        assert_eq!(greedy().choose(vec![0.1, 3.0, 2.0], &[], |_| false, None), Some(1));
    }

    #[test]
    fn a_grammar_forbids_the_best_token() {
        let mut allowed = SimpleVob::alloc(3);
        allowed.allow_token(2);
        assert_eq!(greedy().choose(vec![0.1, 3.0, 2.0], &[], |_| false, Some(&allowed)), Some(2));
    }

    #[test]
    fn nothing_allowed_is_no_token() {
        let allowed = SimpleVob::alloc(3);
        assert_eq!(greedy().choose(vec![0.1, 3.0, 2.0], &[], |_| false, Some(&allowed)), None);
    }

    #[test]
    fn a_loop_is_left() {
        let cycle: Vec<u32> = (0..20).collect();
        let answer: Vec<u32> = cycle.iter().chain(&cycle).chain(&cycle).copied().collect();
        let mut scores = vec![0.0; 32];
        scores[0] = 5.0;
        scores[31] = 4.0;
        assert_eq!(greedy().choose(scores, &answer, |_| false, None), Some(31));
    }

    #[test]
    fn the_same_seed_gives_the_same_answer() {
        let draws = |seed| {
            let mut sampler = Sampler::new(Sampling { temperature: 1.0, repetition: 1.0, seed: Some(seed) });
            (0..32).map(|_| sampler.choose(vec![1.0; 8], &[], |_| false, None)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }
}
