//! Wishes of the model to the outside: data that `run` and `effects` carry out.

use crate::domain::Op;
use crate::tui::msg::Ask;
use crate::tui::panes::difference::Comparison;

/// One effect.
#[derive(Debug)]
pub enum Cmd {
    /// Sends a wish to the engine; the answer comes back as [`crate::tui::msg::Msg::Answered`].
    Ask { op: Op, ask: Ask },
    /// Puts text on the clipboard.
    Copy(String),
    /// Compares two texts; the rows come back as [`crate::tui::msg::Msg::Compared`].
    Compare(Comparison),
    /// Adds a line to the history of what was sent.
    Remember(String),
    /// Opens the person's editor on a text.
    Edit(String),
    /// Hands the terminal back to the shell until the program is continued.
    Suspend,
    /// Draws every cell again.
    Repaint,
    /// Switches mouse reports on or off.
    Mouse(bool),
    /// Rings the terminal's bell.
    Bell,
    /// Ends the program.
    Quit,
}

impl Cmd {
    /// A wish whose answer matters only when it is a failure.
    pub fn plain(op: Op) -> Self {
        Self::Ask { op, ask: Ask::Plain }
    }
}
