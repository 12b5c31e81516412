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
    /// Its folder.
    folder: PathBuf,
    /// How a project's own skill is found by the file tools.
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
        let (folder, in_project) = if file.own {
            (sources.user.map(|user| user.join("skills").join(folder)), None)
        } else {
            let below = format!("{}/{folder}", file.origin);
            (sources.project.map(|root| root.path().join(&below)), Some(below))
        };
        let Some(folder) = folder else { continue };
        all.push(Skill { name: name.to_owned(), about, folder, in_project });
    }
    all
}

/// A skill's text, or another file of its folder. The error is worded for the model. Blocking.
pub fn read_skill(skill: &Skill, file: Option<&str>) -> Result<String, String> {
    let failed = |why: String| format!("the skill `{}` was not read: {why}", skill.name);
    let root = Root::open(&skill.folder).map_err(|error| failed(error.to_string()))?;
    let path = ProjectPath::parse(file.unwrap_or("SKILL.md")).map_err(|refusal| failed(refusal.to_string()))?;
    let bytes = root.read(&path).map_err(|error| failed(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| failed(format!("there is no `{path}`")))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(format!("`{path}` is no text")))?;
    let mut told = text.get(..text.floor_char_boundary(MOST_OF_A_FILE)).unwrap_or(&text).to_owned();
    if told.len() < text.len() {
        told.push_str(&format!("\n[… {} more bytes]", text.len() - told.len()));
    }
    if file.is_none() {
        let files = root.files().map(|listing| listing.files).unwrap_or_default();
        let others: Vec<&str> = files.iter().map(ProjectPath::as_str).filter(|name| *name != "SKILL.md").collect();
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
