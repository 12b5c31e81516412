//! The terminal itself: its modes, what is written to it and what comes from it. Nothing here
//! knows what the screen shows.

pub mod background;
pub mod capabilities;
pub mod clipboard;
pub mod crash;
pub mod input;
pub mod modes;
mod paint;
pub mod screen;
pub mod signals;

use std::io::{self, Write};

pub use input::{Input, Inputs};
pub use modes::{ModeOptions, Modes};
pub use screen::{Drawn, Screen, ScrollHint, Synchronized};
pub use signals::Signal;

/// The terminal as a place to write to: every write goes out at once, in one call when the
/// system takes it whole.
#[derive(Debug, Default)]
pub struct Output {
    _private: (),
}

/// The program's standard output, unbuffered.
pub fn output() -> Output {
    Output::default()
}

#[cfg(unix)]
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            // A terminal that was made non-blocking by somebody else: wait until it takes more.
            Err(rustix::io::Errno::AGAIN) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
                Err(io::ErrorKind::Interrupted.into())
            }
            other => Ok(other?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(unix))]
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout();
        let count = out.write(bytes)?;
        out.flush()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
