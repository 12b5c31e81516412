//! The words of each step. A page is data: the terminal draws it, the plain questions print it.

use super::{Act, End, FirstRun, Stage};
use crate::domain::survey::{KeyPlace, KeyState, ProviderKind, SurveyedProvider};

/// What stands before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Plain,
    /// Found, or worked.
    Good,
    /// Worth knowing.
    Warn,
    /// Did not work.
    Bad,
    /// Less important.
    Dim,
}

/// One line of a page; long ones are wrapped by whoever shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageLine {
    pub mark: Mark,
    pub text: String,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub label: String,
    pub detail: String,
}

/// What a page wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing: the engine is at work.
    Wait,
    /// How far a fetch has come, in bytes.
    Progress { received: u64, total: Option<u64> },
    /// One of the options; `chosen` unless told otherwise, `silent` when nobody can be asked.
    Choose { options: Vec<Choice>, chosen: usize, silent: usize },
    /// A text that is not shown.
    Secret { prompt: String },
    /// It is over.
    End,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Position among the steps a person sees, from 1.
    pub step: usize,
    pub title: &'static str,
    pub lines: Vec<PageLine>,
    pub ask: Ask,
}

/// Steps a person sees.
pub const STEPS: usize = 5;

fn line(mark: Mark, text: impl Into<String>) -> PageLine {
    PageLine { mark, text: text.into() }
}

impl FirstRun {
    /// What to show now.
    pub fn page(&self) -> Page {
        let (step, title) = match &self.stage {
            Stage::Looking => (1, "looking around"),
            Stage::Provider => (1, "who shall answer?"),
            Stage::TypeKey => (2, "a key"),
            Stage::Testing | Stage::TestFailed(_) => (2, "a test"),
            Stage::Model => (3, "which model?"),
            Stage::Place => (4, "where shall the key be kept?"),
            Stage::Passphrase { .. } | Stage::PassphraseAgain => (4, "a passphrase"),
            Stage::Review { .. } | Stage::Writing(_) => (4, "this will be written"),
            Stage::OfferFetch { .. } | Stage::Fetching { .. } => (5, "the model's weights"),
            Stage::Finished { .. } | Stage::Ended(_) => (5, "ready"),
        };
        Page { step, title, lines: self.lines(), ask: self.ask() }
    }

    fn ask(&self) -> Ask {
        let acts = self.acts();
        match &self.stage {
            Stage::Looking | Stage::Testing | Stage::Writing(_) => Ask::Wait,
            Stage::Fetching { received, total } => Ask::Progress { received: *received, total: *total },
            Stage::TypeKey => Ask::Secret { prompt: format!("key of {}", self.title()) },
            Stage::Passphrase { .. } => Ask::Secret { prompt: "passphrase".to_owned() },
            Stage::PassphraseAgain => Ask::Secret { prompt: "the same once more".to_owned() },
            Stage::Finished { .. } | Stage::Ended(_) => Ask::End,
            _ => {
                let options = acts.iter().map(|act| self.option(act)).collect();
                let at = |wanted: &Act| acts.iter().position(|act| act == wanted).unwrap_or(0);
                let (chosen, silent) = match &self.stage {
                    Stage::Provider => (self.likely(), self.likely()),
                    Stage::TestFailed(_) | Stage::Review { trouble: Some(_) } => (0, at(&Act::Leave)),
                    Stage::OfferFetch { .. } => (0, at(&Act::Finish)),
                    Stage::Place => (0, at(&Act::Place(None))),
                    _ => (0, 0),
                };
                Ask::Choose { options, chosen, silent }
            }
        }
    }

    /// The provider in use, or else the first.
    fn likely(&self) -> usize {
        let used = self.survey.as_ref().and_then(|survey| survey.value("model.provider"));
        let position = used.and_then(|used| self.ranked().iter().position(|provider| provider.id.as_str() == used));
        position.unwrap_or(0)
    }

    fn title(&self) -> String {
        self.chosen().map(|provider| provider.title.clone()).unwrap_or_default()
    }

    fn lines(&self) -> Vec<PageLine> {
        match &self.stage {
            Stage::Looking => vec![line(Mark::Dim, "for keys, local servers and the embedded model")],
            Stage::Provider => self.found(),
            Stage::TypeKey => self.about_key(),
            Stage::Testing => {
                vec![line(Mark::Dim, format!("asking {} for its models: one call that costs nothing", self.title()))]
            }
            Stage::TestFailed(fault) => {
                let mut lines = vec![line(Mark::Bad, fault.to_string())];
                lines.extend(fault.hint.iter().map(|hint| line(Mark::Dim, format!("hint: {hint}"))));
                lines
            }
            Stage::Model => self.tested(),
            Stage::Place => self.about_places(),
            Stage::Passphrase { differs } => {
                let again = differs.then(|| line(Mark::Bad, "the two differ; type it anew"));
                again.into_iter().chain([line(Mark::Plain, self.about_passphrase())]).collect()
            }
            Stage::PassphraseAgain => vec![line(Mark::Plain, "so that a slip does not lock the key away")],
            Stage::Review { trouble } => self.review(trouble.as_ref()),
            Stage::Writing(_) => vec![line(Mark::Dim, "writing")],
            Stage::OfferFetch { trouble } => self.about_fetch(trouble.as_ref()),
            Stage::Fetching { .. } => {
                vec![line(Mark::Dim, "fetching; leaving now keeps what has come, and the next time goes on from there")]
            }
            Stage::Finished { fetched } => self.next_steps(*fetched),
            Stage::Ended(End::Done) => Vec::new(),
            Stage::Ended(End::Left(_)) => vec![line(Mark::Dim, "nothing was changed")],
        }
    }

    fn found(&self) -> Vec<PageLine> {
        let mut lines = Vec::new();
        for provider in self.ranked().into_iter().filter(|provider| provider.ready()) {
            lines.push(line(Mark::Good, format!("{}: {}", provider.title, state(provider, self))));
        }
        if lines.is_empty() {
            lines.push(line(Mark::Warn, "no key in the environment, none stored, and no local server answers"));
            if self.survey.as_ref().is_some_and(|survey| !survey.weights.is_empty()) {
                let text = "the embedded model needs no key and no account, but its weights; a key from a provider does far better work";
                lines.push(line(Mark::Dim, text));
            }
        }
        lines
    }

    fn about_key(&self) -> Vec<PageLine> {
        let variable = self.chosen().and_then(|provider| provider.variables.first()).cloned().unwrap_or_default();
        vec![
            line(
                Mark::Plain,
                format!(
                    "paste the key of {}. it is not shown, and it is stored only at the end, where you say",
                    self.title()
                ),
            ),
            line(Mark::Dim, format!("or leave, set `{variable}`, and run `kiln init` again")),
        ]
    }

    fn tested(&self) -> Vec<PageLine> {
        match &self.listed {
            Some(models) => {
                vec![line(Mark::Good, format!("{} answers and lists {} models", self.title(), models.len()))]
            }
            None if self.chosen().is_some_and(|provider| provider.kind == ProviderKind::Embedded) => {
                vec![line(Mark::Plain, "it runs inside Kiln, on this machine's processor, with no network")]
            }
            None => vec![line(Mark::Warn, format!("{} was not tested", self.title()))],
        }
    }

    fn about_places(&self) -> Vec<PageLine> {
        let trouble = self.survey.as_ref().and_then(|survey| survey.keychain_trouble.as_ref());
        match trouble {
            Some(fault) => vec![line(Mark::Warn, fault.sentence.clone())],
            None => Vec::new(),
        }
    }

    fn about_passphrase(&self) -> &'static str {
        if self.survey.as_ref().is_some_and(|survey| survey.key_file) {
            "the encrypted file is there already; its passphrase opens it"
        } else {
            "a new encrypted file is made. choose several words: without them the key cannot be read again, by anybody"
        }
    }

    fn review(&self, trouble: Option<&crate::domain::Fault>) -> Vec<PageLine> {
        let mut lines = Vec::new();
        if let Some(fault) = trouble {
            lines.push(line(Mark::Bad, fault.to_string()));
            lines.extend(fault.hint.iter().map(|hint| line(Mark::Dim, format!("hint: {hint}"))));
        }
        let file = self.survey.as_ref().map(|survey| survey.file.clone()).unwrap_or_default();
        lines.push(line(Mark::Plain, format!("into `{file}`, comments and all else kept:")));
        for (key, value) in self.changes() {
            lines.push(line(
                Mark::Plain,
                match value {
                    Some(value) => format!("  {key} = \"{value}\""),
                    None => format!("  {key} goes back to its default"),
                },
            ));
        }
        let key = match (&self.key, self.place) {
            (Some(_), Some(KeyPlace::Keychain)) => Some("the key into the system's keychain"),
            (Some(_), Some(KeyPlace::File)) => Some("the key into the encrypted file"),
            (Some(_), None) => Some("the key is not stored: set its variable before you start Kiln"),
            (None, _) => None,
        };
        lines.extend(key.map(|text| line(Mark::Plain, text)));
        let overridden = self.survey.iter().flat_map(|survey| &survey.settings);
        for row in overridden.filter(|row| row.key == "model.provider" || row.key == "model.name") {
            if let Some(who) = &row.overridden {
                lines.push(line(Mark::Warn, format!("the {who} decides over `{}` as long as it is set", row.key)));
            }
        }
        lines
    }

    fn about_fetch(&self, trouble: Option<&crate::domain::Fault>) -> Vec<PageLine> {
        let mut lines = Vec::new();
        if let Some(fault) = trouble {
            lines.push(line(Mark::Bad, fault.to_string()));
            lines.extend(fault.hint.iter().map(|hint| line(Mark::Dim, format!("hint: {hint}"))));
        } else {
            lines.push(line(Mark::Good, "the settings are written"));
        }
        if let Some(weights) = self.to_fetch() {
            lines.push(line(
                Mark::Plain,
                format!(
                    "{}: {} to fetch, {} of memory while it answers",
                    weights.title,
                    size(weights.download_bytes),
                    size(weights.memory_bytes)
                ),
            ));
            lines.push(line(
                Mark::Dim,
                format!("licence {}, from {}", weights.licence, weights.sources.join(", else ")),
            ));
        }
        lines
    }

    fn next_steps(&self, fetched: bool) -> Vec<PageLine> {
        let mut lines = vec![line(Mark::Good, format!("{} answers from now on", self.title()))];
        if !fetched && let Some(weights) = self.to_fetch() {
            lines.push(line(Mark::Warn, format!("its weights are still to come: `kiln models pull {}`", weights.name)));
        }
        lines.extend([
            line(Mark::Plain, ""),
            line(Mark::Plain, "`kiln` opens the workshop in this folder"),
            line(Mark::Plain, "`kiln \"a page with a clock\"` begins with a wish"),
            line(Mark::Plain, "`kiln tour` plays a recorded session"),
            line(Mark::Plain, "`kiln doctor` looks this machine over"),
            line(Mark::Dim, "inside, `/settings` changes all of this, and `?` lists the keys"),
        ]);
        lines
    }

    fn option(&self, act: &Act) -> Choice {
        let choice = |label: &str, detail: &str| Choice { label: label.to_owned(), detail: detail.to_owned() };
        match act {
            Act::Provider(id) => match self.survey.as_ref().and_then(|survey| survey.provider(id)) {
                Some(provider) => choice(&provider.title, &state(provider, self)),
                None => choice(id.as_str(), ""),
            },
            Act::Model(name) => choice(name.as_str(), &self.about_model(name.as_str())),
            Act::Place(Some(KeyPlace::Keychain)) => choice("the system's keychain", "unlocked with your session"),
            Act::Place(Some(KeyPlace::File)) => {
                choice("an encrypted file", "Kiln asks for its passphrase at the start")
            }
            Act::Place(None) => choice("nowhere", "you set the variable yourself"),
            Act::TryAgain => choice("try again", ""),
            Act::AnotherKey => choice("type another key", ""),
            Act::WithoutTest => choice("go on without a test", "the settings are written all the same"),
            Act::AnotherProvider => choice("choose another provider", ""),
            Act::Write => choice("write it", ""),
            Act::Fetch => {
                choice("fetch them now", &self.to_fetch().map(|w| size(w.download_bytes)).unwrap_or_default())
            }
            Act::Finish => choice("later", "Kiln offers it again before the first message"),
            Act::Leave => choice("leave", "nothing is changed"),
        }
    }

    fn about_model(&self, name: &str) -> String {
        let mut weights = self.survey.iter().flat_map(|survey| &survey.weights);
        if self.chosen().is_some_and(|provider| provider.kind == ProviderKind::Embedded) {
            let Some(weights) = weights.find(|weights| weights.name == name) else { return String::new() };
            let what = if weights.installed {
                "here".to_owned()
            } else {
                format!("{} to fetch", size(weights.download_bytes))
            };
            return format!("{what} · {}", weights.note);
        }
        let info = self.listed.iter().flatten().find(|model| model.reference.model.as_str() == name);
        let window = info.and_then(|info| info.window).map(|window| format!("{} tokens of window", thousands(window)));
        let title = info.map(|info| info.title.clone()).filter(|title| title != name);
        title.into_iter().chain(window).collect::<Vec<_>>().join(" · ")
    }
}

/// How a provider stands, in a few words.
fn state(provider: &SurveyedProvider, run: &FirstRun) -> String {
    let models = |count: usize| if count == 1 { "1 model".to_owned() } else { format!("{count} models") };
    match (provider.kind, &provider.key) {
        (ProviderKind::Embedded, _) if provider.models.is_empty() => {
            let smallest =
                run.survey.iter().flat_map(|survey| &survey.weights).map(|weights| weights.download_bytes).min();
            format!("no key needed; from {} to fetch", size(smallest.unwrap_or_default()))
        }
        (ProviderKind::Embedded, _) => {
            format!("weights here: {}", provider.models.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", "))
        }
        (ProviderKind::Local { answers: Some(true) }, _) => {
            format!("answers on this machine, {}", models(provider.models.len()))
        }
        (ProviderKind::Local { answers: Some(false) }, _) => "does not answer now".to_owned(),
        (ProviderKind::Local { answers: None }, _) => "a server of your own".to_owned(),
        (ProviderKind::Cloud, KeyState::Environment { variable, tail }) => format!("key in `{variable}` ({tail})"),
        (ProviderKind::Cloud, KeyState::Stored { place: KeyPlace::Keychain }) => "key in the keychain".to_owned(),
        (ProviderKind::Cloud, KeyState::Stored { place: KeyPlace::File }) => "key in the encrypted file".to_owned(),
        (ProviderKind::Cloud, KeyState::Missing) => "needs a key".to_owned(),
    }
}

/// Bytes for people, in steps of a thousand as download pages write them.
fn size(bytes: u64) -> String {
    if bytes >= 1_000_000_000 {
        format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000)
    } else {
        format!("{} MB", bytes.div_ceil(1_000_000))
    }
}

fn thousands(count: u64) -> String {
    if count >= 1_000_000 { format!("{}M", count / 1_000_000) } else { format!("{}k", count / 1000) }
}
