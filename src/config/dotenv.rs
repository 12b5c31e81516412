//! Reading a `.env` text into variables with their lines. Nothing is set in the process, and
//! nothing of the process's environment is put into values: a `$` stands for itself.

use secrecy::SecretString;

/// One line of a `.env`.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub name: String,
    /// `None` where the line is no `NAME=value`.
    pub value: Option<SecretString>,
    /// Counted from 1.
    pub line: usize,
}

/// Stands for `$` while the parser, which would expand it, looks at the text.
const DOLLAR: &str = "\u{f0024}";

/// All variables in order; a name that comes twice is there twice.
pub(super) fn parse(text: &str) -> Vec<Variable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let marked = text.replace("\\$", DOLLAR).replace('$', DOLLAR);
    let mut lines = Lines { text: &marked, seen: Vec::new() };
    dotenvy::from_read_iter(marked.as_bytes())
        .filter_map(|item| match item {
            Ok((name, value)) => {
                let line = lines.of(&name);
                let value = (!value.is_empty()).then(|| SecretString::from(value.replace(DOLLAR, "$")));
                // An empty value is no value, as in the environment.
                value.map(|value| Variable { name, value: Some(value), line })
            }
            Err(dotenvy::Error::LineParse(broken, _)) => {
                let (name, line) = lines.broken(broken.lines().next().unwrap_or_default())?;
                Some(Variable { name, value: None, line })
            }
            Err(_) => None,
        })
        .collect()
}

/// Finds lines again: the parser does not tell where it was.
struct Lines<'a> {
    text: &'a str,
    seen: Vec<String>,
}

impl Lines<'_> {
    fn of(&mut self, name: &str) -> usize {
        let before = self.seen.iter().filter(|seen| *seen == name).count();
        self.seen.push(name.to_owned());
        let mut matching = self.text.lines().enumerate().filter(|(_, line)| name_of(line) == Some(name));
        matching.nth(before).map_or(1, |(index, _)| index + 1)
    }

    /// The parser tells a broken line, or what stands behind its `=`.
    fn broken(&mut self, text: &str) -> Option<(String, usize)> {
        let text = text.trim_end();
        let line = self.text.lines().find(|line| line.trim_end().ends_with(text))?;
        let name = name_of(line)?.to_owned();
        let line = self.of(&name);
        Some((name, line))
    }
}

fn name_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(line.len());
    line.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn variables_are_read_and_nothing_is_expanded() {
        let text = "\u{feff}# mine\nA=1\nexport B = \"two words\" # note\nC='$HOME' \nD=${PATH}\\$x\nE=\n\nnot a line\nF=a b\nA=2\nG=\"x\ny\"\nH=3\n";
        let read: Vec<(String, Option<String>, usize)> = parse(text)
            .into_iter()
            .map(|v| (v.name, v.value.map(|value| value.expose_secret().to_owned()), v.line))
            .collect();
        let some = |name: &str, value: &str, line| (name.to_owned(), Some(value.to_owned()), line);
        assert_eq!(
            read,
            [
                some("A", "1", 2),
                some("B", "two words", 3),
                some("C", "$HOME", 4),
                some("D", "${PATH}$x", 5),
                ("not".to_owned(), None, 8),
                ("F".to_owned(), None, 9),
                some("A", "2", 10),
                some("G", "x\ny", 11),
                some("H", "3", 13),
            ]
        );
    }
}
