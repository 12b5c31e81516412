//! What a command line may do: each of its commands has to be harmless, or covered by a permission.

use super::command_line::{self, CommandLine, Redirection, SimpleCommand, WordKind};
use super::places::{Moved, Place, Standing};
use super::{Circumstances, Confinement, Trust, Verdict, commands, control_file};
use crate::domain::{Mode, Scope};

/// What a line does beyond reading inside the project.
#[derive(Debug, Default)]
struct Findings {
    /// The first reason for which it asks.
    reason: Option<String>,
    /// Something in it that no permission by first words covers.
    beyond_prefixes: bool,
    /// Whether it would write a control file or outside of the project, as far as can be seen.
    writes_apart: Option<String>,
    /// The commands that change things and no permission covers.
    uncovered: Vec<SimpleCommand>,
    /// Commands that a permission covers.
    covered: usize,
}

pub(super) fn judge(line: &str, directory: Option<&str>, circumstances: &Circumstances<'_>) -> Verdict {
    let exact = exact(line, directory);
    let offer = Scope::Command { line: exact.clone() };
    let mode = circumstances.mode;
    if mode == Mode::Full {
        return Verdict::allow("the session asks for nothing");
    }
    let findings = command_line::parse(line).map(|parsed| look(&parsed, directory, circumstances));
    let harmless = matches!(&findings, Ok(found) if found.reason.is_none() && found.covered == 0);
    if harmless {
        return Verdict::allow("the commands only read");
    }
    if mode == Mode::ReadOnly {
        let why = match findings {
            Ok(found) => found.reason.unwrap_or_else(|| "it runs more than reading commands".to_owned()),
            Err(doubt) => format!("the line is not fully understood: {}", doubt.why),
        };
        return Verdict::deny(format!("the session is read-only, and {why}"));
    }
    if circumstances.grants.for_line(&exact).is_some() {
        return Verdict::allow("you allowed this very line");
    }
    let confined = circumstances.confinement >= Confinement::Partial;
    let free = mode == Mode::Auto && confined && circumstances.trust == Trust::Trusted;
    match findings {
        Err(_) if free => Verdict::allow("it runs in the sandbox"),
        Err(doubt) => Verdict::ask(format!("the line is not fully understood: {}", doubt.why), vec![offer]),
        Ok(Findings { reason: None, .. }) => Verdict::allow("you allowed commands that begin like this"),
        Ok(Findings { writes_apart: None, .. }) if free => Verdict::allow("it runs in the sandbox"),
        Ok(found) => {
            let prefix = prefix_offer(&found);
            let reason = found.writes_apart.or(found.reason).unwrap_or_default();
            Verdict::ask(reason, std::iter::once(offer).chain(prefix).collect())
        }
    }
}

/// Whether a line is understood and only reads, whatever it reads.
pub fn only_reads(line: &str) -> bool {
    let Ok(parsed) = command_line::parse(line) else { return false };
    parsed.commands.iter().all(|command| {
        let writes = |redirection: &Redirection| match redirection {
            Redirection::Write(word) => word.text != "/dev/null",
            Redirection::Read(_) => false,
        };
        let goes = command.words.first().is_some_and(|word| word.text == "cd");
        (goes || commands::reads(command).is_some()) && !command.redirections.iter().any(writes)
    })
}

/// The line as a permission names it: with the folder, since the same words do other things elsewhere.
fn exact(line: &str, directory: Option<&str>) -> String {
    match directory.filter(|folder| !folder.is_empty()) {
        None => line.to_owned(),
        Some(folder) => format!("cd '{}' && {line}", folder.replace('\'', "'\\''")),
    }
}

/// The first words of the commands that ask, where they are the same and would cover all of the line.
fn prefix_offer(found: &Findings) -> Option<Scope> {
    if found.beyond_prefixes {
        return None;
    }
    let mut prefixes = found.uncovered.iter().map(commands::offered_prefix);
    let first = prefixes.next()??;
    prefixes.all(|other| other.as_ref() == Some(&first)).then_some(Scope::Prefix { words: first })
}

impl Findings {
    fn asks(&mut self, reason: impl FnOnce() -> String) {
        self.reason.get_or_insert_with(reason);
    }

    /// No permission by first words covers this.
    fn asks_as_a_whole(&mut self, reason: impl FnOnce() -> String) {
        self.beyond_prefixes = true;
        self.asks(reason);
    }
}

fn look(line: &CommandLine, directory: Option<&str>, circumstances: &Circumstances<'_>) -> Findings {
    let folder = directory.map(|text| text.split('/').map(str::to_owned).collect()).unwrap_or_default();
    let mut standing = Standing { root: circumstances.root, folder, moved: Moved::Still };
    let mut found = Findings::default();
    for command in &line.commands {
        for redirection in &command.redirections {
            look_at_redirection(redirection, &standing, &mut found);
        }
        if command.words.first().is_some_and(|word| word.text == "cd") {
            change_folder(command, &mut standing, &mut found);
        } else {
            look_at_command(command, &standing, circumstances, &mut found);
        }
    }
    found
}

fn look_at_redirection(redirection: &Redirection, standing: &Standing<'_>, found: &mut Findings) {
    match redirection {
        Redirection::Read(word) => {
            if standing.place(&word.text) == Place::Outside {
                found.asks_as_a_whole(|| format!("it reads `{}`, outside of the project", word.text));
            }
        }
        Redirection::Write(word) => match standing.place(&word.text) {
            Place::Null => {}
            Place::Outside => {
                let reason = format!("it writes `{}`, outside of the project", word.text);
                found.writes_apart.get_or_insert(reason.clone());
                found.asks_as_a_whole(|| reason);
            }
            // Writing an ordinary file is a matter of the command that does it, see below.
            Place::Inside(path) => {
                if let Some(why) = control_file(&path) {
                    let reason = format!("it writes `{path}`, which is asked for apart: {why}");
                    found.writes_apart.get_or_insert(reason.clone());
                    found.asks_as_a_whole(|| reason);
                }
            }
        },
    }
}

/// `cd` to a plain folder of the project; what it leads to after a link is not known, so that no `..` is
/// followed from there.
fn change_folder(command: &SimpleCommand, standing: &mut Standing<'_>, found: &mut Findings) {
    let target = match command.words.as_slice() {
        [_, only] if only.kind == WordKind::Literal && !only.text.starts_with('-') && !command.piped => &only.text,
        _ => return found.asks_as_a_whole(|| "it changes the folder in a way that is not understood".to_owned()),
    };
    // `cd ""` and `cd -` lead elsewhere; names without a dot or slash may be looked up in CDPATH.
    match standing.place(target) {
        Place::Inside(path) if !target.is_empty() => {
            standing.folder = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            standing.moved = Moved::Moved;
        }
        _ => found.asks_as_a_whole(|| format!("it goes to `{target}`, outside of the project")),
    }
}

fn look_at_command(
    command: &SimpleCommand,
    standing: &Standing<'_>,
    circumstances: &Circumstances<'_>,
    found: &mut Findings,
) {
    let name = command.words.first().map(|word| word.text.clone()).unwrap_or_default();
    let writes = command.redirections.iter().any(|redirection| match redirection {
        Redirection::Write(word) => standing.place(&word.text) != Place::Null,
        Redirection::Read(_) => false,
    });
    let why = match commands::reads(command) {
        None => format!("`{name}` may change things"),
        Some(_) if writes => format!("the output of `{name}` is written to a file"),
        Some(reads) => match reads.paths.iter().find(|word| !standing.stays(&word.text)) {
            Some(outside) => format!("`{name}` is told to read `{}`, perhaps outside of the project", outside.text),
            None if reads.runs
                && circumstances.confinement == Confinement::None
                && circumstances.trust == Trust::Untrusted =>
            {
                format!("`{name}` can start programs that the project names, and nothing confines them here")
            }
            None => return,
        },
    };
    if circumstances.grants.for_command(command).is_some() {
        found.covered += 1;
        return;
    }
    found.uncovered.push(command.clone());
    found.asks(|| why);
}
