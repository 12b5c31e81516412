//! Tables: columns as wide as their content while there is room, narrower and wrapped when there
//! is not, and one line per cell when even that does not fit.

use pulldown_cmark::Alignment;
use ratatui::text::{Line, Span};

use crate::tui::text::wrap;
use crate::tui::theme::{Role, Theme};

/// A column is never narrower, unless all of its cells are.
const NARROWEST: usize = 6;

type Cell = Vec<Span<'static>>;

/// A table that is being read.
pub(super) struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Cell>>,
    row: Vec<Cell>,
}

fn columns(cell: &[Span<'static>]) -> usize {
    cell.iter().map(|span| wrap::width(&span.content)).sum()
}

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, rows: Vec::new(), row: Vec::new() }
    }

    pub(super) fn cell(&mut self, spans: Cell) {
        self.row.push(spans);
    }

    pub(super) fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.rows.push(row);
    }

    pub(super) fn layout(&self, room: u16, theme: &Theme) -> Vec<Line<'static>> {
        let count = self.alignments.len();
        let mut widths = vec![1; count];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        let between = count.saturating_sub(1) * 3;
        let room = usize::from(room);
        while widths.iter().sum::<usize>() + between > room {
            let Some(widest) = widths.iter_mut().max_by_key(|width| **width).filter(|width| **width > NARROWEST) else {
                return self.as_records(room, theme);
            };
            *widest -= 1;
        }
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            lines.extend(self.row_lines(row, &widths, theme));
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                lines.push(Line::from(Span::styled(rule.join("─┼─"), theme.style(Role::Border))));
            }
        }
        lines
    }

    fn row_lines(&self, row: &[Cell], widths: &[usize], theme: &Theme) -> Vec<Line<'static>> {
        let wrapped: Vec<Vec<Line<'static>>> = widths
            .iter()
            .enumerate()
            .map(|(at, width)| {
                let cell = row.get(at).cloned().unwrap_or_default();
                wrap::wrap_line(&Line::from(cell), u16::try_from(*width).unwrap_or(u16::MAX))
            })
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        (0..height)
            .map(|row| {
                let mut spans = Vec::new();
                for (at, (cell, width)) in wrapped.iter().zip(widths).enumerate() {
                    if at > 0 {
                        spans.push(Span::styled(" │ ", theme.style(Role::Border)));
                    }
                    let line = cell.get(row).cloned().unwrap_or_default();
                    let spare = width.saturating_sub(columns(&line.spans));
                    let left = match self.alignments.get(at) {
                        Some(Alignment::Right) => spare,
                        Some(Alignment::Center) => spare / 2,
                        _ => 0,
                    };
                    spans.push(Span::raw(" ".repeat(left)));
                    spans.extend(line.spans);
                    spans.push(Span::raw(" ".repeat(spare - left)));
                }
                Line::from(spans)
            })
            .collect()
    }

    /// `header: cell`, one below the other.
    fn as_records(&self, room: usize, theme: &Theme) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let Some((head, rows)) = self.rows.split_first() else { return lines };
        let width = u16::try_from(room).unwrap_or(u16::MAX);
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                lines.push(Line::from(Span::styled("─".repeat(room.min(8)), theme.style(Role::Border))));
            }
            for (at, cell) in row.iter().enumerate() {
                let mut spans = head.get(at).cloned().unwrap_or_default();
                spans.push(Span::raw(": "));
                spans.extend(cell.iter().cloned());
                lines.extend(wrap::wrap_hanging(&Line::from(spans), width, 2));
            }
        }
        lines
    }
}
