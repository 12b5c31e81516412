//! `/copy`: copy the last answer, one of its code blocks, or a file.

use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;
use crate::tui::text::sanitize::single_line;
use crate::tui::text::wrap::truncate;

use super::Command;

/// Columns of a code block's first line among the choices.
const FIRST_LINE: usize = 40;

/// The table line.
pub const COMMAND: Command = Command {
    name: "copy",
    aliases: &["yank"],
    about: "copy the last answer, one of its code blocks, or a file",
    usage: "/copy [answer|file|NUMBER|PATH]",
    complete: choices,
    run,
};

fn choices(model: &Model, _: &str) -> Vec<Choice> {
    let mut choices = vec![
        Choice::new("answer", "the last answer as it was written"),
        Choice::new("file", "the file in the code pane"),
    ];
    for (index, code) in model.chat.code_blocks(&model.view.state).iter().enumerate() {
        let first = code.lines().next().unwrap_or_default();
        choices.push(Choice::new(&(index + 1).to_string(), &truncate(&single_line(first), FIRST_LINE)));
    }
    choices.extend(model.code.paths().map(|path| Choice::new(path.as_str(), "")));
    choices
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    match argument {
        "file" => model.copy_file(),
        "answer" | "" => model.copy_answer(),
        other => {
            let blocks = model.chat.code_blocks(&model.view.state);
            let block = other.parse::<usize>().ok().and_then(|number| blocks.get(number.checked_sub(1)?)).cloned();
            if let Some(text) = block.or_else(|| model.code.text_of(other).map(str::to_owned)) {
                return vec![Cmd::Copy(text)];
            }
            let hint = match blocks.len() {
                0 => "write `/copy answer`, `/copy file`, or the path of a file that was shown".to_owned(),
                count => {
                    format!("write `/copy answer`, `/copy file`, a path, or a number up to {count} for a code block")
                }
            };
            model.warn(&format!("`{other}` cannot be copied"), Some(&hint));
            Vec::new()
        }
    }
}
