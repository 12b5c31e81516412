//! Sizes and outcomes in words, the same in every verb.

use indicatif::HumanBytes;

use crate::domain::{CheckResult, CheckRun};

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A check in a few words: `cargo check passed`.
pub(super) fn check_words(run: &CheckRun) -> String {
    let name = one_line(&run.name);
    match &run.result {
        CheckResult::Passed => format!("{name} passed"),
        CheckResult::Failed => format!("{name} failed"),
        CheckResult::Skipped { why } => format!("{name} did not run: {}", one_line(why)),
    }
}

/// A text in one line, its blanks single.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
