//! The terminal's modes, entered once and left on every way out: return, error, panic, signal.
//! What leaves them is a ready byte string, written in one call, and may be written twice.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::terminal;

use super::output;

/// What to ask of the terminal beyond raw mode, the alternate screen and bracketed paste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeOptions {
    /// Whether mouse events are reported.
    pub mouse: Mouse,
    /// Whether keys are reported unambiguously where the terminal can.
    pub keys: Keys,
}

/// Whether the mouse is Kiln's or the terminal's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    /// Clicks, drags and the wheel are reported.
    #[default]
    Captured,
    /// The terminal selects text itself.
    Free,
}

/// How keys are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// With the kitty protocol where there is one: shift-enter differs from enter.
    #[default]
    Told,
    /// As terminals always did.
    Plain,
}

impl Default for ModeOptions {
    fn default() -> Self {
        Self { mouse: Mouse::Captured, keys: Keys::Told }
    }
}

/// In which modes the terminal is now, for whoever has to leave them without knowing more.
static LEAVE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The modes are on while this lives.
#[derive(Debug)]
pub struct Modes {
    options: ModeOptions,
}

impl Modes {
    /// Switches to the full screen.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn enter(options: ModeOptions) -> io::Result<Self> {
        let modes = Self { options };
        modes.reenter()?;
        Ok(modes)
    }

    /// Leaves every mode; more than once is the same as once.
    pub fn restore(&mut self) {
        restore_now();
    }

    /// Switches to the full screen again; the next frame must be a redraw from nothing, and the
    /// input stream a new one.
    ///
    /// # Errors
    /// There is no terminal any more.
    pub fn reenter(&self) -> io::Result<()> {
        let (on, off) = sequences(self.options);
        if let Ok(mut leave) = LEAVE.lock() {
            *leave = off;
        }
        terminal::enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        let written = output().write_all(&on);
        if written.is_err() {
            restore_now();
        }
        written
    }

    /// Turns the mouse capture on or off while running.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn set_mouse(&mut self, mouse: Mouse) -> io::Result<()> {
        self.options.mouse = mouse;
        output().write_all(if mouse == Mouse::Captured { MOUSE_ON } else { MOUSE_OFF })?;
        let (_, off) = sequences(self.options);
        if let Ok(mut leave) = LEAVE.lock() {
            *leave = off;
        }
        Ok(())
    }

    /// Gives the terminal to the shell and stops this process; returns when it is continued.
    /// Drop the input stream before and make a new one after.
    ///
    /// # Errors
    /// The terminal cannot be taken back.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore_now();
        stop_here();
        self.reenter()
    }

    /// Gives the terminal to another program while `work` runs, such as an editor. Drop the input
    /// stream before and make a new one after: not polling it is not enough.
    ///
    /// # Errors
    /// The terminal cannot be taken back.
    pub fn leave_for<T>(&mut self, work: impl FnOnce() -> T) -> io::Result<T> {
        restore_now();
        let result = work();
        self.reenter()?;
        Ok(result)
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        restore_now();
    }
}

/// Leaves every mode that was entered, from anywhere: a panic hook, a signal, a test.
pub fn restore_now() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let bytes = LEAVE.try_lock().map(|leave| leave.clone()).unwrap_or_else(|_| sequences(ModeOptions::default()).1);
    // When the terminal is gone there is nothing left to restore.
    drop(output().write_all(&bytes));
    drop(terminal::disable_raw_mode());
}

#[cfg(unix)]
fn stop_here() {
    // Without job control nobody would continue us; then nothing happens and we go on.
    let stopped = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    if let Err(error) = stopped {
        tracing::warn!(%error, "the process could not be stopped");
    }
}

#[cfg(not(unix))]
fn stop_here() {}

const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// The bytes that enter and that leave, the latter in reverse order.
fn sequences(options: ModeOptions) -> (Vec<u8>, Vec<u8>) {
    let mut on = Vec::new();
    // Alternate screen; no wrapping at the edge, should a width be judged differently.
    on.extend_from_slice(b"\x1b[?1049h\x1b[?7l\x1b[?2004h");
    if options.mouse == Mouse::Captured {
        on.extend_from_slice(MOUSE_ON);
    }
    if options.keys == Keys::Told {
        // Disambiguate; a terminal that does not know it ignores it, so nobody has to ask first.
        on.extend_from_slice(b"\x1b[>1u");
    }
    let mut off = Vec::new();
    // A frame that was cut off may have left a mark, a pen, a region or a hidden cursor.
    off.extend_from_slice(b"\x1b[?2026l\x1b[m\x1b[r");
    if options.keys == Keys::Told {
        off.extend_from_slice(b"\x1b[<1u");
    }
    if options.mouse == Mouse::Captured {
        off.extend_from_slice(MOUSE_OFF);
    }
    off.extend_from_slice(b"\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0 q");
    (on, off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_undoes_all_that_entering_did() {
        for mouse in [Mouse::Captured, Mouse::Free] {
            let (on, off) = sequences(ModeOptions { mouse, keys: Keys::Told });
            let (on, off) = (String::from_utf8(on).unwrap(), String::from_utf8(off).unwrap());
            for part in on.split('\x1b').filter(|part| part.starts_with("[?")) {
                let undone = match part.split_at(part.len() - 1) {
                    (mode, "h") => format!("{mode}l"),
                    (mode, _) => format!("{mode}h"),
                };
                assert!(off.contains(&undone), "{part} stays on");
            }
            assert!(off.contains("[<1u") && off.contains("[?25h"));
        }
    }

    #[test]
    fn restoring_without_having_entered_writes_nothing() {
        restore_now();
        assert!(!ENTERED.load(Ordering::SeqCst));
    }
}
