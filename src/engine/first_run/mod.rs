//! The first run, as a machine of steps: what was found, who answers, a key, a test, a model, and
//! only then something is written.
//!
//! Pure: a front end draws [`FirstRun::page`], hands in the person's [`Answer`] or the engine's
//! reply, and sends the wish that comes back. At most one wish is under way. Leaving before the last
//! step changes nothing, since keys and settings are kept here until then.

mod page;

use crate::domain::op::PullSource;
use crate::domain::survey::{KeyPlace, KeyState, ProviderKind, Survey, SurveyedProvider};
use crate::domain::{Fault, ModelInfo, ModelName, Op, ProviderId, Reply, Secret};

pub use page::{Ask, Choice, Mark, Page, PageLine, STEPS};

/// What the person said to a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The option at this position.
    Choice(usize),
    /// What was typed without being shown; nothing means none.
    Secret(Option<Secret>),
    /// To the page before.
    Back,
    /// Out, whatever the page.
    Leave,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Settings were written.
    Done,
    /// Nothing was changed; a fault says what stood in the way.
    Left(Option<Fault>),
}

/// What an option does.
#[derive(Clone, Debug, PartialEq)]
enum Act {
    Provider(ProviderId),
    Model(ModelName),
    Place(Option<KeyPlace>),
    TryAgain,
    AnotherKey,
    WithoutTest,
    AnotherProvider,
    Write,
    Fetch,
    Finish,
    Leave,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Looking,
    Provider,
    TypeKey,
    Testing,
    TestFailed(Fault),
    Model,
    Place,
    /// `differs` when it was typed twice and not the same.
    Passphrase {
        differs: bool,
    },
    PassphraseAgain,
    Review {
        trouble: Option<Fault>,
    },
    /// Wishes still to be sent, the next one last.
    Writing(Vec<Op>),
    OfferFetch {
        trouble: Option<Fault>,
    },
    Fetching {
        received: u64,
        total: Option<u64>,
    },
    Finished {
        fetched: bool,
    },
    Ended(End),
}

/// The machine.
#[derive(Clone, Debug)]
pub struct FirstRun {
    stage: Stage,
    survey: Option<Survey>,
    provider: Option<ProviderId>,
    key: Option<Secret>,
    /// Where the typed key goes; `None` for nowhere.
    place: Option<KeyPlace>,
    passphrase: Option<Secret>,
    /// What the provider listed; `None` when it was not asked.
    listed: Option<Vec<ModelInfo>>,
    model: Option<ModelName>,
}

impl FirstRun {
    /// The beginning, and the first wish.
    pub fn begin() -> (Self, Op) {
        let run = Self {
            stage: Stage::Looking,
            survey: None,
            provider: None,
            key: None,
            place: None,
            passphrase: None,
            listed: None,
            model: None,
        };
        (run, Op::Survey)
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Takes an answer; the wish to send next, if any. What does not fit the page changes nothing.
    pub fn answer(&mut self, answer: Answer) -> Option<Op> {
        match answer {
            Answer::Leave => self.leave(),
            Answer::Back => self.back(),
            Answer::Secret(secret) => self.secret(secret),
            Answer::Choice(position) => {
                let act = self.acts().into_iter().nth(position)?;
                self.act(act)
            }
        }
    }

    /// Takes the engine's answer to the wish before.
    pub fn reply(&mut self, result: Result<Reply, Fault>) -> Option<Op> {
        match (std::mem::replace(&mut self.stage, Stage::Looking), result) {
            (Stage::Looking, Ok(Reply::Surveyed { survey })) => {
                self.survey = Some(*survey);
                self.stage = Stage::Provider;
            }
            (Stage::Looking, Err(fault)) => self.stage = Stage::Ended(End::Left(Some(fault))),
            (Stage::Testing, Ok(Reply::Models { models })) => {
                self.listed = Some(models);
                self.go_to_model();
            }
            (Stage::Testing, Err(fault)) => self.stage = Stage::TestFailed(fault),
            (Stage::Writing(mut left), Ok(_)) => match left.pop() {
                Some(op) => {
                    self.stage = Stage::Writing(left);
                    return Some(op);
                }
                None if self.to_fetch().is_some() => self.stage = Stage::OfferFetch { trouble: None },
                None => self.stage = Stage::Finished { fetched: false },
            },
            (Stage::Writing(_), Err(fault)) => {
                // A passphrase that did not fit has to be asked for again.
                self.passphrase = None;
                self.stage = Stage::Review { trouble: Some(fault) };
            }
            (Stage::Fetching { .. }, Ok(_)) => self.stage = Stage::Finished { fetched: true },
            (Stage::Fetching { .. }, Err(fault)) => self.stage = Stage::OfferFetch { trouble: Some(fault) },
            // Late or unexpected: the page stands.
            (stage, _) => self.stage = stage,
        }
        None
    }

    /// How far a fetch has come.
    pub fn progress(&mut self, received: u64, total: Option<u64>) {
        if let Stage::Fetching { received: r, total: t } = &mut self.stage {
            (*r, *t) = (received, total);
        }
    }

    fn leave(&mut self) -> Option<Op> {
        let end = match &self.stage {
            Stage::OfferFetch { .. } | Stage::Fetching { .. } | Stage::Finished { .. } => End::Done,
            Stage::Ended(end) => end.clone(),
            Stage::TestFailed(fault) | Stage::Review { trouble: Some(fault) } => End::Left(Some(fault.clone())),
            _ => End::Left(None),
        };
        self.stage = Stage::Ended(end);
        None
    }

    fn back(&mut self) -> Option<Op> {
        let typed = self.key.is_some();
        self.stage = match &self.stage {
            Stage::TypeKey | Stage::Testing | Stage::TestFailed(_) | Stage::Model => Stage::Provider,
            Stage::Passphrase { .. } | Stage::PassphraseAgain => Stage::Place,
            Stage::Review { .. } if typed => Stage::Place,
            Stage::Place | Stage::Review { .. } => Stage::Model,
            other => other.clone(),
        };
        if self.stage == Stage::Provider {
            self.key = None;
        }
        None
    }

    fn secret(&mut self, secret: Option<Secret>) -> Option<Op> {
        match (&self.stage, secret) {
            (Stage::TypeKey, Some(key)) => {
                self.key = Some(key);
                return self.test();
            }
            (Stage::TypeKey, None) => return self.leave(),
            (Stage::Passphrase { .. }, Some(passphrase)) => {
                let known = self.survey.as_ref().is_some_and(|survey| survey.key_file);
                self.passphrase = Some(passphrase);
                self.stage = if known { Stage::Review { trouble: None } } else { Stage::PassphraseAgain };
            }
            (Stage::PassphraseAgain, Some(again)) => {
                if self.passphrase.as_ref() == Some(&again) {
                    self.stage = Stage::Review { trouble: None };
                } else {
                    self.passphrase = None;
                    self.stage = Stage::Passphrase { differs: true };
                }
            }
            (Stage::Passphrase { .. } | Stage::PassphraseAgain, None) => self.stage = Stage::Place,
            _ => {}
        }
        None
    }

    fn act(&mut self, act: Act) -> Option<Op> {
        match act {
            Act::Provider(id) => return self.choose(id),
            Act::Model(model) => {
                self.model = Some(model);
                self.stage = if self.key.is_some() { Stage::Place } else { Stage::Review { trouble: None } };
            }
            Act::Place(place) => {
                self.place = place;
                let locked = self.survey.as_ref().is_some_and(|survey| survey.locked);
                self.stage = if place == Some(KeyPlace::File) && locked && self.passphrase.is_none() {
                    Stage::Passphrase { differs: false }
                } else {
                    Stage::Review { trouble: None }
                };
            }
            Act::TryAgain => return self.test(),
            Act::AnotherKey => self.stage = Stage::TypeKey,
            Act::WithoutTest => {
                self.listed = None;
                self.go_to_model();
            }
            Act::AnotherProvider => {
                self.key = None;
                self.stage = Stage::Provider;
            }
            Act::Write => return self.write(),
            Act::Fetch => {
                let name = self.to_fetch()?.name.clone();
                self.stage = Stage::Fetching { received: 0, total: None };
                return Some(Op::PullModel { name, from: PullSource::Catalogue });
            }
            Act::Finish => self.stage = Stage::Finished { fetched: false },
            Act::Leave => return self.leave(),
        }
        None
    }

    fn choose(&mut self, id: ProviderId) -> Option<Op> {
        (self.key, self.listed, self.model, self.place) = (None, None, None, None);
        self.provider = Some(id);
        let provider = self.chosen()?;
        match (provider.kind, &provider.key) {
            (ProviderKind::Embedded, _) => self.go_to_model(),
            (ProviderKind::Cloud, KeyState::Missing) => self.stage = Stage::TypeKey,
            _ => return self.test(),
        }
        None
    }

    fn test(&mut self) -> Option<Op> {
        let provider = self.provider.clone()?;
        self.stage = Stage::Testing;
        Some(Op::TryProvider { provider, key: self.key.clone() })
    }

    fn go_to_model(&mut self) {
        self.stage = Stage::Model;
        if self.models().is_empty() {
            // Nothing to choose from: the provider's own default stands.
            self.stage = if self.key.is_some() { Stage::Place } else { Stage::Review { trouble: None } };
        }
    }

    /// Everything that is to be written, as wishes in their order.
    fn write(&mut self) -> Option<Op> {
        let provider = self.provider.clone()?;
        let mut wishes = Vec::new();
        if let (Some(key), Some(place)) = (&self.key, self.place) {
            if let (KeyPlace::File, Some(passphrase)) = (place, &self.passphrase) {
                wishes.push(Op::UnlockKeys { passphrase: passphrase.clone() });
            }
            wishes.push(Op::StoreKey { provider, key: key.clone(), place });
        }
        wishes.push(Op::ChangeSettings { changes: self.changes() });
        wishes.reverse();
        let first = wishes.pop();
        self.stage = Stage::Writing(wishes);
        first
    }

    /// The settings as they will stand.
    fn changes(&self) -> Vec<(String, Option<String>)> {
        let id = self.provider.as_ref().map(ProviderId::as_str).unwrap_or_default();
        let mut changes = vec![("model.provider".to_owned(), Some(id.to_owned()))];
        if let Some(model) = &self.model {
            changes.push((format!("providers.{id}.default_model"), Some(model.as_str().to_owned())));
        }
        let named = self.survey.as_ref().and_then(|survey| survey.value("model.name"));
        if named.is_some() {
            // A name that belongs to whoever answered before.
            changes.push(("model.name".to_owned(), None));
        }
        changes
    }

    fn chosen(&self) -> Option<&SurveyedProvider> {
        self.survey.as_ref()?.provider(self.provider.as_ref()?)
    }

    /// The models to choose from, the one to take unless told otherwise first.
    fn models(&self) -> Vec<ModelName> {
        let Some(provider) = self.chosen() else { return Vec::new() };
        let mut names: Vec<ModelName> = match (&self.listed, provider.kind) {
            (_, ProviderKind::Embedded) => {
                let weights = self.survey.iter().flat_map(|survey| &survey.weights);
                weights.map(|weights| ModelName::from(weights.name.as_str())).collect()
            }
            (Some(listed), _) => listed.iter().map(|model| model.reference.model.clone()).collect(),
            (None, _) => provider.model.iter().cloned().collect(),
        };
        if let Some(wanted) = &provider.model
            && let Some(at) = names.iter().position(|name| name == wanted)
        {
            let wanted = names.remove(at);
            names.insert(0, wanted);
        }
        names
    }

    /// The weights that the chosen model still lacks.
    fn to_fetch(&self) -> Option<&crate::domain::catalog::WeightsStatus> {
        let embedded = self.chosen()?.kind == ProviderKind::Embedded;
        let model = self.model.as_ref()?;
        let mut weights = self.survey.iter().flat_map(|survey| &survey.weights);
        weights.find(|weights| embedded && weights.name == model.as_str() && !weights.installed)
    }

    /// What the options of the page do, in their order.
    fn acts(&self) -> Vec<Act> {
        match &self.stage {
            Stage::Provider => self.ranked().into_iter().map(|provider| Act::Provider(provider.id.clone())).collect(),
            Stage::TestFailed(_) => {
                let from_environment =
                    self.chosen().is_some_and(|p| matches!(p.key, KeyState::Environment { .. }) && self.key.is_none());
                let cloud = self.chosen().is_some_and(|p| p.kind == ProviderKind::Cloud);
                let mut acts = vec![Act::TryAgain];
                if cloud && !from_environment {
                    acts.push(Act::AnotherKey);
                }
                acts.extend([Act::AnotherProvider, Act::WithoutTest, Act::Leave]);
                acts
            }
            Stage::Model => self.models().into_iter().map(Act::Model).collect(),
            Stage::Place => {
                let no_keychain = self.survey.as_ref().is_some_and(|survey| survey.keychain_trouble.is_some());
                let keychain = (!no_keychain).then_some(Act::Place(Some(KeyPlace::Keychain)));
                keychain.into_iter().chain([Act::Place(Some(KeyPlace::File)), Act::Place(None)]).collect()
            }
            Stage::Review { .. } => vec![Act::Write, Act::AnotherProvider, Act::Leave],
            Stage::OfferFetch { .. } => vec![Act::Fetch, Act::Finish],
            _ => Vec::new(),
        }
    }

    /// All providers, those that can be asked at once first.
    fn ranked(&self) -> Vec<&SurveyedProvider> {
        let mut providers: Vec<&SurveyedProvider> = self.survey.iter().flat_map(|survey| &survey.providers).collect();
        providers.sort_by_key(|provider| match (provider.ready(), provider.kind) {
            (true, ProviderKind::Embedded) => 1,
            (true, _) => 0,
            (false, ProviderKind::Embedded) => 2,
            (false, ProviderKind::Cloud) => 3,
            (false, ProviderKind::Local { .. }) => 4,
        });
        providers
    }
}
