//! Standard output and standard error: the only place where Kiln prints.
//!
//! Text of models and files goes through [`clean`] first, terminal or not: a control character
//! never leaves this program by itself.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

use super::exit::{Exit, Failure};
use crate::domain::{Fault, FaultClass, Verdict};

/// What a stream is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Terminal,
    /// A file, a pipe, nothing.
    Plain,
}

impl Stream {
    fn of(stream: &impl io::IsTerminal) -> Self {
        if stream.is_terminal() { Self::Terminal } else { Self::Plain }
    }
}

/// Where a verb reads and writes.
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    input: Stream,
    output: Stream,
    errors: Stream,
    /// The last text on standard output did not end its line.
    line_open: bool,
    /// Troubles that were told: settings and engine find some of the same.
    told: Vec<Fault>,
}

impl Console {
    /// The process's own streams.
    pub fn system() -> Self {
        Self {
            input: Stream::of(&io::stdin()),
            output: Stream::of(&io::stdout()),
            errors: Stream::of(&io::stderr()),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            line_open: false,
            told: Vec::new(),
        }
    }

    /// A console that writes somewhere else, for tests; no terminal.
    pub fn plain(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            input: Stream::Plain,
            output: Stream::Plain,
            errors: Stream::Plain,
            line_open: false,
            told: Vec::new(),
        }
    }

    /// Standard input.
    pub fn input(&self) -> Stream {
        self.input
    }

    /// Standard output.
    pub fn output(&self) -> Stream {
        self.output
    }

    /// Standard error.
    pub fn errors(&self) -> Stream {
        self.errors
    }

    /// Text for standard output, cleaned and flushed; fails when nobody reads any more.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.line_open = !text.ends_with('\n');
        self.put(&clean(text))
    }

    /// Bytes of a program for standard output: as they are for a file or pipe, cleaned for a terminal.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.output {
            Stream::Terminal => self.text(&String::from_utf8_lossy(bytes)),
            Stream::Plain => self.put_bytes(bytes),
        }
    }

    /// One line on standard output, cleaned.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// A line on standard output that begins with a verdict, in its colour where `colour` says so.
    pub(super) fn marked(&mut self, word: &str, state: Verdict, colour: bool, rest: &str) -> Result<(), Failure> {
        let code = match state {
            Verdict::Ok => "32",
            Verdict::Warn => "33",
            Verdict::Fail => "31",
        };
        let word = if colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() };
        self.line_open = false;
        self.put(&format!("{word}{}\n", clean(rest)))
    }

    /// One JSON document as a line. The characters that JSON leaves as they are but a terminal would
    /// obey are escaped, which changes nothing for a reader of JSON.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::from(Fault::new(FaultClass::Internal, "a fact could not be written").detail(error.to_string()))
        })?;
        let mut safe = String::with_capacity(text.len() + 1);
        for c in text.chars() {
            match c {
                '\u{7f}'..='\u{9f}' => write!(safe, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
                c => safe.push(c),
            }
        }
        safe.push('\n');
        self.put(&safe)
    }

    /// Ends the line on standard output, if one is open.
    pub fn end_line(&mut self) -> Result<(), Failure> {
        if self.line_open { self.text("\n") } else { Ok(()) }
    }

    /// A line of progress on standard error, cleaned. Not being able to tell is no reason to stop.
    pub fn note(&mut self, text: &str) {
        if self.line_open && self.output == Stream::Terminal && self.errors == Stream::Terminal {
            self.end_line().ok();
        }
        let line = format!("{}\n", clean(text));
        self.err.write_all(line.as_bytes()).and_then(|()| self.err.flush()).ok();
    }

    /// A fault as `error:` and `hint:` lines.
    pub fn fault(&mut self, fault: &Fault) {
        let mut text = format!("error: {}", fault.sentence);
        match fault.detail.as_deref() {
            Some(detail) if detail.contains('\n') => {
                for line in detail.lines() {
                    write!(text, "\n  {line}").unwrap_or_default();
                }
            }
            Some(detail) => write!(text, ": {detail}").unwrap_or_default(),
            None => {}
        }
        if let Some(hint) = &fault.hint {
            write!(text, "\nhint: {hint}").unwrap_or_default();
        }
        self.note(&text);
    }

    /// What was found wrong at start, each told once; Kiln goes on.
    pub fn troubles(&mut self, troubles: &[Fault]) {
        for trouble in troubles {
            if !self.told.contains(trouble) {
                self.told.push(trouble.clone());
                self.fault(trouble);
            }
        }
    }

    /// Tells a failure and gives its exit code.
    pub fn failure(&mut self, failure: &Failure) -> Exit {
        if failure.exit != Exit::PipeClosed {
            self.fault(&failure.fault);
        }
        failure.exit
    }

    /// What the argument parser has to say: help on standard output, mistakes on standard error.
    pub(super) fn usage(&mut self, error: &clap::Error) -> Exit {
        use clap::error::ErrorKind;
        let colourful = |stream| stream == Stream::Terminal && std::io::stdout().is_terminal();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let text = error.render();
                let text = if colourful(self.output) { text.ansi().to_string() } else { text.to_string() };
                match self.put(&text) {
                    Ok(()) => Exit::Done,
                    Err(failure) => failure.exit,
                }
            }
            _ => {
                // Our own shape: `error:`, then the usage that the parser prints, then where help is.
                let text = error.render().to_string();
                let text =
                    text.replace("For more information, try '--help'.", "hint: `kiln --help` lists commands and flags");
                let text = text.replace("\n  tip: ", "\nhint: ");
                self.note(text.trim_end());
                Exit::Usage
            }
        }
    }

    /// Asks a question of yes or no on the terminal, where no answer means no; `nobody` is the failure
    /// where there is no terminal to ask on.
    pub(super) fn agreed(&mut self, question: &str, nobody: Failure) -> Result<bool, Failure> {
        if self.input != Stream::Terminal {
            return Err(nobody);
        }
        self.note(&format!("{question} [y/N]"));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.put_bytes(text.as_bytes())
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(|error| {
            let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::PipeClosed } else { Exit::Failed };
            let fault = Fault::new(FaultClass::Storage, "standard output cannot be written").detail(error.to_string());
            Failure::new(exit, fault)
        })
    }
}

/// Replaces what a terminal would obey, or what would hide or turn text, by visible marks.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => cleaned.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\0'..='\u{1f}' => cleaned.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => cleaned.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => write!(cleaned, "<U+{:04X}>", u32::from(c)).unwrap_or_default(),
            c => cleaned.push(c),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_becomes_visible() {
        assert_eq!(clean("a\u{1b}[31mb\u{7f}\u{9b}2J\r\n\tc\rd"), "a␛[31mb␡<U+009B>2J\n\tc␍d");
        assert_eq!(clean("x\u{202e}y"), "x<U+202E>y");
        assert_eq!(clean("日本 👨‍👩‍👧 é"), "日本 👨‍👩‍👧 é");
    }
}
