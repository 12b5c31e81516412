//! What a turn changed in a file, as rows for the code pane.

use std::time::{Duration, Instant};

use similar::{ChangeTag, TextDiff};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;
/// Longest search for the smallest difference; after it a coarser one is taken.
const PATIENCE: Duration = Duration::from_millis(60);

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

/// The rows between two texts.
pub fn rows(before: &str, now: &str) -> Vec<Row> {
    let diff = TextDiff::configure().deadline(Instant::now() + PATIENCE).diff_lines(before, now);
    let all: Vec<Row> = diff
        .iter_all_changes()
        .filter_map(|change| match (change.tag(), change.old_index(), change.new_index()) {
            (ChangeTag::Equal, Some(before), Some(now)) => Some(Row::Same { before, now }),
            (ChangeTag::Insert, _, Some(now)) => Some(Row::Added { now }),
            (ChangeTag::Delete, Some(before), _) => Some(Row::Removed { before }),
            _ => None,
        })
        .collect();
    fold(all)
}

/// Leaves out unchanged lines far from any change.
fn fold(all: Vec<Row>) -> Vec<Row> {
    let changed: Vec<usize> =
        all.iter().enumerate().filter(|(_, row)| !matches!(row, Row::Same { .. })).map(|(i, _)| i).collect();
    let mut out = Vec::new();
    let mut skipped = 0;
    let mut next = 0;
    for (index, row) in all.into_iter().enumerate() {
        while changed.get(next).is_some_and(|c| c + CONTEXT < index) {
            next += 1;
        }
        let near = changed.get(next).is_some_and(|c| c.abs_diff(index) <= CONTEXT);
        if near {
            if skipped > 0 {
                out.push(Row::Gap { lines: skipped });
                skipped = 0;
            }
            out.push(row);
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 {
        out.push(Row::Gap { lines: skipped });
    }
    out
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
        assert_eq!(rows.len(), 1 + 3 + 1 + 3 + 1);
        assert_eq!(super::rows("a\n", "a\n"), vec![Row::Gap { lines: 1 }]);
    }
}
