//! The real program in a pseudo-terminal, read by an emulator that is not Kiln's own.
//!
//! Everything waits for what the emulator shows; nothing here sleeps.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::recordings::Recording;

/// Longer than any wait on a machine that is merely busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What the terminal answers when it is asked for its background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    Silent,
    /// The bytes of the answer.
    Answers(&'static str),
}

/// How the program is started.
pub struct Setup {
    pub size: (u16, u16),
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub background: Background,
    /// The program's own files, and the folder that the project is in.
    pub home: Arc<TempDir>,
}

impl Setup {
    /// Plays this recording in a fresh folder, in a terminal of 160 by 50.
    pub fn playing(recording: &Recording) -> Self {
        let home = Arc::new(TempDir::new().unwrap());
        std::fs::create_dir(home.path().join("project")).unwrap();
        let file = recording.write(home.path());
        let arguments = vec!["--replay".to_owned(), file.display().to_string()];
        Self { size: (160, 50), arguments, environment: Vec::new(), background: Background::Silent, home }
    }

    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn background(mut self, background: Background) -> Self {
        self.background = background;
        self
    }

    pub fn start(self) -> Terminal {
        Terminal::start(self)
    }
}

/// What has come out of the program so far.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// Texts that the screen showed, one for each piece that came in.
    shown: Vec<String>,
    ended: bool,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A terminal with the program in it.
pub struct Terminal {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    modes: String,
    pub home: Arc<TempDir>,
}

const QUERY: &[u8] = b"\x1b]11;?\x1b\\";

impl Terminal {
    fn start(setup: Setup) -> Self {
        let (columns, rows) = setup.size;
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let project = setup.home.path().join("project");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_kiln"));
        command.args(&setup.arguments);
        command.env_clear();
        command.env("KILN_HOME", setup.home.path().join("kiln"));
        command.env("HOME", setup.home.path());
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        // A machine's own clipboard must not be touched by a test.
        command.env("SSH_TTY", "/dev/null");
        for (name, value) in &setup.environment {
            command.env(name, value);
        }
        command.cwd(&project);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Seen {
            parser: vt100::Parser::new(positive(rows), positive(columns), 0),
            raw: Vec::new(),
            shown: Vec::new(),
            ended: false,
        };
        let shared = Arc::new(Shared { seen: Mutex::new(seen), changed: Condvar::new() });
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let reader = pair.master.try_clone_reader().unwrap();
        let (theirs, answers, background) = (Arc::clone(&shared), Arc::clone(&writer), setup.background);
        std::thread::spawn(move || read(reader, &theirs, &answers, background));
        Self { shared, writer, master: pair.master, child, modes, home: setup.home }
    }

    /// Types or sends bytes.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until the screen is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, |seen| wanted(seen.parser.screen()));
    }

    /// Waits until a command is typed out, so that what follows is meant for all of it.
    pub fn settle_on(&self, text: &str) {
        self.until(text, |screen| screen.contents().lines().any(|row| row.contains('❯') && row.contains(text)));
    }

    /// Waits until the screen shows this text.
    pub fn until_shown(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the bytes that came after the first `from` hold this.
    pub fn until_written(&self, from: usize, bytes: &[u8]) {
        self.wait("bytes", |seen| seen.raw[from..].windows(bytes.len()).any(|window| window == bytes));
    }

    fn wait(&self, what: &str, wanted: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.lock();
        while !wanted(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "{what:?} never came{}; the screen:\n{}",
                if seen.ended { ", the program has ended" } else { "" },
                seen.parser.screen().contents()
            );
            seen = self.shared.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The screen's text now.
    pub fn text(&self) -> String {
        text_of(self.shared.lock().parser.screen())
    }

    /// Looks at the screen.
    pub fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shared.lock().parser.screen())
    }

    /// Every text the screen ever showed.
    pub fn history(&self) -> Vec<String> {
        self.shared.lock().shown.clone()
    }

    /// Every byte so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shared.lock().raw.clone()
    }

    /// Makes the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        // The frame of the new size begins by clearing, whatever the old bytes did to the emulator.
        self.shared.lock().parser.screen_mut().set_size(positive(rows), positive(columns));
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// Writes and takes back a letter, so that everything before is drawn.
    pub fn settle(&self) {
        self.send("~");
        self.until("a typed letter", |screen| screen.contents().contains("❯ ~"));
        self.send(b"\x7f");
        self.until("the letter taken back", |screen| !screen.contents().contains('~'));
    }

    /// Asks for a drawing from nothing, which must show what is shown already.
    pub fn assert_a_redraw_changes_nothing(&self) {
        let (before, at) = (self.text(), self.raw().len());
        self.send(b"\x0c");
        self.until_written(at, b"\x1b[2J");
        self.until(&format!("the screen before the redraw:\n{before}\n"), |screen| text_of(screen) == before);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits until the system says that the process is stopped.
    #[cfg(target_os = "linux")]
    pub fn until_stopped(&self) {
        let stat = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(&stat).unwrap().rsplit(") ").next().unwrap().starts_with('T') {
            assert!(Instant::now() < deadline, "the process does not stop");
            std::thread::yield_now();
        }
        // What it wrote before may still be on its way.
        self.wait("the restored terminal", |seen| !seen.parser.screen().alternate_screen());
    }

    /// Takes the terminal away, as when its window is closed.
    pub fn hang_up(&mut self) {
        self.signal(Signal::HUP);
        let gone = native_pty_system().openpty(size(1, 1)).unwrap();
        self.master = gone.master;
        *self.writer.lock().unwrap() = Box::new(std::io::sink());
    }

    /// Waits for the end of the process when there is no terminal to read.
    pub fn assert_gone(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the program goes on without a terminal");
            std::thread::yield_now();
        }
    }

    /// Waits for the end of the program.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.lock();
        while !seen.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program does not end; the screen:\n{}", seen.parser.screen().contents());
            seen = self.shared.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(seen);
        self.child.wait().unwrap()
    }

    /// Checks that the terminal is as it was before the program.
    pub fn assert_restored(&self) {
        self.assert_modes_left();
        assert_eq!(format!("{:?}", self.master.get_termios()), self.modes, "the line discipline");
    }

    /// Checks that the line discipline is as it was, where no mode was ever entered.
    pub fn assert_restored_line(&self) {
        assert_eq!(format!("{:?}", self.master.get_termios()), self.modes, "the line discipline");
    }

    /// Checks that every mode of the emulator is left.
    pub fn assert_modes_left(&self) {
        let left = b"\x1b[?2004l\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0 q";
        let raw = self.raw();
        let tail = String::from_utf8_lossy(&raw[raw.len().saturating_sub(200)..]).into_owned();
        assert!(raw.windows(left.len()).any(|window| window == left), "{tail:?}");
        self.look(|screen| {
            assert!(!screen.alternate_screen(), "the alternate screen stays: {tail:?}");
            assert!(!screen.hide_cursor(), "the cursor stays hidden: {tail:?}");
            assert!(!screen.bracketed_paste(), "bracketed paste stays: {tail:?}");
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "{tail:?}");
        });
    }

    pub fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    /// Runs the program without a terminal on the same files.
    pub fn kiln(&self, arguments: &[&str]) -> String {
        kiln(self.home.path(), arguments)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.shared.lock().ended {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Runs the program without a terminal on the files of `home`.
pub fn kiln(home: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(arguments)
        .env_clear()
        .env("KILN_HOME", home.join("kiln"))
        .env("HOME", home)
        .current_dir(home.join("project"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The screen's text; a blank that was written is the same as one that was erased.
fn text_of(screen: &vt100::Screen) -> String {
    screen.contents().lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn positive(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// The emulator leaves out U+FFFD, with which Kiln marks what it does not show; terminals draw it.
#[derive(Default)]
struct Marks {
    begun: Vec<u8>,
}

impl Marks {
    fn replaced(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mark = "\u{FFFD}".as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.begun.push(*byte);
            if self.begun == mark {
                out.push(b'?');
                self.begun.clear();
            } else if !mark.starts_with(&self.begun) {
                out.append(&mut self.begun);
            }
        }
        out
    }
}

fn read(
    mut reader: Box<dyn Read + Send>,
    shared: &Shared,
    writer: &Mutex<Box<dyn Write + Send>>,
    background: Background,
) {
    let mut bytes = [0; 16 * 1024];
    let mut answered = false;
    let mut marks = Marks::default();
    loop {
        let count = reader.read(&mut bytes).unwrap_or(0);
        let mut seen = shared.lock();
        if count == 0 {
            seen.ended = true;
            shared.changed.notify_all();
            return;
        }
        let shown = marks.replaced(&bytes[..count]);
        seen.parser.process(&shown);
        seen.raw.extend_from_slice(&bytes[..count]);
        let text = seen.parser.screen().contents();
        seen.shown.push(text);
        let asked = seen.raw.windows(QUERY.len()).any(|window| window == QUERY);
        shared.changed.notify_all();
        drop(seen);
        if let Background::Answers(answer) = background
            && asked
            && !answered
        {
            answered = true;
            let mut writer = writer.lock().unwrap();
            writer.write_all(answer.as_bytes()).unwrap();
            writer.flush().unwrap();
        }
    }
}
