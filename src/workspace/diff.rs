//! What changed between two texts, line by line: data for a pane, nothing is drawn here.

use similar::{DiffOp, DiffTag, group_diff_ops};

use super::lines::{compare, count};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffKind {
    Same,
    Added,
    Removed,
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    pub kind: DiffKind,
    /// Its number in the old text, from 1; `None` for an added line.
    pub old: Option<u32>,
    /// Its number in the new text, from 1; `None` for a removed line.
    pub new: Option<u32>,
    /// The line without its line feed; a carriage return stays only where the two texts end lines differently.
    pub text: String,
}

/// How much of what stayed the same is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Every line.
    All,
    /// So many lines around each change. A jump in the line numbers is a gap.
    Lines(usize),
}

/// The comparison from top to bottom; removed lines come before the added ones that replace them.
pub fn diff(before: &str, after: &str, context: Context) -> Vec<DiffLine> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let operations = compare(&old, &new);
    let operations: Vec<DiffOp> = match context {
        Context::All => operations,
        Context::Lines(lines) => group_diff_ops(operations, lines).into_iter().flatten().collect(),
    };
    let returns = if before.contains("\r\n") == after.contains("\r\n") { Returns::Hide } else { Returns::Show };
    let mut lines = Vec::new();
    for operation in &operations {
        if operation.tag() == DiffTag::Equal {
            for (old_index, new_index) in operation.old_range().zip(operation.new_range()) {
                lines.extend(line(DiffKind::Same, Some(old_index), Some(new_index), new.get(new_index), returns));
            }
        } else {
            for index in operation.old_range() {
                lines.extend(line(DiffKind::Removed, Some(index), None, old.get(index), returns));
            }
            for index in operation.new_range() {
                lines.extend(line(DiffKind::Added, None, Some(index), new.get(index), returns));
            }
        }
    }
    lines
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Returns {
    Hide,
    Show,
}

fn line(
    kind: DiffKind,
    old: Option<usize>,
    new: Option<usize>,
    text: Option<&&str>,
    returns: Returns,
) -> Option<DiffLine> {
    let text = *text?;
    let mut text = text.strip_suffix('\n').unwrap_or(text);
    if returns == Returns::Hide {
        text = text.strip_suffix('\r').unwrap_or(text);
    }
    let number = |index: usize| count(index.saturating_add(1));
    Some(DiffLine { kind, old: old.map(number), new: new.map(number), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[DiffLine]) -> Vec<String> {
        let number = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
        lines
            .iter()
            .map(|l| {
                let mark = match l.kind {
                    DiffKind::Same => ' ',
                    DiffKind::Added => '+',
                    DiffKind::Removed => '-',
                };
                format!("{}:{} {mark}{}", number(l.old), number(l.new), l.text)
            })
            .collect()
    }

    #[test]
    fn a_replaced_line_stands_between_its_neighbours() {
        let lines = diff("a\nb\nc\n", "a\nx\nc\n", Context::All);
        assert_eq!(shown(&lines), ["1:1  a", "2:- -b", "-:2 +x", "3:3  c"]);
    }

    #[test]
    fn context_leaves_the_rest_out() {
        let old: String = (1..=30).map(|n| format!("{n}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\n").replace("\n25\n", "\n");
        let lines = diff(&old, &new, Context::Lines(1));
        assert_eq!(shown(&lines), ["4:4  4", "5:- -5", "-:5 +five", "6:6  6", "24:24  24", "25:- -25", "26:25  26"]);
    }

    #[test]
    fn returns_are_shown_only_where_they_differ() {
        assert_eq!(shown(&diff("a\r\n", "b\r\n", Context::All)), ["1:- -a", "-:1 +b"]);
        assert_eq!(shown(&diff("a\r\n", "a\n", Context::All)), ["1:- -a\r", "-:1 +a"]);
        assert!(diff("same\n", "same\n", Context::Lines(3)).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn both_texts_can_be_read_out_of_the_comparison(
            old in proptest::collection::vec("[abc]{0,2}", 0..20),
            new in proptest::collection::vec("[abc]{0,2}", 0..20),
        ) {
            let text = |lines: &[String]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
            let lines = diff(&text(&old), &text(&new), Context::All);
            let side = |without: DiffKind| -> Vec<String> {
                lines.iter().filter(|l| l.kind != without).map(|l| l.text.clone()).collect()
            };
            proptest::prop_assert_eq!(side(DiffKind::Added), old);
            proptest::prop_assert_eq!(side(DiffKind::Removed), new);
        }
    }
}
