//! Which simple commands only read: the table `assets/commands.toml` and how a command is held against it.
//!
//! The table names what is harmless; an option or a word that it does not name makes a command one that
//! changes things. Where the paths lie that a command names is told by [`super::places`].

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::simple_command::{SimpleCommand, Word, WordKind};

const TABLE: &str = include_str!("../../../assets/commands.toml");

/// A command that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads<'a> {
    /// Words that may name a file.
    pub paths: Vec<&'a Word>,
    /// Whether the project's own files can make it start a program.
    pub runs: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    command: Vec<Row>,
    versions: Versions,
    prefixes: BTreeMap<String, usize>,
    never: Never,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    programs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Never {
    prefixes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    words: Vec<String>,
    flags: String,
    takes: String,
    long: Vec<String>,
    needs: Vec<String>,
    operands: Operands,
    style: Style,
    runs: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Operands {
    #[default]
    Paths,
    None,
    Text,
    TextFirst,
    One,
    Plus,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Style {
    #[default]
    Options,
    Find,
    Test,
    Sed,
    Awk,
    Printf,
    Jq,
}

/// The table; a test reads it, so that an empty one (nothing only reads) stands for a broken one.
static ROWS: LazyLock<Table> = LazyLock::new(|| toml::from_str(TABLE).unwrap_or_default());
/// The rows by their program, those with more words first.
static BY_PROGRAM: LazyLock<HashMap<&'static str, Vec<&'static Row>>> = LazyLock::new(|| {
    let mut rows: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in &ROWS.command {
        if let Some(program) = row.words.first() {
            rows.entry(program).or_default().push(row);
        }
    }
    rows.values_mut().for_each(|rows| rows.sort_by_key(|row| std::cmp::Reverse(row.words.len())));
    rows
});

/// The program's name, where it is one of the system's own.
fn program(word: &Word) -> &str {
    let text = word.text.as_str();
    let name = text.strip_prefix("/usr/bin/").or_else(|| text.strip_prefix("/bin/")).unwrap_or(text);
    if name.contains('/') { text } else { name }
}

/// What a command reads; `None` when it may do more than read.
pub fn reads(command: &SimpleCommand) -> Option<Reads<'_>> {
    let (first, rest) = command.words.split_first()?;
    let name = program(first);
    if let [only] = rest
        && only.kind == WordKind::Literal
        && only.text == "--version"
        && ROWS.versions.programs.iter().any(|known| known == name)
    {
        // A project may name the version of a program that is used in it, or where that one lies.
        return Some(Reads { paths: Vec::new(), runs: true });
    }
    // These leave the meaning of what follows as it is.
    let mut rest = rest;
    while name == "git"
        && let Some((word, after)) = rest.split_first()
        && word.text == "--no-pager"
    {
        rest = after;
    }
    let fits = |row: &&&Row| {
        let further = row.words.get(1..).unwrap_or_default();
        further.len() <= rest.len()
            && further.iter().zip(rest).all(|(want, have)| have.kind == WordKind::Literal && *want == have.text)
    };
    let row = BY_PROGRAM.get(name)?.iter().find(fits)?;
    let arguments = rest.get(row.words.len() - 1..)?;
    let paths = row.paths(arguments)?;
    Some(Reads { paths, runs: row.runs })
}

impl Row {
    /// The words that may name files; `None` when a word is not known to be harmless.
    fn paths<'a>(&self, arguments: &'a [Word]) -> Option<Vec<&'a Word>> {
        // A pattern can become a name that begins with a dash.
        let becomes_option = |word: &Word| word.kind == WordKind::Pattern && word.text.starts_with(['*', '?', '[']);
        if self.style != Style::Test && arguments.iter().any(becomes_option) && !self.takes_any_name() {
            return None;
        }
        match self.style {
            Style::Find => self.find(arguments),
            Style::Test => test(arguments),
            Style::Options | Style::Sed | Style::Awk | Style::Printf | Style::Jq => self.options(arguments),
        }
    }

    /// Whether no option of the program, listed or not, does harm.
    fn takes_any_name(&self) -> bool {
        let harmless = ["ls", "cat", "head", "wc", "nl", "grep", "du", "stat", "echo", "tac", "md5sum", "sha256sum"];
        self.words.first().is_some_and(|name| harmless.contains(&name.as_str()))
    }

    fn options<'a>(&self, arguments: &'a [Word]) -> Option<Vec<&'a Word>> {
        let (mut operands, mut paths) = (Vec::new(), Vec::new());
        let mut words = arguments.iter();
        let (mut needed, mut pattern_given) = (self.needs.is_empty(), false);
        while let Some(word) = words.next() {
            let text = word.text.as_str();
            if word.kind == WordKind::Pattern && text.starts_with('-') {
                return None;
            }
            if text == "--" {
                operands.extend(words.by_ref());
                break;
            }
            needed |= self.needs.iter().any(|option| option == text);
            pattern_given |= self.gives_pattern(text);
            if let Some(long) = text.strip_prefix("--") {
                if self.long_takes_next(long)? {
                    paths.push(words.next()?);
                } else if long.contains('=') {
                    paths.push(word);
                }
            } else if let Some(cluster) = text.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                match self.cluster(cluster)? {
                    Value::None => {}
                    Value::Attached => paths.push(word),
                    Value::Next => paths.push(words.next()?),
                }
            } else {
                operands.push(word);
            }
        }
        if !needed {
            return None;
        }
        let first = operands.first().copied();
        match self.style {
            Style::Sed if !sed_reads(first?) => return None,
            Style::Awk if !awk_reads(first?) => return None,
            Style::Printf if !printf_reads(first?) => return None,
            Style::Jq if !operands.iter().all(|word| jq_reads(word)) => return None,
            _ => {}
        }
        let script = matches!(self.style, Style::Sed | Style::Awk);
        match self.operands {
            Operands::None if !operands.is_empty() => return None,
            // A pattern may become several names.
            Operands::One if operands.len() > 1 || operands.iter().any(|word| word.kind == WordKind::Pattern) => {
                return None;
            }
            Operands::Plus if !operands.iter().all(|word| word.text.starts_with('+')) => return None,
            Operands::None | Operands::Text | Operands::Plus => {}
            Operands::TextFirst if !pattern_given => paths.extend(operands.into_iter().skip(1)),
            Operands::Paths if script => paths.extend(operands.into_iter().skip(1)),
            Operands::Paths | Operands::TextFirst | Operands::One => paths.extend(operands),
        }
        Some(paths)
    }

    /// Whether an option says itself what is looked for, so that every operand is a path.
    fn gives_pattern(&self, option: &str) -> bool {
        if let Some(long) = option.strip_prefix("--") {
            let name = long.split_once('=').map_or(long, |(name, _)| name);
            return ["regexp", "file", "files", "type-list"].contains(&name);
        }
        let Some(cluster) = option.strip_prefix('-') else { return false };
        // The first letter with a value ends the cluster.
        cluster.chars().find(|letter| self.takes.contains(*letter)).is_some_and(|letter| matches!(letter, 'e' | 'f'))
    }

    /// Whether a long option has its value in the next word; `None` when it is not listed.
    fn long_takes_next(&self, option: &str) -> Option<bool> {
        let (name, attached) = option.split_once('=').map_or((option, false), |(name, _)| (name, true));
        self.long.iter().find_map(|known| match known.strip_suffix('=') {
            Some(known) => (known == name).then_some(!attached),
            None => (known == name).then_some(false),
        })
    }

    /// What a cluster of short options does with values; `None` when one is not listed.
    fn cluster(&self, cluster: &str) -> Option<Value> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            if self.takes.contains(letter) {
                return Some(if letters.as_str().is_empty() { Value::Next } else { Value::Attached });
            }
            if !self.flags.contains(letter) {
                return None;
            }
        }
        Some(Value::None)
    }

    fn find<'a>(&self, arguments: &'a [Word]) -> Option<Vec<&'a Word>> {
        let known = |word: &Word| {
            word.text.strip_prefix('-').is_none_or(|option| {
                let number = option.bytes().all(|b| b.is_ascii_digit()) && !option.is_empty();
                word.kind == WordKind::Literal && (number || self.long.iter().any(|known| known == option))
            })
        };
        arguments.iter().all(known).then(|| arguments.iter().collect())
    }
}

/// Where the value of a short option stands.
enum Value {
    None,
    Attached,
    Next,
}

/// `[ … ]`; of its operators those are left out that look into variables.
fn test(arguments: &[Word]) -> Option<Vec<&Word>> {
    const OPERATORS: &[&str] = &[
        "-a", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-k", "-n", "-o", "-p", "-r", "-s", "-u", "-w", "-x", "-z",
        "-L", "-O", "-G", "-S", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef",
    ];
    let known = |word: &Word| {
        !word.text.starts_with('-') && word.kind != WordKind::Pattern || OPERATORS.contains(&word.text.as_str())
    };
    arguments.iter().all(known).then(|| arguments.iter().collect())
}

fn pattern(source: &str) -> Option<Regex> {
    Regex::new(source).ok()
}

/// Scripts that print, delete or count lines by number or by a plain text.
static SED_LINES: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?:[0-9]+|\$|/[A-Za-z0-9_ .:-]*/)(?:,(?:\+?[0-9]+|\$|/[A-Za-z0-9_ .:-]*/))?[pd=]$"));
/// Prints fields and quoted texts.
static AWK_PRINT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"^\{ *print(?: *,? *(?:\$(?:[0-9]+|NF)|NR|NF|"[A-Za-z0-9_ :.,=-]*"))* *\}$"#));

fn sed_reads(script: &Word) -> bool {
    if script.kind != WordKind::Literal {
        return false;
    }
    let text = script.text.as_str();
    if SED_LINES.as_ref().is_some_and(|lines| lines.is_match(text)) {
        return true;
    }
    // One substitution: three equal marks, none of them escaped or within, then harmless flags.
    let Some(rest) = text.strip_prefix('s') else { return false };
    let Some(mark) = rest.chars().next().filter(|c| matches!(c, '/' | '|' | '#' | ',' | '@' | ':' | '!')) else {
        return false;
    };
    let parts: Vec<&str> = rest.split(mark).collect();
    let [_, _, _, flags] = parts.as_slice() else { return false };
    !text.contains('\n')
        && !rest.contains(&format!("\\{mark}"))
        && flags.chars().all(|flag| matches!(flag, 'g' | 'p' | 'i' | 'I' | '0'..='9'))
}

fn awk_reads(script: &Word) -> bool {
    script.kind == WordKind::Literal && AWK_PRINT.as_ref().is_some_and(|print| print.is_match(&script.text))
}

/// A format without `%n`, with which bash sets a variable, such as the one that says where programs lie.
fn printf_reads(format: &Word) -> bool {
    let mut rest = format.text.as_str();
    while let Some((_, after)) = rest.split_once('%') {
        let directive = after.trim_start_matches(|c: char| c.is_ascii_digit() || "#- +'.*hjlLqtz".contains(c));
        let mut letters = directive.chars();
        if matches!(letters.next(), Some(c) if !"%aAbcdeEfFgGiosuxXq".contains(c)) {
            return false;
        }
        rest = letters.as_str();
    }
    format.kind != WordKind::Pattern
}

/// A filter that names no module, which would be read from anywhere.
fn jq_reads(word: &Word) -> bool {
    !["import", "include", "input_filename", "get_search_list"].iter().any(|name| word.text.contains(name))
}

/// Words that a standing permission for commands like this one would name; `None` when only the whole line
/// says what it does.
pub fn offered_prefix(command: &SimpleCommand) -> Option<Vec<String>> {
    let words: Vec<&str> = command.words.iter().take(3).map(|word| word.text.as_str()).collect();
    let length = |count: usize| ROWS.prefixes.get(&words.get(..count)?.join(" ")).copied();
    let wanted = length(2).or_else(|| length(1))?;
    let plain = |word: &Word| {
        let tame = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        word.kind == WordKind::Literal
            && word.text.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.text.chars().all(tame)
    };
    let prefix = command.words.get(..wanted)?;
    let prefix: Vec<String> =
        prefix.iter().all(plain).then(|| prefix.iter().map(|word| word.text.clone()).collect())?;
    may_be_prefix(&prefix).then_some(prefix)
}

/// Whether these words say enough to be a standing permission.
pub fn may_be_prefix(words: &[String]) -> bool {
    let Some(first) = words.first().filter(|first| !first.is_empty()) else { return false };
    let name = first.rsplit('/').next().unwrap_or(first);
    let refused = |known: &String| match known.split_once(' ') {
        None => known == name || is_version_of(name, known),
        Some((program, second)) => program == name && words.get(1).is_none_or(|word| word == second),
    };
    // A prefix that ends in the option of a wrapper says as little as the wrapper.
    !ROWS.never.prefixes.iter().any(refused)
}

/// `python3.12` for `python`.
fn is_version_of(name: &str, known: &str) -> bool {
    name.strip_prefix(known)
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Whether a command begins with these words, all of them literal.
pub fn begins_with(command: &SimpleCommand, prefix: &[String]) -> bool {
    !prefix.is_empty()
        && prefix.len() <= command.words.len()
        && command.words.iter().zip(prefix).all(|(have, want)| have.kind == WordKind::Literal && have.text == *want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_sane() {
        let table: Table = toml::from_str(TABLE).unwrap();
        assert!(table.command.len() > 60);
        for row in &table.command {
            assert!(!row.words.is_empty());
            assert!(row.flags.chars().all(|c| !row.takes.contains(c)), "{:?} lists an option twice", row.words);
        }
        for (words, count) in &table.prefixes {
            assert!(words.split(' ').count() <= *count, "{words}");
        }
    }
}
