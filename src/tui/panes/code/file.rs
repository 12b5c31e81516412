//! One file of the code pane: its texts, what a turn changed in it, and where it is scrolled to.

use std::fmt;

use super::Show;
use crate::domain::{ChangeKind, FileChange, ProjectPath};
use crate::tui::panes::difference::Row;
use crate::tui::panes::document::Document;
use crate::tui::text::highlight::{Feed, Highlighter, Language};

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is being written.
    Growing,
    /// It is whole; what the change did.
    Whole(ChangeKind),
}

pub(super) struct File {
    pub(super) path: ProjectPath,
    pub(super) progress: Progress,
    pub(super) change: Option<FileChange>,
    /// The displayable text; `None` until it is known.
    pub(super) document: Option<Document>,
    /// The text as it is, for the clipboard.
    pub(super) raw: Option<String>,
    /// The displayable text before the turn, once known; the inner `None` says there was no file.
    pub(super) before: Option<Option<Document>>,
    pub(super) rows: Option<Vec<Row>>,
    /// Counts the states of the texts, so that a comparison of an older one is known as such.
    pub(super) revision: u64,
    /// The state whose comparison was asked for.
    pub(super) comparing: Option<u64>,
    pub(super) feed: Option<Feed>,
    pub(super) binary: bool,
    pub(super) asked: bool,
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) follow: bool,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {:?}, row {})", self.path, self.progress, self.top)
    }
}

impl File {
    pub(super) fn new(path: ProjectPath, progress: Progress) -> Self {
        Self {
            path,
            progress,
            change: None,
            document: None,
            raw: None,
            before: None,
            rows: None,
            revision: 0,
            comparing: None,
            feed: None,
            binary: false,
            asked: false,
            top: 0,
            left: 0,
            follow: progress == Progress::Growing,
        }
    }

    pub(super) fn set_text(&mut self, text: &str, highlighter: Option<&Highlighter>) {
        let document = Document::whole(text);
        self.feed = highlighter.map(|h| {
            let mut feed = Feed::new(h, Language::from_path(self.path.as_str()));
            feed.push(document.text());
            feed.finish();
            feed
        });
        self.document = Some(document);
        self.raw = Some(text.to_owned());
        self.outdate();
    }

    pub(super) fn push(&mut self, text: &str, highlighter: Option<&Highlighter>) {
        let document = self.document.get_or_insert_with(Document::default);
        let shown = document.push(text);
        if let Some(highlighter) = highlighter {
            let path = &self.path;
            let feed = self.feed.get_or_insert_with(|| Feed::new(highlighter, Language::from_path(path.as_str())));
            feed.push(shown);
        }
        self.raw.get_or_insert_with(String::new).push_str(text);
        self.outdate();
    }

    /// A text is another one now.
    pub(super) fn outdate(&mut self) {
        self.rows = None;
        self.revision += 1;
    }

    /// Rows in the present view.
    pub(super) fn row_count(&self, show: Show) -> usize {
        match show {
            Show::File => self.document.as_ref().map_or(0, Document::line_count),
            Show::Changes => self.rows.as_ref().map_or(0, Vec::len),
        }
    }
}
