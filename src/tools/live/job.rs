//! `job`: reads or stops a command that runs in the background.

use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{LiveContext, TypedLiveTool};
use crate::domain::{Content, Touch};
use crate::tools::ToolAnswer;
use crate::tools::commands::Commands;

/// How long a call waits for output, in seconds, at most.
const MOST_WAIT: u64 = 60;

pub struct Job(pub Commands);

/// Read the new output of a background command, or stop it.
#[derive(Deserialize, JsonSchema)]
pub struct Input {
    /// The job's number, as `shell` told it.
    job: u32,
    /// What to do with it.
    #[serde(default)]
    action: Action,
    /// Seconds to wait for it to say more or to end, at most 60.
    #[serde(default)]
    wait_seconds: u64,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Output,
    Stop,
}

impl TypedLiveTool for Job {
    const NAME: &'static str = "job";
    type Input = Input;

    fn touches(&self, _input: &Input) -> Vec<Touch> {
        Vec::new()
    }

    fn run(&self, input: Input, _context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let commands = self.0.clone();
        Box::pin(async move {
            let jobs = commands.jobs();
            if input.action == Action::Stop && !jobs.stop(input.job) {
                return unknown(&commands, input.job);
            }
            let mut left = match input.action {
                Action::Output => input.wait_seconds.min(MOST_WAIT) * 10,
                // A command that is asked to end is gone within two seconds.
                Action::Stop => 30,
            };
            let mut output = String::new();
            loop {
                let Some(report) = jobs.report(input.job) else { return unknown(&commands, input.job) };
                output.push_str(&report.output);
                let enough = report.end.is_some() || input.action == Action::Output && !output.is_empty();
                if enough || left == 0 {
                    let state = report.end.map_or_else(|| "it runs".to_owned(), |end| format!("it has ended: {end}"));
                    let mut content =
                        vec![Content::Text { text: format!("job {}, `{}`: {state}", report.id, report.line) }];
                    content.extend(report.refused.into_iter().map(|text| Content::Text { text }));
                    if !output.is_empty() {
                        content.push(Content::Terminal { text: output });
                    }
                    return ToolAnswer { content, ..ToolAnswer::default() };
                }
                left -= 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }
}

fn unknown(commands: &Commands, job: u32) -> ToolAnswer {
    let running: Vec<String> = commands.jobs().running().iter().map(|(id, line)| format!("{id}: `{line}`")).collect();
    let there = if running.is_empty() { "none runs".to_owned() } else { format!("there are {}", running.join(", ")) };
    ToolAnswer::refusal(format!("there is no job {job}; {there}"))
}
