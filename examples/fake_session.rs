//! Plays a made-up session into the real terminal app, for looking at it without an engine:
//! `cargo run --example fake_session`. Any message starts a turn; one that holds `fail` fails,
//! `long` makes a long answer, `pull` as first argument plays missing weights.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "a toy"
)]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kiln::domain::catalog::{Description, Readiness, WeightsStatus};
use kiln::domain::op::{FileView, NewProject};
use kiln::domain::*;
use kiln::engine::{Ends, Engine};
use kiln::tui::keymap::Keymap;
use kiln::tui::terminal::clipboard::Place;
use kiln::tui::theme::ColorDepth;
use kiln::tui::{Mouse, Start, UiSettings};

const FILE: &str = "//! Counts words.\nuse std::collections::HashMap;\n\n/// Counts the words of a text.\npub fn count(text: &str) -> HashMap<&str, usize> {\n    let mut words = HashMap::new();\n    for word in text.split_whitespace() {\n        *words.entry(word).or_insert(0) += 1;\n    }\n    words\n}\n\nfn main() {\n    let text = \"one two two\";\n    for (word, times) in count(text) {\n        println!(\"{word}: {times}\");\n    }\n}\n";

#[derive(Clone)]
struct Fake {
    events: tokio::sync::broadcast::Sender<Arc<Event>>,
    view: Arc<std::sync::Mutex<SessionView>>,
    session: SessionId,
}

impl Fake {
    fn fact(&self, body: FactBody) {
        let mut view = self.view.lock().unwrap();
        let fact = Fact { session: self.session, seq: view.state.seq.next(), at: Timestamp::now(), body };
        assert!(view.apply(&fact));
        drop(self.events.send(Arc::new(Event::Fact(fact))));
    }
    fn glimpse(&self, glimpse: Glimpse) {
        self.view.lock().unwrap().live.apply(&glimpse);
        drop(self.events.send(Arc::new(Event::Glimpse { session: self.session, glimpse })));
    }
}

async fn rest(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn model() -> ModelInfo {
    ModelInfo {
        window: Some(8192),
        note: Some("a very small model: good for one-page sketches, not for large programs".into()),
        protocol: TurnProtocol::Fenced,
        ..ModelInfo::unknown(ModelRef::new("embedded", "smollm2-135m"))
    }
}

async fn turn(fake: Fake, text: String) {
    let turn = fake.view.lock().unwrap().state.turn.next();
    let protocol = TurnProtocol::Fenced;
    fake.fact(FactBody::TurnStarted { turn, text: text.clone(), model: model().reference, protocol });
    fake.glimpse(Glimpse::Phase { phase: Phase::Waiting });
    rest(600).await;
    fake.glimpse(Glimpse::Phase { phase: Phase::Thinking });
    for _ in 0..10 {
        fake.glimpse(Glimpse::Reasoning { text: "the person wants a tool that counts. ".into() });
        rest(50).await;
    }
    fake.fact(FactBody::Reasoned { turn, text: "the person wants a tool that counts. ".repeat(10), opaque: None });
    let step = |n, title: &str| PlannedStep { id: StepId(n), title: title.into() };
    let steps = vec![step(1, "write the counter"), step(2, "describe it in a README"), step(3, "check the edges")];
    fake.fact(FactBody::PlanSet { turn, steps });
    fake.glimpse(Glimpse::Phase { phase: Phase::Answering });
    let count = if text.contains("long") { 400 } else { 3 };
    let mut answer = String::new();
    for n in 0..count {
        let part = format!(
            "## Part {n}\n\nI begin with **the counter**, then the `README`.\n\n- one *thing*\n- another 日本語 👩‍👩‍👧\n\n```rust\nfn main() {{ println!(\"{n}\"); }}\n```\n\n"
        );
        for word in part.split_inclusive(' ') {
            answer.push_str(word);
            fake.glimpse(Glimpse::Text { text: word.into() });
            rest(if count > 3 { 2 } else { 15 }).await;
        }
    }
    fake.fact(FactBody::Answered { turn, text: answer, whole: !text.contains("fail") });
    if text.contains("fail") {
        let fault = Fault::new(FaultClass::Offline, "`api.example.org` cannot be reached")
            .detail("connection refused")
            .hint("check the network, or choose another model with `/model`")
            .retryable();
        fake.fact(FactBody::TurnEnded { turn, outcome: TurnOutcome::Failed { fault } });
        return;
    }
    for (n, name) in ["src/main.rs", "README.md"].iter().enumerate() {
        let path = ProjectPath::parse(name).unwrap();
        fake.fact(FactBody::StepChanged { step: StepId(n as u64 + 1), state: StepState::Running });
        fake.glimpse(Glimpse::FileOpened { path: path.clone() });
        fake.glimpse(Glimpse::Phase { phase: Phase::Writing { path: path.clone() } });
        for part in FILE.split_inclusive(' ') {
            fake.glimpse(Glimpse::FileText { path: path.clone(), text: part.into() });
            rest(15).await;
        }
        let before = (n == 0).then(|| ContentHash::new("a"));
        let change = FileChange {
            turn,
            step: None,
            path,
            before,
            after: Some(ContentHash::new("b")),
            bytes: FILE.len() as u64,
            added: 18,
            removed: n as u32 * 2,
        };
        fake.fact(FactBody::FileChanged { change });
        fake.fact(FactBody::StepChanged { step: StepId(n as u64 + 1), state: StepState::Done });
    }
    fake.fact(FactBody::StepChanged { step: StepId(3), state: StepState::Skipped });
    let usage = Usage { input_uncached: 1234, output_visible: 567, ..Usage::default() };
    fake.fact(FactBody::UsageRecorded { turn, model: model().reference, usage, cost: Cost::Unknown });
    fake.fact(FactBody::TurnEnded { turn, outcome: TurnOutcome::Completed });
}

async fn serve(mut ends: Ends, mut missing: bool) {
    let fake = Fake {
        events: ends.events.clone(),
        view: Arc::new(std::sync::Mutex::new(SessionView::empty())),
        session: SessionId::generate(),
    };
    let mut running: Option<tokio::task::JoinHandle<()>> = None;
    while let Some(submission) = ends.ops.recv().await {
        let reply = match submission.envelope.op {
            Op::Describe => {
                let readiness = if missing { Readiness::NeedsDownload(98_000_000) } else { Readiness::Ready };
                let weights = vec![WeightsStatus {
                    name: "smollm2-135m".into(),
                    title: "SmolLM2 135M Instruct".into(),
                    licence: "Apache-2.0".into(),
                    download_bytes: 98_000_000,
                    memory_bytes: 400_000_000,
                    installed: !missing,
                    note: "the smallest: shows how Kiln works, writes simple files only".into(),
                }];
                let description =
                    Description { model: model(), readiness, providers: vec![], weights, troubles: vec![] };
                Reply::Described { description: Box::new(description) }
            }
            Op::PullModel { name, .. } => {
                for n in 0..20u64 {
                    let (received, total) = (n * 5_000_000, Some(98_000_000));
                    let pull = Event::Pull { name: name.clone(), stage: "fetching".into(), received, total };
                    drop(fake.events.send(Arc::new(pull)));
                    rest(100).await;
                }
                missing = false;
                Reply::Pulled { name, path: "/tmp/x".into() }
            }
            Op::StartSession { prompt, .. } => {
                let root = std::env::current_dir().unwrap();
                fake.fact(FactBody::SessionStarted { project: Project::Directory { root }, kiln: "0.1.0".into() });
                fake.fact(FactBody::ModelSelected { model: model() });
                if let Some(text) = prompt {
                    running = Some(tokio::spawn(turn(fake.clone(), text)));
                }
                Reply::Session { session: fake.session }
            }
            Op::Send { text, .. } => {
                if running.as_ref().is_some_and(|r| !r.is_finished()) {
                    fake.fact(FactBody::MessageQueued { text });
                } else {
                    running = Some(tokio::spawn(turn(fake.clone(), text)));
                }
                Reply::Done
            }
            Op::Retry { .. } => {
                running = Some(tokio::spawn(turn(fake.clone(), "again".into())));
                Reply::Done
            }
            Op::Cancel { .. } => {
                if let Some(running) = running.take() {
                    running.abort();
                    let turn = fake.view.lock().unwrap().state.turn;
                    fake.fact(FactBody::TurnEnded { turn, outcome: TurnOutcome::Cancelled });
                }
                Reply::Done
            }
            Op::Snapshot { session } => {
                let view = Box::new(fake.view.lock().unwrap().clone());
                drop(fake.events.send(Arc::new(Event::Snapshot { session, view })));
                Reply::Done
            }
            Op::ReadFile { path, .. } => {
                let before = Some(FILE.replace("or_insert(0)", "or_default()"));
                Reply::File { file: FileView { path, before, now: Some(FILE.into()), binary: false } }
            }
            Op::ListFiles { .. } => {
                let files = ["src/main.rs", "README.md", "Cargo.toml"].map(|p| ProjectPath::parse(p).unwrap());
                Reply::Files { files: files.to_vec() }
            }
            Op::ListModels { .. } => Reply::Models { models: vec![model()] },
            Op::ListSessions => Reply::Sessions { sessions: vec![] },
            Op::Export { existing: ExistingFiles::Keep, target, .. } => Reply::Failed {
                fault: Fault::new(FaultClass::Invalid, format!("`{}` exists already", target.path.display())),
            },
            Op::Export { target, .. } => Reply::Exported { path: target.path, files: 2, bytes: 1234, renamed: vec![] },
            _ => Reply::Done,
        };
        if let Some(answer) = submission.answer {
            drop(answer.send(reply));
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let missing = arguments.next_if(|a| a == "pull").is_some();
    let (engine, ends) = Engine::channel();
    tokio::spawn(serve(ends, missing));
    let start = Start {
        engine,
        project: NewProject::Directory { root: std::env::current_dir().unwrap() },
        model: None,
        prompt: arguments.next(),
        open: None,
        settings: UiSettings {
            theme: None,
            mouse: Mouse::On,
            user_dir: None,
            depth: ColorDepth::True,
            keys: Keymap::standard(),
            place: Place { remote: true, tmux: true },
            editor: None,
        },
        replay_banner: None,
    };
    if let Err(fault) = kiln::tui::run(start).await {
        eprintln!("{fault}");
    }
}
