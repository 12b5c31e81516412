//! Moving about in the code pane: between files, rows and changes.

use super::file::Progress;
use super::{Code, LONG_LINE, LongLines, Show};
use crate::domain::ProjectPath;
use crate::tui::panes::difference::Row;

impl Code {
    /// Shows a file and stays with it; `false` when the session has no such file.
    pub fn select(&mut self, path: &ProjectPath) -> bool {
        match self.index(path) {
            Some(index) => {
                self.active = index;
                self.pinned = true;
                true
            }
            None => false,
        }
    }

    /// Shows the next or previous file.
    pub fn step_file(&mut self, by: isize) {
        if self.files.is_empty() {
            return;
        }
        let count = isize::try_from(self.files.len()).unwrap_or(1);
        let next = (isize::try_from(self.active).unwrap_or(0) + by).rem_euclid(count);
        self.active = usize::try_from(next).unwrap_or(0);
        self.pinned = true;
    }

    /// The file whose tab is at a position.
    pub fn tab_at(&self, x: u16, y: u16) -> Option<ProjectPath> {
        let (_, index) = self.tabs.iter().find(|(area, _)| area.contains((x, y).into()))?;
        self.files.get(*index).map(|f| f.path.clone())
    }

    /// Switches between the file and its changes.
    pub fn toggle_show(&mut self) {
        self.show = match self.show {
            Show::File => Show::Changes,
            Show::Changes => Show::File,
        };
        if let Some(file) = self.files.get_mut(self.active) {
            file.top = 0;
            file.asked = file.asked && file.before.is_some();
        }
    }

    /// Switches between broken and running-out long lines.
    pub fn toggle_wrap(&mut self) {
        self.long_lines = match self.long_lines {
            LongLines::Cut => LongLines::Wrap,
            LongLines::Wrap => LongLines::Cut,
        };
        if let Some(file) = self.files.get_mut(self.active) {
            file.left = 0;
        }
    }

    /// Rows of a page.
    pub fn page(&self) -> usize {
        usize::from(self.area.height).saturating_sub(1).max(1)
    }

    /// Scrolls by rows; a growing file is followed again from its end on.
    pub fn scroll_by(&mut self, rows: isize) {
        let page = usize::from(self.area.height);
        let show = self.show;
        let Some(file) = self.files.get_mut(self.active) else { return };
        let most = file.row_count(show).saturating_sub(page);
        file.top = file.top.min(most).saturating_add_signed(rows).min(most);
        file.follow = file.progress == Progress::Growing && file.top == most;
    }

    /// Scrolls sideways.
    pub fn scroll_sideways(&mut self, columns: isize) {
        if let Some(file) = self.files.get_mut(self.active) {
            file.left = file.left.saturating_add_signed(columns).min(LONG_LINE);
        }
    }

    /// Goes to the end and, while it grows, stays there; the tab follows the writing again.
    pub fn follow(&mut self) {
        self.scroll_by(isize::MAX / 2);
        self.pinned = false;
        if let Some(file) = self.files.get_mut(self.active) {
            file.follow = true;
        }
    }

    /// Goes to the next or previous change.
    pub fn to_hunk(&mut self, forward: bool) {
        self.show = Show::Changes;
        let Some(file) = self.files.get_mut(self.active) else { return };
        let Some(rows) = &file.rows else { return };
        let changed = |row: Option<&Row>| matches!(row, Some(Row::Added { .. } | Row::Removed { .. }));
        let starts = |i: &usize| changed(rows.get(*i)) && !changed(i.checked_sub(1).and_then(|p| rows.get(p)));
        let now = file.top + 2;
        let found =
            if forward { (now + 1..rows.len()).find(starts) } else { (0..now.min(rows.len())).rev().find(starts) };
        if let Some(at) = found {
            file.top = at.saturating_sub(2);
        }
    }

    /// Goes to the next or previous line that holds a text.
    pub fn find(&mut self, needle: &str, forward: bool) -> bool {
        let Some(file) = self.files.get_mut(self.active) else { return false };
        let Some(document) = &file.document else { return false };
        let (needle, count) = (needle.to_lowercase(), document.line_count());
        if needle.is_empty() {
            return false;
        }
        let hit = |index: &usize| document.line(*index).to_lowercase().contains(&needle);
        let found = if forward {
            (file.top + 1..count).chain(0..=file.top.min(count.saturating_sub(1))).find(hit)
        } else {
            (0..file.top).rev().chain((file.top..count).rev()).find(hit)
        };
        if let Some(at) = found {
            file.top = at;
            file.follow = false;
        }
        found.is_some()
    }
}
