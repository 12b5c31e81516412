//! Theme files: where they are and how they are read. A file may name a `parent` and give only
//! what differs; a style is a colour name, or a table of `fg`, `bg` and `modifiers`.

use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use toml::{Table, Value};

use super::{Background, ColorDepth, Role, SyntaxRole, Theme, color, invalid};
use crate::domain::fault::Fault;

const BUILT_IN: &[(&str, &str)] = &[
    ("kiln-dark", include_str!("../../../themes/kiln-dark.toml")),
    ("kiln-light", include_str!("../../../themes/kiln-light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("sixteen", include_str!("../../../themes/sixteen.toml")),
    ("celadon", include_str!("../../../themes/celadon.toml")),
    ("porcelain", include_str!("../../../themes/porcelain.toml")),
];

/// A chain of parents longer than this is a circle.
const MOST_PARENTS: usize = 8;

pub(super) fn names(user_dir: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let Some(entries) = user_dir.and_then(|dir| std::fs::read_dir(dir).ok()) else { return names };
    let mut own: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !names.contains(name))
        .collect();
    own.sort();
    names.append(&mut own);
    names
}

pub(super) fn load(name: &str, user_dir: Option<&Path>) -> Result<Theme, Fault> {
    let mut table = read(name, user_dir, false)?;
    let mut last = name.to_owned();
    for _ in 0..MOST_PARENTS {
        let Some(parent) = table.remove("parent") else { return build(name, &table) };
        let Some(parent) = parent.as_str() else {
            return Err(invalid(format!("theme `{last}`: `parent` is not a name")));
        };
        // A file of the user may extend the built-in one of the same name.
        let base = read(parent, user_dir, parent == last)?;
        last = parent.to_owned();
        table = merge(base, table);
    }
    Err(invalid(format!("theme `{name}` has parents in a circle")).hint("remove one `parent` line"))
}

fn read(name: &str, user_dir: Option<&Path>, only_built_in: bool) -> Result<Table, Fault> {
    let plain_name =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
    if let Some(dir) = user_dir
        && plain_name
        && !only_built_in
    {
        let path = dir.join(format!("{name}.toml"));
        if let Ok(text) = std::fs::read_to_string(&path) {
            return parse(&text, &path.display().to_string());
        }
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return parse(text, name);
    }
    let known = names(user_dir);
    let fault = invalid(format!("there is no theme `{name}`"));
    Err(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("the themes are {}", known.join(", "))),
    })
}

/// The known name nearest to what was written, when it is near enough to be meant.
pub(in crate::tui) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3))
        .map(|(_, candidate)| candidate)
}

fn parse(text: &str, origin: &str) -> Result<Table, Fault> {
    text.parse::<Table>().map_err(|error| {
        invalid(format!("theme `{origin}` is not valid TOML"))
            .detail(error.to_string())
            .hint("mend the file or choose another theme")
    })
}

fn merge(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => *below = merge(std::mem::take(below), above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

fn build(name: &str, table: &Table) -> Result<Theme, Fault> {
    for key in table.keys() {
        if !["background", "ground", "palette", "roles", "syntax"].contains(&key.as_str()) {
            return Err(invalid(format!("theme `{name}`: unknown key `{key}`"))
                .hint("a theme has `parent`, `background`, `ground`, `palette`, `roles` and `syntax`"));
        }
    }
    let palette = table.get("palette").and_then(Value::as_table);
    let reader = Reader { name, palette };
    let background = match table.get("background").and_then(Value::as_str) {
        Some("dark") => Background::Dark,
        Some("light") => Background::Light,
        _ => Background::Unknown,
    };
    let ground = match table.get("ground") {
        Some(value) => reader.color(value, "ground")?,
        None => Color::Reset,
    };
    let roles = reader.section(table, "roles", &Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>())?;
    let syntax =
        reader.section(table, "syntax", &SyntaxRole::ALL.iter().map(|role| role.name()).collect::<Vec<_>>())?;
    let theme = Theme { name: name.to_owned(), background, ground, roles, syntax, depth: ColorDepth::True, stamp: 0 };
    Ok(theme.stamped())
}

struct Reader<'a> {
    name: &'a str,
    palette: Option<&'a Table>,
}

impl Reader<'_> {
    fn section(&self, table: &Table, section: &str, names: &[&str]) -> Result<Vec<Style>, Fault> {
        let given = table.get(section).and_then(Value::as_table);
        for key in given.into_iter().flat_map(Table::keys) {
            if !names.contains(&key.as_str()) {
                let fault = invalid(format!("theme `{}`: there is no role `{section}.{key}`", self.name));
                return Err(match nearest(key, names.iter().copied()) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault.hint(format!("the roles are {}", names.join(", "))),
                });
            }
        }
        names
            .iter()
            .map(|name| match given.and_then(|given| given.get(*name)) {
                Some(value) => self.style(value, &format!("{section}.{name}")),
                None => Ok(Style::new()),
            })
            .collect()
    }

    fn style(&self, value: &Value, place: &str) -> Result<Style, Fault> {
        let Some(table) = value.as_table() else { return Ok(Style::new().fg(self.color(value, place)?)) };
        let mut style = Style::new();
        for (key, value) in table {
            match key.as_str() {
                "fg" => style.fg = Some(self.color(value, place)?),
                "bg" => style.bg = Some(self.color(value, place)?),
                "modifiers" => {
                    for word in value.as_array().into_iter().flatten() {
                        style = style.add_modifier(self.modifier(word, place)?);
                    }
                }
                _ => {
                    return Err(invalid(format!("theme `{}`: `{place}` has the unknown key `{key}`", self.name))
                        .hint("use `fg`, `bg` and `modifiers`"));
                }
            }
        }
        Ok(style)
    }

    fn color(&self, value: &Value, place: &str) -> Result<Color, Fault> {
        let text = value.as_str().unwrap_or_default();
        let named = self.palette.and_then(|palette| palette.get(text)).and_then(Value::as_str).unwrap_or(text);
        color::parse(named).ok_or_else(|| {
            invalid(format!("theme `{}`: `{place}` is not a colour: `{named}`", self.name))
                .hint("use `#rrggbb`, a name from `palette`, one of the 16 names, or `reset`")
        })
    }

    fn modifier(&self, word: &Value, place: &str) -> Result<Modifier, Fault> {
        Ok(match word.as_str().unwrap_or_default() {
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            "crossed_out" => Modifier::CROSSED_OUT,
            other => {
                return Err(invalid(format!("theme `{}`: `{place}` has the unknown modifier `{other}`", self.name))
                    .hint("use bold, dim, italic, underlined, reversed or crossed_out"));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_gives_every_role() {
        for (name, _) in BUILT_IN {
            let theme = load(name, None).unwrap();
            assert_eq!(theme.name(), *name);
            assert_ne!(theme.style(Role::Accent), Style::new(), "{name}");
        }
    }

    #[test]
    fn a_user_theme_extends_a_built_in_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kiln-dark.toml"), "parent = \"kiln-dark\"\n[roles]\nuser = \"#ffffff\"\n")
            .unwrap();
        let theme = load("kiln-dark", Some(folder.path())).unwrap();
        assert_eq!(theme.style(Role::User).fg, Some(Color::Rgb(255, 255, 255)));
        assert_eq!(theme.style(Role::Error), load("kiln-dark", None).unwrap().style(Role::Error));
    }

    #[test]
    fn mistakes_are_told_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
        write("a", "parent = \"b\"");
        write("b", "parent = \"a\"");
        write("typo", "[roles]\naccnet = \"red\"");
        write("color", "[roles]\naccent = \"#12\"");
        write("broken", "[roles");
        for (name, words) in
            [("a", "circle"), ("typo", "accnet"), ("color", "#12"), ("broken", "TOML"), ("kiln-drak", "kiln-drak")]
        {
            let fault = load(name, Some(folder.path())).unwrap_err();
            assert!(fault.sentence.contains(words), "{fault:?}");
            assert!(fault.hint.is_some(), "{fault:?}");
        }
        assert_eq!(load("kiln-drak", None).unwrap_err().hint.unwrap(), "did you mean `kiln-dark`?");
    }
}
