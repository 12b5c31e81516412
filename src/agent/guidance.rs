//! The texts that lead the smallest models, out of `assets/guided.toml`: one worked example and a
//! grammar for each kind of file. Chooses and fills in; asks nobody.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::ProjectPath;

static GUIDANCE: LazyLock<Option<Guidance>> =
    LazyLock::new(|| toml::from_str(include_str!("../../assets/guided.toml")).ok());

/// All of the file. `None` only when the file inside the program is broken, which a test rules out.
pub fn guidance() -> Option<&'static Guidance> {
    GUIDANCE.as_ref()
}

/// What leads a small model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    pub plan: Plan,
    pub file: File,
    pub readme: Readme,
    /// The last one serves where none fits.
    kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub system: String,
    /// Requests and their answers.
    pub examples: Vec<(String, String)>,
    grammar: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub system: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readme {
    /// The step's title.
    pub title: String,
    pub example_request: String,
    pub example_answer: String,
    grammar: String,
}

/// A kind of file, by the words that ask for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    #[expect(dead_code, reason = "names the row for whoever edits the file")]
    name: String,
    words: Vec<String>,
    extension: String,
    /// Empty where the model names the file.
    path: String,
    run: String,
    pub example_request: String,
    pub example_answer: String,
    grammar: String,
}

impl Guidance {
    /// The kind of file that a request asks for.
    pub fn kind(&self, wanted: &str) -> Option<&Kind> {
        let wanted = wanted.to_lowercase();
        let words: Vec<&str> = wanted.split(|c: char| !c.is_alphanumeric()).collect();
        let asked = |kind: &&Kind| kind.words.iter().any(|word| words.contains(&word.as_str()));
        self.kinds.iter().find(asked).or(self.kinds.last())
    }

    /// The grammar of the plan's one line.
    pub fn plan_grammar(&self, kind: &Kind) -> String {
        let path = match kind.path.as_str() {
            "" => format!("/[a-z][a-z0-9_]{{1,18}}\\.{}/", kind.extension),
            path => format!("\"{path}\""),
        };
        self.plan.grammar.replace("{path}", &path)
    }

    /// The grammar of the page that says what was made.
    pub fn readme_grammar(&self, kind: &Kind, path: &ProjectPath) -> String {
        let run = kind.run.replace("{path}", path.as_str());
        let run = if run.contains(" in ") { format!("{run}.") } else { format!("```sh\\n{run}\\n```") };
        self.readme.grammar.replace("{run}", &run)
    }
}

impl Kind {
    /// The grammar of the file itself.
    pub fn file_grammar(&self, path: &ProjectPath) -> String {
        self.grammar.replace("{path}", path.as_str())
    }
}

/// A request as the worked examples put it: `Write a todo list.`
pub fn as_order(wanted: &str) -> String {
    let wanted = wanted.trim().trim_end_matches(['.', '!', '?']);
    let mut rest = wanted;
    for verb in ["please ", "can you ", "write ", "make ", "create ", "build ", "generate ", "code ", "me "] {
        if rest.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb)) {
            rest = rest.get(verb.len()..).unwrap_or(rest);
        }
    }
    format!("Write {rest}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_every_grammar_takes_a_path() {
        let guidance = guidance().expect("assets/guided.toml does not parse");
        for kind in &guidance.kinds {
            assert!(kind.grammar.contains("{path}"), "{}", kind.extension);
            assert!(kind.example_answer.starts_with("```"), "{}", kind.extension);
        }
    }

    #[test]
    fn the_kind_follows_the_persons_words() {
        let guidance = guidance().unwrap();
        for (wanted, extension) in [
            ("a Python script that prints primes", "py"),
            ("hello world in rust", "rs"),
            ("a todo list", "html"),
            ("a web server in go", "go"),
            ("let it go on a page", "go"),
            ("a shell script for backups", "sh"),
        ] {
            assert_eq!(guidance.kind(wanted).unwrap().extension, extension, "{wanted}");
        }
    }

    #[test]
    fn a_request_becomes_an_order() {
        assert_eq!(as_order("please make me a todo list!"), "Write a todo list.");
        assert_eq!(as_order("a clock"), "Write a clock.");
    }
}
