//! The shared tables of edit cases: exact for the forms that are supported, torture input for the rest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kiln::workspace::edit::blocks::{self, Piece};
use kiln::workspace::edit::{self, Edit};
use kiln::workspace::patch;
use serde_json::Value;

use super::{project, tree};

/// The cases of a table; none, with words, where the folder or the table is not there.
fn cases(table: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("KILN_CORPUS_EDITS").map(PathBuf::from) else {
        eprintln!("skipped: KILN_CORPUS_EDITS names no folder with {table}");
        return Vec::new();
    };
    let path = folder.join(table);
    if !path.is_file() {
        eprintln!("skipped: there is no {}", path.display());
        return Vec::new();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "{table} is empty");
    cases
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn patch_scenarios_end_as_they_should() {
    for case in cases("apply_patch_scenarios.jsonl") {
        let (dir, root) = project(&texts(&case["files"]));
        let result =
            patch::plan(case["patch"].as_str().unwrap(), &root).and_then(|plan| patch::carry_out(&plan, &root));
        assert_eq!(result.is_ok(), case["accepts"].as_bool().unwrap(), "{}: {result:?}", case["name"]);
        assert_eq!(tree(dir.path()), texts(&case["expected"]), "{}", case["name"]);
    }
}

#[test]
fn patches_of_real_commits_make_the_commit() {
    let mut refused = 0;
    for case in cases("apply_patch_commits.jsonl").iter().filter(|case| case["same_as_commit"] == true) {
        let (dir, root) = project(&texts(&case["files"]));
        match patch::plan(case["patch"].as_str().unwrap(), &root).and_then(|plan| patch::carry_out(&plan, &root)) {
            Ok(()) => assert_eq!(tree(dir.path()), texts(&case["expected"]), "{}", case["name"]),
            Err(error) => {
                assert!(error.to_string().contains("fits"), "{}: {error}", case["name"]);
                assert_eq!(tree(dir.path()), texts(&case["files"]), "{}", case["name"]);
                refused += 1;
            }
        }
    }
    assert!(refused <= 5, "{refused} patches of real commits were refused as ambiguous");
}

#[test]
fn blocks_of_real_replies_are_read_exactly() {
    for case in cases("search_replace_replies.jsonl") {
        let found = blocks::pieces(case["reply"].as_str().unwrap());
        if !case["error"].is_null() {
            assert!(found.is_err(), "{} was read", case["name"]);
            continue;
        }
        let found: Vec<Value> = found
            .unwrap_or_else(|error| panic!("{}: {error}", case["name"]))
            .into_iter()
            .map(|piece| match piece {
                Piece::Edit(block) => serde_json::json!([block.path, block.search, block.replace]),
                Piece::Command(text) => serde_json::json!([null, text]),
            })
            .collect();
        let expected = case["blocks"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{}", case["name"]);
        for (found, expected) in found.iter().zip(expected) {
            if expected[0].is_null() {
                assert_eq!(found[0], Value::Null, "{}", case["name"]);
                assert_eq!(found[1], expected[1], "{}", case["name"]);
            } else {
                assert_eq!(found, expected, "{}", case["name"]);
            }
        }
    }
}

#[test]
fn other_programs_edits_end_in_a_text_or_a_refusal() {
    for case in cases("roo_search_replace.jsonl") {
        let Some(original) = case["original"].as_str() else { continue };
        let diff = case["diff"].as_str().unwrap_or_default();
        if let Ok(found) = blocks::parse(diff) {
            let edits: Vec<Edit> = found.iter().map(|block| Edit::new(&*block.search, &*block.replace)).collect();
            match edit::apply(original, &edits) {
                Ok(edited) if case["accepts"] == true && !diff.contains(":start_line:") => {
                    assert_eq!(Some(edited.text.as_str()), case["expected"].as_str(), "{}", case["name"]);
                }
                Ok(_) => {}
                Err(refusal) => assert!(!refusal.to_string().is_empty()),
            }
        }
        assert!(patch::parse(diff).is_err());
    }
    for case in cases("aider_functions.jsonl") {
        let arguments = case["args"].as_array().unwrap();
        let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default();
        match case["fn"].as_str().unwrap() {
            "find_original_update_blocks" => {
                let found = blocks::parse(text(0));
                assert_eq!(found.is_ok(), case["error"].is_null(), "{}: {found:?}", case["name"]);
            }
            "replace_most_similar_chunk" => {
                if let Ok(edited) = edit::apply(text(0), &[Edit::new(text(1), text(2))]) {
                    assert_eq!(Some(edited.text.as_str()), case["result"].as_str(), "{}", case["name"]);
                }
            }
            _ => assert!(patch::parse(text(0)).is_err(), "{}", case["name"]),
        }
    }
}
