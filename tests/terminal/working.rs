//! A turn on the screen: plan, growing file, end, resizing, stopping, export.

use std::process::Command;

use super::pty::Setup;
use super::recordings::Recording;

pub fn numbered(lines: usize) -> String {
    (1..=lines).map(|line| format!("line {line:02}\n")).collect()
}

/// A plan of two steps, a file that takes about a second to write, a last word.
pub fn page() -> Recording {
    Recording::new()
        .text("A page in one file.")
        .plan(&["lay out the page", "say how to open it"])
        .then()
        .paced(25)
        .file("page.txt", &numbered(40), 9)
        .paced(0)
        .step(1)
        .step(2)
        .then()
        .text("Open `page.txt` to read it.")
        .end()
}

#[test]
fn it_starts_to_a_prompt() {
    let terminal = Setup::playing(&page()).start();
    terminal.until_shown("❯");
    terminal.until("the recording's model", |screen| screen.contents().contains("recorded/test"));
    assert!(terminal.look(vt100::Screen::alternate_screen));
    assert!(terminal.look(vt100::Screen::bracketed_paste));
    terminal.settle();
    terminal.assert_a_redraw_changes_nothing();
}

#[test]
fn a_prompt_becomes_a_plan_a_growing_file_and_a_whole_one() {
    let terminal = Setup::playing(&page()).start();
    terminal.until_shown("recorded/test");
    terminal.send("a page\r");
    terminal.until_shown("lay out the page");
    terminal.until_shown("done in");
    terminal.settle();
    terminal.assert_a_redraw_changes_nothing();
    let shown = terminal.history();
    let growing = |text: &&String| text.contains("line 0") && !text.contains("line 40");
    assert!(shown.iter().filter(growing).count() > 3, "the file was seen growing");
    let planned = |text: &&String| text.contains("○ say how to open it");
    assert!(shown.iter().any(|text| planned(&text)), "the open step was seen open");
    let end = terminal.text();
    for text in ["✓ lay out the page", "✓ say how to open it", "line 40", "+ page.txt", "Open page.txt to read it."]
    {
        assert!(end.contains(text), "{text:?} is not there:\n{end}");
    }
    assert_eq!(std::fs::read_to_string(terminal.project().join("page.txt")).unwrap(), numbered(40));
}

#[test]
fn every_size_is_drawn_right() {
    let terminal = Setup::playing(&page()).start();
    terminal.until_shown("recorded/test");
    terminal.send("a page\r");
    terminal.until_shown("done in");
    terminal.settle();
    let whole = terminal.text();
    for (columns, rows) in [(80, 24), (60, 20), (20, 5), (5, 2), (1, 1), (200, 60), (160, 50)] {
        let before = terminal.raw().len();
        terminal.resize(columns, rows);
        terminal.until_written(before, b"\x1b[2J");
        if columns >= 60 {
            terminal.until("the composer", |screen| screen.contents().contains('❯'));
            terminal.settle();
        }
        terminal.assert_a_redraw_changes_nothing();
    }
    assert_eq!(terminal.text(), whole);
}

#[test]
fn resizing_while_a_file_grows_ends_in_the_right_picture() {
    let terminal = Setup::playing(&page()).start();
    terminal.until_shown("recorded/test");
    terminal.send("a page\r");
    terminal.until_shown("line 02");
    for (columns, rows) in [(80, 24), (60, 20), (20, 5), (160, 50), (100, 30)] {
        let before = terminal.raw().len();
        terminal.resize(columns, rows);
        terminal.until_written(before, b"\x1b[2J");
    }
    terminal.until_shown("done in");
    terminal.settle();
    terminal.assert_a_redraw_changes_nothing();
}

#[test]
fn escape_stops_the_turn_and_marks_the_answer() {
    let recording = Recording::new().text("The first half of it").silence(600_000).text("and the second").end();
    let mut terminal = Setup::playing(&recording).start();
    terminal.until_shown("recorded/test");
    terminal.send("go\r");
    terminal.until_shown("The first half of it");
    terminal.send(b"\x1b");
    terminal.until_shown("stopped after");
    terminal.until_shown("cut off here");
    terminal.send("/quit\r");
    terminal.ended();
    assert!(terminal.kiln(&["sessions", "show", "last"]).contains("The first half of it [cut off]"));
}

#[test]
fn an_export_is_an_archive_that_others_read() {
    let terminal = Setup::playing(&page()).start();
    terminal.until_shown("recorded/test");
    terminal.send("a page\r");
    terminal.until_shown("done in");
    let archive = terminal.home.path().join("out.zip");
    terminal.send(format!("/export zip:{}", archive.display()));
    terminal.settle_on("out.zip");
    terminal.send("\r");
    terminal.until("the word of the export", |screen| screen.contents().contains("exported"));
    let read = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let names =
        "import sys, zipfile; print([n for n in zipfile.ZipFile(sys.argv[1]).namelist() if n.endswith('page.txt')][0])";
    let python = |script: &str, more: &[&str]| {
        let output = Command::new("python3").arg("-c").arg(script).arg(&archive).args(more).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).ok()
    };
    let Some(name) = python(names, &[]) else {
        // No Python here: at least a reader that did not write it.
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&archive).unwrap()).unwrap();
        assert!((0..archive.len()).any(|at| archive.by_index(at).unwrap().name().unwrap().ends_with("page.txt")));
        return;
    };
    assert_eq!(python(read, &[name.trim()]).unwrap(), numbered(40));
}
