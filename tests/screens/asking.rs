//! What waits for the person: approvals, questions, plans, modes, permissions, the queue.

use kiln::domain::op::StepMark;

use super::*;

fn request(call: &str, line: &str) -> ApprovalRequest {
    ApprovalRequest {
        turn: TurnId(1),
        call: CallId::new(call),
        tool: "shell".into(),
        title: format!("run `{line}`"),
        touches: vec![Touch::Command { line: line.into(), directory: None }],
        reason: "`cargo` may run code of the project".into(),
        preview: vec![Content::Code { language: "sh".into(), text: line.into() }],
        offers: vec![
            Scope::Command { line: line.into() },
            Scope::Prefix { words: vec!["cargo".into(), "test".into()] },
        ],
    }
}

impl Player {
    fn asks(&mut self, call: &str, line: &str) {
        self.fact(FactBody::ApprovalAsked { request: request(call, line) });
    }

    fn question(&mut self, choices: &[&str]) {
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        let text = "Which colour should the ring have?".to_owned();
        let question = Question { turn: TurnId(1), call: CallId::new("q"), text, choices };
        self.fact(FactBody::QuestionAsked { question });
    }

    fn proposes(&mut self) {
        let titles = ["look at what is there", "write the counter", "write its tests", "describe it"];
        let steps = titles.iter().zip(1..).map(|(title, n)| PlannedStep { id: StepId(n), title: (*title).into() });
        self.fact(FactBody::PlanProposed { turn: TurnId(1), steps: steps.collect() });
    }

    /// Draws and lets a moment pass, so that the dialog is in sight and listens.
    fn look(&mut self) {
        self.draw(100, 40);
        for _ in 0..4 {
            self.pass(1);
        }
        self.draw(100, 40);
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<Cmd> {
        self.send(Msg::Key(KeyEvent::new(code, modifiers)))
    }
}

fn decisions(commands: &[Cmd]) -> Vec<Decision> {
    let decision = |command: &Cmd| match command {
        Cmd::Ask { op: Op::Decide { decision, .. }, .. } => Some(decision.clone()),
        _ => None,
    };
    commands.iter().filter_map(decision).collect()
}

fn plan_decision(commands: &[Cmd]) -> Option<PlanDecision> {
    commands.iter().find_map(|command| match command {
        Cmd::Ask { op: Op::DecidePlan { decision, .. }, .. } => Some(decision.clone()),
        _ => None,
    })
}

#[test]
fn an_approval() {
    snapshots("approval", |player| {
        player.working();
        player.asks("c1", "cargo test --all\nrm -rf target # a second line");
        player.asks("c2", "cargo test");
        for _ in 0..4 {
            player.pass(1);
        }
    });
}

#[test]
fn a_plan_to_approve() {
    snapshots("plan", |player| {
        player.begin("a tool that counts words");
        player.proposes();
        let (width, height) = player.model.size;
        player.draw(width, height);
        for _ in 0..4 {
            player.pass(1);
        }
        player.key(KeyCode::Down);
    });
}

#[test]
fn a_question_of_the_model() {
    snapshots("question", |player| {
        player.begin("a timer");
        player.question(&["red", "blue", "none: follow the theme of the system"]);
    });
}

#[test]
fn standing_permissions() {
    snapshots("permissions", |player| {
        player.begin("a timer");
        player.write("/permissions");
        player.key(KeyCode::Enter);
        let grant =
            |scope, lifetime, origin: &str| Grant { scope, lifetime, given: player_time(), origin: origin.into() };
        let grants = vec![
            grant(Scope::Prefix { words: vec!["cargo".into(), "test".into()] }, Lifetime::Project, "run `cargo test`"),
            grant(Scope::Host { host: "crates.io".into() }, Lifetime::Session, "connect to crates.io"),
        ];
        player.answer(Ask::Permissions, Reply::Permissions { mode: Mode::Ask, grants });
    });
}

fn player_time() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

#[test]
fn each_key_gives_its_answer_and_only_once() {
    let session = |scope| Decision::AllowFurther { scope, lifetime: Lifetime::Session };
    let project = |scope| Decision::AllowFurther { scope, lifetime: Lifetime::Project };
    let exact = || Scope::Command { line: "cargo test".into() };
    let prefix = || Scope::Prefix { words: vec!["cargo".into(), "test".into()] };
    for (key, decision) in [
        ('y', Decision::Allow),
        ('n', Decision::Deny { comment: None }),
        ('a', session(exact())),
        ('1', session(exact())),
        ('2', project(exact())),
        ('4', project(prefix())),
    ] {
        let mut player = Player::new("kiln-dark");
        player.begin("x");
        player.asks("c1", "cargo test");
        player.look();
        assert_eq!(decisions(&player.key(KeyCode::Char(key))), [decision], "{key}");
        assert!(player.key(KeyCode::Char('y')).is_empty(), "one answer is enough");
    }
}

#[test]
fn no_other_key_allows() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.asks("c1", "cargo test");
    player.look();
    for code in [KeyCode::Enter, KeyCode::Char(' '), KeyCode::Char('5'), KeyCode::Char('9'), KeyCode::Up, KeyCode::Tab]
    {
        assert!(decisions(&player.key(code)).is_empty(), "{code:?}");
        player.press(KeyCode::Char('y'), KeyModifiers::CONTROL);
        player.look();
    }
    assert!(player.key(KeyCode::Esc).is_empty(), "esc leaves it waiting, and stops nothing");
    player.look();
    assert!(player.screen(100, 40).contains("ctrl-y to answer"));
    assert!(decisions(&player.key(KeyCode::Char('y'))).is_empty(), "the composer has the keys again");
    assert!(player.screen(100, 40).contains("❯ y"));
}

#[test]
fn typing_ahead_never_allows() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.write("why");
    player.asks("c1", "cargo test");
    let mut all = Vec::new();
    for c in "yes y 1 a".chars() {
        all.extend(player.key(KeyCode::Char(c)));
    }
    assert!(all.is_empty());
    assert!(player.screen(100, 40).contains("❯ whyyes y 1 a"), "the message gets every key");
    player.look();
    assert!(player.key(KeyCode::Char('y')).is_empty(), "a message is half written");
    // Somebody who types on while the keys move to the dialog decides nothing either.
    player.key(KeyCode::Tab);
    for c in "yyyy1a".chars() {
        player.now += SignedDuration::from_millis(150);
        player.send(Msg::Now(player.now));
        assert!(player.key(KeyCode::Char(c)).is_empty());
    }
    player.look();
    assert_eq!(decisions(&player.key(KeyCode::Char('y'))), [Decision::Allow]);
}

#[test]
fn a_dialog_that_has_just_come_does_not_listen_yet() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    for _ in 0..3 {
        player.pass(1);
    }
    player.asks("c1", "cargo test");
    player.draw(100, 40);
    assert!(player.key(KeyCode::Char('y')).is_empty(), "it came with the key");
    player.look();
    assert_eq!(decisions(&player.key(KeyCode::Char('y'))), [Decision::Allow]);
    player.asks("c2", "rm -rf /");
    let decision = Decision::Allow;
    player.fact(FactBody::ApprovalDecided { turn: TurnId(1), call: CallId::new("c1"), decision });
    player.draw(100, 40);
    assert!(player.key(KeyCode::Char('y')).is_empty(), "the next one was not in sight");
    player.look();
    assert!(player.screen(100, 40).contains("rm -rf /"));
}

#[test]
fn what_cannot_be_read_cannot_be_allowed() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.asks("c1", "cargo test");
    player.look();
    player.draw(100, 4);
    assert!(player.key(KeyCode::Char('y')).is_empty());
    player.draw(40, 12);
    assert!(player.key(KeyCode::Char('1')).is_empty(), "what it would allow is not in sight");
    let long: String = (0..60).map(|n| format!("echo {n}\n")).collect();
    player.fact(FactBody::ApprovalDecided {
        turn: TurnId(1),
        call: CallId::new("c1"),
        decision: Decision::Deny { comment: None },
    });
    player.asks("c2", &long);
    player.look();
    assert!(player.screen(100, 40).contains("more"), "a long command says that there is more of it");
    for _ in 0..20 {
        player.key(KeyCode::PageDown);
    }
    assert!(player.screen(100, 40).contains("echo 59"));
}

#[test]
fn a_refusal_carries_its_comment() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.asks("c1", "cargo test");
    player.look();
    player.key(KeyCode::Char('e'));
    player.write("yes, but use make");
    assert!(player.screen(100, 40).contains("❯ yes, but use make"));
    player.key(KeyCode::Esc);
    player.key(KeyCode::Char('e'));
    player.write("use make");
    let comment = Some("use make".to_owned());
    assert_eq!(decisions(&player.key(KeyCode::Enter)), [Decision::Deny { comment }]);
}

#[test]
fn several_wait_in_a_row_and_a_refused_answer_can_be_given_again() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    for call in ["c1", "c2", "c3"] {
        player.asks(call, "cargo test");
    }
    player.look();
    assert!(player.screen(100, 40).contains("1 of 3"));
    player.key(KeyCode::Char('y'));
    let fault = Fault::new(FaultClass::Invalid, "no call waits for an answer");
    player.send(Msg::Answered { ask: Ask::Decision, result: Box::new(Err(fault)) });
    player.look();
    assert_eq!(decisions(&player.key(KeyCode::Char('n'))).len(), 1);
    player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Cancelled });
    assert!(!player.screen(100, 40).contains("may it?"), "nothing waits after the turn");
    player.write("next");
    assert!(player.screen(100, 40).contains("❯ next"));
}

#[test]
fn a_question_takes_a_number_or_words() {
    let answer = |commands: &[Cmd]| match commands {
        [Cmd::Ask { op: Op::Answer { answer, .. }, .. }] => Some(answer.clone()),
        _ => None,
    };
    let asked = |choices: &[&str]| {
        let mut player = Player::new("kiln-dark");
        player.begin("x");
        player.question(choices);
        player.look();
        player
    };
    assert_eq!(answer(&asked(&["red", "blue"]).key(KeyCode::Char('2'))).as_deref(), Some("blue"));
    let mut player = asked(&["red", "blue"]);
    assert_eq!(answer(&player.key(KeyCode::Enter)), None, "nothing was chosen");
    player.key(KeyCode::Down);
    assert_eq!(answer(&player.key(KeyCode::Enter)).as_deref(), Some("red"));
    let mut player = asked(&["red", "blue"]);
    player.write("green");
    assert_eq!(answer(&player.key(KeyCode::Enter)).as_deref(), Some("green"));
    let mut player = asked(&[]);
    player.write("1 or 2");
    assert_eq!(answer(&player.key(KeyCode::Enter)).as_deref(), Some("1 or 2"));
}

#[test]
fn a_plan_is_changed_and_approved_or_sent_back() {
    let proposed = || {
        let mut player = Player::new("kiln-dark");
        player.begin("x");
        player.proposes();
        player.look();
        player
    };
    let mut player = proposed();
    player.press(KeyCode::Down, KeyModifiers::ALT);
    player.key(KeyCode::Down);
    player.key(KeyCode::Char('d'));
    player.key(KeyCode::Char('a'));
    player.write("measure it");
    player.key(KeyCode::Enter);
    player.key(KeyCode::Up);
    player.key(KeyCode::Char('e'));
    player.write("!");
    player.key(KeyCode::Enter);
    let steps = ["write the counter", "look at what is there", "describe it!", "measure it"];
    let steps = steps.map(str::to_owned).to_vec();
    assert_eq!(plan_decision(&player.key(KeyCode::Enter)), Some(PlanDecision::Approve { steps }));

    let mut player = proposed();
    player.key(KeyCode::Char('c'));
    assert_eq!(plan_decision(&player.key(KeyCode::Enter)), None, "a comment has words");
    player.write("no tests");
    let comment = "no tests".to_owned();
    assert_eq!(plan_decision(&player.key(KeyCode::Enter)), Some(PlanDecision::Reject { comment }));

    let mut player = proposed();
    for _ in 0..9 {
        player.key(KeyCode::Char('d'));
    }
    assert!(player.screen(100, 40).contains("at least one step"));
}

#[test]
fn the_mode_goes_round_without_full_and_full_wants_words() {
    let shift_tab = |player: &mut Player| player.press(KeyCode::BackTab, KeyModifiers::SHIFT);
    let mut player = Player::new("kiln-dark");
    player.describe(Readiness::Ready);
    for mode in ["auto", "read-only", "ask", "auto", "read-only"] {
        assert!(shift_tab(&mut player).is_empty(), "there is no session yet");
        assert!(player.screen(100, 40).contains(&format!(" {mode} ·")), "{mode}");
    }
    // The first turn begins only when the session knows its mode.
    player.write("go");
    let start = player.key(KeyCode::Enter);
    assert!(matches!(&start[..], [Cmd::Ask { op: Op::StartSession { prompt: None, .. }, .. }]), "{start:?}");
    let session = player.session;
    let told = player.answer(Ask::Start { after: After::Nothing }, Reply::Session { session });
    let ops: Vec<&Op> = told.iter().filter_map(|c| if let Cmd::Ask { op, .. } = c { Some(op) } else { None }).collect();
    let mode = ops.iter().position(|op| matches!(op, Op::SelectMode { mode: Mode::ReadOnly, .. })).unwrap();
    let sent = ops.iter().position(|op| matches!(op, Op::Send { .. })).unwrap();
    assert!(mode < sent, "{ops:?}");

    for (words, chosen) in
        [("/mode full", None), ("/mode full yes", Some(Mode::Full)), ("/mode auto", Some(Mode::Auto))]
    {
        player.write(words);
        player.key(KeyCode::Esc);
        let commands = player.key(KeyCode::Enter);
        let mode = commands.iter().find_map(|command| match command {
            Cmd::Ask { op: Op::SelectMode { mode, .. }, .. } => Some(*mode),
            _ => None,
        });
        assert_eq!(mode, chosen, "{words}");
    }
}

#[test]
fn words_are_queued_sent_into_the_turn_changed_and_moved() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.write("and in blue");
    let steer = player.press(KeyCode::Char('s'), KeyModifiers::CONTROL);
    assert!(matches!(&steer[..], [Cmd::Ask { op: Op::Steer { text, .. }, .. }] if text == "and in blue"), "{steer:?}");
    for text in ["one", "two"] {
        player.fact(FactBody::MessageQueued { text: text.into() });
    }
    player.write("/queue");
    player.key(KeyCode::Esc);
    player.key(KeyCode::Enter);
    assert!(player.screen(100, 40).contains("1. one"));
    let moved = player.press(KeyCode::Down, KeyModifiers::ALT);
    assert!(matches!(&moved[..], [Cmd::Ask { op: Op::MoveQueued { from: 0, to: 1, .. }, .. }]), "{moved:?}");
    player.fact(FactBody::QueuedMoved { from: 0, to: 1 });
    let dropped = player.key(KeyCode::Delete);
    assert!(matches!(&dropped[..], [Cmd::Ask { op: Op::DropQueued { index: 1, .. }, .. }]), "{dropped:?}");
    player.key(KeyCode::Enter);
    player.write("!");
    let changed = player.key(KeyCode::Enter);
    assert!(
        matches!(&changed[..], [Cmd::Ask { op: Op::EditQueued { index: 1, text, .. }, .. }] if text == "one!"),
        "{changed:?}"
    );
    player.write("/queue edit 1");
    player.key(KeyCode::Esc);
    player.key(KeyCode::Enter);
    player.fact(FactBody::QueuedTaken { index: 0 });
    assert!(player.key(KeyCode::Enter).is_empty());
    assert!(player.screen(100, 40).contains("❯ two"), "a message that was sent meanwhile is not lost");
}

#[test]
fn a_step_is_left_out_or_done_again_from_the_steps() {
    let mut player = Player::new("kiln-dark");
    player.working();
    player.press(KeyCode::Char('3'), KeyModifiers::ALT);
    player.key(KeyCode::Down);
    let skip = player.key(KeyCode::Char('s'));
    let wished = (StepId(2), StepMark::Skip);
    assert!(matches!(&skip[..], [Cmd::Ask { op: Op::MarkStep { step, mark, .. }, .. }] if (*step, *mark) == wished));
    player.press(KeyCode::Char('0'), KeyModifiers::ALT);
    player.write("/redo-step 1");
    player.key(KeyCode::Esc);
    let redo = player.key(KeyCode::Enter);
    let wished = (StepId(1), StepMark::Retry);
    assert!(matches!(&redo[..], [Cmd::Ask { op: Op::MarkStep { step, mark, .. }, .. }] if (*step, *mark) == wished));
}

#[test]
fn a_command_shows_its_last_lines_while_it_runs_and_after() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    let call = CallId::new("c1");
    let arguments = serde_json::json!({ "command": "make" });
    player.fact(FactBody::ToolCalled { turn: TurnId(1), call: call.clone(), name: "shell".into(), arguments });
    for n in 0..500 {
        let text = format!("\u{1b}[32mline {n}\u{1b}[0m\u{1b}]0;title\u{7}\r\n");
        player.glimpse(Glimpse::Output { call: call.clone(), text });
    }
    let seen = player.screen(100, 40);
    assert!(seen.contains("│ line 499") && seen.contains("│ line 494"), "{seen}");
    assert!(!seen.contains("│ line 493") && !seen.contains("[32m") && !seen.contains("title"), "{seen}");
    let text = (0..500).map(|n| format!("line {n}\n")).collect();
    let content = vec![Content::Text { text: "exit code 0 after 1 s".into() }, Content::Terminal { text }];
    let display = Display::Line;
    player.fact(FactBody::ToolAnswered { turn: TurnId(1), call, failed: false, content, display });
    let seen = player.screen(100, 40);
    assert!(seen.contains("497 lines above") && seen.contains("│ line 499"), "{seen}");
    player.press(KeyCode::Char('1'), KeyModifiers::ALT);
    player.key(KeyCode::Enter);
    assert!(player.screen(100, 40).contains("│ line 480"), "enter unfolds it");
}

#[test]
fn a_call_that_others_tell_hides_none_of_them() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    player.answered("I begin.");
    let called = |call: &str| FactBody::ToolCalled {
        turn: TurnId(1),
        call: CallId::new(call),
        name: "write_file".into(),
        arguments: serde_json::json!({}),
    };
    player.fact(called("c1"));
    player.fact(called("c2"));
    for (call, name) in [("c1", "a.py"), ("c2", "b.py")] {
        player.file(name, "x = 1\n");
        player.draw(160, 50);
        player.fact(FactBody::ToolAnswered {
            turn: TurnId(1),
            call: CallId::new(call),
            failed: false,
            content: vec![],
            display: Display::Quiet,
        });
        player.draw(160, 50);
    }
    let seen = player.screen(160, 50);
    assert!(seen.contains("+ a.py  +1") && seen.contains("+ b.py  +1"), "{seen}");
}

#[test]
fn something_that_waits_rings_once() {
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    let rings = |player: &mut Player, call: &str| {
        player.seq = player.seq.next();
        let body = FactBody::ApprovalAsked { request: request(call, "cargo test") };
        let fact = Fact { session: player.session, seq: player.seq, at: player.now, body };
        let commands = player.send(Msg::Event(Arc::new(Event::Fact(fact))));
        commands.iter().filter(|command| matches!(command, Cmd::Bell)).count()
    };
    assert_eq!(rings(&mut player, "c1"), 1);
    assert_eq!(rings(&mut player, "c2"), 0, "the first one still waits");
}

#[test]
fn hostile_words_in_a_dialog_stay_words() {
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}gnp\u{0}\u{7}";
    let mut player = Player::new("kiln-dark");
    player.begin("x");
    let mut asked = request("c1", &format!("echo {evil}"));
    asked.reason = evil.into();
    asked.preview.push(Content::Terminal { text: evil.into() });
    asked.preview.push(Content::Code { language: "diff".into(), text: format!("+{evil}\n-{evil}") });
    player.fact(FactBody::ApprovalAsked { request: asked });
    for (width, height) in [(100, 40), (40, 12), (13, 7)] {
        for cell in &player.draw(width, height).content {
            let bad = cell.symbol().chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(!bad, "{:?}", cell.symbol());
        }
    }
}

#[test]
fn an_approval_shows_the_command_with_its_hosts_and_one_number_covers_both() {
    let mut player = Player::new("kiln-dark");
    player.working();
    let line = "npm install --no-audit --no-fund a-package-with-a-long-name";
    let host = |host: &str| Touch::Host { host: host.into() };
    let scope = |host: &str| Scope::Host { host: host.into() };
    let mut asked = request("c1", line);
    asked.touches.extend([host("registry.npmjs.org"), host("localhost:4873")]);
    let hosts = [scope("registry.npmjs.org"), scope("localhost:4873")];
    let both = Scope::Together { scopes: std::iter::once(Scope::Command { line: line.into() }).chain(hosts).collect() };
    asked.offers = vec![both.clone()];
    player.fact(FactBody::ApprovalAsked { request: asked });
    player.look();
    let seen = player.screen(100, 40);
    assert!(seen.contains("run this command line, connect to registry.npmjs.org, connect to localhost:4873"), "{seen}");
    assert!(seen.contains(line), "{seen}");
    let offered = seen.replace('│', " ");
    let offered = offered.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(offered.contains("run exactly this command line and connect to registry.npmjs.org and"), "{seen}");
    let pressed = player.press(KeyCode::Char('1'), KeyModifiers::NONE);
    assert_eq!(decisions(&pressed), [Decision::AllowFurther { scope: both, lifetime: Lifetime::Session }]);
}

#[test]
fn a_command_can_be_begun_while_a_call_asks() {
    let mut player = Player::new("kiln-dark");
    player.working();
    player.asks("c1", "cargo test");
    player.look();
    for c in "/perm".chars() {
        assert!(decisions(&player.press(KeyCode::Char(c), KeyModifiers::NONE)).is_empty());
    }
    assert_eq!(player.model.composer.text(), "/perm", "its letters answer nothing");
}

#[test]
fn what_is_pasted_early_into_a_dialog_is_not_lost() {
    let mut player = Player::new("kiln-dark");
    player.working();
    player.question(&[]);
    player.look();
    player.fact(FactBody::QuestionAnswered { turn: TurnId(1), call: CallId::new("q"), answer: "red".into() });
    player.question(&[]);
    player.draw(100, 40);
    player.send(Msg::Paste("Bäckerei".into()));
    assert!(player.screen(100, 40).contains("Bäckerei"), "words decide nothing and are kept");
    let early = player.press(KeyCode::Enter, KeyModifiers::NONE);
    assert!(early.iter().all(|command| !matches!(command, Cmd::Ask { op: Op::Answer { .. }, .. })), "enter waits");
    let mut player = Player::new("kiln-dark");
    player.working();
    player.asks("c1", "cargo test");
    player.look();
    assert!(player.send(Msg::Paste("y".into())).is_empty());
    assert_eq!(player.model.composer.text(), "y", "a paste is no answer, and is not lost");
}

#[test]
fn messages_that_a_stopped_turn_left_say_how_they_go_on() {
    let mut player = Player::new("kiln-dark");
    player.working();
    player.fact(FactBody::MessageQueued { text: "and then this".into() });
    assert!(!player.screen(80, 24).contains("/queue go"));
    player.fact(FactBody::TurnEnded { turn: TurnId(1), outcome: TurnOutcome::Cancelled });
    assert!(player.screen(80, 24).contains("`/queue go` sends them"));
}
