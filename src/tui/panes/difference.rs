//! What a turn changed in a file, as rows for the code pane. The comparison itself is the
//! workspace's; here it becomes line indexes and gaps.

use crate::domain::ProjectPath;
use crate::workspace::diff::{Context, DiffKind, DiffLine, diff};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// One row of a difference. Line numbers count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Same {
        before: usize,
        now: usize,
    },
    Added {
        now: usize,
    },
    Removed {
        before: usize,
    },
    /// So many unchanged lines left out.
    Gap {
        lines: usize,
    },
}

/// A comparison that is to be made, away from the task that draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub path: ProjectPath,
    /// Which state of the file is compared; an answer about another one is of no use.
    pub revision: u64,
    pub before: String,
    pub now: String,
}

impl Comparison {
    /// The rows between the two texts.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.before, &self.now)
    }
}

/// The rows between two texts.
pub fn rows(before: &str, now: &str) -> Vec<Row> {
    let mut out = Vec::new();
    // The lines that come next if none is left out.
    let (mut next_before, mut next_now) = (0, 0);
    for line in diff(before, now, Context::Lines(CONTEXT)) {
        let (at_before, at_now) = indexes(&line);
        let jump = match (at_before, at_now) {
            (Some(at), _) => at.saturating_sub(next_before),
            (None, Some(at)) => at.saturating_sub(next_now),
            (None, None) => 0,
        };
        if jump > 0 {
            out.push(Row::Gap { lines: jump });
        }
        next_before = at_before.map_or(next_before + jump, |at| at + 1);
        next_now = at_now.map_or(next_now + jump, |at| at + 1);
        out.extend(match (line.kind, at_before, at_now) {
            (DiffKind::Same, Some(before), Some(now)) => Some(Row::Same { before, now }),
            (DiffKind::Added, _, Some(now)) => Some(Row::Added { now }),
            (DiffKind::Removed, Some(before), _) => Some(Row::Removed { before }),
            _ => None,
        });
    }
    let rest = now.split_inclusive('\n').count().saturating_sub(next_now);
    if rest > 0 {
        out.push(Row::Gap { lines: rest });
    }
    out
}

/// The line's place in the old and in the new text, from 0.
fn indexes(line: &DiffLine) -> (Option<usize>, Option<usize>) {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    (line.old.map(index), line.new.map(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_lines_are_left_out() {
        let before: String = (0..40).map(|n| format!("{n}\n")).collect();
        let now = before.replace("20\n", "20\ntwenty\n");
        let rows = rows(&before, &now);
        assert_eq!(rows.first(), Some(&Row::Gap { lines: 18 }));
        assert!(rows.contains(&Row::Added { now: 21 }));
        assert_eq!(rows.last(), Some(&Row::Gap { lines: 16 }));
        assert_eq!(rows.len(), 1 + 3 + 1 + 3 + 1);
        assert_eq!(super::rows("a\n", "a\n"), vec![Row::Gap { lines: 1 }]);
        assert_eq!(super::rows("a\n", ""), vec![Row::Removed { before: 0 }]);
        let all: Vec<Row> = super::rows("", "a\nb");
        assert_eq!(all, vec![Row::Added { now: 0 }, Row::Added { now: 1 }]);
    }
}
