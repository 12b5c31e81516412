//! Keys, pastes and the terminal's own answers.

use std::time::{Duration, Instant};

use super::pty::{Background, Setup, Terminal};
use super::recordings::Recording;

fn chatter() -> Recording {
    let mut recording = Recording::new().paced(4);
    for word in 0..400 {
        recording = recording.text(&format!("word{word} "));
    }
    recording.end()
}

/// What stands in the composer, rows joined, blanks left out.
fn composed(screen: &vt100::Screen) -> String {
    let text = screen.contents();
    let composer = text.rsplit_once('❯').map_or("", |(_, rest)| rest);
    let rows: Vec<&str> = composer.lines().collect();
    rows[..rows.len().saturating_sub(1)].concat().split_whitespace().collect()
}

#[test]
fn no_key_is_lost_while_an_answer_streams() {
    let terminal = Setup::playing(&chatter()).start();
    terminal.until_shown("recorded/test");
    terminal.send("talk\r");
    terminal.until_shown("word3");
    let mut typed = String::new();
    for number in 0..100 {
        let piece = format!("k{number:03}");
        for key in piece.chars() {
            terminal.send(key.to_string());
        }
        typed.push_str(&piece);
        if number % 10 == 9 {
            // Keeps the typing spread over the stream.
            terminal.until("the typed keys", |screen| composed(screen) == typed);
        }
    }
    terminal.until_shown("done in");
    assert_eq!(terminal.look(composed), typed);
    assert!(
        terminal.history().iter().any(|text| text.contains("word") && text.contains("k000") && !text.contains("k099"))
    );
}

#[test]
fn a_long_paste_becomes_a_chip_and_is_sent_whole() {
    let mut terminal = Setup::playing(&Recording::new().text("read").end()).start();
    terminal.until_shown("recorded/test");
    let lines: Vec<String> = (1..=400).map(|line| format!("pasted row {line}")).collect();
    terminal.send(format!("\x1b[200~{}\x1b[201~", lines.join("\r")));
    terminal.until_shown("[pasted 400 lines]");
    assert!(!terminal.text().contains("pasted row"));
    terminal.send("\r");
    terminal.until_shown("done in");
    terminal.send("/quit\r");
    terminal.ended();
    let stored = terminal.kiln(&["sessions", "show", "last"]);
    assert!(lines.iter().all(|line| stored.contains(line)), "{stored}");
}

#[test]
fn a_paste_presses_no_key() {
    let terminal = Setup::playing(&Recording::new().text("read").end()).start();
    terminal.until_shown("recorded/test");
    let hostile = "one\x1b[A\x1b[3~\x1b\x03\x04\x11\rtwo\x1b]52;c;aGk=\x07\x1b[?1049l\u{9b}2J\x7f\x08three";
    let at = terminal.raw().len();
    terminal.send(format!("\x1b[200~{hostile}\x1b[201~"));
    terminal.until("the paste", |screen| composed(screen).ends_with("three"));
    // Nothing was sent, cleared or left: what is typed next stands behind the paste.
    terminal.send("Z");
    terminal.until("a key behind the paste", |screen| composed(screen).ends_with("threeZ"));
    assert!(composed_starts(&terminal, "one"));
    assert!(terminal.kiln(&["sessions", "list"]).is_empty());
    let raw = terminal.raw();
    assert!(!raw[at..].windows(8).any(|bytes| bytes == b"\x1b[?1049l" || bytes.starts_with(b"\x1b]52")));
}

fn composed_starts(terminal: &Terminal, text: &str) -> bool {
    terminal.look(composed).starts_with(text)
}

const WHITE: &str = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
const BLACK: &str = "\x1b]11;rgb:0000/0000/0000\x07";

/// The picture of the welcome in a terminal that answers so, or with a theme that is named.
fn welcome(background: Background, theme: Option<&str>) -> String {
    let mut setup = Setup::playing(&Recording::new().text("read").end()).background(background);
    if let Some(theme) = theme {
        setup = setup.argument("--theme").argument(theme);
    }
    let terminal = setup.start();
    terminal.until_shown("recorded/test");
    terminal.settle();
    let text = terminal.text();
    assert!(!text.contains("rgb") && !text.contains("ffff") && !text.contains("11;"), "{text}");
    // The composer's row and the rule above hold no name of the folder, which differs.
    terminal.look(|screen| {
        let (rows, columns) = screen.size();
        screen.rows_formatted(0, columns.get()).skip(usize::from(rows.get()) - 3).collect()
    })
}

#[test]
fn the_background_chooses_the_theme_and_writes_nothing() {
    let light = welcome(Background::Silent, Some("kiln-light"));
    let dark = welcome(Background::Silent, Some("kiln-dark"));
    assert_ne!(light, dark);
    assert!(welcome(Background::Answers(WHITE), None) == light, "a white ground leads to the light theme");
    assert!(welcome(Background::Answers(BLACK), None) == dark, "a black ground leads to the dark theme");
    assert!(welcome(Background::Silent, None) == dark, "no answer leads to the dark theme");
    // Named: nobody is asked, so an answer is nothing that we wait for.
    assert!(welcome(Background::Answers(WHITE), Some("kiln-dark")) == dark);
}

#[test]
fn a_terminal_that_never_answers_is_not_waited_for() {
    let began = Instant::now();
    let terminal = Setup::playing(&Recording::new().text("read").end()).start();
    terminal.until_shown("❯");
    let drawn = began.elapsed();
    terminal.send("x");
    terminal.until_shown("❯ x");
    // Any wait for an answer would be at least half a second; a busy machine is given room.
    let typed = began.elapsed() - drawn;
    assert!(typed < Duration::from_secs(3), "{drawn:?} to the first frame, {typed:?} to the first key");
}

#[test]
fn keys_that_look_like_the_answer_are_given_back() {
    let terminal = Setup::playing(&Recording::new().text("read").end()).start();
    terminal.until_shown("recorded/test");
    terminal.send("11;rgb:ffff");
    terminal.until("the keys", |screen| composed(screen) == "11;rgb:ffff");
}

#[test]
fn no_colour_means_no_colour() {
    let terminal = Setup::playing(&super::working::page()).variable("NO_COLOR", "1").start();
    terminal.until_shown("recorded/test");
    terminal.send("a page\r");
    terminal.until_shown("done in");
    let raw = terminal.raw();
    for codes in super::bytes::sequences(&raw).filter_map(|sequence| sequence.pen()) {
        for code in codes.split(';') {
            let code: u16 = code.parse().unwrap_or(0);
            assert!(code < 30 || code == 39 || code == 49 || code == 59, "a colour in {codes:?}");
        }
    }
    assert!(super::bytes::sequences(&raw).any(|sequence| sequence.pen().is_some()), "it still underlines and such");
}
