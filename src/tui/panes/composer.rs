//! The place where the person writes: the text area, wrapped so that nothing else knows it.
//!
//! Adds what the area itself does not have: movement by what a reader sees as one character, pastes
//! that fold into a chip, and the history of what was sent. It decides nothing about sending.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::Widget;
use tui_textarea::{AtomicRange, CursorMove, CursorRenderMode, TextArea, WrapMode};
use unicode_segmentation::UnicodeSegmentation;

/// Rows the composer grows to.
pub const MAX_ROWS: u16 = 10;
/// Pastes with more lines than this fold into a chip.
const CHIP_LINES: usize = 10;
/// Pastes with more bytes than this fold into a chip even when they are one line.
const CHIP_BYTES: usize = 4096;
/// Messages kept for recall.
const HISTORY: usize = crate::tui::history::MOST;
/// What stands before the first line.
pub const PROMPT: &str = "❯ ";

/// A change or movement within the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    Newline,
    Backspace,
    Delete,
    DeleteWord,
    DeleteNextWord,
    DeleteToStart,
    DeleteToEnd,
    Undo,
    Redo,
}

/// A folded paste.
#[derive(Clone, Debug)]
struct Paste {
    label: String,
    text: String,
}

/// The composer's text and history.
#[derive(Debug)]
pub struct Composer {
    area: TextArea<'static>,
    pastes: Vec<Paste>,
    history: Vec<String>,
    /// Which history entry is shown, and what was written before the recall.
    recalled: Option<(usize, String)>,
    pasted: usize,
}

impl Default for Composer {
    fn default() -> Self {
        Self::new()
    }
}

impl Composer {
    /// An empty composer.
    pub fn new() -> Self {
        Self { area: fresh_area(), pastes: Vec::new(), history: Vec::new(), recalled: None, pasted: 0 }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// The text as it stands on the screen, chips folded.
    pub fn shown(&self) -> String {
        self.area.lines().join("\n")
    }

    /// The text as it will be sent, chips unfolded.
    pub fn text(&self) -> String {
        let mut text = self.shown();
        for paste in &self.pastes {
            text = text.replacen(&paste.label, &paste.text, 1);
        }
        text
    }

    /// The line that holds the caret, up to the caret.
    pub fn before_caret(&self) -> String {
        let (row, column) = self.area.cursor();
        self.area.lines().get(row).map(|line| line.chars().take(column).collect()).unwrap_or_default()
    }

    /// Whether the caret stands in the first line.
    pub fn caret_in_first_line(&self) -> bool {
        self.area.cursor().0 == 0
    }

    /// Takes the text out, remembers it and empties the composer.
    pub fn take(&mut self) -> String {
        let text = self.text();
        self.remember(&text);
        self.clear();
        text
    }

    /// Empties the composer; what was written is not remembered.
    pub fn clear(&mut self) {
        self.area = fresh_area();
        self.pastes.clear();
        self.recalled = None;
    }

    /// Replaces the text, caret at the end.
    pub fn set(&mut self, text: &str) {
        self.area = fresh_area();
        self.area.insert_str(text);
        self.refresh_chips();
    }

    /// Adds a message to the history.
    pub fn remember(&mut self, text: &str) {
        if text.trim().is_empty() || self.history.last().is_some_and(|last| last == text) {
            return;
        }
        self.history.push(text.to_owned());
        if self.history.len() > HISTORY {
            self.history.remove(0);
        }
    }

    /// Adds a message of an opened session, unless it can be recalled already.
    pub fn remember_known(&mut self, text: &str) {
        if !self.history.iter().any(|known| known == text) {
            self.remember(text);
        }
    }

    /// Puts older messages before the ones of this run.
    pub fn preload_history(&mut self, mut older: Vec<String>) {
        older.retain(|text| !self.history.contains(text));
        // A recall that is under way counts from the front.
        if let Some((index, _)) = &mut self.recalled {
            *index += older.len();
        }
        let newer = std::mem::replace(&mut self.history, older);
        self.history.extend(newer);
    }

    /// Writes one character at the caret.
    pub fn insert_char(&mut self, c: char) {
        if c.is_control() {
            return;
        }
        self.area.insert_char(c);
        self.refresh_chips();
    }

    /// Inserts text that was cleaned already; a long one folds into a chip.
    pub fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = text.lines().count();
        if lines > CHIP_LINES || text.len() > CHIP_BYTES {
            self.pasted += 1;
            let size =
                if lines > 1 { format!("{lines} lines") } else { format!("{} characters", text.chars().count()) };
            let label = if self.pastes.is_empty() {
                format!("[pasted {size}]")
            } else {
                format!("[pasted {size} #{}]", self.pasted)
            };
            self.area.insert_str(&label);
            self.pastes.push(Paste { label, text });
        } else {
            self.area.insert_str(&text);
        }
        self.refresh_chips();
    }

    /// Replaces the last `characters` before the caret by a completion.
    pub fn complete(&mut self, characters: usize, text: &str) {
        for _ in 0..characters {
            self.area.delete_char();
        }
        self.area.insert_str(text);
        self.refresh_chips();
    }

    /// Performs an edit; `false` when nothing changed, so that the caller can use the key otherwise.
    pub fn edit(&mut self, edit: Edit) -> bool {
        let before = self.area.cursor();
        let changed = match edit {
            Edit::Left => self.steps_back().is_some_and(|n| self.repeat(n, CursorMove::Back)),
            Edit::Right => self.steps_forward().is_some_and(|n| self.repeat(n, CursorMove::Forward)),
            Edit::Up => self.repeat(1, CursorMove::Up),
            Edit::Down => self.repeat(1, CursorMove::Down),
            Edit::WordLeft => self.repeat(1, CursorMove::WordBack),
            Edit::WordRight => self.repeat(1, CursorMove::WordForward),
            Edit::LineStart => self.repeat(1, CursorMove::Head),
            Edit::LineEnd => self.repeat(1, CursorMove::End),
            Edit::TextStart => self.repeat(1, CursorMove::Top) | self.repeat(1, CursorMove::Head),
            Edit::TextEnd => self.repeat(1, CursorMove::Bottom) | self.repeat(1, CursorMove::End),
            Edit::Newline => {
                self.area.insert_newline();
                true
            }
            Edit::Backspace => self.delete_back(),
            Edit::Delete => self.delete_forward(),
            Edit::DeleteWord => self.area.delete_word(),
            Edit::DeleteNextWord => self.area.delete_next_word(),
            Edit::DeleteToStart => self.area.delete_line_by_head(),
            Edit::DeleteToEnd => self.area.delete_line_by_end(),
            Edit::Undo => self.area.undo(),
            Edit::Redo => self.area.redo(),
        };
        self.refresh_chips();
        changed || self.area.cursor() != before
    }

    /// Shows the message before the one shown; `false` at the oldest.
    pub fn older(&mut self) -> bool {
        let (index, draft) = match &self.recalled {
            Some((index, draft)) => (index.checked_sub(1), draft.clone()),
            None => (self.history.len().checked_sub(1), self.text()),
        };
        self.show_recalled(index, draft)
    }

    /// Shows the message after the one shown, at the end what was being written.
    pub fn newer(&mut self) -> bool {
        let Some((index, draft)) = self.recalled.take() else { return false };
        if index + 1 < self.history.len() {
            return self.show_recalled(Some(index + 1), draft);
        }
        self.pastes.clear();
        self.set(&draft);
        true
    }

    fn show_recalled(&mut self, index: Option<usize>, draft: String) -> bool {
        let Some((index, text)) = index.and_then(|i| self.history.get(i).map(|text| (i, text.clone()))) else {
            return false;
        };
        self.pastes.clear();
        self.set(&text);
        self.recalled = Some((index, draft));
        true
    }

    /// Rows needed at a width, prompt included, at most [`MAX_ROWS`].
    pub fn rows(&mut self, width: u16) -> u16 {
        self.area.measure(width.saturating_sub(2).max(1)).content_rows.clamp(1, MAX_ROWS)
    }

    /// Draws the text and returns where the terminal's cursor belongs.
    pub fn draw(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        text: Style,
        prompt: Style,
        hint: (&str, Style),
    ) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        buffer.set_stringn(area.x, area.y, PROMPT, usize::from(area.width), prompt);
        let inner = Rect { x: area.x.saturating_add(2), width: area.width.saturating_sub(2), ..area };
        if inner.is_empty() {
            return Some(Position::new(area.x, area.y));
        }
        if self.area.is_empty() {
            buffer.set_stringn(inner.x, inner.y, hint.0, usize::from(inner.width), hint.1);
            return Some(Position::new(inner.x, inner.y));
        }
        self.area.set_style(text);
        self.area.set_cursor_line_style(text);
        (&self.area).render(inner, buffer);
        for row in inner.top()..inner.bottom() {
            chip_style(buffer, inner, row, hint.1, &self.pastes);
        }
        self.area.rendered_cursor_position().or(Some(Position::new(inner.x, inner.y)))
    }

    fn repeat(&mut self, times: usize, step: CursorMove) -> bool {
        let before = self.area.cursor();
        for _ in 0..times {
            self.area.move_cursor(step);
        }
        self.area.cursor() != before
    }

    /// Characters of the grapheme before the caret; a chip and a line break count as one.
    fn steps_back(&self) -> Option<usize> {
        let before = self.before_caret();
        match before.graphemes(true).next_back() {
            Some(_) if self.at_chip() => Some(1),
            Some(grapheme) => Some(grapheme.chars().count()),
            None => (self.area.cursor().0 > 0).then_some(1),
        }
    }

    fn steps_forward(&self) -> Option<usize> {
        let (row, column) = self.area.cursor();
        let line = self.area.lines().get(row)?;
        let after: String = line.chars().skip(column).collect();
        match after.graphemes(true).next() {
            Some(_) if self.at_chip() => Some(1),
            Some(grapheme) => Some(grapheme.chars().count()),
            None => (row + 1 < self.area.lines().len()).then_some(1),
        }
    }

    fn at_chip(&self) -> bool {
        let (row, column) = self.area.cursor();
        self.area.atomic_ranges().iter().any(|r| r.row == row && r.start_col <= column && column <= r.end_col)
    }

    fn delete_back(&mut self) -> bool {
        match self.steps_back() {
            Some(1) | None => self.area.delete_char(),
            Some(n) => {
                for _ in 0..n {
                    self.area.delete_char();
                }
                true
            }
        }
    }

    fn delete_forward(&mut self) -> bool {
        match self.steps_forward() {
            Some(1) | None => self.area.delete_next_char(),
            Some(n) => self.area.delete_str(n),
        }
    }

    /// Chips are atomic ranges; the area forgets them at each edit.
    fn refresh_chips(&mut self) {
        if self.pastes.is_empty() {
            return;
        }
        let mut ranges = Vec::new();
        for (row, line) in self.area.lines().iter().enumerate() {
            for paste in &self.pastes {
                if let Some(at) = line.find(&paste.label) {
                    let start_col = line.get(..at).map_or(0, |head| head.chars().count());
                    ranges.push(AtomicRange { row, start_col, end_col: start_col + paste.label.chars().count() });
                }
            }
        }
        ranges.sort_by_key(|r| (r.row, r.start_col));
        self.area.set_atomic_ranges(ranges);
    }
}

fn fresh_area() -> TextArea<'static> {
    let mut area = TextArea::default();
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_cursor_render_mode(CursorRenderMode::Hidden);
    area.set_max_rows(MAX_ROWS);
    area.set_tab_length(4);
    area.set_cursor_line_style(Style::default());
    area
}

/// Gives chips their own look, where one stands whole in a row.
fn chip_style(buffer: &mut Buffer, area: Rect, row: u16, style: Style, pastes: &[Paste]) {
    if pastes.is_empty() {
        return;
    }
    let mut text = String::new();
    let mut columns = Vec::new();
    for x in area.left()..area.right() {
        if let Some(cell) = buffer.cell((x, row)) {
            for _ in 0..cell.symbol().len() {
                columns.push(x);
            }
            text.push_str(cell.symbol());
        }
    }
    for paste in pastes {
        if let Some(at) = text.find(&paste.label)
            && let (Some(from), Some(to)) = (columns.get(at), columns.get(at + paste.label.len() - 1))
        {
            buffer.set_style(Rect { x: *from, y: row, width: to - from + 1, height: 1 }, style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pastes_fold_and_unfold() {
        let mut composer = Composer::new();
        composer.insert_char('a');
        let long = (0..400).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        composer.paste(&long);
        composer.insert_char('b');
        assert_eq!(composer.shown(), "a[pasted 400 lines]b");
        assert_eq!(composer.text(), format!("a{long}b"));
        assert!(composer.edit(Edit::Left));
        assert!(composer.edit(Edit::Backspace));
        assert_eq!(composer.shown(), "ab", "a chip goes as a whole");
    }

    #[test]
    fn editing_goes_by_grapheme() {
        let mut composer = Composer::new();
        composer.paste("x👩‍👩‍👧e\u{301}");
        assert!(composer.edit(Edit::Backspace));
        assert_eq!(composer.shown(), "x👩‍👩‍👧");
        assert!(composer.edit(Edit::Left));
        assert_eq!(composer.before_caret(), "x");
        assert!(composer.edit(Edit::Delete));
        assert_eq!(composer.shown(), "x");
    }

    #[test]
    fn history_comes_and_goes_without_losing_the_draft() {
        let mut composer = Composer::new();
        for text in ["one", "two"] {
            composer.set(text);
            assert_eq!(composer.take(), text);
        }
        composer.set("draft");
        assert!(composer.older());
        assert_eq!(composer.shown(), "two");
        assert!(composer.older());
        assert!(!composer.older());
        assert_eq!(composer.shown(), "one");
        assert!(composer.newer());
        assert!(composer.newer());
        assert_eq!(composer.shown(), "draft");
        assert!(!composer.newer());
    }
}
