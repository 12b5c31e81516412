//! A shell command line, read by a closed grammar: what is not in the grammar is not understood.
//!
//! Understood are simple commands of literal words, quoted in any way, joined by `&&`, `||`, `;`, `|`, `!`
//! and line ends, with redirections to files and between descriptors, file patterns in arguments, and `$?`.
//! Everything else (expansions, substitutions, here-documents, groups, loops, assignments, background, words
//! that change the shell itself) is a [`Doubt`]. Only what every common shell reads alike is in the grammar.
//! A line that is understood here must also mean the same to a second, independent parser, see
//! [`super::second_opinion`]. Whether the commands are harmless is [`super::commands`]' to say.

pub use super::simple_command::{CommandLine, Doubt, Redirection, SimpleCommand, Word, WordKind};

/// Longer lines are not understood, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// A line of more commands is not understood.
pub const MAX_COMMANDS: usize = 500;

/// Words that open a grammar which is not ours.
const RESERVED: &[&str] = &[
    "!",
    "[[",
    "]]",
    "{",
    "}",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "namespace",
    "repeat",
    "select",
    "then",
    "time",
    "until",
    "while",
];

/// Commands that change how the shell reads what follows, or run text as a line.
const SHELL_ITSELF: &[&str] = &[
    ".",
    "alias",
    "autoload",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "compgen",
    "complete",
    "continue",
    "declare",
    "dirs",
    "disown",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "getopts",
    "hash",
    "history",
    "jobs",
    "let",
    "local",
    "logout",
    "mapfile",
    "noglob",
    "popd",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "setopt",
    "shift",
    "shopt",
    "source",
    "suspend",
    "times",
    "trap",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
    "zmodload",
];

/// Reads a line.
pub fn parse(line: &str) -> Result<CommandLine, Doubt> {
    if line.len() > MAX_BYTES {
        return Err(Doubt { why: "the line is too long to be checked", at: MAX_BYTES });
    }
    if let Some((at, _)) = line.char_indices().find(|(_, c)| deceptive(*c)) {
        return Err(Doubt { why: "it holds a character that is not seen or not what it looks like", at });
    }
    let parsed = Parser { text: line, at: 0 }.line()?;
    super::second_opinion::agrees(line, &parsed)?;
    Ok(parsed)
}

/// Control characters, spaces that no shell splits at, and characters without a shape.
fn deceptive(c: char) -> bool {
    !matches!(c, '\n' | '\t' | ' ') && (c.is_control() || c.is_whitespace())
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'
                ..='\u{180f}'
        )
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// What stands between two commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// `&&` or `||`: a command must follow.
    Condition,
    /// `|`: a command must follow.
    Pipe,
    /// `;` or a line end: a command may follow.
    End,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn doubt<T>(&self, why: &'static str) -> Result<T, Doubt> {
        Err(Doubt { why, at: self.at })
    }

    fn line(mut self) -> Result<CommandLine, Doubt> {
        let mut commands: Vec<SimpleCommand> = Vec::new();
        let mut before = Joint::End;
        loop {
            self.blanks(true);
            if self.peek().is_none() {
                break;
            }
            if before != Joint::Pipe {
                self.negation();
            }
            let mut command = self.command()?;
            command.piped = before == Joint::Pipe;
            let joint = self.joint()?;
            command.piped |= joint == Joint::Pipe;
            commands.push(command);
            if commands.len() > MAX_COMMANDS {
                return self.doubt("it holds too many commands to be checked");
            }
            before = joint;
        }
        if before != Joint::End {
            return self.doubt("it ends where another command should follow");
        }
        if commands.is_empty() {
            return self.doubt("it holds no command");
        }
        Ok(CommandLine { commands })
    }

    /// Skips spaces, comments and joined lines; line ends too where a command may begin.
    fn blanks(&mut self, line_ends: bool) {
        loop {
            if self.take("\\\n") || self.take(" ") || self.take("\t") || line_ends && self.take("\n") {
                continue;
            }
            if self.peek() != Some('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// `!` before a pipeline changes its status only.
    fn negation(&mut self) {
        if self.rest().starts_with("! ") {
            self.at += 2;
            self.blanks(false);
        }
    }

    fn joint(&mut self) -> Result<Joint, Doubt> {
        if self.peek().is_none() {
            return Ok(Joint::End);
        }
        for refused in [";;", ";&", ";|", "|&", "|||", "&&&"] {
            if self.rest().starts_with(refused) {
                return self.doubt("it joins commands in a way that is not understood");
            }
        }
        if self.take("&&") || self.take("||") {
            Ok(Joint::Condition)
        } else if self.take("|") {
            Ok(Joint::Pipe)
        } else if self.take(";") || self.take("\n") {
            Ok(Joint::End)
        } else if self.peek() == Some('&') {
            self.doubt("it runs a command in the background")
        } else {
            self.doubt("it groups or substitutes commands")
        }
    }

    fn command(&mut self) -> Result<SimpleCommand, Doubt> {
        let mut command = SimpleCommand { start: self.at, ..SimpleCommand::default() };
        loop {
            self.blanks(false);
            match self.peek() {
                None | Some('\n' | ';' | '|' | '&') => break,
                Some('(' | ')') => return self.doubt("it groups or substitutes commands"),
                Some('<' | '>') => self.redirection(&mut command)?,
                Some(_) if self.descriptor() => self.redirection(&mut command)?,
                Some(_) => {
                    let start = self.at;
                    let word = self.word()?;
                    if command.words.is_empty() {
                        self.check_program(&word, start)?;
                        command.start = start;
                    }
                    command.words.push(word);
                }
            }
        }
        if command.words.is_empty() { self.doubt("a command is missing") } else { Ok(command) }
    }

    /// What may stand as a program.
    fn check_program(&self, word: &Word, start: usize) -> Result<(), Doubt> {
        let doubt = |why| Err(Doubt { why, at: start });
        let text = word.text.as_str();
        if text.is_empty() || word.kind != WordKind::Literal {
            return doubt("the program is not named literally");
        }
        if text.contains('=') {
            return doubt("it sets a variable");
        }
        if RESERVED.contains(&text) {
            return doubt("it is more than a list of commands");
        }
        // Looking up where a program is changes nothing; running one past a function does.
        let looks_up = text == "command" && self.rest().trim_start_matches([' ', '\t']).starts_with("-v ");
        if SHELL_ITSELF.contains(&text) || text == "command" && !looks_up {
            return doubt("it changes the shell itself or runs text as a command");
        }
        Ok(())
    }

    /// Skips the number of a descriptor before `<` or `>`.
    fn descriptor(&mut self) -> bool {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let found = digits > 0 && self.rest().get(digits..).is_some_and(|rest| rest.starts_with(['<', '>']));
        if found {
            self.at += digits;
        }
        found
    }

    fn redirection(&mut self, command: &mut SimpleCommand) -> Result<(), Doubt> {
        for refused in ["<<", "<>", "<(", ">("] {
            if self.rest().starts_with(refused) {
                return self.doubt("it holds a here-document or a substitution");
            }
        }
        if self.take(">&") || self.take("<&") {
            let word = self.target()?;
            let between = word.text == "-" || !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
            return if between { Ok(()) } else { self.doubt("it redirects in a way that is not understood") };
        }
        let reads = self.take("<");
        if !reads && !self.take(">>") && !self.take(">|") {
            self.take(">");
        }
        let word = self.target()?;
        command.redirections.push(if reads { Redirection::Read(word) } else { Redirection::Write(word) });
        Ok(())
    }

    fn target(&mut self) -> Result<Word, Doubt> {
        self.blanks(false);
        match self.peek() {
            None | Some('\n' | ';' | '|' | '&' | '<' | '>' | '(' | ')') => self.doubt("a redirection names no file"),
            Some(_) => match self.word()? {
                word if word.kind == WordKind::Literal && !word.text.is_empty() => Ok(word),
                _ => self.doubt("a redirection does not name its file literally"),
            },
        }
    }

    fn word(&mut self) -> Result<Word, Doubt> {
        let mut word = Word::default();
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '|' | '&' | '<' | '>' => break,
                '(' | ')' => return self.doubt("it groups or substitutes commands"),
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        None => return self.doubt("it ends in the middle of a word"),
                        Some('\n') => {}
                        Some(escaped) => word.text.push(escaped),
                    }
                }
                '$' => self.status(&mut word)?,
                '`' => return self.doubt("it substitutes the output of a command"),
                '{' | '}' => return self.doubt("it holds braces that a shell may expand"),
                '~' if self.at == start || word.text.ends_with(['=', ':']) => {
                    return self.doubt("it names a home folder by `~`");
                }
                _ => {
                    if matches!(c, '*' | '?' | '[') {
                        word.kind = self.pattern(&word, start, c)?;
                    }
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
        Ok(word)
    }

    /// A pattern in a word; a lone `[` is the name of a command.
    fn pattern(&self, word: &Word, start: usize, c: char) -> Result<WordKind, Doubt> {
        if word.kind == WordKind::Status {
            return self.doubt("it mixes a pattern with a variable");
        }
        let lone = c == '[' && self.at == start && self.rest().get(1..).is_some_and(|r| r.starts_with([' ', '\t']));
        Ok(if lone { word.kind } else { WordKind::Pattern })
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), Doubt> {
        self.at += 1;
        let Some(end) = self.rest().find('\'') else { return self.doubt("a quote is not closed") };
        word.text.push_str(self.rest().get(..end).unwrap_or_default());
        self.at += end + 1;
        Ok(())
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), Doubt> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return self.doubt("a quote is not closed"),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('`') => return self.doubt("it substitutes the output of a command"),
                // A dollar sign before these stands for itself, as at the end of a search pattern.
                Some('$') if self.rest().get(1..).is_some_and(|r| r.starts_with(['"', ' ', '|', ')', '/', ','])) => {
                    self.at += 1;
                    word.text.push('$');
                }
                Some('$') => self.status(word)?,
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        None => return self.doubt("a quote is not closed"),
                        Some('\n') => {}
                        Some(c @ ('$' | '`' | '"' | '\\')) => word.text.push(c),
                        Some(c) => word.text.extend(['\\', c]),
                    }
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
    }

    /// `$?` and nothing else that begins with `$`.
    fn status(&mut self, word: &mut Word) -> Result<(), Doubt> {
        if word.kind == WordKind::Pattern || !self.take("$?") {
            return self.doubt("it expands a variable or an expression");
        }
        word.kind = WordKind::Status;
        word.text.push('0');
        Ok(())
    }
}
