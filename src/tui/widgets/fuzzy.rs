//! Finding by a few letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A text that fits what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its place in what was searched.
    pub index: usize,
    /// Which of its characters were found, rising.
    pub matches: Vec<usize>,
}

/// What fits `query`, best first; everything in order when nothing was typed.
pub fn fuzzy<'a>(query: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<Hit> {
    let texts = texts.into_iter().enumerate();
    if query.trim().is_empty() {
        return texts.map(|(index, _)| Hit { index, matches: Vec::new() }).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let pattern = Pattern::parse(query, CaseMatching::Smart, Normalization::Smart);
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    let mut hits: Vec<(u32, Hit)> = Vec::new();
    for (index, text) in texts {
        found.clear();
        let Some(score) = pattern.indices(Utf32Str::new(text, &mut buffer), &mut matcher, &mut found) else { continue };
        let mut matches: Vec<usize> = found.iter().filter_map(|at| usize::try_from(*at).ok()).collect();
        matches.sort_unstable();
        matches.dedup();
        hits.push((score, Hit { index, matches }));
    }
    // Equal scores keep their order.
    hits.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    hits.into_iter().map(|(_, hit)| hit).collect()
}

/// The places of the `most` texts that fit `query` best, rising. For long lists: letters are not looked up.
pub fn fuzzy_best<'a>(query: &str, texts: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<usize> {
    let texts = texts.into_iter().enumerate();
    if query.trim().is_empty() {
        return texts.map(|(index, _)| index).take(most).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let pattern = Pattern::parse(query, CaseMatching::Smart, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(std::cmp::Reverse<u32>, usize)> = texts
        .filter_map(|(index, text)| {
            let score = pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher)?;
            Some((std::cmp::Reverse(score), index))
        })
        .collect();
    if scored.len() > most {
        scored.select_nth_unstable(most);
        scored.truncate(most);
    }
    let mut places: Vec<usize> = scored.into_iter().map(|(_, index)| index).collect();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_many_are_those_that_are_found_first() {
        let texts: Vec<String> = (0..2_000).map(|number| format!("src/f{number}/main.rs")).collect();
        let all = || texts.iter().map(String::as_str);
        let mut first: Vec<usize> = fuzzy("f19main", all()).iter().take(20).map(|hit| hit.index).collect();
        first.sort_unstable();
        assert_eq!(fuzzy_best("f19main", all(), 20), first);
        assert_eq!(fuzzy_best("", all(), 3), [0, 1, 2]);
        assert!(fuzzy_best("zzz", all(), 20).is_empty());
    }

    #[test]
    fn letters_in_order_are_found_best_first() {
        let texts = ["src/model.rs", "src/main.rs", "README.md"];
        let hits = fuzzy("main", texts);
        assert_eq!(hits[0], Hit { index: 1, matches: vec![4, 5, 6, 7] });
        assert_eq!(fuzzy("", texts).len(), 3);
        assert!(fuzzy("zzz", texts).is_empty());
    }
}
