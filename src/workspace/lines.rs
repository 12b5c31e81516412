//! How many lines a change adds and removes.

use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// After this the comparison gets coarser instead of slower.
pub(super) const DIFF_TIME: Duration = Duration::from_millis(500);

/// Lines that are new and lines that are gone; `None` stands for "no such file". Any bytes will do.
pub fn changed(before: Option<&[u8]>, after: Option<&[u8]>) -> (u32, u32) {
    let old = split(before.unwrap_or_default());
    let new = split(after.unwrap_or_default());
    let operations = compare(&old, &new);
    let (mut added, mut removed) = (0_usize, 0_usize);
    for operation in &operations {
        if !matches!(operation, DiffOp::Equal { .. }) {
            added += operation.new_range().len();
            removed += operation.old_range().len();
        }
    }
    (count(added), count(removed))
}

/// The steps from one list of lines to the other.
pub(super) fn compare<T: Eq + std::hash::Hash + Ord + Clone>(old: &[T], new: &[T]) -> Vec<DiffOp> {
    capture_diff_slices_deadline(Algorithm::Histogram, old, new, Some(Instant::now() + DIFF_TIME))
}

fn split(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_on_both_sides() {
        for (before, after, expected) in [
            (None, None, (0, 0)),
            (None, Some("a\nb\n"), (2, 0)),
            (Some("a\nb"), None, (0, 2)),
            (Some("a\nb\nc\n"), Some("a\nx\nc\n"), (1, 1)),
            (Some("a\n"), Some("a\n"), (0, 0)),
            (Some("a"), Some("a\n"), (1, 1)),
            (Some(""), Some("a"), (1, 0)),
        ] {
            let found = changed(before.map(str::as_bytes), after.map(str::as_bytes));
            assert_eq!(found, expected, "{before:?} -> {after:?}");
        }
        assert_eq!(changed(Some(b"\xff\n\xfe\n"), Some(b"\xff\n\xfd\n")), (1, 1));
    }
}
