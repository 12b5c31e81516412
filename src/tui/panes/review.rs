//! The review of a turn: a list of its files and hunks, the hunk under the hand, and what is being written about it.
//!
//! It shows what the engine answered and decides nothing: what a key does is `update`'s, what becomes of a verdict the
//! engine's.

mod draw;
mod writing;

use ratatui::layout::Rect;

use crate::domain::{FileReview, HunkReview, HunkVerdict, TurnReview};
use crate::tui::keymap::Action;
use crate::tui::text::highlight::{Feed, Highlighter, Language};
use crate::tui::text::sanitize::clean;
use crate::tui::text::wrap::expand_tabs;

pub use draw::{Hand, ReviewScene};
pub use writing::{About, Writing};

/// Lines of a review beyond which it is shown without colours.
const COLOURED: usize = 5000;

/// One row of the list, by the places of its file, hunk and line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    File(usize),
    Head(usize, usize),
    Line(usize, usize, usize),
    /// A line that the person put in the place of the model's.
    Mine(usize, usize, String),
    Comment(usize, usize, String),
    Blank,
}

impl Row {
    fn hunk(&self) -> Option<(usize, usize)> {
        match self {
            Self::File(_) | Self::Blank => None,
            Self::Head(file, hunk)
            | Self::Line(file, hunk, _)
            | Self::Mine(file, hunk, _)
            | Self::Comment(file, hunk, _) => Some((*file, *hunk)),
        }
    }
}

/// What was clicked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clicked {
    Nothing,
    /// A hunk, which is under the hand now.
    Hunk,
    /// A word that stands for an action on the hunk under the hand.
    Button(Action),
}

/// The review pane.
#[derive(Debug)]
pub struct Review {
    review: TurnReview,
    rows: Vec<Row>,
    /// The hunk under the hand: its file's place and its own.
    at: (usize, usize),
    top: usize,
    left: usize,
    /// The hunk under the hand has to come into sight.
    moved: bool,
    area: Rect,
    buttons: Vec<(Rect, Action)>,
    /// Colours of each hunk's lines, where there are any.
    colours: Vec<Vec<Feed>>,
    highlighter: Option<Highlighter>,
    /// Lines or a comment that are being written.
    pub writing: Option<Writing>,
}

impl Review {
    /// Shows a review; the first hunk without a verdict is under the hand.
    pub fn new(review: TurnReview, highlighter: Option<Highlighter>) -> Self {
        let lines: usize = review.files.iter().flat_map(|file| &file.hunks).map(|hunk| hunk.lines.len()).sum();
        let colours = match &highlighter {
            Some(highlighter) if lines <= COLOURED => {
                review.files.iter().map(|file| coloured(file, highlighter)).collect()
            }
            _ => Vec::new(),
        };
        let rows = rows(&review);
        let mut pane = Self {
            review,
            rows,
            at: (0, 0),
            top: 0,
            left: 0,
            moved: true,
            area: Rect::default(),
            buttons: Vec::new(),
            colours,
            highlighter,
            writing: None,
        };
        if pane.hunk().is_some_and(|(_, hunk)| hunk.verdict.is_some()) {
            pane.to_open();
        }
        pane
    }

    /// What is shown.
    pub fn review(&self) -> &TurnReview {
        &self.review
    }

    /// The same review as it stands now.
    pub fn renew(&mut self, review: TurnReview) {
        self.review = review;
        self.rows = rows(&self.review);
    }

    /// The hunk under the hand, and its file.
    pub fn hunk(&self) -> Option<(&FileReview, &HunkReview)> {
        let file = self.review.files.get(self.at.0)?;
        Some((file, file.hunks.get(self.at.1)?))
    }

    /// Hunks with a verdict, and all.
    pub fn judged(&self) -> (usize, usize) {
        let hunks = self.review.files.iter().flat_map(|file| &file.hunks);
        (hunks.clone().filter(|hunk| hunk.verdict.is_some()).count(), hunks.count())
    }

    /// Whether a comment is being written.
    pub fn comments(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| writing.about == About::Comment)
    }

    /// Whether something was said that the model has to hear.
    pub fn has_words(&self) -> bool {
        let mut hunks = self.review.files.iter().flat_map(|file| &file.hunks);
        hunks.any(|hunk| {
            hunk.comment.is_some() || matches!(hunk.verdict, Some(HunkVerdict::Reject | HunkVerdict::Edit { .. }))
        })
    }

    /// The places of all hunks, from top to bottom.
    fn places(&self) -> Vec<(usize, usize)> {
        let files = self.review.files.iter().enumerate();
        files.flat_map(|(file, review)| (0..review.hunks.len()).map(move |hunk| (file, hunk))).collect()
    }

    /// Takes the next or previous hunk; stops at the ends.
    pub fn step(&mut self, forward: bool) {
        let places = self.places();
        let now = places.iter().position(|place| *place == self.at).unwrap_or(0);
        let next = if forward { (now + 1).min(places.len().saturating_sub(1)) } else { now.saturating_sub(1) };
        self.take(places.get(next).copied());
    }

    /// Takes the next hunk without a verdict after this one, else one above it, else the next.
    pub fn to_open(&mut self) {
        let places = self.places();
        let now = places.iter().position(|place| *place == self.at).unwrap_or(0);
        let open = |place: &&(usize, usize)| {
            **place != self.at && self.hunk_at(**place).is_some_and(|hunk| hunk.verdict.is_none())
        };
        let found = places.iter().skip(now).find(open).or_else(|| places.iter().find(open)).copied();
        self.take(found.or_else(|| places.get(now + 1).copied()));
    }

    /// Takes the first hunk of the next or previous file.
    pub fn step_file(&mut self, forward: bool) {
        let last = self.review.files.len().saturating_sub(1);
        let file = if forward { (self.at.0 + 1).min(last) } else { self.at.0.saturating_sub(1) };
        self.take(Some((file, 0)));
    }

    fn take(&mut self, place: Option<(usize, usize)>) {
        if let Some(place) = place {
            self.at = place;
            self.moved = true;
        }
    }

    fn hunk_at(&self, (file, hunk): (usize, usize)) -> Option<&HunkReview> {
        self.review.files.get(file)?.hunks.get(hunk)
    }

    /// Rows of half a page.
    pub fn half_page(&self) -> isize {
        isize::try_from(self.area.height / 2).unwrap_or(1).max(1)
    }

    /// Scrolls by rows; the hunk under the hand may leave the sight.
    pub fn scroll_by(&mut self, rows: isize) {
        let most = self.rows.len().saturating_sub(usize::from(self.area.height));
        self.top = self.top.saturating_add_signed(rows).min(most);
        self.moved = false;
    }

    /// Scrolls sideways.
    pub fn scroll_sideways(&mut self, columns: isize) {
        self.left = self.left.saturating_add_signed(columns).min(4000);
    }

    /// What is at a position of the screen; a hunk there comes under the hand.
    pub fn click(&mut self, x: u16, y: u16) -> Clicked {
        if let Some((_, action)) = self.buttons.iter().find(|(area, _)| area.contains((x, y).into())) {
            return Clicked::Button(*action);
        }
        if !self.area.contains((x, y).into()) {
            return Clicked::Nothing;
        }
        let row = self.rows.get(self.top + usize::from(y - self.area.y));
        match row {
            Some(Row::File(file)) => self.at = (*file, 0),
            Some(row) => match row.hunk() {
                Some(place) => self.at = place,
                None => return Clicked::Nothing,
            },
            None => return Clicked::Nothing,
        }
        Clicked::Hunk
    }
}

/// A line as it can be shown.
fn shown(text: &str) -> String {
    expand_tabs(&clean(text)).into_owned()
}

fn coloured(file: &FileReview, highlighter: &Highlighter) -> Vec<Feed> {
    let feed = |hunk: &HunkReview| {
        let mut feed = Feed::new(highlighter, Language::from_path(file.path.as_str()));
        for line in &hunk.lines {
            feed.push(&shown(&line.text));
            feed.push("\n");
        }
        feed.finish();
        feed
    };
    file.hunks.iter().map(feed).collect()
}

fn rows(review: &TurnReview) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, file) in review.files.iter().enumerate() {
        if at > 0 {
            rows.push(Row::Blank);
        }
        rows.push(Row::File(at));
        for (number, hunk) in file.hunks.iter().enumerate() {
            rows.push(Row::Head(at, number));
            if let Some(comment) = &hunk.comment {
                rows.extend(clean(comment).lines().map(|line| Row::Comment(at, number, line.to_owned())));
            }
            rows.extend((0..hunk.lines.len()).map(|line| Row::Line(at, number, line)));
            if let Some(HunkVerdict::Edit { text }) = &hunk.verdict {
                rows.extend(text.lines().map(|line| Row::Mine(at, number, shown(line))));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeKind, HunkId, ProjectPath, TurnId};

    fn review(verdicts: &[Option<HunkVerdict>; 3]) -> TurnReview {
        let file = |path: &str, verdicts: &[Option<HunkVerdict>]| FileReview {
            path: ProjectPath::parse(path).unwrap(),
            kind: ChangeKind::Modified,
            hunks: (1..)
                .zip(verdicts)
                .map(|(id, verdict)| HunkReview {
                    id: HunkId(id),
                    header: "@@ -1,1 +1,1 @@".to_owned(),
                    lines: Vec::new(),
                    after: "x\n".to_owned(),
                    verdict: verdict.clone(),
                    comment: None,
                })
                .collect(),
        };
        TurnReview { turn: TurnId(1), files: vec![file("a", &verdicts[..2]), file("b", &verdicts[2..])] }
    }

    #[test]
    fn the_hand_goes_to_what_is_open() {
        let mut pane = Review::new(review(&[Some(HunkVerdict::Accept), None, None]), None);
        assert_eq!(pane.at, (0, 1), "the first hunk has its verdict");
        pane.step(true);
        assert_eq!(pane.at, (1, 0));
        pane.step(true);
        assert_eq!(pane.at, (1, 0), "the end is the end");
        pane.to_open();
        assert_eq!(pane.at, (0, 1), "what was left open above is next");
        pane.step_file(false);
        assert_eq!(pane.at, (0, 0));
        assert_eq!(pane.judged(), (1, 3));
        pane.renew(review(&[Some(HunkVerdict::Accept), Some(HunkVerdict::Reject), Some(HunkVerdict::Accept)]));
        pane.to_open();
        assert_eq!(pane.at, (0, 1), "with nothing open, the next one");
    }
}
