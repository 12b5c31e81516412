//! Which key does what, as data: a context and a key name an action. The defaults are
//! `assets/keys.toml`; the person's own table goes over them. It does not know what an action does.

mod action;
mod chord;

use std::collections::HashMap;
use std::sync::LazyLock;

use crossterm::event::KeyEvent;
use toml::{Table, Value};

pub use action::{Action, Context};
pub use chord::Chord;

use super::theme::nearest;
use crate::domain::fault::{Fault, FaultClass};

/// The default keys, as shipped.
pub const STANDARD: &str = include_str!("../../assets/keys.toml");

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    context: Context,
    chord: Chord,
    action: Action,
}

/// Keys to actions, by context.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    order: Vec<Binding>,
    index: HashMap<(Context, Chord), Action>,
}

impl Keymap {
    /// The keys that are shipped.
    pub fn standard() -> Self {
        static PARSED: LazyLock<Keymap> =
            LazyLock::new(|| Keymap::default().with_overrides(STANDARD, "assets/keys.toml").unwrap_or_default());
        PARSED.clone()
    }

    /// These keys with the lines of a TOML text over them.
    ///
    /// # Errors
    /// The text is not TOML, or a context, key or action in it does not exist, or a key is given
    /// twice in one context.
    pub fn with_overrides(self, text: &str, origin: &str) -> Result<Self, Fault> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            invalid(format!("`{origin}` is not valid TOML")).detail(error.to_string()).hint("mend the file")
        })?;
        self.with_table(&table, origin)
    }

    /// Like [`Keymap::with_overrides`], from a table that was read already.
    ///
    /// # Errors
    /// As there.
    pub fn with_table(mut self, table: &Table, origin: &str) -> Result<Self, Fault> {
        for (name, keys) in table {
            let Some(context) = Context::ALL.iter().copied().find(|context| context.name() == name) else {
                return Err(unknown(origin, "context", name, Context::ALL.iter().map(|c| c.name())));
            };
            let Some(keys) = keys.as_table() else {
                return Err(invalid(format!("`{origin}`: `{name}` is not a table"))
                    .hint("write `[composer]` and below it lines like `\"ctrl-s\" = \"send\"`"));
            };
            let mut seen: HashMap<Chord, &str> = HashMap::new();
            for (key, action) in keys {
                let chord = Chord::parse(key)
                    .map_err(|fault| Fault { sentence: format!("`{origin}`: {}", fault.sentence), ..fault })?;
                if let Some(first) = seen.insert(chord, key) {
                    return Err(invalid(format!("`{origin}`: `{first}` and `{key}` in `[{name}]` are the same key"))
                        .hint("remove one of the two lines"));
                }
                self.bind(context, chord, action, origin)?;
            }
        }
        Ok(self)
    }

    fn bind(&mut self, context: Context, chord: Chord, action: &Value, origin: &str) -> Result<(), Fault> {
        let name = action.as_str().unwrap_or_default();
        self.order.retain(|binding| (binding.context, binding.chord) != (context, chord));
        self.index.remove(&(context, chord));
        if name == "none" {
            return Ok(());
        }
        let Some(action) = Action::ALL.iter().copied().find(|action| action.name() == name) else {
            return Err(unknown(origin, "action", name, Action::ALL.iter().map(|a| a.name())));
        };
        self.order.push(Binding { context, chord, action });
        self.index.insert((context, chord), action);
        Ok(())
    }

    /// What a key does in a context; a key that the context does not use may mean something
    /// everywhere.
    pub fn lookup(&self, context: Context, key: KeyEvent) -> Option<Action> {
        let chord = Chord::of(key);
        self.index.get(&(context, chord)).or_else(|| self.index.get(&(Context::Global, chord))).copied()
    }

    /// The keys of a context with what they do, in the order of the file, one key per action;
    /// those that work everywhere come last.
    pub fn hints(&self, context: Context) -> Vec<(String, Action)> {
        let mut hints: Vec<(String, Action)> = Vec::new();
        let own = self.order.iter().filter(|binding| binding.context == context);
        let global = self.order.iter().filter(|binding| {
            context != Context::Global
                && binding.context == Context::Global
                && !self.index.contains_key(&(context, binding.chord))
        });
        for binding in own.chain(global) {
            if !hints.iter().any(|(_, action)| *action == binding.action) {
                hints.push((binding.chord.to_string(), binding.action));
            }
        }
        hints
    }

    /// Every key of an action in a context, the ones that work everywhere included.
    pub fn keys_of(&self, context: Context, action: Action) -> Vec<String> {
        self.order
            .iter()
            .filter(|binding| binding.action == action && [context, Context::Global].contains(&binding.context))
            .filter(|binding| self.index.get(&(context, binding.chord)).is_none_or(|meant| *meant == action))
            .map(|binding| binding.chord.to_string())
            .collect()
    }
}

fn invalid(sentence: String) -> Fault {
    Fault::new(FaultClass::Invalid, sentence)
}

fn unknown<'a>(origin: &str, what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Fault {
    let fault = invalid(format!("`{origin}`: there is no {what} `{name}`"));
    match nearest(name, known.clone()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("it is one of {}", known.collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn the_shipped_file_parses_and_reaches_every_action() {
        let keymap = Keymap::default().with_overrides(STANDARD, "keys").unwrap();
        for action in Action::ALL {
            assert!(keymap.order.iter().any(|binding| binding.action == *action), "{} has no key", action.name());
            assert!(!action.describe().is_empty());
            let json = serde_json::to_value(action).unwrap();
            assert_eq!(json, action.name());
        }
    }

    #[test]
    fn the_main_keys_do_what_people_expect() {
        let keymap = Keymap::standard();
        let none = KeyModifiers::NONE;
        for (context, code, modifiers, action) in [
            (Context::Composer, KeyCode::Enter, none, Action::Send),
            (Context::Composer, KeyCode::Enter, KeyModifiers::ALT, Action::Newline),
            (Context::Composer, KeyCode::Char('j'), KeyModifiers::CONTROL, Action::Newline),
            (Context::Composer, KeyCode::F(1), none, Action::Help),
            (Context::Chat, KeyCode::PageUp, none, Action::PageUp),
            (Context::Chat, KeyCode::Char('G'), KeyModifiers::SHIFT, Action::Bottom),
            (Context::Completion, KeyCode::Tab, none, Action::Accept),
            (Context::Chat, KeyCode::BackTab, KeyModifiers::SHIFT, Action::CycleMode),
            (Context::Composer, KeyCode::Char('l'), KeyModifiers::CONTROL, Action::Redraw),
        ] {
            assert_eq!(keymap.lookup(context, key(code, modifiers)), Some(action), "{code:?}");
        }
        assert_eq!(keymap.lookup(Context::Composer, key(KeyCode::Char('q'), none)), None, "letters are typed");
    }

    #[test]
    fn overrides_replace_and_unbind() {
        let keymap = Keymap::standard()
            .with_overrides("[composer]\n\"ctrl-s\" = \"send\"\nenter = \"newline\"\n[global]\nf1 = \"none\"", "mine")
            .unwrap();
        let send = key(KeyCode::Char('s'), KeyModifiers::CONTROL);
        assert_eq!(keymap.lookup(Context::Composer, send), Some(Action::Send));
        let enter = key(KeyCode::Enter, KeyModifiers::NONE);
        assert_eq!(keymap.lookup(Context::Composer, enter), Some(Action::Newline));
        assert_eq!(keymap.lookup(Context::Chat, key(KeyCode::F(1), KeyModifiers::NONE)), None);
        assert_eq!(keymap.keys_of(Context::Composer, Action::Send), ["ctrl-s"]);
    }

    #[test]
    fn mistakes_name_the_nearest() {
        for (text, hint) in [
            ("[composer]\nenter = \"sned\"", "did you mean `send`?"),
            ("[compser]\nenter = \"send\"", "did you mean `composer`?"),
            ("[composer]\n\"ctrl-entr\" = \"send\"", "did you mean `enter`?"),
            ("[composer]\n\"ctrl-s\" = \"send\"\n\"control-s\" = \"newline\"", "remove one of the two lines"),
        ] {
            let fault = Keymap::standard().with_overrides(text, "mine").unwrap_err();
            assert_eq!(fault.hint.as_deref(), Some(hint), "{fault:?}");
            assert!(fault.sentence.contains("mine"));
        }
    }
}
