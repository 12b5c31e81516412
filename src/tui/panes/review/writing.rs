//! What is being written about a hunk: other lines in its place, or a comment.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

use super::Review;
use crate::domain::{HunkId, HunkReview, HunkVerdict, ProjectPath};
use crate::tui::panes::composer::{Composer, Edit};
use crate::tui::text::sanitize::{clean, single_line};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::popup;

/// How the lines of a hunk end, to be given back as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Feed,
    ReturnFeed,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Lines,
    Comment,
}

/// A text about one hunk.
#[derive(Debug)]
pub struct Writing {
    pub path: ProjectPath,
    pub hunk: HunkId,
    pub about: About,
    pub text: Composer,
    ends: Ends,
    /// Whether the last line is ended.
    ended: bool,
}

impl Writing {
    /// A comment, beginning with what was said before.
    pub fn comment(path: &ProjectPath, hunk: &HunkReview) -> Self {
        let mut text = Composer::new();
        if let Some(comment) = &hunk.comment {
            text.set(&clean(comment));
        }
        Self { path: path.clone(), hunk: hunk.id, about: About::Comment, text, ends: Ends::Feed, ended: false }
    }

    /// The hunk's new lines; `None` when they hold what cannot be shown and would be lost.
    pub fn lines(path: &ProjectPath, hunk: &HunkReview) -> Option<Self> {
        let now = match &hunk.verdict {
            Some(HunkVerdict::Edit { text }) => text,
            _ => &hunk.after,
        };
        let ends = if now.contains("\r\n") { Ends::ReturnFeed } else { Ends::Feed };
        let plain = now.replace("\r\n", "\n");
        if hunk.id == HunkId::WHOLE || clean(&plain) != plain {
            return None;
        }
        let ended = plain.is_empty() || plain.ends_with('\n');
        let mut text = Composer::new();
        text.set(plain.strip_suffix('\n').unwrap_or(&plain));
        text.edit(Edit::TextStart);
        Some(Self { path: path.clone(), hunk: hunk.id, about: About::Lines, text, ends, ended })
    }

    /// What was written, with the line ends of the hunk.
    pub fn written(&self) -> String {
        let mut text = self.text.text();
        if self.about == About::Lines && self.ended && !text.is_empty() {
            text.push('\n');
        }
        match self.ends {
            Ends::Feed => text,
            Ends::ReturnFeed => text.replace('\n', "\r\n"),
        }
    }
}

impl Review {
    /// Draws the window in which something is written; returns where the cursor belongs.
    pub(in crate::tui) fn draw_writing(&mut self, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
        let writing = self.writing.as_mut()?;
        let screen = buffer.area;
        let width = screen.width.saturating_sub(4).clamp(1, 100);
        let (title, hint, least) = match writing.about {
            About::Lines => ("your lines in its place", "nothing: the lines go away", 8),
            About::Comment => ("a comment for the model", "what should be otherwise?", 3),
        };
        let rows = writing.text.rows(width.saturating_sub(4)).max(least);
        let height = rows.saturating_add(4).min(screen.height.saturating_sub(2).max(1));
        // A comment stands below what it is about, where there is room.
        let under = screen.height.saturating_sub(3);
        let place = match writing.about {
            About::Lines => screen,
            About::Comment => Rect { y: under.saturating_sub(height), height: height.min(under), ..screen },
        };
        let area = popup(buffer, place, width, height, title, theme);
        if area.is_empty() {
            return None;
        }
        let place = format!("{} · hunk {}", single_line(writing.path.as_str()), writing.hunk);
        let dim = theme.style(Role::Dim);
        buffer.set_span(area.x.saturating_add(1), area.y, &Span::styled(place, dim), area.width.saturating_sub(1));
        let text = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        let (plain, accent) = (theme.style(Role::Text), theme.style(Role::Accent));
        writing.text.draw(text, buffer, plain, accent, (hint, dim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunk(after: &str) -> HunkReview {
        let header = "@@ -1,1 +1,1 @@".to_owned();
        HunkReview { id: HunkId(1), header, lines: Vec::new(), after: after.into(), verdict: None, comment: None }
    }

    #[test]
    fn lines_come_back_with_their_ends() {
        let path = ProjectPath::parse("a").unwrap();
        for after in ["", "one\n", "one\ntwo\n", "no end", "\ta\r\nb\r\n", "\n", "\n\n"] {
            let writing = Writing::lines(&path, &hunk(after)).unwrap();
            // A single empty line cannot be told from nothing.
            let expected = if after == "\n" { "" } else { after };
            assert_eq!(writing.written(), expected);
        }
        let mut begun = Writing::lines(&path, &hunk("b\n")).unwrap();
        begun.text.insert_char('a');
        assert_eq!(begun.written(), "ab\n", "writing begins at the first line");
        let mut writing = Writing::lines(&path, &hunk("")).unwrap();
        writing.text.insert_char('x');
        assert_eq!(writing.written(), "x\n");
        assert!(Writing::lines(&path, &hunk("a\u{1b}[2Jb\n")).is_none(), "what is not shown would be lost");
    }
}
