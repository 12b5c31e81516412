//! Matching lines whatever their indentation, and indenting what replaces them as the file does.
//!
//! The relation between the two indentations has to be one rule for all lines (a shift, tabs for spaces,
//! another width); where it is not, nothing matches: half a guess would break code whose indentation means something.

use std::ops::Range;

/// Comparisons of lines after which the search for a place is given up.
const MOST_COMPARISONS: usize = 20_000_000;

/// Where `search` stands among `lines`, both compared without blanks at either end.
pub fn windows(lines: &[&str], search: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut budget = MOST_COMPARISONS;
    if search.iter().all(|line| line.trim().is_empty()) {
        return found;
    }
    let wanted: Vec<&str> = search.iter().map(|line| line.trim()).collect();
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    for (start, window) in trimmed.windows(wanted.len()).enumerate() {
        let same = window.iter().zip(&wanted).take_while(|(line, wanted)| line == wanted).count();
        budget = budget.saturating_sub(same + 1);
        if budget == 0 {
            return Vec::new();
        }
        if same == wanted.len() {
            found.push(start..start + wanted.len());
        }
    }
    found
}

/// How an indentation of the search text becomes one of the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Indentation {
    /// A prefix goes, another comes.
    Shift { remove: String, add: String },
    /// Widths on a straight line: `file = base + (width - from) * rise / run`, made of `unit`.
    Scale { from: i64, base: i64, rise: i64, run: i64, unit: char },
}

impl Indentation {
    /// The rule that turns the indentation of `search` into that of `file`, line by line; `None` when there is no one rule.
    /// `replacement` tells only how wide one level is, where the search text shows a single one.
    pub fn between(search: &[&str], file: &[&str], replacement: &[&str]) -> Option<Self> {
        let pairs: Vec<(&str, &str)> = search
            .iter()
            .zip(file)
            .filter(|(line, _)| !line.trim().is_empty())
            .map(|(search, file)| (leading(search), leading(file)))
            .collect();
        shift(&pairs).or_else(|| scale(&pairs, replacement))
    }

    /// A line of the replacement, indented as the file is.
    pub fn apply(&self, line: &str) -> String {
        if line.trim().is_empty() {
            return line.to_owned();
        }
        let blanks = leading(line);
        let rest = line.strip_prefix(blanks).unwrap_or(line);
        match self {
            Self::Shift { remove, add } => {
                format!("{add}{}{rest}", blanks.strip_prefix(remove.as_str()).unwrap_or_default())
            }
            Self::Scale { from, base, rise, run, unit } => {
                let width = base + (count(blanks) - from) * rise / run;
                let width = usize::try_from(width).unwrap_or(0);
                format!("{}{rest}", unit.to_string().repeat(width))
            }
        }
    }
}

fn leading(line: &str) -> &str {
    line.split_at(line.len() - line.trim_start().len()).0
}

fn count(blanks: &str) -> i64 {
    i64::try_from(blanks.chars().count()).unwrap_or(i64::MAX)
}

/// One prefix fewer and one more, the same on every line.
fn shift(pairs: &[(&str, &str)]) -> Option<Indentation> {
    let (first_search, first_file) = pairs.iter().min_by_key(|(search, _)| search.len())?;
    // What both end with is no part of the shift.
    let shared = first_search
        .chars()
        .rev()
        .zip(first_file.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum::<usize>();
    let remove = first_search.get(..first_search.len() - shared)?;
    let add = first_file.get(..first_file.len() - shared)?;
    let fits = |(search, file): &(&str, &str)| {
        search.strip_prefix(remove).zip(file.strip_prefix(add)).is_some_and(|(a, b)| a == b)
    };
    // Tabs for blanks on one level only says nothing about the next level.
    let kinds = |text: &str| (text.contains('\t'), text.contains(' '));
    let same_kind = remove.is_empty() || add.is_empty() || kinds(remove) == kinds(add);
    (same_kind && pairs.iter().all(fits)).then(|| Indentation::Shift { remove: remove.to_owned(), add: add.to_owned() })
}

/// Tabs for blanks, blanks for tabs, or another width of a level.
fn scale(pairs: &[(&str, &str)], replacement: &[&str]) -> Option<Indentation> {
    let uniform = |text: &str| text.chars().all(|c| c == ' ') || text.chars().all(|c| c == '\t');
    if !pairs.iter().all(|(search, file)| uniform(search) && uniform(file)) {
        return None;
    }
    let tabs = |texts: &mut dyn Iterator<Item = &str>| {
        texts.fold(
            None,
            |kind: Option<bool>, text| {
                if text.is_empty() { kind } else { Some(kind.unwrap_or(false) || text.starts_with('\t')) }
            },
        )
    };
    let search_tabs = tabs(&mut pairs.iter().map(|pair| pair.0));
    let file_tabs = tabs(&mut pairs.iter().map(|pair| pair.1));
    let points: Vec<(i64, i64)> = pairs.iter().map(|(search, file)| (count(search), count(file))).collect();
    let low = points.iter().min()?;
    let high = points.iter().max()?;
    let (rise, run) = if high.0 > low.0 {
        (high.1 - low.1, high.0 - low.0)
    } else {
        match (search_tabs.unwrap_or(false), file_tabs.unwrap_or(false)) {
            (false, true) => (1, level(replacement, *low)),
            (true, false) => (if low.0 > 0 && low.1 % low.0 == 0 { low.1 / low.0 } else { 4 }, 1),
            _ => (1, 1),
        }
    };
    let fits = |(search, file): &(i64, i64)| (file - low.1) * run == (search - low.0) * rise;
    let unit = if file_tabs.unwrap_or(search_tabs.unwrap_or(false)) { '\t' } else { ' ' };
    (rise > 0 && run > 0 && points.iter().all(fits)).then_some(Indentation::Scale {
        from: low.0,
        base: low.1,
        rise,
        run,
        unit,
    })
}

/// How many blanks one level of the replacement has, when the file's line stands at `point.1` tabs.
fn level(replacement: &[&str], point: (i64, i64)) -> i64 {
    if point.1 > 0 && point.0 > 0 && point.0 % point.1 == 0 {
        return point.0 / point.1;
    }
    let widths = replacement.iter().filter(|line| !line.trim().is_empty()).map(|line| count(leading(line)));
    widths.map(|width| (width - point.0).abs()).filter(|step| *step > 0).min().unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indented(search: &[&str], file: &[&str], replacement: &[&str]) -> Option<Vec<String>> {
        let rule = Indentation::between(search, file, replacement)?;
        Some(replacement.iter().map(|line| rule.apply(line)).collect())
    }

    #[test]
    fn a_shift_of_either_direction_is_followed() {
        let out = indented(&["if a:", "    b"], &["    if a:", "        b"], &["if a:", "    c", "", "    d"]);
        assert_eq!(out.unwrap(), ["    if a:", "        c", "", "        d"]);
        let out = indented(&["        a", "          b"], &["    a", "      b"], &["        x", "            y"]);
        assert_eq!(out.unwrap(), ["    x", "        y"]);
    }

    #[test]
    fn tabs_and_widths_are_translated() {
        let out =
            indented(&["if a {", "    b", "}"], &["\tif a {", "\t\tb", "\t}"], &["if a {", "    if c {", "        d"]);
        assert_eq!(out.unwrap(), ["\tif a {", "\t\tif c {", "\t\t\td"]);
        let out = indented(&["f {", "\tb"], &["  f {", "    b"], &["f {", "\t\tx"]);
        assert_eq!(out.unwrap(), ["  f {", "      x"]);
        let out = indented(&["f {", "  b"], &["f {", "    b"], &["f {", "    x"]);
        assert_eq!(out.unwrap(), ["f {", "        x"]);
        let out = indented(&["    b"], &["\tb"], &["    b", "        c"]);
        assert_eq!(out.unwrap(), ["\tb", "\t\tc"]);
    }

    #[test]
    fn no_single_rule_is_no_match() {
        assert_eq!(indented(&["a", "  b", "    c"], &["a", "    b", "     c"], &["x"]), None);
        assert_eq!(indented(&["a", "    b"], &["a", "b"], &["x"]), None);
    }
}
