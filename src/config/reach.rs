//! What a project's own files may say about each setting, as data.
//!
//! A project comes from anywhere, so its files may change how Kiln looks and works there, and may
//! lower rights, but say nothing about where keys and contents go until the person trusts the
//! folder (see [`super::trust`]). A setting without a row here is for trusted folders only.

use toml::Value;

/// Whose word counts for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every layer may set it.
    Anyone,
    /// The files of an untrusted folder may only bring it down on this scale.
    OnlyDown(Scale),
    /// The files of an untrusted folder may not set it.
    TrustedOnly,
}

/// What "less" means for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Less is this position of the switch.
    Switch(bool),
    /// Less is a smaller number; a setting that nobody set has no bound.
    Number,
    /// Less is an earlier word.
    Words(&'static [&'static str]),
    /// Less is a list with fewer entries; a setting that nobody set allows everything.
    List,
}

/// The reach of each setting, spelled as in [`super::schema::KEYS`].
pub const REACH: &[(&str, Reach)] = &[
    ("model.provider", Reach::Anyone),
    ("model.name", Reach::Anyone),
    ("providers.*.base_url", Reach::TrustedOnly),
    ("providers.*.key_env", Reach::TrustedOnly),
    ("providers.*.key_name", Reach::TrustedOnly),
    ("providers.*.default_model", Reach::Anyone),
    ("providers.*.wire", Reach::TrustedOnly),
    ("ui.theme", Reach::Anyone),
    ("ui.mouse", Reach::Anyone),
    ("ui.frame_rate", Reach::Anyone),
    ("ui.bell", Reach::Anyone),
    ("agent.mode", Reach::OnlyDown(Scale::Words(&["read-only", "ask", "auto", "full"]))),
    ("agent.plan", Reach::OnlyDown(Scale::Words(&["always", "auto", "never"]))),
    ("agent.max_minutes", Reach::TrustedOnly),
    ("agent.max_tokens", Reach::TrustedOnly),
    ("agent.max_cost", Reach::TrustedOnly),
    ("agent.review", Reach::OnlyDown(Scale::Words(&["before", "after", "off"]))),
    ("agent.max_iterations", Reach::Anyone),
    ("agent.check_commands", Reach::TrustedOnly),
    ("agent.check_timeout_s", Reach::Anyone),
    ("agent.max_requests", Reach::OnlyDown(Scale::Number)),
    ("agent.effort", Reach::Anyone),
    ("agent.titles", Reach::Anyone),
    ("models.refresh_url", Reach::TrustedOnly),
    ("agent.max_output_tokens", Reach::OnlyDown(Scale::Number)),
    ("agent.repo_map_tokens", Reach::Anyone),
    ("agent.compact_at", Reach::Anyone),
    ("network.connect_timeout_s", Reach::Anyone),
    ("network.first_byte_timeout_s", Reach::Anyone),
    ("network.idle_timeout_s", Reach::Anyone),
    ("network.total_timeout_s", Reach::Anyone),
    ("network.ca_file", Reach::TrustedOnly),
    ("network.offline", Reach::OnlyDown(Scale::Switch(true))),
    ("network.allow", Reach::OnlyDown(Scale::List)),
    ("checkpoints.max_bytes", Reach::TrustedOnly),
    ("checkpoints.max_age_days", Reach::TrustedOnly),
    ("local.temperature", Reach::Anyone),
    ("local.weights_url", Reach::TrustedOnly),
    ("mcp.call_timeout_s", Reach::Anyone),
    ("mcp.servers.*.command", Reach::TrustedOnly),
    ("mcp.servers.*.url", Reach::TrustedOnly),
    ("mcp.servers.*.env", Reach::TrustedOnly),
    ("mcp.servers.*.token_env", Reach::TrustedOnly),
    ("mcp.servers.*.enabled", Reach::OnlyDown(Scale::Switch(false))),
    ("keys.storage", Reach::TrustedOnly),
    ("hooks", Reach::TrustedOnly),
];

/// The reach of a setting by its full name.
pub fn reach(key: &str) -> Reach {
    let row = REACH.iter().find(|(known, _)| super::names::is_named(known, key));
    row.map_or(Reach::TrustedOnly, |(_, reach)| *reach)
}

/// Whether the files of an untrusted folder may set this value while `current` is in force.
pub(super) fn permits(key: &str, current: Option<&Value>, new: &Value) -> bool {
    match reach(key) {
        Reach::Anyone => true,
        Reach::TrustedOnly => false,
        Reach::OnlyDown(scale) => current == Some(new) || scale.is_down(current, new),
    }
}

impl Scale {
    fn is_down(self, current: Option<&Value>, new: &Value) -> bool {
        match self {
            Self::Switch(less) => new.as_bool() == Some(less),
            Self::Number => match (current.and_then(Value::as_integer), new.as_integer()) {
                (Some(current), Some(new)) => new <= current,
                (None, Some(_)) => current.is_none(),
                (_, None) => false,
            },
            Self::Words(words) => {
                let rank = |value: &Value| words.iter().position(|word| value.as_str() == Some(word));
                match (current.and_then(rank), rank(new)) {
                    (Some(current), Some(new)) => new <= current,
                    _ => false,
                }
            }
            // An empty list may stand for "no limit", so it is never taken for less.
            Self::List => match (current.and_then(Value::as_array), new.as_array()) {
                (_, None) => false,
                (_, Some(new)) if new.is_empty() => false,
                (Some(current), Some(new)) if !current.is_empty() => new.iter().all(|entry| current.contains(entry)),
                (_, Some(_)) => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        format!("v = {text}").parse::<toml::Table>().unwrap().remove("v").unwrap()
    }

    #[test]
    fn only_the_way_down_is_open_to_everybody() {
        const WORDS: Scale = Scale::Words(&["read-only", "ask", "full"]);
        for (scale, current, new, down) in [
            (Scale::Switch(true), Some("false"), "true", true),
            (Scale::Switch(true), Some("true"), "false", false),
            (Scale::Number, Some("32"), "31", true),
            (Scale::Number, Some("32"), "33", false),
            (Scale::Number, None, "33", true),
            (WORDS, Some("'ask'"), "'read-only'", true),
            (WORDS, Some("'ask'"), "'full'", false),
            (WORDS, Some("'ask'"), "'fulll'", false),
            (Scale::List, Some("['a', 'b']"), "['b']", true),
            (Scale::List, Some("['a', 'b']"), "['b', 'c']", false),
            (Scale::List, Some("['a', 'b']"), "[]", false),
            (Scale::List, None, "['b']", true),
        ] {
            let current = current.map(value);
            assert_eq!(scale.is_down(current.as_ref(), &value(new)), down, "{scale:?} {current:?} {new}");
        }
    }

    #[test]
    fn an_unknown_setting_is_for_trusted_folders_only() {
        assert_eq!(reach("hooks.after_turn"), Reach::TrustedOnly);
        assert_eq!(reach("providers.openai.base_url"), Reach::TrustedOnly);
        assert_eq!(reach("providers.openai.default_model"), Reach::Anyone);
    }
}
