//! Promises of the command line: help, words, exit codes, and the headless verbs against an engine
//! end that a test plays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use kiln::cli::{Console, ExecRequest, Exit, Failure, Format, Interrupts, Start, exec, find_session, list_sessions};
use kiln::domain::catalog::{Description, Readiness};
use kiln::domain::op::NewProject;
use kiln::domain::{
    ChangeKind, ContentHash, Cost, Event, ExistingFiles, ExportTarget, Fact, FactBody, Fault, FaultClass, FileChange,
    Glimpse, ModelInfo, ModelRef, Op, PlannedStep, Project, ProjectPath, Reply, Seq, SessionId, SessionState,
    SessionSummary, StepId, TurnId, TurnOutcome, TurnProtocol, Usage,
};
use kiln::engine::{Ends, Engine};
use tempfile::TempDir;
use tokio::sync::mpsc;

// --- the program from outside

fn kiln(home: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(arguments)
        .env_clear()
        .env("KILN_HOME", home)
        // A person who forces colour must still get none in a pipe.
        .envs([("TERM", "xterm-256color"), ("CLICOLOR_FORCE", "1"), ("COLORTERM", "truecolor")])
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may have refused its arguments and gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

/// Exit code, standard output and standard error, which hold no control character.
fn told(arguments: &[&str]) -> (i32, String, String) {
    let home = TempDir::new().unwrap();
    let output = kiln(home.path(), arguments, "");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for text in [&out, &err] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{arguments:?}: {text:?}");
    }
    let home = home.path().display().to_string();
    (output.status.code().unwrap(), out.replace(&home, "HOME"), err.replace(&home, "HOME"))
}

#[test]
fn the_version_is_one_line() {
    let expected = concat!("kiln ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    assert_eq!(told(&["--version"]), (0, expected.clone(), String::new()));
    assert_eq!(told(&["-V"]), (0, expected, String::new()));
    let home = TempDir::new().unwrap();
    kiln(home.path(), &["--version"], "");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "asking for the version writes nothing");
}

#[test]
fn every_verb_has_help() {
    let verbs: &[&[&str]] = &[
        &[],
        &["sandbox"],
        &["new"],
        &["exec"],
        &["sessions"],
        &["sessions", "list"],
        &["sessions", "show"],
        &["sessions", "resume"],
        &["sessions", "rm"],
        &["export"],
        &["models"],
        &["models", "list"],
        &["models", "pull"],
        &["config"],
        &["config", "show"],
        &["config", "path"],
        &["config", "init"],
        &["config", "set"],
        &["config", "unset"],
        &["keys"],
        &["keys", "set"],
        &["keys", "list"],
        &["keys", "use"],
        &["keys", "rm"],
        &["trust"],
        &["mcp"],
        &["mcp", "add"],
        &["mcp", "list"],
        &["mcp", "allow"],
        &["mcp", "accept"],
        &["mcp", "login"],
        &["mcp", "rm"],
        &["mcp", "test"],
        &["net"],
        &["net", "log"],
        &["init"],
        &["doctor"],
        &["tour"],
        &["completions"],
    ];
    let mut all = String::new();
    for verb in verbs {
        let (code, out, err) = told(&[*verb, &["--help"]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{verb:?}");
        // The common flags are the same everywhere and stand in the first of these texts.
        let own = if verb.is_empty() { out.as_str() } else { out.split("Options of every command:").next().unwrap() };
        all += &format!("$ kiln {} --help\n{}\n\n", verb.join(" "), own.trim_end());
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn mistakes_are_told_with_a_hint_and_code_2() {
    for (arguments, first) in [
        (vec!["--bogus"], "error: unexpected argument '--bogus' found"),
        (vec!["exec"], "error: the following required arguments were not provided:"),
        (vec!["sessions"], ""),
        (vec!["--scratch", "--cd", ".", "x"], "error: the argument '--scratch' cannot be used with '--cd <DIR>'"),
        (vec!["sesions"], "error: there is no command `sesions`"),
        (vec!["exec", "--export", "tar:x", "hi"], "error: `tar:x` is no export target"),
        (vec!["exec", " "], "error: the prompt is empty"),
        (vec!["exec", "-"], "error: the prompt is empty"),
        (vec![], "error: there is no terminal to open and no prompt to run"),
        (vec!["--provider", "", "config", "path"], "error: `--provider` is empty"),
    ] {
        let (code, out, err) = told(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.starts_with(first), "{arguments:?}: {err}");
        assert!(err.contains("\nhint: ") || err.contains("Usage: "), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
    }
}

#[test]
fn a_picture_that_is_none_is_told_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let text = home.path().join("note.png");
    std::fs::write(&text, "no picture").unwrap();
    for (path, why) in [(text.to_str().unwrap(), "its bytes begin otherwise"), ("nothing.png", "o such file")] {
        let (code, _, err) = told(&["exec", "--image", path, "what is this?"]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("is no picture to show") && err.contains(why) && err.contains("\nhint: "), "{err}");
    }
}

#[test]
fn what_is_not_there_ends_with_code_4() {
    for (arguments, expected) in [
        (
            vec!["--cd", "absent", "exec", "hi"],
            "error: the folder `absent` cannot be used: No such file or directory (os error 2)\n\
             hint: name a folder that exists with `--cd`, or use `--scratch`\n",
        ),
        (
            vec!["--replay", "absent", "exec", "hi"],
            "error: there is no recording `absent`\n\
             hint: name a file that `--record` wrote, or watch `kiln tour`\n",
        ),
        (
            vec!["keys", "rm", "openai"],
            "error: no key is stored for `openai`\nhint: `kiln keys list` names the stored keys\n",
        ),
    ] {
        assert_eq!(told(&arguments), (4, String::new(), expected.to_owned()), "{arguments:?}");
    }
}

#[test]
fn an_export_over_something_is_refused_before_a_model_is_asked() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("there.zip"), "mine").unwrap();
    let output = kiln(home.path(), &["exec", "--export", "zip:there.zip", "hi"], "");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{errors}");
    assert!(errors.contains("there.zip` exists already\nhint: choose another place, or replace it with `--force`"));
}

#[test]
fn settings_can_be_written_shown_and_changed() {
    let home = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = kiln(home.path(), arguments, "");
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let path = home.path().join("config/config.toml");
    assert_eq!(run(&["config", "path"]), (0, format!("{}\n", path.display()), String::new()));
    assert_eq!(run(&["config", "init"]), (0, format!("{}\n", path.display()), String::new()));
    assert_eq!(run(&["config", "init"]).0, 3);
    assert_eq!(run(&["config", "set", "ui.theme", "night"]), (0, String::new(), String::new()));
    let (code, out, _) = run(&["config", "show", "--origin"]);
    assert_eq!(code, 0);
    assert!(out.contains(&format!("ui.theme = \"night\"    # {} line ", path.display())), "{out}");
    assert!(run(&["--theme", "day", "config", "show", "--origin"]).1.contains("ui.theme = \"day\"    # flag --theme"));
    assert_eq!(run(&["config", "set", "ui.mouse", "perhaps"]).0, 3);
    std::fs::write(&path, "[ui]\nthem = \"x\"\n").unwrap();
    let (code, out, err) = run(&["config", "show"]);
    assert_eq!(code, 3);
    assert!(out.contains("ui.theme = \"auto\""), "{out}");
    assert!(err.contains("did you mean `ui.theme`?"), "{err}");
}

#[test]
fn completions_name_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = told(&["completions", shell]);
        assert!(code == 0 && out.contains("sessions"), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let home = TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["config", "show"])
        .env("KILN_HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(matches!(output.status.code(), Some(141 | 0)), "{:?}", output.status);
}

// --- the verbs against a played engine

/// What was written, readable afterwards.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An engine end that tells these events when a session starts and notes what it was asked.
struct Script {
    session: SessionId,
    readiness: Readiness,
    events: Vec<Event>,
    /// Told when the turn is cancelled.
    on_cancel: Vec<Event>,
    export: Result<(), Fault>,
    sessions: Vec<SessionSummary>,
    troubles: Vec<Fault>,
}

fn model() -> ModelInfo {
    ModelInfo::unknown(ModelRef::new("scripted", "demo"))
}

impl Script {
    fn new(session: SessionId, events: Vec<Event>) -> Self {
        let (on_cancel, sessions) = (Vec::new(), Vec::new());
        Self { session, readiness: Readiness::Ready, events, on_cancel, export: Ok(()), sessions, troubles: Vec::new() }
    }

    fn play(mut self) -> (Engine, Arc<Mutex<Vec<Op>>>) {
        let (engine, Ends { mut ops, events }) = Engine::channel();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        tokio::spawn(async move {
            while let Some(submission) = ops.recv().await {
                let op = submission.envelope.op;
                noted.lock().unwrap().push(op.clone());
                let tell = |told: Vec<Event>| told.into_iter().for_each(|event| drop(events.send(Arc::new(event))));
                let reply = match op {
                    Op::Describe => Reply::Described {
                        description: Box::new(Description {
                            model: model(),
                            readiness: std::mem::replace(&mut self.readiness, Readiness::Ready),
                            providers: Vec::new(),
                            weights: Vec::new(),
                            troubles: std::mem::take(&mut self.troubles),
                            sandbox: None,
                        }),
                    },
                    Op::PullModel { name, .. } => {
                        let received = [0, 50, 51, 100].map(|received| Event::Pull {
                            name: name.clone(),
                            stage: "fetching".to_owned(),
                            received,
                            total: Some(100),
                        });
                        tell(received.to_vec());
                        Reply::Pulled { name, path: PathBuf::from("/weights/demo") }
                    }
                    Op::StartSession { .. } => {
                        tell(std::mem::take(&mut self.events));
                        Reply::Session { session: self.session }
                    }
                    Op::Cancel { .. } => {
                        tell(std::mem::take(&mut self.on_cancel));
                        Reply::Done
                    }
                    Op::ListSessions => Reply::Sessions { sessions: self.sessions.clone() },
                    Op::Export { target, .. } => match self.export.clone() {
                        Ok(()) => {
                            let path = target.path.display().to_string();
                            let body = FactBody::Exported { target: target.kind, path, files: 1, bytes: 9 };
                            tell(vec![fact(self.session, 9, body)]);
                            Reply::Exported { path: target.path, files: 1, bytes: 9, renamed: Vec::new() }
                        }
                        Err(fault) => Reply::Failed { fault },
                    },
                    _ => Reply::Done,
                };
                if let Some(answer) = submission.answer {
                    answer.send(reply).ok();
                }
            }
        });
        (engine, asked)
    }
}

fn fact(session: SessionId, seq: u64, body: FactBody) -> Event {
    let at = Timestamp::from_second(1_750_000_000 + i64::try_from(seq).unwrap()).unwrap();
    Event::Fact(Fact { session, seq: Seq(seq), at, body })
}

fn text(session: SessionId, text: &str) -> Event {
    Event::Glimpse { session, glimpse: Glimpse::Text { text: text.to_owned() } }
}

/// A whole turn that plans, writes a file, answers with a hostile character and ends like this.
fn turn(session: SessionId, outcome: TurnOutcome) -> Vec<Event> {
    let turn = TurnId(1);
    let change = FileChange {
        turn,
        step: None,
        path: ProjectPath::parse("index.html").unwrap(),
        before: None,
        after: Some(ContentHash::from("00")),
        bytes: 9,
        added: 3,
        removed: 0,
        author: kiln::domain::Author::Model,
    };
    assert_eq!(change.kind(), ChangeKind::Created);
    let usage = Usage { input_uncached: 20, output_visible: 7, ..Usage::default() };
    let reference = model().reference;
    vec![
        fact(
            session,
            1,
            FactBody::SessionStarted { project: Project::Scratch { root: PathBuf::from("/p") }, kiln: "0".to_owned() },
        ),
        fact(
            session,
            2,
            FactBody::TurnStarted {
                turn,
                text: "a page".to_owned(),
                model: reference.clone(),
                protocol: TurnProtocol::Tools,
            },
        ),
        fact(
            session,
            3,
            FactBody::PlanSet { turn, steps: vec![PlannedStep { id: StepId(1), title: "write the page".to_owned() }] },
        ),
        fact(session, 4, FactBody::FileChanged { change }),
        text(session, "Here it "),
        text(SessionId::generate(), "not ours"),
        text(session, "is\u{1b}[2J"),
        fact(session, 5, FactBody::Answered { turn, text: "Here it is\u{1b}[2J.".to_owned(), whole: true }),
        fact(session, 6, FactBody::UsageRecorded { turn, model: reference, usage, cost: Cost::Unknown }),
        fact(session, 7, FactBody::Noticed { text: "saved".to_owned() }),
        fact(session, 8, FactBody::TurnEnded { turn, outcome }),
    ]
}

fn request(format: Format) -> ExecRequest {
    ExecRequest {
        start: Start::New(NewProject::Scratch),
        prompt: "a page".to_owned(),
        format,
        mode: kiln::domain::Mode::Ask,
        export: None,
    }
}

struct Ran {
    end: Result<Exit, Failure>,
    out: String,
    err: String,
    asked: Vec<Op>,
}

async fn run(script: Script, request: ExecRequest, interrupts: &mut Interrupts) -> Ran {
    let (engine, asked) = script.play();
    let (out, err) = (Page::default(), Page::default());
    let mut console = Console::plain(out.clone(), err.clone());
    let end = exec(&engine, request, &mut console, interrupts).await;
    let asked = asked.lock().unwrap().clone();
    Ran { end, out: out.text(), err: err.text(), asked }
}

fn never() -> Interrupts {
    Interrupts::scripted(mpsc::unbounded_channel().1)
}

#[tokio::test]
async fn the_answer_goes_to_standard_output_and_the_rest_to_standard_error() {
    let session = SessionId::generate();
    let ran =
        run(Script::new(session, turn(session, TurnOutcome::Completed)), request(Format::Text), &mut never()).await;
    assert_eq!(ran.end, Ok(Exit::Done));
    assert_eq!(ran.out, "Here it is␛[2J.\n");
    assert_eq!(
        ran.err,
        format!(
            "asking scripted/demo\nplan:\n  1. write the page\nwrote index.html\nsaved\nfiles:\n  index.html +3\n\
             project: /p\ntokens: 20 in, 7 out; cost unknown\nsession: {}\n",
            session.short()
        )
    );
}

#[tokio::test]
async fn json_lines_fold_back_into_the_same_session() {
    let session = SessionId::generate();
    let events = turn(session, TurnOutcome::Completed);
    let mut expected = SessionState::empty();
    for event in &events {
        if let Event::Fact(fact) = event {
            assert!(expected.apply(fact));
        }
    }
    let ran = run(Script::new(session, events), request(Format::Json), &mut never()).await;
    assert_eq!(ran.end, Ok(Exit::Done));
    let mut folded = SessionState::empty();
    for line in ran.out.lines() {
        assert!(folded.apply(&serde_json::from_str(line).unwrap()), "{line}");
    }
    assert_eq!(folded, expected);
    assert!(!ran.out.contains('\u{1b}'));
}

#[tokio::test]
async fn a_failed_turn_ends_with_code_1_and_is_not_exported() {
    let session = SessionId::generate();
    let fault = Fault::new(FaultClass::Offline, "the provider cannot be reached").hint("check the network");
    let failed = turn(session, TurnOutcome::Failed { fault: fault.clone() });
    let target = ExportTarget { kind: "zip".to_owned(), path: PathBuf::from("/x.zip") };
    let request = ExecRequest { export: Some((target, ExistingFiles::Keep)), ..request(Format::Text) };
    let ran = run(Script::new(session, failed), request, &mut never()).await;
    assert_eq!(ran.end, Err(Failure::new(Exit::Failed, fault)));
    assert!(ran.err.contains("not exported, because the turn did not complete\n"), "{}", ran.err);
    assert!(!ran.asked.iter().any(|op| matches!(op, Op::Export { .. })));
}

#[tokio::test]
async fn an_export_follows_a_completed_turn() {
    let session = SessionId::generate();
    let target = ExportTarget { kind: "zip".to_owned(), path: PathBuf::from("/x.zip") };
    let with_export = || ExecRequest { export: Some((target.clone(), ExistingFiles::Keep)), ..request(Format::Json) };
    let ran = run(Script::new(session, turn(session, TurnOutcome::Completed)), with_export(), &mut never()).await;
    assert_eq!(ran.end, Ok(Exit::Done));
    assert!(ran.err.contains("exported 1 file, 9 B, to /x.zip\n"), "{}", ran.err);
    assert!(ran.out.lines().last().unwrap().contains("\"type\":\"exported\""), "{}", ran.out);

    let refusal = Fault::new(FaultClass::Invalid, "`/x.zip` exists already");
    let mut script = Script::new(session, turn(session, TurnOutcome::Completed));
    script.export = Err(refusal.clone());
    let ran = run(script, with_export(), &mut never()).await;
    assert_eq!(ran.end, Err(Failure::new(Exit::Export, refusal)));
}

#[tokio::test]
async fn ctrl_c_cancels_the_turn_and_keeps_what_was_written() {
    let session = SessionId::generate();
    let mut events = turn(session, TurnOutcome::Cancelled);
    let ending = events.pop().unwrap();
    let mut script = Script::new(session, events);
    script.on_cancel = vec![ending];
    let (engine, asked) = script.play();
    let (out, err) = (Page::default(), Page::default());
    let mut console = Console::plain(out, err.clone());
    let (interrupt, interrupts) = mpsc::unbounded_channel();
    let mut seen = engine.subscribe();
    tokio::spawn(async move {
        // Ctrl-C comes when the turn has begun to write.
        while let Some(event) = seen.next().await {
            if matches!(&*event, Event::Fact(Fact { body: FactBody::Noticed { .. }, .. })) {
                interrupt.send(()).ok();
            }
        }
    });
    let end = exec(&engine, request(Format::Text), &mut console, &mut Interrupts::scripted(interrupts)).await;
    assert_eq!(end, Ok(Exit::Cancelled));
    assert!(err.text().contains("cancelling\n"), "{}", err.text());
    assert!(err.text().ends_with("cancelled; what was written stays\n"), "{}", err.text());
    assert_eq!(asked.lock().unwrap().iter().filter(|op| **op == Op::Cancel { session }).count(), 1);
}

#[tokio::test]
async fn missing_weights_are_fetched_first() {
    let session = SessionId::generate();
    let mut script = Script::new(session, turn(session, TurnOutcome::Completed));
    script.readiness = Readiness::NeedsDownload(100);
    script.troubles = vec![Fault::new(FaultClass::Storage, "nothing is saved").hint("free some space")];
    let ran = run(script, request(Format::Text), &mut never()).await;
    assert_eq!(ran.end, Ok(Exit::Done));
    assert!(
        ran.err.starts_with("error: nothing is saved\nhint: free some space\nfetching the weights of demo (100 B)\n"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("demo is ready: /weights/demo\n"), "{}", ran.err);
}

#[tokio::test]
async fn a_missing_key_is_told_before_anything_is_asked() {
    let session = SessionId::generate();
    let mut script = Script::new(session, Vec::new());
    script.readiness = Readiness::NeedsKey("SCRIPTED_API_KEY".to_owned());
    let ran = run(script, request(Format::Text), &mut never()).await;
    let failure = ran.end.unwrap_err();
    assert_eq!(failure.exit, Exit::Config);
    assert_eq!(
        failure.fault.hint.as_deref(),
        Some("set `SCRIPTED_API_KEY`, or store it with `kiln keys set scripted`")
    );
    assert_eq!(ran.asked, [Op::Describe]);
}

#[tokio::test]
async fn a_reader_that_goes_away_cancels_the_turn() {
    let session = SessionId::generate();
    let (engine, asked) = Script::new(session, turn(session, TurnOutcome::Completed)).play();
    let mut console = Console::plain(Gone, Page::default());
    let failure = exec(&engine, request(Format::Text), &mut console, &mut never()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::PipeClosed);
    // The wish to cancel was sent before this question, so it has been taken when this is answered.
    engine.ask(Op::ListSessions).await.unwrap();
    assert!(asked.lock().unwrap().contains(&Op::Cancel { session }));
}

fn summary(session: SessionId, updated: i64) -> SessionSummary {
    let at = Timestamp::from_second(updated).unwrap();
    let project = Project::Scratch { root: PathBuf::from("/p") };
    let title = "a\u{1b}[2J\npage".to_owned();
    SessionSummary { session, title, project, model: None, created: at, updated: at, facts: 3 }
}

#[tokio::test]
async fn sessions_are_named_by_id_short_id_or_last() {
    let (old, new) = (SessionId::generate(), SessionId::generate());
    let mut script = Script::new(old, Vec::new());
    script.sessions = vec![summary(old, 1_750_000_000), summary(new, 1_750_000_060)];
    let (engine, _) = script.play();
    for (text, found) in [
        ("last".to_owned(), new),
        (old.to_string(), old),
        (old.short(), old),
        (old.short().to_uppercase(), old),
        (new.short(), new),
    ] {
        assert_eq!(find_session(&engine, &text).await, Ok(found), "{text}");
    }
    for text in ["", "zzzzzzzz", "last2"] {
        assert_eq!(find_session(&engine, text).await.unwrap_err().exit, Exit::NotFound, "{text}");
    }
    let out = Page::default();
    list_sessions(&engine, false, &mut Console::plain(out.clone(), Page::default())).await.unwrap();
    assert_eq!(
        out.text(),
        format!(
            "{}  2025-06-15 15:06  a␛[2J page  (scratch)\n{}  2025-06-15 15:07  a␛[2J page  (scratch)\n",
            old.short(),
            new.short()
        )
    );
}

// --- the first run and the doctor

/// A server on this machine that lists two models for the right key, and refuses every other.
fn models_server() -> String {
    use std::io::Read;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => request.extend_from_slice(&buffer[..count]),
                }
            }
            let right = String::from_utf8_lossy(&request).contains(RIGHT_KEY);
            let (status, body) = if right {
                (
                    "200 OK",
                    r#"{"object":"list","data":[{"id":"alpha","object":"model"},{"id":"beta","object":"model"}]}"#,
                )
            } else {
                (
                    "401 Unauthorized",
                    r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error"}}"#,
                )
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    format!("http://{address}/v1")
}

const RIGHT_KEY: &str = "sk-right-0123456789abcdef";
const WRONG_KEY: &str = "sk-wrong-0123456789abcdef";

fn kiln_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(arguments)
        .env_clear()
        .env("KILN_HOME", home)
        .env("TERM", "xterm-256color")
        // No bus that could be reached: this machine has no keychain.
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .envs(variables.iter().copied())
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn findings(output: &Output) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let findings: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&output.stdout).unwrap();
    for finding in &findings {
        assert_eq!(finding.keys().collect::<Vec<_>>(), ["name", "state", "text", "hint"]);
        assert!(["ok", "warn", "fail"].contains(&finding["state"].as_str().unwrap()), "{finding:?}");
    }
    findings
}

fn state(findings: &[serde_json::Map<String, serde_json::Value>], name: &str) -> String {
    let found = findings.iter().find(|finding| finding["name"] == name);
    found.unwrap_or_else(|| panic!("no finding `{name}`"))["state"].as_str().unwrap().to_owned()
}

#[test]
fn the_doctor_finds_nothing_broken_on_a_fresh_machine() {
    let home = TempDir::new().unwrap();
    let output = kiln_with(home.path(), &["doctor", "--json"], &[], "");
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found:?}");
    for name in ["kiln", "settings", "folders", "disk", "database", "network", "proxy"] {
        assert_eq!(state(&found, name), "ok", "{name}");
    }
    assert_eq!(state(&found, "model"), "warn", "nobody can answer yet");
}

#[test]
fn the_doctor_asks_each_provider_and_fails_on_a_wrong_key_without_showing_it() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let right = [("OPENAI_API_KEY", RIGHT_KEY), ("OPENAI_BASE_URL", url.as_str())];
    let output = kiln_with(home.path(), &["doctor", "--json"], &right, "");
    assert_eq!(state(&findings(&output), "provider openai"), "ok");
    assert_eq!(output.status.code(), Some(0));

    let wrong = [
        ("OPENAI_API_KEY", WRONG_KEY),
        ("OPENAI_BASE_URL", url.as_str()),
        ("HTTPS_PROXY", "http://ada:hunter2@127.0.0.1:9"),
    ];
    for arguments in [&["doctor", "--json"][..], &["doctor"][..]] {
        let output = kiln_with(home.path(), arguments, &wrong, "");
        assert_eq!(output.status.code(), Some(1));
        let all = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
        for secret in [WRONG_KEY, "hunter2"] {
            assert!(!all.contains(secret), "{all}");
        }
        if arguments.len() == 2 {
            let found = findings(&output);
            assert_eq!(state(&found, "provider openai"), "fail");
            assert_eq!(state(&found, "proxy"), "ok");
        }
    }
}

#[test]
fn the_doctor_asks_nobody_while_offline_and_names_broken_settings() {
    let home = TempDir::new().unwrap();
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/config.toml"), "[ui]\nframe_rate = 900\n").unwrap();
    let variables = [("OPENAI_API_KEY", RIGHT_KEY)];
    let output = kiln_with(home.path(), &["doctor", "--json", "--offline"], &variables, "");
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(1), "a setting that cannot be used is a failure");
    assert_eq!(state(&found, "settings"), "fail");
    assert_eq!(state(&found, "provider openai"), "ok", "not asked is no failure");
}

#[test]
fn init_keeps_the_defaults_where_the_input_ends() {
    let home = TempDir::new().unwrap();
    let output = kiln_with(home.path(), &["init"], &[], "");
    assert_eq!(output.status.code(), Some(0));
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("MB to fetch"), "the download's size is told: {out}");
    let written = std::fs::read_to_string(home.path().join("config/config.toml")).unwrap();
    assert!(written.contains("provider = \"embedded\""), "{written}");
    assert!(
        !home.path().join("cache/weights").exists()
            || std::fs::read_dir(home.path().join("cache/weights")).unwrap().next().is_none(),
        "nothing is fetched unasked"
    );
}

#[test]
fn init_takes_a_key_from_the_environment_tests_it_and_keeps_comments() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    let file = home.path().join("config/config.toml");
    std::fs::write(&file, "# mine\n[ui]\nmouse = false # no mouse\n").unwrap();
    let variables = [("OPENAI_API_KEY", RIGHT_KEY), ("OPENAI_BASE_URL", url.as_str())];
    let output = kiln_with(home.path(), &["init"], &variables, "openai\nbeta\nwrite\n");
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("lists 2 models"), "{out}");
    let written = std::fs::read_to_string(&file).unwrap();
    for part in ["# mine\n", "mouse = false # no mouse", "provider = \"openai\"", "default_model = \"beta\""] {
        assert!(written.contains(part), "{part}: {written}");
    }
    let shown = kiln_with(home.path(), &["models", "list"], &variables, "");
    assert!(String::from_utf8(shown.stdout).unwrap().starts_with("in use: openai/beta  ready"));
}

#[test]
fn init_left_on_the_way_changes_nothing() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let variables = [("OPENAI_BASE_URL", url.as_str())];
    for answers in
        ["quit\n", &format!("openai\n{WRONG_KEY}\nleave\n"), &format!("openai\n{RIGHT_KEY}\nalpha\nnowhere\nleave\n")]
    {
        let output = kiln_with(home.path(), &["init"], &variables, answers);
        let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(all.contains("nothing was changed"), "{answers}: {all}");
        assert!(!all.contains(WRONG_KEY) && !all.contains(RIGHT_KEY), "{all}");
        assert!(!home.path().join("config/config.toml").exists());
        assert!(!home.path().join("data/keys.json").exists());
    }
}

#[test]
fn init_stores_a_tested_key_in_the_encrypted_file() {
    let (home, url) = (TempDir::new().unwrap(), models_server());
    let variables = [("OPENAI_BASE_URL", url.as_str())];
    let answers = format!(
        "openai\n{WRONG_KEY}\ntype another key\n{RIGHT_KEY}\n\nan encrypted file\ncorrect horse\ncorrect horse\n\n"
    );
    let output = kiln_with(home.path(), &["init"], &variables, &answers);
    let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{all}");
    let passphrase = [("OPENAI_BASE_URL", url.as_str()), ("KILN_KEYS_PASSPHRASE", "correct horse")];
    let output = kiln_with(home.path(), &["doctor", "--json"], &passphrase, "");
    let found = findings(&output);
    assert_eq!((state(&found, "provider openai"), state(&found, "key file")), ("ok".into(), "ok".into()));
}
