//! What reaches the terminal: the bytes of a frame, judged by an emulator that is not ours, and
//! hostile texts on their way to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use kiln::tui::terminal::{Screen, ScrollHint, Synchronized};
use kiln::tui::text::markdown::Markdown;
use kiln::tui::text::sanitize;
use kiln::tui::theme::Theme;
use kiln::tui::widgets;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

const WIDTH: u16 = 24;
const HEIGHT: u16 = 8;

/// What the emulator shows, by cell: text, colours, weight.
fn emulated(terminal: &vt100::Parser) -> Vec<(String, vt100::Color, vt100::Color, bool)> {
    let mut cells = Vec::new();
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            let cell = terminal.screen().cell(row, column).unwrap();
            let text = if cell.is_wide_continuation() { "<rest>" } else { cell.contents() };
            let text = if text.is_empty() { " " } else { text };
            let fg = if text == " " { vt100::Color::Default } else { cell.fgcolor() };
            cells.push((text.to_owned(), fg, cell.bgcolor(), text != " " && cell.bold()));
        }
    }
    cells
}

fn emulator() -> vt100::Parser {
    vt100::Parser::new(HEIGHT.try_into().unwrap(), WIDTH.try_into().unwrap(), 0)
}

/// The same from nothing, which is the simplest way to draw.
fn drawn_anew(view: &dyn Fn(&mut Buffer)) -> vt100::Parser {
    let mut screen = Screen::new(Vec::new(), WIDTH, HEIGHT, Synchronized::Off);
    screen
        .draw(|buf| {
            view(buf);
            None
        })
        .unwrap();
    let mut terminal = emulator();
    terminal.process(screen.writer());
    terminal
}

#[derive(Clone, Debug)]
struct Frame {
    writes: Vec<(u16, u16, String, u8)>,
    scroll: Option<(u16, u16, i32)>,
    keep: bool,
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let text = prop::sample::select(vec![
        "a",
        "bc",
        "日",
        "日本語",
        "  ",
        "x y",
        "é",
        "─│",
        "word word word",
        "한",
        "0123456789abcdefghijklmnop",
    ]);
    let write = (0..WIDTH, 0..HEIGHT, text.prop_map(str::to_owned), 0u8..6);
    let scroll = prop::option::of((0..HEIGHT, 0..=HEIGHT, -3i32..=3));
    let frame = (prop::collection::vec(write, 0..8), scroll, any::<bool>()).prop_map(|(writes, scroll, keep)| Frame {
        writes,
        scroll,
        keep,
    });
    prop::collection::vec(frame, 1..8)
}

fn style(number: u8) -> Style {
    match number {
        0 => Style::new(),
        1 => Style::new().fg(Color::Red),
        2 => Style::new().bg(Color::Rgb(1, 2, 3)),
        3 => Style::new().fg(Color::Indexed(200)).add_modifier(Modifier::BOLD),
        4 => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        _ => Style::new().fg(Color::LightBlue).bg(Color::Yellow).add_modifier(Modifier::ITALIC),
    }
}

/// The buffer after a frame: what was there may have scrolled, and something is written over it.
fn compose(last: &Buffer, frame: &Frame) -> Buffer {
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut next = if frame.keep { last.clone() } else { Buffer::empty(area) };
    if let Some((top, bottom, lines)) = frame.scroll {
        for row in top..bottom {
            let from = i32::from(row) + lines;
            for column in 0..WIDTH {
                let inside = (i32::from(top)..i32::from(bottom)).contains(&from);
                next[(column, row)] =
                    if inside { last[(column, u16::try_from(from).unwrap())].clone() } else { Default::default() };
            }
        }
    }
    for (x, y, text, number) in &frame.writes {
        let columns = u16::try_from(kiln::tui::text::wrap::width(text)).unwrap();
        widgets::clear(&mut next, Rect::new(*x, *y, columns.min(WIDTH - x), 1), Style::new());
        next.set_string(*x, *y, text, style(*number));
    }
    next
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_terminal_shows_the_buffer_after_any_frames(frames in frames(), synchronized in any::<bool>()) {
        let synchronized = if synchronized { Synchronized::On } else { Synchronized::Off };
        let mut screen = Screen::new(Vec::new(), WIDTH, HEIGHT, synchronized);
        let mut terminal = emulator();
        terminal.process("old text\r\n".repeat(9).as_bytes());
        let mut last = Buffer::empty(Rect::new(0, 0, WIDTH, HEIGHT));
        for (number, frame) in frames.iter().enumerate() {
            let next = compose(&last, frame);
            if let Some((top, bottom, lines)) = frame.scroll {
                screen.hint_scroll(ScrollHint { top, bottom, lines });
            }
            let cursor = Position::new(u16::try_from(number).unwrap(), 3);
            screen.draw(|buf| { *buf = next.clone(); Some(cursor) }).unwrap();
            terminal.process(screen.writer());
            screen.writer_mut().clear();
            let shown = drawn_anew(&|buf| *buf = next.clone());
            prop_assert_eq!(emulated(&terminal), emulated(&shown));
            prop_assert_eq!(terminal.screen().cursor_position(), (cursor.y, cursor.x));
            last = next;
        }
    }
}

#[test]
fn drawing_from_nothing_shows_what_was_written() {
    let terminal = drawn_anew(&|buf| {
        buf.set_string(0, 0, "日本 ok", Style::new().fg(Color::Red));
        buf.set_string(WIDTH - 1, 1, "日", Style::new());
        buf.set_string(0, 7, "last", Style::new().bg(Color::Blue));
    });
    assert_eq!(terminal.screen().rows(0, WIDTH).next().unwrap(), "日本 ok");
    assert_eq!(terminal.screen().cell(0, 5).unwrap().fgcolor(), vt100::Color::Idx(1));
    assert_eq!(terminal.screen().cell(7, 0).unwrap().bgcolor(), vt100::Color::Idx(4));
    assert_eq!(terminal.screen().cell(1, WIDTH - 1).unwrap().contents().trim(), "", "half a glyph is not shown");
}

#[test]
fn a_frame_without_changes_writes_nothing() {
    let mut screen = Screen::new(Vec::new(), WIDTH, HEIGHT, Synchronized::On);
    let view = |buf: &mut Buffer| {
        buf.set_string(0, 0, "text", Style::new());
        Some(Position::new(2, 2))
    };
    assert!(screen.draw(view).unwrap().bytes > 0);
    assert_eq!(screen.draw(view).unwrap().bytes, 0);
}

/// A writer that counts its calls.
#[derive(Default)]
struct Calls(usize);

impl std::io::Write for Calls {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frame_is_one_write() {
    let mut screen = Screen::new(Calls::default(), 120, 40, Synchronized::On);
    for round in 0..3 {
        screen
            .draw(|buf| {
                for row in 0..40 {
                    buf.set_string(
                        0,
                        row,
                        format!("row {row} of {round} ").repeat(8),
                        style(u8::try_from(row % 6).unwrap()),
                    );
                }
                None
            })
            .unwrap();
    }
    assert_eq!(screen.writer().0, 3);
}

#[test]
fn the_screen_is_cleared_once() {
    let mut screen = Screen::new(Vec::new(), WIDTH, HEIGHT, Synchronized::Off);
    for round in 0..5 {
        screen
            .draw(|buf| {
                buf.set_string(0, 0, format!("{round}").repeat(20), Style::new());
                None
            })
            .unwrap();
    }
    let clears = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("\x1b[2J").count();
    assert_eq!(clears(screen.writer()), 1);
    screen.force_redraw();
    screen.draw(|_| None).unwrap();
    screen.resize(10, 4);
    screen.draw(|_| None).unwrap();
    assert_eq!(clears(screen.writer()), 3);
}

/// A chat that fills up token by token, with a composer and a status line below.
#[test]
fn a_streamed_token_costs_few_bytes() {
    let (width, height) = (120u16, 40u16);
    let theme = Theme::load("kiln-dark", None).unwrap();
    let mut screen = Screen::new(Vec::new(), width, height, Synchronized::On);
    let mut markdown = Markdown::new();
    let rows = usize::from(height) - 3;
    let (mut before, mut bytes) = (0usize, 0usize);
    let words = ["the ", "kiln ", "is ", "warm", ", ", "and ", "clay ", "becomes ", "a ", "vessel.", "\n\n"];
    let tokens = 4000;
    for token in 0..tokens {
        markdown.push(if token % 70 == 69 { words[10] } else { words[token % 10] });
        if token % 8 != 0 {
            continue;
        }
        let lines = markdown.lines(width, &theme).to_vec();
        let first = lines.len().saturating_sub(rows);
        screen.hint_scroll(ScrollHint { top: 0, bottom: height - 3, lines: i32::try_from(first - before).unwrap() });
        before = first;
        let drawn = screen
            .draw(|buf| {
                widgets::lines(buf, Rect::new(0, 0, width, height - 3), &lines[first..], Style::new());
                buf.set_string(0, height - 2, "❯ ", Style::new());
                buf.set_string(0, height - 1, "model · writing", Style::new());
                Some(Position::new(2, height - 2))
            })
            .unwrap();
        if token > 100 {
            bytes += drawn.bytes;
        }
    }
    let per_token = bytes / (tokens - 100);
    assert!(per_token <= 20, "{per_token} bytes a token");
}

#[test]
fn hostile_texts_never_reach_the_terminal() {
    let own = [
        "\x1b]52;c;aGk=\x07",
        "\x1b[2J\x1b[31m",
        "\u{9b}31m",
        "\x1bP+q544e\x1b\\",
        "a\u{202e}b",
        "\u{e0041}\u{e0042}",
        "\x08\x08\x08",
        "\x00",
        "\u{200b}\u{feff}",
        "\r\x1b[A",
        "\x0e\x0f",
        "a\x7fb",
    ];
    let mut texts: Vec<String> = own.iter().map(|text| (*text).to_owned()).collect();
    if let Ok(folder) = std::env::var("KILN_CORPUS_TERMINAL") {
        let corpus = std::fs::read_to_string(std::path::Path::new(&folder).join("texts.jsonl")).unwrap();
        for line in corpus.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = entry.get("text").and_then(|text| text.as_str()).map(str::to_owned);
            texts.push(text.unwrap_or_else(|| line.to_owned()));
        }
        assert!(texts.len() > 100, "the corpus is there");
    }
    let theme = Theme::fallback();
    for text in texts {
        let cleaned = sanitize::clean(&text).into_owned();
        assert!(!cleaned.chars().any(|char| char.is_control() && char != '\n' && char != '\t'), "{text:?}");
        let mut markdown = Markdown::new();
        markdown.push(&text);
        let lines = markdown.lines(60, &theme).to_vec();
        let mut screen = Screen::new(Vec::new(), 60, 20, Synchronized::Off);
        // The raw text as well: the screen is the last line of defence.
        screen
            .draw(|buf| {
                widgets::lines(buf, Rect::new(0, 0, 60, 19), &lines, Style::new());
                buf[(0, 19)].set_symbol(&text);
                None
            })
            .unwrap();
        let out = String::from_utf8(screen.writer().clone()).unwrap();
        let mut rest = out.as_str();
        while let Some(at) = rest.find('\x1b') {
            rest = &rest[at + 1..];
            assert!(rest.starts_with('['), "{text:?}: {out:?}");
            let end = rest.find(|c: char| ('@'..='~').contains(&c) && c != '[').unwrap();
            assert!("mHCKJrhl".contains(&rest[end..=end]), "{text:?}: {out:?}");
        }
        assert!(!out.chars().any(|c| c.is_control() && !matches!(c, '\x1b' | '\r' | '\n')), "{text:?}: {out:?}");
    }
}
