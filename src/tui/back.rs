//! Going back and forth: undo, redo, checkpoints, and the question that comes before overwriting.

use crate::domain::{Checkpoint, CheckpointId, ExistingFiles, Moment, Op, Reply, RestoreConflict, RewindScope};
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::msg::Ask;
use crate::tui::overlays::{Choice, Overlay, Pick, Picker, Question};
use crate::tui::panes::format::{bytes, plural};
use crate::tui::text::sanitize::{clean, single_line};

/// A way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    Undo,
    Redo,
    Rewind(CheckpointId, RewindScope),
}

impl Model {
    /// Goes back or forth; what somebody else changed since is asked about, unless it is to be replaced.
    pub fn go_back(&mut self, back: Back, existing: ExistingFiles) -> Vec<Cmd> {
        self.with_session(|session| {
            let op = match back {
                Back::Undo => Op::Undo { session, existing },
                Back::Redo => Op::Redo { session, existing },
                Back::Rewind(checkpoint, scope) => Op::Rewind { session, checkpoint, scope, existing },
            };
            Cmd::Ask { op, ask: Ask::Back(back) }
        })
    }

    /// Opens the list of checkpoints.
    pub fn open_checkpoint_picker(&mut self, query: &str) -> Vec<Cmd> {
        let commands =
            self.with_session(|session| Cmd::Ask { op: Op::ListCheckpoints { session }, ask: Ask::Checkpoints });
        if !commands.is_empty() {
            let mut picker = Picker::new("checkpoints", "no checkpoint yet", Vec::new());
            picker.search(query);
            self.overlay = Some(Overlay::Picker(picker));
        }
        commands
    }

    /// Asks what goes back to a checkpoint.
    pub fn open_rewind_picker(&mut self, checkpoint: CheckpointId) {
        let entry = |label: &str, detail: &str, scope| (Choice::new(label, detail), Pick::Rewind(checkpoint, scope));
        let entries = vec![
            entry("files", "the project as it was; the conversation stays", RewindScope::Files),
            entry("conversation", "go on from there; files stay as they are", RewindScope::Conversation),
            entry("files and conversation", "both", RewindScope::Both),
        ];
        self.overlay = Some(Overlay::Picker(Picker::new("what goes back to that checkpoint?", "", entries)));
    }
}

/// A checkpoint as a line of the list.
pub fn entry(checkpoint: &Checkpoint) -> (Choice, Pick) {
    let at = checkpoint.at.to_zoned(jiff::tz::TimeZone::system()).strftime("%m-%d %H:%M:%S").to_string();
    let occasion = &checkpoint.occasion;
    let turn = occasion.turn;
    let moment = match (occasion.moment, &occasion.call) {
        (Moment::BeforeTurn, _) => format!("before turn {turn}"),
        (Moment::BeforeCall, _) => format!("turn {turn}, before a call"),
        (Moment::AfterTurn, _) => format!("after turn {turn}"),
        (Moment::BeforeRestore, _) => "before going back".to_owned(),
        (Moment::AfterRestore, _) => "after going back".to_owned(),
    };
    let label = format!("{} · {at} · {moment} · {}", checkpoint.id, single_line(&occasion.label));
    let changed = usize::try_from(checkpoint.changed).unwrap_or(usize::MAX);
    let mut detail = format!("{} changed · +{}", plural(changed, "path"), bytes(checkpoint.added));
    if checkpoint.uncovered_total > 0 {
        detail.push_str(&format!(" · {} not covered", checkpoint.uncovered_total));
    }
    (Choice::new(&label, &detail), Pick::Checkpoint(checkpoint.id))
}

/// Takes the answer in.
pub fn taken(model: &mut Model, back: Back, reply: Reply) -> Vec<Cmd> {
    match reply {
        Reply::Undone { paths, .. } => {
            model.tell(&format!(
                "{} brought back to before the turn · `/redo` returns them",
                plural(paths.len(), "file")
            ));
        }
        Reply::Restored { entries, left, prompt } => {
            let count = usize::try_from(entries).unwrap_or(usize::MAX);
            let mut text = if count == 0 {
                "no file had to change".to_owned()
            } else {
                format!("{} as they were then", plural(count, "file"))
            };
            if !left.is_empty() {
                text.push_str(&format!(" · {} left, see the notice", left.len()));
            }
            model.tell(&text);
            if let Some(prompt) = prompt
                && model.composer.is_empty()
            {
                model.composer.set(&clean(&prompt));
            }
        }
        Reply::Conflict { conflict } => {
            model.overlay = Some(Overlay::Ask(Question::GoBack(back, words(&conflict))));
        }
        _ => {}
    }
    Vec::new()
}

fn words(conflict: &RestoreConflict) -> Vec<String> {
    let mut lines = Vec::new();
    if conflict.total > 0 {
        lines.push("changed since by somebody else:".to_owned());
        lines.extend(conflict.paths.iter().take(8).map(|path| format!("  {}", single_line(path))));
        let more = conflict.total.saturating_sub(8);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        lines.push(String::new());
    }
    if let Some((then, now)) = &conflict.head {
        lines.push("git's HEAD moved since; it will not be touched:".to_owned());
        lines.push(format!("  then {}", single_line(then)));
        lines.push(format!("  now  {}", single_line(now)));
        lines.push(String::new());
    }
    lines.push("overwrite all the same? `/redo` brings back what is there now.".to_owned());
    lines
}
