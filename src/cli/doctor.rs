//! `kiln doctor`: one line for each thing that has to work, as soon as it is known.
//!
//! What is looked at is decided in the engine (`engine/examine`) and, for the terminal, in
//! `tui/terminal/capabilities`; this file only prints.

use super::assemble::{Colour, Inputs};
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use super::feed::{self, Feed};
use super::interrupt::Interrupts;
use crate::domain::{Event, Finding, Op, Reply, Verdict};
use crate::engine::Engine;
use crate::tui::terminal::capabilities::{self, Terminal};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines for people, with colour where the terminal takes it.
    Lines { colour: bool },
    /// One JSON array at the end.
    Json,
}

/// What the verb needs to know before the engine takes the inputs.
pub(super) struct Doctor {
    terminal: Terminal,
    style: Style,
}

impl Doctor {
    pub(super) fn new(inputs: &Inputs, json: bool, console: &Console) -> Self {
        let interactive = console.input() == Stream::Terminal && console.output() == Stream::Terminal;
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| inputs.environment.get(name));
        let colour = console.output() == Stream::Terminal && inputs.colour == Colour::Auto;
        Self {
            terminal: Terminal {
                hints: inputs.environment.terminal(),
                no_color: inputs.colour == Colour::Never,
                locale: locale.map(str::to_owned),
                interactive,
            },
            style: if json { Style::Json } else { Style::Lines { colour } },
        }
    }

    pub(super) async fn run(
        &self,
        engine: &Engine,
        console: &mut Console,
        interrupts: &mut Interrupts,
    ) -> Result<Exit, Failure> {
        let terminal = capabilities::examine(&self.terminal, capabilities::size());
        doctor(engine, terminal, self.style, console, interrupts).await
    }
}

/// Tells what the engine finds and then what was found of the terminal. A Ctrl-C ends it.
///
/// The code is [`Exit::Failed`] when anything failed.
pub async fn doctor(
    engine: &Engine,
    terminal: Vec<Finding>,
    style: Style,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    let mut report = Report { style, room: room(console), findings: Vec::new() };
    // The terminal's lines are known already; they come first, so that something is seen at once.
    for finding in terminal {
        report.tell(finding, console)?;
    }
    let mut feed = Feed::start(engine);
    let mut heard = 0_usize;
    let mut reply = std::pin::pin!(engine.ask(Op::Examine));
    loop {
        tokio::select! {
            biased;
            event = feed.next() => match event.as_deref() {
                Some(Event::Found { finding }) => {
                    heard += 1;
                    report.tell(finding.clone(), console)?;
                }
                Some(_) => {}
                None => return Err(feed::ended().into()),
            },
            reply = &mut reply => {
                match reply {
                    Ok(Reply::Examined { findings }) => {
                        // The reply may overtake the last lines, which it holds too.
                        for finding in findings.into_iter().skip(heard) {
                            report.tell(finding, console)?;
                        }
                    }
                    Ok(_) => return Err(feed::unexpected()),
                    // An engine that could not be put together is a finding like any other.
                    Err(fault) => report.tell(Finding::from_fault("engine", Verdict::Fail, &fault), console)?,
                }
                return report.finish(console);
            }
            () = interrupts.next() => {
                console.note("cancelled");
                return Ok(Exit::Cancelled);
            }
        }
    }
}

/// Columns before what was found.
const INDENT: &str = "                        ";

struct Report {
    style: Style,
    /// Columns for what was found; without a terminal, as many as it takes.
    room: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn tell(&mut self, finding: Finding, console: &mut Console) -> Result<(), Failure> {
        if let Style::Lines { colour } = self.style {
            let word = match finding.state {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "fail",
            };
            let mut lines = wrapped(&finding.text, self.room).into_iter();
            let first = lines.next().unwrap_or_default();
            console.marked(
                word,
                finding.state,
                colour,
                &format!("  {:<16}  {first}", finding.name.trim_start_matches("provider ")),
            )?;
            for line in lines {
                console.line(&format!("{INDENT}{line}"))?;
            }
            for line in finding.hint.iter().flat_map(|hint| wrapped(&format!("hint: {hint}"), self.room)) {
                console.line(&format!("{INDENT}{line}"))?;
            }
        }
        self.findings.push(finding);
        Ok(())
    }

    fn finish(self, console: &mut Console) -> Result<Exit, Failure> {
        let count = |state| self.findings.iter().filter(|finding| finding.state == state).count();
        let (failed, warned) = (count(Verdict::Fail), count(Verdict::Warn));
        match self.style {
            Style::Json => console.json(&self.findings)?,
            Style::Lines { .. } => {
                let text = match (failed, warned) {
                    (0, 0) => "all is well".to_owned(),
                    (0, n) => format!("nothing failed; {}", words(n, "warning")),
                    (n, 0) => format!("{} failed", words(n, "check")),
                    (n, m) => format!("{} failed; {}", words(n, "check"), words(m, "warning")),
                };
                console.line(&format!("\n{text}"))?;
            }
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
    }
}

fn room(console: &Console) -> usize {
    let width = match (console.output(), capabilities::size()) {
        (Stream::Terminal, Some((width, _))) => usize::from(width),
        _ => return usize::MAX,
    };
    width.saturating_sub(INDENT.len() + 1).clamp(24, 100)
}

/// A text in lines of at most so many columns, broken at blanks.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn words(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
