//! Everyday work goes on in the sandbox as it does outside.

use std::path::Path;
use std::process::{Command, Stdio};

use super::arena::{KILN, base};

/// What is done: the program it needs, what is there before, the line that is run.
const TASKS: &[(&str, &str, &str)] = &[
    (
        "git",
        "git init -q . && git config user.email a@b && git config user.name a && echo one > a && git add a && git commit -qm first && echo two >> a",
        "git status --short && git log --oneline && git diff && git show HEAD --stat && git blame a && git branch && git ls-files",
    ),
    (
        "cargo",
        "mkdir src && printf '[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n' > Cargo.toml && printf 'fn main() {}\n#[test] fn t() { assert_eq!(1 + 1, 2) }\n' > src/main.rs",
        "cargo build --quiet --offline && cargo test --quiet --offline && cargo run --quiet --offline",
    ),
    ("cargo", "", "cd /tmp && cargo init --quiet --name tiny tiny && cd tiny && cargo check --quiet --offline"),
    (
        "node",
        "echo '{\"type\":\"module\"}' > package.json",
        "node -e 'console.log(require(\"os\").cpus().length > 0, 6 * 7)' && node --input-type=module -e 'import {execFileSync} from \"node:child_process\"; console.log(execFileSync(\"echo\", [\"child\"]).toString())'",
    ),
    (
        "node",
        "",
        "node -e 'const h = require(\"http\"); const s = h.createServer((q, r) => r.end(\"served\")).listen(0, \"127.0.0.1\", () => h.get({port: s.address().port, host: \"127.0.0.1\"}, r => { r.on(\"data\", d => console.log(String(d))); r.on(\"end\", () => s.close()) }))' | grep served",
    ),
    (
        "python3",
        "",
        "python3 -c 'import sqlite3, ssl, json, tempfile; f = tempfile.NamedTemporaryFile(); f.write(b\"x\"); print(json.dumps([1]))'",
    ),
    (
        "python3",
        "echo 'import multiprocessing as m\ndef f(x): return x * x\nif __name__ == \"__main__\":\n  with m.Pool(3) as p: print(p.map(f, range(9)))\n  q = m.Manager().dict(); q[1] = 2; print(q)' > pool.py",
        "python3 pool.py",
    ),
    (
        "python3",
        "echo served > index.html",
        "python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do python3 -c 'import urllib.request; print(urllib.request.urlopen(\"http://127.0.0.1:8123/\").read().decode())' 2>/dev/null && exit 0; sleep 0.1; done; exit 1",
    ),
    ("python3", "", "python3 -c 'import pty, os; pty.spawn([\"echo\", \"in a terminal\"])'"),
    ("gcc", "echo 'int main(void) { return 0; }' > a.c", "gcc -O2 -pthread -o a a.c && ./a"),
    ("make", "printf 'all: b\\nb: a\\n\\tcp a b\\n' > Makefile; echo x > a", "make -j4 && test -f b"),
    ("sqlite3", "", "sqlite3 a.db 'create table t(x); insert into t values (1); select * from t'"),
    ("perl", "", "perl -e 'open(my $f, \"|-\", \"cat\"); print $f \"x\\n\"; close $f; print $!'"),
    ("tar", "mkdir d; echo x > d/x", "tar czf a.tgz d && mkdir e && tar xzf a.tgz -C e && test -f e/d/x"),
    (
        "sh",
        "",
        "echo $$ > f && chmod 600 f && touch -d 2020-01-01 f && mkdir -p x/y && mv f x/y && ln -s y x/z && cat x/z/f && rm -r x && mkfifo p && (echo piped > p &) && read line < p && test \"$line\" = piped",
    ),
    (
        "sh",
        "",
        "test \"$(id -u)\" = \"$(stat -c %u .)\" && test -w . && echo x > /tmp/x && cat /tmp/x && echo y > /dev/shm/y && head -c 4 /dev/urandom >/dev/null && ls /proc/self/fd >/dev/null && date && hostname >/dev/null",
    ),
    ("sh", "", "(sleep 0.05; exit 3) & wait $! ; test $? = 3 && kill -0 $$ && trap 'exit 0' TERM && kill -TERM $$"),
];

fn there_is(program: &str) -> bool {
    std::env::var("PATH").unwrap().split(':').any(|folder| Path::new(folder).join(program).is_file())
}

#[test]
fn everyday_work_passes() {
    let base = base("kiln-everyday-");
    let (mut passed, mut broken) = (0, Vec::new());
    for (number, (program, before, line)) in TASKS.iter().enumerate() {
        if !there_is(program) {
            println!("skipped: there is no `{program}` here: {line}");
            continue;
        }
        let project = base.path().join(number.to_string());
        std::fs::create_dir(&project).unwrap();
        let prepared = Command::new("/bin/sh").args(["-c", before]).current_dir(&project).status().unwrap();
        assert!(prepared.success(), "{before}");
        let output = Command::new(KILN)
            .args(["sandbox", "--require", "strict", "--", "/bin/sh", "-c", line])
            .current_dir(&project)
            .env("KILN_HOME", base.path().join("kiln"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            passed += 1;
        } else {
            let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            broken.push(format!("{line}\n{}: {printed}", output.status));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    println!("{passed} of {} tasks pass", TASKS.len());
    assert!(passed >= 3);
}
