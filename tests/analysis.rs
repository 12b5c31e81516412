//! Outlines of code, and the map of a project within its budget.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::time::{Duration, Instant};

use kiln::analysis::{Hints, Language, Outlines, map, outline};
use kiln::domain::ProjectPath;
use kiln::workspace::Root;

fn signatures(file: &str, source: &str) -> Vec<String> {
    let language = Language::of(&ProjectPath::parse(file).unwrap()).unwrap();
    let found = outline(language, source.as_bytes());
    found.symbols.iter().map(|one| format!("{}{} {}", "  ".repeat(one.depth), one.line, one.signature)).collect()
}

#[test]
fn each_language_has_its_outline() {
    let rust = "use a::b;\npub struct One<T> {\n    x: T,\n}\nimpl<T> One<T> {\n    pub fn go(&self,\n        n: u8) -> u8 {\n        fn inner() {}\n        n\n    }\n}\npub trait Tra { fn need(&self); }\nmod tests { fn t() {} }\nconst N: u8 = 1;\nmacro_rules! m { () => {} }\n";
    assert_eq!(
        signatures("a.rs", rust),
        [
            "2 pub struct One<T>",
            "5 impl<T> One<T>",
            "  6 pub fn go(&self, n: u8) -> u8",
            "12 pub trait Tra",
            "  12 fn need(&self)",
            "13 mod tests",
            "  13 fn t()",
            "14 const N: u8",
            "15 macro_rules! m { () => {} }",
        ]
    );
    let python = "import os\n@wrap\nclass A(B):\n    x = 1\n    @property\n    def f(self, y: int) -> str:\n        def inner(): pass\n        return ''\nasync def main(): ...\n";
    assert_eq!(signatures("a.py", python), ["3 class A(B)", "  6 def f(self, y: int) -> str", "9 async def main()"]);
    let script = "export const go = async (a) => { x() };\nconst n = 5;\nexport default class K extends L { m(a) { } }\nfunction f(b) { function g() {} }\n";
    assert_eq!(signatures("a.js", script), ["1 go = async (a)", "3 class K extends L", "  3 m(a)", "4 function f(b)"]);
    let typed = "export interface I { a: string; b(): void }\ntype T = { x: number };\nenum E { A }\nabstract class C<T> { abstract n(): T; private m(x: number): void {} }\nnamespace N { export function q(): void {} }\n";
    let found = signatures("a.ts", typed);
    assert_eq!(found[0], "1 interface I");
    assert_eq!(found[2], "3 enum E");
    assert!(found.contains(&"4 abstract class C<T>".to_owned()), "{found:?}");
    assert!(found.contains(&"  4 private m(x: number): void".to_owned()), "{found:?}");
    assert_eq!(signatures("a.tsx", "export function App(p: P) { return <b>{p.x}</b>; }\n"), ["1 function App(p: P)"]);
    let go = "package a\ntype S struct { x int }\ntype (\n\tA = B\n)\nfunc (s *S) Do(n int) error { return nil }\nfunc main() {}\n";
    let found = signatures("a.go", go);
    assert!(
        found.contains(&"6 func (s *S) Do(n int) error".to_owned()) && found.contains(&"7 func main()".to_owned()),
        "{found:?}"
    );
}

#[test]
fn broken_deep_and_binary_sources_have_some_outline_and_no_panic() {
    let deep = format!("fn ok() {{}}\nfn f() {{ {} {} }}", "{".repeat(20_000), "}".repeat(20_000));
    assert_eq!(signatures("a.rs", &deep)[0], "1 fn ok()");
    let nested = format!("{}fn last() {{}}{}", "mod m { ".repeat(3_000), "}".repeat(3_000));
    assert!(signatures("a.rs", &nested).len() >= 300);
    for bytes in [&b"\xff\xfe\x00fn \x80"[..], b"", b"fn (", b"class :", b"def def def", "fn ümlaut() {}".as_bytes()] {
        for file in ["a.rs", "a.py", "a.js", "a.ts", "a.tsx", "a.go"] {
            let language = Language::of(&ProjectPath::parse(file).unwrap()).unwrap();
            outline(language, bytes);
        }
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn drawn(root: &Root, words: &str, touched: &[&str], tokens: usize, outlines: &Outlines) -> String {
    let files = root.files().unwrap().files;
    let touched = touched.iter().map(|path| ProjectPath::parse(path).unwrap()).collect();
    let hints = Hints { words: words.to_owned(), touched };
    map(root, &files, &hints, tokens, outlines).text
}

#[test]
fn what_is_used_spoken_of_and_changed_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "src/store.rs", "pub struct Warehouse;\npub fn open_warehouse() -> Warehouse { Warehouse }\n");
    write(folder.path(), "src/quiet.rs", "pub fn nobody_calls() {}\n");
    write(folder.path(), "src/other.rs", "pub fn nobody_either() {}\n");
    for number in 0..9 {
        write(folder.path(), &format!("src/u{number}.rs"), &format!("fn user{number}() {{ open_warehouse(); }}\n"));
    }
    let root = Root::open(folder.path()).unwrap();
    let outlines = Outlines::default();
    let first = |words: &str, touched: &[&str]| {
        drawn(&root, words, touched, 1000, &outlines).lines().next().unwrap().to_owned()
    };
    assert_eq!(first("hello", &[]), "src/store.rs");
    assert_eq!(first("please change nobody_calls", &[]), "src/quiet.rs");
    assert_eq!(first("what is in src/other.rs?", &["src/quiet.rs"]), "src/other.rs");
    assert_eq!(first("hello", &["src/quiet.rs"]), "src/quiet.rs");
    // A file that was changed is outlined anew.
    write(
        folder.path(),
        "src/store.rs",
        "pub struct Warehouse;\npub fn open_warehouse_now() -> Warehouse { Warehouse }\n",
    );
    assert!(drawn(&root, "", &[], 1000, &outlines).contains("open_warehouse_now"));
    assert_eq!(drawn(&root, "", &[], 0, &outlines), "");
}

#[test]
fn a_large_project_is_mapped_in_bounded_time_and_size() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3_000 {
        let text =
            format!("pub struct Thing{number};\nimpl Thing{number} {{\n    pub fn run(&self) {{}}\n}}\n").repeat(5);
        write(folder.path(), &format!("part{}/file{number}.rs", number % 40), &text);
    }
    let root = Root::open(folder.path()).unwrap();
    let outlines = Outlines::default();
    let began = Instant::now();
    let text = drawn(&root, "", &[], 1500, &outlines);
    // The work on files has a deadline of its own, far below this.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(text.len() <= 1500 * 4 && text.contains("more files: "), "{}", text.len());
}
