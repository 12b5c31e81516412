//! The one reader of environment variables, captured once at start.
//!
//! Rooms that want a variable ask the captured map by name; values that look like secrets are
//! wrapped as soon as they are read and are handed out only as [`SecretString`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// The variables of this process at its start; those that are not Unicode are left out.
#[derive(Clone, Default)]
pub struct Environment {
    plain: BTreeMap<String, String>,
    secret: BTreeMap<String, SecretString>,
    /// Keys from a trusted project's `.env`; the process's own variables win.
    project: BTreeMap<String, ProjectKey>,
}

/// A key that a trusted project's `.env` carries.
#[derive(Clone, Debug)]
pub struct ProjectKey {
    /// The variable that carries it.
    pub variable: String,
    pub value: SecretString,
    pub file: PathBuf,
}

/// What variables tell about the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalHints {
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub colorterm: Option<String>,
    /// `NO_COLOR` is set to anything but the empty text.
    pub no_color: bool,
    /// The terminal is at the other end of an SSH connection.
    pub ssh: bool,
    /// A tmux stands between us and the terminal.
    pub tmux: bool,
}

impl TerminalHints {
    /// Whether nothing but plain lines can be shown.
    pub fn is_dumb(&self) -> bool {
        self.term.as_deref() == Some("dumb")
    }
}

/// Prefix of Kiln's own variables.
const PREFIX: &str = "KILN_";

impl Environment {
    /// Reads the process's environment.
    pub fn capture() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// An environment made of these variables, for tests.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if value.is_empty() {
                continue;
            }
            if looks_secret(&name) {
                environment.secret.insert(name, SecretString::from(value));
            } else {
                environment.plain.insert(name, value);
            }
        }
        environment
    }

    /// A variable's value; `None` when it is unset, empty or a secret (see [`Self::secret`]).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.plain.get(name).map(String::as_str)
    }

    /// A variable's value as a secret, whatever its name looks like; `None` when unset or empty.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        match self.secret.get(name) {
            Some(value) => Some(value.clone()),
            None => match self.get(name) {
                Some(value) => Some(SecretString::from(value)),
                None => self.project.get(name).map(|key| key.value.clone()),
            },
        }
    }

    /// The project's file that [`Self::secret`] takes this variable from; `None` for the process's own.
    pub fn secret_file(&self, name: &str) -> Option<&Path> {
        let own = self.plain.contains_key(name) || self.secret.contains_key(name);
        self.project.get(name).filter(|_| !own).map(|key| key.file.as_path())
    }

    /// The same environment with a trusted project's keys below it.
    #[must_use]
    pub fn with_project_keys(mut self, keys: Vec<ProjectKey>) -> Self {
        self.project = keys.into_iter().map(|key| (key.variable.clone(), key)).collect();
        self
    }

    /// Whether a variable is set to anything but the empty text.
    pub fn is_set(&self, name: &str) -> bool {
        self.plain.contains_key(name) || self.secret.contains_key(name) || self.project.contains_key(name)
    }

    /// What the variables tell about the terminal.
    pub fn terminal(&self) -> TerminalHints {
        TerminalHints {
            term: self.get("TERM").map(str::to_owned),
            colorterm: self.get("COLORTERM").map(str::to_owned),
            no_color: self.is_set("NO_COLOR"),
            ssh: self.is_set("SSH_TTY") || self.is_set("SSH_CONNECTION"),
            tmux: self.is_set("TMUX"),
        }
    }

    /// Variables of the form `KILN_SECTION__KEY` as (setting, variable, value), sorted by name.
    ///
    /// Provider ids are spelled with `_` for `-`: `KILN_PROVIDERS__LM_STUDIO__BASE_URL` is
    /// `providers.lm-studio.base_url`.
    pub fn settings(&self) -> impl Iterator<Item = (String, &str, &str)> {
        self.plain.iter().filter_map(|(variable, value)| Some((setting(variable)?, variable.as_str(), value.as_str())))
    }

    /// Names of our own variables that have no `__`, so that a slip of one underscore can be told.
    pub(super) fn single_underscore_names(&self) -> impl Iterator<Item = &str> {
        self.plain.keys().map(String::as_str).filter(|name| name.starts_with(PREFIX) && !name.contains("__"))
    }
}

/// The setting that a variable of the form `KILN_SECTION__KEY` names.
pub(super) fn setting(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX)?;
    rest.contains("__").then(|| setting_name(rest))
}

/// `PROVIDERS__LM_STUDIO__BASE_URL` to `providers.lm-studio.base_url`.
fn setting_name(rest: &str) -> String {
    let lower = rest.to_ascii_lowercase();
    let mut parts: Vec<String> = lower.split("__").map(str::to_owned).collect();
    if let [section, id, _] = parts.as_mut_slice()
        && section == "providers"
    {
        *id = id.replace('_', "-");
    }
    parts.join(".")
}

fn looks_secret(name: &str) -> bool {
    // `KILN_PROVIDERS__X__KEY_ENV` names a variable; no setting is a secret itself.
    if setting(name).is_some_and(|key| super::names::is_known(&key)) {
        return false;
    }
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "PASSWD", "CREDENTIALS"]
        .iter()
        .any(|word| name.ends_with(word) || name.contains(&format!("{word}_")))
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of plain variables may hold surprises too, such as a proxy address with a password.
        f.debug_struct("Environment").field("variables", &(self.plain.len() + self.secret.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn secrets_are_only_handed_out_wrapped() {
        let environment = Environment::from_pairs([
            ("OPENAI_API_KEY", "sk-1"),
            ("HF_TOKEN", "hf"),
            ("KILN_KEYS_PASSPHRASE", "pass"),
            ("OPENAI_BASE_URL", "http://x"),
            ("EMPTY", ""),
        ]);
        assert_eq!(environment.get("OPENAI_API_KEY"), None);
        assert_eq!(environment.get("HF_TOKEN"), None);
        assert_eq!(environment.get("OPENAI_BASE_URL"), Some("http://x"));
        assert_eq!(environment.secret("OPENAI_API_KEY").unwrap().expose_secret(), "sk-1");
        assert_eq!(environment.secret("KILN_KEYS_PASSPHRASE").unwrap().expose_secret(), "pass");
        assert!(!environment.is_set("EMPTY"));
        assert!(!format!("{environment:?}").contains("sk-1"));
    }

    #[test]
    fn setting_variables_are_spelled_with_two_underscores() {
        let environment = Environment::from_pairs([
            ("KILN_MODEL__NAME", "x"),
            ("KILN_PROVIDERS__LM_STUDIO__BASE_URL", "http://y"),
            ("KILN_HOME", "/k"),
        ]);
        let settings: Vec<_> = environment.settings().collect();
        assert_eq!(
            settings,
            [
                ("model.name".to_owned(), "KILN_MODEL__NAME", "x"),
                ("providers.lm-studio.base_url".to_owned(), "KILN_PROVIDERS__LM_STUDIO__BASE_URL", "http://y"),
            ]
        );
    }
}
