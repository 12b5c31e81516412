//! Messages to prompt, by the chat template inside the weights file.
//!
//! Templates are written for Python's Jinja; the few Python methods they use are given to them
//! here. Where a template is missing or fails, the ChatML form is written that all models of the
//! catalogue were trained on.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, from_args};
use minijinja::{Environment, Error, ErrorKind, State};
use serde::Serialize;

/// A message as templates see it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Turn {
    pub(super) role: &'static str,
    pub(super) content: String,
}

/// What a template may ask for besides the messages.
pub(super) struct Marks {
    pub(super) begin: String,
    pub(super) end: String,
}

/// Renders the prompt up to where the answer begins.
pub(super) fn render(template: Option<&str>, turns: &[Turn], marks: &Marks) -> String {
    let Some(template) = template else {
        return chat_ml(turns);
    };
    match render_template(template, turns, marks) {
        Ok(prompt) => prompt,
        Err(error) => {
            tracing::warn!(%error, "the chat template of the weights file cannot be used");
            chat_ml(turns)
        }
    }
}

#[derive(Serialize)]
struct Context<'a> {
    messages: &'a [Turn],
    add_generation_prompt: bool,
    enable_thinking: bool,
    bos_token: &'a str,
    eos_token: &'a str,
}

fn render_template(template: &str, turns: &[Turn], marks: &Marks) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_unknown_method_callback(python_method);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment
        .add_function("strftime_now", |format: String| jiff::Zoned::now().strftime(format.as_bytes()).to_string());
    environment.add_template("chat", template)?;
    environment.get_template("chat")?.render(Serde(Context {
        messages: turns,
        add_generation_prompt: true,
        enable_thinking: false,
        bos_token: &marks.begin,
        eos_token: &marks.end,
    }))
}

/// The methods of Python's `str` that chat templates call.
fn python_method(_: &mut State, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("no method `{method}`"));
    let text = value.as_str().ok_or_else(unknown)?;
    let letters = |arguments: &[Value]| -> Result<Vec<char>, Error> {
        let (set,): (Option<String>,) = from_args(arguments)?;
        Ok(set.map_or_else(|| vec![' ', '\n', '\t', '\r'], |set| set.chars().collect()))
    };
    match method {
        "strip" => Ok(text.trim_matches(letters(arguments)?.as_slice()).into()),
        "lstrip" => Ok(text.trim_start_matches(letters(arguments)?.as_slice()).into()),
        "rstrip" => Ok(text.trim_end_matches(letters(arguments)?.as_slice()).into()),
        "startswith" => from_args(arguments).map(|(part,): (&str,)| text.starts_with(part).into()),
        "endswith" => from_args(arguments).map(|(part,): (&str,)| text.ends_with(part).into()),
        "split" => from_args(arguments)
            .map(|(part,): (&str,)| text.split(part).map(|piece| Value::from(piece.to_owned())).collect()),
        "upper" => Ok(text.to_uppercase().into()),
        "lower" => Ok(text.to_lowercase().into()),
        "title" => Ok(text.to_owned().into()),
        _ => Err(unknown()),
    }
}

fn chat_ml(turns: &[Turn]) -> String {
    let mut prompt = String::new();
    for turn in turns {
        prompt.push_str("<|im_start|>");
        prompt.push_str(turn.role);
        prompt.push('\n');
        prompt.push_str(&turn.content);
        prompt.push_str("<|im_end|>\n");
    }
    prompt.push_str("<|im_start|>assistant\n");
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Vec<Turn> {
        vec![
            Turn { role: "system", content: "Be short.".to_owned() },
            Turn { role: "user", content: "  hi </think> there ".to_owned() },
        ]
    }

    fn marks() -> Marks {
        Marks { begin: "<s>".to_owned(), end: "</s>".to_owned() }
    }

    #[test]
    fn python_methods_work_in_templates() {
        let template = "{{ bos_token }}{% for m in messages %}\n{% if m.role == 'user' %}{{ m.content.split('</think>')[-1].strip() }}{% if m.content.endswith(' ') %}!{% endif %}{% endif %}{% endfor %}";
        assert_eq!(render(Some(template), &turns(), &marks()), "<s>there!");
    }

    #[test]
    fn a_template_that_refuses_falls_back_to_chat_ml() {
        let template = "{{ raise_exception('no system please') }}";
        let prompt = render(Some(template), &turns(), &marks());
        assert!(prompt.starts_with("<|im_start|>system\nBe short.<|im_end|>\n"), "{prompt}");
        assert!(prompt.ends_with("<|im_start|>assistant\n"), "{prompt}");
    }
}
