//! Copying: the system's clipboard where there is one, else the terminal's own (OSC 52), which
//! also works over ssh. Opening the system's clipboard may take long: do it off the UI task.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::fault::{Fault, FaultClass};

/// Where the program runs, as the caller has read it from the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Over ssh the system's clipboard is that of the wrong machine.
    pub remote: bool,
    /// Inside tmux sequences for the outer terminal need a wrapping.
    pub tmux: bool,
}

/// Which way the text went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The system's clipboard holds it.
    System,
    /// The terminal was asked to take it; whether it did, it does not say.
    Terminal,
}

/// Terminals refuse more: xterm and tmux stop at about 100,000 bytes of base64.
pub const MOST_OSC52: usize = 74_000;

/// The way to the clipboard. Keep it: on X11 the text lives as long as this does.
pub struct Clipboard {
    place: Place,
    system: Option<arboard::Clipboard>,
}

impl std::fmt::Debug for Clipboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clipboard").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Clipboard {
    /// Nothing is opened yet.
    pub fn new(place: Place) -> Self {
        Self { place, system: None }
    }

    /// Copies `text`; `terminal` gets the bytes when the system has no clipboard.
    ///
    /// # Errors
    /// There is no clipboard and the text is too long for the terminal's.
    pub fn copy(&mut self, text: &str, terminal: &mut impl Write) -> Result<How, Fault> {
        if !self.place.remote && self.copy_to_system(text) {
            return Ok(How::System);
        }
        let bytes = osc52(text, self.place.tmux).ok_or_else(|| {
            Fault::new(
                FaultClass::Invalid,
                format!("the text is too long for the terminal's clipboard: {} of {MOST_OSC52} bytes", text.len()),
            )
            .hint("export it to a file instead")
        })?;
        terminal
            .write_all(&bytes)
            .and_then(|()| terminal.flush())
            .map_err(|error| Fault::new(FaultClass::Storage, "the terminal took no copy").detail(error.to_string()))?;
        Ok(How::Terminal)
    }

    fn copy_to_system(&mut self, text: &str) -> bool {
        if self.system.is_none() {
            self.system = arboard::Clipboard::new().ok();
        }
        let copied = self.system.as_mut().is_some_and(|system| system.set_text(text.to_owned()).is_ok());
        if !copied {
            self.system = None;
        }
        copied
    }
}

/// The sequence that asks the terminal to copy, if it is not too long.
pub fn osc52(text: &str, tmux: bool) -> Option<Vec<u8>> {
    if text.len() > MOST_OSC52 {
        return None;
    }
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    // tmux passes it on only when `allow-passthrough` or `set-clipboard` is on; both forms are
    // sent, so that either setting is enough.
    let sequence = if tmux { format!("{plain}\x1bPtmux;\x1b{plain}\x1b\\") } else { plain };
    Some(sequence.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_copy_goes_through_the_terminal() {
        let mut out = Vec::new();
        let how = Clipboard::new(Place { remote: true, tmux: false }).copy("hällo", &mut out).unwrap();
        assert_eq!(how, How::Terminal);
        assert_eq!(out, b"\x1b]52;c;aMOkbGxv\x07");
    }

    #[test]
    fn too_much_is_refused_with_a_way_out() {
        let long = "x".repeat(MOST_OSC52 + 1);
        let fault = Clipboard::new(Place { remote: true, tmux: true }).copy(&long, &mut Vec::new()).unwrap_err();
        assert!(fault.hint.is_some());
    }
}
