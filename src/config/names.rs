//! Names of settings: which exist, which lead to others, and which was meant.
//!
//! It knows nothing of values.

use super::schema::KEYS;

/// Whether this is the full name of a setting.
pub(super) fn is_known(key: &str) -> bool {
    KEYS.iter().any(|known| is_named(known, key))
}

/// Whether `key` is the setting that is spelled `known` in [`KEYS`].
pub(super) fn is_named(known: &str, key: &str) -> bool {
    matches(known, key) == Some(0)
}

/// Whether settings lie below this name.
pub(super) fn is_section(key: &str) -> bool {
    KEYS.iter().any(|known| matches(known, key).is_some_and(|below| below > 0))
}

/// How many parts of `known` lie below `key`; `None` when `key` does not lead there.
fn matches(known: &str, key: &str) -> Option<usize> {
    let mut known = known.split('.');
    for part in key.split('.') {
        let name = known.next()?;
        if name != part && (name != "*" || part.is_empty()) {
            return None;
        }
    }
    Some(known.count())
}

/// The setting that was probably meant by an unknown name.
pub(super) fn nearest(key: &str) -> Option<String> {
    let parts: Vec<&str> = key.split('.').collect();
    let candidates = KEYS.iter().map(|known| fill(known, &parts));
    let last = parts.last().copied().unwrap_or(key);
    candidates
        .flat_map(|known| {
            let whole = (strsim::damerau_levenshtein(&known, key), known.clone());
            let leaf = known.rsplit('.').next().unwrap_or(&known);
            // A known name in the wrong section is as good as a slip of one letter.
            let moved = (strsim::damerau_levenshtein(leaf, last) + 1, known.clone());
            let section = known.split('.').take(parts.len()).collect::<Vec<_>>().join(".");
            [whole, moved, (strsim::damerau_levenshtein(&section, key), section)]
        })
        .filter(|(distance, name)| *distance <= (last.chars().count() / 3).clamp(1, 3) && name != key)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Puts the id that the person wrote in place of `*`.
fn fill(known: &str, parts: &[&str]) -> String {
    let at = known.split('.').position(|part| part == "*").unwrap_or(1);
    let id = parts.get(at).copied().unwrap_or("ID");
    known.split('.').map(|part| if part == "*" { id } else { part }).collect::<Vec<_>>().join(".")
}
