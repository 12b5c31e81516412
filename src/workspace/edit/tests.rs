//! What an edit promises, case by case and for any text.

use super::*;

fn after(before: &str, search: &str, replace: &str) -> String {
    apply(before, &[Edit::new(search, replace)]).unwrap_or_else(|refusal| panic!("{refusal}")).text
}

fn refused(before: &str, edits: &[Edit]) -> String {
    apply(before, edits).unwrap_err().to_string()
}

#[test]
fn endings_stay_as_they_are() {
    assert_eq!(after("a\r\nb\r\nc\r\n", "a\nb\n", "a\nX\nb\n"), "a\r\nX\r\nb\r\nc\r\n");
    assert_eq!(after("a\r\nb\r\n", "a", "a\nx"), "a\r\nx\r\nb\r\n");
    assert_eq!(after("a\rb\rc", "b\nc\n", "B\nC\n"), "a\rB\rC");
    assert_eq!(after("a\nb\r\nc\n", "a\nb\nc", "a\nb\nd"), "a\nb\r\nd\n");
    assert_eq!(after("a\r\nb\r\n", "a\r\nb\r\n", "a\nb\n"), "a\nb\n", "who spells endings out means them");
    assert_eq!(after("\u{feff}a\r\nb", "a\n", "c\n"), "\u{feff}c\r\nb");
    assert_eq!(after("a\nlast", "last\n", "end\n"), "a\nend");
    assert_eq!(after("", "", "new\n"), "new\n");
    assert_eq!(after("a\nb\nc\n", "b\n", ""), "a\nc\n");
}

#[test]
fn a_replacement_is_indented_like_the_file() {
    let file = "class A:\n    def f(self):\n        return 1\n";
    let edited =
        apply(file, &[Edit::new("def f(self):\n    return 1\n", "def f(self):\n    x = 2\n    return x\n")]).unwrap();
    assert_eq!(edited.text, "class A:\n    def f(self):\n        x = 2\n        return x\n");
    assert_eq!(edited.applied, [Applied { matching: Matching::Indentation, line: 2, places: 1 }]);
    assert_eq!(
        after("\tif a {\r\n\t\tb();\r\n\t}\r\n", "if a {\n  b();\n}", "if a {\n  c();\n}"),
        "\tif a {\r\n\t\tc();\r\n\t}\r\n"
    );
}

#[test]
fn several_places_are_refused_with_their_lines() {
    let message = refused("x = 1\ny\nx = 1\n", &[Edit::new("x = 1", "x = 2")]);
    assert!(message.contains("2 times") && message.contains("lines 1, 3"), "{message}");
    assert!(refused("aaa", &[Edit::new("aa", "b")]).contains("2 times"), "overlapping places are two");
    let all = apply("x = 1\ny\nx = 1\n", &[Edit::everywhere("x = 1", "x = 2")]).unwrap();
    assert_eq!((all.text.as_str(), all.applied[0].places), ("x = 2\ny\nx = 2\n", 2));
    let message = refused("  f()\n    f()\n", &[Edit::new("\tf()\n", "g()\n")]);
    assert!(message.contains("indentation aside"), "{message}");
}

#[test]
fn what_is_not_found_is_answered_with_the_nearest_place() {
    let file = "fn main() {\n    let total = sum(1, 2);\n    print(total);\n}\n";
    let message = refused(file, &[Edit::new("    let total = sum(1, 3);\n    print(total);\n", "x")]);
    assert!(message.contains("nowhere") && message.contains("line 2") && message.contains("sum(1, 2)"), "{message}");
    let message = refused(file, &[Edit::new("     2\t    let total = sum(1, 2);", "x")]);
    assert!(message.contains("line numbers"), "{message}");
    let message = refused(file, &[Edit::new("let sum = total(1);", "print(total);")]);
    assert!(message.contains("already, in line 3"), "{message}");
    assert!(refused("a\n", &[Edit::new("", "b")]).contains("empty"));
    assert!(refused("a\n", &[Edit::new("a", "a")]).contains("nothing would change"));
    assert!(refused("a\n", &[]).contains("no edit"));
}

#[test]
fn all_edits_are_made_or_none() {
    let edits = [Edit::new("one", "1"), Edit::new("two", "2"), Edit::new("gone", "x")];
    let message = refused("one two", &edits);
    assert!(message.starts_with("edit 3 of 3") && message.contains("none of the edits"), "{message}");
    assert_eq!(apply("one two", &edits[..2]).unwrap().text, "1 2");
    assert!(refused("a b", &[Edit::new("a", "b"), Edit::new("b b", "a b")]).contains("nothing would change"));
    assert!(apply_to_bytes(b"a\xffb", &[Edit::new("a", "b")]).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn a_replacement_that_grows_without_end_is_refused() {
    let message = refused(&"a".repeat(100_000), &[Edit::everywhere("a", "b".repeat(10_000))]);
    assert!(message.contains("larger"), "{message}");
}

proptest::proptest! {
    #[test]
    fn untouched_lines_keep_every_byte(
        lines in proptest::collection::vec(("[a-c]{0,3}", 0..3_usize), 1..12),
        place in 0..12_usize,
        mark: bool,
        closed: bool,
    ) {
        let ends = ["\n", "\r\n", "\r"];
        let place = place % lines.len();
        let mut parts: Vec<String> = lines.iter().map(|(text, end)| format!("{text}|{}", ends[*end])).collect();
        parts[place] = format!("UNIQUE{}", ends[lines[place].1]);
        if !closed {
            let last = parts.pop().unwrap();
            parts.push(last.trim_end_matches(['\r', '\n']).to_owned());
        }
        let mark = if mark { "\u{feff}" } else { "" };
        let text = format!("{mark}{}", parts.concat());
        // With one line of context on either side, all written with `\n`.
        let from = place.saturating_sub(1);
        let to = (place + 2).min(parts.len());
        let search = Neutral::new(&parts[from..to].concat()).text;
        let edited = apply(&text, &[Edit::new(search.clone(), search.replace("UNIQUE", "NEW"))]).unwrap().text;
        let found = endings::split(endings::split_mark(&edited).1);
        proptest::prop_assert_eq!(edited.starts_with('\u{feff}'), !mark.is_empty());
        proptest::prop_assert_eq!(found.len(), parts.len());
        for (index, line) in found.iter().enumerate() {
            let whole = format!("{}{}", line.content, line.ending);
            if index == place {
                proptest::prop_assert_eq!(line.content, "NEW");
            } else {
                proptest::prop_assert_eq!(&whole, &parts[index]);
            }
        }
        if !closed {
            proptest::prop_assert!(!edited.ends_with(['\r', '\n']));
        }
    }

    #[test]
    fn any_edit_ends_in_a_text_or_a_refusal(
        text in "[ab \t\r\n]{0,30}", search in "[ab \t\r\n]{0,6}", replace in "[ab \t\r\n]{0,6}", all: bool,
    ) {
        let edit = Edit { search, replace, occurrences: if all { Occurrences::All } else { Occurrences::Only } };
        if let Err(refusal) = apply(&text, &[edit]) {
            proptest::prop_assert!(!refusal.to_string().is_empty());
        }
    }
}
