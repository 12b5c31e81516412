//! What can be told of a setting by its name: what it takes, and what it is for.
//!
//! Both are asked of what exists already, the schema and the example file, so that a new setting
//! needs no line here.

use toml::Value;

use super::{EXAMPLE, check};

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    /// One of these.
    Words(Vec<String>),
    Number,
    Text,
    /// A list or a table.
    Other,
}

/// What the setting of this name takes, found out by offering the schema one value of each kind.
pub fn kind(key: &str) -> Kind {
    let takes = |value: Value| check::validate(key, &value).is_ok();
    if takes(Value::Boolean(true)) {
        return Kind::Switch;
    }
    if takes(Value::Integer(1)) {
        return Kind::Number;
    }
    match check::validate(key, &Value::String("?".to_owned())) {
        Err(check::Refusal::BadValue(why)) if why.starts_with("unknown variant") => Kind::Words(words(&why)),
        // An address is a text that has to look like one.
        Err(check::Refusal::BadValue(why)) if why.starts_with("expected an address") => Kind::Text,
        Ok(()) => Kind::Text,
        Err(_) => Kind::Other,
    }
}

/// The words in "unknown variant `?`, expected one of `keychain`, `file`".
fn words(why: &str) -> Vec<String> {
    let expected = why.split_once("expected").map_or("", |(_, rest)| rest);
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What the setting is for: the comment above its line in the example file; empty when there is none.
pub fn about(key: &str) -> String {
    let (section, leaf) = key.rsplit_once('.').unwrap_or(("", key));
    // Sections with names of the person's own have one example each.
    let family = ["providers.", "mcp.servers."].into_iter().find(|family| section.starts_with(family));
    let (mut here, mut words) = (section.is_empty(), Vec::new());
    for line in EXAMPLE.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            here = family.map_or(name == section, |family| name.starts_with(family));
            words.clear();
            continue;
        }
        let bare = line.trim_start_matches('#').trim();
        if here && bare.strip_prefix(leaf).is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return words.join(" ");
        }
        match line.strip_prefix('#') {
            Some(comment) if !setting(comment) => words.push(comment.trim()),
            _ => words.clear(),
        }
    }
    String::new()
}

/// Whether a commented line shows a setting, not words.
fn setting(comment: &str) -> bool {
    comment.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim();
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema::KEYS;
    use super::*;

    #[test]
    fn kinds_are_those_of_the_schema() {
        assert_eq!(kind("ui.mouse"), Kind::Switch);
        assert_eq!(kind("keys.storage"), Kind::Words(vec!["keychain".into(), "file".into()]));
        assert_eq!(kind("ui.frame_rate"), Kind::Number);
        assert_eq!(kind("local.temperature"), Kind::Number);
        assert_eq!(kind("model.name"), Kind::Text);
        assert_eq!(kind("local.weights_url"), Kind::Text);
        assert_eq!(kind("providers.openai.base_url"), Kind::Text);
    }

    #[test]
    fn every_setting_is_explained() {
        for key in KEYS {
            let about = about(&key.replace('*', "openai"));
            assert!(about.ends_with('.'), "{key}: {about:?}");
        }
    }
}
