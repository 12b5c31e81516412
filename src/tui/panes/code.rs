//! The files of the session: as they are being written, as they are, and what the last turn
//! changed in them.
//!
//! Texts come in pieces from glimpses or whole from the engine's answers; the pane keeps the
//! displayable form of each and asks for what it lacks through [`Code::wanted`].

mod file;
mod moves;
mod paint;

pub(super) use paint::skip_columns;

use ratatui::layout::Rect;

use crate::domain::op::FileView;
use crate::domain::{FileChange, ProjectPath, SessionView};
use crate::tui::panes::difference::{Comparison, Row};
use crate::tui::panes::document::Document;
use crate::tui::text::highlight::Highlighter;
use crate::tui::theme::Theme;
use file::{File, Progress};

/// Lines longer than this are shown without colours and cut.
const LONG_LINE: usize = 4000;

/// How a file is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    File,
    Changes,
}

/// Whether long lines are broken or run out of the pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongLines {
    #[default]
    Cut,
    Wrap,
}

/// What drawing the pane needs.
#[derive(Clone, Copy, Debug)]
pub struct CodeScene<'a> {
    pub theme: &'a Theme,
    pub search: &'a str,
}

/// The code pane.
#[derive(Debug, Default)]
pub struct Code {
    files: Vec<File>,
    active: usize,
    show: Show,
    long_lines: LongLines,
    highlighter: Option<Highlighter>,
    /// The person chose the file; writing another does not switch away from it.
    pinned: bool,
    area: Rect,
    tabs: Vec<(Rect, usize)>,
}

impl Code {
    /// A pane whose files are coloured by a highlighter, where there is one.
    pub fn new(highlighter: Option<Highlighter>) -> Self {
        Self { highlighter, ..Self::default() }
    }

    /// Forgets every file.
    pub fn reset(&mut self) {
        let highlighter = self.highlighter.take();
        *self = Self { highlighter, long_lines: self.long_lines, ..Self::default() };
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files, in the order of their tabs.
    pub fn paths(&self) -> impl Iterator<Item = &ProjectPath> {
        self.files.iter().map(|f| &f.path)
    }

    /// The file in sight.
    pub fn active_path(&self) -> Option<&ProjectPath> {
        self.files.get(self.active).map(|f| &f.path)
    }

    /// The file's own text, as it would be on disk.
    pub fn active_text(&self) -> Option<&str> {
        self.files.get(self.active).and_then(|f| f.raw.as_deref())
    }

    /// The text of one file, as far as it is known here.
    pub fn text_of(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|f| f.path.as_str() == path).and_then(|f| f.raw.as_deref())
    }

    /// Which view is shown.
    pub fn show(&self) -> Show {
        self.show
    }

    /// A new turn: the pane follows what is written again.
    pub fn turn_started(&mut self) {
        self.pinned = false;
        self.show = Show::File;
    }

    /// A file begins to be written.
    pub fn opened(&mut self, path: &ProjectPath) {
        let index = self.index_or_add(path, Progress::Growing);
        if let Some(file) = self.files.get_mut(index) {
            let change = file.change.take();
            *file = File::new(path.clone(), Progress::Growing);
            file.change = change;
        }
        if !self.pinned {
            self.active = index;
            self.show = Show::File;
        }
    }

    /// More of a file.
    pub fn grown(&mut self, path: &ProjectPath, text: &str) {
        let index = self.index_or_add(path, Progress::Growing);
        let highlighter = self.highlighter.clone();
        if let Some(file) = self.files.get_mut(index) {
            if file.progress != Progress::Growing {
                *file = File::new(path.clone(), Progress::Growing);
            }
            file.push(text, highlighter.as_ref());
        }
    }

    /// The file will not be completed.
    pub fn dropped(&mut self, path: &ProjectPath) {
        let Some(index) = self.index(path) else { return };
        let change = self.files.get_mut(index).and_then(|f| f.change.take());
        match (change, self.files.get_mut(index)) {
            (Some(change), Some(file)) => {
                *file = File::new(path.clone(), Progress::Whole(change.kind()));
                file.change = Some(change);
            }
            _ => self.remove(index),
        }
    }

    /// A file was written and is whole.
    pub fn changed(&mut self, change: &FileChange) {
        let index = self.index_or_add(&change.path, Progress::Whole(change.kind()));
        let Some(file) = self.files.get_mut(index) else { return };
        let was_growing = file.progress == Progress::Growing;
        file.progress = Progress::Whole(change.kind());
        file.before = None;
        file.outdate();
        file.asked = false;
        let grown = was_growing && file.raw.as_ref().is_some_and(|raw| raw.len() as u64 == change.bytes);
        if grown && file.document.is_some() {
            if let Some(document) = &mut file.document {
                let rest = document.finish().to_owned();
                if let Some(feed) = &mut file.feed {
                    feed.push(&rest);
                    feed.finish();
                }
            }
        } else {
            file.document = None;
            file.raw = None;
            file.feed = None;
        }
        file.change = Some(change.clone());
        if !self.pinned && self.files.len() == 1 {
            self.active = 0;
        }
    }

    /// Brings the files in line with a view: after a snapshot, or after changes were taken back.
    pub fn settle(&mut self, view: &SessionView) {
        let kept: Option<ProjectPath> = self.active_path().cloned();
        let stands = |path: &ProjectPath| view.state.changes.contains_key(path) || view.live.files.contains_key(path);
        self.files.retain(|file| stands(&file.path));
        for (path, change) in &view.state.changes {
            if !self.files.iter().any(|f| &f.path == path && f.change.as_ref() == Some(change)) {
                self.changed(change);
            }
        }
        for (path, text) in &view.live.files {
            let index = self.index_or_add(path, Progress::Growing);
            let highlighter = self.highlighter.clone();
            let Some(file) = self.files.get_mut(index) else { continue };
            let known = file.raw.as_ref().map_or(0, String::len);
            match text.get(known..) {
                Some(rest) if file.progress == Progress::Growing => file.push(rest, highlighter.as_ref()),
                _ => {
                    *file = File::new(path.clone(), Progress::Growing);
                    file.push(text, highlighter.as_ref());
                }
            }
        }
        let wished = if self.pinned { kept } else { view.live.current_file.clone().or(kept) };
        self.active = wished.and_then(|path| self.index(&path)).unwrap_or(0);
        if let (Some(path), false) = (view.live.current_file.as_ref(), self.pinned) {
            self.active = self.index(path).unwrap_or(self.active);
        }
    }

    /// A file that has to be read for what is shown now; each is asked for once.
    pub fn wanted(&mut self) -> Option<ProjectPath> {
        let show = self.show;
        let file = self.files.get_mut(self.active)?;
        if file.progress == Progress::Growing || file.asked || file.binary {
            return None;
        }
        let lacking = file.document.is_none() || (show == Show::Changes && file.before.is_none());
        if !lacking {
            return None;
        }
        file.asked = true;
        Some(file.path.clone())
    }

    /// The engine's answer for a file.
    pub fn answered(&mut self, view: &FileView) {
        let highlighter = self.highlighter.clone();
        let Some(file) = self.index(&view.path).and_then(|i| self.files.get_mut(i)) else { return };
        if file.progress == Progress::Growing {
            return;
        }
        file.binary = view.binary;
        let now = view.now.as_deref().unwrap_or("");
        if file.raw.as_deref() != Some(now) || file.document.is_none() {
            file.set_text(now, highlighter.as_ref());
        }
        file.before = Some(view.before.as_deref().map(Document::whole));
        file.outdate();
    }

    /// The file could not be read.
    pub fn unanswered(&mut self, path: &ProjectPath) {
        if let Some(file) = self.index(path).and_then(|i| self.files.get_mut(i)) {
            file.document.get_or_insert_with(Document::default);
            file.before.get_or_insert(None);
        }
    }

    /// The comparison that is needed for what is shown now; each is asked for once.
    pub fn uncompared(&mut self) -> Option<Comparison> {
        let file = self.files.get_mut(self.active).filter(|_| self.show == Show::Changes)?;
        if file.rows.is_some() || file.comparing == Some(file.revision) || file.progress == Progress::Growing {
            return None;
        }
        let (now, before) = (file.document.as_ref()?, file.before.as_ref()?);
        file.comparing = Some(file.revision);
        Some(Comparison {
            path: file.path.clone(),
            revision: file.revision,
            before: before.as_ref().map_or("", Document::text).to_owned(),
            now: now.text().to_owned(),
        })
    }

    /// The rows of a comparison.
    pub fn compared(&mut self, path: &ProjectPath, revision: u64, rows: Vec<Row>) {
        if let Some(file) = self.index(path).and_then(|i| self.files.get_mut(i))
            && file.revision == revision
        {
            file.rows = Some(rows);
        }
    }

    fn index(&self, path: &ProjectPath) -> Option<usize> {
        self.files.iter().position(|f| &f.path == path)
    }

    fn index_or_add(&mut self, path: &ProjectPath, progress: Progress) -> usize {
        self.index(path).unwrap_or_else(|| {
            self.files.push(File::new(path.clone(), progress));
            self.files.len() - 1
        })
    }

    fn remove(&mut self, index: usize) {
        if index < self.files.len() {
            self.files.remove(index);
        }
        if self.active >= index {
            self.active = self.active.saturating_sub(1);
        }
    }
}
