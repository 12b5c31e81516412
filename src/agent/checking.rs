//! Checking what a turn changed, and going on until it is right or there is no use.
//!
//! A round runs the project's checks in the sandbox, one after the other, and ends with the first that
//! fails; a project without any gets its changed files' syntax read. What is found goes back to the
//! model, at most so many times. The room `checks` knows which checks there are; the policy says
//! whether their commands may run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::Call;
use super::runner;
use super::turn::{Stop, Turn, blocking, internal};
use crate::checks::{self, Check, Slip};
use crate::domain::{CheckResult, CheckRun, ContentHash, Coverage, FactBody, Phase, ProjectPath, StepId, Touch};
use crate::tools::commands::{Commands, end_words, succeeded};

/// Characters of findings that the model and the person are given; the end of an output says most.
const FINDINGS: usize = 6000;

/// How checking goes in this turn.
#[derive(Debug, Default)]
pub struct Checking {
    /// Files changed since the last round.
    changed: BTreeSet<ProjectPath>,
    /// Whether a command may have changed files that nobody told of.
    stirred: bool,
    /// Rounds so far that failed.
    failed: u32,
    /// What the last failed round found.
    last: Option<ContentHash>,
    /// Commands that the person did not allow: not asked for again in this turn.
    refused: BTreeSet<String>,
    /// No more rounds in this turn.
    over: bool,
}

impl Checking {
    /// A file was changed.
    pub fn changed(&mut self, path: ProjectPath) {
        self.changed.insert(path);
    }

    /// A command ran that may have changed anything.
    pub fn stirred(&mut self) {
        self.stirred = true;
    }
}

/// What a round came to.
#[derive(Debug)]
pub enum Verified {
    /// Nothing is wrong, or nothing was to be checked.
    GoOn,
    /// Something is wrong, and there is no use in going on.
    GaveUp,
    /// For the model to mend.
    Findings(CheckRun),
}

/// Runs a round if anything changed since the last one.
pub async fn verify(turn: &mut Turn, step: Option<StepId>) -> Result<Verified, Stop> {
    let limits = turn.input.limits.checks.clone();
    let pending = !turn.checking.changed.is_empty() || turn.checking.stirred && turn.checking.failed > 0;
    if limits.iterations == 0 || turn.checking.over || !pending {
        return Ok(Verified::GoOn);
    }
    let changed = std::mem::take(&mut turn.checking.changed);
    turn.checking.stirred = false;
    let iteration = turn.checking.failed + 1;
    let root = Arc::clone(&turn.input.root);
    let commands = turn.input.commands.clone();
    let configured = limits.commands.clone();
    let found = blocking(move || checks::detect(&root, &configured)).await.map_err(internal)?;
    let mut failure = None;
    match commands.filter(|_| !found.is_empty()) {
        Some(commands) => {
            let last = found.len().saturating_sub(1);
            for (index, check) in found.iter().enumerate() {
                let coverage = if index == last { Coverage::Whole } else { Coverage::Part };
                let run = run(turn, &commands, check, (step, iteration, coverage)).await?;
                turn.out.fact(FactBody::Checked { run: run.clone() }).await;
                if run.result == CheckResult::Failed {
                    failure = Some(run);
                    break;
                }
            }
        }
        None => {
            if let Some(run) = read_syntax(turn, &changed, (step, iteration)).await? {
                turn.out.fact(FactBody::Checked { run: run.clone() }).await;
                failure = Some(run).filter(|run| run.result == CheckResult::Failed);
            }
        }
    }
    let Some(run) = failure else {
        turn.checking.failed = 0;
        turn.checking.last = None;
        return Ok(Verified::GoOn);
    };
    turn.checking.failed = iteration;
    let findings = ContentHash::of(steady(&run.findings).as_bytes());
    let same = turn.checking.last.replace(findings.clone()) == Some(findings);
    let why = match () {
        () if same => "the same finding came back",
        () if iteration >= limits.iterations => "that was the last attempt",
        () => return Ok(Verified::Findings(run)),
    };
    turn.checking.over = true;
    let text = format!("`{}` still fails and Kiln stops mending: {why}; say how to go on", run.name);
    turn.out.fact(FactBody::Noticed { text }).await;
    Ok(Verified::GaveUp)
}

/// Findings without what differs from run to run though nothing changed: times and counts of them.
fn steady(findings: &str) -> String {
    findings.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

async fn run(
    turn: &mut Turn,
    commands: &Commands,
    check: &Check,
    (step, iteration, coverage): (Option<StepId>, u32, Coverage),
) -> Result<CheckRun, Stop> {
    let round = (step, iteration, coverage);
    let not_allowed = || CheckResult::Skipped { why: "it was not allowed".to_owned() };
    if turn.checking.refused.contains(&check.command) {
        return Ok(CheckRun { result: not_allowed(), ..blank(turn, check, round) });
    }
    let call = Call::of_kiln(format!("check-{}-{iteration}-{}", turn.input.turn, check.name), "check");
    let touches = vec![Touch::Command { line: check.command.clone(), directory: None }];
    if runner::permit(turn, &call, &serde_json::Value::Null, touches).await?.is_some() {
        turn.checking.refused.insert(check.command.clone());
        return Ok(CheckRun { result: not_allowed(), ..blank(turn, check, round) });
    }
    turn.out.phase(Phase::Checking { name: check.name.clone() });
    turn.out.flush().await;
    let began = Instant::now();
    let ended = tokio::select! {
        () = turn.cancel.cancelled() => return Err(Stop::Cancelled),
        ended = commands.run(&check.command, turn.input.limits.checks.time) => ended,
    };
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let blank = blank(turn, check, round);
    Ok(match ended {
        Err(error) => CheckRun { result: CheckResult::Skipped { why: error.to_string() }, millis, ..blank },
        Ok(ended) if succeeded(&ended) => CheckRun { result: CheckResult::Passed, millis, ..blank },
        Ok(ended) => {
            let output = ended.output.text();
            match missing_tool(&output) {
                Some(why) => CheckRun { result: CheckResult::Skipped { why }, millis, ..blank },
                None => {
                    let findings = format!("{}\n{}", end(output.trim_end(), FINDINGS), end_words(&ended));
                    CheckRun {
                        result: CheckResult::Failed,
                        findings: findings.trim_start().to_owned(),
                        millis,
                        ..blank
                    }
                }
            }
        }
    })
}

fn blank(turn: &Turn, check: &Check, (step, iteration, coverage): (Option<StepId>, u32, Coverage)) -> CheckRun {
    CheckRun {
        turn: turn.input.turn,
        step,
        iteration,
        name: check.name.clone(),
        command: check.command.clone(),
        result: CheckResult::Passed,
        coverage,
        files: BTreeSet::new(),
        findings: String::new(),
        millis: 0,
    }
}

/// A check that could not run because its tool is not there has found nothing.
fn missing_tool(output: &str) -> Option<String> {
    let line = output.lines().rev().take(5).find(|line| {
        line.contains("command not found") || line.contains("No module named") || line.contains(": not found")
    })?;
    Some(line.trim().chars().take(120).collect())
}

fn end(text: &str, limit: usize) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(limit))..).unwrap_or_default()
}

/// Reads the changed files' syntax; `None` where no changed file is in a known language.
async fn read_syntax(
    turn: &Turn,
    changed: &BTreeSet<ProjectPath>,
    (step, iteration): (Option<StepId>, u32),
) -> Result<Option<CheckRun>, Stop> {
    let (root, paths) = (Arc::clone(&turn.input.root), changed.clone());
    let began = Instant::now();
    let read = move || -> (BTreeSet<ProjectPath>, Vec<(ProjectPath, Slip)>) {
        let (mut files, mut slips) = (BTreeSet::new(), Vec::new());
        for path in paths {
            let text = root.read(&path).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(found) = text.and_then(|text| checks::slips(path.as_str(), &text)) else { continue };
            slips.extend(found.into_iter().map(|slip| (path.clone(), slip)));
            files.insert(path);
        }
        (files, slips)
    };
    let (files, slips) = blocking(read).await.map_err(internal)?;
    // What nobody looked at has not passed.
    if files.is_empty() {
        return Ok(None);
    }
    let lines: Vec<String> =
        slips.iter().map(|(path, slip)| format!("{path}:{}:{}: {}", slip.line, slip.column, slip.what)).collect();
    let check = Check { name: "syntax".to_owned(), command: "syntax".to_owned() };
    let blank = blank(turn, &check, (step, iteration, Coverage::Part));
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let result = if lines.is_empty() { CheckResult::Passed } else { CheckResult::Failed };
    Ok(Some(CheckRun { result, findings: lines.join("\n"), millis, files, ..blank }))
}

/// What a turn may spend on checks.
#[derive(Clone, Debug)]
pub struct CheckLimits {
    /// Rounds that may fail before Kiln gives up; 0 checks nothing.
    pub iterations: u32,
    /// Commands that the settings name; empty lets Kiln recognise them.
    pub commands: Vec<String>,
    /// Time of one command.
    pub time: Duration,
}

impl Default for CheckLimits {
    fn default() -> Self {
        Self { iterations: 3, commands: Vec::new(), time: Duration::from_secs(300) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_finding_is_known_again_whatever_time_it_took() {
        assert_eq!(steady("2 failed in 0.31s"), steady("2 failed in 0.28s"));
        assert_ne!(steady("a failed"), steady("b failed"));
    }

    #[test]
    fn a_tool_that_is_not_there_finds_nothing() {
        assert!(missing_tool("bash: line 1: ruff: command not found\n").is_some());
        assert!(missing_tool("/usr/bin/python3: No module named pytest").is_some());
        assert!(missing_tool("E   assert 1 == 2\n1 failed").is_none());
    }
}
