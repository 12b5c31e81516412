//! Every way out leaves the terminal as it was.

use rustix::process::Signal;

use super::pty::{Setup, Terminal};
use super::recordings::Recording;

fn idle() -> Terminal {
    let terminal = Setup::playing(&Recording::new().text("read").end()).start();
    terminal.until_shown("recorded/test");
    terminal
}

fn working() -> Terminal {
    let recording = Recording::new().plan(&["wait"]).text("The first half of it").silence(600_000).end();
    let terminal = Setup::playing(&recording).start();
    terminal.until_shown("recorded/test");
    terminal.send("go\r");
    terminal.until_shown("The first half of it");
    terminal
}

#[test]
fn quit_leaves_a_clean_terminal() {
    let mut terminal = idle();
    terminal.send("/quit\r");
    assert!(terminal.ended().success());
    terminal.assert_restored();
}

#[test]
fn control_c_twice_leaves_a_clean_terminal() {
    let mut terminal = idle();
    terminal.send(b"\x03\x03");
    assert!(terminal.ended().success());
    terminal.assert_restored();
}

#[test]
fn control_c_twice_stops_a_turn_and_leaves() {
    let mut terminal = working();
    terminal.send(b"\x03\x03");
    assert!(terminal.ended().success());
    terminal.assert_restored();
    let stored = terminal.kiln(&["sessions", "show", "last"]);
    assert!(stored.contains("The first half of it [cut off]") && stored.contains("[cancelled]"), "{stored}");
}

#[test]
fn signals_leave_a_clean_terminal_and_the_session_stored() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = working();
        terminal.signal(signal);
        terminal.ended();
        terminal.assert_restored();
        let stored = terminal.kiln(&["sessions", "show", "last"]);
        assert!(stored.contains("> go"), "{signal:?}: {stored}");
        assert!(stored.contains("[cancelled]") || stored.contains("[interrupted]"), "{signal:?}: {stored}");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    let mut terminal = working();
    terminal.hang_up();
    terminal.assert_gone();
    let stored = super::pty::kiln(terminal.home.path(), &["sessions", "show", "last"]);
    assert!(stored.contains("> go"), "{stored}");
}

#[cfg(target_os = "linux")]
#[test]
fn stopping_gives_the_terminal_back_and_continuing_draws_anew() {
    let terminal = idle();
    terminal.send("half a sentence");
    terminal.until_shown("❯ half a sentence");
    for _ in 0..2 {
        let before = terminal.raw().len();
        terminal.signal(Signal::TSTP);
        terminal.until_stopped();
        terminal.assert_restored();
        terminal.signal(Signal::CONT);
        terminal.until_written(before, b"\x1b[?1049h");
        terminal.until("the screen again", |screen| {
            screen.alternate_screen() && screen.contents().contains("❯ half a sentence")
        });
        terminal.send("!");
        terminal.until_shown("!");
        terminal.send(b"\x7f");
        terminal.until("the mark taken back", |screen| !screen.contents().contains('!'));
        terminal.assert_a_redraw_changes_nothing();
    }
}
