//! Names that every system can unpack.
//!
//! A project may hold names that Windows reads as devices, that hold characters it forbids, or that differ
//! only in case, which Windows and macOS fold. The rules here change only such names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Longest name of one file or folder, in bytes; counted so it fits every common file system.
const MAX_NAME: usize = 255;
/// An extension up to this many bytes, dot included, survives shortening.
const MAX_EXTENSION: usize = 20;

/// The portable name of each path (parts joined by `/`), in the order given. Different paths get names
/// that differ in more than case, folders included; the outcome depends on the set of paths alone.
pub fn names(paths: &[&str]) -> Vec<String> {
    let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        let mut rest = *path;
        loop {
            let (above, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            children.entry(above).or_default().insert(name);
            if above.is_empty() {
                break;
            }
            rest = above;
        }
    }
    let mut chosen: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for (above, names) in &children {
        let mut taken = HashSet::new();
        // Names that can stay have the first choice.
        let (stay, change): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| portable(name) == **name);
        for name in stay.into_iter().chain(change) {
            chosen.insert((above, name), unique(&portable(name), &mut taken));
        }
    }
    paths.iter().map(|path| rebuild(path, &chosen)).collect()
}

fn rebuild(path: &str, chosen: &BTreeMap<(&str, &str), String>) -> String {
    let mut parts = Vec::new();
    let mut rest = path;
    loop {
        let (above, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        parts.push(chosen.get(&(above, name)).map_or(name, String::as_str));
        if above.is_empty() {
            break;
        }
        rest = above;
    }
    parts.reverse();
    parts.join("/")
}

/// A name that no other in the folder has in any mix of cases.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2_u32;
    while !taken.insert(fold(&candidate)) {
        candidate = with_tail(name, &format!("-{number}"));
        number = number.saturating_add(1);
    }
    candidate
}

/// One form for all mixes of cases. Going up first also joins letters such as `ſ` and `s`.
fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// The name as every system takes it.
pub fn portable(name: &str) -> String {
    let mut safe: String = name.chars().map(|c| if is_forbidden(c) { '_' } else { c }).collect();
    let kept = safe.trim_end_matches(['.', ' ']).len();
    if kept < safe.len() {
        safe.truncate(kept);
        safe.push('_');
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if safe.is_empty() {
        safe.push('_');
    }
    if safe.len() > MAX_NAME { with_tail(&safe, "") } else { safe }
}

/// Adds a tail before the extension and shortens the stem until everything fits.
fn with_tail(name: &str, tail: &str) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION => name.split_at(dot),
        _ => (name, ""),
    };
    let room = MAX_NAME.saturating_sub(tail.len() + extension.len());
    let mut stem = stem;
    while stem.len() > room {
        let mut chars = stem.chars();
        chars.next_back();
        stem = chars.as_str();
    }
    let stem = if extension.is_empty() && tail.is_empty() { stem.trim_end_matches(['.', ' ']) } else { stem };
    format!("{stem}{tail}{extension}")
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' | '/')
}

/// Windows reads these names, with any extension, as devices.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$")
        || stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")).is_some_and(|rest| {
            let mut chars = rest.chars();
            chars.next().is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³')) && chars.next().is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_system_refuses_are_changed() {
        for (name, expected) in [
            ("main.rs", "main.rs"),
            (".gitignore", ".gitignore"),
            ("日本 команда.md", "日本 команда.md"),
            ("a:b?.txt", "a_b_.txt"),
            ("back\\slash", "back_slash"),
            ("tab\there", "tab_here"),
            ("dot.", "dot_"),
            ("space. .", "space_"),
            ("NUL", "_NUL"),
            ("aux.c", "_aux.c"),
            ("Com1.tar.gz", "_Com1.tar.gz"),
            ("lpt²", "_lpt²"),
            ("com10", "com10"),
            ("console", "console"),
            ("...", "_"),
        ] {
            assert_eq!(portable(name), expected, "{name:?}");
            assert_eq!(portable(expected), expected, "{expected:?} is settled");
        }
        let long = portable(&format!("{}.html", "é".repeat(200)));
        assert!(long.len() <= 255 && long.ends_with("é.html"), "{long}");
    }

    #[test]
    fn names_that_differ_only_in_case_are_told_apart() {
        let paths = ["Makefile", "makefile", "Src/a.rs", "src/a.rs", "src/A.rs", "a?", "a_", "x.tar", "X.tar"];
        let expected =
            ["Makefile", "makefile-2", "Src/a.rs", "src-2/a-2.rs", "src-2/A.rs", "a_-2", "a_", "x-2.tar", "X.tar"];
        assert_eq!(names(&paths), expected);
        let mut backwards = paths;
        backwards.reverse();
        let mut answer = names(&backwards);
        answer.reverse();
        assert_eq!(answer, expected, "the order does not matter");
    }

    proptest::proptest! {
        #[test]
        fn all_names_are_portable_and_distinct(
            paths in proptest::collection::btree_set("[aAbB.:]{1,3}(/[aAuxX. ]{1,3}){0,2}", 1..12),
        ) {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let answer = names(&paths);
            let folded: BTreeSet<String> = answer.iter().map(|name| fold(name)).collect();
            proptest::prop_assert_eq!(folded.len(), paths.len(), "{:?}", answer);
            for part in answer.iter().flat_map(|name| name.split('/')) {
                proptest::prop_assert_eq!(portable(part), part);
            }
        }
    }
}
