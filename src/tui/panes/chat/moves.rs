//! Moves to a message, to a text that was searched for, and the folding of items.

use super::{Chat, Measure, Scene, line_text};
use crate::domain::ItemKind;
use crate::tui::panes::items;
use crate::tui::panes::scroll::Top;

impl Chat {
    /// Goes to the person's message before or after the view.
    pub fn to_message(&mut self, forward: bool, scene: Scene<'_>) {
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let is_user =
            |index: &usize| matches!(scene.state.items.get(*index).map(|i| &i.kind), Some(ItemKind::User { .. }));
        let found = if forward {
            (top.item + 1..scene.state.items.len()).find(is_user)
        } else {
            (0..top.item + usize::from(top.row > 1)).rev().find(is_user)
        };
        if let Some(item) = found {
            self.leave(scene);
            self.scroll.go_to(Top { item, row: usize::from(item > 0) });
        } else if forward {
            self.follow();
        }
    }

    /// Goes to the next or previous item that holds a text; `false` when none does.
    pub fn find(&mut self, needle: &str, forward: bool, scene: Scene<'_>) -> bool {
        if needle.is_empty() {
            return false;
        }
        let needle = needle.to_lowercase();
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let count = self.entries.len();
        let order: Vec<usize> = if forward {
            (top.item..count).chain(0..top.item).collect()
        } else {
            (0..=top.item.min(count.saturating_sub(1))).rev().chain((top.item + 1..count).rev()).collect()
        };
        for item in order {
            if !scene.state.items.get(item).is_some_and(|i| item_text(&i.kind).to_lowercase().contains(&needle)) {
                continue;
            }
            self.ensure(item, scene);
            let rows = self.height_of(item, scene);
            let hits: Vec<usize> = (0..rows)
                .filter(|row| {
                    self.row(item, *row, scene).is_some_and(|l| line_text(l).to_lowercase().contains(&needle))
                })
                .collect();
            let hit = if item == top.item && forward {
                hits.iter().find(|r| **r > top.row).copied()
            } else if item == top.item {
                hits.iter().rev().find(|r| **r < top.row).copied()
            } else if forward {
                hits.first().copied()
            } else {
                hits.last().copied()
            };
            if let Some(row) = hit {
                self.leave(scene);
                self.scroll.go_to(Top { item, row });
                return true;
            }
        }
        false
    }

    /// Folds or unfolds the item at a screen row, or the last one in sight that can be.
    pub fn toggle_fold(&mut self, at: Option<u16>, scene: Scene<'_>) -> bool {
        let height = usize::from(self.area.height);
        let mut scroll = self.scroll;
        let top = scroll.settle(height, &mut Measure { chat: self, scene });
        let mut rows = 0usize;
        let mut found = None;
        let mut item = top.item;
        while rows < height && item < self.count(scene) {
            let from = rows;
            let skipped = if item == top.item { top.row } else { 0 };
            rows += self.height_of(item, scene).saturating_sub(skipped);
            let hit = at.is_none_or(|y| (from..rows).contains(&usize::from(y.saturating_sub(self.area.y))));
            let live_reasoning = item == self.entries.len() && !scene.live.reasoning.is_empty();
            let can = live_reasoning || scene.state.items.get(item).is_some_and(|i| items::foldable(&i.kind));
            if hit && can {
                found = Some(item);
            }
            item += 1;
        }
        let Some(item) = found else { return false };
        match self.entries.get_mut(item) {
            Some(entry) => {
                entry.open = !entry.open;
                entry.stale();
            }
            None => self.expand_live = !self.expand_live,
        }
        true
    }
}

fn item_text(kind: &ItemKind) -> String {
    match kind {
        ItemKind::User { text, .. }
        | ItemKind::Steered { text, .. }
        | ItemKind::Reasoning { text, .. }
        | ItemKind::Answer { text, .. }
        | ItemKind::Notice { text } => text.clone(),
        ItemKind::Change { change } => change.path.to_string(),
        ItemKind::Call { name, arguments, .. } => format!("{name} {arguments}"),
        ItemKind::Decided { title, .. } => title.clone(),
        ItemKind::Asked { question, answer, .. } => format!("{question} {answer}"),
        ItemKind::Check { run } => format!("{} {}", run.name, run.findings),
        ItemKind::PlanDecided { .. }
        | ItemKind::Ended { .. }
        | ItemKind::Undone { .. }
        | ItemKind::Redone { .. }
        | ItemKind::Rewound { .. }
        | ItemKind::Exported { .. } => String::new(),
    }
}
