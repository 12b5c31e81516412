//! Breaks styled lines to a width, by what the eye sees: grapheme clusters and their columns.
//! It never changes the text except for spaces at a break.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns a tab is expanded to.
pub const TAB: &str = "    ";
/// Columns of the widest cluster that terminals draw: a joined emoji that they draw apart.
const WIDEST_CLUSTER: usize = 4;

/// How many columns `text` takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// Tabs as four spaces each.
pub fn expand_tabs(text: &str) -> Cow<'_, str> {
    if text.contains('\t') { Cow::Owned(text.replace('\t', TAB)) } else { Cow::Borrowed(text) }
}

/// `text` cut to at most `columns`, with `…` where something was left off.
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for cluster in text.graphemes(true) {
        let wide = cluster.width();
        if used + wide + 1 > columns {
            break;
        }
        out.push_str(cluster);
        used += wide;
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Wraps at words; a word longer than the line is broken where it must be.
pub fn wrap_line(line: &Line<'static>, width: u16) -> Vec<Line<'static>> {
    wrap_hanging(line, width, 0)
}

/// Like [`wrap_line`], with every row after the first indented by `hang` columns.
pub fn wrap_hanging(line: &Line<'static>, width: u16, hang: u16) -> Vec<Line<'static>> {
    let hang = if hang.saturating_add(8) > width { 0 } else { hang };
    let prefix = if hang == 0 { Vec::new() } else { vec![Span::raw(" ".repeat(usize::from(hang)))] };
    wrap_prefixed(line, width, &prefix)
}

/// Like [`wrap_line`], with `prefix` before every row after the first.
pub fn wrap_prefixed(line: &Line<'static>, width: u16, prefix: &[Span<'static>]) -> Vec<Line<'static>> {
    if let Some(short) = whole(line, width) {
        return vec![short];
    }
    let mut rows = Rows::new(line, usize::from(width).max(1), prefix);
    let mut word = Word::default();
    for span in &line.spans {
        for cluster in span.content.graphemes(true) {
            let columns = cluster_width(cluster);
            if cluster == "\t" || cluster == " " {
                rows.word(&mut word);
                rows.space(if cluster == "\t" { TAB } else { " " }, span.style);
                continue;
            }
            // Wide scripts have no spaces: every wide cluster may stand alone on a row.
            if columns == 2 {
                rows.word(&mut word);
            }
            word.push(cluster, span.style, columns);
            if columns == 2 {
                rows.word(&mut word);
            }
        }
    }
    rows.word(&mut word);
    rows.finish()
}

/// Breaks exactly at the width, keeping every space: for code.
pub fn wrap_hard(line: &Line<'static>, width: u16) -> Vec<Line<'static>> {
    if let Some(short) = whole(line, width) {
        return vec![short];
    }
    let mut rows = Rows::new(line, usize::from(width).max(1), &[]);
    for span in &line.spans {
        for cluster in span.content.graphemes(true) {
            let cluster = if cluster == "\t" { TAB } else { cluster };
            let mut word = Word::default();
            word.push(cluster, span.style, cluster_width(cluster));
            rows.place(&mut word);
        }
    }
    rows.finish()
}

/// A line that fits as it is.
fn whole(line: &Line<'static>, columns: u16) -> Option<Line<'static>> {
    let mut used = 0;
    for span in &line.spans {
        if span.content.contains('\t') {
            return None;
        }
        used += width(&span.content);
    }
    (used <= usize::from(columns)).then(|| line.clone())
}

fn cluster_width(cluster: &str) -> usize {
    if cluster.len() == 1 { 1 } else { cluster.width() }
}

/// Clusters that stay together, by style.
#[derive(Default)]
struct Word {
    pieces: Vec<(String, Style)>,
    columns: usize,
}

impl Word {
    fn push(&mut self, cluster: &str, style: Style, columns: usize) {
        self.columns += columns;
        match self.pieces.last_mut() {
            Some((text, last)) if *last == style => text.push_str(cluster),
            _ => self.pieces.push((cluster.to_owned(), style)),
        }
    }
}

struct Rows<'a> {
    done: Vec<Line<'static>>,
    row: Vec<(String, Style)>,
    used: usize,
    /// Columns that the prefix of this row takes.
    start: usize,
    /// Spaces that are only written when a word follows on the same row.
    spaces: Vec<(String, Style)>,
    spaces_columns: usize,
    limit: usize,
    prefix: &'a [Span<'static>],
    prefix_columns: usize,
    like: &'a Line<'static>,
}

impl<'a> Rows<'a> {
    fn new(like: &'a Line<'static>, limit: usize, prefix: &'a [Span<'static>]) -> Self {
        let prefix_columns: usize = prefix.iter().map(|span| width(&span.content)).sum();
        // A prefix that leaves no room for the widest cluster would push it over the edge.
        let fits = prefix_columns + WIDEST_CLUSTER <= limit;
        Self {
            done: Vec::new(),
            row: Vec::new(),
            used: 0,
            start: 0,
            spaces: Vec::new(),
            spaces_columns: 0,
            limit,
            prefix: if fits { prefix } else { &[] },
            prefix_columns: if fits { prefix_columns } else { 0 },
            like,
        }
    }

    fn space(&mut self, text: &str, style: Style) {
        self.spaces.push((text.to_owned(), style));
        self.spaces_columns += text.len();
    }

    fn word(&mut self, word: &mut Word) {
        if word.pieces.is_empty() {
            return;
        }
        if self.used + self.spaces_columns + word.columns <= self.limit {
            self.flush_spaces();
            self.append(word);
            return;
        }
        let room = self.limit.saturating_sub(self.prefix_columns);
        if self.used > self.start {
            self.break_row();
        } else if self.spaces_columns + 1 < self.limit {
            // Leading spaces of the whole line are kept: they are its indentation.
            self.flush_spaces();
        }
        self.spaces.clear();
        self.spaces_columns = 0;
        if word.columns <= room && self.used + word.columns <= self.limit {
            self.append(word);
            return;
        }
        for (text, style) in std::mem::take(&mut word.pieces) {
            for cluster in text.graphemes(true) {
                let mut single = Word::default();
                single.push(cluster, style, cluster_width(cluster));
                self.place(&mut single);
            }
        }
        word.columns = 0;
    }

    /// Puts one cluster, breaking the row when it is full.
    fn place(&mut self, word: &mut Word) {
        if self.used + word.columns > self.limit && self.used > self.start {
            self.break_row();
        }
        self.append(word);
    }

    fn flush_spaces(&mut self) {
        self.used += self.spaces_columns;
        self.spaces_columns = 0;
        for (text, style) in std::mem::take(&mut self.spaces) {
            self.add(&text, style);
        }
    }

    fn append(&mut self, word: &mut Word) {
        self.used += word.columns;
        word.columns = 0;
        for (text, style) in std::mem::take(&mut word.pieces) {
            self.add(&text, style);
        }
    }

    fn add(&mut self, text: &str, style: Style) {
        match self.row.last_mut() {
            Some((last, same)) if *same == style => last.push_str(text),
            _ => self.row.push((text.to_owned(), style)),
        }
    }

    fn break_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.done.push(self.line(row));
        self.row = self.prefix.iter().map(|span| (span.content.to_string(), span.style)).collect();
        self.used = self.prefix_columns;
        self.start = self.prefix_columns;
    }

    fn line(&self, row: Vec<(String, Style)>) -> Line<'static> {
        let spans: Vec<Span<'static>> = row.into_iter().map(|(text, style)| Span::styled(text, style)).collect();
        let mut line = Line::from(spans);
        line.style = self.like.style;
        line.alignment = self.like.alignment;
        line
    }

    fn finish(mut self) -> Vec<Line<'static>> {
        if self.used == 0 && self.done.is_empty() {
            let room = self.limit;
            if self.spaces_columns <= room {
                self.flush_spaces();
            }
        }
        let row = std::mem::take(&mut self.row);
        if self.used > self.start || self.done.is_empty() {
            let line = self.line(row);
            self.done.push(line);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, width: u16) -> Vec<String> {
        wrap_line(&Line::from(text.to_owned()), width).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_stay_whole_and_long_ones_break() {
        assert_eq!(rows("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(rows("abcdefghijkl mn", 5), ["abcde", "fghij", "kl mn"]);
        assert_eq!(rows("", 5), [""]);
    }

    #[test]
    fn wide_glyphs_never_straddle_the_edge() {
        assert_eq!(rows("日本語テキスト", 5), ["日本", "語テ", "キス", "ト"]);
        assert_eq!(rows("👩‍🚀👩‍🚀", 3), ["👩‍🚀", "👩‍🚀"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    }

    #[test]
    fn hanging_rows_line_up() {
        let line = Line::from("• one two three four five");
        let wrapped: Vec<String> = wrap_hanging(&line, 12, 2).iter().map(ToString::to_string).collect();
        assert_eq!(wrapped, ["• one two", "  three four", "  five"]);
    }

    #[test]
    fn code_keeps_its_spaces() {
        let line = Line::from("    if x {   y }");
        let wrapped: Vec<String> = wrap_hard(&line, 8).iter().map(ToString::to_string).collect();
        assert_eq!(wrapped, ["    if x", " {   y }"]);
    }

    #[test]
    fn truncation_counts_columns() {
        assert_eq!(truncate("日本語", 5), "日本…");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abcd", 3), "ab…");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_asked(text in "[a-z 日本👍é\t]{0,80}", columns in 2u16..30) {
            for row in wrap_line(&Line::from(text.clone()), columns) {
                prop_assert!(row.width() <= usize::from(columns), "{row:?}");
            }
            let rows = wrap_line(&Line::from(text.clone()), columns);
            let squeezed = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let joined: String = rows.iter().map(ToString::to_string).collect();
            prop_assert_eq!(squeezed(&joined), squeezed(&text));
        }
    }
}
