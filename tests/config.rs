//! Promises of the settings: layers, origins, exact words for what is wrong, edits that keep comments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kiln::config::schema::KEYS;
use kiln::config::write::{Edit, edit, init};
use kiln::config::{Environment, FlagValue, KeyStorage, Lasting, Loaded, Origin, Paths, Settings, load};
use tempfile::TempDir;

#[path = "config/project.rs"]
mod project;

const NOTHING: [(&str, &str); 0] = [];

/// A home folder with this settings file, and what is loaded from it.
fn loaded(file: &str, environment: &[(&str, &str)], flags: &[FlagValue]) -> (TempDir, Loaded) {
    let home = TempDir::new().unwrap();
    let paths = Paths::below(home.path());
    fs::create_dir_all(paths.config()).unwrap();
    fs::write(paths.settings_file(), file).unwrap();
    let loaded = load(&paths, &Environment::from_pairs(environment.iter().copied()), flags);
    (home, loaded)
}

/// The words for what is wrong, with the home folder's name taken out.
fn words(home: &TempDir, loaded: &Loaded) -> Vec<String> {
    let home = home.path().display().to_string();
    let told = |fault: &kiln::domain::Fault| format!("{fault}\nhint: {}", fault.hint.as_deref().unwrap_or("-"));
    loaded.troubles.iter().map(|fault| told(fault).replace(&home, "HOME")).collect()
}

fn origin(loaded: &Loaded, key: &str) -> Origin {
    loaded.shown.iter().find(|shown| shown.key == key).unwrap().origin.clone()
}

#[test]
fn later_layers_win_and_values_know_their_origin() {
    let file = "[ui]\ntheme = \"from-file\"\nmouse = false\nframe_rate = 30\n[model]\nname = \"from-file\"\n";
    let environment = [("KILN_UI__THEME", "from-variable"), ("KILN_UI__FRAME_RATE", "20")];
    let flags = [FlagValue::text("ui.theme", "from-flag", "--theme")];
    let (home, loaded) = loaded(file, &environment, &flags);
    assert_eq!(words(&home, &loaded), [""; 0]);
    assert_eq!(loaded.settings.ui.theme, "from-flag");
    assert_eq!(loaded.settings.ui.frame_rate, 20);
    assert!(!loaded.settings.ui.mouse);
    assert_eq!(loaded.settings.model.name.as_deref(), Some("from-file"));
    assert_eq!(loaded.settings.agent.max_requests, Settings::default().agent.max_requests);
    assert_eq!(origin(&loaded, "ui.theme").to_string(), "flag --theme");
    assert_eq!(origin(&loaded, "ui.frame_rate").to_string(), "environment variable KILN_UI__FRAME_RATE");
    let path = home.path().join("config/config.toml");
    assert_eq!(origin(&loaded, "ui.mouse"), Origin::File { path, line: 3 });
    assert_eq!(origin(&loaded, "agent.max_requests"), Origin::Default);
}

#[test]
fn providers_are_settings_too() {
    let file = "[providers.openai]\nbase_url = \"http://localhost:1/v1\"\n";
    let environment = [("KILN_PROVIDERS__LM_STUDIO__BASE_URL", "http://localhost:2")];
    let (home, loaded) = loaded(file, &environment, &[]);
    assert_eq!(words(&home, &loaded), [""; 0]);
    assert_eq!(loaded.settings.providers["openai"].base_url.as_deref(), Some("http://localhost:1/v1"));
    assert_eq!(loaded.settings.providers["lm-studio"].base_url.as_deref(), Some("http://localhost:2"));
    assert!(loaded.shown.iter().any(|shown| shown.key == "providers.lm-studio.base_url"));
}

#[test]
fn unknown_settings_are_named_with_file_line_and_nearest_name() {
    let file = "[ui]\nthem = \"x\"\n\n[modle]\nname = \"y\"\n\n[agent]\nzzzzzzzz = 1\n\n[providers.x]\nbase_ulr = \"http://h\"\n";
    let (home, loaded) = loaded(file, &[], &[]);
    assert_eq!(
        words(&home, &loaded),
        [
            "unknown setting `ui.them` in `HOME/config/config.toml` line 2\n\
             hint: did you mean `ui.theme`? `kiln config show` lists every setting",
            "unknown setting `modle` in `HOME/config/config.toml` line 4\n\
             hint: did you mean `model`? `kiln config show` lists every setting",
            "unknown setting `agent.zzzzzzzz` in `HOME/config/config.toml` line 8\n\
             hint: `kiln config show` lists every setting",
            "unknown setting `providers.x.base_ulr` in `HOME/config/config.toml` line 11\n\
             hint: did you mean `providers.x.base_url`? `kiln config show` lists every setting",
        ]
    );
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn unusable_values_leave_the_layer_below_in_force() {
    let file = "[ui]\nmouse = \"yes\"\nframe_rate = 144\ntheme = \"kept\"\n[providers.x]\nbase_url = \"ftp://h\"\n";
    let environment = [("KILN_UI__THEME", "kept-too"), ("KILN_NETWORK__OFFLINE", "perhaps"), ("KILN_MODEL_NAME", "m")];
    let (home, loaded) = loaded(file, &environment, &[]);
    let hint = "correct the value, or remove it to get the default; `kiln config show` lists every setting";
    assert_eq!(
        words(&home, &loaded),
        [
            format!(
                "the setting `ui.mouse` in `HOME/config/config.toml` line 2 cannot be used: \
                 invalid type: string \"yes\", expected a boolean\nhint: {hint}"
            ),
            format!(
                "the setting `ui.frame_rate` in `HOME/config/config.toml` line 3 cannot be used: \
                 expected a number from 1 to 60\nhint: {hint}"
            ),
            format!(
                "the setting `providers.x.base_url` in `HOME/config/config.toml` line 6 cannot be used: \
                 expected an address that begins with `http://` or `https://`\nhint: {hint}"
            ),
            format!(
                "the setting `network.offline` in the environment variable `KILN_NETWORK__OFFLINE` cannot be used: \
                 invalid type: string \"perhaps\", expected a boolean\nhint: {hint}"
            ),
            "the environment variable `KILN_MODEL_NAME` sets nothing\n\
             hint: `model.name` is set with two underscores: `KILN_MODEL__NAME`"
                .to_owned(),
        ]
    );
    assert!(loaded.settings.ui.mouse);
    assert_eq!(loaded.settings.ui.theme, "kept-too");
}

#[test]
fn a_broken_file_is_shown_with_a_caret_and_leaves_kiln_without_connections() {
    let file =
        "[ui]\ntheme = \"dark\n[agent]\nmax_requests = 5\nmax_output_tokens = 9\n[providers.x]\nwire = \"chat\"\n";
    let (home, broken) = loaded(file, &[("KILN_UI__MOUSE", "false")], &[]);
    let said = words(&home, &broken);
    assert_eq!(said.len(), 1, "{said:?}");
    let expected = "the settings file `HOME/config/config.toml` is not valid TOML, so Kiln runs with its defaults and \
                    refuses every connection: \
                    TOML parse error at line 2, column 14\n  |\n2 | theme = \"dark\n  |              ^\n";
    assert!(said[0].starts_with(expected), "{}", said[0]);
    assert!(said[0].contains("hint: correct the marked place; `KILN_NETWORK__OFFLINE=false` allows"), "{}", said[0]);
    assert!(!broken.settings.ui.mouse, "the other layers still count");
    assert_eq!(broken.settings.ui.theme, "auto");
    // What the file said about addresses is lost, so nothing may go to the default ones.
    assert!(broken.settings.network.offline);
    let path = home.path().join("config/config.toml");
    assert_eq!(origin(&broken, "network.offline"), Origin::Unreadable { path });
    // What lowers rights is kept where it can be read; nothing else is.
    assert_eq!(broken.settings.agent.max_requests, 5);
    assert_eq!(broken.settings.agent.max_output_tokens, Some(9));
    assert!(broken.settings.providers.is_empty());

    let (_home, allowed) = loaded(file, &[("KILN_NETWORK__OFFLINE", "false")], &[]);
    assert!(!allowed.settings.network.offline, "the person may say so for one run");
}

#[test]
fn odd_files_never_stop_the_start() {
    let offline = {
        let mut settings = Settings::default();
        settings.network.offline = true;
        settings
    };
    for (file, expected) in [
        ("\u{feff}[ui]\nmouse = true\n", Settings::default()),
        ("ui = 3\n", Settings::default()),
        ("[[ui]]\n", Settings::default()),
        ("providers = []\n", Settings::default()),
        ("", Settings::default()),
        ("\0", offline.clone()),
        ("[ui.theme]\n", Settings::default()),
        ("a.b.c.d = 1\n", Settings::default()),
    ] {
        let (_home, loaded) = loaded(file, &[], &[]);
        assert_eq!(loaded.settings, expected, "{file:?}");
    }
    let home = TempDir::new().unwrap();
    let paths = Paths::below(home.path());
    fs::create_dir_all(paths.settings_file()).unwrap();
    let loaded = load(&paths, &Environment::default(), &[]);
    assert_eq!(loaded.troubles.len(), 1, "a folder in the file's place is told");
    assert_eq!(loaded.settings, offline);
}

#[test]
fn the_example_holds_every_setting_and_exactly_the_defaults() {
    let (home, with_file) = loaded(kiln::config::EXAMPLE, &[], &[]);
    assert_eq!(words(&home, &with_file), [""; 0]);
    assert_eq!(with_file.settings, Settings::default());

    // With the commented settings switched on, every setting is there, and each is valid.
    let all: String = kiln::config::EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => setting,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let (home, all) = loaded(&all, &[], &[]);
    assert_eq!(words(&home, &all), [""; 0]);
    let set: BTreeSet<String> = all
        .shown
        .iter()
        .filter(|shown| matches!(shown.origin, Origin::File { .. }))
        .map(|shown| shown.key.replace(".openai.", ".*.").replace(".everything.", ".*."))
        .collect();
    assert_eq!(set, KEYS.iter().map(|key| (*key).to_owned()).collect());
}

#[test]
fn the_list_of_settings_is_the_schema() {
    let full: Settings = toml::from_str(
        "model = { provider = 'a', name = 'b' }\n\
         providers.p = { base_url = 'http://h', key_env = 'K', key_name = 'k', default_model = 'm', wire = 'w' }\n\
         hooks = [{ event = 'turn_end', match = 'x', command = 'c' }]\n\
         mcp.servers.s = { command = ['c'], url = 'http://h', env = ['E'], token_env = 'T', enabled = true }\n\
         agent = { max_output_tokens = 1, effort = 'low' }\nnetwork = { ca_file = 'f', allow = [] }",
    )
    .unwrap();
    let mut found = BTreeSet::new();
    leaves("", &toml::Value::try_from(full).unwrap(), &mut found);
    let found: BTreeSet<String> = found
        .into_iter()
        .map(|key| key.replace("providers.p.", "providers.*.").replace("servers.s.", "servers.*."))
        .collect();
    assert_eq!(found, KEYS.iter().map(|key| (*key).to_owned()).collect());
}

fn leaves(prefix: &str, value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                leaves(&if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") }, value, found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

fn text(value: &str) -> Edit {
    Edit::Set(toml::Value::String(value.to_owned()))
}

#[test]
fn an_edit_keeps_every_comment_and_the_layout() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("config.toml");
    let before = "# mine\n\n[ui] # look\n  theme = \"dark\"   # at night\nmouse=true\n# end\n";
    fs::write(&path, before).unwrap();
    edit(&path, "ui.theme", &text("light")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before.replace("\"dark\"", "\"light\""));
    edit(&path, "providers.openai.base_url", &text("http://h/v1")).unwrap();
    edit(&path, "keys.storage", &text("file")).unwrap();
    edit(&path, "ui.mouse", &Edit::Unset).unwrap();
    let after = fs::read_to_string(&path).unwrap();
    for kept in ["# mine", "[ui] # look", "# at night", "# end", "[providers.openai]\nbase_url = \"http://h/v1\""] {
        assert!(after.contains(kept), "{kept} is gone from\n{after}");
    }
    let settings: Settings = toml::from_str(&after).unwrap();
    assert_eq!(settings.keys.storage, KeyStorage::File);
    assert!(!after.contains("mouse"));
}

#[test]
fn inline_tables_dotted_names_and_lines_that_go_keep_their_comments() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("config.toml");
    let before = "ui = { theme = \"dark\", mouse = true } # look\nagent.max_requests = 5 # few\n\n[network]\n# slow line\nidle_timeout_s = 200 # wait\n# a note\nconnect_timeout_s = 20\n";
    fs::write(&path, before).unwrap();
    edit(&path, "ui.theme", &text("light")).unwrap();
    edit(&path, "agent.max_requests", &Edit::Set(toml::Value::Integer(6))).unwrap();
    edit(&path, "network.idle_timeout_s", &Edit::Unset).unwrap();
    let after = before.replace("dark", "light").replace("= 5", "= 6").replace("idle_timeout_s = 200 # wait\n", "");
    assert_eq!(fs::read_to_string(&path).unwrap(), after);
    edit(&path, "ui.frame_rate", &Edit::Set(toml::Value::Integer(20))).unwrap();
    edit(&path, "ui.mouse", &Edit::Unset).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("# look") && text.contains("frame_rate = 20") && !text.contains("mouse"), "{text}");
    toml::from_str::<Settings>(&text).unwrap();
}

#[test]
fn a_refused_edit_changes_nothing() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("config.toml");
    let unknown = edit(&path, "ui.them", &text("x")).unwrap_err();
    assert_eq!(unknown.to_string(), "unknown setting `ui.them` in the new value");
    assert!(edit(&path, "ui.mouse", &text("x")).is_err());
    assert!(!path.exists());
    fs::write(&path, "[ui").unwrap();
    assert!(edit(&path, "ui.theme", &text("x")).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "[ui");
}

#[test]
fn settings_are_private_and_an_existing_file_is_not_replaced_unasked() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a/b/config.toml");
    init(&path, false).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), kiln::config::EXAMPLE);
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    fs::write(&path, "[ui]\n").unwrap();
    let refused = init(&path, false).unwrap_err();
    assert_eq!(refused.hint.as_deref(), Some("edit it, or replace it with `kiln config init --force`"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "[ui]\n");
    init(&path, true).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), kiln::config::EXAMPLE);
}

#[cfg(unix)]
#[test]
fn a_linked_settings_file_is_edited_where_it_lies() {
    let home = TempDir::new().unwrap();
    let (real, link) = (home.path().join("real.toml"), home.path().join("link.toml"));
    fs::write(&real, "[ui]\n").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    edit(&link, "ui.theme", &text("x")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("theme"));
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn kiln_home_moves_everything() {
    let home = TempDir::new().unwrap();
    let place = home.path().join("deep/kiln");
    let environment = Environment::from_pairs([("KILN_HOME", place.to_str().unwrap())]);
    let (paths, fault) = Paths::prepare(&environment);
    assert_eq!(fault, None);
    assert_eq!(paths.lasting(), Lasting::Kept);
    for path in [
        paths.settings_file(),
        paths.database(),
        paths.blobs(),
        paths.projects(),
        paths.key_index(),
        paths.key_file(),
        paths.logs(),
        paths.weights(),
        paths.themes(),
        paths.bindings_file(),
        paths.history(),
    ] {
        assert!(path.starts_with(&place), "{}", path.display());
    }
    #[cfg(unix)]
    assert_eq!(mode(paths.data()), 0o700);
}

#[test]
fn a_home_that_cannot_be_used_is_told_and_replaced_for_this_run() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let environment = Environment::from_pairs([("KILN_HOME", file.to_str().unwrap())]);
    let (paths, fault) = Paths::prepare(&environment);
    let fault = fault.unwrap();
    assert_eq!(
        fault.sentence,
        format!("the folder `{}/config` cannot be used, so nothing will be saved", file.display())
    );
    assert_eq!(fault.hint.as_deref(), Some("make it writable, or set `KILN_HOME` to a folder that is"));
    assert_eq!(paths.lasting(), Lasting::Temporary);
    let data = paths.data().to_owned();
    assert!(data.is_dir());
    drop(paths);
    assert!(!data.exists(), "the temporary folder goes away with the run");
    assert!(load(&Paths::below(home.path()), &Environment::from_pairs(NOTHING), &[]).troubles.is_empty());
}
