//! What the terminal shows and how it gets from one frame to the next with few bytes: only
//! changed cells are written, a text that moved is scrolled by the terminal, and a frame goes out
//! in one write. The screen is cleared at the start, on resize and on request, never else.

use std::io::{self, Write};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::paint::{self, Painter, Shown};

/// Whether a frame is marked so that the terminal shows it as a whole (mode 2026).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronized {
    /// Large frames are marked.
    On,
    /// Never.
    Off,
}

/// Says that the rows from `top` up to but without `bottom` may have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrollHint {
    /// The first row of the band.
    pub top: u16,
    /// The row below the band.
    pub bottom: u16,
    /// How many rows the text moved up; negative when it moved down.
    pub lines: i32,
}

/// What a frame cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Bytes written to the terminal.
    pub bytes: usize,
}

/// Frames smaller than this arrive in one piece anyway.
const SYNCHRONIZE_FROM: usize = 512;

/// A terminal screen with the memory of what it shows.
#[derive(Debug)]
pub struct Screen<W: Write> {
    out: W,
    bytes: Vec<u8>,
    next: Buffer,
    shown: Shown,
    coming: Shown,
    painter: Painter,
    synchronized: Synchronized,
    hint: Option<ScrollHint>,
    fresh: bool,
}

impl<W: Write> Screen<W> {
    /// A screen of this size; the first frame clears it.
    pub fn new(out: W, width: u16, height: u16, synchronized: Synchronized) -> Self {
        let area = Rect::new(0, 0, width, height);
        Self {
            out,
            bytes: Vec::with_capacity(8 * 1024),
            next: Buffer::empty(area),
            shown: Shown::blank(width, height),
            coming: Shown::blank(width, height),
            painter: Painter::default(),
            synchronized,
            hint: None,
            fresh: true,
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.next.area.width, self.next.area.height)
    }

    /// Takes the terminal's new size; the next frame is drawn from nothing.
    pub fn resize(&mut self, width: u16, height: u16) {
        if self.size() == (width, height) {
            return;
        }
        self.next = Buffer::empty(Rect::new(0, 0, width, height));
        self.shown = Shown::blank(width, height);
        self.coming = Shown::blank(width, height);
        self.fresh = true;
    }

    /// Forgets what the terminal shows: the next frame clears it and writes everything.
    pub fn force_redraw(&mut self) {
        self.fresh = true;
    }

    /// Says what probably moved since the last frame. A wrong hint costs a comparison, no more.
    pub fn hint_scroll(&mut self, hint: ScrollHint) {
        self.hint = Some(hint);
    }

    /// Draws a frame: the closure fills an empty buffer and says where the cursor stands, if it
    /// is to be seen.
    ///
    /// # Errors
    /// The terminal is gone or does not take the bytes.
    pub fn draw(&mut self, view: impl FnOnce(&mut Buffer) -> Option<Position>) -> io::Result<Drawn> {
        self.next.reset();
        let cursor = view(&mut self.next);
        self.bytes.clear();
        self.coming.take(&self.next);
        if std::mem::take(&mut self.fresh) {
            self.painter.clear(&mut self.bytes);
            let (width, height) = self.size();
            self.shown = Shown::blank(width, height);
            self.hint = None;
        }
        if let Some(hint) = self.hint.take() {
            self.scroll(hint);
        }
        paint::changes(&self.shown, &self.coming, &mut self.painter, &mut self.bytes);
        let (width, height) = self.size();
        let cursor = cursor.filter(|at| at.x < width && at.y < height);
        self.painter.cursor(cursor.map(|at| (at.x, at.y)), &mut self.bytes);
        std::mem::swap(&mut self.shown, &mut self.coming);
        self.send()
    }

    /// Writes bytes that change no cell: a query, a title, the clipboard.
    ///
    /// # Errors
    /// The terminal is gone or does not take the bytes.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Where the frames go.
    pub fn writer(&self) -> &W {
        &self.out
    }

    /// Where the frames go, to be read or emptied in tests.
    pub fn writer_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn send(&mut self) -> io::Result<Drawn> {
        if self.bytes.is_empty() {
            return Ok(Drawn::default());
        }
        if self.synchronized == Synchronized::On && self.bytes.len() >= SYNCHRONIZE_FROM {
            let begin = b"\x1b[?2026h";
            self.bytes.splice(0..0, begin.iter().copied());
            self.bytes.extend_from_slice(b"\x1b[?2026l");
        }
        let result = self.out.write_all(&self.bytes).and_then(|()| self.out.flush());
        if result.is_err() {
            // Nobody knows what of it arrived.
            self.fresh = true;
        }
        result.map(|()| Drawn { bytes: self.bytes.len() })
    }

    /// Lets the terminal move the band when that leaves much less to write.
    fn scroll(&mut self, hint: ScrollHint) {
        let (_, height) = self.size();
        let (top, bottom) = (hint.top, hint.bottom.min(height));
        let Ok(lines) = u16::try_from(hint.lines.unsigned_abs()) else { return };
        if lines == 0 || top >= bottom || lines >= bottom - top {
            return;
        }
        let standing = self.shown.differences(&self.coming, top, bottom, 0);
        let moved = self.shown.differences(&self.coming, top, bottom, hint.lines);
        if moved.saturating_mul(2) + usize::from(lines) >= standing {
            return;
        }
        self.painter.scroll(top, bottom, height, hint.lines, &mut self.bytes);
        self.shown.scroll(top, bottom, hint.lines);
    }
}
