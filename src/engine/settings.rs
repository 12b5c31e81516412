//! Wishes about settings and keys. Files are written by `config`, keys are kept by `keychain`; this
//! file joins them with the registry, so that a change counts from the next question on.

use secrecy::SecretString;

use super::actor::{Actor, Asker};
use super::workplace::{Workplace, blocking, without};
use crate::config::KeyStorage;
use crate::config::check::read_text;
use crate::config::write::{self, Edit};
use crate::domain::survey::KeyPlace;
use crate::domain::{Fault, ProviderId, Reply, Secret};

/// Settings that decide who answers and how they are reached.
const ABOUT_PROVIDERS: &[&str] = &["model.", "providers.", "network.", "local."];

impl Actor {
    pub(super) async fn change_settings(&mut self, changes: Vec<(String, Option<String>)>) -> Result<Reply, Fault> {
        let workplace = self.parts.workplace.clone().ok_or_else(without)?;
        let path = workplace.paths.settings_file();
        let matter = changes.iter().any(|(key, _)| ABOUT_PROVIDERS.iter().any(|section| key.starts_with(section)));
        blocking(move || {
            let edits: Vec<(String, Edit)> = changes
                .into_iter()
                .map(|(key, text)| {
                    let edit = text.map_or(Edit::Unset, |text| Edit::Set(read_text(&key, &text)));
                    (key, edit)
                })
                .collect();
            write::edit_all(&path, &edits)
        })
        .await?;
        if matter && let Some(registry) = (workplace.registry)().await? {
            self.parts.registry = registry;
        }
        Ok(Reply::Done)
    }

    pub(super) fn try_provider(&self, asker: Asker, provider: ProviderId, key: Option<Secret>) {
        let (registry, line) = (self.parts.registry.clone(), self.line.clone());
        tokio::spawn(async move {
            // What was built before may hold an older key.
            registry.forget(&provider);
            let key = key.map(|key| key.inner().clone());
            let result = registry.list_models_with(&provider, key).await.map(|models| Reply::Models { models });
            asker.settle(&line, result).await;
        });
    }

    pub(super) fn store_key(&self, asker: Asker, provider: ProviderId, key: Secret, place: KeyPlace) {
        self.with_keys(asker, move |workplace| {
            workplace.keys.set(provider.as_str(), key.inner(), storage(place))?;
            Ok(provider)
        });
    }

    pub(super) fn remove_key(&self, asker: Asker, provider: ProviderId) {
        self.with_keys(asker, move |workplace| {
            workplace.keys.remove(provider.as_str())?;
            Ok(provider)
        });
    }

    pub(super) fn unlock_keys(&self, asker: Asker, passphrase: &Secret) {
        let passphrase: SecretString = passphrase.inner().clone();
        self.with_keys(asker, move |workplace| {
            workplace.keys.unlock(passphrase)?;
            Ok(ProviderId::new(""))
        });
    }

    /// Does something with the keys, then forgets what was built with a provider's old one.
    fn with_keys(&self, asker: Asker, work: impl FnOnce(Workplace) -> Result<ProviderId, Fault> + Send + 'static) {
        let (registry, line, workplace) =
            (self.parts.registry.clone(), self.line.clone(), self.parts.workplace.clone());
        tokio::spawn(async move {
            let result = match workplace {
                Some(workplace) => blocking(move || work(workplace)).await,
                None => Err(without()),
            };
            let result = result.map(|provider| {
                registry.forget(&provider);
                Reply::Done
            });
            asker.settle(&line, result).await;
        });
    }
}

/// A place of the seam as a place of the keychain.
pub(super) fn storage(place: KeyPlace) -> KeyStorage {
    match place {
        KeyPlace::Keychain => KeyStorage::Keychain,
        KeyPlace::File => KeyStorage::File,
    }
}

/// A place of the keychain as a place of the seam.
pub(super) fn place(storage: KeyStorage) -> KeyPlace {
    match storage {
        KeyStorage::Keychain => KeyPlace::Keychain,
        KeyStorage::File => KeyPlace::File,
    }
}
