//! Every setting with its type and default. A setting is a field here, a name in [`KEYS`] and a
//! commented line in `config.example.toml`; tests hold the three together. What a value may be
//! beyond its type is in `check`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::{Effort, Mode, Planning, Review};

/// All settings, merged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub model: ModelSettings,
    pub models: ModelsSettings,
    /// By provider id; adds to or overrides the catalogue's rows.
    pub providers: BTreeMap<String, ProviderSettings>,
    pub ui: UiSettings,
    pub agent: AgentSettings,
    pub network: NetworkSettings,
    pub local: LocalSettings,
    pub mcp: McpSettings,
    pub keys: KeySettings,
    pub checkpoints: CheckpointSettings,
    /// Commands that run before and after tools and turns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookSettings>,
}

/// A command that runs at a moment of a turn, in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSettings {
    pub event: HookEvent,
    /// The tools that it is for, as a pattern over whole names; absent for all.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// A shell line.
    pub command: String,
}

/// A moment of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    BeforeTool,
    AfterTool,
    TurnStart,
    TurnEnd,
}

/// Who answers when nobody else is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Provider id; `None` lets Kiln choose by what is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Model name as the provider spells it; `None` for the provider's default model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is known of models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsSettings {
    /// Where `kiln models refresh` asks for newer data: models.dev, or a copy of it.
    pub refresh_url: String,
}

impl Default for ModelsSettings {
    fn default() -> Self {
        Self { refresh_url: "https://models.dev".to_owned() }
    }
}

/// What differs from the catalogue for one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// Where its API is, `http` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that carries its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Which of its stored keys is used, by name; `None` for the one that `kiln keys use` chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// The model that is used when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_model: Option<String>,
    /// The protocol it speaks; needed only for a provider that the catalogue does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
}

/// The terminal interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UiSettings {
    /// A theme's name, or `auto` to follow the terminal's background.
    pub theme: String,
    pub mouse: bool,
    /// Frames a second at most, 1 to 60.
    pub frame_rate: u32,
    /// Whether the terminal's bell rings when something waits for the person.
    pub bell: bool,
}

impl Default for UiSettings {
    fn default() -> Self {
        Self { theme: "auto".to_owned(), mouse: true, frame_rate: 60, bell: true }
    }
}

/// How a turn works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// Requests to the model in one turn at most, 1 to 1000.
    pub max_requests: u32,
    /// Minutes of one turn, without the waits for you; 0 for as long as it takes.
    pub max_minutes: u64,
    /// Tokens of one turn, prompts and answers; 0 for no limit.
    pub max_tokens: u64,
    /// US dollars that one turn may cost; 0 for no limit.
    pub max_cost: f64,
    /// Failed rounds of the project's checks in one turn at most, 0 to 20; 0 checks nothing.
    pub max_iterations: u32,
    /// Commands that check the project; empty lets Kiln recognise them by its files.
    pub check_commands: Vec<String>,
    /// Seconds that one check may take.
    pub check_timeout_s: u64,
    /// What a session does unasked: `read-only`, `ask`, `auto` or `full`.
    pub mode: Mode,
    /// Whether turns begin with a plan to approve: `auto`, `always` or `never`.
    pub plan: Planning,
    /// When the model's changes are looked at: `before` they are written, `after` the turn, or `off`.
    pub review: Review,
    /// Tokens of one answer at most; `None` leaves it to the model's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// How hard models should think; `None` leaves it to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Whether the model is asked for a session's title after the first turn.
    pub titles: bool,
    /// Tokens of the project's map in each message at most; 0 sends none.
    pub repo_map_tokens: usize,
    /// How full the model's window may be, in hundredths, before the conversation is compacted; 0 leaves it.
    pub compact_at: u64,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            max_requests: 32,
            max_minutes: 0,
            max_tokens: 0,
            max_cost: 0.0,
            max_iterations: 3,
            check_commands: Vec::new(),
            check_timeout_s: 300,
            mode: Mode::Ask,
            plan: Planning::Auto,
            review: Review::After,
            max_output_tokens: None,
            effort: None,
            titles: true,
            repo_map_tokens: 1500,
            compact_at: 80,
        }
    }
}

/// Connections; times in seconds, 1 to 3600.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    pub connect_timeout_s: u64,
    /// From the request to the first byte of the answer.
    pub first_byte_timeout_s: u64,
    /// Between two bytes of an answer.
    pub idle_timeout_s: u64,
    /// Seconds of a whole answer; 0 for as long as it takes.
    pub total_timeout_s: u64,
    /// PEM file of an additional certificate authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Refuses every connection that leaves this machine.
    pub offline: bool,
    /// The hosts that may be spoken to besides this machine; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowedHosts>,
}

/// A list of hosts, unchecked. It takes whatever is written, because a limit with a slip in it must
/// not become no limit: what is no host is refused when the network is set up, and all hosts with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "toml::Value")]
pub struct AllowedHosts(pub Vec<String>);

impl From<toml::Value> for AllowedHosts {
    fn from(value: toml::Value) -> Self {
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        Self(match value {
            toml::Value::Array(lines) => lines.into_iter().map(text).collect(),
            // As it stands in an environment variable.
            toml::Value::String(line) => {
                line.split(',').map(str::trim).filter(|host| !host.is_empty()).map(str::to_owned).collect()
            }
            other => vec![text(other)],
        })
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            connect_timeout_s: 10,
            first_byte_timeout_s: 120,
            idle_timeout_s: 90,
            total_timeout_s: 0,
            ca_file: None,
            offline: false,
            allow: None,
        }
    }
}

/// The embedded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSettings {
    /// 0 to 2.
    pub temperature: f64,
    /// Where weights are fetched from.
    pub weights_url: String,
}

impl Default for LocalSettings {
    fn default() -> Self {
        Self { temperature: 0.2, weights_url: "https://huggingface.co".to_owned() }
    }
}

/// Servers of tools that others made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpSettings {
    /// Seconds that a call may take without a word from the server, 1 to 3600.
    pub call_timeout_s: u64,
    /// By name.
    pub servers: BTreeMap<String, McpServerSettings>,
}

impl Default for McpSettings {
    fn default() -> Self {
        Self { call_timeout_s: 60, servers: BTreeMap::new() }
    }
}

/// One server: a command that is started, or an address that is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpServerSettings {
    /// The program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Where it is, `http` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Names of variables that the command sees besides the usual ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// The variable that carries the token for the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// `false` turns it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Where new keys are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    pub storage: KeyStorage,
}

/// A place for keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStorage {
    /// The operating system's keychain.
    #[default]
    Keychain,
    /// A file encrypted with a passphrase.
    File,
}

/// States of projects that are kept for `/undo` and `/checkpoints`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSettings {
    /// Bytes kept for one project at most, 1 MB to 1 TB; the oldest checkpoints go first.
    pub max_bytes: u64,
    /// Days after which a checkpoint may go, 1 to 3650.
    pub max_age_days: u32,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self { max_bytes: 2 * 1024 * 1024 * 1024, max_age_days: 30 }
    }
}

/// Names of all settings; `*` stands for a provider's id or a server's name. [`super::reach`] says for each who may set it.
pub const KEYS: &[&str] = &[
    "model.provider",
    "model.name",
    "models.refresh_url",
    "providers.*.base_url",
    "providers.*.key_env",
    "providers.*.key_name",
    "providers.*.default_model",
    "providers.*.wire",
    "ui.theme",
    "ui.mouse",
    "ui.frame_rate",
    "ui.bell",
    "agent.mode",
    "agent.plan",
    "agent.review",
    "agent.max_requests",
    "agent.max_minutes",
    "agent.max_tokens",
    "agent.max_cost",
    "agent.max_iterations",
    "agent.check_commands",
    "agent.check_timeout_s",
    "agent.max_output_tokens",
    "agent.repo_map_tokens",
    "agent.compact_at",
    "agent.effort",
    "agent.titles",
    "network.connect_timeout_s",
    "network.first_byte_timeout_s",
    "network.idle_timeout_s",
    "network.total_timeout_s",
    "network.ca_file",
    "network.offline",
    "network.allow",
    "local.temperature",
    "local.weights_url",
    "mcp.call_timeout_s",
    "mcp.servers.*.command",
    "mcp.servers.*.url",
    "mcp.servers.*.env",
    "mcp.servers.*.token_env",
    "mcp.servers.*.enabled",
    "keys.storage",
    "hooks",
    "checkpoints.max_bytes",
    "checkpoints.max_age_days",
];
