//! From cells to bytes. [`Shown`] is a frame in the form a terminal holds it (a wide glyph owns
//! two columns), [`Painter`] knows the cursor and the pen of the terminal and writes the shortest
//! sequences that it can be sure of.

use std::io::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// How text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    underline: Color,
    modifier: Modifier,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    text: Text,
    pen: Pen,
}

/// A short symbol without allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    /// One column, one character.
    Narrow(char),
    /// One column, several characters.
    NarrowCluster(Box<str>),
    /// The left half of a glyph of two columns.
    Wide(Box<str>),
    /// The right half.
    Rest,
}

const BLANK: Place = Place {
    text: Text::Narrow(' '),
    pen: Pen { fg: Color::Reset, bg: Color::Reset, underline: Color::Reset, modifier: Modifier::empty() },
};

/// A frame as the terminal holds it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    width: usize,
    height: usize,
    places: Vec<Place>,
}

/// Modifiers that can be seen on a blank.
const SEEN_ON_BLANK: Modifier = Modifier::UNDERLINED.union(Modifier::CROSSED_OUT).union(Modifier::REVERSED);

impl Shown {
    pub(super) fn blank(width: u16, height: u16) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        Self { width, height, places: vec![BLANK; width * height] }
    }

    /// Takes over a buffer of the same size, settling what no terminal can show: a wide glyph in
    /// the last column, half of a glyph, a symbol without width.
    pub(super) fn take(&mut self, buffer: &Buffer) {
        let width = self.width.max(1);
        for (row, places) in buffer.content.chunks(width).zip(self.places.chunks_mut(width)) {
            let mut rest = None;
            let count = row.len();
            for (at, (cell, place)) in row.iter().zip(places).enumerate() {
                if let Some(pen) = rest.take() {
                    *place = Place { text: Text::Rest, pen };
                    continue;
                }
                let mut pen =
                    Pen { fg: cell.fg, bg: cell.bg, underline: cell.underline_color, modifier: cell.modifier };
                let text = text_of(cell.symbol(), at + 1 < count);
                if text == Text::Narrow(' ') && !pen.modifier.intersects(SEEN_ON_BLANK) {
                    pen = Pen { bg: pen.bg, ..Pen::default() };
                }
                if matches!(text, Text::Wide(_)) {
                    rest = Some(pen);
                }
                *place = Place { text, pen };
            }
        }
    }

    fn row(&self, row: usize) -> &[Place] {
        self.places.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    /// How many places of a band differ from `next` when this frame's band is moved up by `lines`.
    pub(super) fn differences(&self, next: &Self, top: u16, bottom: u16, lines: i32) -> usize {
        let mut count = 0;
        for row in top..bottom {
            let from = i64::from(row) + i64::from(lines);
            let coming = next.row(usize::from(row));
            if from < i64::from(top) || from >= i64::from(bottom) {
                count += coming.iter().filter(|place| **place != BLANK).count();
                continue;
            }
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            count += self.row(from).iter().zip(coming).filter(|(old, new)| old != new).count();
        }
        count
    }

    /// Moves a band as the terminal does.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, lines: i32) {
        let width = self.width;
        let band = usize::from(top) * width..usize::from(bottom) * width;
        let Some(band) = self.places.get_mut(band) else { return };
        let count = usize::try_from(lines.unsigned_abs()).unwrap_or(usize::MAX).saturating_mul(width).min(band.len());
        if lines > 0 {
            band.rotate_left(count);
            let kept = band.len() - count;
            band.iter_mut().skip(kept).for_each(|place| *place = BLANK);
        } else {
            band.rotate_right(count);
            band.iter_mut().take(count).for_each(|place| *place = BLANK);
        }
    }
}

fn text_of(symbol: &str, room: bool) -> Text {
    // Nearly every cell is a letter or a blank.
    match symbol.as_bytes() {
        [] => return Text::Narrow(' '),
        [byte] => return Text::Narrow(if byte.is_ascii_control() { ' ' } else { char::from(*byte) }),
        _ => {}
    }
    if symbol.chars().any(char::is_control) {
        return Text::Narrow('\u{FFFD}');
    }
    match (symbol.width(), symbol.chars().count()) {
        (1, 1) => Text::Narrow(symbol.chars().next().unwrap_or(' ')),
        (1, _) => Text::NarrowCluster(symbol.into()),
        // Without width, or wider than two: that happens for no cluster that a terminal would draw as one.
        (2, _) if room => Text::Wide(symbol.into()),
        _ => Text::Narrow(' '),
    }
}

/// Whether every terminal is known to agree on the width of this glyph.
fn agreed(text: &Text) -> bool {
    let single = |symbol: &str| {
        let mut chars = symbol.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    match text {
        Text::Narrow(char) => matches!(*char,
            ' '..='~' | '\u{A1}'..='\u{2FF}' | '\u{370}'..='\u{482}' | '\u{48A}'..='\u{52F}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '\u{2190}'..='\u{21FF}' | '\u{2500}'..='\u{25A1}'
            | '\u{2800}'..='\u{28FF}' | '\u{FFFD}'),
        Text::Wide(symbol) => single(symbol).is_some_and(|char| {
            matches!(char,
                '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30A0}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}'
                | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{FF01}'..='\u{FF60}')
        }),
        Text::NarrowCluster(_) | Text::Rest => false,
    }
}

/// Unchanged columns up to this many are written again rather than jumped over.
const SHORT_GAP: usize = 3;

/// Writes what differs between two frames.
pub(super) fn changes(shown: &Shown, next: &Shown, painter: &mut Painter, out: &mut Vec<u8>) {
    for row in 0..next.height {
        let (old, new) = (shown.row(row), next.row(row));
        if old != new {
            row_changes(old, new, row, painter, out);
        }
    }
}

fn row_changes(old: &[Place], new: &[Place], row: usize, painter: &mut Painter, out: &mut Vec<u8>) {
    let changed = changed_columns(old, new);
    // From here on the row is blank; erasing it is shorter than writing blanks.
    let blank_from = new.iter().rposition(|place| *place != BLANK).map_or(0, |at| at + 1);
    let blanks = changed.iter().skip(blank_from).filter(|changed| **changed).count();
    let erase = blanks > 3;
    let mut column = 0;
    while let (Some(place), Some(is_changed)) = (new.get(column), changed.get(column)) {
        if erase && column >= blank_from {
            if *is_changed {
                painter.go(column, row, out);
                painter.pen(Pen::default(), out);
                out.extend_from_slice(b"\x1b[K");
                return;
            }
            column += 1;
            continue;
        }
        if *is_changed && place.text != Text::Rest {
            bridge(new, column, row, painter, out);
            painter.put(place, column, row, new.len(), out);
        }
        column += 1;
    }
}

/// Which columns must be written. Both columns of a wide glyph go together, the one that was
/// there as well as the one that comes.
fn changed_columns(old: &[Place], new: &[Place]) -> Vec<bool> {
    let mut changed: Vec<bool> = old.iter().zip(new).map(|(old, new)| old != new).collect();
    for row in [old, new] {
        for (at, place) in row.iter().enumerate() {
            if place.text == Text::Rest && at > 0 {
                let either = changed.get(at - 1) == Some(&true) || changed.get(at) == Some(&true);
                for half in changed.iter_mut().skip(at - 1).take(2) {
                    *half |= either;
                }
            }
        }
    }
    // Widening by the old glyphs may have touched half of a new one.
    for (at, place) in new.iter().enumerate() {
        if place.text == Text::Rest
            && changed.get(at) == Some(&true)
            && let Some(left) = at.checked_sub(1).and_then(|left| changed.get_mut(left))
        {
            *left = true;
        }
    }
    changed
}

/// Writes the few unchanged columns between the cursor and `column` again when that is shorter.
fn bridge(new: &[Place], column: usize, row: usize, painter: &mut Painter, out: &mut Vec<u8>) {
    let Some((at, on)) = painter.at else { return };
    if on != row || at >= column || column - at > SHORT_GAP {
        return;
    }
    let Some(gap) = new.get(at..column) else { return };
    let plain = |place: &Place| place.pen == painter.pen && matches!(&place.text, Text::Narrow(' '..='~'));
    if gap.iter().all(plain) {
        for (offset, place) in gap.iter().enumerate() {
            painter.put(place, at + offset, row, new.len(), out);
        }
    }
}

/// The terminal's cursor and pen, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Painter {
    at: Option<(usize, usize)>,
    pen: Pen,
    pen_known: bool,
    cursor_seen: Option<bool>,
}

/// Writing to memory cannot fail.
fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

impl Painter {
    /// Clears the screen; everything about the terminal is unknown before.
    pub(super) fn clear(&mut self, out: &mut Vec<u8>) {
        *self = Self { cursor_seen: None, ..Self::default() };
        self.pen(Pen::default(), out);
        out.extend_from_slice(b"\x1b[r\x1b[2J");
        self.at = None;
    }

    /// Lets the terminal scroll a band by line feeds at its foot, or reverse ones at its head:
    /// unlike SU and SD every terminal knows them.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, height: u16, lines: i32, out: &mut Vec<u8>) {
        self.pen(Pen::default(), out);
        let whole = top == 0 && bottom == height;
        if !whole {
            write(out, format_args!("\x1b[{};{}r", top + 1, bottom));
            self.at = None;
        }
        let (row, step): (u16, &[u8]) = if lines > 0 { (bottom - 1, b"\n") } else { (top, b"\x1bM") };
        self.go(0, usize::from(row), out);
        for _ in 0..lines.unsigned_abs() {
            out.extend_from_slice(step);
        }
        if !whole {
            out.extend_from_slice(b"\x1b[r");
            // Setting the region moves the cursor home.
            self.at = Some((0, 0));
        }
    }

    /// Shows the cursor at a place, or hides it.
    pub(super) fn cursor(&mut self, at: Option<(u16, u16)>, out: &mut Vec<u8>) {
        if let Some((column, row)) = at {
            self.go(usize::from(column), usize::from(row), out);
        }
        if self.cursor_seen != Some(at.is_some()) {
            self.cursor_seen = Some(at.is_some());
            out.extend_from_slice(if at.is_some() { b"\x1b[?25h" } else { b"\x1b[?25l" });
        }
    }

    fn go(&mut self, column: usize, row: usize, out: &mut Vec<u8>) {
        if self.at == Some((column, row)) {
            return;
        }
        match self.at {
            Some((at, on)) if on == row && column > at => match column - at {
                1 => out.extend_from_slice(b"\x1b[C"),
                far => write(out, format_args!("\x1b[{far}C")),
            },
            Some((_, on)) if on == row && column == 0 => out.push(b'\r'),
            Some((_, on)) if on + 1 == row && column == 0 => out.extend_from_slice(b"\r\n"),
            _ if column == 0 => write(out, format_args!("\x1b[{}H", row + 1)),
            _ => write(out, format_args!("\x1b[{};{}H", row + 1, column + 1)),
        }
        self.at = Some((column, row));
    }

    fn put(&mut self, place: &Place, column: usize, row: usize, width: usize, out: &mut Vec<u8>) {
        self.go(column, row, out);
        self.pen(place.pen, out);
        let agreed = agreed(&place.text);
        let columns = match &place.text {
            Text::Narrow(char) => {
                let mut four = [0; 4];
                out.extend_from_slice(char.encode_utf8(&mut four).as_bytes());
                1
            }
            Text::NarrowCluster(symbol) => {
                out.extend_from_slice(symbol.as_bytes());
                1
            }
            Text::Wide(symbol) => {
                if !agreed {
                    // A terminal that draws it in one column must not keep old ink in the other.
                    out.extend_from_slice(b"  ");
                    self.at = None;
                    self.go(column, row, out);
                }
                out.extend_from_slice(symbol.as_bytes());
                2
            }
            Text::Rest => return,
        };
        let after = column + columns;
        // In the last column terminals differ on where the cursor is.
        self.at = (agreed && after < width).then_some((after, row));
    }

    fn pen(&mut self, pen: Pen, out: &mut Vec<u8>) {
        if self.pen_known && self.pen == pen {
            return;
        }
        let removed = self.pen.modifier - pen.modifier;
        let plain = pen == Pen::default();
        let mut codes = Codes { out, any: false };
        let from = if !self.pen_known || plain || !removed.is_empty() {
            codes.reset(plain);
            Pen::default()
        } else {
            self.pen
        };
        if from.fg != pen.fg {
            codes.color(pen.fg, 30);
        }
        if from.bg != pen.bg {
            codes.color(pen.bg, 40);
        }
        if from.underline != pen.underline {
            codes.underline(pen.underline);
        }
        for (modifier, code) in MODIFIERS {
            if (pen.modifier - from.modifier).contains(*modifier) {
                codes.code(format_args!("{code}"));
            }
        }
        codes.end();
        self.pen = pen;
        self.pen_known = true;
    }
}

const MODIFIERS: &[(Modifier, u8)] = &[
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// One SGR sequence that grows.
struct Codes<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl Codes<'_> {
    fn code(&mut self, code: std::fmt::Arguments<'_>) {
        self.out.extend_from_slice(if self.any { b";" } else { b"\x1b[" });
        self.any = true;
        write(self.out, code);
    }

    fn reset(&mut self, last: bool) {
        if last {
            self.out.extend_from_slice(b"\x1b[");
            self.any = true;
        } else {
            self.code(format_args!("0"));
        }
    }

    fn color(&mut self, color: Color, base: u8) {
        let named = |index: u8| if index < 8 { base + index } else { base + 52 + index };
        match color {
            Color::Reset => self.code(format_args!("{}", base + 9)),
            Color::Rgb(red, green, blue) => self.code(format_args!("{};2;{red};{green};{blue}", base + 8)),
            Color::Indexed(index) => self.code(format_args!("{};5;{index}", base + 8)),
            other => self.code(format_args!("{}", named(sixteen(other)))),
        }
    }

    fn underline(&mut self, color: Color) {
        match color {
            Color::Reset => self.code(format_args!("59")),
            Color::Rgb(red, green, blue) => self.code(format_args!("58;2;{red};{green};{blue}")),
            Color::Indexed(index) => self.code(format_args!("58;5;{index}")),
            other => self.code(format_args!("58;5;{}", sixteen(other))),
        }
    }

    fn end(&mut self) {
        if self.any {
            self.out.push(b'm');
        }
    }
}

fn sixteen(color: Color) -> u8 {
    match color {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => 0,
    }
}
