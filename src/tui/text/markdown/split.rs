//! Cuts a growing text into pieces that can be rendered on their own, line by line and without
//! ever looking back. Where the cuts are depends only on the text and not on how it arrived.
//!
//! A piece is a top-level block of Markdown, with two exceptions that keep the open piece small:
//! every item of a top-level list is one, and a very long paragraph is several.

use std::ops::Range;

/// A paragraph is cut from this length on, at a space outside of any markup …
const CUT_FROM: usize = 2048;
/// … from this one on at any space …
const CUT_AT_SPACE: usize = 8192;
/// … and from this one on anywhere.
const CUT_ANYWHERE: usize = 16_384;

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A paragraph, a heading, a quote, a table, a rule.
    Flow,
    /// More of a paragraph that was cut.
    More,
    /// An item of a list; ordered ones with their number.
    Item(Option<u64>),
    /// Code between fences.
    Fence(Fence),
}

/// A fence that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: u8,
    length: usize,
    /// Columns that the code is indented by with it.
    pub(super) indent: usize,
    /// The words behind it.
    pub(super) info: String,
    /// Where the code begins.
    pub(super) body: usize,
    /// Where the code ends, once it was closed.
    pub(super) end: Option<usize>,
}

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) source: Range<usize>,
    pub(super) kind: Kind,
    /// Whether a blank line stands before it.
    pub(super) gap: bool,
}

/// The piece that is still growing.
#[derive(Clone, Debug)]
struct Open {
    piece: Piece,
    /// One line and no more: a heading, a rule.
    single: bool,
    quote: bool,
    /// A paragraph, as far as the first line tells.
    cuttable: bool,
    scan: Scan,
}

/// How far a paragraph was looked at for a place to cut.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    ticks: usize,
    stars: usize,
    bars: usize,
    open_brackets: i32,
}

/// The state between two lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Splitter {
    open: Option<Open>,
    blank: bool,
    /// The number of the last ordered item, while its list may go on.
    number: Option<u64>,
    /// The begin of the present line was judged already; the rest only extends it.
    in_line: bool,
}

impl Splitter {
    /// The piece that is still growing.
    pub(super) fn open(&self) -> Option<&Piece> {
        self.open.as_ref().map(|open| &open.piece)
    }

    /// Whether the present line began a paragraph that may be cut before the line ends.
    pub(super) fn is_cuttable(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.cuttable)
    }

    /// Says that the line handed in last goes on.
    pub(super) fn stay_in_line(&mut self) {
        self.in_line = true;
    }

    /// Takes `source[range]`, a line or the rest of one; finished pieces go to `done`.
    pub(super) fn line(&mut self, source: &str, range: Range<usize>, done: &mut Vec<Piece>) {
        let line = source.get(range.clone()).unwrap_or_default();
        if self.in_line {
            self.in_line = !line.ends_with('\n');
            self.extend(range.end);
        } else {
            self.judge(line.trim_end_matches('\n'), range, done);
        }
        self.cut(source, done);
    }

    fn judge(&mut self, line: &str, range: Range<usize>, done: &mut Vec<Piece>) {
        let body = line.trim_start_matches([' ', '\t']);
        let indent: usize = line.bytes().take(line.len() - body.len()).map(|b| if b == b'\t' { 4 } else { 1 }).sum();
        if let Some(Open { piece: Piece { kind: Kind::Fence(fence), source, .. }, .. }) = &mut self.open {
            if indent <= 3 && fence.closed_by(body) {
                fence.end = Some(range.start);
                source.end = range.end;
                self.close(done);
            } else {
                source.end = range.end;
            }
            return;
        }
        if body.trim_end().is_empty() {
            self.blank = true;
            return;
        }
        let in_item = matches!(self.open(), Some(Piece { kind: Kind::Item(_), .. }));
        let outside = if in_item { indent < 2 } else { indent <= 3 };
        if !outside {
            if self.open.is_none() || (self.blank && !in_item && !self.is_indented_code()) {
                self.begin(Kind::Flow, range, done);
                self.mark(|open| open.cuttable = false);
            } else {
                self.extend(range.end);
            }
            return;
        }
        self.judge_block(body, indent, range, done);
    }

    /// A line that stands at the left, and so may begin a block.
    fn judge_block(&mut self, body: &str, indent: usize, range: Range<usize>, done: &mut Vec<Piece>) {
        let paragraph = !self.blank && self.open.as_ref().is_some_and(|open| !open.single);
        if let Some(mut fence) = Fence::opened_by(body, indent) {
            fence.body = range.end;
            self.begin(Kind::Fence(fence), range, done);
        } else if is_heading(body) || (is_rule(body) && !(paragraph && body.starts_with('-'))) {
            self.begin(Kind::Flow, range, done);
            self.mark(|open| {
                open.single = true;
                open.cuttable = false;
            });
        } else if let Some(item) = item(body).filter(|item| !paragraph || self.may_interrupt(item)) {
            let number = item.number.map(|written| self.number.map_or(written, |last| last.saturating_add(1)));
            self.begin(Kind::Item(number), range, done);
            self.number = number;
        } else {
            let quote = body.starts_with('>');
            let fits = |open: &Open| !open.single && (open.quote || !quote);
            let goes_on = !self.blank && self.open.as_ref().is_some_and(fits);
            if goes_on {
                self.extend(range.end);
                return;
            }
            self.begin(Kind::Flow, range, done);
            self.mark(|open| {
                open.quote = quote;
                open.cuttable = !quote && !body.starts_with(['|', '<']);
            });
        }
    }

    fn may_interrupt(&self, item: &Item) -> bool {
        matches!(self.open(), Some(Piece { kind: Kind::Item(_), .. }))
            || (item.has_text && item.number.unwrap_or(1) == 1)
    }

    fn is_indented_code(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.cuttable && !open.single && !open.quote)
    }

    fn mark(&mut self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = &mut self.open {
            change(open);
        }
    }

    fn extend(&mut self, end: usize) {
        self.blank = false;
        self.mark(|open| open.piece.source.end = end);
    }

    fn begin(&mut self, kind: Kind, source: Range<usize>, done: &mut Vec<Piece>) {
        self.close(done);
        if !matches!(kind, Kind::Item(_)) {
            self.number = None;
        }
        let scan = Scan { at: source.start, ..Scan::default() };
        let gap = std::mem::take(&mut self.blank);
        self.open =
            Some(Open { piece: Piece { source, kind, gap }, single: false, quote: false, cuttable: false, scan });
    }

    fn close(&mut self, done: &mut Vec<Piece>) {
        if let Some(open) = self.open.take() {
            done.push(open.piece);
        }
    }

    /// Takes finished parts off a long paragraph.
    fn cut(&mut self, source: &str, done: &mut Vec<Piece>) {
        while let Some(open) = self.open.as_mut().filter(|open| open.cuttable) {
            let Some((end, next)) = open.scan.cut(source, &open.piece.source) else { return };
            let rest = next..open.piece.source.end;
            let more = Open {
                piece: Piece { source: rest, kind: Kind::More, gap: false },
                scan: Scan { at: next, ..Scan::default() },
                ..open.clone()
            };
            open.piece.source.end = end;
            done.push(std::mem::replace(open, more).piece);
        }
    }
}

impl Scan {
    /// Where to end this part and where to begin the next.
    fn cut(&mut self, source: &str, piece: &Range<usize>) -> Option<(usize, usize)> {
        let text = source.get(self.at..piece.end)?;
        for (offset, char) in text.char_indices() {
            let at = self.at + offset;
            let length = at - piece.start;
            match char {
                '`' => self.ticks += 1,
                '*' => self.stars += 1,
                '_' | '~' => self.bars += 1,
                '[' | '(' => self.open_brackets += 1,
                ']' | ')' => self.open_brackets -= 1,
                _ => {}
            }
            let space = matches!(char, ' ' | '\n');
            let even = self.ticks.is_multiple_of(2)
                && self.stars.is_multiple_of(2)
                && self.bars.is_multiple_of(2)
                && self.open_brackets <= 0;
            if space && ((length >= CUT_FROM && even) || length >= CUT_AT_SPACE) {
                return Some((at, at + 1));
            }
            if length >= CUT_ANYWHERE {
                return Some((at, at));
            }
        }
        self.at = piece.end;
        None
    }
}

impl Fence {
    fn opened_by(body: &str, indent: usize) -> Option<Self> {
        let mark = body.bytes().next().filter(|mark| matches!(mark, b'`' | b'~'))?;
        let length = body.bytes().take_while(|byte| *byte == mark).count();
        let info = body.get(length..)?.trim();
        let fits = length >= 3 && !(mark == b'`' && info.contains('`'));
        fits.then(|| Self { mark, length, indent, info: info.to_owned(), body: 0, end: None })
    }

    fn closed_by(&self, body: &str) -> bool {
        let length = body.bytes().take_while(|byte| *byte == self.mark).count();
        length >= self.length && body.get(length..).is_some_and(|rest| rest.trim().is_empty())
    }
}

fn is_heading(body: &str) -> bool {
    let level = body.bytes().take_while(|byte| *byte == b'#').count();
    (1..=6).contains(&level) && body.get(level..).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn is_rule(body: &str) -> bool {
    let mut marks = body.bytes().filter(|byte| !matches!(byte, b' ' | b'\t'));
    let Some(first) = marks.next().filter(|mark| matches!(mark, b'-' | b'*' | b'_')) else { return false };
    let mut count = 1;
    for mark in marks {
        if mark != first {
            return false;
        }
        count += 1;
    }
    count >= 3
}

struct Item {
    number: Option<u64>,
    has_text: bool,
}

fn item(body: &str) -> Option<Item> {
    let (number, rest) = match body.as_bytes().first()? {
        b'-' | b'*' | b'+' => (None, body.get(1..)?),
        b'0'..=b'9' => {
            let digits = body.bytes().take_while(u8::is_ascii_digit).count();
            let rest = body.get(digits..)?.strip_prefix(['.', ')'])?;
            (Some(body.get(..digits)?.parse().ok().filter(|_| digits <= 9)?), rest)
        }
        _ => return None,
    };
    let has_text = !rest.trim().is_empty();
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(Item { number, has_text })
}
