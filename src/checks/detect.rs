//! Which checks a project has.

use serde::Deserialize;

use crate::domain::ProjectPath;
use crate::workspace::Root;

const TABLE: &str = include_str!("../../assets/checks.toml");
/// What `npm init` writes in place of a test.
const NO_TEST: &str = "no test specified";

/// A check that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What the person knows it by.
    pub name: String,
    /// A shell line for the project's root.
    pub command: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    check: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Rows of one kind belong to the same tool.
    kind: String,
    name: String,
    /// Files that have to be there; a folder ends with a slash.
    files: Vec<String>,
    command: String,
    #[serde(default)]
    scripts: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
}

/// The project's checks, in the order in which they are run. Those that the settings name take the
/// place of all others. Reads files; call off the async threads.
pub fn detect(root: &Root, configured: &[String]) -> Vec<Check> {
    if !configured.is_empty() {
        return configured.iter().map(|line| Check { name: line.clone(), command: line.clone() }).collect();
    }
    let Ok(table) = toml::from_str::<Table>(TABLE) else { return Vec::new() };
    let mut checks: Vec<Check> = Vec::new();
    let mut recognised: Vec<String> = Vec::new();
    for row in &table.check {
        if !row.files.iter().all(|file| exists(root, file)) {
            continue;
        }
        // A make file that only calls the tools which are known already would run everything twice.
        if row.kind == "make" && !recognised.is_empty() {
            continue;
        }
        let found = found(root, row);
        if !found.is_empty() {
            recognised.push(row.kind.clone());
        }
        checks.extend(
            found
                .into_iter()
                .filter(|new| !checks.iter().any(|known| known.command == new.command))
                .collect::<Vec<_>>(),
        );
    }
    checks
}

fn found(root: &Root, row: &Row) -> Vec<Check> {
    let plain = |name: &str, command: &str| Check { name: name.to_owned(), command: command.to_owned() };
    if !row.scripts.is_empty() {
        let (runner, have) = (runner(root), scripts(root));
        let named = row.scripts.iter().filter(|script| have.contains(script));
        let fill = |text: &str, script: &str| text.replace("{runner}", runner).replace("{script}", script);
        return named.map(|script| plain(&fill(&row.name, script), &fill(&row.command, script))).collect();
    }
    if !row.targets.is_empty() {
        let have = text(root, "Makefile").unwrap_or_default();
        let is_target = |target: &&String| have.lines().any(|line| line.starts_with(&format!("{target}:")));
        let first = row.targets.iter().find(is_target);
        let fill = |text: &str, target: &str| text.replace("{target}", target);
        return first.map(|target| plain(&fill(&row.name, target), &fill(&row.command, target))).into_iter().collect();
    }
    vec![plain(&row.name, &row.command)]
}

fn exists(root: &Root, file: &str) -> bool {
    match file.strip_suffix('/') {
        Some(folder) => root.path().join(folder).is_dir(),
        None => root.path().join(file).is_file(),
    }
}

fn text(root: &Root, file: &str) -> Option<String> {
    let bytes = root.read(&ProjectPath::parse(file).ok()?).ok()??;
    String::from_utf8(bytes).ok()
}

/// Scripts of `package.json` that do something.
fn scripts(root: &Root) -> Vec<String> {
    let package = text(root, "package.json").and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let scripts = package.as_ref().and_then(|package| package.get("scripts")?.as_object());
    let real =
        scripts.into_iter().flatten().filter(|(_, line)| line.as_str().is_some_and(|line| !line.contains(NO_TEST)));
    real.map(|(name, _)| name.clone()).collect()
}

fn runner(root: &Root) -> &'static str {
    match () {
        () if exists(root, "pnpm-lock.yaml") => "pnpm",
        () if exists(root, "yarn.lock") => "yarn",
        () if exists(root, "bun.lock") || exists(root, "bun.lockb") => "bun",
        () => "npm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = Root::open(folder.path()).unwrap();
        (folder, root)
    }

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        let (_folder, root) = project(files);
        detect(&root, &[]).into_iter().map(|check| check.name).collect()
    }

    #[test]
    fn the_table_is_read() {
        assert!(toml::from_str::<Table>(TABLE).is_ok());
    }

    #[test]
    fn projects_are_known_by_their_files() {
        assert_eq!(names(&[("Cargo.toml", "")]), ["cargo check", "cargo test"]);
        assert_eq!(names(&[("go.mod", "")]), ["go vet", "go test"]);
        assert_eq!(names(&[("pyproject.toml", ""), ("tests/test_a.py", "")]), ["pytest"]);
        assert_eq!(names(&[("Makefile", "all:\n\ntest: all\n\ttrue\n")]), ["make test"]);
        assert_eq!(names(&[("Cargo.toml", ""), ("Makefile", "test:\n\tcargo test\n")]), ["cargo check", "cargo test"]);
        assert!(names(&[("index.html", "")]).is_empty());
    }

    #[test]
    fn scripts_run_with_the_projects_own_package_manager() {
        let package = r#"{"scripts":{"test":"node --test","lint":"eslint .","start":"node ."}}"#;
        assert_eq!(names(&[("package.json", package)]), ["npm run lint", "npm run test"]);
        assert_eq!(names(&[("package.json", package), ("pnpm-lock.yaml", "")]), ["pnpm run lint", "pnpm run test"]);
        let fresh = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
        assert!(names(&[("package.json", fresh)]).is_empty());
        assert!(names(&[("package.json", "{")]).is_empty());
    }

    #[test]
    fn what_the_settings_name_takes_the_place_of_all() {
        let (_folder, root) = project(&[("Cargo.toml", "")]);
        let checks = detect(&root, &["just check".to_owned()]);
        assert_eq!(checks, [Check { name: "just check".to_owned(), command: "just check".to_owned() }]);
    }
}
