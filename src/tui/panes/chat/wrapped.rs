//! The wrapped form of items: made when it is first needed, and how many rows it has.

use ratatui::text::Line;

use super::{Body, Chat, Form, GUTTER, Scene, new_document, spaced};
use crate::domain::ItemKind;
use crate::tui::panes::items::{self, Around};
use crate::tui::theme::Role;

impl Chat {
    pub(super) fn count(&self, scene: Scene<'_>) -> usize {
        self.entries.len() + usize::from(!scene.live.reasoning.is_empty()) + usize::from(self.answer.is_some())
    }

    pub(super) fn form(&self, scene: Scene<'_>) -> Form {
        Form { width: self.area.width.saturating_sub(GUTTER + 1).max(1), stamp: scene.stamp }
    }

    pub(super) fn around<'a>(&self, index: usize, expanded: bool, scene: Scene<'a>) -> Around<'a> {
        let width = self.form(scene).width;
        Around {
            state: scene.state,
            live: scene.live,
            index,
            width,
            theme: scene.theme,
            expanded,
            retry_key: scene.retry_key,
        }
    }

    /// Makes the wrapped form of an item, unless it is there.
    pub(super) fn ensure(&mut self, item: usize, scene: Scene<'_>) {
        let form = self.form(scene);
        let highlighter = self.highlighter.clone();
        let open = self.entries.get(item).is_some_and(|e| e.open);
        let around = self.around(item, open, scene);
        let (Some(entry), Some(source)) = (self.entries.get_mut(item), scene.state.items.get(item)) else { return };
        if entry.body.as_ref().is_some_and(|(f, _)| *f == form) && entry.height.is_some_and(|(f, _)| f == form) {
            return;
        }
        self.wrapped += 1;
        let lead = usize::from(item > 0 && spaced(scene.state, item));
        let (body, rows) = match &source.kind {
            ItemKind::Answer { text, whole, .. } => {
                let mut document = match entry.body.take() {
                    Some((_, Body::Document(document, _))) => document,
                    _ => {
                        let mut document = Box::new(new_document(highlighter));
                        document.set(text);
                        document.finish();
                        document
                    }
                };
                let tail = if *whole {
                    Vec::new()
                } else {
                    vec![Line::styled("… cut off here", scene.theme.style(Role::Warning))]
                };
                let rows = document.lines(form.width, scene.theme).len() + tail.len();
                (Body::Document(document, tail), rows)
            }
            _ => {
                let lines = items::lines(source, around);
                let rows = lines.len();
                (Body::Rows(lines), rows)
            }
        };
        entry.body = Some((form, body));
        entry.height = Some((form, if rows == 0 { 0 } else { rows + lead }));
    }

    pub(super) fn height_of(&mut self, item: usize, scene: Scene<'_>) -> usize {
        let form = self.form(scene);
        if let Some(entry) = self.entries.get(item) {
            if let Some((known, height)) = entry.height
                && known == form
            {
                return height;
            }
            self.ensure(item, scene);
            return self.entries.get(item).and_then(|e| e.height).map_or(0, |(_, height)| height);
        }
        let lead = usize::from(item > 0);
        if item == self.entries.len() && !scene.live.reasoning.is_empty() {
            return self.live_reasoning(scene).len() + lead;
        }
        match &mut self.answer {
            Some(live) => live.document.lines(form.width, scene.theme).len() + lead,
            None => 0,
        }
    }

    pub(super) fn live_reasoning(&self, scene: Scene<'_>) -> Vec<Line<'static>> {
        items::reasoning(&scene.live.reasoning, None, self.around(self.entries.len(), self.expand_live, scene))
    }

    /// A row of an item that was made; `None` for the empty row before it.
    pub(super) fn row(&mut self, item: usize, row: usize, scene: Scene<'_>) -> Option<&Line<'static>> {
        let form = self.form(scene);
        let lead = match self.entries.get(item) {
            Some(_) => usize::from(item > 0 && spaced(scene.state, item)),
            None => usize::from(item > 0),
        };
        let row = row.checked_sub(lead)?;
        match self.entries.get_mut(item) {
            Some(entry) => match &mut entry.body {
                Some((_, Body::Rows(rows))) => rows.get(row),
                Some((_, Body::Document(document, tail))) => {
                    let lines = document.lines(form.width, scene.theme);
                    lines.get(row).or_else(|| tail.get(row.saturating_sub(lines.len())))
                }
                None => None,
            },
            None => self.answer.as_mut().and_then(|live| live.document.lines(form.width, scene.theme).get(row)),
        }
    }
}
