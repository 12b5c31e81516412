//! Slash commands kept as Markdown files: the body is what the model is told, with the arguments put in.

use super::{MOST, Sources, collected, frontmatter};

/// A command of the person's own, or of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The word after the slash; folders are joined by colons.
    pub name: String,
    pub about: String,
    /// Where it lies, in words.
    pub origin: String,
    body: String,
}

/// Every command; of two with one name the project's counts, `.kiln` before `.claude`. Blocking.
pub fn commands(sources: Sources<'_>) -> Vec<Command> {
    let mut all: Vec<Command> = Vec::new();
    for file in collected(sources, "commands") {
        let name = file.name.trim_end_matches(".md").replace('/', ":");
        let fits = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_:.".contains(c));
        if !fits || all.len() >= MOST || all.iter().any(|command| command.name == name) {
            continue;
        }
        let (head, body) = frontmatter::split(&file.text);
        let first = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let about = head.get("description").map_or(first.trim_start_matches(['#', ' ']), String::as_str);
        let about = about.chars().take(120).collect();
        all.push(Command { name, about, origin: file.origin, body: body.trim().to_owned() });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The name and the arguments of a message that calls a command.
pub fn called(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim().strip_prefix('/')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (name, arguments) = rest.split_at(end);
    (!name.is_empty() && !name.contains('/')).then(|| (name, arguments.trim()))
}

/// What a command says with these arguments: `$ARGUMENTS` is all of them, `$1` to `$9` one each. Arguments
/// that the body has no place for come at its end.
pub fn expand(command: &Command, arguments: &str) -> String {
    let words = words(arguments);
    let mut out = String::with_capacity(command.body.len() + arguments.len());
    let mut used = arguments.is_empty();
    let mut rest = command.body.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let number = after.chars().next().and_then(|c| c.to_digit(10)).filter(|number| *number > 0);
        let more = after.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        if let Some(tail) = after.strip_prefix("ARGUMENTS") {
            out.push_str(arguments);
            used = true;
            rest = tail;
        } else if let Some(number) = number.filter(|_| !more) {
            let index = usize::try_from(number).unwrap_or(1) - 1;
            out.push_str(words.get(index).map_or("", String::as_str));
            used = true;
            rest = after.get(1..).unwrap_or_default();
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    if !used {
        out.push_str(&format!("\n\n{arguments}"));
    }
    out
}

/// Words parted by blanks; quotes hold words together.
fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut word, mut quote, mut open) = (String::new(), None, false);
    for character in text.chars() {
        match quote {
            Some(mark) if mark == character => quote = None,
            None if matches!(character, '"' | '\'') => (quote, open) = (Some(character), true),
            None if character.is_whitespace() => {
                if open {
                    all.push(std::mem::take(&mut word));
                }
                open = false;
            }
            _ => {
                word.push(character);
                open = true;
            }
        }
    }
    if open {
        all.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_find_their_places() {
        for (body, arguments, said) in [
            ("Fix issue #$1 in $2", "12 'src/a b.rs'", "Fix issue #12 in src/a b.rs"),
            ("Review $ARGUMENTS now", "a b", "Review a b now"),
            ("Costs $10, ${x}, $", "", "Costs $10, ${x}, $"),
            ("Say hello", "to Ada", "Say hello\n\nto Ada"),
            ("$1$1", "$1", "$1$1"),
        ] {
            let command =
                Command { name: String::new(), about: String::new(), origin: String::new(), body: body.into() };
            assert_eq!(expand(&command, arguments), said);
        }
        assert_eq!(called("/a:b  c d "), Some(("a:b", "c d")));
        assert_eq!(called("/usr/lib is broken"), None);
        assert_eq!(called("hello"), None);
    }
}
