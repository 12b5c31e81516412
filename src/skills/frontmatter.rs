//! The head of a Markdown file: `key: value` lines between two lines of `---`.
//!
//! As much of YAML as such heads use: plain and quoted values, folded and literal blocks. Nested values are
//! left out.

use std::collections::BTreeMap;

/// A file's head and what follows it. Without a head everything is body.
pub(super) fn split(text: &str) -> (BTreeMap<String, String>, &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let none = (BTreeMap::new(), text);
    let Some(rest) = text.strip_prefix("---").and_then(|rest| rest.split_once('\n')) else { return none };
    if !rest.0.trim().is_empty() {
        return none;
    }
    let mut at = 0;
    for line in rest.1.split_inclusive('\n') {
        if line.trim_end() == "---" {
            let head = rest.1.get(..at).unwrap_or_default();
            let body = rest.1.get(at + line.len()..).unwrap_or_default();
            return (values(head), body);
        }
        at += line.len();
    }
    none
}

fn values(head: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut block: Option<String> = None;
    for line in head.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = block.as_ref().and_then(|key| found.get_mut(key)) {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(line.trim());
            }
            continue;
        }
        block = None;
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        if key.starts_with('#') {
            continue;
        }
        let folded = value.is_empty() || matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+");
        let value = if folded { "" } else { unquoted(value) };
        if folded {
            block = Some(key.clone());
        }
        found.insert(key, value.to_owned());
    }
    found
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_bodies_stay_as_they_are() {
        let (head, body) =
            split("---\nname: \"pdf\"\ndescription: >-\n  Reads\n  PDF files\nx: y: z\n---\n# Body\n---\n");
        assert_eq!(head["name"], "pdf");
        assert_eq!(head["description"], "Reads PDF files");
        assert_eq!(head["x"], "y: z");
        assert_eq!(body, "# Body\n---\n");
        for text in ["no head", "---\nnever: closed\n", "--- x\n---\n", ""] {
            assert_eq!(split(text), (BTreeMap::new(), text));
        }
    }
}
