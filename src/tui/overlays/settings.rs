//! The settings screen's own state: providers with their keys and models, and every setting.
//!
//! It holds what the engine told and what is being chosen or typed; what a choice does is decided in
//! `update`. A key being typed is wiped when it goes and shows itself to nobody.

use std::collections::BTreeMap;

use ratatui::layout::Rect;
use zeroize::Zeroizing;

use super::Picker;
use crate::domain::survey::{KeyPlace, SettingRow, Survey, SurveyedProvider};
use crate::domain::{Fault, ProviderId, Secret};
use crate::tui::widgets::ListState;

/// The two halves of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Providers,
    Settings,
}

/// How a provider's test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    Running,
    /// It listed so many models.
    Answered(usize),
    Failed(Fault),
}

/// A text that is not shown.
#[derive(Clone, Default)]
pub struct Hidden(pub Zeroizing<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What the keyboard is for.
#[derive(Clone, Debug)]
pub enum Mode {
    Browse,
    /// A provider's key is typed; where it will go.
    Key {
        provider: ProviderId,
        typed: Hidden,
        place: KeyPlace,
    },
    /// The passphrase that the encrypted file needs first; a new one is typed twice.
    Passphrase {
        provider: ProviderId,
        key: Secret,
        typed: Hidden,
        first: Option<Secret>,
    },
    /// A number or a text is changed.
    Value {
        key: String,
        text: String,
    },
    /// A model is chosen for a provider.
    Model {
        provider: ProviderId,
        picker: Picker,
    },
    /// Whether the stored key shall go.
    Remove {
        provider: ProviderId,
    },
}

/// What a question to the engine was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsAsk {
    Survey,
    Change {
        key: String,
        value: Option<String>,
    },
    Trial(ProviderId),
    Models(ProviderId),
    Store(ProviderId),
    Remove(ProviderId),
    /// The key to store once the encrypted file is open.
    Unlock {
        provider: ProviderId,
        key: Secret,
    },
}

/// The screen.
#[derive(Clone, Debug)]
pub struct SettingsScreen {
    /// `None` while the engine looks around.
    pub survey: Option<Survey>,
    pub tab: Tab,
    pub providers: ListState,
    pub settings: ListState,
    pub mode: Mode,
    pub trials: BTreeMap<ProviderId, Trial>,
    /// What the last change came to.
    pub told: Option<Result<String, Fault>>,
    /// Where the rows stood in the last frame.
    pub rows_at: Rect,
}

impl Default for SettingsScreen {
    fn default() -> Self {
        Self {
            survey: None,
            tab: Tab::Providers,
            providers: ListState::default(),
            settings: ListState::default(),
            mode: Mode::Browse,
            trials: BTreeMap::new(),
            told: None,
            rows_at: Rect::default(),
        }
    }
}

impl SettingsScreen {
    /// The providers, those that can be asked first.
    pub fn rows(&self) -> Vec<&SurveyedProvider> {
        let mut rows: Vec<&SurveyedProvider> = self.survey.iter().flat_map(|survey| &survey.providers).collect();
        rows.sort_by_key(|provider| !provider.ready());
        rows
    }

    /// The chosen provider.
    pub fn provider(&self) -> Option<&SurveyedProvider> {
        self.rows().get(self.providers.selected).copied()
    }

    /// The chosen setting.
    pub fn setting(&self) -> Option<&SettingRow> {
        self.survey.as_ref()?.settings.get(self.settings.selected)
    }

    /// Whether this provider answers unless another is asked for.
    pub fn is_active(&self, id: &ProviderId) -> bool {
        self.survey.as_ref().and_then(|survey| survey.value("model.provider")) == Some(id.as_str())
    }

    /// The list in sight and how many rows it has.
    pub fn list(&mut self) -> (&mut ListState, usize) {
        let survey = self.survey.as_ref();
        match self.tab {
            Tab::Providers => (&mut self.providers, survey.map_or(0, |survey| survey.providers.len())),
            Tab::Settings => (&mut self.settings, survey.map_or(0, |survey| survey.settings.len())),
        }
    }

    /// Moves the choice; stops at the ends.
    pub fn step(&mut self, by: isize) {
        self.told = None;
        let (list, count) = self.list();
        list.selected = list.selected.saturating_add_signed(by).min(count.saturating_sub(1));
    }

    /// Takes in what the engine found, keeping the choice where it was.
    pub fn fill(&mut self, survey: Survey) {
        let before = self.provider().map(|provider| provider.id.clone());
        self.survey = Some(survey);
        if let Some(id) = before
            && let Some(at) = self.rows().iter().position(|provider| provider.id == id)
        {
            self.providers.selected = at;
        }
    }
}
