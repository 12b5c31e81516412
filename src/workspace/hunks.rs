//! A change split into hunks, and any choice of them put together again: the ground of the review queue.
//!
//! The split depends on the two texts alone, so a hunk's number stays its name for as long as the change exists.
//! Texts only; who decides, and what becomes of a decision, is told elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::diff::{DiffKind, DiffLine};
use super::lines::count;
pub use crate::domain::review::{HunkId, HunkVerdict as Verdict};

/// Lines shown around a hunk. They also have to be there still when it is applied to a file that went on.
const CONTEXT: usize = 3;
/// Changes with fewer equal lines between them are one hunk.
const APART: usize = 2;
/// Changed lines beyond which a change is a single hunk: comparing must not take long, nor depend on the clock.
const MOST_COMPARED: usize = 20_000;

/// Lines that change together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub id: HunkId,
    /// Such as `@@ -3,2 +3,4 @@`: first line and number of lines, before and after, without context.
    pub header: String,
    /// The hunk with the lines around it.
    pub lines: Vec<DiffLine>,
    /// What it makes of the old lines, every line with its ending: the text to begin an edit of the hunk with.
    pub after: String,
}

/// The verdicts on a change.
pub type Verdicts = BTreeMap<HunkId, Verdict>;

/// A hunk that no longer fits: the lines it changes or those around it are others now. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hunk {id} no longer fits: its lines, or those around line {line}, have changed since; look at the file again")]
pub struct Stale {
    pub id: HunkId,
    /// Where it stood in `after`, from 1.
    pub line: usize,
}

/// The hunks of a change, from top to bottom.
pub fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let (old, new) = (lines(before), lines(after));
    let spans = spans(&old, &new);
    let mut hunks = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let above = index.checked_sub(1).and_then(|index| spans.get(index)).map_or(0, |span| span.new.end);
        let below = spans.get(index + 1).map_or(new.len(), |span| span.new.start);
        hunks.push(Hunk {
            id: id(index),
            header: format!("@@ -{} +{} @@", place(&span.old), place(&span.new)),
            lines: shown(span, &old, &new, above..below),
            after: new.get(span.new.clone()).unwrap_or_default().concat(),
        });
    }
    hunks
}

/// The text after the verdicts, when nothing else happened to it.
pub fn compose(before: &str, after: &str, verdicts: &Verdicts) -> String {
    let (old, new) = (lines(before), lines(after));
    let mut out = String::with_capacity(after.len());
    let mut done = 0;
    for (index, span) in spans(&old, &new).iter().enumerate() {
        push(&mut out, new.get(done..span.new.start).unwrap_or_default());
        push(&mut out, &[decided(verdicts.get(&id(index)), span, &old, &new).as_str()]);
        done = span.new.end;
    }
    push(&mut out, new.get(done..).unwrap_or_default());
    out
}

/// The verdicts carried over to a file that went on since `after`, or that is still as `before`.
///
/// Everything else that happened to the file stays. Where a hunk that has to change does not stand there any more with
/// the lines around it, nothing is changed at all.
pub fn apply_to(current: &str, before: &str, after: &str, verdicts: &Verdicts) -> Result<String, Stale> {
    if current == after || current == before {
        return Ok(compose(before, after, verdicts));
    }
    let (old, new, now) = (lines(before), lines(after), lines(current));
    let spans = spans(&old, &new);
    let same = equal(&new, &now);
    let mut out = String::with_capacity(current.len());
    let mut done = 0;
    for (index, span) in spans.iter().enumerate() {
        let wanted = decided(verdicts.get(&id(index)), span, &old, &new);
        if wanted == new.get(span.new.clone()).unwrap_or_default().concat() {
            continue;
        }
        let above = index.checked_sub(1).and_then(|index| spans.get(index)).map_or(0, |span| span.new.end);
        let below = spans.get(index + 1).map_or(new.len(), |span| span.new.start);
        let there = carried(&span.new, above..below, new.len(), now.len(), &same);
        let there = there.ok_or(Stale { id: id(index), line: span.new.start + 1 })?;
        push(&mut out, now.get(done..there.start).unwrap_or_default());
        push(&mut out, &[wanted.as_str()]);
        done = there.end;
    }
    push(&mut out, now.get(done..).unwrap_or_default());
    Ok(out)
}

/// Verdicts that take the place of others, carried over to a file that followed those. As [`apply_to`], it touches
/// only what has to become different.
pub fn revise(current: &str, before: &str, after: &str, old: &Verdicts, new: &Verdicts) -> Result<String, Stale> {
    let (stands, wanted) = (compose(before, after, old), compose(before, after, new));
    // The way from one to the other is a change of its own; taken back the other way round, it is done.
    let all = hunks(&wanted, &stands).into_iter().map(|hunk| (hunk.id, Verdict::Reject)).collect();
    apply_to(current, &wanted, &stands, &all)
}

/// Lines of the old text and what stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    old: Range<usize>,
    new: Range<usize>,
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn id(index: usize) -> HunkId {
    HunkId(count(index + 1))
}

/// Runs of equal lines as `(old, new, length)`, ascending.
fn equal(old: &[&str], new: &[&str]) -> Vec<(usize, usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let mut runs = vec![(0, 0, head)];
    if old_middle.len() + new_middle.len() <= MOST_COMPARED {
        for operation in capture_diff_slices(Algorithm::Myers, old_middle, new_middle) {
            if let DiffOp::Equal { old_index, new_index, len } = operation {
                runs.push((head + old_index, head + new_index, len));
            }
        }
    }
    runs.push((old.len() - tail, new.len() - tail, tail));
    let mut joined: Vec<(usize, usize, usize)> = Vec::new();
    for (old, new, length) in runs.into_iter().filter(|run| run.2 > 0) {
        match joined.last_mut() {
            Some(last) if last.0 + last.2 == old && last.1 + last.2 == new => last.2 += length,
            _ => joined.push((old, new, length)),
        }
    }
    joined
}

fn spans(old: &[&str], new: &[&str]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    let mut runs = equal(old, new);
    runs.push((old.len(), new.len(), 0));
    for (old_start, new_start, length) in runs {
        if old_at < old_start || new_at < new_start {
            match spans.last_mut() {
                Some(last) if new_at - last.new.end < APART => {
                    last.old.end = old_start;
                    last.new.end = new_start;
                }
                _ => spans.push(Span { old: old_at..old_start, new: new_at..new_start }),
            }
        }
        (old_at, new_at) = (old_start + length, new_start + length);
    }
    spans
}

fn place(range: &Range<usize>) -> String {
    // As in other diffs, an empty range names the line above it.
    format!("{},{}", range.start + usize::from(!range.is_empty()), range.len())
}

fn decided(verdict: Option<&Verdict>, span: &Span, old: &[&str], new: &[&str]) -> String {
    match verdict {
        None | Some(Verdict::Accept) => new.get(span.new.clone()).unwrap_or_default().concat(),
        Some(Verdict::Reject) => old.get(span.old.clone()).unwrap_or_default().concat(),
        Some(Verdict::Edit { text }) => text.clone(),
    }
}

/// Appends lines; where the text so far does not end its last line, it is ended first.
fn push(out: &mut String, lines: &[&str]) {
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
    }
}

/// Where lines of the text stand in the one that went on, if they do together with those around them.
fn carried(
    span: &Range<usize>,
    room: Range<usize>,
    length: usize,
    now: usize,
    same: &[(usize, usize, usize)],
) -> Option<Range<usize>> {
    let from = span.start.saturating_sub(CONTEXT).max(room.start.min(span.start));
    let to = (span.end + CONTEXT).min(room.end.max(span.end)).min(length);
    if from == to {
        return (length == 0 && now == 0).then_some(0..0);
    }
    let (start, there, count) = *same.iter().find(|(start, _, count)| *start <= from && to <= start + count)?;
    // What stood at the beginning or the end of the text has to stand there still.
    let moved_from_start = span.start == 0 && span.is_empty() && there != 0;
    let moved_from_end = span.end == length && span.is_empty() && there + count != now;
    (!moved_from_start && !moved_from_end).then(|| there + span.start - start..there + span.end - start)
}

fn shown(span: &Span, old: &[&str], new: &[&str], room: Range<usize>) -> Vec<DiffLine> {
    let line = |kind: DiffKind, old: Option<usize>, new: Option<usize>, text: &str| DiffLine {
        kind,
        old: old.map(|index| count(index + 1)),
        new: new.map(|index| count(index + 1)),
        text: text.trim_end_matches('\n').trim_end_matches('\r').to_owned(),
    };
    let mut lines = Vec::new();
    let above = span.new.start.saturating_sub(CONTEXT).max(room.start)..span.new.start;
    for index in above {
        let old_index = span.old.start - (span.new.start - index);
        lines.extend(new.get(index).map(|text| line(DiffKind::Same, Some(old_index), Some(index), text)));
    }
    for index in span.old.clone() {
        lines.extend(old.get(index).map(|text| line(DiffKind::Removed, Some(index), None, text)));
    }
    for index in span.new.clone() {
        lines.extend(new.get(index).map(|text| line(DiffKind::Added, None, Some(index), text)));
    }
    for index in span.new.end..(span.new.end + CONTEXT).min(room.end) {
        let old_index = span.old.end + (index - span.new.end);
        lines.extend(new.get(index).map(|text| line(DiffKind::Same, Some(old_index), Some(index), text)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    const AFTER: &str = "1\ntwo\n3\n4\n5\n6\n7\n8\n9\n10\nten and a half\n11\n12\n";

    fn verdicts(list: &[(u32, Verdict)]) -> Verdicts {
        list.iter().map(|(id, verdict)| (HunkId(*id), verdict.clone())).collect()
    }

    #[test]
    fn a_change_falls_into_its_hunks() {
        let found = hunks(BEFORE, AFTER);
        let headers: Vec<&str> = found.iter().map(|hunk| hunk.header.as_str()).collect();
        assert_eq!(headers, ["@@ -2,1 +2,1 @@", "@@ -10,0 +11,1 @@"]);
        assert_eq!(found[0].after, "two\n");
        let texts: Vec<&str> = found[1].lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["8", "9", "10", "ten and a half", "11", "12"]);
        assert!(hunks(AFTER, AFTER).is_empty());
    }

    #[test]
    fn verdicts_reach_a_file_that_went_on() {
        let reject_second = verdicts(&[(2, Verdict::Reject)]);
        let current = AFTER.replace("5\n", "five\n");
        let expected = current.replace("ten and a half\n", "");
        assert_eq!(apply_to(&current, BEFORE, AFTER, &reject_second), Ok(expected));
        let edited = verdicts(&[(1, Verdict::Edit { text: "II\n".into() }), (2, Verdict::Accept)]);
        let current = format!("0\n{AFTER}");
        assert_eq!(apply_to(&current, BEFORE, AFTER, &edited), Ok(current.replace("two", "II")));
        assert_eq!(apply_to(BEFORE, BEFORE, AFTER, &reject_second), Ok(BEFORE.replace("2\n3", "two\n3")));
    }

    #[test]
    fn surroundings_that_changed_are_a_refusal() {
        for (from, to) in [("10\n", "X\n"), ("ten and a half", "X"), ("\n11\n", "\nX\n"), ("12\n", "12\n13\n")] {
            let current = AFTER.replace(from, to);
            let result = apply_to(&current, BEFORE, AFTER, &verdicts(&[(2, Verdict::Reject)]));
            match from {
                "12\n" => assert_eq!(result, Ok(current.replace("ten and a half\n", ""))),
                _ => assert_eq!(result, Err(Stale { id: HunkId(2), line: 11 }), "{from} -> {to}"),
            }
            assert_eq!(apply_to(&current, BEFORE, AFTER, &verdicts(&[(2, Verdict::Accept)])), Ok(current));
        }
    }

    proptest::proptest! {
        #[test]
        fn all_accepted_is_after_and_all_rejected_before(
            before in "([ab]?(\r\n|\n)){0,12}[ab]?", after in "([ab]?(\r\n|\n)){0,12}[ab]?",
        ) {
            let all = |verdict: &Verdict| hunks(&before, &after).iter().map(|hunk| (hunk.id, verdict.clone())).collect::<Verdicts>();
            proptest::prop_assert_eq!(&compose(&before, &after, &all(&Verdict::Accept)), &after);
            proptest::prop_assert_eq!(&compose(&before, &after, &Verdicts::new()), &after);
            proptest::prop_assert_eq!(&compose(&before, &after, &all(&Verdict::Reject)), &before);
        }

        #[test]
        fn the_order_of_verdicts_does_not_matter(
            before in "([a-d]\n){0,30}", after in "([a-d]\n){0,30}", choices in proptest::collection::vec(proptest::bool::ANY, 30),
        ) {
            let found = hunks(&before, &after);
            let rejected: Vec<HunkId> = found.iter().zip(&choices).filter(|(_, no)| **no).map(|(hunk, _)| hunk.id).collect();
            let whole: Verdicts = rejected.iter().map(|id| (*id, Verdict::Reject)).collect();
            let composed = compose(&before, &after, &whole);
            // One after the other, in either direction, each on the file that the one before left.
            for ids in [rejected.clone(), rejected.iter().rev().copied().collect()] {
                let mut current = after.clone();
                for id in ids {
                    match apply_to(&current, &before, &after, &Verdicts::from([(id, Verdict::Reject)])) {
                        Ok(next) => current = next,
                        Err(_) => return Ok(()),
                    }
                }
                proptest::prop_assert_eq!(&current, &composed);
            }
        }
    }
}
