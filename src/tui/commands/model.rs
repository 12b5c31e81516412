//! `/model`: choose who answers.

use crate::domain::ModelRef;
use crate::tui::cmd::Cmd;
use crate::tui::model::Model;
use crate::tui::overlays::Choice;

use super::Command;

/// The table line.
pub const COMMAND: Command = Command {
    name: "model",
    aliases: &["models"],
    about: "choose who answers",
    usage: "/model [provider/name]",
    complete: choices,
    run,
};

fn choices(model: &Model, _: &str) -> Vec<Choice> {
    model.known_models.iter().map(|info| Choice::new(&info.reference.to_string(), &info.title)).collect()
}

fn run(model: &mut Model, argument: &str) -> Vec<Cmd> {
    if argument.is_empty() {
        return model.open_model_picker();
    }
    match argument.split_once('/') {
        Some((provider, name)) if !provider.is_empty() && !name.is_empty() => {
            model.select_model(ModelRef::new(provider, name))
        }
        _ => {
            model.warn(
                &format!("`{argument}` names no model"),
                Some("write the provider and the model, such as `/model anthropic/claude-sonnet-4-5`"),
            );
            Vec::new()
        }
    }
}
