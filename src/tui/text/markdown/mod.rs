//! Markdown as it is being written: finished pieces are rendered and wrapped once, only the open
//! one is done again as it grows, and a long open one is kept short. The text is made harmless on
//! its way in. Links to definitions elsewhere in the text are left as they are written.

mod code;
mod render;
mod split;
mod table;

use ratatui::text::Line;

use self::code::CodeView;
use self::split::{Kind, Piece, Splitter};
use super::highlight::Highlighter;
use super::sanitize::Cleaner;
use crate::tui::theme::Theme;

/// An unfinished line of this length is looked at before its end comes.
const LONG_LINE: usize = 4096;

/// A text in Markdown and its lines on the screen.
#[derive(Debug, Default)]
pub struct Markdown {
    source: String,
    cleaner: Cleaner,
    highlighter: Option<Highlighter>,
    splitter: Splitter,
    /// Bytes that the splitter has seen.
    split: usize,
    /// Bytes that were searched for a line's end.
    searched: usize,
    /// The length at which the unfinished line is looked at again.
    look_at: usize,
    pieces: Vec<Piece>,
    /// Code views by piece; the open fence's number is that of the piece to come.
    codes: Vec<(usize, CodeView)>,
    shown: Shown,
}

/// What was rendered, and for what.
#[derive(Debug, Default)]
struct Shown {
    width: u16,
    theme: u64,
    lines: Vec<Line<'static>>,
    /// The first line of every piece that was rendered.
    firsts: Vec<usize>,
    /// Lines that stay as they are.
    settled: usize,
    /// Pieces that were rendered for good.
    settled_pieces: usize,
    /// The last settled line, when the open piece goes on in it.
    borrowed: Option<Line<'static>>,
    /// Whether the text changed since.
    stale: bool,
}

impl Markdown {
    /// An empty text; code stays plain.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty text whose code is highlighted when it is first seen.
    pub fn with_highlighter(highlighter: Highlighter) -> Self {
        Self { highlighter: Some(highlighter), ..Self::default() }
    }

    /// Adds text at the end.
    pub fn push(&mut self, delta: &str) {
        self.cleaner.push(delta, &mut self.source);
        self.shown.stale = true;
        self.split();
    }

    /// Another text in place of this one.
    pub fn set(&mut self, text: &str) {
        *self = Self { highlighter: self.highlighter.take(), ..Self::default() };
        self.push(text);
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.cleaner.finish(&mut self.source);
        self.shown.stale = true;
        self.split();
    }

    /// The text itself, harmless, as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many blocks there are, the open one included.
    pub fn block_count(&self) -> usize {
        self.pieces.len() + self.rest().len()
    }

    /// The block that a rendered line belongs to.
    pub fn block_at(&self, line: usize) -> Option<usize> {
        if line >= self.shown.lines.len() {
            return None;
        }
        Some(self.shown.firsts.partition_point(|first| *first <= line).saturating_sub(1))
    }

    /// A block as it was written; empty when there is no such block.
    pub fn source_of(&self, block: usize) -> &str {
        let source = self.piece(block).and_then(|piece| self.source.get(piece.source));
        source.unwrap_or_default().trim_end_matches('\n')
    }

    /// The code of a block between its fences.
    pub fn code_of(&self, block: usize) -> Option<String> {
        let piece = self.piece(block)?;
        let Kind::Fence(fence) = &piece.kind else { return None };
        let body = self.source.get(fence.body..fence.end.unwrap_or(piece.source.end)).unwrap_or_default();
        Some(body.lines().map(|line| code::unindent(line, fence.indent)).collect::<Vec<_>>().join("\n"))
    }

    /// The code of the last block that is code.
    pub fn last_code(&self) -> Option<String> {
        (0..self.block_count()).rev().find_map(|block| self.code_of(block))
    }

    /// The code of every block that has any, in their order.
    pub fn all_code(&self) -> Vec<String> {
        (0..self.block_count()).filter_map(|block| self.code_of(block)).collect()
    }

    /// The rendered lines for a width; call it at every frame: what did not change costs nothing,
    /// and highlighting that was finished meanwhile is taken up.
    pub fn lines(&mut self, width: u16, theme: &Theme) -> &[Line<'static>] {
        let width = width.max(8);
        let key = (width, theme.stamp());
        if key != (self.shown.width, self.shown.theme) {
            self.shown = Shown { width: key.0, theme: key.1, stale: true, ..Shown::default() };
            for (_, code) in &mut self.codes {
                code.forget_lines();
            }
        }
        if std::mem::take(&mut self.shown.stale) {
            self.render(theme);
        }
        if self.highlighter.is_some() {
            for (_, code) in self.codes.iter_mut().filter(|(_, code)| code.is_waiting()) {
                code.restyle(&self.source, width, theme, &mut self.shown.lines);
            }
        }
        &self.shown.lines
    }

    fn piece(&self, block: usize) -> Option<Piece> {
        match block.checked_sub(self.pieces.len()) {
            None => self.pieces.get(block).cloned(),
            Some(number) => self.rest().into_iter().nth(number),
        }
    }

    /// What is still open, as if the text ended here.
    fn rest(&self) -> Vec<Piece> {
        let mut ahead = self.splitter.clone();
        let mut rest = Vec::new();
        if self.split < self.source.len() {
            ahead.line(&self.source, self.split..self.source.len(), &mut rest);
        }
        rest.extend(ahead.open().cloned());
        rest
    }

    fn split(&mut self) {
        while let Some(length) = self.source.get(self.searched..).and_then(|rest| rest.find('\n')) {
            let end = self.searched + length + 1;
            self.splitter.line(&self.source, self.split..end, &mut self.pieces);
            (self.split, self.searched, self.look_at) = (end, end, 0);
        }
        self.searched = self.source.len();
        let length = self.source.len() - self.split;
        if length < LONG_LINE.max(self.look_at) {
            return;
        }
        let mut ahead = self.splitter.clone();
        let mut done = Vec::new();
        ahead.line(&self.source, self.split..self.source.len(), &mut done);
        if ahead.is_cuttable() {
            ahead.stay_in_line();
            self.splitter = ahead;
            self.pieces.append(&mut done);
            self.split = self.source.len();
        } else {
            self.look_at = length * 2;
        }
    }

    fn render(&mut self, theme: &Theme) {
        self.shown.lines.truncate(self.shown.settled);
        self.shown.firsts.truncate(self.shown.settled_pieces);
        self.shown.lines.extend(self.shown.borrowed.take());
        for at in self.shown.settled_pieces..self.pieces.len() {
            let Some(piece) = self.pieces.get(at).cloned() else { break };
            self.render_piece(at, &piece, None, Ending::Settled, theme);
        }
        self.shown.settled = self.shown.lines.len();
        self.shown.settled_pieces = self.pieces.len();
        // The rest of the text as if it ended here.
        let rest = self.rest();
        for (number, piece) in rest.iter().enumerate() {
            let before = number.checked_sub(1).and_then(|before| rest.get(before));
            self.render_piece(self.pieces.len() + number, piece, before, Ending::Open, theme);
        }
    }

    fn render_piece(&mut self, at: usize, piece: &Piece, before: Option<&Piece>, ending: Ending, theme: &Theme) {
        let width = self.shown.width;
        if let Kind::Fence(fence) = &piece.kind {
            self.render_fence(at, piece, before, fence, ending, theme);
            return;
        }
        if piece.kind == Kind::More {
            let text = self.source.get(piece.source.clone()).unwrap_or_default();
            let before = self.shown.lines.pop();
            if ending == Ending::Open && self.shown.lines.len() < self.shown.settled {
                self.shown.settled = self.shown.lines.len();
                self.shown.borrowed.clone_from(&before);
            }
            self.shown.firsts.push(self.shown.lines.len());
            self.shown.lines.extend(render::more(before, text, width, theme));
            return;
        }
        self.gap(at, piece, before);
        self.shown.firsts.push(self.shown.lines.len());
        let text = self.source.get(piece.source.clone()).unwrap_or_default();
        let number = if let Kind::Item(number) = piece.kind { number } else { None };
        self.shown.lines.extend(render::piece(text, number, width, theme));
    }

    /// A blank line before a piece where one was written, and around code.
    fn gap(&mut self, at: usize, piece: &Piece, before: Option<&Piece>) {
        let before = before.or_else(|| self.pieces.get(at.checked_sub(1)?));
        let code = |piece: &Piece| matches!(piece.kind, Kind::Fence(_));
        if !self.shown.lines.is_empty() && (piece.gap || code(piece) || before.is_some_and(code)) {
            self.shown.lines.push(Line::default());
        }
    }

    fn render_fence(
        &mut self,
        at: usize,
        piece: &Piece,
        before: Option<&Piece>,
        fence: &split::Fence,
        ending: Ending,
        theme: &Theme,
    ) {
        let open = self.splitter.open();
        // A fence whose own first line is unfinished may still become something else.
        let known = ending == Ending::Settled || open.is_some_and(|open| open.source.start == piece.source.start);
        if known && self.codes.last().is_none_or(|(number, _)| *number < at) {
            self.codes.push((at, CodeView::new(self.highlighter.as_ref(), fence)));
        }
        let index = self.codes.binary_search_by_key(&at, |(number, _)| *number).ok().filter(|_| known);
        let begun = index.and_then(|index| self.codes.get(index)).and_then(|(_, code)| code.begun());
        if begun.is_none() {
            self.gap(at, piece, before);
        }
        self.shown.firsts.push(begun.unwrap_or(self.shown.lines.len()));
        let width = self.shown.width;
        let end = fence.end.unwrap_or(piece.source.end);
        let mut passing = CodeView::new(None, fence);
        let view = index.and_then(|index| self.codes.get_mut(index)).map_or(&mut passing, |(_, code)| code);
        view.settle(&self.source, end, width, theme, &mut self.shown.lines);
        if ending == Ending::Open {
            if known {
                self.shown.settled = self.shown.lines.len();
            }
            view.tail(&self.source, end, width, theme, &mut self.shown.lines);
        }
    }
}

/// Whether a piece may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Settled,
    Open,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rendered(text: &str, width: u16) -> Vec<String> {
        let mut markdown = Markdown::new();
        markdown.push(text);
        markdown.lines(width, &Theme::fallback()).iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn blocks_look_as_they_should() {
        let text = "# Title\n\nSome *fine* `code`\nand [a link](https://x.dev).\n\n- one\n- two\n  - deep\n\n1. a\n1. b\n\n> quoted\n> text\n\n- [x] done\n- [ ] open\n\n---\n\n```rust\nfn main() {}\n```\nend";
        let expected = "# Title\n\nSome fine code and a link (https://x.dev).\n\n• one\n• two\n  ◦ deep\n\n1. a\n2. b\n\n▎ quoted text\n\n☑ done\n☐ open\n\n────────────────────────────────────────────────────────────\n\n▏ rust\n▏ fn main() {}\n\nend";
        assert_eq!(rendered(text, 60).join("\n"), expected);
    }

    #[test]
    fn tables_line_up_and_degrade() {
        let text = "| name | 値 |\n|---|--:|\n| a | 日本 |\n| long one | 1 |\n";
        assert_eq!(rendered(text, 40), ["name     │   値", "─────────┼─────", "a        │ 日本", "long one │    1"]);
        for row in rendered(text, 12) {
            assert!(crate::tui::text::wrap::width(&row) <= 12, "{row}");
        }
    }

    #[test]
    fn hostile_text_is_harmless_in_every_place() {
        let evil = "\u{1b}]0;x\u{7}\u{202e}";
        let text = format!(
            "# {evil}\n\n[{evil}](https://{evil})\n\n```{evil}\n{evil}\n```\n\n|{evil}|\n|-|\n|{evil}|\n&#27;&#x202e;"
        );
        for row in rendered(&text, 30) {
            assert!(!row.chars().any(|c| c.is_control() || c == '\u{202e}'), "{row:?}");
        }
    }

    #[test]
    fn blocks_give_their_source_and_code() {
        let mut markdown = Markdown::new();
        markdown.push("text\n\n```sh\nls\n\npwd\n```\nmore");
        markdown.lines(40, &Theme::fallback());
        assert_eq!(markdown.block_count(), 3);
        assert_eq!(markdown.source_of(0), "text");
        assert_eq!(markdown.code_of(1).as_deref(), Some("ls\n\npwd"));
        assert_eq!(markdown.last_code().as_deref(), Some("ls\n\npwd"));
        assert_eq!(markdown.block_at(0), Some(0));
        assert_eq!(markdown.block_at(3), Some(1));
        assert_eq!(markdown.block_at(7), Some(2));
        assert_eq!(markdown.block_at(99), None);
    }

    #[test]
    fn long_open_blocks_stay_cheap() {
        let theme = Theme::fallback();
        for (piece, times) in [("word and more ", 5_000), ("let x = 1;\n", 10_000)] {
            let mut markdown = Markdown::new();
            markdown.push(if piece.ends_with('\n') { "```rust\n" } else { "" });
            for _ in 0..times {
                markdown.push(piece);
                markdown.lines(80, &theme);
            }
            let open = markdown.splitter.open().unwrap();
            assert!(matches!(open.kind, Kind::Fence(_)) || open.source.len() < 10_000);
            // All but the end of it is settled, so the next piece costs the end only.
            assert!(markdown.shown.lines.len() - markdown.shown.settled < 150);
        }
    }

    fn scraps() -> impl Strategy<Value = String> {
        let scrap = prop::sample::select(vec![
            "word ",
            "日本語",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "1. ",
            "> ",
            "```",
            "```rust\n",
            "~~~",
            "    ",
            "  ",
            "| a | b |\n|-|-|\n",
            "**",
            "*",
            "`",
            "[x](https://y.z)",
            "---",
            "***",
            "\r\n",
            "\t",
            "&amp;",
            "<b>",
            "é",
            "👩\u{200d}🚀",
            "\u{1b}[0m",
            "- [ ] ",
        ]);
        prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn pieces_render_like_the_whole(text in scraps(), step in 1usize..9, width in 8u16..60, look in any::<bool>()) {
            let theme = Theme::fallback();
            let mut whole = Markdown::new();
            whole.push(&text);
            whole.finish();
            let chars: Vec<char> = text.chars().collect();
            let mut grown = Markdown::new();
            for piece in chars.chunks(step) {
                grown.push(&piece.iter().collect::<String>());
                if look {
                    grown.lines(width, &theme);
                }
            }
            grown.finish();
            prop_assert_eq!(&grown.pieces, &whole.pieces);
            prop_assert_eq!(grown.lines(width, &theme), whole.lines(width, &theme));
            for line in whole.lines(width, &theme) {
                prop_assert!(line.width() <= usize::from(width), "{line:?}");
            }
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn long_paragraphs_are_cut_in_the_same_places(words in prop::collection::vec("[a-z*`\\[]{1,9}", 1500..2500), step in 500usize..9000, line in any::<bool>()) {
            let theme = Theme::fallback();
            let text = words.join(if line { "\n" } else { " " });
            let mut whole = Markdown::new();
            whole.push(&text);
            let mut grown = Markdown::new();
            for piece in text.as_bytes().chunks(step) {
                grown.push(std::str::from_utf8(piece).unwrap());
                grown.lines(40, &theme);
            }
            prop_assert_eq!(grown.lines(40, &theme), whole.lines(40, &theme));
        }
    }
}
