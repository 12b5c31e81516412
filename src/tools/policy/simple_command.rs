//! What a shell command line says once it is read: simple commands of words, and why one was not read.
//!
//! It reads nothing itself, see [`super::command_line`].

use std::fmt;

/// A line that was understood: its commands in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// At least one.
    pub commands: Vec<SimpleCommand>,
}

/// One program with its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// The program, then its arguments; at least the program.
    pub words: Vec<Word>,
    pub redirections: Vec<Redirection>,
    /// Whether it is a part of a pipeline and so runs in a shell of its own.
    pub piped: bool,
    /// Where its first word begins, in bytes.
    pub start: usize,
}

/// A word after quotes were taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub kind: WordKind,
}

/// What the shell makes of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordKind {
    /// It is passed on as it stands.
    #[default]
    Literal,
    /// It holds `*`, `?` or `[` outside of quotes: it becomes names of files that match, or stays.
    Pattern,
    /// It holds `$?`, a number; `text` has `0` in its place.
    Status,
}

/// A file that a command reads from or writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirection {
    Read(Word),
    Write(Word),
}

/// Why a line was not understood, and where, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub why: &'static str,
    pub at: usize,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.why, self.at)
    }
}
