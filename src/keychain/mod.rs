//! API keys: the environment first, then the operating system's keychain, or an encrypted file
//! where that was chosen.
//!
//! A provider may have several keys, told apart by names; one of them is the active one. Which keys
//! exist is read from an index of names; the keychain itself is touched only when a key
//! is wanted. Functions block (a keychain may ask the person), so async callers use
//! `spawn_blocking`. This room never prints a key and never writes one in the clear.

mod form;
mod index;
mod sealed;
mod system;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use form::{check_name, check_provider, tidy};
use index::ProviderKeys;

pub use form::masked;
pub use index::DEFAULT_NAME;

use crate::config::{Environment, KeyStorage, Paths};
use crate::domain::{Fault, FaultClass};

/// Where a key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// This environment variable.
    Environment(String),
    /// This file of a trusted project.
    Project(PathBuf),
    Keychain,
    /// The encrypted file.
    File,
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Project(file) => write!(f, "{}", file.display()),
            Self::Keychain => f.write_str("keychain"),
            Self::File => f.write_str("encrypted file"),
        }
    }
}

/// A stored key's name and place; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub provider: String,
    /// Its name among the provider's keys, [`DEFAULT_NAME`] where none was given.
    pub name: String,
    pub place: KeyStorage,
    pub standing: Standing,
}

/// Whether a key is the one of its provider that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    /// Used only where a setting names it.
    Spare,
}

/// What became of a key's old copy when it was stored anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// There is one copy.
    Alone,
    /// The copy in the other place could not be deleted, for this reason; it is not used any more.
    OldCopyRemains(Fault),
}

/// The variable that carries the passphrase of the encrypted file.
pub const PASSPHRASE_VARIABLE: &str = "KILN_KEYS_PASSPHRASE";

/// All keys that Kiln can reach.
pub struct Keys {
    index: PathBuf,
    file: PathBuf,
    environment: Environment,
    passphrase: Mutex<Option<SecretString>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Keys {
    /// Nothing is read before the first call that needs it.
    pub fn new(paths: &Paths, environment: Environment) -> Self {
        let passphrase = Mutex::new(environment.secret(PASSPHRASE_VARIABLE));
        Self { index: paths.key_index(), file: paths.key_file(), environment, passphrase }
    }

    /// The key of a provider: the first of `variables` that is set, else the active stored one.
    ///
    /// Fails when a key is stored but cannot be read now; `Ok(None)` when there is none.
    pub fn find(&self, provider: &str, variables: &[&str]) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        self.find_named(provider, None, variables)
    }

    /// As [`Self::find`], with the stored key of this name in place of the active one.
    pub fn find_named(
        &self,
        provider: &str,
        name: Option<&str>,
        variables: &[&str],
    ) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        for variable in variables {
            if let Some(key) = self.environment.secret(variable) {
                let key = SecretString::from(key.expose_secret().trim());
                let origin = match self.environment.secret_file(variable) {
                    Some(file) => KeyOrigin::Project(file.to_owned()),
                    None => KeyOrigin::Environment((*variable).to_owned()),
                };
                return Ok(Some((key, origin)));
            }
        }
        match name {
            Some(name) => self.get_named(provider, name),
            None => self.get(provider),
        }
    }

    /// Whether [`Self::find`] has something to look at, without touching the keychain.
    pub fn exists(&self, provider: &str, variables: &[&str]) -> bool {
        variables.iter().any(|variable| self.environment.is_set(variable))
            || self.list().is_ok_and(|keys| keys.iter().any(|key| key.provider == provider))
    }

    /// The active stored key of a provider, whatever the environment holds.
    pub fn get(&self, provider: &str) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        match index::read(&self.index)?.get(provider) {
            Some(keys) => self.read(provider, &keys.active, keys),
            None => Ok(None),
        }
    }

    /// The stored key of a provider by its name. A name that is not there is a fault, because a
    /// setting asked for it: another key in its place would be charged to somebody else.
    pub fn get_named(&self, provider: &str, name: &str) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        match index::read(&self.index)?.get(provider) {
            Some(keys) if keys.places.contains_key(name) => self.read(provider, name, keys),
            keys => Err(no_such_name(provider, name, keys)),
        }
    }

    fn read(
        &self,
        provider: &str,
        name: &str,
        keys: &ProviderKeys,
    ) -> Result<Option<(SecretString, KeyOrigin)>, Fault> {
        let account = account(provider, name);
        match keys.places.get(name) {
            None => Ok(None),
            Some(KeyStorage::Keychain) => match system::get(&account)? {
                Some(key) => Ok(Some((key, KeyOrigin::Keychain))),
                None => Err(withheld(provider, name)),
            },
            Some(KeyStorage::File) => {
                let mut keys = sealed::open(&self.file, &self.passphrase()?)?;
                Ok(keys.take(&account).map(|key| (key, KeyOrigin::File)))
            }
        }
    }

    /// Stores a provider's key without a name, in place of one that is there.
    pub fn set(&self, provider: &str, key: &SecretString, place: KeyStorage) -> Result<(), Fault> {
        if let Stored::OldCopyRemains(fault) = self.set_named(provider, DEFAULT_NAME, key, place)? {
            tracing::warn!(%fault, "an old key was not deleted");
        }
        Ok(())
    }

    /// Stores a provider's key under a name, in place of one that is there. The provider's first key
    /// becomes the active one.
    pub fn set_named(
        &self,
        provider: &str,
        name: &str,
        key: &SecretString,
        place: KeyStorage,
    ) -> Result<Stored, Fault> {
        check_provider(provider)?;
        check_name(name)?;
        let key = tidy(key)?;
        let mut index = index::read(&self.index)?;
        let account = account(provider, name);
        match place {
            KeyStorage::Keychain => system::set(&account, &key)?,
            KeyStorage::File => {
                let passphrase = self.passphrase()?;
                let mut keys = sealed::open(&self.file, &passphrase)?;
                keys.put(&account, key);
                sealed::seal(&self.file, &passphrase, &keys)?;
            }
        }
        let keys = index.entry(provider.to_owned()).or_default();
        let old = keys.places.insert(name.to_owned(), place);
        if keys.active.is_empty() {
            name.clone_into(&mut keys.active);
        }
        index::write(&self.index, &index)?;
        // The key that is no longer looked at must not stay behind in the other place.
        let left = old.filter(|old| *old != place).and_then(|old| self.forget(&account, old).err());
        Ok(left.map_or(Stored::Alone, Stored::OldCopyRemains))
    }

    /// Makes a stored key the one that is used.
    pub fn activate(&self, provider: &str, name: &str) -> Result<(), Fault> {
        let mut index = index::read(&self.index)?;
        match index.get_mut(provider) {
            Some(keys) if keys.places.contains_key(name) => {
                name.clone_into(&mut keys.active);
                index::write(&self.index, &index)
            }
            keys => Err(no_such_name(provider, name, keys.as_deref())),
        }
    }

    /// Deletes a provider's only stored key; `false` when there was none. Refused where it has
    /// several, because which one is meant is not said.
    pub fn remove(&self, provider: &str) -> Result<bool, Fault> {
        let index = index::read(&self.index)?;
        let Some(keys) = index.get(provider) else { return Ok(false) };
        let mut names = keys.places.keys();
        match (names.next(), names.next()) {
            (Some(name), None) => self.remove_named(provider, name),
            (None, _) => Ok(false),
            (Some(_), Some(_)) => {
                Err(Fault::new(FaultClass::Invalid, format!("{provider} has several keys: {}", names_of(keys)))
                    .hint(format!("say which one: `kiln keys rm {provider} --name NAME`")))
            }
        }
    }

    /// Deletes a provider's stored key by its name; `false` when there was none.
    pub fn remove_named(&self, provider: &str, name: &str) -> Result<bool, Fault> {
        let mut index = index::read(&self.index)?;
        let Some(keys) = index.get_mut(provider) else { return Ok(false) };
        let Some(place) = keys.places.remove(name) else { return Ok(false) };
        keys.settle();
        if keys.places.is_empty() {
            index.remove(provider);
        }
        self.forget(&account(provider, name), place)?;
        index::write(&self.index, &index)?;
        Ok(true)
    }

    /// Names and places of all stored keys, by provider and name.
    pub fn list(&self) -> Result<Vec<StoredKey>, Fault> {
        let index = index::read(&self.index)?;
        let keys = index.into_iter().flat_map(|(provider, keys)| {
            let active = keys.active;
            keys.places.into_iter().map(move |(name, place)| {
                let standing = if name == active { Standing::Active } else { Standing::Spare };
                StoredKey { provider: provider.clone(), name, place, standing }
            })
        });
        Ok(keys.collect())
    }

    /// Whether the operating system's keychain can be used; the fault says what stands in the way.
    /// Nothing is stored or shown.
    pub fn keychain(&self) -> Result<(), Fault> {
        system::reach()
    }

    /// Whether a key lies in the encrypted file and no passphrase is known yet: a front end that can
    /// ask for it should, before the key is wanted, and hand it to [`Self::unlock`].
    pub fn needs_passphrase(&self) -> bool {
        self.stored_passphrase().is_none()
            && self.list().is_ok_and(|keys| keys.iter().any(|key| key.place == KeyStorage::File))
    }

    /// Whether the encrypted file exists: a first passphrase has to be asked for twice.
    pub fn has_file(&self) -> bool {
        self.file.exists()
    }

    /// Whether a passphrase is known, from the environment or from [`Self::unlock`].
    pub fn has_passphrase(&self) -> bool {
        self.stored_passphrase().is_some()
    }

    /// Takes the passphrase of the encrypted file, checked against it where it exists.
    pub fn unlock(&self, passphrase: SecretString) -> Result<(), Fault> {
        if passphrase.expose_secret().is_empty() {
            return Err(Fault::new(FaultClass::Invalid, "the passphrase is empty").hint("choose one of several words"));
        }
        sealed::open(&self.file, &passphrase)?;
        *self.passphrase.lock().unwrap_or_else(PoisonError::into_inner) = Some(passphrase);
        Ok(())
    }

    fn forget(&self, account: &str, place: KeyStorage) -> Result<(), Fault> {
        match place {
            KeyStorage::Keychain => system::remove(account),
            KeyStorage::File => {
                let passphrase = self.passphrase()?;
                let mut keys = sealed::open(&self.file, &passphrase)?;
                keys.take(account);
                sealed::seal(&self.file, &passphrase, &keys)
            }
        }
    }

    fn stored_passphrase(&self) -> Option<SecretString> {
        self.passphrase.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn passphrase(&self) -> Result<SecretString, Fault> {
        self.stored_passphrase().ok_or_else(|| {
            Fault::new(FaultClass::Auth, "the encrypted file of keys is locked")
                .hint(format!("set `{PASSPHRASE_VARIABLE}`, or start Kiln in a terminal, where it can ask"))
        })
    }
}

/// What a key is called in the keychain and in the encrypted file: keys without a name are where
/// they were before there were names.
fn account(provider: &str, name: &str) -> String {
    if name == DEFAULT_NAME { provider.to_owned() } else { format!("{provider}/{name}") }
}

/// The Secret Service and others say "no such entry" of a locked collection too.
fn withheld(provider: &str, name: &str) -> Fault {
    let (which, option) = match name {
        DEFAULT_NAME => (format!("the key of {provider}"), String::new()),
        _ => (format!("the key `{name}` of {provider}"), format!(" --name {name}")),
    };
    let set = format!("kiln keys set {provider}{option}");
    Fault::new(
        FaultClass::Auth,
        format!("the keychain does not give out {which}: it is locked, or the key was deleted"),
    )
    .hint(format!("unlock the keychain, store the key anew with `{set}`, or in the encrypted file with `{set} --file`"))
}

fn no_such_name(provider: &str, name: &str, keys: Option<&ProviderKeys>) -> Fault {
    let fault =
        Fault::new(FaultClass::Auth, format!("no key named `{}` is stored for {provider}", name.escape_debug()));
    match keys {
        Some(keys) => fault.hint(format!("it has {}; `kiln keys list` shows all", names_of(keys))),
        None => fault.hint(format!("store one with `kiln keys set {provider} --name NAME`")),
    }
}

fn names_of(keys: &ProviderKeys) -> String {
    keys.places.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
