//! The rooms and their walls: which way imports point, and which outside crate has which owner.
//!
//! Read as text on purpose: the promise is about what the source says. `ARCHITECTURE.md` shows the
//! same tables to people, and is held against them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Room, and the rooms it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("keychain", &["config", "domain"]),
    ("net", &["config", "domain"]),
    ("sandbox", &["config", "domain"]),
    ("providers", &["net", "sandbox", "keychain", "config", "domain"]),
    ("mcp", &["net", "sandbox", "keychain", "config", "domain"]),
    ("storage", &["config", "domain"]),
    ("workspace", &["config", "domain"]),
    ("export", &["workspace", "config", "domain"]),
    ("tools", &["workspace", "sandbox", "net", "mcp", "domain"]),
    ("analysis", &["workspace", "domain"]),
    ("skills", &["tools", "workspace", "sandbox", "config", "domain"]),
    ("checks", &["workspace", "domain"]),
    ("agent", &["analysis", "checks", "skills", "config", "providers", "tools", "workspace", "domain"]),
    (
        "engine",
        &[
            "agent",
            "tools",
            "export",
            "mcp",
            "providers",
            "storage",
            "workspace",
            "sandbox",
            "keychain",
            "config",
            "domain",
        ],
    ),
    ("tui", &["engine", "workspace", "config", "domain"]),
    (
        "cli",
        &[
            "agent",
            "config",
            "domain",
            "engine",
            "export",
            "keychain",
            "mcp",
            "net",
            "providers",
            "sandbox",
            "skills",
            "storage",
            "tools",
            "tui",
            "workspace",
        ],
    ),
];

/// Words that name an outside crate or call, and the only rooms that may say them.
const OWNERS: &[(&str, &[&str])] = &[
    ("ratatui::", &["tui"]),
    ("crossterm::", &["tui"]),
    ("tui_textarea::", &["tui"]),
    ("syntect::", &["tui"]),
    ("reqwest::", &["net"]),
    ("clap::", &["cli"]),
    ("println!", &["cli"]),
    ("process::Command", &["sandbox"]),
    ("env::var", &["config"]),
    ("env::vars", &["config"]),
    ("sqlx::", &["storage"]),
    ("keyring::", &["keychain"]),
    ("zip::write", &["export"]),
    ("candle_core::", &["providers"]),
    ("tree_sitter::", &["analysis", "checks", "tools"]),
    ("rmcp::", &["mcp"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its room and its text, without its unit tests and comments.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .filter_map(|path| {
            let below = path.strip_prefix(&root).unwrap().to_owned();
            let is_test = below.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
            if below.components().count() < 2 || is_test {
                return None;
            }
            let room = below.components().next()?.as_os_str().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            Some((room, below, code.join("\n")))
        })
        .collect()
}

fn imported(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
        .map(|(at, word)| text[at + word.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (room, file, text) in rooms() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            panic!("the room `{room}` is not in the table");
        };
        for import in imported(&text) {
            let is_room = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            if is_room && import != room && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_have_one_owner() {
    let mut wrong = Vec::new();
    for (room, file, text) in rooms() {
        for (word, owners) in OWNERS {
            let said = text.match_indices(word).any(|(at, _)| {
                !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    || word.ends_with('!') && !text[..at].ends_with('e')
            });
            if said && !owners.contains(&room.as_str()) {
                wrong.push(format!("{} says {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_and_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let silent: Vec<String> = files
        .iter()
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files without a module doc:\n{}", silent.join("\n"));
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap()
}

/// What stands between backticks in a cell of a table.
fn quoted(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_architecture_page_has_a_row_for_every_room() {
    let page = page();
    for (room, _) in MAY_IMPORT {
        let rows = page.lines().filter(|line| line.starts_with(&format!("| `{room}` |"))).count();
        assert_eq!(rows, 1, "rows of `{room}` in ARCHITECTURE.md");
    }
}

#[test]
fn the_architecture_page_shows_the_imports_as_they_are_held() {
    let page = page();
    let mut shown = BTreeMap::new();
    for (rooms, imports) in page.lines().filter_map(|line| line.split_once(" ─► ")) {
        let imports: BTreeSet<&str> = imports.split(", ").filter(|room| *room != "nothing").collect();
        let known = |name: &&str| MAY_IMPORT.iter().any(|(room, _)| room == name);
        for room in rooms.split(", ").filter(known) {
            shown.insert(room, imports.clone());
        }
    }
    for (room, allowed) in MAY_IMPORT {
        let held: BTreeSet<&str> =
            if *room == "cli" { BTreeSet::from(["everything"]) } else { allowed.iter().copied().collect() };
        assert_eq!(shown.get(room), Some(&held), "what `{room}` may import, in ARCHITECTURE.md");
    }
}

#[test]
fn the_architecture_page_shows_the_owners_as_they_are_held() {
    let page = page();
    for (word, owners) in OWNERS {
        let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{word}`")));
        let cells: Vec<&str> = row.unwrap_or_default().split('|').collect();
        let shown = cells.get(2).map(|cell| quoted(cell)).unwrap_or_default();
        assert_eq!(shown, owners.iter().copied().collect(), "the owners of `{word}` in ARCHITECTURE.md");
    }
}

#[test]
fn the_architecture_page_names_places_that_exist() {
    let (root, page) = (Path::new(env!("CARGO_MANIFEST_DIR")), page());
    let is_path = |text: &&str| text.contains('/') && text.chars().all(|c| c.is_alphanumeric() || "_./".contains(c));
    // `x` stands for the new thing in the table of where it goes.
    let named = quoted(&page)
        .into_iter()
        .filter(is_path)
        .filter(|path| !path.contains("/x.") && !path.starts_with('/') && !path.ends_with('/'));
    for path in named {
        let known = [root.join(path), root.join("src").join(path), root.join("src").join(format!("{path}.rs"))];
        assert!(known.iter().any(|place| place.exists()), "ARCHITECTURE.md names `{path}`, which is not there");
    }
}

#[test]
fn the_readme_names_every_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let help = std::fs::read_to_string(root.join("tests/snapshots/command_line__help.snap")).unwrap();
    let verbs = help.split_once("\nCommands:\n").unwrap().1.lines().take_while(|line| !line.is_empty());
    for verb in verbs.map(|line| line.split_whitespace().next().unwrap()) {
        assert!(readme.contains(&format!("`kiln {verb}")), "README.md does not name `kiln {verb}`");
    }

    let mut files = Vec::new();
    sources(&root.join("src/tui/commands"), &mut files);
    let known: BTreeSet<String> = files
        .iter()
        .filter_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            let (_, name) = text.split_once("\n    name: \"")?;
            Some(format!("/{}", name.split_once('"')?.0))
        })
        .collect();
    let (_, after) = readme.split_once("Inside the terminal:\n").unwrap();
    let shown: BTreeSet<String> = quoted(after.split("\n\n").next().unwrap()).into_iter().map(str::to_owned).collect();
    assert_eq!(shown, known, "the commands inside the terminal, in README.md");
}
