//! Skills: folders with a `SKILL.md`, whose head the model is told and whose body it reads on demand.

use std::path::PathBuf;

use super::{MOST, Sources, collected, frontmatter};
use crate::domain::ProjectPath;
use crate::workspace::Root;

/// Bytes of a skill's further file at most.
const MOST_OF_A_FILE: usize = 48 * 1024;

/// A skill by its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    pub name: String,
    /// What it is for.
    pub about: String,
    /// The folder that it is read beneath: its own, or the project's.
    root: PathBuf,
    /// Its folder in the project, where it is the project's own. Programs of the project can put a link in its
    /// place at any time, so the way there is gone anew, and through no link.
    in_project: Option<String>,
}

/// Every skill; of two with one name the first counts, the project's before the person's own. Blocking.
pub fn skills(sources: Sources<'_>) -> Vec<Skill> {
    let mut all: Vec<Skill> = Vec::new();
    for file in collected(sources, "skills") {
        let Some(folder) = file.name.strip_suffix("/SKILL.md") else { continue };
        let (head, body) = frontmatter::split(&file.text);
        let name = head.get("name").map_or(folder, String::as_str).trim();
        let fits = !name.is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
        if !fits || all.len() >= MOST || all.iter().any(|skill| skill.name == name) {
            continue;
        }
        let first = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let about: String = head.get("description").map_or(first, String::as_str).chars().take(300).collect();
        let (root, in_project) = if file.own {
            (sources.user.map(|user| user.join("skills").join(folder)), None)
        } else {
            let below = format!("{}/{folder}", file.origin);
            (sources.project.map(|root| root.path().to_owned()), Some(below))
        };
        let Some(root) = root else { continue };
        all.push(Skill { name: name.to_owned(), about, root, in_project });
    }
    all
}

/// A skill's text, or another file of its folder. The error is worded for the model. Blocking.
pub fn read_skill(skill: &Skill, file: Option<&str>) -> Result<String, String> {
    let failed = |why: String| format!("the skill `{}` was not read: {why}", skill.name);
    let root = Root::open(&skill.root).map_err(|error| failed(error.to_string()))?;
    let path = ProjectPath::parse(file.unwrap_or("SKILL.md")).map_err(|refusal| failed(refusal.to_string()))?;
    let below = skill.in_project.as_ref().map(|folder| format!("{folder}/")).unwrap_or_default();
    let whole = ProjectPath::parse(&format!("{below}{path}")).map_err(|refusal| failed(refusal.to_string()))?;
    let bytes = root.read(&whole).map_err(|error| failed(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| failed(format!("there is no `{path}`")))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(format!("`{path}` is no text")))?;
    let mut told = text.get(..text.floor_char_boundary(MOST_OF_A_FILE)).unwrap_or(&text).to_owned();
    if told.len() < text.len() {
        told.push_str(&format!("\n[… {} more bytes]", text.len() - told.len()));
    }
    if file.is_none() {
        let files = root.files().map(|listing| listing.files).unwrap_or_default();
        let inside = files.iter().filter_map(|file| file.as_str().strip_prefix(&below));
        let others: Vec<&str> = inside.filter(|name| *name != "SKILL.md").collect();
        if !others.is_empty() {
            told.push_str(&format!("\n\nFurther files of this skill, read with `skill`: {}", others.join(", ")));
        }
        if let Some(folder) = &skill.in_project {
            told.push_str(&format!("\nIts folder in the project: {folder}"));
        }
    }
    Ok(told)
}

/// Skills, by their names.
#[derive(Clone, Debug)]
pub struct Shelf(pub Vec<Skill>);

impl crate::tools::live::skill::Library for Shelf {
    fn read(&self, name: &str, file: Option<&str>) -> Result<String, String> {
        let Some(skill) = self.0.iter().find(|skill| skill.name == name) else {
            let names: Vec<&str> = self.0.iter().map(|skill| skill.name.as_str()).collect();
            return Err(format!("there is no skill `{name}`; there are {}", names.join(", ")));
        };
        read_skill(skill, file)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_skill_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (project, secrets) = (folder.path().join("project"), folder.path().join("secrets"));
        let place = project.join(".claude/skills/tidy");
        std::fs::create_dir_all(place.join("more")).unwrap();
        std::fs::create_dir_all(&secrets).unwrap();
        std::fs::write(place.join("SKILL.md"), "Tidy up.").unwrap();
        std::fs::write(place.join("more/list.txt"), "one").unwrap();
        std::fs::write(secrets.join("key"), "secret").unwrap();
        let root = Root::open(&project).unwrap();
        let found = skills(Sources { project: Some(&root), user: None });
        let text = read_skill(&found[0], None).unwrap();
        assert!(text.starts_with("Tidy up.") && text.contains("with `skill`: more/list.txt"), "{text}");
        assert_eq!(read_skill(&found[0], Some("more/list.txt")).unwrap(), "one");
        assert!(read_skill(&found[0], Some("../../../.env")).is_err());
        std::fs::remove_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&secrets, &place).unwrap();
        assert!(read_skill(&found[0], Some("key")).is_err());
    }
}
