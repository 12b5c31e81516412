//! Merging the layers: defaults, the person's file, the project's files, the environment, flags.
//! Later ones win, and each value remembers where it came from.
//!
//! What an untrusted project may not set is left out and told. A settings file that cannot be read
//! may have held where contents must not go, so it leaves Kiln without connections until a layer
//! above the project's says otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::ExposeSecret as _;
use serde::Deserialize as _;
use toml::{Table, Value};

use super::check::{default_of, missing_underscore, nest, read_text, validate};
use super::dotenv;
use super::environment::{self, Environment, ProjectKey};
use super::file::{self, Reading};
use super::origin::{FlagValue, Origin, Shown};
use super::paths::Paths;
use super::project::{Files, Project, Text};
use super::reach;
use super::schema::{self, Settings};
use super::trust::{self, Before, Request, Trust, Wish};
use crate::domain::{Fault, FaultClass};

/// The outcome of reading all layers.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Every setting, in the order of the example file; providers' by id.
    pub shown: Vec<Shown>,
    /// What was wrong; those settings keep the value of the layer below.
    pub troubles: Vec<Fault>,
    /// How the project's folder stands.
    pub trust: Trust,
    /// Keys from a trusted project's `.env`, for [`Environment::with_project_keys`].
    pub project_keys: Vec<ProjectKey>,
}

/// Reads and merges all layers where there is no project. Never fails: what is wrong is told in
/// `troubles` and left out.
pub fn load(paths: &Paths, environment: &Environment, flags: &[FlagValue]) -> Loaded {
    merge(paths, environment, flags, None)
}

/// Reads and merges all layers, the project's own files among them. Never fails, as [`load`].
pub fn load_with_project(
    paths: &Paths,
    environment: &Environment,
    flags: &[FlagValue],
    project: &Project<'_>,
) -> Loaded {
    merge(paths, environment, flags, Some(project))
}

fn merge(paths: &Paths, environment: &Environment, flags: &[FlagValue], project: Option<&Project<'_>>) -> Loaded {
    let mut merge = Merge::default();
    let path = paths.settings_file();
    let reading = file::read(&path, &mut merge.troubles);
    merge.file(&path, reading);
    let (trust, project_keys) = match project {
        Some(project) => merge.project(paths, environment, project),
        None => (Trust::NothingToTrust, Vec::new()),
    };
    for (key, variable, text) in environment.settings() {
        let place = format!("the environment variable `{variable}`");
        let value = read_text(&key, text);
        merge.take(&key, value, Origin::Environment { variable: variable.to_owned() }, &place);
    }
    merge.troubles.extend(environment.single_underscore_names().filter_map(missing_underscore));
    for flag in flags {
        let place = format!("the flag `{}`", flag.flag);
        merge.take(&flag.key, flag.value.clone(), Origin::Flag { flag: flag.flag.clone() }, &place);
    }
    merge.finish(trust, project_keys)
}

const OFFLINE: &str = "network.offline";

#[derive(Default)]
struct Merge {
    values: BTreeMap<String, (Value, Origin)>,
    troubles: Vec<Fault>,
}

impl Merge {
    fn take(&mut self, key: &str, value: Value, origin: Origin, place: &str) {
        match validate(key, &value) {
            Ok(()) => {
                let value = match (self.values.get(key), value) {
                    // A project's hooks run beside the person's own: a safeguard is not replaced.
                    (Some((Value::Array(own), _)), Value::Array(more)) if key == "hooks" => {
                        Value::Array(own.iter().cloned().chain(more).collect())
                    }
                    (_, value) => value,
                };
                self.values.insert(key.to_owned(), (value, origin));
            }
            Err(refusal) => self.troubles.push(refusal.fault(key, place)),
        }
    }

    /// The person's settings file.
    fn file(&mut self, path: &Path, reading: Reading) {
        let leaves = match reading {
            Reading::Whole(leaves) => leaves,
            Reading::Broken(leaves) => {
                self.refuse_connections(path);
                leaves.into_iter().filter(|leaf| leaf.key != OFFLINE).collect()
            }
        };
        for leaf in leaves {
            let place = format!("`{}` line {}", path.display(), leaf.line);
            self.take(&leaf.key, leaf.value, Origin::File { path: path.to_owned(), line: leaf.line }, &place);
        }
    }

    fn refuse_connections(&mut self, path: &Path) {
        let origin = Origin::Unreadable { path: path.to_owned() };
        self.values.insert(OFFLINE.to_owned(), (Value::Boolean(true), origin));
    }

    /// The project's own files: what anyone may set is taken, the rest only when they are trusted.
    fn project(&mut self, paths: &Paths, environment: &Environment, project: &Project<'_>) -> (Trust, Vec<ProjectKey>) {
        let files = Files::read(project.root, &mut self.troubles);
        let mut stated = Stated::default();
        if let Some(path) = &files.unreadable {
            self.refuse_connections(path);
        }
        if let Some(file) = &files.settings {
            self.project_settings(file, &mut stated);
        }
        if let Some(file) = &files.variables {
            self.project_variables(file, environment, project, &mut stated);
        }
        let wishes = self.wishes(&stated);
        if wishes.is_empty() {
            self.take_stated(stated.settings);
            return (Trust::NothingToTrust, Vec::new());
        }
        let fingerprint = files.fingerprint();
        match trust::standing(paths, project.root, &fingerprint, &mut self.troubles) {
            Ok(()) => {
                self.take_stated(stated.settings);
                (Trust::Trusted, stated.keys.into_iter().map(|(key, _)| key).collect())
            }
            Err(before) => {
                self.troubles.extend(wishes.iter().map(|wish| left_out(wish, before)));
                stated.settings.retain(|(key, value, origin)| !wishes.iter().any(|wish| wish.is(key, value, origin)));
                self.take_stated(stated.settings);
                let root = project.root.to_owned();
                (Trust::Untrusted(Request { root, wishes, before, fingerprint }), Vec::new())
            }
        }
    }

    fn project_settings(&mut self, file: &Text, stated: &mut Stated) {
        let leaves = match file::parse(&file.text, &file.path, &mut self.troubles) {
            Reading::Whole(leaves) => leaves,
            Reading::Broken(leaves) => {
                self.refuse_connections(&file.path);
                leaves
            }
        };
        for leaf in leaves {
            let origin = Origin::ProjectFile { path: file.path.clone(), line: leaf.line };
            stated.settings.push((leaf.key, leaf.value, origin));
        }
    }

    fn project_variables(
        &mut self,
        file: &Text,
        environment: &Environment,
        project: &Project<'_>,
        stated: &mut Stated,
    ) {
        let mut names = (project.key_variables)();
        let key_env = |key: &str| key.starts_with("providers.") && key.ends_with(".key_env");
        let known = self.values.iter().map(|(key, (value, _))| (key, value));
        let here = stated.settings.iter().map(|(key, value, _)| (key, value));
        names.extend(
            known.chain(here).filter(|(key, _)| key_env(key)).filter_map(|(_, value)| Some(value.as_str()?.to_owned())),
        );
        for variable in dotenv::parse(&file.text) {
            let setting = environment::setting(&variable.name);
            let is_key = names.contains(&variable.name);
            let Some(value) = variable.value else {
                if setting.is_some() || is_key {
                    self.troubles.push(unreadable_line(&variable.name, &file.path, variable.line));
                }
                continue;
            };
            if let Some(key) = setting {
                let path = file.path.clone();
                let origin = Origin::ProjectVariable { path, line: variable.line, variable: variable.name };
                stated.settings.push((key.clone(), read_text(&key, value.expose_secret()), origin));
            } else if is_key && !environment.is_set(&variable.name) {
                let key = ProjectKey { variable: variable.name, value, file: file.path.clone() };
                stated.keys.push((key, variable.line));
            }
        }
    }

    /// What of this needs trust. Unknown and unusable settings are told when they are taken.
    fn wishes(&self, stated: &Stated) -> Vec<Wish> {
        let settings = stated.settings.iter().filter(|(key, value, _)| {
            let current = self.values.get(key).map(|(value, _)| value.clone()).or_else(|| default_of(key));
            validate(key, value).is_ok() && !reach::permits(key, current.as_ref(), value)
        });
        let settings = settings.map(|(key, value, origin)| {
            let (file, line) = origin.place();
            Wish { file, line, setting: key.clone(), value: value.to_string() }
        });
        let keys = stated.keys.iter().map(|(key, line)| Wish {
            file: key.file.clone(),
            line: *line,
            setting: key.variable.clone(),
            value: "***".to_owned(),
        });
        settings.chain(keys).collect()
    }

    fn take_stated(&mut self, settings: Vec<(String, Value, Origin)>) {
        for (key, value, origin) in settings {
            // A project does not lift what a file that cannot be read may have said.
            let held = self.values.get(&key).is_some_and(|(_, by)| matches!(by, Origin::Unreadable { .. }));
            if !held {
                let (path, line) = origin.place();
                self.take(&key, value, origin, &format!("`{}` line {line}", path.display()));
            }
        }
    }

    fn finish(self, trust: Trust, project_keys: Vec<ProjectKey>) -> Loaded {
        let mut troubles = self.troubles;
        let mut table = Table::new();
        for (key, (value, _)) in &self.values {
            nest(&mut table, key, value.clone());
        }
        let settings = Settings::deserialize(table).unwrap_or_else(|error| {
            troubles.push(
                Fault::new(FaultClass::Internal, "the settings do not fit together, so Kiln runs with its defaults")
                    .detail(error.to_string()),
            );
            Settings::default()
        });
        let shown = show(&self.values);
        Loaded { settings, shown, troubles, trust, project_keys }
    }
}

/// What the project's files say, before anything is decided.
#[derive(Default)]
struct Stated {
    settings: Vec<(String, Value, Origin)>,
    /// With their lines.
    keys: Vec<(ProjectKey, usize)>,
}

impl Wish {
    fn is(&self, key: &str, value: &Value, origin: &Origin) -> bool {
        let (file, line) = origin.place();
        self.setting == key && self.value == value.to_string() && self.file == file && self.line == line
    }
}

fn left_out(wish: &Wish, before: Before) -> Fault {
    let why = match before {
        Before::Never => "this folder is not trusted",
        Before::OtherFiles => "the folder's files changed since it was trusted",
    };
    let place = format!("`{}` in `{}` line {}", wish.setting, wish.file.display(), wish.line);
    Fault::new(FaultClass::Invalid, format!("{place} is left out: {why}"))
        .hint("`kiln trust` in that folder shows what its files would set, and trusts them")
}

fn unreadable_line(variable: &str, path: &Path, line: usize) -> Fault {
    // The line itself may hold a key, so it is not shown.
    Fault::new(FaultClass::Invalid, format!("`{variable}` in `{}` line {line} cannot be read", path.display()))
        .hint("write it as `NAME=value`, with quotes around a value that has blanks")
}

fn show(values: &BTreeMap<String, (Value, Origin)>) -> Vec<Shown> {
    let defaults = Value::try_from(Settings::default()).unwrap_or_else(|_| Value::Table(Table::new()));
    let mut shown = Vec::new();
    for known in schema::KEYS {
        if let Some((section, leaf)) = known.split_once(".*.") {
            let of_this = values.iter().filter(|(key, _)| {
                key.strip_prefix(section)
                    .is_some_and(|rest| rest.starts_with('.') && rest.ends_with(&format!(".{leaf}")))
            });
            shown.extend(of_this.map(|(key, (value, origin))| Shown {
                key: key.clone(),
                value: Some(value.clone()),
                origin: origin.clone(),
            }));
            continue;
        }
        let (value, origin) = match values.get(*known) {
            Some((value, origin)) => (Some(value.clone()), origin.clone()),
            None => {
                let default = known.split('.').try_fold(&defaults, |value, part| value.get(part));
                (default.cloned(), Origin::Default)
            }
        };
        shown.push(Shown { key: (*known).to_owned(), value, origin });
    }
    shown
}
