//! What stays fast: a frame whatever the transcript's length, code that grows, an answer that comes
//! all at once, the first frame, and what the agent adds to the work it does ([`work`]).
//!
//! `cargo bench --bench speed` measures, then prints the ratios that are promised and ends with an
//! error when one is broken. Ratios are taken within one run, so a slow machine does not matter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly, and prints what it found"
)]

mod work;
#[path = "../../tests/seam/world.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod world;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use kiln::domain::op::NewProject;
use kiln::domain::{
    Event, Fact, FactBody, Glimpse, Live, ModelRef, Project, Seq, SessionId, TurnId, TurnOutcome, TurnProtocol,
};
use kiln::net::sse::Frame;
use kiln::providers::StreamEvent;
use kiln::providers::wire;
use kiln::tui::keymap::Keymap;
use kiln::tui::msg::Msg;
use kiln::tui::terminal::clipboard::Place;
use kiln::tui::terminal::{Screen, Synchronized};
use kiln::tui::text::highlight::{HighlightDone, HighlightKey, HighlightText, Highlighter, Language};
use kiln::tui::text::markdown::Markdown;
use kiln::tui::theme::{ColorDepth, Theme};
use kiln::tui::update::update;
use kiln::tui::view::view;
use kiln::tui::{Model, Mouse, UiSettings};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Whole-process CPU of the fastest other assistant for the same 50,000 events, in seconds: a native
/// program (claude-code 2.1.329), measured on 2026-11-21 on two cores of an AMD EPYC, Debian 12, with
/// the same stream from a server on the machine; the next ones took 2.29 s and 4.82 s.
const FASTEST_OTHER: f64 = 1.35;

/// Small enough that the shortest transcript fills it: a frame costs what is in sight.
const SCREEN: Rect = Rect { x: 0, y: 0, width: 120, height: 24 };
const LENGTHS: [usize; 3] = [20, 2_000, 20_000];
const EVENTS: usize = 50_000;
/// Events between two frames when a provider sends as fast as it can.
const PER_FRAME: usize = 800;

fn fresh() -> Model {
    let settings = UiSettings {
        frame: std::time::Duration::from_millis(16),
        history: None,
        theme: Some("kiln-dark".to_owned()),
        mouse: Mouse::On,
        user_dir: None,
        depth: ColorDepth::True,
        keys: Keymap::standard(),
        place: Place::default(),
        editor: None,
        mode: kiln::domain::Mode::Ask,
        planning: kiln::domain::Planning::Auto,
        bell: kiln::tui::Bell::On,
        review: kiln::domain::Review::After,
    };
    let project = NewProject::Directory { root: "/home/ada/project".into() };
    let mut model = Model::new(settings, project, Theme::load("kiln-dark", None).unwrap(), None);
    model.size = (SCREEN.width, SCREEN.height);
    model.now = "2026-11-21T10:00:00Z".parse().unwrap();
    model
}

/// A session on the screen, told fact by fact.
struct Told {
    model: Model,
    session: SessionId,
    seq: Seq,
}

impl Told {
    fn begin() -> Self {
        let session = SessionId::parse("0192d0a0-7b1e-7c3a-9f00-1234567890ab").unwrap();
        let mut told = Self { model: fresh(), session, seq: Seq(0) };
        told.model.session = Some(session);
        told.fact(FactBody::SessionStarted {
            project: Project::Directory { root: "/home/ada/project".into() },
            kiln: "0".into(),
        });
        told
    }

    fn fact(&mut self, body: FactBody) {
        self.seq = self.seq.next();
        let fact = Fact { session: self.session, seq: self.seq, at: self.model.now, body };
        update(&mut self.model, Msg::Event(Arc::new(Event::Fact(fact))));
    }

    fn glimpse(&mut self, glimpse: Glimpse) {
        update(&mut self.model, Msg::Event(Arc::new(Event::Glimpse { session: self.session, glimpse })));
    }

    /// A finished conversation of at least so many lines on the screen.
    fn with_lines(lines: usize) -> Self {
        let mut told = Self::begin();
        for number in 1..=lines.div_ceil(11) {
            let turn = TurnId(number as u64);
            told.turn(turn);
            let text = "A line with **some** words and `code`, short enough for one row.\n\n".repeat(5);
            told.fact(FactBody::Answered { turn, text, whole: true });
            told.fact(FactBody::TurnEnded { turn, outcome: TurnOutcome::Completed });
        }
        told
    }

    fn turn(&mut self, turn: TurnId) {
        self.fact(FactBody::TurnStarted {
            turn,
            text: "and now the next thing".into(),
            model: ModelRef::new("openai", "fake"),
            protocol: TurnProtocol::Tools,
        });
    }

    fn frame(&mut self, buffer: &mut Buffer) {
        buffer.reset();
        black_box(view(&mut self.model, buffer));
    }
}

/// A frame after a typed letter, with so many lines of conversation.
fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for lines in LENGTHS {
        let mut told = Told::with_lines(lines);
        let mut buffer = Buffer::empty(SCREEN);
        group.bench_function(BenchmarkId::from_parameter(lines), |bench| bench.iter(|| told.frame(&mut buffer)));
    }
    let mut told = Told::with_lines(20);
    let mut buffer = Buffer::empty(SCREEN);
    let mut screen = Screen::new(std::io::sink(), SCREEN.width, SCREEN.height, Synchronized::Off);
    group.bench_function("to_bytes", |bench| {
        bench.iter(|| {
            told.frame(&mut buffer);
            screen
                .draw(|target| {
                    target.clone_from(&buffer);
                    None
                })
                .unwrap()
        });
    });
    group.finish();
}

fn source(lines: usize) -> Vec<String> {
    (0..lines)
        .map(|n| match n % 5 {
            0 => format!("/// Adds {n} to what it is given.\n"),
            1 => format!("pub fn add_{n}(value: u64) -> Result<u64, String> {{\n"),
            2 => format!("    let sum = value.checked_add({n}).ok_or(\"too much\")?; // never mind\n"),
            3 => "    Ok(sum)\n".to_owned(),
            _ => "}\n".to_owned(),
        })
        .collect()
}

type Notices = tokio::sync::mpsc::Receiver<HighlightDone>;

/// A file that comes in pieces of four lines, coloured to its end.
fn grow(highlighter: &Highlighter, notices: &mut Notices, lines: &[String]) {
    let doc = highlighter.new_doc();
    for (number, piece) in lines.chunks(4).enumerate() {
        let key = HighlightKey { doc, version: number as u64 };
        highlighter.request(key, Language::from_path("grown.rs"), HighlightText::Appended(piece.concat()));
    }
    while highlighter.done_lines(doc) < lines.len() {
        notices.blocking_recv();
    }
    highlighter.forget(doc);
}

fn highlights(criterion: &mut Criterion) {
    let (highlighter, mut notices) = Highlighter::spawn();
    let lines = source(2_000);
    grow(&highlighter, &mut notices, &lines);
    let mut group = criterion.benchmark_group("highlight");
    group.sample_size(10).throughput(Throughput::Elements(2_000));
    group.bench_function("growing_2000_lines", |bench| bench.iter(|| grow(&highlighter, &mut notices, &lines)));
    group.finish();
}

fn stream_events(count: usize) -> Vec<Frame> {
    let words = ["the ", "of\\n\\n", "water ", "**bold** ", "`code` ", "because ", "they, ", "ran. "];
    (0..count)
        .map(|n| Frame {
            event: None,
            data: format!(
                "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\
                 \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}]}}",
                words[(n / 3 + n) % words.len()]
            ),
        })
        .collect()
}

/// From the provider's words to rendered lines, a frame every [`PER_FRAME`] events.
fn decode(frames: &[Frame], theme: &Theme) -> usize {
    let mut decoder = wire::by_name("chat").unwrap().decoder();
    let (mut live, mut markdown, mut events) = (Live::default(), Markdown::new(), Vec::new());
    for batch in frames.chunks(PER_FRAME) {
        for frame in batch {
            decoder.push(frame, &mut events).unwrap();
        }
        for event in events.drain(..) {
            if let StreamEvent::Text { text } = event {
                markdown.push(&text);
                live.apply(&Glimpse::Text { text });
            }
        }
        black_box(markdown.lines(117, theme));
    }
    live.answer.len()
}

fn decodes(criterion: &mut Criterion) {
    let (frames, theme) = (stream_events(EVENTS), Theme::load("kiln-dark", None).unwrap());
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("50000_chat_events", |bench| bench.iter(|| decode(black_box(&frames), &theme)));
    group.finish();
}

fn first_frame(buffer: &mut Buffer) {
    let mut model = fresh();
    buffer.reset();
    black_box(view(&mut model, buffer));
}

fn first_frames(criterion: &mut Criterion) {
    let mut buffer = Buffer::empty(SCREEN);
    criterion.bench_function("first_frame", |bench| bench.iter(|| first_frame(&mut buffer)));
}

/// The middle of several runs.
fn median(runs: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

/// Prints a ratio of two times; `false` when it is above its limit.
fn ratio(what: &str, of: Duration, to: Duration, limit: f64) -> bool {
    let ratio = of.as_secs_f64() / to.as_secs_f64();
    let kept = ratio <= limit;
    println!("{what}: {ratio:.2} ({of:.1?} to {to:.1?}; at most {limit}){}", if kept { "" } else { " BROKEN" });
    kept
}

fn promises() -> bool {
    let mut buffer = Buffer::empty(SCREEN);
    let mut frame_of = |lines: usize| {
        let mut told = Told::with_lines(lines);
        median(500, || told.frame(&mut buffer))
    };
    let [short, long, longest] = LENGTHS.map(&mut frame_of);
    let mut growing = |lines: usize| {
        let mut told = Told::with_lines(20);
        let turn = TurnId(99);
        told.turn(turn);
        told.glimpse(Glimpse::Text { text: "words and **more** words, line by line\n\n".repeat(lines) });
        told.frame(&mut buffer);
        median(200, || {
            told.glimpse(Glimpse::Text { text: "word ".into() });
            told.frame(&mut buffer);
        })
    };
    let (small, large) = (growing(20), growing(10_000));
    let (highlighter, mut notices) = Highlighter::spawn();
    let lines = source(2_000);
    grow(&highlighter, &mut notices, &lines);
    let half = median(5, || grow(&highlighter, &mut notices, &lines[..1_000]));
    let whole = median(5, || grow(&highlighter, &mut notices, &lines));
    let theme = Theme::load("kiln-dark", None).unwrap();
    let events = stream_events(EVENTS);
    let tenth = median(5, || {
        decode(&events[..EVENTS / 10], &theme);
    });
    let all = median(5, || {
        decode(&events, &theme);
    });
    let other = Duration::from_secs_f64(FASTEST_OTHER);
    let first = median(100, || first_frame(&mut buffer));
    println!("\nfirst frame: {first:.1?}; 50,000 events: {all:.1?}; 2,000 lines of code: {whole:.1?}");
    [
        ratio("a frame with 2,000 lines to one with 20", long, short, 1.5),
        ratio("a frame with 20,000 lines to one with 20", longest, short, 1.5),
        ratio("a token into an answer of 20,000 lines to one into 40", large, small, 2.0),
        ratio("2,000 growing lines of code to twice 1,000", whole, half * 2, 1.5),
        ratio("50,000 stream events to a tenth of the fastest other assistant's CPU", all, other / 10, 1.0),
        ratio("50,000 stream events to ten times 5,000", all, tenth * 10, 1.5),
    ]
    .into_iter()
    .all(|kept| kept)
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    frames(&mut criterion);
    highlights(&mut criterion);
    decodes(&mut criterion);
    first_frames(&mut criterion);
    criterion.final_summary();
    // Under `cargo test` the benches run once, unmeasured, and prove nothing about time.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    if measuring {
        let kept = [promises(), work::promises()];
        assert!(kept == [true; 2], "a promise is broken");
    }
}
