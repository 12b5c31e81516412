//! The text of a file as the code pane shows it: cleaned, tabs expanded, split into lines, and
//! able to grow at its end without touching what is there.

use crate::tui::text::sanitize::Cleaner;

/// Columns between tab stops.
const TAB: usize = 4;

/// Displayable text of a growing file.
#[derive(Debug, Default)]
pub struct Document {
    text: String,
    /// Where each line begins.
    starts: Vec<usize>,
    column: usize,
    cleaner: Cleaner,
    /// Bytes taken in, before cleaning.
    taken: usize,
}

impl Document {
    /// From a whole text.
    pub fn whole(text: &str) -> Self {
        let mut document = Self::default();
        document.push(text);
        document.finish();
        document
    }

    /// Adds text at the end and returns what became of it.
    pub fn push(&mut self, delta: &str) -> &str {
        let mut cleaned = String::new();
        self.cleaner.push(delta, &mut cleaned);
        self.taken += delta.len();
        self.append(&cleaned)
    }

    /// The text is complete.
    pub fn finish(&mut self) -> &str {
        let mut cleaned = String::new();
        self.cleaner.finish(&mut cleaned);
        self.append(&cleaned)
    }

    /// Bytes taken in so far, as they came.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Number of lines; a text that ends in a line break has no empty last line.
    pub fn line_count(&self) -> usize {
        match self.starts.last() {
            Some(last) if *last == self.text.len() => self.starts.len().saturating_sub(1),
            _ => self.starts.len(),
        }
    }

    /// A line without its break.
    pub fn line(&self, index: usize) -> &str {
        let Some(start) = self.starts.get(index) else { return "" };
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next.saturating_sub(1));
        self.text.get(*start..end).unwrap_or("")
    }

    /// The whole displayable text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn append(&mut self, cleaned: &str) -> &str {
        let from = self.text.len();
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        for c in cleaned.chars() {
            match c {
                '\n' => {
                    self.text.push('\n');
                    self.starts.push(self.text.len());
                    self.column = 0;
                }
                '\t' => {
                    let spaces = TAB - self.column % TAB;
                    self.text.extend(std::iter::repeat_n(' ', spaces));
                    self.column += spaces;
                }
                c => {
                    self.text.push(c);
                    self.column += 1;
                }
            }
        }
        self.text.get(from..).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_grow_at_the_end() {
        let mut document = Document::default();
        assert_eq!(document.line_count(), 0);
        document.push("a\tb\nc");
        assert_eq!((document.line_count(), document.line(0), document.line(1)), (2, "a   b", "c"));
        document.push("d\n");
        assert_eq!((document.line_count(), document.line(1), document.line(2)), (2, "cd", ""));
        assert_eq!(document.line(99), "");
        assert_eq!(document.taken(), 7);
    }
}
