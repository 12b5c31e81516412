//! Where everything stands, from 160×50 down to almost nothing; parts give way by priority.

use ratatui::layout::Rect;

/// Width from which chat and code stand side by side.
const TWO_PANES: u16 = 100;
/// Width from which the steps stand beside them.
const STEPS_BESIDE: u16 = 132;
/// Width from which the steps stand beside the chat alone.
const STEPS_BESIDE_CHAT: u16 = 90;
/// Rows that a dialog gets as long as four of the transcript are left.
const DIALOG_LEAST: u16 = 13;
/// Width of the steps.
const STEPS_WIDTH: u16 = 30;

/// The pane that has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    #[default]
    Composer,
    Chat,
    Code,
    Steps,
    /// What waits for the person.
    Dialog,
}

/// What asks for room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// There is a file and the pane is not hidden.
    pub code: bool,
    /// There is a plan and the pane is not hidden.
    pub steps: bool,
    pub focus: Focus,
    /// Which of chat and code is in sight when only one fits.
    pub code_in_front: bool,
    pub composer_rows: u16,
    /// Rows that the dialog in front would like; 0 without one.
    pub dialog_rows: u16,
    /// Rows for messages between chat and composer.
    pub note_rows: u16,
}

/// The areas; an empty one is not drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub header: Rect,
    /// The plan on one line, when there is no room for it beside the chat.
    pub summary: Rect,
    pub chat: Rect,
    pub code: Rect,
    pub steps: Rect,
    pub notes: Rect,
    /// What waits for the person.
    pub dialog: Rect,
    pub rule: Rect,
    pub composer: Rect,
    pub status: Rect,
    /// Columns that part the panes: before the code, before the steps.
    pub parting: [Rect; 2],
    /// The lines of the completion popup, set when it is drawn.
    pub popup: Rect,
    /// The first choice in sight there.
    pub popup_from: usize,
}

/// Lays the screen out.
pub fn layout(screen: Rect, wants: Wants) -> Areas {
    let mut areas = Areas::default();
    let mut rest = screen;
    if rest.is_empty() {
        return areas;
    }
    // From the most needed on: one row to write, the status, the conversation, then the rest.
    let composer = wants.composer_rows.clamp(1, (rest.height / 3).max(1));
    areas.composer = take_bottom(&mut rest, composer);
    if rest.height >= 1 {
        let status = take_bottom(&mut rest, 1);
        // The status is the last row; the composer stands above it.
        areas.status = Rect { y: screen.bottom() - 1, ..status };
        areas.composer.y = areas.composer.y.saturating_sub(1);
    }
    if rest.height >= 4 {
        areas.rule = take_bottom(&mut rest, 1);
    }
    if rest.height >= 5 {
        let most = rest.height / 3;
        areas.notes = take_bottom(&mut rest, wants.note_rows.min(most));
    }
    if wants.dialog_rows > 0 {
        // The transcript stays in sight, unless there is hardly room to read what is asked.
        let most = (rest.height * 3 / 5).max(rest.height.saturating_sub(4).min(DIALOG_LEAST)).max(rest.height.min(7));
        areas.dialog = take_bottom(&mut rest, wants.dialog_rows.min(most));
    }
    if rest.height >= 12 {
        areas.header = take_top(&mut rest, 1);
    }
    columns(&mut areas, rest, wants);
    areas
}

fn columns(areas: &mut Areas, mut rest: Rect, wants: Wants) {
    let steps_width = if wants.code { STEPS_BESIDE } else { STEPS_BESIDE_CHAT };
    if wants.steps && rest.width >= steps_width && rest.height >= 6 {
        areas.steps = take_right(&mut rest, STEPS_WIDTH);
        areas.parting[1] = take_right(&mut rest, 1);
        areas.steps.x = areas.steps.x.saturating_add(1);
        areas.steps.width = areas.steps.width.saturating_sub(2);
    } else if wants.steps && rest.height >= 6 {
        if wants.focus == Focus::Steps {
            areas.steps = rest;
            return;
        }
        areas.summary = take_top(&mut rest, 1);
    }
    if !wants.code {
        areas.chat = rest;
    } else if rest.width >= TWO_PANES {
        let code = rest.width - rest.width * 45 / 100;
        areas.code = take_right(&mut rest, code);
        areas.parting[0] = take_right(&mut rest, 1);
        areas.chat = rest;
    } else if wants.code_in_front {
        areas.code = rest;
    } else {
        areas.chat = rest;
    }
}

fn take_bottom(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    rest.height -= rows;
    Rect { y: rest.y.saturating_add(rest.height), height: rows, ..*rest }
}

fn take_top(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let top = Rect { height: rows, ..*rest };
    rest.y = rest.y.saturating_add(rows);
    rest.height -= rows;
    top
}

fn take_right(rest: &mut Rect, columns: u16) -> Rect {
    let columns = columns.min(rest.width);
    rest.width -= columns;
    Rect { x: rest.x.saturating_add(rest.width), width: columns, ..*rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_or_leave_the_screen() {
        for width in 0..180 {
            for height in 0..60 {
                for bits in 0..16u16 {
                    let screen = Rect::new(0, 0, width, height);
                    let wants = Wants {
                        code: bits & 1 > 0,
                        steps: bits & 2 > 0,
                        code_in_front: bits & 4 > 0,
                        focus: if bits & 8 > 0 { Focus::Steps } else { Focus::Chat },
                        composer_rows: 1 + bits % 12,
                        note_rows: bits % 4,
                        dialog_rows: if bits % 3 == 0 { 14 } else { 0 },
                    };
                    let a = layout(screen, wants);
                    let all =
                        [a.header, a.summary, a.chat, a.code, a.steps, a.notes, a.dialog, a.rule, a.composer, a.status];
                    let mut cells = 0u32;
                    for (index, area) in all.iter().enumerate() {
                        assert!(screen.union(*area) == screen || area.is_empty(), "{width}x{height} {a:?}");
                        cells += u32::from(area.width) * u32::from(area.height);
                        for other in all.iter().skip(index + 1) {
                            assert!(area.intersection(*other).is_empty(), "{width}x{height} {a:?}");
                        }
                    }
                    assert!(cells <= u32::from(width) * u32::from(height));
                }
            }
        }
    }
}
