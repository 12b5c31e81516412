//! What is written about a server: in the settings, or in a project's `.mcp.json`.
//!
//! Reading starts nothing. A project's file only offers: its servers run after the person's consent.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::{Environment, McpServerSettings, McpSettings, project};
use crate::domain::{Fault, FaultClass};

/// The file in which projects offer servers.
pub const OFFERS_FILE: &str = ".mcp.json";

/// A server as it would be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Letters, digits, `-` and single `_`.
    pub name: String,
    pub launch: Launch,
    pub origin: SpecOrigin,
    pub enabled: bool,
    /// The project's folder. Files in it that the command names count by what they hold: whoever changes them
    /// changes what runs.
    pub place: Option<PathBuf>,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Names of variables of Kiln's own that are passed on.
        passed: Vec<String>,
        /// Variables with the values that a project's file gives them.
        set: Vec<(String, String)>,
    },
    Address {
        url: String,
        /// The variable that carries a token.
        token: Option<String>,
    },
}

/// Who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecOrigin {
    Settings,
    /// This project's own file.
    Project(String),
    /// The command line, for one run.
    Asked,
}

impl Spec {
    /// What stands for it in the list of consents.
    pub fn key(&self) -> String {
        match &self.origin {
            SpecOrigin::Settings | SpecOrigin::Asked => self.name.clone(),
            SpecOrigin::Project(root) => format!("{} @ {root}", self.name),
        }
    }

    /// The full command or address, on one line, as the person consents to it.
    pub fn words(&self) -> String {
        match &self.launch {
            Launch::Command { argv, passed, set } => {
                let set = set.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
                let words: Vec<String> = set.chain(argv.iter().map(|word| quoted(word))).collect();
                let passed = if passed.is_empty() { String::new() } else { format!("  (sees {})", passed.join(", ")) };
                format!("{}{passed}", words.join(" "))
            }
            Launch::Address { url, token: Some(token) } => format!("{url}  (token from {token})"),
            Launch::Address { url, token: None } => url.clone(),
        }
    }

    /// A word with variables in their places, as a project's file writes them; others are taken as they are.
    pub(super) fn filled_in(&self, word: &str, environment: &Environment) -> String {
        match self.origin {
            SpecOrigin::Project(_) => expanded(word, environment),
            SpecOrigin::Settings | SpecOrigin::Asked => word.to_owned(),
        }
    }

    /// A hash of everything that decides what would run.
    pub fn fingerprint(&self) -> String {
        let parts = match &self.launch {
            Launch::Command { argv, passed, set } => match self.named_files(argv) {
                files if files.is_empty() => serde_json::json!(["command", argv, passed, set]),
                files => serde_json::json!(["command", argv, passed, set, files]),
            },
            Launch::Address { url, token } => serde_json::json!(["url", url, token]),
        };
        hash(parts.to_string().as_bytes())
    }
}

impl Spec {
    /// Whether it is found by its name, by a program that first looks where it stands: what a model writes into the
    /// project would run in the place of what the person's settings mean. A command that names something in the
    /// project belongs there all the same.
    pub(super) fn stands_apart(&self) -> bool {
        let (Launch::Command { argv, .. }, SpecOrigin::Settings) = (&self.launch, &self.origin) else { return false };
        let [program, rest @ ..] = argv.as_slice() else { return false };
        let program = Path::new(program).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let first = rest.first().map_or("", String::as_str);
        let finds = match program {
            "npx" | "bunx" | "pnpx" => true,
            "npm" | "pnpm" | "yarn" | "bun" => matches!(first, "exec" | "x" | "dlx"),
            _ => program.starts_with("python") && rest.iter().any(|word| word == "-m"),
        };
        let names_something = |place: &PathBuf| rest.iter().any(|word| place.join(word).exists());
        finds && !self.place.as_ref().is_some_and(names_something)
    }

    /// The project's own files that the command names, each with a hash of what it holds. Blocking.
    fn named_files(&self, argv: &[String]) -> Vec<(String, String)> {
        let Some(place) = self.place.as_deref().and_then(|place| place.canonicalize().ok()) else {
            return Vec::new();
        };
        let values = argv.iter().flat_map(|word| {
            let value = word.split_once('=').map(|(_, value)| value);
            std::iter::once(word.as_str()).chain(value)
        });
        let file = |word: &str| {
            let path = place.join(word).canonicalize().ok()?;
            let inside = path.starts_with(&place) && path.is_file();
            // What cannot be read has a hash that nothing else has.
            inside.then(|| std::fs::read(&path).map_or_else(|error| error.to_string(), |bytes| hash(&bytes)))
        };
        values.filter_map(|word| Some((word.to_owned(), file(word)?))).collect()
    }
}

/// SHA-256 as hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Whether a text can name a server.
pub fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let edge = |c: char| matches!(c, '-' | '_');
    (1..=32).contains(&name.len())
        && name.chars().all(fits)
        && !name.contains("__")
        && !name.starts_with(edge)
        && !name.ends_with(edge)
}

/// The servers of the settings and those that a project offers; of two with one name the settings'.
pub fn all(settings: &McpSettings, root: Option<&Path>, troubles: &mut Vec<Fault>) -> Vec<Spec> {
    let mut specs: Vec<Spec> =
        settings.servers.iter().filter_map(|(name, server)| of_settings(name, server, troubles)).collect();
    if let Some(root) = root {
        for offer in offers(root, troubles) {
            if !specs.iter().any(|spec| spec.name == offer.name) {
                specs.push(offer);
            }
        }
    }
    for spec in &mut specs {
        spec.place = root.map(Path::to_owned);
    }
    specs
}

fn of_settings(name: &str, server: &McpServerSettings, troubles: &mut Vec<Fault>) -> Option<Spec> {
    let launch = match (&server.command, &server.url) {
        (Some(argv), None) if !argv.is_empty() => {
            Launch::Command { argv: argv.clone(), passed: server.env.clone().unwrap_or_default(), set: Vec::new() }
        }
        (None, Some(url)) => Launch::Address { url: url.clone(), token: server.token_env.clone() },
        // Turned off by a layer that says nothing else about it.
        (None, None) => return None,
        _ => {
            let sentence = format!("the server `{name}` needs either `command` or `url`, so it is left out");
            troubles.push(
                Fault::new(FaultClass::Invalid, sentence).hint(format!("see `[mcp.servers.{name}]` in the settings")),
            );
            return None;
        }
    };
    let enabled = server.enabled.unwrap_or(true);
    Some(Spec { name: name.to_owned(), launch, origin: SpecOrigin::Settings, enabled, place: None })
}

/// The form that other programs write too.
#[derive(Deserialize)]
struct Offers {
    #[serde(rename = "mcpServers", default)]
    servers: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Offer {
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: serde_json::Map<String, Value>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    disabled: bool,
}

fn offers(root: &Path, troubles: &mut Vec<Fault>) -> Vec<Spec> {
    let unusable = |why: String| {
        let sentence = format!("the project's `{OFFERS_FILE}` cannot be read, so it offers no servers");
        Fault::new(FaultClass::Invalid, sentence).hint("correct or remove it").detail(why)
    };
    let text = match project::text(root, OFFERS_FILE) {
        Ok(None) => return Vec::new(),
        Ok(Some(text)) => text,
        Err(error) => {
            troubles.push(unusable(error.to_string()));
            return Vec::new();
        }
    };
    let offers: Offers = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(offers) => offers,
        Err(error) => {
            troubles.push(unusable(error.to_string()));
            return Vec::new();
        }
    };
    let place = root.display().to_string();
    let mut specs = Vec::new();
    for (name, value) in offers.servers {
        match offer(&name, value, &place) {
            Ok(spec) => specs.push(spec),
            Err(why) => troubles.push(unusable(format!("server `{}`: {why}", name.escape_debug()))),
        }
    }
    specs
}

fn offer(name: &str, value: Value, place: &str) -> Result<Spec, String> {
    if !is_name(name) {
        return Err("a name is up to 32 letters, digits, `-` and single `_`".to_owned());
    }
    let offer: Offer = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let launch = match (offer.command, offer.url) {
        (Some(command), None) => Launch::Command {
            argv: std::iter::once(command).chain(offer.args).collect(),
            passed: Vec::new(),
            set: offer.env.into_iter().map(|(name, value)| (name, text(value))).collect(),
        },
        (None, Some(url)) => Launch::Address { url, token: None },
        _ => return Err("it needs either `command` or `url`".to_owned()),
    };
    let origin = SpecOrigin::Project(place.to_owned());
    Ok(Spec { name: name.to_owned(), launch, origin, enabled: !offer.disabled, place: None })
}

/// Puts Kiln's own variables in place of `${NAME}` and `${NAME:-default}`; what is not set is empty.
pub(super) fn expanded(text: &str, environment: &Environment) -> String {
    use secrecy::ExposeSecret as _;
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, behind)) = after.split_once('}') else { break };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        whole.push_str(before);
        match environment.secret(name) {
            Some(value) => whole.push_str(value.expose_secret()),
            None => whole.push_str(default),
        }
        rest = behind;
    }
    whole.push_str(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Spec {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let launch = Launch::Command { argv, passed: Vec::new(), set: Vec::new() };
        Spec { name: "x".to_owned(), launch, origin: SpecOrigin::Settings, enabled: true, place: None }
    }

    #[test]
    fn another_command_has_another_fingerprint() {
        let one = command(&["a", "b c"]);
        assert_eq!(one.fingerprint(), command(&["a", "b c"]).fingerprint());
        for other in [command(&["a", "b", "c"]), command(&["a b c"]), command(&["a"])] {
            assert_ne!(one.fingerprint(), other.fingerprint());
        }
        assert_eq!(one.words(), "a 'b c'");
    }

    #[test]
    fn a_file_of_the_project_counts_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.js");
        std::fs::write(&path, "one").unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let outside = elsewhere.path().to_str().unwrap();
        for word in ["server.js", "./server.js", "--load=server.js", path.to_str().unwrap()] {
            let spec = Spec { place: Some(folder.path().to_owned()), ..command(&["node", word, outside, "."]) };
            std::fs::write(&path, "one").unwrap();
            let one = spec.fingerprint();
            std::fs::write(elsewhere.path(), word).unwrap();
            assert_eq!(one, spec.fingerprint(), "{word}");
            std::fs::write(&path, "other").unwrap();
            assert_ne!(one, spec.fingerprint(), "{word}");
        }
        let plain = Spec { place: Some(folder.path().to_owned()), ..command(&["npx", "-y", "x"]) };
        assert_eq!(plain.fingerprint(), command(&["npx", "-y", "x"]).fingerprint());
    }

    #[test]
    fn what_is_found_by_its_name_does_not_stand_in_the_project() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.db"), "").unwrap();
        let apart = |argv: &[&str]| Spec { place: Some(folder.path().to_owned()), ..command(argv) }.stands_apart();
        assert!(apart(&["npx", "-y", "server"]) && apart(&["/usr/bin/python3.12", "-m", "server"]));
        assert!(apart(&["pnpm", "dlx", "server"]));
        assert!(!apart(&["npx", "-y", "server", "data.db"]) && !apart(&["npx", "server", "."]));
        assert!(!apart(&["node", "server.js"]) && !apart(&["npm", "run", "server"]));
    }

    #[test]
    fn a_project_offers_servers_and_slips_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"mcpServers": {
            "files": {"command": "npx", "args": ["-y", "x"], "env": {"A": "${B:-c}", "N": 1}},
            "far": {"type": "http", "url": "https://x.test/mcp"},
            "bad__name": {"command": "x"}, "both": {"command": "x", "url": "https://x.test"}, "odd": 7}}"#;
        std::fs::write(folder.path().join(OFFERS_FILE), text).unwrap();
        let mut troubles = Vec::new();
        let specs = all(&McpSettings::default(), Some(folder.path()), &mut troubles);
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["files", "far"]);
        assert_eq!(specs[0].words(), "A='${B:-c}' N=1 npx -y x");
        assert_eq!(troubles.len(), 3, "{troubles:?}");
    }

    #[test]
    fn variables_take_their_places() {
        let environment = Environment::from_pairs([("HOST", "h"), ("API_TOKEN", "t")]);
        assert_eq!(expanded("${HOST}/${API_TOKEN}/${NONE:-d}${NONE}${", &environment), "h/t/d${");
    }
}
