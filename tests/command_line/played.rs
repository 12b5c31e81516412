//! The headless verbs against an engine end that a test plays.

use std::io::{self, Write};
use std::path::PathBuf;
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
use tokio::sync::mpsc;

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
